//! Kind `vpa-updater`: one pass of the upstream updater over one VPA.

use indexmap::IndexMap;
use serde::Deserialize;

use super::vpa_input::{PodJson, Result, TerminationJson, VpaJson, abridge, replay_lines};
use super::{Difference, ReplayError, Report};
use crate::autoscaler::vpa::admission::{
    ContainerUpdate, LimitRange, cap_for_pod, parse_observed_containers,
};
use crate::autoscaler::vpa::updater::{
    ActionKind, Api, Controller, EvictionRefused, Outcome, Pod, Priority, ResizeClock,
    ResizeRefused, Restriction, Termination, Updater, View,
};
use crate::autoscaler::vpa::{Container, UpdaterFlags};
use crate::sim::{SimDuration, SimTime};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    id: String,
    now: i64,
    flags: FlagsJson,
    replica_sets: IndexMap<String, i32>,
    vpa: VpaJson,
    pods: Vec<PodJson>,
    out: Output,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
struct FlagsJson {
    evict_after_oom_threshold_s: i64,
    eviction_tolerance: f64,
    in_recommendation_bounds_eviction_lifetime_threshold_s: i64,
    min_replicas: i32,
    pod_update_threshold: f64,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
struct Output {
    priority: Vec<PriorityJson>,
    can_evict_at_start: Vec<String>,
    order: Vec<String>,
    evicted: Vec<String>,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
struct PriorityJson {
    pod: String,
    outside_recommended_range: bool,
    scale_up: bool,
    resource_diff: f64,
}

/// Replays every case; each is a step.
pub(super) fn replay(text: &str) -> std::result::Result<Report, ReplayError> {
    replay_lines(text, replay_case)
}

/// The API server of the recordings: it refuses nothing.
struct Willing;

impl Api for Willing {
    fn evict(&mut self, _: usize, _: SimTime) -> std::result::Result<(), EvictionRefused> {
        Ok(())
    }

    fn resize(
        &mut self,
        _: usize,
        _: &[ContainerUpdate],
        _: SimTime,
    ) -> std::result::Result<(), ResizeRefused> {
        Ok(())
    }
}

fn replay_case(case: &Case) -> Result<Option<Difference>> {
    let vpa = case.vpa.spec()?;
    let recommendations = case.vpa.recommendations()?;
    let parts: Vec<Parts<'_>> = case.pods.iter().map(Parts::read).collect::<Result<_>>()?;
    let pods: Vec<Pod<'_>> = parts
        .iter()
        .enumerate()
        .map(|(uid, parts)| parts.pod(case, uid))
        .collect();
    let controllers: Vec<Controller> = case
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
    let got = answer(&view, case).unwrap_or_else(|panic| Output {
        priority: Vec::new(),
        can_evict_at_start: Vec::new(),
        order: Vec::new(),
        evicted: vec![panic.to_string()],
    });
    let difference = differs(&case.out, &got).map(|(field, expected, got)| Difference {
        place: format!("{} {field}", case.id),
        expected,
        got,
        input: abridge(&(&case.flags, &case.replica_sets, &case.vpa, &case.pods)),
    });
    Ok(difference)
}

/// What a view of a recorded pod borrows from.
struct Parts<'a> {
    json: &'a PodJson,
    containers: Vec<Container<'a>>,
    last_terminations: Vec<Termination<'a>>,
    observed_containers: Option<Vec<&'a str>>,
}

impl<'a> Parts<'a> {
    fn read(json: &'a PodJson) -> Result<Self> {
        let termination = |json: &'a TerminationJson| Termination {
            container: &json.container,
            oom_killed: json.reason == "OOMKilled",
            started: SimTime::from_secs(json.started_at),
            finished: SimTime::from_secs(json.finished_at),
        };
        let observed = json.vpa_observed_containers.as_deref();
        Ok(Self {
            json,
            containers: json.containers()?,
            last_terminations: json.last_termination.iter().map(termination).collect(),
            observed_containers: observed.and_then(parse_observed_containers),
        })
    }

