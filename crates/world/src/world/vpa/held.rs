//! Why pods were left as they are, for the recording.

use super::Simulation;
use crate::autoscaler::vpa::updater::Held;
use crate::autoscaler::vpa::{Container, Recommendation, UpdaterFlags, VpaSpec};
use crate::record::HeldBy;

/// The reason with the setting that was in force.
fn with_setting(held: Held, spec: &VpaSpec, flags: &UpdaterFlags) -> HeldBy {
    match held {
        Held::Gate => HeldBy::Gate(spec.update_mode.name()),
        Held::NoRecommendation => HeldBy::NoRecommendation,
        Held::MinReplicas => HeldBy::MinReplicas(spec.min_replicas.unwrap_or(flags.min_replicas)),
        Held::NoReplicas => HeldBy::NoReplicas,
        Held::Tolerance => HeldBy::Tolerance(flags.eviction_tolerance),
        Held::Pending => HeldBy::Pending,
        Held::ResizeUnderWay => HeldBy::ResizeUnderWay,
        Held::Infeasible => HeldBy::Infeasible,
        Held::Boosted => HeldBy::Boosted,
        Held::AtTarget => HeldBy::AtTarget,
        Held::Young => HeldBy::Young(flags.in_recommendation_bounds_eviction_lifetime_threshold),
        Held::SmallDifference => HeldBy::SmallDifference(flags.pod_update_threshold),
        Held::EvictionRequirements => HeldBy::EvictionRequirements,
        Held::RateLimit => HeldBy::RateLimit(flags.eviction_rate_limit),
        Held::EvictionRefused => HeldBy::EvictionRefused,
        Held::ResizeRefused => HeldBy::ResizeRefused,
    }
}

/// Whether a pod requests other than what is recommended.
pub(super) fn differs(containers: &[Container<'_>], recommendations: &[Recommendation]) -> bool {
    let mut containers = containers.iter();
    containers.any(|container| {
        let mut own = recommendations.iter();
        let own = own.find(|one| one.container_name == container.name);
        own.is_some_and(|own| {
            let mut target = own.target.iter();
            target.any(|(resource, amount)| container.requests.get(resource) != Some(amount))
        })
    })
}

impl Simulation<'_> {
    /// Counts why the updater has left pods of a VPA as they are, and whether they request other
    /// than what is recommended: that is then what they may have of it.
    pub(super) fn hold(
        &mut self,
        index: usize,
        spec: &VpaSpec,
        reasons: impl Iterator<Item = (Held, bool)>,
    ) {
        let flags = &self.scenario.controllers.vpa.updater;
        if let Some(record) = self.vpas.all[index].record {
            let recording = &mut self.recorder.recording;
            let at_last = recording.is_last_quarter(self.queue.now());
            let record = &mut recording.vpas[record];
            for (held, capped) in reasons {
                let held = match with_setting(held, spec, flags) {
                    HeldBy::AtTarget if capped => HeldBy::LimitRange,
                    held => held,
                };
                record.hold(held, 1, at_last);
            }
        }
    }

    /// Counts why the updater has left all pods of a VPA's target as they are.
    pub(super) fn hold_all(&mut self, index: usize, reason: HeldBy) {
        let vpa = &self.vpas.all[index];
        if let (Ok(target), Some(record)) = (&vpa.target, vpa.record) {
            let pods = self.store.workload(target.workload).counts.replicas();
            let recording = &mut self.recorder.recording;
            let at_last = recording.is_last_quarter(self.queue.now());
            recording.vpas[record].hold(reason, u64::from(pods), at_last);
        }
    }
}
