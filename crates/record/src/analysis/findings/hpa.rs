//! What is found of HorizontalPodAutoscalers that cannot do their work.

use super::{Finding, Severity};
use crate::analysis::figures::{HpaFigures, percent};
use crate::record::fold::HpaFolded;
use crate::record::{HpaRecord, MetricWindow};
use crate::sim::SimDuration;

/// From this part of its syncs on, in percent, an HPA fails.
const FAILING: f64 = 50.0;
/// The load varies if its standard deviation is at least this part of its mean.
const VARIES: f64 = 0.3;
/// A metric that correlates less with the load does not follow it.
const FOLLOWS: f64 = 0.2;
/// Samples that a correlation needs.
const SAMPLES: f64 = 20.0;

/// From this time on a metric makes an HPA late.
const LONG: SimDuration = SimDuration::from_secs(60);

/// When a metric over a window shows a step of the load, in words, and when all of it at the latest;
/// none for a function that a step does not go through.
///
/// With a sample every I, the last one before the step is up to I old. It leaves a window W within W
/// of the step and not before W - I; the two last samples are both of after the step within 2 I.
fn shows(metric: &MetricWindow) -> Option<(String, SimDuration)> {
    let (window, interval) = (metric.window, metric.interval);
    let of_all = || {
        format!(
            "half of it after about {}, all of it after {} to {window}",
            SimDuration(window.0 / 2),
            window - interval.min(window),
        )
    };
    let (text, all) = match metric.function {
        "rate" | "increase" | "delta" | "deriv" | "avg_over_time" | "sum_over_time"
        | "quantile_over_time" => (of_all(), window),
        "irate" | "idelta" => {
            let all = interval + interval;
            (format!("all of it after {interval} to {all}"), all)
        }
        "max_over_time" => {
            let earliest = window - interval.min(window);
            let text =
                format!("all of it if the load rises, after {earliest} to {window} if it falls");
            (text, window)
        }
        _ => return None,
    };
    Some((text, all))
}

/// How late a metric over a window shows a step of the load, if there is one.
pub(super) fn late(hpa: &HpaRecord, figures: Option<&HpaFigures>, label: &str) -> Option<Finding> {
    let shown = hpa
        .windows
        .iter()
        .filter_map(|one| Some((one, shows(one)?)));
    let (of, (shown, all)) = shown.max_by_key(|(_, (_, all))| *all)?;
    if all < LONG || hpa.load_steps.is_empty() {
        return None;
    }
    let MetricWindow {
        metric,
        function,
        window,
        interval,
    } = of;
    let [first, full, ..] = figures
        .map(|figures| figures.latencies.means)
        .unwrap_or_default();
    let decided = if first.count == 0 || full.count == 0 {
        String::new()
    } else {
        format!(
            " Here the first decision came {:.0} s after a step, the last one {:.0} s after it.",
            first.value(),
            full.value()
        )
    };
    let advice = match *function {
        "irate" | "idelta" => "Samples that are closer to one another react sooner",
        _ => "A shorter window over samples that are closer to one another reacts sooner",
    };
    Some(Finding {
        severity: Severity::Info,
        subject: format!("HorizontalPodAutoscaler/{label}"),
        text: format!(
            "{metric} is `{function}` over {window} of samples every {interval}: a step of the load begins to show after up to {interval}, {shown}.{decided} {advice}"
        ),
    })
}

/// More replicas than all nodes could hold that there may ever be.
pub(super) fn too_many(hpa: &HpaRecord, label: &str, grows: bool) -> Option<Finding> {
    let (holdable, most) = (hpa.holdable?, hpa.bounds.1);
    (i64::from(most) > holdable).then(|| {
        let nodes = if grows {
            "all node groups at their max hold"
        } else {
            "the nodes hold"
        };
        Finding {
            severity: Severity::Info,
            subject: format!("HorizontalPodAutoscaler/{label}"),
            text: format!(
                "its maxReplicas of {most} cannot be reached: {nodes} {holdable} of its pods, without any others"
            ),
        }
    })
}

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
        format!("failed at all {failed} syncs, so it never scaled")
    } else {
        format!(
            "failed at {failed} of its {} syncs, and did not scale then",
            hpa.syncs
        )
    };
    let text = format!("{which}: {} ({})", main.reason, main.message);
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
