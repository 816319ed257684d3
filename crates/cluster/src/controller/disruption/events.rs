//! What the disruption controller says of budgets without pods or without a scale, of pods that
//! nobody owns, and of pods with several budgets (`trySync`, `getPdbForPod`).

use std::fmt::Write as _;

use super::budget_error;
use super::scale::{counts_owners, scale, selected};
use crate::api::{
    Change, Context, LabelSelector, ObjectId, PdbId, PodDisruptionBudget, PodId, Store, What,
};

/// Heeds a change of a budget or a pod. Upstream repeats itself at each sync of a budget and each
/// update of a pod; here each is said once, when it comes to be so.
pub fn observe<E>(change: Change, context: &mut Context<'_, E>) {
    match (change.object, change.what) {
        (ObjectId::PodDisruptionBudget(id), What::Created | What::Spec) => {
            report_empty(id, context);
            report_failed(id, context);
            report_unmanaged(id, context);
        }
        (ObjectId::Pod(id), What::Spec) if is_orphan(id, context.store) => {
            for budget in budgets_of(id, context.store) {
                report_unmanaged(budget, context);
            }
        }
        (ObjectId::Pod(id), What::Deleting) if has_lost_owner(id, context.store) => {
            for budget in budgets_of(id, context.store) {
                report_failed(budget, context);
            }
        }
        (ObjectId::Pod(id), What::Created) => {
            report_several(id, context);
            for budget in budgets_of(id, context.store) {
                let selected = context.store.pdb(budget).map(|pdb| pdb.selection);
                let members = selected.map(|one| context.store.selection(one).members.len());
                if members == Some(1) {
                    report_failed(budget, context);
                }
                if is_orphan(id, context.store) {
                    report_unmanaged(budget, context);
                }
            }
        }
        (ObjectId::Pod(id), What::Deleted) => {
            for budget in budgets_of(id, context.store) {
                report_empty(budget, context);
            }
        }
        _ => {}
    }
}

/// The budgets that select a pod, by name.
fn budgets_of(id: PodId, store: &Store) -> Vec<PdbId> {
    let Some(pod) = store.pod(id).filter(|_| store.pdbs().next().is_some()) else {
        return Vec::new();
    };
    let selections = store.selections_of(pod);
    let its = |(_, pdb): &(PdbId, &PodDisruptionBudget)| selections.contains(&pdb.selection);
    let mut budgets: Vec<(PdbId, &PodDisruptionBudget)> = store.pdbs().filter(its).collect();
    budgets.sort_by(|a, b| a.1.meta.name.cmp(&b.1.meta.name));
    budgets.into_iter().map(|(id, _)| id).collect()
}

fn report_empty<E>(id: PdbId, context: &mut Context<'_, E>) {
    let store = &*context.store;
    let empty = |pdb: &PodDisruptionBudget| store.selection(pdb.selection).members.is_empty();
    if store.pdb(id).is_some_and(empty) {
        let message = || "No matching pods found".to_owned();
        let object = ObjectId::PodDisruptionBudget(id);
        context.events.normal(object, "NoPods", message);
    }
}

/// What a budget selects has no scale (`CalculateExpectedPodCountFailed`).
fn report_failed<E>(id: PdbId, context: &mut Context<'_, E>) {
    if let Some(error) = budget_error(id, context.store) {
        let message = || format!("Failed to calculate the number of expected pods: {error}");
        let object = ObjectId::PodDisruptionBudget(id);
        let reason = "CalculateExpectedPodCountFailed";
        context.events.warning(object, reason, message);
    }
}

fn is_orphan(id: PodId, store: &Store) -> bool {
    store.pod(id).is_some_and(|pod| pod.meta.owner.is_none())
}

fn has_lost_owner(id: PodId, store: &Store) -> bool {
    let owner = store.pod(id).and_then(|pod| pod.meta.owner);
    owner.is_some_and(|owner| store.meta(owner).is_none())
}

/// A budget that counts what owners ask for selects pods that nobody owns (`UnmanagedPods`).
fn report_unmanaged<E>(id: PdbId, context: &mut Context<'_, E>) {
    let store = &*context.store;
    let Some(pdb) = store.pdb(id).filter(|pdb| counts_owners(pdb)) else {
        return;
    };
    if scale(pdb, store).is_err() || !selected(pdb, store).any(|pod| pod.meta.owner.is_none()) {
        return;
    }
    let message = || {
        format!(
            "Pods selected by this PodDisruptionBudget (selector: {}) were found to be unmanaged. As \
             a result, the status of the PDB cannot be calculated correctly, which may result in \
             undefined behavior. To account for these pods please set \".spec.minAvailable\" field \
             of the PDB to an integer value.",
            in_go(&pdb.selector)
        )
    };
    let object = ObjectId::PodDisruptionBudget(id);
    context.events.warning(object, "UnmanagedPods", message);
}

/// A selector as Go prints it.
fn in_go(selector: &LabelSelector) -> String {
    let mut text = "&LabelSelector{MatchLabels:map[string]string{".to_owned();
    for (key, value) in &selector.labels {
        let _ = write!(text, "{key}: {value},");
    }
    text += "},MatchExpressions:[]LabelSelectorRequirement{";
    for one in &selector.expressions {
        let (key, operator, values) = (&one.key, one.operator.name(), one.values.join(" "));
        let _ = write!(
            text,
            "LabelSelectorRequirement{{Key:{key},Operator:{operator},Values:[{values}],}},"
        );
    }
    text + "},}"
}

fn report_several<E>(id: PodId, context: &mut Context<'_, E>) {
    let store = &*context.store;
    let Some(pod) = store.pod(id).filter(|pod| pod.meta.created >= context.now) else {
        return;
    };
    if let [first, _, ..] = budgets_of(id, store).as_slice()
        && let Some(first) = store.pdb(*first)
    {
        let (namespace, name) = (&pod.meta.namespace, pod.name());
        let message = || {
            format!(
                "Pod \"{namespace}\"/\"{name}\" matches multiple PodDisruptionBudgets.  Chose \"{}\" arbitrarily.",
                first.meta.name
            )
        };
        let object = ObjectId::Pod(id);
        context
            .events
            .warning(object, "MultiplePodDisruptionBudgets", message);
    }
}
