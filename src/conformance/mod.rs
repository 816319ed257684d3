//! Replays recorded decisions and measurements of the real systems and counts the steps
//! in which nlsim differs.
//!
//! One file per kind of recording; [`replay`] is the only entrance, for the command line
//! and the tests alike. A recording is JSON text: JSON Lines for the controllers, one
//! document for the tables. The kind is named as the file's stem (`rs_scale_down_ranking`)
//! or, for the controllers, as the controller (`hpa`, `vpa-recommender`).

mod cluster_autoscaler;
mod hpa;
mod karpenter;
mod keda;
mod kubectl;
mod kubectl_objects;
mod kubelet;
mod lines;
mod measured;
mod metrics_server_pod_metrics;
mod predictive;
mod prometheus;
mod prometheus_adapter;
mod reports;
mod rollout;
mod scheduling;
mod substrate;
mod table;
mod vpa_admission;
mod vpa_input;
mod vpa_recommender;
mod vpa_updater;

use std::fmt;

/// One step in which the answer differs from the recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where: case id, step and field.
    pub place: String,
    /// What the recording says.
    pub expected: String,
    /// What nlsim answered.
    pub got: String,
    /// The input that led there, abridged.
    pub input: String,
}

/// What a replay found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Recorded cases replayed.
    pub cases: u64,
    /// Steps in them; a table's row is one step.
    pub steps: u64,
    /// Steps whose every compared field is equal.
    pub equal: u64,
    /// The first difference of each differing step.
    pub differences: Vec<Difference>,
}

impl Report {
    /// Counts one step: equal, or different with the first difference found in it.
    pub fn step(&mut self, difference: Option<Difference>) {
        self.steps += 1;
        match difference {
            None => self.equal += 1,
            Some(difference) => self.differences.push(difference),
        }
    }

    /// Adds the counts and differences of another report.
    pub fn merge(&mut self, other: Self) {
        self.cases += other.cases;
        self.steps += other.steps;
        self.equal += other.equal;
        self.differences.extend(other.differences);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cases,
            steps,
            equal,
            differences,
        } = self;
        write!(
            f,
            "cases {cases} steps {steps} equal {equal} differ {}",
            differences.len()
        )
    }
}

/// Why a recording could not be replayed at all.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// No such kind of recording.
    #[error("unknown kind \"{given}\"; the kinds are: {}", kinds().collect::<Vec<_>>().join(", "))]
    UnknownKind {
        /// What was asked for.
        given: String,
    },
    /// The text is not a recording of this kind.
    #[error("line {line}: {source}")]
    Malformed {
        /// Line in the file, counted from 1.
        line: usize,
        /// What serde found.
        source: serde_json::Error,
    },
}

/// A replay of one recording's text.
type Replay = fn(&str) -> Result<Report, ReplayError>;

/// Every kind of recording, by name.
const REPLAYS: &[(&str, Replay)] = &[
    ("hpa", hpa::replay),
    ("keda_hpa", keda::hpa),
    ("keda_loops", keda::loops),
    ("keda_scale_loop", keda::scale_loop),
    ("keda_scaledjob", keda::scaled_job),
    ("keda_fallback", keda::fallback),
    ("keda_scaling_modifiers", keda::scaling_modifiers),
    ("keda_cron", keda::cron),
    ("keda_triggers", keda::triggers),
    ("vpa-recommender", vpa_recommender::replay),
    ("vpa-admission", vpa_admission::replay),
    ("vpa-updater", vpa_updater::replay),
    ("ca_binpacking", cluster_autoscaler::binpacking),
    ("ca_expanders", cluster_autoscaler::expanders),
    ("ca_balance", cluster_autoscaler::balance),
    ("ca_backoff", cluster_autoscaler::backoff),
    ("ca_drain", cluster_autoscaler::drain),
    ("ca_unneeded", cluster_autoscaler::unneeded),
    ("ca_utilization", cluster_autoscaler::utilization),
    ("ca_loops", cluster_autoscaler::loops),
    (
        "metrics_server_pod_metrics",
        metrics_server_pod_metrics::replay,
    ),
    ("rs_scale_down_ranking", substrate::ranking),
    ("slow_start_batch", substrate::slow_start_batch),
    ("pdb_math", substrate::pdb_math),
    ("eviction_api", substrate::eviction_api),
    ("crashloop_backoff", substrate::crashloop_backoff),
    ("rollout_fenceposts", rollout::fenceposts),
    ("rollout_new_rs", rollout::new_rs),
    (
        "rollout_proportional_scaling",
        rollout::proportional_scaling,
    ),
    ("rollout_steps", rollout::steps),
    (
        "scheduler_resource_scores",
        scheduling::scheduler_resource_scores,
    ),
    (
        "scheduler_topology_spread_default",
        scheduling::scheduler_topology_spread_default,
    ),
    ("cpu_weight", scheduling::cpu_weight),
    ("metrics_elasticity", reports::metrics_elasticity),
    ("metrics_elastic_speedup", reports::metrics_elastic_speedup),
    ("metrics_flapping", reports::metrics_flapping),
    ("metrics_scaling_latency", reports::metrics_scaling_latency),
    ("metrics_slo", reports::metrics_slo),
    ("cost_node", reports::cost_node),
    (
        "cost_opencost_allocation",
        reports::cost_opencost_allocation,
    ),
    ("cost_request", reports::cost_request),
    ("cost_spot_hazard", reports::cost_spot_hazard),
    ("predictive_holt_winters", predictive::holt_winters),
    ("predictive_linear", predictive::linear),
    ("predictive_decision_type", predictive::decision_type),
    ("karpenter_budgets", karpenter::budgets),
    (
        "kubelet_memory_eviction_rank",
        kubelet::memory_eviction_rank,
    ),
    ("node_allocatable_formula", kubelet::node_allocatable),
    ("human_age", kubectl::human_age),
    ("kubectl_get_hpa_targets", kubectl::get_hpa_targets),
    ("kubectl_pod_status", kubectl::pod_status),
    ("kubectl_tables", kubectl::tables),
    ("kubectl_top", kubectl::top),
    ("kubectl_describe_hpa", kubectl::describe_hpa),
    ("kubectl_describe_vpa", kubectl::describe_vpa),
    ("measured", measured::replay),
    ("prometheus_rate", prometheus::rate),
    ("prometheus_queries", prometheus::queries),
    ("prometheus_adapter", prometheus_adapter::replay),
];

/// The names of all kinds.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    REPLAYS.iter().map(|(kind, _)| *kind)
}

/// Replays one recording.
pub fn replay(kind: &str, text: &str) -> Result<Report, ReplayError> {
    let unknown = || ReplayError::UnknownKind {
        given: kind.to_owned(),
    };
    let (_, replay) = REPLAYS
        .iter()
        .find(|(name, _)| *name == kind)
        .ok_or_else(unknown)?;
    replay(text)
}
