//! Kind `ca_loops`: whole loops of the real autoscaler under a fake clock; a loop is a step.
//!
//! Each loop repeats its full input; what the autoscaler remembers is carried from loop to loop.
//! The cloud and the API server answer by the recording's rules: increases fail in the recorded
//! windows, targets do not fall below existing instances, budgets refuse evictions, taints that
//! the recording says failed fail.

mod cast;
mod flags;
mod input;
mod output;
mod outside;
mod own_taints;

use std::sync::Arc;

use cast::Cast;
use input::{Case, LoopJson};
use output::Said;
use outside::Recorded;
use serde_json::Value;

use super::super::{Difference, ReplayError, Report};
use crate::autoscaler::cluster_autoscaler::{
    Controller, Event, Node, Observation, Outside, Pdb, Pod, StaticAutoscaler,
};
use crate::sim::{SimDuration, SimTime};

/// Replays every loop of every case.
pub(in crate::conformance) fn replay(text: &str) -> Result<Report, ReplayError> {
    super::super::lines::replay(text, |case, report| {
        replay_case(case, report);
        Ok(())
    })
}

/// What a loop sees, but for what changes between loops.
struct Scene {
    nodes: Vec<Node>,
    pods: Vec<Pod>,
    pending: Vec<u32>,
    pdbs: Vec<Pdb>,
    controllers: Vec<Option<Controller>>,
}

fn replay_case(case: &Case, report: &mut Report) {
    let (mut cast, errors) = Cast::new(case);
    for error in errors {
        report.step(Some(Difference {
            place: format!("{} options", case.id),
            expected: "flags that the autoscaler knows".to_owned(),
            got: error.to_string(),
            input: format!("{:?}", case.options),
        }));
    }
    let options = cast.options.clone();
    let mut autoscaler = StaticAutoscaler::new(options, SimTime::ZERO);
    let mut outside = Recorded::new(case);
    for (index, recorded) in case.loops.iter().enumerate() {
        let now = seconds(recorded.input.t);
        outside.taints.begin(&mut cast, recorded);
        let scene = cast.scene(recorded, &outside.taints);
        outside.begin(&mut cast, recorded, &scene.pods);
        if index == 0 {
            // The instances were read once when the autoscaler was created.
            between(&mut autoscaler, &cast, &scene, &mut outside, now);
        }
        let seen = cast.observation(&scene, now);
        let loop_report = autoscaler.run_once(&seen, &mut outside, &mut |_| 0);
        let calls = outside.take_calls();
        let got = Said {
            cast: &cast,
            seen: &seen,
            autoscaler: &autoscaler,
        };
        let out = got.out(&loop_report, &calls);
        let next = case.loops.get(index + 1);
        // When the next loop would have begun is not recorded: the last entry tells how far to go.
        let last = || seconds(output::last_time(recorded.after.as_ref()));
        let until = next.map_or_else(last, |next| seconds(next.input.t));
        outside.look_ahead(&mut cast, next);
        let events = between(&mut autoscaler, &cast, &scene, &mut outside, until);
        let calls = outside.take_calls();
        let evictions = outside.take_evictions(&cast);
        let after = output::after(&cast, &scene.pods, &events, &calls, &evictions);
        let taints = next.and_then(|next| outside.taints.difference(&cast, recorded, next));
        report.step(compare(case, recorded, (&out, &after), taints));
    }
}

/// What the autoscaler does in the background, up to and at `until`.
fn between(
    autoscaler: &mut StaticAutoscaler,
    cast: &Cast,
    scene: &Scene,
    outside: &mut Recorded,
    until: SimTime,
) -> Vec<Event> {
    let mut events = Vec::new();
    while autoscaler.next_wakeup() <= until {
        let now = autoscaler.next_wakeup();
        let pods: Vec<Pod> = scene
            .pods
            .iter()
            .filter(|pod| {
                pod.node
                    .is_none_or(|node| outside.pod_on_node(now, pod.id, node))
            })
            .copied()
            .collect();
        let pdbs = outside.pdbs();
        let seen = Observation {
            pods: &pods,
            pending: &Observation::pending_among(&pods),
            pdbs: &pdbs,
            ..cast.observation(scene, now)
        };
        outside.at(now, until);
        events.extend(autoscaler.advance(&seen, outside));
    }
    events
}

/// The first difference of a loop; one in the taints comes last.
fn compare(
    case: &Case,
    recorded: &LoopJson,
    (out, after): (&Value, &Value),
    taints: Option<(String, String, String)>,
) -> Option<Difference> {
    let found = output::first_difference(&recorded.out, out, "out")
        .or_else(|| {
            let expected = recorded.after.as_ref()?;
            output::first_difference(expected, after, "after")
        })
        .or(taints);
    found.map(|(field, expected, got)| Difference {
        place: format!(
            "{} loop {} (t={} s) {field}",
            case.id, recorded.number, recorded.input.t
        ),
        expected,
        got,
        input: serde_json::to_string(&recorded.input.raw)
            .unwrap_or_default()
            .chars()
            .take(400)
            .collect(),
    })
}

/// A time of the recording.
fn seconds(value: f64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs_f64(value)
}

/// A shared copy of a shape.
type Shape = Arc<crate::autoscaler::cluster_autoscaler::NodeShape>;
