//! Carrying a plan out.
//!
//! Source: `core/scaleup/orchestrator/executor.go`, `utils/errors/errors.go`.

use super::orchestrator::ScaleUp;
use super::status::ScaleUpInfo;
use crate::autoscaler::cluster_autoscaler::events::Involved;
use crate::autoscaler::cluster_autoscaler::model::GroupId;

impl ScaleUp<'_, '_> {
    /// Grows the groups one after the other; answers the groups that failed, and how. The first
    /// failure ends it, unless all are grown at the same time.
    pub(super) fn execute(&mut self, plan: &[ScaleUpInfo]) -> Result<(), (Vec<GroupId>, String)> {
        let (mut failed, mut errors) = (Vec::new(), Vec::new());
        for info in plan {
            if let Err(error) = self.execute_one(info) {
                failed.push(info.group);
                errors.push(error);
                if !self.options.parallel_scale_up {
                    break;
                }
            }
        }
        if failed.is_empty() {
            return Ok(());
        }
        Err((failed, combined(errors)))
    }

    fn execute_one(&mut self, info: &ScaleUpInfo) -> Result<(), String> {
        let now = self.seen.now;
        let ScaleUpInfo {
            group,
            current,
            new,
            max,
        } = *info;
        let name = &self.seen.group(group).name;
        let message = format!(
            "Scale-up: setting group {name} size to {new} instead of {current} (max: {max})"
        );
        self.events
            .normal(now, "ScaledUpGroup", Involved::Status, message);
        let increase = new - current;
        if let Err(error) = self.outside.increase_size(now, group, increase) {
            let message = format!("Scale-up failed for group {name}: {error}");
            self.events
                .warning(now, "FailedToScaleUpGroup", Involved::Status, message);
            let error = format!("failed to increase node group size: {error}");
            self.registry
                .register_failed_scale_up(group, "cloudProviderError", &error, now);
            return Err(error);
        }
        self.registry
            .register_scale_up(self.seen, self.options, group, increase);
        self.local_delays.register_scale_up(group, now);
        let message =
            format!("Scale-up: group {name} size set to {new} instead of {current} (max: {max})");
        self.events
            .normal(now, "ScaledUpGroup", Involved::Status, message);
        Ok(())
    }
}

/// Several errors of one kind as one (`Combine`).
fn combined(mut errors: Vec<String>) -> String {
    errors.sort_unstable();
    let first = errors.first().cloned().unwrap_or_default();
    if errors.iter().all(|error| *error == first) {
        return first;
    }
    let others = errors.iter().skip(1);
    let others: Vec<String> = others.map(|error| format!("\"{error}\"")).collect();
    format!("{first} ...and other errors: [{}]", others.join(", "))
}
