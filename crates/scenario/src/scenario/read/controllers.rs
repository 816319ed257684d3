//! `kubernetes` and `[controllers]`: the flags of the real components, by their own names.

use super::cluster_autoscaler::cluster_autoscaler;
use super::dist;
use super::evictions::evictions;
use super::karpenter;
use super::phases;
use super::vpa_flags::{self, text};
use crate::autoscaler::hpa::{Config, KubernetesVersion};
use crate::cluster::spec::{ClusterConfig, FeatureGate, InPlaceResize};
use crate::metrics::spec::PipelineConfig;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::model::{ClusterAutoscalerConfig, Controllers, VpaConfig};
use crate::scenario::reader::{Reader, expected};
use crate::scenario::suggest::advice;
use crate::sim::SimDuration;

pub(super) fn controllers(
    root: &mut Reader<'_>,
    diagnostics: &mut Diagnostics,
) -> (Controllers, karpenter::Stated) {
    let version = root.read("kubernetes", diagnostics, |node| {
        node.text()
            .ok_or_else(|| expected("a release such as \"1.36\"", node))?
            .parse::<KubernetesVersion>()
    });
    let version = version.unwrap_or_default();
    let mut made = Controllers {
        hpa: Config::of(version),
        vpa: VpaConfig::default(),
        cluster: ClusterConfig {
            balanced_allocation_v136: version >= KubernetesVersion(36),
            pleg_on_demand_relist: version >= KubernetesVersion(36),
            in_place_resize: match version {
                KubernetesVersion(..=32) => InPlaceResize::Off,
                KubernetesVersion(33) => InPlaceResize::NoLowerMemoryLimit,
                KubernetesVersion(34..=35) => InPlaceResize::LowerMemoryLimit,
                KubernetesVersion(_) => InPlaceResize::WithinAllocatable,
            },
            ..ClusterConfig::default()
        },
        metrics: PipelineConfig::default(),
        cluster_autoscaler: ClusterAutoscalerConfig::default(),
    };
    let Some(node) = root.get("controllers") else {
        return (made, karpenter::Stated::default());
    };
    let Some(mut table) = Reader::new(node, "`controllers`", diagnostics) else {
        return (made, karpenter::Stated::default());
    };
    section(&mut table, "hpa", diagnostics, |hpa, diagnostics| {
        hpa_flags(hpa, &mut made.hpa, diagnostics);
    });
    section(
        &mut table,
        "metrics-server",
        diagnostics,
        |server, diagnostics| {
            metrics_server_flags(server, &mut made.metrics, diagnostics);
        },
    );
    section(
        &mut table,
        "kubelet",
        diagnostics,
        |kubelet, diagnostics| {
            kubelet_flags(kubelet, &mut made, diagnostics);
        },
    );
    let cluster = &mut made.cluster;
    section(
        &mut table,
        "kube-controller-manager",
        diagnostics,
        |manager, diagnostics| {
            manager_flags(manager, cluster, diagnostics);
        },
    );
    section(
        &mut table,
        "scheduler",
        diagnostics,
        |scheduler, diagnostics| {
            scheduler_flags(scheduler, cluster, diagnostics);
        },
    );
    section(
        &mut table,
        "kube-apiserver",
        diagnostics,
        |api, diagnostics| {
            let latency = api.duration("latency", diagnostics);
            assign(&mut cluster.api_latency, latency);
            let latency = api.duration("read-latency", diagnostics);
            assign(&mut cluster.api_read_latency, latency);
            let keys = [
                "default-not-ready-toleration-seconds",
                "default-unreachable-toleration-seconds",
            ];
            for (place, key) in keys.into_iter().enumerate() {
                let seconds = api.count(key, diagnostics);
                let lasts = seconds.map(|seconds| SimDuration::from_secs(seconds.into()));
                assign(&mut cluster.default_tolerations[place], lasts);
            }
        },
    );
    section(
        &mut table,
        "kube-proxy",
        diagnostics,
        |proxy, diagnostics| {
            let delay = dist::seconds(proxy, "endpoints-delay", diagnostics);
            assign(&mut cluster.endpoints_delay, delay);
        },
    );
    vpa_flags::vpa(&mut table, &mut made.vpa, diagnostics);
    made.cluster_autoscaler = cluster_autoscaler(&mut table, diagnostics);
    let karpenter = karpenter::stated(&mut table, diagnostics);
    table.finish("`controllers`", diagnostics);
    (made, karpenter)
}

