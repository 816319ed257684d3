//! Pods that are alike for the scheduler.
//!
//! Source: `core/scaleup/equivalence/groups.go`. At most ten kinds per controller; further pods of
//! other kinds, and pods without a controller, are groups of their own.

use rustc_hash::FxHashMap;

use super::status::GroupReasons;
use crate::autoscaler::cluster_autoscaler::estimator::PodEquivalenceGroup;
use crate::autoscaler::cluster_autoscaler::model::{ClassId, ControllerId, GroupId, Observation};

const MAX_GROUPS_BY_CONTROLLER: usize = 10;

/// Pods that are alike, and which groups can take them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodGroup {
    /// The pods and their class.
    pub pods: PodEquivalenceGroup,
    /// Why groups cannot.
    pub scheduling_errors: GroupReasons,
    /// The groups that can.
    pub schedulable_groups: Vec<GroupId>,
    /// Whether any can.
    pub schedulable: bool,
}

/// Sorts pods into groups, in the order of their first pods.
pub fn build_pod_groups(seen: &Observation<'_>, pods: &[u32]) -> Vec<PodGroup> {
    let mut groups: Vec<PodGroup> = Vec::new();
    let mut known: FxHashMap<ControllerId, Vec<(ClassId, usize)>> = FxHashMap::default();
    for index in pods {
        let pod = &seen.pods[*index as usize];
        let mut remember = None;
        if let Some(controller) = pod.controller
            && !seen.class(pod.class).is_daemon_set()
        {
            let kinds = known.entry(controller).or_default();
            if let Some((_, group)) = kinds.iter().find(|(class, _)| *class == pod.class) {
                groups[*group].pods.pods.push(*index);
                continue;
            }
            if kinds.len() < MAX_GROUPS_BY_CONTROLLER {
                remember = Some(kinds);
            }
        }
        if let Some(kinds) = remember {
            kinds.push((pod.class, groups.len()));
        }
        groups.push(PodGroup {
            pods: PodEquivalenceGroup {
                class: pod.class,
                pods: vec![*index],
            },
            scheduling_errors: GroupReasons::new(),
            schedulable_groups: Vec::new(),
            schedulable: false,
        });
    }
    groups
}
