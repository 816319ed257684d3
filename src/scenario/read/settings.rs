//! `[simulation]`, `[controllers]`, `[slo]` and `[pricing]`.

use super::dist;
use crate::autoscaler::hpa::{Config, KubernetesVersion};
use crate::cluster::spec::ClusterConfig;
use crate::metrics::spec::PipelineConfig;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::model::{Controllers, Pricing, Simulation, Slo};
use crate::scenario::node::Value;
use crate::scenario::reader::{Reader, expected};
use crate::sim::SimDuration;
use crate::units::Usd;

/// Row distance of time series, unless stated.
const STEP: SimDuration = SimDuration::from_secs(15);

pub(super) fn simulation(
    root: &mut Reader<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Simulation> {
    let Some(node) = root.get("simulation") else {
        root.missing(
            "simulation",
            "the scenario",
            "[simulation]\nduration = \"1h\"",
            diagnostics,
        );
        return None;
    };
    let mut table = Reader::new(node, "`simulation`", diagnostics)?;
    let has_duration = table.get("duration").is_some();
    let duration = table.duration("duration", diagnostics);
    if !has_duration {
        table.missing("duration", "`simulation`", "duration = \"1h\"", diagnostics);
    }
    let seed = table.read("seed", diagnostics, |node| match node.value {
        Value::Int(seed) => u64::try_from(seed).map_err(|_| "a seed is at least 0".to_owned()),
        _ => Err(expected("a whole number", node)),
    });
    table.read("model", diagnostics, |node| match node.text() {
        Some("request") => Ok(()),
        Some("fluid") => {
            Err("the fluid model is not available; `request` simulates every request".to_owned())
        }
        _ => Err("expected \"request\"".to_owned()),
    });
    let warm_up = table.duration("warm_up", diagnostics).unwrap_or_default();
    let step = table.duration("step", diagnostics).unwrap_or(STEP);
    let (warm_span, step_span) = (table.key_span("warm_up"), table.key_span("step"));
    let duration_span = table.key_span("duration");
    table.finish("`simulation`", diagnostics);
    let duration = duration?;
    if duration == SimDuration::ZERO {
        diagnostics.error(
            duration_span,
            "the simulation has no length",
            "must be longer than 0s",
        );
    } else if warm_up >= duration {
        diagnostics.error(
            warm_span,
            "the warm-up is as long as the simulation",
            format!("must be below {duration}"),
        );
    }
    if step < SimDuration::from_secs(1) {
        diagnostics.error(step_span, "the step is too short", "must be at least 1s");
    }
    Some(Simulation {
        duration,
        seed: seed.unwrap_or(42),
        warm_up,
        step,
    })
}

pub(super) fn controllers(root: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> Controllers {
    let version = root.read("kubernetes", diagnostics, |node| {
        node.text()
            .ok_or_else(|| expected("a release such as \"1.36\"", node))?
            .parse::<KubernetesVersion>()
    });
    let version = version.unwrap_or_default();
    let mut made = Controllers {
        hpa: Config::of(version),
        cluster: ClusterConfig {
            balanced_allocation_v136: version >= KubernetesVersion(36),
            ..ClusterConfig::default()
        },
        metrics: PipelineConfig::default(),
    };
    let Some(node) = root.get("controllers") else {
        return made;
    };
    let Some(mut table) = Reader::new(node, "`controllers`", diagnostics) else {
        return made;
    };
    if let Some(mut hpa) = section(&mut table, "hpa", diagnostics) {
        hpa_flags(&mut hpa, &mut made.hpa, diagnostics);
        hpa.finish("`controllers.hpa`", diagnostics);
    }
    if let Some(mut server) = section(&mut table, "metrics-server", diagnostics) {
        assign(
            &mut made.metrics.metric_resolution,
            server.duration("metric-resolution", diagnostics),
        );
        if made.metrics.metric_resolution < SimDuration::from_secs(10) {
            let span = server.key_span("metric-resolution");
            diagnostics.error(
                span,
                "the metric resolution is too short",
                "metrics-server allows 10s at least",
            );
        }
        server.finish("`controllers.metrics-server`", diagnostics);
    }
    if let Some(mut kubelet) = section(&mut table, "kubelet", diagnostics) {
        let metrics = &mut made.metrics;
        assign(
            &mut metrics.housekeeping_interval,
            kubelet.duration("housekeeping-interval", diagnostics),
        );
        assign(
            &mut metrics.housekeeping_jitter,
            kubelet.number("housekeeping-jitter", diagnostics),
        );
        assign(
            &mut metrics.housekeeping_max,
            kubelet.duration("max-housekeeping-interval", diagnostics),
        );
        assign(
            &mut metrics.first_sample_delay,
            dist::seconds(&mut kubelet, "first-sample-delay", diagnostics),
        );
        assign(
            &mut made.cluster.pleg_relist,
            kubelet.duration("pleg-relist-period", diagnostics),
        );
        assign(
            &mut made.cluster.crash_loop_max,
            kubelet.duration("max-container-restart-period", diagnostics),
        );
        assign(
            &mut made.cluster.pod_removal,
            dist::seconds(&mut kubelet, "pod-removal-delay", diagnostics),
        );
        if made.metrics.housekeeping_interval < SimDuration::from_secs(1) {
            let span = kubelet.key_span("housekeeping-interval");
            diagnostics.error(
                span,
                "the housekeeping interval is too short",
                "must be at least 1s",
            );
        }
        kubelet.finish("`controllers.kubelet`", diagnostics);
    }
    if let Some(mut manager) = section(&mut table, "kube-controller-manager", diagnostics) {
        rate(
            &mut manager,
            "kube-api-qps",
            &mut made.cluster.controller_qps,
            diagnostics,
        );
        assign(
            &mut made.cluster.controller_burst,
            manager.count("kube-api-burst", diagnostics),
        );
        assign(
            &mut made.cluster.controller_sync_delay,
            manager.duration("sync-delay", diagnostics),
        );
        manager.finish("`controllers.kube-controller-manager`", diagnostics);
    }
    if let Some(mut scheduler) = section(&mut table, "scheduler", diagnostics) {
        rate(
            &mut scheduler,
            "kube-api-qps",
            &mut made.cluster.scheduler_qps,
            diagnostics,
        );
        assign(
            &mut made.cluster.scheduler_burst,
            scheduler.count("kube-api-burst", diagnostics),
        );
        assign(
            &mut made.cluster.scheduler_time_per_pod,
            scheduler.duration("time-per-pod", diagnostics),
        );
        scheduler.finish("`controllers.scheduler`", diagnostics);
    }
    if let Some(mut api) = section(&mut table, "kube-apiserver", diagnostics) {
        assign(
            &mut made.cluster.api_latency,
            api.duration("latency", diagnostics),
        );
        api.finish("`controllers.kube-apiserver`", diagnostics);
    }
    if let Some(mut proxy) = section(&mut table, "kube-proxy", diagnostics) {
        assign(
            &mut made.cluster.endpoints_delay,
            dist::seconds(&mut proxy, "endpoints-delay", diagnostics),
        );
        proxy.finish("`controllers.kube-proxy`", diagnostics);
    }
    table.finish("`controllers`", diagnostics);
    made
}

fn section<'a>(
    table: &mut Reader<'a>,
    key: &'static str,
    diagnostics: &mut Diagnostics,
) -> Option<Reader<'a>> {
    let node = table.get(key)?;
    Reader::new(node, &format!("`controllers.{key}`"), diagnostics)
}