/// Reads the flags of one component.
pub(super) fn section(
    table: &mut Reader<'_>,
    key: &'static str,
    diagnostics: &mut Diagnostics,
    read: impl FnOnce(&mut Reader<'_>, &mut Diagnostics),
) {
    let Some(node) = table.get(key) else { return };
    let what = format!("`controllers.{key}`");
    if let Some(mut section) = Reader::new(node, &what, diagnostics) {
        read(&mut section, diagnostics);
        section.finish(&what, diagnostics);
    }
}

fn metrics_server_flags(
    table: &mut Reader<'_>,
    metrics: &mut PipelineConfig,
    diagnostics: &mut Diagnostics,
) {
    let resolution = table.duration("metric-resolution", diagnostics);
    assign(&mut metrics.metric_resolution, resolution);
    phases::first_scrapes(table, metrics, diagnostics);
    if metrics.metric_resolution < SimDuration::from_secs(10) {
        let title = "the metric resolution is too short";
        let label = "metrics-server allows 10s at least";
        diagnostics.error(table.key_span("metric-resolution"), title, label);
    }
}

fn kubelet_flags(table: &mut Reader<'_>, made: &mut Controllers, diagnostics: &mut Diagnostics) {
    let (metrics, cluster) = (&mut made.metrics, &mut made.cluster);
    let stats = table.one_of("stats", &["cadvisor", "on-request"], diagnostics);
    metrics.stats_on_request = stats == Some("on-request");
    let interval = table.duration("housekeeping-interval", diagnostics);
    assign(&mut metrics.housekeeping_interval, interval);
    let jitter = table.number("housekeeping-jitter", diagnostics);
    assign(&mut metrics.housekeeping_jitter, jitter);
    let most = table.duration("max-housekeeping-interval", diagnostics);
    assign(&mut metrics.housekeeping_max, most);
    let first = dist::seconds(table, "first-sample-delay", diagnostics);
    assign(&mut metrics.first_sample_delay, first);
    let relist = table.duration("pleg-relist-period", diagnostics);
    assign(&mut cluster.pleg_relist, relist);
    let restart = table.duration("max-container-restart-period", diagnostics);
    assign(&mut cluster.crash_loop_max, restart);
    let allowed = SimDuration::from_secs(1)..=SimDuration::from_secs(300);
    if restart.is_some_and(|longest| !allowed.contains(&longest)) {
        let title = "the kubelet does not start with this restart period";
        let span = table.key_span("max-container-restart-period");
        diagnostics.error(span, title, "must be from 1s to 300s");
    }
    image_pulls(table, cluster, diagnostics);
    let jitter = table.number("restart-jitter", diagnostics);
    assign(&mut cluster.restart_jitter, jitter);
    if !(0.0..=1.0).contains(&cluster.restart_jitter) {
        let title = "no such jitter";
        let span = table.key_span("restart-jitter");
        diagnostics.error(span, title, "must be from 0 to 1, a share of the wait");
    }
    for (place, key) in ["shutdownGracePeriod", "shutdownGracePeriodCriticalPods"]
        .into_iter()
        .enumerate()
    {
        let lasts = table.duration(key, diagnostics);
        assign(&mut cluster.shutdown_grace[place], lasts);
    }
    if cluster.shutdown_grace[1] > cluster.shutdown_grace[0] {
        let span = table.key_span("shutdownGracePeriodCriticalPods");
        let title = "critical pods get more than the whole time";
        diagnostics.error(span, title, "must be at most `shutdownGracePeriod`");
    }
    evictions(table, &mut cluster.eviction, diagnostics);
    let removal = dist::seconds(table, "pod-removal-delay", diagnostics);
    assign(&mut cluster.pod_removal, removal);
    if metrics.housekeeping_interval < SimDuration::from_secs(1) {
        let title = "the housekeeping interval is too short";
        let span = table.key_span("housekeeping-interval");
        diagnostics.error(span, title, "must be at least 1s");
    }
}

/// How many images a node pulls at a time, by the kubelet's defaults and validation.
fn image_pulls(table: &mut Reader<'_>, cluster: &mut ClusterConfig, diagnostics: &mut Diagnostics) {
    let serial = table.boolean("serializeImagePulls", diagnostics);
    let most = table.count("maxParallelImagePulls", diagnostics);
    if let Some(most) = most {
        let span = table.key_span("maxParallelImagePulls");
        let title = "the kubelet does not start with so many parallel pulls";
        if most == 0 {
            diagnostics.error(span, title, "must be at least 1");
        } else if most > 1 && serial == Some(true) {
            let label = "cannot be above 1 unless `serializeImagePulls` is `false`";
            diagnostics.error(span, title, label);
        }
    }
    cluster.image_pulls = match (serial, most) {
        (Some(false), most) => most,
        (_, Some(most)) => Some(most.max(1)),
        _ => Some(1),
    };
}

fn manager_flags(
    table: &mut Reader<'_>,
    cluster: &mut ClusterConfig,
    diagnostics: &mut Diagnostics,
) {
    rate(
        table,
        "kube-api-qps",
        &mut cluster.controller_qps,
        diagnostics,
    );
    let burst = table.count("kube-api-burst", diagnostics);
    assign(&mut cluster.controller_burst, burst);
    let delay = dist::seconds(table, "sync-delay", diagnostics);
    assign(&mut cluster.controller_sync_delay, delay);
    let workers = table.count("concurrent-horizontal-pod-autoscaler-syncs", diagnostics);
    if workers == Some(0) {
        let span = table.key_span("concurrent-horizontal-pod-autoscaler-syncs");
        diagnostics.error(span, "no worker syncs HPAs", "must be at least 1");
    }
    assign(&mut cluster.hpa_workers, workers);
    let grace = table.duration("node-monitor-grace-period", diagnostics);
    assign(&mut cluster.node_monitor_grace, grace);
    let gate = table.read("feature-gates", diagnostics, |node| gates(&text(node)?));
    assign(&mut cluster.max_unavailable_stateful_set, gate);
}

/// The one gate of kube-controller-manager and the API server that decides something here.
fn gates(text: &str) -> Result<FeatureGate, String> {
    const GATE: &str = "MaxUnavailableStatefulSet";
    let mut found = FeatureGate::Off;
    for part in text.split(',').filter(|part| !part.is_empty()) {
        found = match part.split_once('=') {
            Some((GATE, "true")) => FeatureGate::On,
            Some((GATE, "false")) => FeatureGate::Off,
            Some((GATE, _)) | None => {
                return Err(format!("\"{part}\" is not as in \"{GATE}=true\""));
            }
            Some((name, _)) => {
                let advice = advice(name, &[GATE]);
                return Err(format!("{name} is no gate that is simulated; {advice}"));
            }
        };
    }
    Ok(found)
}

fn scheduler_flags(
    table: &mut Reader<'_>,
    cluster: &mut ClusterConfig,
    diagnostics: &mut Diagnostics,
) {
    rate(
        table,
        "kube-api-qps",
        &mut cluster.scheduler_qps,
        diagnostics,
    );
    let burst = table.count("kube-api-burst", diagnostics);
    assign(&mut cluster.scheduler_burst, burst);
    let time = table.duration("time-per-pod", diagnostics);
    assign(&mut cluster.scheduler_time_per_pod, time);
    let percentage = table.count("percentageOfNodesToScore", diagnostics);
    if percentage.is_some_and(|percentage| percentage > 100) {
        let span = table.key_span("percentageOfNodesToScore");
        diagnostics.error(span, "more than all nodes", "must be from 0 to 100");
    }
    assign(&mut cluster.percentage_of_nodes_to_score, percentage);
    let pops = table.boolean("pop-from-backoff", diagnostics);
    assign(&mut cluster.pop_from_backoff, pops);
}

pub(super) fn assign<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

fn rate(
    table: &mut Reader<'_>,
    key: &'static str,
    target: &mut f64,
    diagnostics: &mut Diagnostics,
) {
    if let Some(value) = table.number(key, diagnostics) {
        if value > 0.0 {
            *target = value;
        } else {
            diagnostics.error(
                table.key_span(key),
                "a rate limit of 0 allows nothing",
                "must be above 0",
            );
        }
    }
}

fn hpa_flags(table: &mut Reader<'_>, config: &mut Config, diagnostics: &mut Diagnostics) {
    table.ask(&["first-sync"]);
    assign(
        &mut config.sync_period,
        table.duration("sync-period", diagnostics),
    );
    assign(
        &mut config.tolerance,
        table.number("tolerance", diagnostics),
    );
    assign(
        &mut config.downscale_stabilization,
        table.duration("downscale-stabilization", diagnostics),
    );
    assign(
        &mut config.cpu_initialization_period,
        table.duration("cpu-initialization-period", diagnostics),
    );
    assign(
        &mut config.initial_readiness_delay,
        table.duration("initial-readiness-delay", diagnostics),
    );
    assign(
        &mut config.scale_to_zero,
        table.boolean("scale-to-zero", diagnostics),
    );
    assign(
        &mut config.configurable_tolerance,
        table.boolean("configurable-tolerance", diagnostics),
    );
    if config.sync_period < SimDuration::from_millis(100) {
        let span = table.key_span("sync-period");
        diagnostics.error(
            span,
            "the sync period is too short",
            "must be at least 100ms",
        );
    }
}
