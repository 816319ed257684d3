//! What is found of HorizontalPodAutoscalers that cannot do their work.

use super::{Finding, Severity};
use crate::analysis::figures::percent;
use crate::record::HpaRecord;
use crate::record::fold::HpaFolded;

/// From this part of its syncs on, in percent, an HPA fails.
const FAILING: f64 = 50.0;
/// The load varies if its standard deviation is at least this part of its mean.
const VARIES: f64 = 0.3;
/// A metric that correlates less with the load does not follow it.
const FOLLOWS: f64 = 0.2;
/// Samples that a correlation needs.
const SAMPLES: f64 = 20.0;

fn warning(label: &str, text: String) -> Finding {
    Finding {
        severity: Severity::Warning,
        subject: format!("HorizontalPodAutoscaler/{label}"),
        text,
    }
}

/// An HPA whose syncs fail.
pub(super) fn failing(hpa: &HpaRecord, label: &str) -> Option<Finding> {
    let failed: u64 = hpa.failures.iter().map(|failure| failure.count).sum();
    let main = hpa.failures.iter().max_by_key(|failure| failure.count)?;
    if percent(failed as f64, hpa.syncs as f64) < FAILING {
        return None;
    }
    let which = if failed == hpa.syncs {
        format!("failed at every one of its {failed} syncs")
    } else {
        format!("failed at {failed} of its {} syncs", hpa.syncs)
    };
    let text = format!(
        "{which} and scaled nothing then: {} ({})",
        main.reason, main.message
    );
    Some(warning(label, text))
}

/// An HPA none of whose metrics goes up and down with the load.
pub(super) fn not_following(hpa: &HpaRecord, fold: &HpaFolded, label: &str) -> Option<Finding> {
    let metrics = hpa.metric_names.iter().zip(&fold.follows);
    let (name, best) = metrics
        .filter(|(_, follows)| follows.count() >= SAMPLES)
        .max_by(|a, b| a.1.coefficient().total_cmp(&b.1.coefficient()))?;
    let (variation, coefficient) = (best.variation(), best.coefficient());
    (variation >= VARIES && coefficient < FOLLOWS).then(|| {
        let text = format!(
            "{name} does not follow the load, so the replicas do not either: the load varies by {:.0}% around its mean, its correlation with {name} is {coefficient:.2}",
            100.0 * variation
        );
        warning(label, text)
    })
}
