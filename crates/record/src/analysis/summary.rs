//! All figures of a run, and their flat form: names with values, for tables, sweeps and
//! assertions.

use super::bill::{Bill, bill};
use super::figures::{HpaFigures, ServiceFigures, hpa_figures, percent, service_figures};
use super::findings::{Finding, findings};
use super::vpa::{Disruptions, VpaFigures, vpa_figures};
use crate::record::fold::{Elasticity, Flapping, Folded, Folds, Latencies, Mean, Slack};
use crate::record::{
    CallRecord, HpaRecord, Labels, LatencyStats, LoadRecord, QueueRecord, Recording, ServiceRecord,
};

/// All figures of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// What the objects are called.
    pub labels: Labels,
    /// Per HPA.
    pub hpas: Vec<HpaFigures>,
    /// Per service.
    pub services: Vec<ServiceFigures>,
    /// Per VPA.
    pub vpas: Vec<VpaFigures>,
    /// What its owner should know.
    pub findings: Vec<Finding>,
    /// What it cost.
    pub bill: Bill,
    /// Name and value of every figure, in the order of the columns; a value that does not
    /// exist is not a number.
    pub values: Vec<(String, f64)>,
}

impl Summary {
    /// Computes everything.
    pub fn of(recording: &Recording) -> Self {
        let replayed;
        let folded = if let Some(folded) = &recording.folded {
            folded
        } else {
            replayed = Folds::of(recording);
            &replayed
        };
        let labels = Labels::of(recording);
        let hpas: Vec<HpaFigures> = (recording.hpas.iter().zip(&folded.hpas))
            .zip(&labels.hpas)
            .map(|((hpa, folded), label)| hpa_figures(hpa, folded, label))
            .collect();
        let services: Vec<ServiceFigures> = (recording.services.iter().zip(&folded.services))
            .zip(&labels.services)
            .map(|((service, folded), label)| service_figures(service, folded, label))
            .collect();
        let vpas: Vec<VpaFigures> = (recording.vpas.iter().zip(&folded.vpas))
            .zip(labels.vpas.iter().zip(&folded.vpa_disruptions))
            .map(|((vpa, containers), (label, own))| {
                let workload = folded.workloads.get(vpa.workload);
                vpa_figures(vpa, Disruptions::by(own, workload), containers, label)
            })
            .collect();
        let mut summary = Self {
            bill: bill(recording, folded),
            findings: findings(recording, folded, &labels, &hpas),
            hpas,
            services,
            vpas,
            labels,
            values: Vec::new(),
        };
        summary.values = flat(recording, folded, &summary);
        summary
    }

    /// The figure of this name.
    pub fn get(&self, name: &str) -> Option<f64> {
        let found = self.values.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| *value)
    }
}