    fn pod(&'a self, case: &Case, uid: usize) -> Pod<'a> {
        Pod {
            name: &self.json.name,
            uid: uid as u64,
            controller: case.replica_sets.get_index_of(&self.json.replica_set),
            pending: self.json.phase == "Pending",
            start_time: self.json.start_time.map(SimTime::from_secs),
            containers: &self.containers,
            last_terminations: &self.last_terminations,
            observed_containers: self.observed_containers.as_deref(),
            resize: None,
            restarts_on_resize: false,
        }
    }
}

fn answer(
    view: &View<'_>,
    case: &Case,
) -> std::result::Result<Output, crate::autoscaler::vpa::admission::UpstreamPanic> {
    let flags = case.flags.read();
    let now = SimTime::from_secs(case.now);
    let recommendations = view.recommendations.unwrap_or_default();
    let mut priority = Vec::new();
    for pod in view.pods {
        let recommended = cap_for_pod(view.vpa, recommendations, pod.containers, view.limit_range)?;
        let found = Priority::of(pod, &recommended);
        priority.push(PriorityJson {
            pod: pod.name.to_owned(),
            outside_recommended_range: found.outside_recommended_range,
            scale_up: found.scale_up,
            resource_diff: found.resource_diff,
        });
    }
    let name = |pod: &Pod<'_>| pod.name.to_owned();
    let restriction = Restriction::new(view, &flags);
    let mut clock = ResizeClock::default();
    let free = view
        .pods
        .iter()
        .filter(|pod| restriction.can_evict(pod, &mut clock, now));
    let mut can_evict_at_start: Vec<String> = free.map(name).collect();
    can_evict_at_start.sort_unstable();
    let Outcome {
        candidates,
        actions,
    } = Updater::new(flags, false)
        .pass(now)
        .update(view, &mut Willing)?;
    let evicted = actions
        .iter()
        .filter(|action| action.kind == ActionKind::Evicted);
    Ok(Output {
        priority,
        can_evict_at_start,
        order: candidates
            .iter()
            .map(|chosen| name(&view.pods[chosen.pod]))
            .collect(),
        evicted: evicted.map(|action| name(&view.pods[action.pod])).collect(),
    })
}

impl FlagsJson {
    fn read(&self) -> UpdaterFlags {
        UpdaterFlags {
            evict_after_oom_threshold: SimDuration::from_secs(self.evict_after_oom_threshold_s),
            eviction_tolerance: self.eviction_tolerance,
            in_recommendation_bounds_eviction_lifetime_threshold: SimDuration::from_secs(
                self.in_recommendation_bounds_eviction_lifetime_threshold_s,
            ),
            min_replicas: self.min_replicas,
            pod_update_threshold: self.pod_update_threshold,
            ..UpdaterFlags::default()
        }
    }
}

impl PartialEq for PriorityJson {
    /// Differences agree to 1e-12: upstream adds them up in the order of a map.
    fn eq(&self, other: &Self) -> bool {
        let tolerance = 1e-12 * self.resource_diff.abs().max(1.0);
        self.pod == other.pod
            && self.outside_recommended_range == other.outside_recommended_range
            && self.scale_up == other.scale_up
            && (self.resource_diff - other.resource_diff).abs() <= tolerance
    }
}

/// The first field that differs, with both values.
fn differs(expected: &Output, got: &Output) -> Option<(&'static str, String, String)> {
    fn field<T: PartialEq + std::fmt::Debug>(
        name: &'static str,
        expected: &T,
        got: &T,
    ) -> Option<(&'static str, String, String)> {
        (expected != got).then(|| (name, format!("{expected:?}"), format!("{got:?}")))
    }
    field("priority", &expected.priority, &got.priority)
        .or_else(|| {
            let (expected, got) = (&expected.can_evict_at_start, &got.can_evict_at_start);
            field("canEvictAtStart", expected, got)
        })
        .or_else(|| field("order", &expected.order, &got.order))
        .or_else(|| field("evicted", &expected.evicted, &got.evicted))
}
