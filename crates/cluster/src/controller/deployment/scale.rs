//! Scaling: one ReplicaSet, or several in proportion to their sizes
//! (`sync.go`, `scale`, `scaleReplicaSet`; `deployment_util.go`, `GetReplicaSetProportion`).

use super::outcome::Step;
use super::spec::DeploymentSpec;
use super::sync::Sync;
use super::view::{Deployment, ReplicaSet, by_creation, joined, replica_count};

/// The share of a ReplicaSet in `to_add` pods, of which `added` are given out already
/// (`GetReplicaSetProportion`): what keeps its part of the whole, limited to what is left. All
/// are negative where pods are to go.
///
/// `max_replicas` is the ReplicaSet's annotation, the whole before the change;
/// `status_replicas` of the Deployment stands in where it is missing.
pub fn replica_set_proportion(
    spec: &DeploymentSpec,
    status_replicas: i32,
    replicas: i32,
    max_replicas: Option<i32>,
    to_add: i32,
    added: i32,
) -> i32 {
    if replicas == 0 || to_add == 0 || to_add == added {
        return 0;
    }
    let fraction = fraction(spec, status_replicas, replicas, max_replicas);
    let allowed = to_add - added;
    if to_add > 0 {
        fraction.min(allowed)
    } else {
        fraction.max(allowed)
    }
}

/// By how much a ReplicaSet's size changes if it keeps its part of the whole
/// (`getReplicaSetFraction`).
fn fraction(
    spec: &DeploymentSpec,
    status_replicas: i32,
    replicas: i32,
    max_replicas: Option<i32>,
) -> i32 {
    if spec.replicas == 0 {
        return -replicas;
    }
    let before = match max_replicas {
        None | Some(0) => status_replicas,
        Some(annotated) => annotated,
    };
    if before == 0 {
        return 0;
    }
    let scaled = replicas.wrapping_mul(spec.max_replicas());
    (f64::from(scaled) / f64::from(before)).round() as i32 - replicas
}

/// The new sizes of active ReplicaSets after the Deployment was scaled in mid roll-out, in the
/// order in which they are written. What rounding leaves over goes to the largest.
fn proportional_sizes<'a>(
    deployment: &Deployment<'_>,
    status_replicas: i32,
    mut active: Vec<ReplicaSet<'a>>,
) -> Vec<(ReplicaSet<'a>, i32)> {
    let spec = &deployment.spec;
    let allowed = if spec.replicas > 0 {
        spec.max_replicas()
    } else {
        0
    };
    let to_add = allowed - replica_count(&active);
    // Of equal ones the newer grow first, and the older shrink first.
    if to_add > 0 {
        active.sort_by(|a, b| b.replicas.cmp(&a.replicas).then_with(|| by_creation(b, a)));
    } else if to_add < 0 {
        active.sort_by(|a, b| b.replicas.cmp(&a.replicas).then_with(|| by_creation(a, b)));
    }
    let mut added = 0;
    let mut sizes: Vec<_> = active
        .into_iter()
        .map(|set| {
            let share = replica_set_proportion(
                spec,
                status_replicas,
                set.replicas,
                set.max_replicas,
                to_add,
                added,
            );
            added += share;
            (set, set.replicas + share)
        })
        .collect();
    if let Some((_, largest)) = sizes.first_mut() {
        *largest = (*largest + to_add - added).max(0);
    }
    sizes
}

/// The only active ReplicaSet or, where none is, the newest; `None` where several are
/// (`FindActiveOrLatest`). `old` is ordered from new to old.
fn active_or_latest<'a>(
    new: Option<&ReplicaSet<'a>>,
    old: &[ReplicaSet<'a>],
) -> Option<ReplicaSet<'a>> {
    let mut active = old.iter().chain(new).filter(|set| set.is_active());
    match (active.next(), active.next()) {
        (None, _) => new.or(old.first()).copied(),
        (Some(only), None) => Some(*only),
        _ => None,
    }
}

/// Whether the new ReplicaSet has all the pods that the Deployment wants, and all are available
/// (`IsSaturated`).
fn is_saturated(spec: &DeploymentSpec, new: Option<&ReplicaSet<'_>>) -> bool {
    new.is_some_and(|new| {
        new.replicas == spec.replicas
            && new.desired_replicas == Some(spec.replicas)
            && new.status.available_replicas == spec.replicas
    })
}

impl<'a> Sync<'a> {
    /// Brings the ReplicaSets to the Deployment's size; leaves `old` ordered from new to old.
    pub(super) fn scale(&mut self, new: Option<&ReplicaSet<'a>>, old: &mut [ReplicaSet<'a>]) {
        let spec = &self.deployment.spec;
        old.sort_by(|one, other| by_creation(other, one));
        if let Some(only) = active_or_latest(new, old) {
            self.scale_replica_set(&only, spec.replicas);
            return;
        }
        if is_saturated(spec, new) {
            for set in old.iter().filter(|set| set.is_active()) {
                self.scale_replica_set(set, 0);
            }
            return;
        }
        if spec.is_rolling_update() {
            let mut active = joined(old, new);
            active.retain(ReplicaSet::is_active);
            for (set, size) in proportional_sizes(self.deployment, self.status.replicas, active) {
                self.write_size(&set, size);
            }
        }
    }

    /// Scales a ReplicaSet unless it has the size; says whether it did.
    pub(super) fn scale_replica_set(&mut self, set: &ReplicaSet<'a>, to: i32) -> bool {
        set.replicas != to && self.write_size(set, to)
    }

    /// Writes a ReplicaSet's size and its annotations of sizes where they differ; says whether
    /// the size did.
    fn write_size(&mut self, set: &ReplicaSet<'a>, to: i32) -> bool {
        let spec = &self.deployment.spec;
        let (desired, most) = (spec.replicas, spec.max_replicas());
        let (from, resized) = (set.replicas, set.replicas != to);
        if resized || set.desired_replicas != Some(desired) || set.max_replicas != Some(most) {
            self.push(Step::ScaleReplicaSet {
                key: set.key,
                from,
                to,
                desired_replicas: desired,
                max_replicas: most,
            });
        }
        if resized {
            self.announce_size(set.name, from, to);
        }
        resized
    }
}
