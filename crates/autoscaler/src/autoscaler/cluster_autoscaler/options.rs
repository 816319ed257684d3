//! The flags, by their names on the command line, with upstream's defaults.
//!
//! Source: `config/flags/flags.go`, `config/autoscaling_options.go`.

mod inert;

use std::str::FromStr;

pub use inert::Inert;

use super::expander::ExpanderKind;
use crate::sim::SimDuration;
use crate::units::Bytes;

/// Why a flag was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// There is no such flag, or the core has no use for it.
    #[error("unknown flag --{0}")]
    Unknown(String),
    /// The value does not fit.
    #[error("--{flag}: \"{value}\" is not {expected}")]
    Value {
        /// The flag.
        flag: String,
        /// What was given.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
}

/// A value as it stands after `--flag=`.
trait FlagValue: Sized {
    const EXPECTED: &'static str;
    fn read(text: &str) -> Option<Self>;
}

impl FlagValue for bool {
    const EXPECTED: &'static str = "true or false";
    fn read(text: &str) -> Option<Self> {
        match text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
            _ => None,
        }
    }
}

impl FlagValue for SimDuration {
    const EXPECTED: &'static str = "a duration such as 90s or 10m";
    fn read(text: &str) -> Option<Self> {
        Self::from_str(text).ok()
    }
}

macro_rules! parsed {
    ($($type:ty: $expected:literal),*) => {$(
        impl FlagValue for $type {
            const EXPECTED: &'static str = $expected;
            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )*};
}

parsed!(i64: "a whole number", i32: "a whole number", usize: "a whole number, 0 or more", f64: "a number");

/// How nodes are counted that pods need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binpacking;

/// Upstream has one estimator.
impl FlagValue for Binpacking {
    const EXPECTED: &'static str = "binpacking, the only estimator";
    fn read(text: &str) -> Option<Self> {
        (text == "binpacking").then_some(Self)
    }
}

/// Expanders in the order in which they filter.
impl FlagValue for Vec<ExpanderKind> {
    const EXPECTED: &'static str = "a list of most-pods, least-waste, least-nodes, price, priority, each once, and random last";
    fn read(text: &str) -> Option<Self> {
        let all: Self = text
            .split(',')
            .map(ExpanderKind::from_name)
            .collect::<Option<_>>()?;
        let is_odd = |(place, one): (usize, &ExpanderKind)| {
            let rest = &all[place + 1..];
            rest.contains(one) || *one == ExpanderKind::Random && !rest.is_empty()
        };
        (!all.iter().enumerate().any(is_odd)).then_some(all)
    }
}

/// The least and the most of a resource in the whole cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinMax {
    /// The autoscaler does not delete below it.
    pub min: i64,
    /// The autoscaler does not grow above it.
    pub max: i64,
}

impl FlagValue for MinMax {
    const EXPECTED: &'static str = "<min>:<max>";
    fn read(text: &str) -> Option<Self> {
        let (min, max) = text.split_once(':')?;
        let (min, max) = (min.parse().ok()?, max.parse().ok()?);
        (0 <= min && min <= max).then_some(Self { min, max })
    }
}

/// A name.
impl FlagValue for String {
    const EXPECTED: &'static str = "a name";
    fn read(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| text.to_owned())
    }
}

/// Names separated by commas.
impl FlagValue for Vec<String> {
    const EXPECTED: &'static str = "a list";
    fn read(text: &str) -> Option<Self> {
        Some(text.split(',').map(str::to_owned).collect())
    }
}

/// Priorities, from the lowest to the highest, each with the seconds that pods have to end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DrainPriorities(pub Vec<(i32, i64)>);

impl FlagValue for DrainPriorities {
    const EXPECTED: &'static str = "a list of <priority>:<seconds>";
    fn read(text: &str) -> Option<Self> {
        let pair = |item: &str| {
            let (priority, seconds) = item.split_once(':')?;
            Some((priority.parse().ok()?, seconds.parse().ok()?))
        };
        let mut all: Vec<(i32, i64)> = text.split(',').map(pair).collect::<Option<_>>()?;
        all.sort_by_key(|one| one.0);
        Some(Self(all))
    }
}

