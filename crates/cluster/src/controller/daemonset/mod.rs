//! The DaemonSet controller: a pod on each node that its pods fit, and how they are replaced.
//!
//! The rules are pure: what is on the nodes in, pods to create and to delete out
//! (`podsShouldBeOnNode` of `pkg/controller/daemon/daemon_controller.go`, `rollingUpdate` of
//! `update.go`). Upstream goes through the nodes in the order of a Go map; here it is theirs.

pub mod adapter;
mod tolerations;

#[cfg(test)]
mod tests;

use crate::controller::deployment::IntOrPercent;
pub use tolerations::daemon_tolerations;

/// `spec.updateStrategy` and `spec.minReadySeconds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DaemonSetUpdate {
    /// `type: OnDelete`: pods are replaced once somebody deletes them.
    pub on_delete: bool,
    /// `rollingUpdate.maxUnavailable`.
    pub max_unavailable: IntOrPercent,
    /// `rollingUpdate.maxSurge`.
    pub max_surge: IntOrPercent,
    /// `minReadySeconds`, in seconds.
    pub min_ready_seconds: i32,
}

impl Default for DaemonSetUpdate {
    /// As the API server completes it.
    fn default() -> Self {
        Self {
            on_delete: false,
            max_unavailable: IntOrPercent::Int(1),
            max_surge: IntOrPercent::Int(0),
            min_ready_seconds: 0,
        }
    }
}

impl DaemonSetUpdate {
    /// `AllowsSurge`.
    fn surges(&self) -> bool {
        !self.on_delete && self.max_surge.scaled_up(1) > 0
    }

    /// Pods that may be there beyond one per node, and nodes that may be without one
    /// (`updatedDesiredNodeCounts`).
    fn bounds(&self, desired: i32) -> (i32, i32) {
        let surge = self.max_surge.scaled_up(desired);
        let unavailable = self.max_unavailable.scaled_up(desired);
        if desired > 0 && unavailable == 0 && surge == 0 {
            return (0, 1);
        }
        (surge, unavailable)
    }
}

/// A pod of a DaemonSet, as its controller sees it; pods of a node are in the order of their
/// creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a question of upstream's"
)]
pub struct DaemonPod<P> {
    /// The pod.
    pub key: P,
    /// Whether it is of the present template.
    pub is_new: bool,
    /// The condition Ready.
    pub is_ready: bool,
    /// Whether it has been ready for `minReadySeconds`.
    pub is_available: bool,
    /// Whether it has a deletion timestamp.
    pub is_deleting: bool,
    /// Whether its containers have ended for good.
    pub has_ended: bool,
}

/// A node and the DaemonSet's pods on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnNode<N, P> {
    /// The node.
    pub key: N,
    /// Whether a pod belongs there (`shouldRun`).
    pub should_run: bool,
    /// Whether one that is there may stay (`shouldContinueRunning`).
    pub may_stay: bool,
    /// Pods that are bound to it, or are to be, but none that is gone.
    pub pods: Vec<DaemonPod<P>>,
}

/// What a sync does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steps<N, P> {
    /// Nodes that get a pod.
    pub create: Vec<N>,
    /// Pods that are deleted.
    pub delete: Vec<P>,
    /// Those of them that are deleted because they have ended, with their nodes.
    pub ended: Vec<(N, P)>,
}

impl<N, P> Default for Steps<N, P> {
    fn default() -> Self {
        Self {
            create: Vec::new(),
            delete: Vec::new(),
            ended: Vec::new(),
        }
    }
}

impl<N, P> Steps<N, P> {
    /// Whether there is nothing to do.
    pub fn is_nothing(&self) -> bool {
        self.create.is_empty() && self.delete.is_empty()
    }
}

/// A pod on each node, and no more than one (`manage`).
pub fn manage<N: Copy, P: Copy>(nodes: &[OnNode<N, P>], update: &DaemonSetUpdate) -> Steps<N, P> {
    let mut steps = Steps::default();
    for node in nodes {
        if !node.may_stay {
            let there = node.pods.iter().filter(|pod| !pod.is_deleting);
            steps.delete.extend(there.map(|pod| pod.key));
            continue;
        }
        // One that ends is waited for, unless there may be two.
        if node.pods.is_empty() {
            steps.create.extend(node.should_run.then_some(node.key));
            continue;
        }
        let there = node.pods.iter().filter(|pod| !pod.is_deleting);
        let (ended, running): (Vec<&DaemonPod<P>>, Vec<_>) = there.partition(|pod| pod.has_ended);
        steps.delete.extend(ended.iter().map(|pod| pod.key));
        steps
            .ended
            .extend(ended.iter().map(|pod| (node.key, pod.key)));
        if !update.surges() {
            steps
                .delete
                .extend(running.iter().skip(1).map(|pod| pod.key));
            continue;
        }
        if running.is_empty() {
            steps.create.extend(node.should_run.then_some(node.key));
            continue;
        }
        let oldest = |new: bool| running.iter().position(|pod| pod.is_new == new);
        let (new, old) = (oldest(true), oldest(false));
        for (place, pod) in running.iter().enumerate() {
            if Some(place) != new && Some(place) != old {
                steps.delete.push(pod.key);
            }
        }
        if let (Some(new), Some(old)) = (new, old)
            && (!running[old].is_ready || running[new].is_available)
        {
            steps.delete.push(running[old].key);
        }
    }
    steps
}

