//! Kind `hpa`: recorded reconciles of the upstream controller, replayed step by step.
//!
//! A line is a case; its steps carry the inputs (scale, pods, metric answers) and the
//! stored outputs. Pods and metrics always come from the file; status, recommendations and
//! scale events are our own.

mod compare;
mod input;
mod pod_table;

use std::fmt::Write;

use super::{Difference, ReplayError, Report};
use crate::autoscaler::hpa::{Behavior, Controller, HpaSpec};

/// Replays every case of a JSON Lines recording.
pub(super) fn replay(text: &str) -> Result<Report, ReplayError> {
    super::lines::replay(text, replay_case)
}

fn replay_case(case: &input::Case, report: &mut Report) -> Result<(), serde_json::Error> {
    let (spec, completed) = case.spec()?;
    let mut wrong_completion = differing_completion(&spec, completed.as_ref());
    let mut controller = Controller::new(spec, case.cfg.to_config()?);
    let mut pods = pod_table::PodTable::new(case)?;
    let mut expected = compare::Expected::default();
    for (index, step) in case.steps.iter().enumerate() {
        if let Some((spec, completed)) = step.spec()? {
            wrong_completion = differing_completion(&spec, completed.as_ref());
            controller.set_spec(spec);
        }
        pods.apply(step)?;
        let now = input::time(step.t);
        let spec = controller.spec().clone();
        let decision = pods.observe(step, &spec, |observation| {
            controller.reconcile(observation, now, |_| {
                step.up_err.clone().map_or(Ok(()), Err)
            })
        })?;
        expected.advance(&step.o);
        let difference = wrong_completion
            .take()
            .or_else(|| expected.compare(&step.o, &decision, &controller))
            .map(|(field, expected, got)| Difference {
                place: format!("{} step {index} (t={} ms) {field}", case.id, step.t),
                expected,
                got,
                input: abridge(step),
            });
        report.step(difference);
    }
    Ok(())
}

/// Whether the behavior was completed as the API server did it.
fn differing_completion(spec: &HpaSpec, completed: Option<&Behavior>) -> compare::Found {
    let ours = spec.behavior.as_ref();
    compare::differs("behaviorDefaulted", &completed, &ours)
}

/// What led to a difference, on one line.
fn abridge(step: &input::Step) -> String {
    let mut text = format!("sc={:?} res={}", step.sc, step.res);
    for (name, answers) in [("pm", &step.pm), ("om", &step.om), ("em", &step.em)] {
        if !answers.is_empty() {
            let answers = serde_json::to_string(answers).unwrap_or_default();
            let _ = write!(text, " {name}={answers}");
        }
    }
    if let Some((end, _)) = text.char_indices().nth(400) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A recording of one case with a Pods metric, an average of 1 wanted.
    fn recording(steps: &Value) -> String {
        json!({
            "id": "case",
            "cfg": {
                "tolerance": "0.1",
                "cpuInitializationPeriodSeconds": 300,
                "initialReadinessDelaySeconds": 30,
                "downscaleStabilizationWindowSeconds": 300,
                "scaleToZero": false,
                "configurableTolerance": true,
            },
            "hpa": {
                "maxReplicas": 10,
                "metrics": [{ "type": "Pods", "name": "rps", "averageValueMilli": 1000 }],
            },
            "templates": { "a": [["app", 100, null]] },
            "steps": steps,
        })
        .to_string()
    }

    fn differences(steps: &Value) -> Vec<(String, String)> {
        let report = replay(&recording(steps)).expect("a recording");
        let short = |found: Difference| {
            let field = found.place.rsplit(' ').next().unwrap_or_default();
            (field.to_owned(), found.got)
        };
        report.differences.into_iter().map(short).collect()
    }

    #[test]
    fn a_status_set_anew_within_the_stored_second_is_written() {
        let gone = |t: i64, error: &str| {
            json!({
                "t": t, "sc": [20, 20], "upErr": "no", "o": {
                    "cur": 20, "des": 0, "cm": [], "err": error,
                    "cond": { "AbleToScale": ["False", "FailedUpdateScale",
                        "the HPA controller was unable to update the target scale: no", 1000] },
                    "ev": [["Warning", "FailedRescale",
                        "New size: 10; reason: Current number of replicas above Spec.MaxReplicas; error: no"]],
                },
            })
        };
        let error = "failed to rescale Deployment/default/web: no";
        let same_second = json!([gone(1200, error), gone(1200, error)]);
        assert_eq!(differences(&same_second), []);
        let on_the_second = json!([gone(1000, error), gone(1000, error)]);
        assert_eq!(
            differences(&on_the_second),
            [("noUpdate".to_owned(), "true".to_owned())]
        );
    }

    #[test]
    fn a_pod_that_is_gone_and_listed_twice_counts_once() {
        let message =
            "the HPA was able to successfully calculate a replica count from pods metric rps";
        let step = json!([{
            "t": 0, "sc": [1, 1], "put": [{ "n": "web-0", "c": "a" }],
            "pm": { "rps": { "v": [["web-0", 900], ["gone", 5000], ["gone", 1200]] } },
            "o": {
                "p": 1, "pn": "pods metric rps", "cur": 1, "des": 1, "cm": [["Pods", "rps", 1050]],
                "cond": {
                    "AbleToScale": ["True", "ReadyForNewScale", "recommended size matches current size", 0],
                    "ScalingActive": ["True", "ValidMetricFound", message, 0],
                    "ScalingLimited": ["False", "DesiredWithinRange",
                        "the desired count is within the acceptable range", 0],
                },
            },
        }]);
        assert_eq!(differences(&step), []);
    }

    #[test]
    fn a_status_whose_selector_alone_changes_is_written() {
        let message =
            "the HPA was able to successfully calculate a replica count from pods metric rps";
        let first = json!({
            "t": 0, "sc": [1, 1], "put": [{ "n": "web-0", "c": "a" }],
            "pm": { "rps": { "v": [["web-0", 900]] } },
            "o": {
                "p": 1, "pn": "pods metric rps", "cur": 1, "des": 1, "cm": [["Pods", "rps", 900]],
                "cond": {
                    "AbleToScale": ["True", "ReadyForNewScale", "recommended size matches current size", 0],
                    "ScalingActive": ["True", "ValidMetricFound", message, 0],
                    "ScalingLimited": ["False", "DesiredWithinRange",
                        "the desired count is within the acceptable range", 0],
                },
            },
        });
        let mut second = first.clone();
        second["t"] = json!(15_000);
        second["put"] = json!([]);
        second["hpa"] = json!({
            "maxReplicas": 10,
            "metrics": [{ "type": "Pods", "name": "rps", "selector": { "app": "web" },
                "averageValueMilli": 1000 }],
        });
        assert_eq!(differences(&json!([first, second])), []);
    }

    #[test]
    fn a_row_without_its_parts_is_told_not_a_panic() {
        let step = |key: &str, answer: Value| {
            let mut step = json!({ "t": 0, "sc": [1, 1], "o": { "cur": 1, "des": 1 } });
            step[key] = answer;
            recording(&json!([step]))
        };
        for broken in [
            step("res", json!({ "u": [[]] })),
            step("res", json!({ "u": [["web-0", "app", 1, 1]], "w": 1.5 })),
            step("pm", json!({ "rps": { "v": [[]] } })),
            step("pm", json!({ "rps": { "v": [["web-0"]] } })),
        ] {
            assert!(replay(&broken).is_err(), "{broken}");
        }
    }
}
