//! Kind `vpa-updater`: passes of the upstream updater over one VPA.
//!
//! A line is a case: one pass, or `passes` of one updater that remembers what it did. Each
//! pass is a step.

mod input;

use std::collections::{BTreeMap, BTreeSet};

use input::{Case, Output, Pass, PriorityJson};

use super::vpa_input::{PodJson, ResourcesJson, Result, TerminationJson, abridge, unknown};
use super::{Difference, ReplayError, Report};
use crate::autoscaler::vpa::Container;
use crate::autoscaler::vpa::admission::{
    ContainerUpdate, LimitRange, UpstreamPanic, cap_for_pod, parse_observed_containers,
};
use crate::autoscaler::vpa::updater::{
    Action, ActionKind, Api, Controller, EvictionRefused, Pod, Priority, Resize, ResizeRefused,
    Termination, Updater, View, VpaPass,
};
use crate::sim::SimTime;

/// Replays every pass of every case.
pub(super) fn replay(text: &str) -> std::result::Result<Report, ReplayError> {
    super::lines::replay(text, replay_case)
}

fn replay_case(case: &Case, report: &mut Report) -> Result<()> {
    let (passes, several) = case.passes()?;
    let mut updater = Updater::new(case.flags.read(), case.flags.in_place_gate);
    for (number, pass) in passes.iter().enumerate() {
        let found = replay_pass(&mut updater, pass)?;
        report.step(found.map(|(field, expected, got)| Difference {
            place: if several {
                format!("{} pass {number} (t={} s) {field}", case.id, pass.now)
            } else {
                format!("{} {field}", case.id)
            },
            expected,
            got,
            input: abridge(&(&case.flags, &pass.replica_sets, &pass.vpa, &pass.pods)),
        }));
    }
    Ok(())
}

/// The API server of a recording, which says what it answers about each pod.
struct Recorded<'a> {
    pods: &'a [PodJson],
    resizes: BTreeMap<usize, Vec<ContainerUpdate>>,
}

impl Api for Recorded<'_> {
    fn evict(&mut self, pod: usize, _: SimTime) -> std::result::Result<(), EvictionRefused> {
        match self.pods[pod].evict_answer.as_deref() {
            Some("refused") => Err(EvictionRefused),
            _ => Ok(()),
        }
    }

    fn resize(
        &mut self,
        pod: usize,
        containers: &[ContainerUpdate],
        _: SimTime,
    ) -> std::result::Result<(), ResizeRefused> {
        self.resizes.insert(pod, containers.to_vec());
        match self.pods[pod].resize_answer.as_deref() {
            Some("nodeCapacity") => Err(ResizeRefused::NodeCapacity),
            Some("other") => Err(ResizeRefused::Other),
            _ => Ok(()),
        }
    }
}

/// The first field that differs, with both values.
fn replay_pass(
    updater: &mut Updater,
    pass: &Pass,
) -> Result<Option<(&'static str, String, String)>> {
    let vpa = pass.vpa.spec()?;
    let recommendations = pass.vpa.recommendations()?;
    let parts: Vec<Parts<'_>> = pass.pods.iter().map(Parts::read).collect::<Result<_>>()?;
    let pods: Vec<Pod<'_>> = parts
        .iter()
        .enumerate()
        .map(|(place, parts)| parts.pod(pass, place))
        .collect();
    let controllers: Vec<Controller> = pass
        .replica_sets
        .values()
        .copied()
        .map(Controller::Replicated)
        .collect();
    let view = View {
        vpa: &vpa,
        recommendations: recommendations.as_deref(),
        limit_range: &LimitRange::default(),
        controllers: &controllers,
        pods: &pods,
    };
    let uids: BTreeSet<u64> = pods.iter().map(|pod| pod.uid).collect();
    updater.forget_all_but(|uid| uids.contains(&uid));
    let got = answer(&view, updater, pass).unwrap_or_else(|panic| Output {
        evicted: vec![panic.to_string()],
        ..Output::default()
    });
    Ok(pass.out.difference(&got))
}

/// What a view of a recorded pod borrows from.
struct Parts<'a> {
    json: &'a PodJson,
    containers: Vec<Container<'a>>,
    last_terminations: Vec<Termination<'a>>,
    observed_containers: Option<Vec<&'a str>>,
    resize: Option<Resize>,
}

