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

/// The drain of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Drain {
    targets: Vec<Target>,
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
        let max_grace = options.max_graceful_termination_sec;
        let target = |index: usize, full: bool| {
            let pod = &seen.pods[index];
            let mut grace = seen.class(pod.class).grace_period;
            if max_grace > 0 {
                grace = grace.min(SimDuration::from_secs(max_grace));
            }
            Target {
                pod: pod.id,
                grace,
                full,
                refused: Some(String::new()),
            }
        };
        let full = others.into_iter().filter(|_| drain);
        let targets: Vec<Target> = full
            .map(|index| target(index, true))
            .chain(daemon_sets.into_iter().map(|index| target(index, false)))
            .collect();
        for target in &targets {
            let involved = Involved::Pod(target.pod);
            let message = "deleting pod for node scale down";
            events.normal(seen.now, "ScaleDown", involved, message);
        }
        Self {
            targets,
            next_try: Some(seen.now),
            tried: false,
            retry_until: seen.now + options.max_pod_eviction_time,
            waiting: None,
        }
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
        if self.targets.is_empty() {
            return Progress::Done;
        }
        if let Some(at) = self.next_try {
            if at > now {
                return Progress::Pending;
            }
            if let Some(failure) = self.evict(now, outside, events) {
                return failure;
            }
            self.next_try = None;
            self.waiting = Some((now, now));
        }
        self.wait(now, node, options, outside)
    }

    /// Tries the evictions that are left; answers what to do if not all are through.
    fn evict(
        &mut self,
        now: SimTime,
        outside: &mut dyn Outside,
        events: &mut Events,
    ) -> Option<Progress> {
        if !self.tried || now < self.retry_until {
            self.tried = true;
            // A goroutine each, so upstream has no rule for their order within an instant. What
            // Go's scheduler does on one processor is taken: the one that was started last goes
            // first, then the others in turn. It matters where a budget allows some of them only.
            let before_last = self.targets.len() - 1;
            let (others, last) = self.targets.split_at_mut(before_last);
            let targets = last.iter_mut().chain(others);
            for target in targets.filter(|one| one.refused.is_some()) {
                target.refused = match outside.evict(now, target.pod, target.grace) {
                    Ok(()) | Err(EvictError::NotFound) => None,
                    Err(EvictError::Refused(error)) => Some(error),
                };
            }
            if self.targets.iter().all(|one| one.refused.is_none()) {
                return None;
            }
            self.next_try = Some(now + RETRY_TIME);
            return Some(Progress::Pending);
        }
        let mut errors = Vec::new();
        for target in &self.targets {
            if let (true, Some(error)) = (target.full, &target.refused) {
                let involved = Involved::Pod(target.pod);
                let message = "failed to delete pod for ScaleDown";
                events.warning(now, "ScaleDownFailed", involved, message);
                let name = outside.pod_name(target.pod);
                errors.push(format!(
                    "failed to evict pod {name} within allowed timeout (last error: {error})"
                ));
            }
        }
        if errors.is_empty() {
            return None;
        }
        Some(Progress::Failed(format!(
            "Failed to drain node, due to following errors: [{}]",
            errors.join(" ")
        )))
    }

    /// Looks whether the pods are gone.
    fn wait(
        &mut self,
        now: SimTime,
        node: NodeId,
        options: &Options,
        outside: &dyn Outside,
    ) -> Progress {
        let Some((since, next)) = self.waiting else {
            return Progress::Pending;
        };
        if next > now {
            return Progress::Pending;
        }
        let longest = SimDuration::from_secs(options.max_graceful_termination_sec) + HEADROOM;
        if now.since(since) >= longest {
            return Progress::Failed(
                "Failed to drain node: pods remaining after timeout".to_owned(),
            );
        }
        let mut full = self.targets.iter().filter(|one| one.full);
        if full.any(|one| outside.pod_on_node(now, one.pod, node)) {
            self.waiting = Some((since, now + CHECK_INTERVAL));
            return Progress::Pending;
        }
        Progress::Done
    }
}
