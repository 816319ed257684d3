//! Evicting a node's pods and waiting until they are gone.
//!
//! Source: `core/scaledown/actuation/drain.go`.

use crate::autoscaler::cluster_autoscaler::events::{Events, Involved};
use crate::autoscaler::cluster_autoscaler::model::{NodeId, Observation, PodClass, PodId};
use crate::autoscaler::cluster_autoscaler::options::Options;
use crate::autoscaler::cluster_autoscaler::outside::{EvictError, Outside};
use crate::sim::{SimDuration, SimTime};

const RETRY_TIME: SimDuration = SimDuration::from_secs(10);
const HEADROOM: SimDuration = SimDuration::from_secs(30);
const CHECK_INTERVAL: SimDuration = SimDuration::from_secs(5);

/// A pod to evict.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    pod: PodId,
    grace: SimDuration,
    /// Whether the node waits for it.
    full: bool,
    /// What the API server last said; `None` once it let it go.
    refused: Option<String>,
}

/// Pods that are evicted together, and how long they have to end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Group {
    targets: Vec<Target>,
    longest: SimDuration,
}

/// The drain of one node: group after group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Drain {
    group: Group,
    /// The groups that follow, the last of them first.
    rest: Vec<Group>,
    /// When evictions are tried next; `None` once all are through.
    next_try: Option<SimTime>,
    tried: bool,
    retry_until: SimTime,
    /// When the wait for the pods began, and the next look at them.
    waiting: Option<(SimTime, SimTime)>,
}

/// How far a drain is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    /// Not there yet.
    Pending,
    /// All pods are gone.
    Done,
    /// It failed.
    Failed(String),
}

/// The pods to evict from a node: those of DaemonSets if asked for, or if annotated.
pub(super) fn pods_to_evict<'c, P: Copy>(
    pods: impl IntoIterator<Item = (P, &'c PodClass)>,
    evict_daemon_sets: bool,
) -> (Vec<P>, Vec<P>) {
    let (mut daemon_sets, mut others) = (Vec::new(), Vec::new());
    for (pod, class) in pods {
        if class.mirror {
            continue;
        }
        if !class.is_daemon_set() {
            others.push(pod);
        } else if class.daemon_set_eviction.unwrap_or(evict_daemon_sets) {
            daemon_sets.push(pod);
        }
    }
    (daemon_sets, others)
}

/// A pod by its namespace and its name.
pub(super) fn namespaced(outside: &dyn Outside, pod: PodId) -> String {
    let (namespace, name) = (outside.pod_namespace(pod), outside.pod_name(pod));
    format!("{namespace}/{name}")
}

/// The groups in which pods are evicted, without pods: in the order of `drain-priority-config`, or all
/// together.
fn groups_of(options: &Options) -> Vec<Group> {
    let group = |seconds| Group {
        targets: Vec::new(),
        longest: SimDuration::from_secs(seconds),
    };
    match &*options.drain_priorities.0 {
        [] => vec![group(options.max_graceful_termination_sec)],
        stated => stated.iter().map(|one| group(one.1)).collect(),
    }
}

/// The group of a pod: that of the highest priority that is not above its own, or the first
/// (`groupIndex`).
fn group_of(options: &Options, priority: i32) -> usize {
    let stated = &options.drain_priorities.0;
    let above = stated.partition_point(|one| one.0 <= priority);
    // Of several with the pod's own priority upstream finds the first.
    let equal = stated.partition_point(|one| one.0 < priority);
    if equal < above {
        equal
    } else {
        above.saturating_sub(1)
    }
}

impl Drain {
    /// The drain of a node that has these pods, by their place in the observation. Without
    /// `drain`, only pods of DaemonSets are evicted, and nobody waits for them.
    pub(super) fn new(
        seen: &Observation<'_>,
        options: &Options,
        pods: &[usize],
        drain: bool,
        events: &mut Events,
    ) -> Self {
        let evict_daemon_sets = if drain {
            options.daemonset_eviction_for_occupied_nodes
        } else {
            options.daemonset_eviction_for_empty_nodes
        };
        let classed = pods
            .iter()
            .map(|index| (*index, seen.class(seen.pods[*index].class)));
        let (daemon_sets, others) = pods_to_evict(classed, evict_daemon_sets);
        let by_priority = !options.drain_priorities.0.is_empty();
        let full = others.into_iter().filter(|_| drain);
        let daemon_sets = daemon_sets.into_iter();
        // By priorities, pods of DaemonSets are waited for as others are.
        let targets = full
            .map(|index| (index, true))
            .chain(daemon_sets.map(|index| (index, drain && by_priority)));
        let mut groups = groups_of(options);
        for (index, full) in targets {
            let pod = &seen.pods[index];
            let class = seen.class(pod.class);
            let group = &mut groups[group_of(options, class.priority)];
            let mut grace = class.grace_period;
            if group.longest > SimDuration::ZERO {
                grace = grace.min(group.longest);
            }
            group.targets.push(Target {
                pod: pod.id,
                grace,
                full,
                refused: Some(String::new()),
            });
        }
        groups.retain(|group| !group.targets.is_empty());
        groups.reverse();
        let mut drain = Self {
            group: Group::default(),
            rest: groups,
            next_try: None,
            tried: false,
            retry_until: seen.now,
            waiting: None,
        };
        drain.begin_next(seen.now, options, events);
        drain
    }

