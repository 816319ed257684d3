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
