//! What is found of requests: answers that never come, failures, missed objectives.

use super::{Finding, Severity};
use crate::analysis::figures::percent;
use crate::record::fold::ServiceFold;
use crate::record::{LoadRecord, Recording, ServiceRecord};
use crate::sim::{SimDuration, SimTime};

/// From this part of the windows on, in percent, missing an objective is worth a word.
const MISSED: f64 = 1.0;
/// From this part on it is a warning.
const MISSED_OFTEN: f64 = 5.0;
/// Work that comes is more than what is done from this factor on.
const MORE: f64 = 1.05;
/// From this part of what pods request on, CPU that they used may be what was too little.
const BUSY: f64 = 0.5;

/// A count with commas between groups of three digits.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn warning(label: &str, text: String) -> Finding {
    Finding {
        severity: Severity::Warning,
        subject: format!("service/{label}"),
        text,
    }
}

/// Requests that are still waiting at the end, for longer than a minute.
pub(super) fn unanswered(
    service: &ServiceRecord,
    fold: &ServiceFold,
    label: &str,
) -> Option<Finding> {
    let share = fold.overdue as f64 / fold.requests.max(1) as f64;
    if share <= service.objective.error_rate.min(0.5) {
        return None;
    }
    let why = overload(fold).unwrap_or_else(|| {
        let (inside, queued) = fold.inside;
        format!(
            "it is overloaded, {} requests were in its pods at the end and {} waited for a slot",
            count(u64::from(inside)),
            count(u64::from(queued))
        )
    });
    let text = format!(
        "{} of its {} requests were never answered ({:.1}%): {why}",
        count(fold.unanswered),
        count(fold.requests),
        percent(fold.unanswered as f64, fold.requests as f64),
    );
    Some(warning(label, text))
}

/// Why pods cannot keep up, if their requests ask for more CPU than they used: it is the CPU only
/// where they used much of what they request.
fn overload(fold: &ServiceFold) -> Option<String> {
    // A pod that runs uses some CPU.
    if fold.samples > 0 && fold.cpu_used <= 0.0 {
        return Some("it had no running pod".to_owned());
    }
    let samples = fold.samples.max(1) as f64;
    let [offered, used, requested] =
        [fold.cpu_offered, fold.cpu_used, fold.cpu_requested].map(|sum| sum / samples);
    if offered <= MORE * used {
        None
    } else if used >= BUSY * requested {
        Some(format!(
            "it is overloaded, its requests ask for {offered:.2} cores of CPU and its pods used {used:.2}"
        ))
    } else {
        (fold.most_queued > 0).then(|| {
            format!(
                "it is overloaded, up to {} requests waited for a slot while its pods used {used:.2} of the {requested:.2} cores that they request",
                count(u64::from(fold.most_queued))
            )
        })
    }
}

/// More failed requests than the objective allows.
pub(super) fn failures(
    service: &ServiceRecord,
    fold: &ServiceFold,
    label: &str,
) -> Option<Finding> {
    let (failed, all) = (fold.failed, fold.requests);
    let (rate, allowed) = (
        percent(failed as f64, all as f64),
        100.0 * service.objective.error_rate,
    );
    let text = || {
        let why = overload(fold).map_or(String::new(), |why| format!(": {why}"));
        format!(
            "{rate:.2}% of its requests failed ({} of {}), the objective allows {allowed}%{why}",
            count(failed),
            count(all),
        )
    };
    (rate > allowed).then(|| warning(label, text()))
}

/// Requests beyond the rate limits of pods.
pub(super) fn limited(fold: &ServiceFold, label: &str) -> Option<Finding> {
    let text = || {
        format!(
            "{} of its {} requests came beyond the rate limits of its pods and got 429 ({:.2}%): more pods let more through, and their CPU does not show it. Scale on what comes, not on what is let in",
            count(fold.limited),
            count(fold.requests),
            percent(fold.limited as f64, fold.requests as f64),
        )
    };
    (fold.limited > 0).then(|| warning(label, text()))
}

/// A latency objective that is not met.
pub(super) fn objective_missed(
    service: &ServiceRecord,
    fold: &ServiceFold,
    step: SimDuration,
    label: &str,
) -> Option<Finding> {
    let limit = service.objective.latency?;
    let share = percent(f64::from(fold.violated), f64::from(fold.windows));
    if share < MISSED {
        return None;
    }
    let percentile = service.objective.percentile;
    let overall = if service.latency.count == 0 {
        String::new()
    } else {
        let ms = service.latency.slo_ms;
        let ms = count(ms.round() as u64);
        format!("; over the whole run it is {ms} ms for requests that succeeded")
    };
    let text = format!(
        "p{percentile} of the latency was above the objective of {limit} in {} of {} windows of {step} ({share:.1}%){overall}",
        fold.violated, fold.windows,
    );
    let mut finding = warning(label, text);
    if share < MISSED_OFTEN {
        finding.severity = Severity::Info;
    }
    Some(finding)
}

/// A load that sent nothing.
pub(super) fn silent(recording: &Recording, load: &LoadRecord) -> Option<Finding> {
    let end = SimTime::ZERO + recording.duration;
    let why = if load.started >= end {
        format!("it starts at {}, and the run ends at {end}", load.started)
    } else if load.ended == Some(load.started) {
        "its rate is 0 all the time".to_owned()
    } else {
        let until = load.ended.unwrap_or(end);
        format!("from {} to {until}", load.started)
    };
    (load.sent == 0).then(|| Finding {
        severity: Severity::Warning,
        subject: format!("load/{}", load.name),
        text: format!("sent no request: {why}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_without_pods_is_not_called_overloaded() {
        let told = |cpu_used| overload(&service(cpu_used));
        assert_eq!(told(0.0).as_deref(), Some("it had no running pod"));
        let more = told(5.0).unwrap_or_default();
        assert!(more.starts_with("it is overloaded"), "{more}");
        assert_eq!(told(10.0), None);
    }

    /// Ten samples of a core offered and half a core requested.
    fn service(cpu_used: f64) -> ServiceFold {
        let mut fold = ServiceFold::default();
        (fold.samples, fold.cpu_offered, fold.cpu_requested) = (10, 10.0, 5.0);
        fold.cpu_used = cpu_used;
        fold
    }

    #[test]
    fn cpu_is_not_blamed_where_pods_hardly_used_it() {
        let told = |most_queued| {
            let mut fold = service(2.0);
            fold.most_queued = most_queued;
            overload(&fold)
        };
        assert_eq!(
            told(1200).as_deref(),
            Some(
                "it is overloaded, up to 1,200 requests waited for a slot while its pods used 0.20 of the 0.50 cores that they request"
            )
        );
        assert_eq!(told(0), None);
    }
}