    /// Goes on to the next group, if there is one.
    fn begin_next(&mut self, now: SimTime, options: &Options, events: &mut Events) -> bool {
        let Some(group) = self.rest.pop() else {
            return false;
        };
        for target in &group.targets {
            let involved = Involved::Pod(target.pod);
            let message = "deleting pod for node scale down";
            events.normal(now, "ScaleDown", involved, message);
        }
        self.group = group;
        self.next_try = Some(now);
        self.tried = false;
        self.retry_until = now + options.max_pod_eviction_time;
        self.waiting = None;
        true
    }

    /// When something happens next.
    pub(super) fn next(&self) -> SimTime {
        let wait = self.waiting.map(|(_, next)| next);
        self.next_try.or(wait).unwrap_or(SimTime::MAX)
    }

    /// Goes on.
    pub(super) fn advance(
        &mut self,
        now: SimTime,
        node: NodeId,
        options: &Options,
        outside: &mut dyn Outside,
        events: &mut Events,
    ) -> Progress {
        if self.group.targets.is_empty() {
            return Progress::Done;
        }
        loop {
            if let Some(at) = self.next_try {
                if at > now {
                    return Progress::Pending;
                }
                if let Some(failure) = self.evict(now, node, outside, events) {
                    return failure;
                }
                self.next_try = None;
                self.waiting = Some((now, now));
            }
            match self.wait(now, node, outside) {
                Progress::Done if self.begin_next(now, options, events) => {}
                progress => return progress,
            }
        }
    }

    /// Tries the evictions that are left; answers what to do if not all are through.
    fn evict(
        &mut self,
        now: SimTime,
        node: NodeId,
        outside: &mut dyn Outside,
        events: &mut Events,
    ) -> Option<Progress> {
        if !self.tried || now < self.retry_until {
            self.tried = true;
            // A goroutine each, so upstream has no rule for their order within an instant. What
            // Go's scheduler does on one processor is taken: the one that was started last goes
            // first, then the others in turn. It matters where a budget allows some of them only.
            let before_last = self.group.targets.len() - 1;
            let (others, last) = self.group.targets.split_at_mut(before_last);
            let targets = last.iter_mut().chain(others);
            for target in targets.filter(|one| one.refused.is_some()) {
                target.refused = match outside.evict(now, target.pod, target.grace) {
                    Ok(()) | Err(EvictError::NotFound) => None,
                    Err(EvictError::Refused(error)) => Some(error),
                };
            }
            if self.group.targets.iter().all(|one| one.refused.is_none()) {
                return None;
            }
            self.next_try = Some(now + RETRY_TIME);
            return Some(Progress::Pending);
        }
        let mut errors = Vec::new();
        for target in &self.group.targets {
            if let (true, Some(error)) = (target.full, &target.refused) {
                let involved = Involved::Pod(target.pod);
                let message = "failed to delete pod for ScaleDown";
                events.warning(now, "ScaleDownFailed", involved, message);
                let name = namespaced(outside, target.pod);
                errors.push(format!(
                    "failed to evict pod {name} within allowed timeout (last error: {error})"
                ));
            }
        }
        if errors.is_empty() {
            return None;
        }
        Some(Progress::Failed(format!(
            "Failed to drain node /{}, due to following errors: [{}]",
            outside.node_name(node),
            errors.join(" ")
        )))
    }

    /// Looks whether the pods are gone.
    fn wait(&mut self, now: SimTime, node: NodeId, outside: &dyn Outside) -> Progress {
        let Some((since, next)) = self.waiting else {
            return Progress::Pending;
        };
        if next > now {
            return Progress::Pending;
        }
        if now.since(since) >= self.group.longest + HEADROOM {
            let name = outside.node_name(node);
            return Progress::Failed(format!(
                "Failed to drain node /{name}: pods remaining after timeout"
            ));
        }
        let mut full = self.group.targets.iter().filter(|one| one.full);
        if full.any(|one| outside.pod_on_node(now, one.pod, node)) {
            self.waiting = Some((since, now + CHECK_INTERVAL));
            return Progress::Pending;
        }
        Progress::Done
    }
}
