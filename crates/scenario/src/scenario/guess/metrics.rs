//! `[[metric]]`s for what HPAs ask of the custom and external metrics APIs.

use super::demand::{by_requests, curve, of_hpa, rounded};
use super::survey::{Seen, Survey};
use super::{Demand, MetricGuess, MetricOf, ServiceGuess, SourceGuess};
use crate::api::{LabelSelector, Operator};
use crate::autoscaler::hpa::{HpaSpec, MetricSpec, ValueTarget};

pub(super) fn guess(survey: &Survey, services: &[ServiceGuess]) -> Vec<MetricGuess> {
    let mut made: Vec<MetricGuess> = Vec::new();
    for seen in &survey.workloads {
        let Some((hpa, spec)) = seen.hpa.as_ref().filter(|_| seen.scaled.is_none()) else {
            continue;
        };
        let service = services.iter().find(|one| one.workload == seen.reference);
        for metric in &spec.metrics {
            let Some(one) = one(metric, seen, (hpa, spec), service) else {
                continue;
            };
            let is_known = |other: &MetricGuess| {
                (&other.name, &other.of, &other.labels) == (&one.name, &one.of, &one.labels)
            };
            let is_requests = matches!(one.source, SourceGuess::Requests(_));
            if is_requests && survey.has_request_rule {
                // The adapter's rule makes it of what the pods export.
                continue;
            }
            if !made.iter().any(is_known) {
                made.push(one);
            }
        }
    }
    made
}

fn one(
    metric: &MetricSpec,
    seen: &Seen,
    (hpa, spec): (&str, &HpaSpec),
    service: Option<&ServiceGuess>,
) -> Option<MetricGuess> {
    let (name, selector, of, source) = match metric {
        MetricSpec::Pods {
            name,
            selector,
            average_value,
        } => {
            let of = MetricOf::Pods(seen.reference.clone());
            (name, selector, of, of_pods(*average_value, seen, service))
        }
        MetricSpec::Object {
            name,
            selector,
            object,
            target,
        } => {
            let of = MetricOf::Object(object.kind.clone(), object.name.clone());
            (name, selector, of, whole(*target, hpa, spec))
        }
        MetricSpec::External {
            name,
            selector,
            target,
        } => {
            let source = whole(*target, hpa, spec);
            (name, selector, MetricOf::External, source)
        }
        _ => return None,
    };
    Some(MetricGuess {
        name: name.clone(),
        hpa: hpa.to_owned(),
        of,
        labels: labels(selector.as_ref()),
        source,
    })
}

/// Labels that a selector matches.
fn labels(selector: Option<&LabelSelector>) -> Vec<(String, String)> {
    let Some(selector) = selector else {
        return Vec::new();
    };
    let mut labels = selector.labels.clone();
    for one in &selector.expressions {
        let value = match one.operator {
            Operator::In => one.values.first().cloned(),
            Operator::Exists => Some("true".to_owned()),
            _ => None,
        };
        if let Some(value) = value {
            labels.entry(one.key.clone()).or_insert(value);
        }
    }
    labels.into_iter().collect()
}

/// A metric of each pod: its requests if it has any, or values around the target.
fn of_pods(milli: i64, seen: &Seen, service: Option<&ServiceGuess>) -> SourceGuess {
    let is_asked = |one: &&ServiceGuess| matches!(one.demand, Demand::Load(_) | Demand::Job { .. });
    if let Some(service) = service.filter(is_asked)
        && by_requests(seen).is_some()
    {
        return SourceGuess::Requests(service.called().to_owned());
    }
    let target = milli as f64 / 1000.0;
    SourceGuess::Series(rounded(curve(0.6 * target, 1.3 * target)))
}

/// A metric of everything together.
fn whole(target: ValueTarget, hpa: &str, spec: &HpaSpec) -> SourceGuess {
    let points = match target {
        ValueTarget::AverageValue(milli) => {
            let range = of_hpa(hpa, spec, milli as f64 / 1000.0);
            curve(range.low, range.high)
        }
        ValueTarget::Value(milli) => {
            let target = milli as f64 / 1000.0;
            curve(0.6 * target, 1.3 * target)
        }
    };
    SourceGuess::Series(rounded(points))
}
