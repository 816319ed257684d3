//! The flags of the three components, by their own names and with upstream's defaults.
//!
//! Follows `pkg/{recommender,updater,admission-controller}/config`. Flags that no decision
//! depends on (addresses, certificates, log settings, API client limits, leader election, the
//! query settings of a live Prometheus) have only their names here.

use std::str::FromStr;

use crate::sim::SimDuration;
use crate::units::Quantity;

/// Why a flag could not be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlagError {
    /// The component has no such flag.
    #[error("unknown flag \"{0}\"")]
    Unknown(String),
    /// The value is not of the flag's type.
    #[error("{flag}: {problem}")]
    Value {
        /// The flag.
        flag: &'static str,
        /// What is wrong with the value.
        problem: String,
    },
}

/// A type that a flag's text is read as.
trait Value: Sized {
    fn read(text: &str) -> Result<Self, String>;
}

macro_rules! read_from_str {
    ($($kind:ty: $meant:literal),*) => {
        $(impl Value for $kind {
            fn read(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| format!(concat!("\"{}\" is not ", $meant), text))
            }
        })*
    };
}

read_from_str!(bool: "true or false", i32: "a whole number", i64: "a whole number", f64: "a number");

impl Value for SimDuration {
    fn read(text: &str) -> Result<Self, String> {
        Self::from_str(text).map_err(|error| error.to_string())
    }
}