/// A pod of the present template and one of an earlier one.
type NewAndOld<P> = (Option<DaemonPod<P>>, Option<DaemonPod<P>>);

/// The pods of a node that stay: the new one and the old one; `None` if there are several of
/// either (`findUpdatedPodsOnNode`).
fn updated_and_old<N, P: Copy>(node: &OnNode<N, P>) -> Option<NewAndOld<P>> {
    let (mut new, mut old) = (None, None);
    for pod in node.pods.iter().filter(|pod| !pod.is_deleting) {
        let slot = if pod.is_new { &mut new } else { &mut old };
        if slot.is_some() {
            return None;
        }
        *slot = Some(*pod);
    }
    Some((new, old))
}

/// Replaces pods of earlier templates (`rollingUpdate`).
pub fn rolling_update<N: Copy, P: Copy>(
    nodes: &[OnNode<N, P>],
    update: &DaemonSetUpdate,
) -> Steps<N, P> {
    let desired = nodes.iter().filter(|node| node.should_run).count() as i32;
    let (surge, unavailable) = update.bounds(desired);
    let concerned = nodes
        .iter()
        .filter(|node| node.should_run || !node.pods.is_empty());
    if surge == 0 {
        replace(concerned, unavailable)
    } else {
        surge_beside(concerned, surge, desired)
    }
}

/// Deletes old pods, as many as may be unavailable.
fn replace<'a, N: Copy + 'a, P: Copy + 'a>(
    nodes: impl Iterator<Item = &'a OnNode<N, P>>,
    max_unavailable: i32,
) -> Steps<N, P> {
    let mut unavailable = 0;
    let (mut allowed, mut candidates) = (Vec::new(), Vec::new());
    for node in nodes {
        match updated_and_old(node) {
            // What `manage` will see to.
            None | Some((None, None) | (Some(_), Some(_))) => unavailable += 1,
            Some((Some(new), None)) => unavailable += i32::from(!new.is_available),
            Some((None, Some(old))) if !old.is_available => {
                allowed.push(old.key);
                unavailable += 1;
            }
            Some((None, Some(old))) => {
                if unavailable < max_unavailable {
                    candidates.push(old.key);
                }
            }
        }
    }
    let rest = (max_unavailable - unavailable).max(0) as usize;
    allowed.extend(candidates.into_iter().take(rest));
    Steps {
        delete: allowed,
        ..Steps::default()
    }
}

/// Creates new pods beside old ones, and deletes those once the new ones are available.
fn surge_beside<'a, N: Copy + 'a, P: Copy + 'a>(
    nodes: impl Iterator<Item = &'a OnNode<N, P>>,
    max_surge: i32,
    desired: i32,
) -> Steps<N, P> {
    let (mut surge, mut available) = (0, 0);
    let (mut allowed, mut candidates) = (Vec::new(), Vec::new());
    let (mut delete, mut misplaced) = (Vec::new(), Vec::new());
    for node in nodes {
        let Some((new, old)) = updated_and_old(node) else {
            surge += 1;
            continue;
        };
        available += i32::from(old.or(new).is_some_and(|pod| pod.is_available));
        let Some(old) = old else { continue };
        match new {
            None if !old.is_available && !node.should_run => delete.push(old.key),
            None if !old.is_available => allowed.push(node.key),
            None if !node.should_run => misplaced.push(old.key),
            None if surge < max_surge => candidates.push(node.key),
            None => {}
            Some(new) if new.is_available => delete.push(old.key),
            Some(_) => surge += 1,
        }
    }
    let spare = (available - desired).max(0) as usize;
    delete.extend(misplaced.into_iter().take(spare));
    let rest = (max_surge - surge).max(0) as usize;
    allowed.extend(candidates.into_iter().take(rest));
    Steps {
        create: allowed,
        delete,
        ended: Vec::new(),
    }
}