macro_rules! options {
    ($($(#[$doc:meta])* $flag:literal $field:ident: $type:ty = $default:expr;)*) => {
        /// The flags that decide something.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(clippy::struct_excessive_bools, reason = "upstream's flags")]
        pub struct Options {
            $($(#[$doc])* pub $field: $type,)*
        }

        impl Default for Options {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl Options {
            /// The names of all flags.
            pub const FLAGS: &'static [&'static str] = &[$($flag,)*];

            /// Reads one flag.
            pub fn set(&mut self, flag: &str, value: &str) -> Result<(), OptionError> {
                match flag {
                    $($flag => self.$field = read(flag, value)?,)*
                    _ => return Err(OptionError::Unknown(flag.to_owned())),
                }
                Ok(())
            }
        }
    };
}

fn read<T: FlagValue>(flag: &str, value: &str) -> Result<T, OptionError> {
    T::read(value).ok_or_else(|| OptionError::Value {
        flag: flag.to_owned(),
        value: value.to_owned(),
        expected: T::EXPECTED,
    })
}

const fn minutes(minutes: i64) -> SimDuration {
    SimDuration::from_secs(minutes * 60)
}

const fn seconds(seconds: i64) -> SimDuration {
    SimDuration::from_secs(seconds)
}

options! {
    /// How long to wait after a loop before the next.
    "scan-interval" scan_interval: SimDuration = seconds(10);
    /// Whether pods and actions start a loop at once.
    "frequent-loops-enabled" frequent_loops: bool = true;
    /// How to choose among groups.
    "expander" expanders: Vec<ExpanderKind> = vec![ExpanderKind::LeastWaste];
    /// How to count the nodes that pods need.
    "estimator" estimator: Binpacking = Binpacking;
    /// Nodes in the whole cluster at most; 0 is no limit.
    "max-nodes-total" max_nodes_total: i64 = 0;
    /// Cores in the whole cluster.
    "cores-total" cores_total: MinMax = MinMax { min: 0, max: 5000 * 64 };
    /// Memory in the whole cluster, in GiB.
    "memory-total" memory_total: MinMax = MinMax { min: 0, max: 5000 * 64 * 20 };
    /// Nodes that one estimation adds at most.
    "max-nodes-per-scaleup" max_nodes_per_scale_up: i64 = 1000;
    /// Whether to split a scale-up over groups that are alike.
    "balance-similar-node-groups" balance_similar_node_groups: bool = false;
    /// How far memory may differ among groups that are alike.
    "memory-difference-ratio" memory_difference_ratio: f64 = 0.015;
    /// How far free resources may differ among groups that are alike.
    "max-free-difference-ratio" max_free_difference_ratio: f64 = 0.05;
    /// How far allocatable resources may differ among groups that are alike.
    "max-allocatable-difference-ratio" max_allocatable_difference_ratio: f64 = 0.05;
    /// Labels that do not matter when groups are compared.
    "balancing-ignore-label" balancing_ignore_labels: Vec<String> = Vec::new();
    /// The only labels that matter when groups are compared.
    "balancing-label" balancing_labels: Vec<String> = Vec::new();
    /// How long a node may take to register.
    "max-node-provision-time" max_node_provision_time: SimDuration = minutes(15);
    /// How long a registered node may take to become ready.
    "max-node-startup-time" max_node_startup_time: SimDuration = minutes(15);
    /// The first back-off.
    "initial-node-group-backoff-duration" initial_node_group_backoff_duration: SimDuration = minutes(5);
    /// The longest back-off.
    "max-node-group-backoff-duration" max_node_group_backoff_duration: SimDuration = minutes(30);
    /// When a failure is forgotten.
    "node-group-backoff-reset-timeout" node_group_backoff_reset_timeout: SimDuration = minutes(180);
    /// Share of unready nodes above which nothing is done.
    "max-total-unready-percentage" max_total_unready_percentage: f64 = 45.0;
    /// Unready nodes that are always fine.
    "ok-total-unready-count" ok_total_unready_count: i64 = 3;
    /// Pods younger than this wait.
    "new-pod-scale-up-delay" new_pod_scale_up_delay: SimDuration = SimDuration::ZERO;
    /// Pods with a lower priority do not count.
    "expendable-pods-priority-cutoff" expendable_pods_priority_cutoff: i32 = -10;
    /// Whether a cluster without ready nodes is scaled up.
    "scale-up-from-zero" scale_up_from_zero: bool = true;
    /// Whether groups are raised to their min.
    "enforce-node-group-min-size" enforce_node_group_min_size: bool = false;
    /// Whether a group of the plan that cannot be grown leaves the others alone.
    "parallel-scale-up" parallel_scale_up: bool = false;
    /// Whether a loop goes on as long as there are pods that another scale-up helps.
    "salvo-scale-up" salvo_scale_up: bool = false;
    /// Schedulers whose pods are not waited for: with any of them, very new pods hold nothing up.
    "bypassed-scheduler-names" bypassed_schedulers: Vec<String> = Vec::new();
    /// Taints that are there only until a node has started.
    "startup-taint" startup_taints: Vec<String> = Vec::new();
    /// The same, under the old name.
    "ignore-taint" ignore_taints: Vec<String> = Vec::new();
    /// What such taints begin with.
    "startup-taint-prefix" startup_taint_prefixes: Vec<String> = Vec::new();
    /// Taints that tell of a node's state for the moment.
    "status-taint" status_taints: Vec<String> = Vec::new();
    /// Whether a template made of a cordoned node is not cordoned.
    "scale-from-unschedulable" scale_from_unschedulable: bool = false;
    /// How long a group's last good node is its template.
    "node-info-cache-expire-time" node_info_cache_expire_time: SimDuration = minutes(87_600 * 60);
    /// Whether the status ConfigMap is written, and has events.
    "write-status-configmap" write_status_config_map: bool = true;
    /// What it is called.
    "status-config-map-name" status_config_map_name: String = "cluster-autoscaler-status".to_owned();
    /// Whether events of one reason about an object are written more often than every five minutes.
    "record-duplicated-events" record_duplicated_events: bool = false;
    /// Whether templates get all DaemonSets that would suit.
    "force-ds" force_daemon_sets: bool = false;
    /// Whether unregistered nodes are deleted below the min as well.
    "force-delete-unregistered-nodes" force_delete_unregistered_nodes: bool = false;
    /// Whether nodes are removed at all.
    "scale-down-enabled" scale_down_enabled: bool = true;
    /// Whether unready nodes are removed.
    "scale-down-unready-enabled" scale_down_unready_enabled: bool = true;
    /// Utilization up to which a node may go.
    "scale-down-utilization-threshold" scale_down_utilization_threshold: f64 = 0.5;
    /// The same for nodes with GPUs, by what is requested of these.
    "scale-down-gpu-utilization-threshold" scale_down_gpu_utilization_threshold: f64 = 0.5;
    /// How long a node must be unneeded.
    "scale-down-unneeded-time" scale_down_unneeded_time: SimDuration = minutes(10);
    /// How long an unready node must be unneeded.
    "scale-down-unready-time" scale_down_unready_time: SimDuration = minutes(20);
    /// No removals after a scale-up.
    "scale-down-delay-after-add" scale_down_delay_after_add: SimDuration = minutes(10);
    /// No removals after a removal.
    "scale-down-delay-after-delete" scale_down_delay_after_delete: SimDuration = SimDuration::ZERO;
    /// No removals after a failed one.
    "scale-down-delay-after-failure" scale_down_delay_after_failure: SimDuration = minutes(3);
    /// Whether those delays are each group's own.
    "scale-down-delay-type-local" scale_down_delay_type_local: bool = false;
    /// Nodes that are deleted at a time.
    "max-scale-down-parallelism" max_scale_down_parallelism: i64 = 10;
    /// Nodes that are drained at a time.
    "max-drain-parallelism" max_drain_parallelism: i64 = 1;
    /// How long a node that cannot go is not looked at again.
    "unremovable-node-recheck-timeout" unremovable_node_recheck_timeout: SimDuration = minutes(5);
    /// The longest grace that a pod gets, in seconds.
    "max-graceful-termination-sec" max_graceful_termination_sec: i64 = 600;
    /// In which order pods are evicted, by their priorities.
    "drain-priority-config" drain_priorities: DrainPriorities = DrainPriorities(Vec::new());
    /// How long evictions are tried.
    "max-pod-eviction-time" max_pod_eviction_time: SimDuration = minutes(2);
    /// How long to wait after the taint.
    "node-delete-delay-after-taint" node_delete_delay_after_taint: SimDuration = seconds(5);
    /// How long deletions of a group are gathered.
    "node-deletion-batcher-interval" node_deletion_batcher_interval: SimDuration = SimDuration::ZERO;
    /// How long a node's annotations may delay its deletion.
    "node-deletion-delay-timeout" node_deletion_delay_timeout: SimDuration = minutes(2);
    /// Whether nodes are cordoned as well.
    "cordon-node-before-terminating" cordon_node_before_terminating: bool = true;
    /// Whether DaemonSet pods do not count in the utilization.
    "ignore-daemonsets-utilization" ignore_daemonsets_utilization: bool = false;
    /// Whether mirror pods do not count in the utilization.
    "ignore-mirror-pods-utilization" ignore_mirror_pods_utilization: bool = false;
    /// Whether pods of `kube-system` keep their node.
    "skip-nodes-with-system-pods" skip_nodes_with_system_pods: bool = true;
    /// For how long they do. (Upstream's spelling.)
    "blocking-system-pod-distruption-timeout" blocking_system_pod_disruption_timeout: SimDuration = minutes(60);
    /// Whether pods with local storage keep their node.
    "skip-nodes-with-local-storage" skip_nodes_with_local_storage: bool = true;
    /// Whether pods of unknown controllers keep their node.
    "skip-nodes-with-custom-controller-pods" skip_nodes_with_custom_controller_pods: bool = true;
    /// Replicas that a controller needs for its pods to move.
    "min-replica-count" min_replica_count: i32 = 0;
    /// Whether DaemonSet pods are evicted from empty nodes.
    "daemonset-eviction-for-empty-nodes" daemonset_eviction_for_empty_nodes: bool = false;
    /// Whether DaemonSet pods are evicted from other nodes.
    "daemonset-eviction-for-occupied-nodes" daemonset_eviction_for_occupied_nodes: bool = true;
    /// Soft taints that a loop sets or removes.
    "max-bulk-soft-taint-count" max_bulk_soft_taint_count: usize = 10;
    /// Whether the last group of pods is packed on one node and the rest is arithmetic.
    "fastpath-binpacking-enabled" fastpath_binpacking: bool = false;
}

impl Options {
    /// The most and least memory, in bytes.
    pub fn memory_limits(&self) -> (Bytes, Bytes) {
        let bytes = |gib: i64| Bytes(gib.saturating_mul(Bytes::GIB.0));
        (bytes(self.memory_total.min), bytes(self.memory_total.max))
    }
}

/// What a group sets for itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeGroupOptions {
    /// `scale-down-utilization-threshold`.
    pub scale_down_utilization_threshold: Option<f64>,
    /// `scale-down-gpu-utilization-threshold`.
    pub scale_down_gpu_utilization_threshold: Option<f64>,
    /// `scale-down-unneeded-time`.
    pub scale_down_unneeded_time: Option<SimDuration>,
    /// `scale-down-unready-time`.
    pub scale_down_unready_time: Option<SimDuration>,
    /// `max-node-provision-time`.
    pub max_node_provision_time: Option<SimDuration>,
    /// `max-node-startup-time`.
    pub max_node_startup_time: Option<SimDuration>,
    /// `ignore-daemonsets-utilization`.
    pub ignore_daemonsets_utilization: Option<bool>,
}

impl NodeGroupOptions {
    /// What can be set, by the names that tags of node groups have (`config/const.go`).
    pub const KEYS: [&str; 7] = [
        "scaledownutilizationthreshold",
        "scaledowngpuutilizationthreshold",
        "scaledownunneededtime",
        "scaledownunreadytime",
        "maxnodeprovisiontime",
        "maxnodestartuptime",
        "ignoredaemonsetsutilization",
    ];

    /// Sets one of [`NodeGroupOptions::KEYS`]; an error says what would be right.
    pub fn set(&mut self, key: &str, text: &str) -> Result<(), &'static str> {
        fn read<T: FlagValue>(text: &str) -> Result<Option<T>, &'static str> {
            T::read(text).map(Some).ok_or(T::EXPECTED)
        }
        match key {
            "scaledownutilizationthreshold" => self.scale_down_utilization_threshold = read(text)?,
            "scaledowngpuutilizationthreshold" => {
                self.scale_down_gpu_utilization_threshold = read(text)?;
            }
            "scaledownunneededtime" => self.scale_down_unneeded_time = read(text)?,
            "scaledownunreadytime" => self.scale_down_unready_time = read(text)?,
            "maxnodeprovisiontime" => self.max_node_provision_time = read(text)?,
            "maxnodestartuptime" => self.max_node_startup_time = read(text)?,
            "ignoredaemonsetsutilization" => self.ignore_daemonsets_utilization = read(text)?,
            _ => return Err("an option of node groups"),
        }
        Ok(())
    }

    /// The threshold of the group.
    pub fn utilization_threshold(&self, defaults: &Options) -> f64 {
        self.scale_down_utilization_threshold
            .unwrap_or(defaults.scale_down_utilization_threshold)
    }

    /// The threshold of the group's nodes with GPUs.
    pub fn gpu_utilization_threshold(&self, defaults: &Options) -> f64 {
        self.scale_down_gpu_utilization_threshold
            .unwrap_or(defaults.scale_down_gpu_utilization_threshold)
    }

    /// How long a node of the group must be unneeded.
    pub fn unneeded_time(&self, defaults: &Options) -> SimDuration {
        self.scale_down_unneeded_time
            .unwrap_or(defaults.scale_down_unneeded_time)
    }

    /// How long an unready node of the group must be unneeded.
    pub fn unready_time(&self, defaults: &Options) -> SimDuration {
        self.scale_down_unready_time
            .unwrap_or(defaults.scale_down_unready_time)
    }

    /// How long a node of the group may take to register.
    pub fn provision_time(&self, defaults: &Options) -> SimDuration {
        self.max_node_provision_time
            .unwrap_or(defaults.max_node_provision_time)
    }

    /// How long a node of the group may take to become ready.
    pub fn startup_time(&self, defaults: &Options) -> SimDuration {
        self.max_node_startup_time
            .unwrap_or(defaults.max_node_startup_time)
    }

    /// Whether DaemonSet pods do not count on the group's nodes.
    pub fn ignore_daemon_sets(&self, defaults: &Options) -> bool {
        self.ignore_daemonsets_utilization
            .unwrap_or(defaults.ignore_daemonsets_utilization)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_read_by_its_name() {
        let mut options = Options::default();
        options.set("scale-down-unneeded-time", "90s").unwrap();
        options.set("cores-total", "4:100").unwrap();
        options.set("expander", "priority,least-waste").unwrap();
        assert_eq!(options.scale_down_unneeded_time, SimDuration::from_secs(90));
        assert_eq!(options.cores_total, MinMax { min: 4, max: 100 });
        assert_eq!(
            options.expanders,
            [ExpanderKind::Priority, ExpanderKind::LeastWaste]
        );
        let error = options.set("max-nodes-total", "many").unwrap_err();
        assert_eq!(
            error.to_string(),
            "--max-nodes-total: \"many\" is not a whole number"
        );
        let error = options.set("no-such-flag", "1").unwrap_err();
        assert_eq!(error.to_string(), "unknown flag --no-such-flag");
    }

    #[test]
    fn a_flag_decides_something_or_changes_nothing() {
        let mut names: Vec<&str> = Options::FLAGS.to_vec();
        names.extend(Options::inert().map(|(flag, _)| flag));
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "one list has each");
        // All 137 of upstream's `flags.go`, and four of klog's and of the leader election.
        assert_eq!(all, 141);
    }

    #[test]
    fn a_range_is_refused_upside_down() {
        let mut options = Options::default();
        assert!(options.set("memory-total", "8:4").is_err());
        assert!(options.set("memory-total", "8").is_err());
    }
}