impl Value for String {
    fn read(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl Value for Option<Quantity> {
    fn read(text: &str) -> Result<Self, String> {
        Quantity::from_str(text)
            .map(Some)
            .map_err(|error| error.to_string())
    }
}

/// Declares the flags of one component: the struct, its defaults and its reader.
macro_rules! flags {
    ($(#[$doc:meta])* $component:ident {
        $($flag:literal $field:ident: $kind:ty = $default:expr, $meaning:literal;)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $component {
            $(#[doc = concat!("`--", $flag, "`: ", $meaning)] pub $field: $kind,)*
        }

        impl Default for $component {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $component {
            /// The names of all flags, without dashes in front.
            pub const NAMES: &'static [&'static str] = &[$($flag),*];

            /// True if VPAs of a namespace count (`shouldIgnoreNamespace`).
            pub fn watches(&self, namespace: &str) -> bool {
                let only = &self.vpa_object_namespace;
                let mut ignored = self.ignored_vpa_object_namespaces.split(',');
                (only.is_empty() || only == namespace) && !ignored.any(|one| one == namespace)
            }

            /// Sets one flag by its name, from its text on a command line.
            pub fn set(&mut self, flag: &str, text: &str) -> Result<(), FlagError> {
                match flag {
                    $($flag => {
                        self.$field = Value::read(text)
                            .map_err(|problem| FlagError::Value { flag: $flag, problem })?;
                    })*
                    _ => return Err(FlagError::Unknown(flag.to_owned())),
                }
                Ok(())
            }
        }
    };
}

const DAY: SimDuration = SimDuration::from_secs(86_400);
const MINUTE: SimDuration = SimDuration::from_secs(60);

flags! {
    /// Flags of the recommender.
    RecommenderFlags {
        "recommender-interval" recommender_interval: SimDuration = MINUTE,
            "how often usage is read and recommendations are computed.";
        "recommendation-margin-fraction" recommendation_margin_fraction: f64 = 0.15,
            "the part of the usage that is added to it.";
        "pod-recommendation-min-cpu-millicores" pod_recommendation_min_cpu_millicores: f64 = 25.0,
            "the least CPU of a pod, shared by its containers.";
        "pod-recommendation-min-memory-mb" pod_recommendation_min_memory_mb: f64 = 250.0,
            "the least memory of a pod in mebibytes, shared by its containers.";
        "target-cpu-percentile" target_cpu_percentile: f64 = 0.9,
            "the percentile of CPU usage behind the target.";
        "recommendation-lower-bound-cpu-percentile"
            recommendation_lower_bound_cpu_percentile: f64 = 0.5,
            "the percentile of CPU usage behind the lower bound.";
        "recommendation-upper-bound-cpu-percentile"
            recommendation_upper_bound_cpu_percentile: f64 = 0.95,
            "the percentile of CPU usage behind the upper bound.";
        "confidence-interval-cpu" confidence_interval_cpu: SimDuration = DAY,
            "the length of history in which confidence in CPU usage reaches 1.";
        "target-memory-percentile" target_memory_percentile: f64 = 0.9,
            "the percentile of memory peaks behind the target.";
        "recommendation-lower-bound-memory-percentile"
            recommendation_lower_bound_memory_percentile: f64 = 0.5,
            "the percentile of memory peaks behind the lower bound.";
        "recommendation-upper-bound-memory-percentile"
            recommendation_upper_bound_memory_percentile: f64 = 0.95,
            "the percentile of memory peaks behind the upper bound.";
        "confidence-interval-memory" confidence_interval_memory: SimDuration = DAY,
            "the length of history in which confidence in memory usage reaches 1.";
        "humanize-memory" humanize_memory: bool = false,
            "print memory in binary units with two decimals (deprecated upstream).";
        "round-cpu-millicores" round_cpu_millicores: i64 = 1,
            "CPU is rounded up to a multiple of it.";
        "round-memory-bytes" round_memory_bytes: i64 = 1,
            "memory is rounded up to a multiple of it.";
        "memory-aggregation-interval" memory_aggregation_interval: SimDuration = DAY,
            "the length of a window that contributes one memory peak.";
        "memory-aggregation-interval-count" memory_aggregation_interval_count: i64 = 8,
            "how many such windows without samples let an aggregation expire.";
        "memory-histogram-decay-half-life" memory_histogram_decay_half_life: SimDuration = DAY,
            "the age at which a memory peak counts half.";
        "cpu-histogram-decay-half-life" cpu_histogram_decay_half_life: SimDuration = DAY,
            "the age at which a CPU sample counts half.";
        "oom-bump-up-ratio" oom_bump_up_ratio: f64 = 1.2,
            "the factor on the memory of an OOM-killed container.";
        "oom-min-bump-up-bytes" oom_min_bump_up_bytes: f64 = 104_857_600.0,
            "the least that is added to the memory of such a container.";
        "cpu-integer-post-processor-enabled" cpu_integer_post_processor_enabled: bool = false,
            "round CPU up to whole cores for containers that a VPA's annotations name.";
        "container-recommendation-max-allowed-cpu"
            container_recommendation_max_allowed_cpu: Option<Quantity> = None,
            "the most CPU of any container whose policy sets no maximum.";
        "container-recommendation-max-allowed-memory"
            container_recommendation_max_allowed_memory: Option<Quantity> = None,
            "the most memory of any container whose policy sets no maximum.";
        "history-length" history_length: SimDuration = SimDuration::from_secs(8 * 86_400),
            "how far back Prometheus is asked at the start.";
        "history-resolution" history_resolution: SimDuration = SimDuration::from_secs(3600),
            "the step of that history; a file has the one it was asked with.";
        "container-pod-name-label" container_pod_name_label: String = "pod_name".to_owned(),
            "the label of that history's series that names the pod.";
        "container-name-label" container_name_label: String = "name".to_owned(),
            "the label of that history's series that names the container.";
        "checkpoints-gc-interval" checkpoints_gc_interval: SimDuration = SimDuration::from_secs(600),
            "how often checkpoints without a VPA are removed.";
        "checkpoints-timeout" checkpoints_timeout: SimDuration = MINUTE,
            "the time for writing checkpoints in one pass.";
        "memory-saver" memory_saver: bool = false,
            "keep no state of pods without a VPA.";
        "update-worker-count" update_worker_count: i64 = 10,
            "workers that update VPAs at a time; at least as many checkpoints are written in a pass.";
        "recommender-name" recommender_name: String = Self::DEFAULT_NAME.to_owned(),
            "the recommender's name; VPAs that name none belong to the one called `default`.";
        "vpa-object-namespace" vpa_object_namespace: String = String::new(),
            "the only namespace whose VPAs count; empty for all.";
        "ignored-vpa-object-namespaces" ignored_vpa_object_namespaces: String = String::new(),
            "namespaces whose VPAs do not count, with commas between them.";
    }
}

flags! {
    /// Flags of the updater.
    UpdaterFlags {
        "updater-interval" updater_interval: SimDuration = MINUTE,
            "how often the updater runs.";
        "min-replicas" min_replicas: i32 = 2,
            "the fewest live pods of a controller for updates.";
        "eviction-tolerance" eviction_tolerance: f64 = 0.5,
            "the part of a controller's pods that may be away at a time.";
        "eviction-rate-limit" eviction_rate_limit: f64 = -1.0,
            "evictions a second; 0 or less is no limit.";
        "eviction-rate-burst" eviction_rate_burst: i32 = 1,
            "evictions at once within the rate limit.";
        "evict-after-oom-threshold" evict_after_oom_threshold: SimDuration = SimDuration::from_secs(600),
            "an OOM-killed container sooner after its start lets its pod be updated.";
        "in-recommendation-bounds-eviction-lifetime-threshold"
            in_recommendation_bounds_eviction_lifetime_threshold: SimDuration
            = SimDuration::from_secs(12 * 3600),
            "the age from which pods within the bounds are updated too.";
        "pod-update-threshold" pod_update_threshold: f64 = 0.1,
            "the least relative difference for which those pods are updated.";
        "in-place-skip-disruption-budget" in_place_skip_disruption_budget: bool = false,
            "resize without regard to the tolerance where no container restarts.";
        "use-admission-controller-status" use_admission_controller_status: bool = true,
            "update only while the admission controller is alive.";
        "admission-controller-status-lease-timeout"
            admission_controller_status_lease_timeout: SimDuration = MINUTE,
            "how long after its last sign of life the admission controller is taken for alive.";
        "vpa-object-namespace" vpa_object_namespace: String = String::new(),
            "the only namespace whose VPAs count; empty for all.";
        "ignored-vpa-object-namespaces" ignored_vpa_object_namespaces: String = String::new(),
            "namespaces whose VPAs do not count, with commas between them.";
    }
}

flags! {
    /// Flags of the admission controller.
    AdmissionFlags {
        "webhook-failure-policy-fail" webhook_failure_policy_fail: bool = false,
            "refuse pods while the admission controller does not answer, instead of letting them pass unchanged.";
        "webhook-timeout-seconds" webhook_timeout_seconds: i64 = 30,
            "how long the API server waits for an answer, in seconds.";
        "max-allowed-cpu-boost" max_allowed_cpu_boost: Option<Quantity> = None,
            "the most CPU of a container with a startup boost.";
        "vpa-object-namespace" vpa_object_namespace: String = String::new(),
            "the only namespace whose VPAs count; empty for all.";
        "ignored-vpa-object-namespaces" ignored_vpa_object_namespaces: String = String::new(),
            "namespaces whose VPAs do not count, with commas between them.";
    }
}

/// Flags of all three components that no decision depends on.
const WITHOUT_EFFECT: [&str; 15] = [
    "address",
    "kube-api-burst",
    "kube-api-qps",
    "kubeconfig",
    "leader-elect",
    "leader-elect-lease-duration",
    "leader-elect-renew-deadline",
    "leader-elect-resource-lock",
    "leader-elect-resource-name",
    "leader-elect-resource-namespace",
    "leader-elect-retry-period",
    "profiling",
    "stderrthreshold",
    "v",
    "vmodule",
];

impl RecommenderFlags {
    /// The recommender's name, unless the flag says another (`DefaultRecommenderName`).
    pub const DEFAULT_NAME: &str = "default";

    /// True if this recommender acts on VPAs that name these recommenders (`filterVPAs`).
    pub fn serves(&self, recommenders: &[String]) -> bool {
        let is_default = self.recommender_name == Self::DEFAULT_NAME;
        recommenders.contains(&self.recommender_name) || (is_default && recommenders.is_empty())
    }

    /// Flags that are read, though no decision here depends on them.
    pub const READ_ONLY: &[&'static str] = &[
        "history-resolution",
        "checkpoints-gc-interval",
        "checkpoints-timeout",
        "update-worker-count",
    ];
    /// Flags of the component that no decision depends on, besides those of all three.
    pub const WITHOUT_EFFECT: [&[&'static str]; 2] = [
        &WITHOUT_EFFECT,
        &[
            "container-namespace-label",
            "external-metrics-cpu-metric",
            "external-metrics-memory-metric",
            "history-cpu-metric",
            "history-memory-metric",
            "metric-for-pod-labels",
            "min-checkpoints",
            "password",
            "pod-label-prefix",
            "pod-name-label",
            "pod-namespace-label",
            "prometheus-address",
            "prometheus-bearer-token",
            "prometheus-bearer-token-file",
            "prometheus-cadvisor-job-name",
            "prometheus-insecure",
            "prometheus-query-timeout",
            "storage",
            "use-external-metrics",
            "username",
        ],
    ];
}

impl UpdaterFlags {
    /// Flags that are read, though no decision here depends on them.
    pub const READ_ONLY: &[&'static str] = &[];
    /// Flags of the component that no decision depends on, besides those of all three.
    pub const WITHOUT_EFFECT: [&[&'static str]; 2] = [
        &WITHOUT_EFFECT,
        &[
            "admission-controller-status-lease-name",
            "admission-controller-status-lease-namespace",
        ],
    ];
}

impl AdmissionFlags {
    /// Flags that are read, though no decision here depends on them: the simulated webhook
    /// always answers, and at once.
    pub const READ_ONLY: &[&'static str] =
        &["webhook-failure-policy-fail", "webhook-timeout-seconds"];
    /// Flags of the component that no decision depends on, besides those of all three.
    pub const WITHOUT_EFFECT: [&[&'static str]; 2] = [
        &WITHOUT_EFFECT,
        &[
            "client-ca-file",
            "min-tls-version",
            "port",
            "register-by-url",
            "register-webhook",
            "reload-cert",
            "status-lease-name",
            "status-lease-namespace",
            "status-lease-update-interval",
            "tls-cert-file",
            "tls-ciphers",
            "tls-private-key",
            "webhook-address",
            "webhook-labels",
            "webhook-port",
            "webhook-service",
        ],
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_set_by_their_own_names() {
        let mut flags = RecommenderFlags::default();
        flags
            .set("memory-aggregation-interval", "12h")
            .expect("a duration");
        flags
            .set("container-recommendation-max-allowed-memory", "2Gi")
            .expect("a quantity");
        assert_eq!(
            flags.memory_aggregation_interval,
            SimDuration::from_secs(43_200)
        );
        let max = flags.container_recommendation_max_allowed_memory;
        assert_eq!(max.map(|quantity| quantity.to_string()), Some("2Gi".into()));
        assert_eq!(
            flags.set("min-replicas", "2"),
            Err(FlagError::Unknown("min-replicas".into()))
        );
        let wrong = flags.set("target-cpu-percentile", "90%");
        assert_eq!(
            wrong.expect_err("not a number").to_string(),
            "target-cpu-percentile: \"90%\" is not a number"
        );
    }

    #[test]
    fn a_recommender_serves_those_that_name_it_and_the_default_one_the_others() {
        let mut flags = RecommenderFlags::default();
        let [none, custom, default]: [&[String]; 3] =
            [&[], &["custom".to_owned()], &["default".to_owned()]];
        assert_eq!(
            [none, custom, default].map(|of| flags.serves(of)),
            [true, false, true]
        );
        flags.recommender_name = "custom".to_owned();
        assert_eq!(
            [none, custom, default].map(|of| flags.serves(of)),
            [false, true, false]
        );
    }

    #[test]
    fn namespaces_are_watched_alone_or_left_out() {
        let watched = |only: &str, ignored: &str| {
            let flags = UpdaterFlags {
                vpa_object_namespace: only.to_owned(),
                ignored_vpa_object_namespaces: ignored.to_owned(),
                ..UpdaterFlags::default()
            };
            ["shop", "kube-system"].map(|namespace| flags.watches(namespace))
        };
        assert_eq!(watched("", ""), [true, true]);
        assert_eq!(watched("shop", ""), [true, false]);
        assert_eq!(watched("", "default,kube-system"), [true, false]);
        // No blanks are cut off.
        assert_eq!(watched("", "default, kube-system"), [true, true]);
    }

    #[test]
    fn a_flag_has_an_effect_or_none() {
        for (with, without) in [
            (RecommenderFlags::NAMES, RecommenderFlags::WITHOUT_EFFECT),
            (UpdaterFlags::NAMES, UpdaterFlags::WITHOUT_EFFECT),
            (AdmissionFlags::NAMES, AdmissionFlags::WITHOUT_EFFECT),
        ] {
            let mut all: Vec<&str> = with
                .iter()
                .chain(without.concat().iter())
                .copied()
                .collect();
            let count = all.len();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), count, "{all:?}");
        }
        for (names, read_only) in [
            (RecommenderFlags::NAMES, RecommenderFlags::READ_ONLY),
            (UpdaterFlags::NAMES, UpdaterFlags::READ_ONLY),
            (AdmissionFlags::NAMES, AdmissionFlags::READ_ONLY),
        ] {
            assert!(read_only.iter().all(|flag| names.contains(flag)));
        }
    }

    #[test]
    fn every_flag_can_be_set_by_the_name_listed() {
        for flag in UpdaterFlags::NAMES {
            let unknown = UpdaterFlags::default().set(flag, "1");
            assert!(!matches!(unknown, Err(FlagError::Unknown(_))), "{flag}");
        }
    }
}
