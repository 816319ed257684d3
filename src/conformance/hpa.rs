//! Kind `hpa`: recorded reconciles of the upstream controller, replayed step by step.
//!
//! A line is a case; its steps carry the inputs (scale, pods, metric answers) and the
//! stored outputs. Pods and metrics always come from the file; status, recommendations and
//! scale events are our own.

mod compare;
mod input;

use super::{Difference, ReplayError, Report};
use crate::autoscaler::hpa::Controller;

/// Replays every case of a JSON Lines recording.
pub(super) fn replay(text: &str) -> Result<Report, ReplayError> {
    let mut report = Report::default();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let malformed = |source| ReplayError::Malformed {
            line: index + 1,
            source,
        };
        let case: input::Case = serde_json::from_str(line).map_err(malformed)?;
        report.cases += 1;
        replay_case(&case, &mut report).map_err(malformed)?;
    }
    Ok(report)
}

fn replay_case(case: &input::Case, report: &mut Report) -> Result<(), serde_json::Error> {
    let mut controller = Controller::new(case.hpa.to_spec()?, case.cfg.to_config()?);
    let mut world = input::World::new(case)?;
    let mut expected = compare::Expected::default();
    for (index, step) in case.steps.iter().enumerate() {
        if let Some(hpa) = &step.hpa {
            controller.set_spec(hpa.to_spec()?);
        }
        world.apply(step)?;
        let now = input::time(step.t);
        let spec = controller.spec().clone();
        let decision = world.observe(step, &spec, |observation| {
            controller.reconcile(observation, now, |_| {
                step.up_err.clone().map_or(Ok(()), Err)
            })
        })?;
        expected.advance(&step.o);
        let difference =
            expected
                .compare(&step.o, &decision, &controller)
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

fn abridge(step: &input::Step) -> String {
    let mut text = format!("sc={:?} res={}", step.sc, step.res);
    if text.len() > 400 {
        let end = (0..=400)
            .rev()
            .find(|&end| text.is_char_boundary(end))
            .unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}