/// Names and values of the times after load steps.
fn latencies(of: &Latencies) -> [(&'static str, f64); 7] {
    let [first_decision, full_decision, ready, recover] = of.means.map(Mean::value);
    // Over the same steps as the others, or not at all.
    let is_whole = of.means[3].count == of.answered;
    let recover = if is_whole { recover } else { f64::NAN };
    [
        ("t_first_decision_s", first_decision),
        ("t_full_decision_s", full_decision),
        ("t_ready_s", ready),
        ("t_recover_s", recover),
        ("overshoot", of.overshoot),
        ("load_steps", of.steps as f64),
        ("load_steps_answered", of.answered as f64),
    ]
}

fn elasticity_values(elasticity: &Elasticity) -> [(&'static str, f64); 6] {
    [
        ("tau_u_pct", elasticity.tau_u_pct),
        ("tau_o_pct", elasticity.tau_o_pct),
        ("theta_u_pct", elasticity.theta_u_pct),
        ("theta_o_pct", elasticity.theta_o_pct),
        ("instability_pct", elasticity.instability_pct),
        ("jitter_per_hour", elasticity.jitter_per_hour),
    ]
}

fn flapping_values(flapping: &Flapping) -> [(&'static str, f64); 5] {
    [
        ("scale_ups", flapping.ups as f64),
        ("scale_downs", flapping.downs as f64),
        ("flaps", flapping.flaps as f64),
        ("oscillations", flapping.oscillations as f64),
        ("flap_wasted_replicas", flapping.wasted_replicas as f64),
    ]
}

/// The value farthest from zero: of several HPAs or services the worst one's.
fn worst(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(f64::NAN, |worst, value| {
        if worst.is_nan() || value.abs() > worst.abs() {
            value
        } else {
            worst
        }
    })
}

/// The columns: first those of the whole run, then those of each object.
fn flat(recording: &Recording, folded: &Folded, summary: &Summary) -> Vec<(String, f64)> {
    let mut values: Vec<(String, f64)> = Vec::new();
    of_the_run(recording, folded, summary, &mut |name, value| {
        values.push((name.to_owned(), value));
    });
    of_each_object(recording, summary, &mut |name, value| {
        values.push((name, value));
    });
    values
}

/// Figures of the whole run: of several HPAs or services, counts are added up, times are means
/// over all load steps, everything else is the worst one's.
fn of_the_run(
    recording: &Recording,
    folded: &Folded,
    summary: &Summary,
    put: &mut impl FnMut(&str, f64),
) {
    let (hpas, services, bill) = (&summary.hpas, &summary.services, &summary.bill);
    for place in 0..6 {
        let of = |hpa: &HpaFigures| elasticity_values(&hpa.elasticity)[place].1;
        let name = elasticity_values(&Elasticity::default())[place].0;
        put(name, worst(hpas.iter().map(of)));
    }
    for place in 0..5 {
        let of = |hpa: &HpaFigures| flapping_values(&hpa.flapping)[place].1;
        let name = flapping_values(&Flapping::default())[place].0;
        put(name, hpas.iter().map(of).sum());
    }
    let of_all = hpas.iter().map(|hpa| hpa.latencies);
    let of_all = of_all.reduce(Latencies::and).unwrap_or_default();
    for (name, value) in latencies(&of_all) {
        put(name, value);
    }
    let of_services = |value: &dyn Fn(&ServiceFigures) -> f64| worst(services.iter().map(value));
    put("p50_ms", of_services(&|s| s.latency.p50_ms));
    put("p95_ms", of_services(&|s| s.latency.p95_ms));
    put("p99_ms", of_services(&|s| s.latency.p99_ms));
    put("slo_violation_pct", of_services(&|s| s.slo_violation_pct));
    let (failed, requests) = services.iter().fold((0, 0), |(failed, all), service| {
        (failed + service.failed, all + service.requests)
    });
    put("error_rate_pct", percent(failed as f64, requests as f64));
    let good: u64 = services.iter().map(|service| service.good).sum();
    for (name, value) in [
        ("node_cost", bill.node),
        ("request_cost", bill.request),
        ("idle_share_pct", bill.idle_share_pct),
        ("replica_hours", bill.replica_hours),
        ("node_hours", bill.node_hours),
        ("cost.on_demand", bill.on_demand),
        ("cost.spot", bill.spot),
        ("cost.commitment", bill.commitment),
        ("cost.unused_commitment", bill.unused),
        ("cost.cluster_fee", bill.fee),
        ("cost.idle", bill.idle),
        (
            "cost.per_1000_good_requests",
            1000.0 * bill.node / good as f64,
        ),
        ("cost.ratio_to_clairvoyant", bill.ratio_to_clairvoyant),
        ("cost.ratio_to_static_peak", bill.ratio_to_static_peak),
        ("cost.per_hour", bill.per_hour),
        ("cost.static_nodes", bill.static_nodes),
        ("cost.ratio_to_static_nodes", bill.ratio_to_static_nodes),
        ("spot_interruptions", recording.interruptions.len() as f64),
        ("requests", requests as f64),
        ("failed", failed as f64),
        (
            "unanswered",
            services
                .iter()
                .map(|service| service.unanswered as f64)
                .sum(),
        ),
    ] {
        put(name, value);
    }
    if bill.credits > 0.0 {
        put("cost.credits", bill.credits);
    }
    for (name, value) in Disruptions::of(&folded.workloads).named() {
        put(name, value);
    }
    for place in 0..4 {
        let of = |service: &ServiceFigures| service.slack.named()[place].1;
        let name = Slack::default().named()[place].0;
        put(name, services.iter().map(of).sum());
    }
    if !summary.vpas.is_empty() {
        let lag = worst(summary.vpas.iter().map(|vpa| vpa.recommendation_lag));
        put("recommendation_lag_s", lag);
    }
}

/// The column of an object's figure, `hpa.api.flaps`.
fn of(kind: &str, name: &str, key: &str) -> String {
    [kind, name, key].join(".")
}

fn of_each_object(recording: &Recording, summary: &Summary, put: &mut impl FnMut(String, f64)) {
    let (hpas, services) = (&summary.hpas, &summary.services);
    for (hpa, record) in hpas.iter().zip(&recording.hpas) {
        let name = |key: &str| of("hpa", &hpa.label, key);
        let elasticity = elasticity_values(&hpa.elasticity);
        let flapping = flapping_values(&hpa.flapping);
        for (key, value) in elasticity
            .into_iter()
            .chain(flapping)
            .chain(latencies(&hpa.latencies))
        {
            put(name(key), value);
        }
        for (key, value) in [
            ("flaps_per_hour", hpa.flapping.flaps_per_hour),
            ("churn", hpa.flapping.churn as f64),
            ("min_ready", hpa.ready.0),
            ("mean_ready", hpa.ready.1),
            ("max_ready", hpa.ready.2),
            ("saturated_pct", hpa.saturated_pct),
        ] {
            put(name(key), value);
        }
        for (key, value) in forecast_values(record) {
            put(name(&key), value);
        }
    }
    for service in services {
        for (key, value) in service_values(service) {
            put(of("service", &service.label, key), value);
        }
    }
    for vpa in &summary.vpas {
        for (key, value) in vpa_values(vpa) {
            put(of("vpa", &vpa.label, &key), value);
        }
    }
    for queue in &recording.queues {
        let service = &recording.services[queue.service];
        for (key, value) in queue_values(queue, service, recording) {
            put(of("queue", &queue.name, key), value);
        }
        for (key, value) in cold_starts(queue) {
            put(of("queue", &queue.name, key), value);
        }
    }
    for call in &recording.calls {
        let called = call.called(recording, &summary.labels);
        let caller = &summary.labels.services[call.caller];
        for (key, value) in call_values(call) {
            put(format!("call.{caller}.{called}.{key}"), value);
        }
    }
    for load in &recording.loads {
        for (key, value) in load_values(load) {
            put(of("load", &load.name, key), value);
        }
    }
}

/// Figures of the models beside an HPA; nothing without models.
fn forecast_values(record: &HpaRecord) -> Vec<(String, f64)> {
    if record.forecasts.is_empty() {
        return Vec::new();
    }
    let (syncs, decided) = record.predicted;
    let share = percent(decided as f64, syncs as f64);
    let mut values = vec![("predicted_pct".to_owned(), share)];
    for forecast in &record.forecasts {
        values.push((
            format!("{}.forecasts", forecast.model),
            forecast.count as f64,
        ));
        for (key, value) in [
            ("mae", forecast.mae),
            ("mape_pct", forecast.mape_pct),
            ("smape_pct", forecast.smape_pct),
            ("mase", forecast.mase),
            ("coverage_pct", forecast.coverage_pct),
        ] {
            values.push((format!("{}.{key}", forecast.model), value));
        }
    }
    values
}

fn vpa_values(vpa: &VpaFigures) -> Vec<(String, f64)> {
    let mut values: Vec<(String, f64)> = vpa
        .disruptions
        .named()
        .map(|(name, value)| (name.to_owned(), value))
        .into();
    values.push(("recommendation_lag_s".to_owned(), vpa.recommendation_lag));
    values.push((
        "under_recommended_pct".to_owned(),
        vpa.under_recommended_pct,
    ));
    for container in &vpa.containers {
        for (key, value) in [
            ("cpu_request_cores", container.request.cpu),
            ("cpu_target_cores", container.target.cpu),
            ("memory_request_bytes", container.request.memory),
            ("memory_target_bytes", container.target.memory),
        ] {
            let value = value.unwrap_or(f64::NAN);
            values.push((format!("{}.{key}", container.name), value));
        }
    }
    values
}

fn service_values(service: &ServiceFigures) -> [(&'static str, f64); 18] {
    let [slack_cores, slack_gib, short_cores, short_gib] = service.slack.named();
    let LatencyStats {
        mean_ms,
        p50_ms,
        p95_ms,
        p99_ms,
        max_ms,
        ..
    } = service.latency;
    [
        ("requests", service.requests as f64),
        ("failed", service.failed as f64),
        ("unanswered", service.unanswered as f64),
        ("error_rate_pct", service.error_rate_pct()),
        ("mean_ms", mean_ms),
        ("p50_ms", p50_ms),
        ("p95_ms", p95_ms),
        ("p99_ms", p99_ms),
        ("max_ms", max_ms),
        ("slo_violation_pct", service.slo_violation_pct),
        (
            "good_pct",
            percent(service.good as f64, service.requests as f64),
        ),
        ("cpu_cores", service.cpu_used),
        ("cpu_utilization_pct", service.cpu_utilization_pct),
        ("memory_gib", service.memory_gib),
        slack_cores,
        slack_gib,
        short_cores,
        short_gib,
    ]
}

fn load_values(load: &LoadRecord) -> [(&'static str, f64); 8] {
    let counts = &load.counts;
    let latency = |value: f64| {
        if counts.latency.count == 0 {
            f64::NAN
        } else {
            value
        }
    };
    [
        ("requests", counts.sent as f64),
        ("failed", counts.failed() as f64),
        ("unanswered", counts.unanswered() as f64),
        ("requests_per_second", load.requests_per_second),
        ("mean_ms", latency(counts.latency.mean_ms)),
        ("p50_ms", latency(counts.latency.p50_ms)),
        ("p95_ms", latency(counts.latency.p95_ms)),
        ("p99_ms", latency(counts.latency.p99_ms)),
    ]
}

/// Figures of a queue after the warm-up; the latencies are from production to the end of the task.
/// Figures of a queue's cold starts, if there were any.
fn cold_starts(queue: &QueueRecord) -> Vec<(&'static str, f64)> {
    let starts = &queue.cold_starts;
    if starts.count == 0 {
        return Vec::new();
    }
    let count = starts.count as f64;
    vec![
        ("cold_starts", count),
        ("cold_start_mean_s", starts.total.as_secs_f64() / count),
        ("cold_start_max_s", starts.longest.as_secs_f64()),
    ]
}

fn queue_values(
    queue: &QueueRecord,
    service: &ServiceRecord,
    recording: &Recording,
) -> [(&'static str, f64); 16] {
    let (fold, totals) = (&queue.fold, queue.fold.totals());
    let seconds = fold.samples as f64 * recording.step.as_secs_f64();
    let latency = &service.latency;
    [
        ("produced", totals.produced as f64),
        ("done", totals.done as f64),
        ("dead_lettered", totals.dead_lettered as f64),
        ("lost", totals.lost as f64),
        ("redelivered", totals.redelivered as f64),
        ("retried", totals.retried as f64),
        ("duplicates", totals.duplicates as f64),
        ("done_per_second", totals.done as f64 / seconds),
        ("mean_depth", fold.depth as f64 / fold.samples as f64),
        ("max_depth", fold.max_depth as f64),
        ("end_depth", fold.last.depth() as f64),
        ("max_oldest_s", fold.max_oldest),
        ("max_consumers", f64::from(fold.max_consumers)),
        ("completion_p50_s", latency.p50_ms / 1000.0),
        ("completion_p95_s", latency.p95_ms / 1000.0),
        ("completion_p99_s", latency.p99_ms / 1000.0),
    ]
}

/// Figures of the calls on a way after the warm-up.
fn call_values(call: &CallRecord) -> [(&'static str, f64); 14] {
    let (totals, latency) = (call.totals(), &call.latency);
    [
        ("calls", totals.calls as f64),
        ("attempts", totals.attempts as f64),
        ("answered", totals.answered as f64),
        ("calls_failed", totals.failures() as f64),
        ("retries", totals.retries as f64),
        ("amplification", totals.amplification()),
        ("circuit_opened", totals.opened as f64),
        ("turned_away", totals.turned_away as f64),
        ("max_waiting", call.max_waiting as f64),
        ("max_connections", call.max_connections as f64),
        ("mean_ms", latency.mean_ms),
        ("p50_ms", latency.p50_ms),
        ("p95_ms", latency.p95_ms),
        ("p99_ms", latency.p99_ms),
    ]
}