fn assign<T>(target: &mut T, value: Option<T>) {
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

pub(super) fn slo(root: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> Slo {
    let mut made = Slo {
        percentile: 95.0,
        latency: None,
        error_rate: 0.01,
    };
    let Some(node) = root.get("slo") else {
        return made;
    };
    let Some(mut table) = Reader::new(node, "`slo`", diagnostics) else {
        return made;
    };
    for (key, percentile) in [
        ("latency_p50", 50.0),
        ("latency_p90", 90.0),
        ("latency_p95", 95.0),
        ("latency_p99", 99.0),
        ("latency_p999", 99.9),
    ] {
        let span = table.key_span(key);
        if let Some(limit) = table.duration(key, diagnostics) {
            if made.latency.is_some() {
                diagnostics.error(
                    span,
                    "a second latency objective",
                    "one percentile can be bounded",
                );
            }
            (made.percentile, made.latency) = (percentile, Some(limit));
        }
    }
    assign(
        &mut made.error_rate,
        table.number("error_rate", diagnostics),
    );
    table.finish("`slo`", diagnostics);
    made
}

pub(super) fn pricing(root: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> Pricing {
    // Fargate, Linux on x86, us-east-1, mid-2026.
    let mut made = Pricing {
        cpu_hour: Usd(0.040_48),
        gib_hour: Usd(0.004_445),
        minimum_seconds: 60.0,
        cluster_hour: Usd(0.0),
    };
    let Some(node) = root.get("pricing") else {
        return made;
    };
    let Some(mut table) = Reader::new(node, "`pricing`", diagnostics) else {
        return made;
    };
    assign(
        &mut made.cpu_hour,
        table.number("cpu_hour", diagnostics).map(Usd),
    );
    assign(
        &mut made.gib_hour,
        table.number("gib_hour", diagnostics).map(Usd),
    );
    assign(
        &mut made.cluster_hour,
        table.number("cluster_hour", diagnostics).map(Usd),
    );
    assign(
        &mut made.minimum_seconds,
        table
            .duration("minimum", diagnostics)
            .map(SimDuration::as_secs_f64),
    );
    table.finish("`pricing`", diagnostics);
    made
}