impl<'a> Parts<'a> {
    fn read(json: &'a PodJson) -> Result<Self> {
        let termination = |json: &'a TerminationJson| Termination {
            container: &json.container,
            oom_killed: json.reason == "OOMKilled",
            started: SimTime::from_secs(json.started_at),
            finished: SimTime::from_secs(json.finished_at),
        };
        let resize = |name: &String| {
            Ok(match name.as_str() {
                "Deferred" => Resize::Deferred,
                "Infeasible" => Resize::Infeasible,
                "InProgress" => Resize::InProgress,
                "Error" => Resize::Error,
                "Unknown" => Resize::Unknown,
                other => return Err(unknown("resize", other)),
            })
        };
        let observed = json.vpa_observed_containers.as_deref();
        Ok(Self {
            json,
            containers: json.containers()?,
            last_terminations: json.last_termination.iter().map(termination).collect(),
            observed_containers: observed.and_then(parse_observed_containers),
            resize: json.resize.as_ref().map(resize).transpose()?,
        })
    }

    fn pod(&'a self, pass: &Pass, place: usize) -> Pod<'a> {
        Pod {
            name: &self.json.name,
            uid: self.json.uid.unwrap_or(place as u64),
            controller: pass.replica_sets.get_index_of(&self.json.replica_set),
            pending: self.json.phase == "Pending",
            start_time: self.json.start_time.map(SimTime::from_secs),
            containers: &self.containers,
            last_terminations: &self.last_terminations,
            observed_containers: self.observed_containers.as_deref(),
            resize: self.resize,
            restarts_on_resize: self.json.restart_on_resize,
            boost: None,
        }
    }
}

fn answer(
    view: &View<'_>,
    updater: &mut Updater,
    pass: &Pass,
) -> std::result::Result<Output, UpstreamPanic> {
    let now = SimTime::from_secs(pass.now);
    let name = |pod: usize| view.pods[pod].name.to_owned();
    let priority = priorities(view)?;
    let evictable = updater.pass(now).evictable(view);
    let mut can_evict_at_start: Vec<String> = evictable.into_iter().map(name).collect();
    can_evict_at_start.sort_unstable();
    let mut api = Recorded {
        pods: &pass.pods,
        resizes: BTreeMap::new(),
    };
    let VpaPass {
        candidates,
        mut actions,
        ..
    } = updater.pass(now).update(view, &mut api)?;
    // A patch that says nothing fails without a call, and is not recorded.
    actions.retain(|Action { pod, kind, .. }| {
        !matches!(kind, ActionKind::ResizeFailed(_)) || api.resizes.contains_key(pod)
    });
    let at = |kinds: fn(ActionKind) -> bool| {
        let acted = actions.iter().filter(move |action| kinds(action.kind));
        acted.map(|action| (name(action.pod), action.at))
    };
    let resized = at(|kind| kind == ActionKind::Resized).filter_map(|(name, _)| {
        let pod = view.pods.iter().position(|pod| pod.name == name)?;
        Some((name, patched(&api.resizes[&pod])))
    });
    Ok(Output {
        priority,
        can_evict_at_start,
        order: candidates.iter().map(|chosen| name(chosen.pod)).collect(),
        evicted: at(|kind| kind == ActionKind::Evicted)
            .map(|(name, _)| name)
            .collect(),
        resized: resized.collect(),
        at: Some(
            at(|kind| kind != ActionKind::ResizeSkipped)
                .map(|(_, at)| at.since(now).0 / 1_000_000)
                .collect(),
        ),
        actions: Some(
            actions
                .iter()
                .map(|action| (name(action.pod), spelled(action.kind).to_owned()))
                .collect(),
        ),
    })
}

fn priorities(view: &View<'_>) -> std::result::Result<Vec<PriorityJson>, UpstreamPanic> {
    let recommendations = view.recommendations;
    let priority = |pod: &Pod<'_>| {
        let recommended = cap_for_pod(view.vpa, recommendations, pod.containers, view.limit_range)?;
        let found = Priority::of(pod, &recommended);
        Ok(PriorityJson {
            pod: pod.name.to_owned(),
            outside_recommended_range: found.outside_recommended_range,
            scale_up: found.scale_up,
            resource_diff: found.resource_diff,
        })
    };
    view.pods.iter().map(priority).collect()
}

/// An action as the recording spells it.
const fn spelled(kind: ActionKind) -> &'static str {
    match kind {
        ActionKind::Evicted => "evicted",
        ActionKind::EvictionRefused => "evictionRefused",
        ActionKind::Resized => "resized",
        ActionKind::ResizeFailed(_) => "resizeFailed",
        ActionKind::ResizeSkipped => "resizeSkipped",
    }
}

/// The amounts of a patch by their paths below `spec.containers`.
fn patched(updates: &[ContainerUpdate]) -> BTreeMap<String, String> {
    let mut paths = BTreeMap::new();
    for (place, update) in updates.iter().enumerate() {
        for (list, amounts) in [("requests", &update.requests), ("limits", &update.limits)] {
            for (resource, amount) in ResourcesJson::print(amounts).into_amounts() {
                paths.insert(format!("{place}/resources/{list}/{resource}"), amount);
            }
        }
    }
    paths
}
