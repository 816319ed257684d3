//! `rollout status`, `history`, `undo`.
//!
//! Upstream: kubectl's `pkg/polymorphichelpers` (`rollout_status.go`, `history.go`, `rollback.go`).

use std::sync::Arc;

use serde_json::Value;

use super::Printed;
use super::targets::Target;
use crate::api::{
    Kind as StoreKind, ObjectId, PodTemplate, ReplicaSet, Revision, Write, pod_template,
};
use crate::controller::daemonset::adapter::on_nodes;
use crate::controller::deployment::{self, rollout_undo};
use crate::controller::rollout_status::{self, RolloutStatus, RolloutStatusError};
use crate::controller::statefulset::adapter::with_view;
use crate::controller::statefulset::{ControllerRevision, RevisionKey, Undo, UndoError, undo_to};
use crate::kubectl::command::DryRun;
use crate::kubectl::patch::line;
use crate::kubectl::print::describe_template;
use crate::sim::SimTime;
use crate::world::Simulation;
use crate::world::manifests::kind_in_store;

/// The annotation that says why a revision was made.
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";
const NO_CAUSE: &str = "<none>";

/// A revision of a workload.
struct Past {
    number: i64,
    cause: String,
    /// `spec.template` as JSON.
    template: Value,
}

/// What an undo comes to: the template to go back to, or what kubectl prints.
type Undone = Result<Result<Arc<PodTemplate>, String>, String>;

impl Simulation<'_> {
    pub(in crate::world) fn target_object(&self, target: &Target) -> Option<ObjectId> {
        let (kind, namespace, name) = target.key();
        let kind = match kind {
            "Pod" => {
                let found = self.find_pod(namespace, name);
                return found.map(|(id, _)| ObjectId::Pod(id));
            }
            "Node" => StoreKind::Node,
            other => kind_in_store(other)?,
        };
        self.store.find(kind, namespace, name)
    }

    /// `rollout undo`: the template of an earlier revision.
    pub(super) fn undo(
        &mut self,
        target: &Target,
        (to_revision, dry_run): (i64, DryRun),
        printed: &mut Printed,
        now: SimTime,
    ) {
        if dry_run == DryRun::Client {
            let instead = "--dry-run=server says whether it would go";
            printed.error(format!(
                "error: the pod template that --dry-run=client prints is not simulated; {instead}"
            ));
            return;
        }
        let Some(object) = self.target_object(target) else {
            printed.error(target.not_found());
            return;
        };
        if self.was_applied(target) {
            let (_, _, name) = target.key();
            printed.out(format!(
                "Warning: resource {}/{name} was previously managed with 'kubectl apply'. Rolling \
                 back will not update the kubectl.kubernetes.io/last-applied-configuration \
                 annotation, which may cause unexpected behavior on future 'kubectl apply' \
                 operations. Consider using 'kubectl apply' with your previous configuration file \
                 instead.",
                target.kind.plural
            ));
        }
        match self.undone(object, to_revision, now) {
            None => {
                let kind = target.kind.group_kind();
                printed.error(format!(
                    "error: no rollbacker has been implemented for {kind:?}"
                ));
            }
            Some(Err(error)) => printed.error(format!("error: {error}")),
            Some(Ok(Err(skipped))) => printed.out(skipped),
            Some(Ok(Ok(template))) => {
                let (_, _, name) = target.key();
                if dry_run == DryRun::None {
                    self.manifests.restore_template(target.key(), &template);
                    self.store.commit(now, Write::Template(object, template));
                }
                printed.out(line(target.kind, name, "rolled back", dry_run));
            }
        }
    }

    /// `None` for kinds without revisions.
    fn undone(&mut self, object: ObjectId, to_revision: i64, now: SimTime) -> Option<Undone> {
        match object {
            ObjectId::Deployment(id) => {
                let components = &mut self.components;
                let undone = components.deployments.with_views(
                    id,
                    &self.store,
                    &mut components.pod_control,
                    now,
                    |deployment, sets| rollout_undo(deployment, sets, to_revision),
                );
                let (keys, _, undone) = undone?;
                Some(match undone {
                    Err(error) => Err(error.to_string()),
                    Ok(deployment::Undo::Skipped(text)) => Ok(Err(text)),
                    Ok(deployment::Undo::RolledBack { key }) => {
                        let set = self.store.replica_set(keys[key])?;
                        Ok(Ok(Arc::clone(&set.template)))
                    }
                })
            }
            ObjectId::StatefulSet(id) => {
                let set = self.store.stateful_set(id)?;
                let undone = with_view(set, |set, revisions| {
                    undo_to(set.template, revisions, to_revision)
                });
                template_of(undone, &set.revisions)
            }
            ObjectId::DaemonSet(id) => {
                let set = self.store.daemon_set(id)?;
                let revisions = views(&set.revisions);
                let undone = undo_to(set.template_key(), &revisions, to_revision);
                template_of(undone, &set.revisions)
            }
            _ => None,
        }
    }

    /// How far a roll-out is; none for what has no roll-outs.
    pub(in crate::world) fn look_at_rollout(
        &mut self,
        object: ObjectId,
        revision: i64,
        now: SimTime,
    ) -> Option<Result<RolloutStatus, RolloutStatusError>> {
        match object {
            ObjectId::Deployment(id) => {
                let components = &mut self.components;
                let looked = components.deployments.with_views(
                    id,
                    &self.store,
                    &mut components.pod_control,
                    now,
                    |deployment, _| rollout_status::deployment(deployment, revision),
                );
                looked.map(|(.., looked)| looked)
            }
            ObjectId::StatefulSet(id) => self.store.stateful_set(id).map(|set| {
                let name = |key: RevisionKey| set.revision_name(key);
                with_view(set, |view, _| rollout_status::stateful_set(view, name))
            }),
            ObjectId::DaemonSet(id) => self.store.daemon_set(id).map(|set| {
                let nodes = on_nodes(id, set, &self.store, now);
                let desired = nodes.iter().filter(|node| node.should_run);
                let oldest = || desired.clone().filter_map(|node| node.pods.first());
                let updated = oldest().filter(|pod| pod.is_new).count();
                let available = oldest().filter(|pod| pod.is_available).count();
                let counts = [desired.clone().count(), updated, available];
                rollout_status::daemon_set(&set.meta.name, set.update.on_delete, counts)
            }),
            _ => None,
        }
    }

    /// `rollout history`: all revisions, or the pod template of one.
    pub(super) fn rollout_history(&self, target: &Target, revision: i64, printed: &mut Printed) {
        let Some(object) = self.target_object(target) else {
            printed.error(target.not_found());
            return;
        };
        let Some(mut revisions) = self.history_of(object) else {
            printed.error(format!(
                "error: no history viewer has been implemented for {:?}",
                target.kind.group_kind()
            ));
            return;
        };
        revisions.sort_by_key(|one| one.number);
        let (_, _, name) = target.key();
        let named = format!("{}/{name} ", target.kind.qualified());
        if revisions.is_empty() {
            printed.out(named);
            printed.out("No rollout history found.");
        } else if revision > 0 {
            match revisions.into_iter().find(|one| one.number == revision) {
                None => printed.error("error: unable to find the specified revision"),
                Some(one) => {
                    printed.out(format!("{named}with revision #{revision}"));
                    let template = describe_template(&one.template);
                    printed.lines.extend(template.lines().map(str::to_owned));
                    printed.out("");
                }
            }
        } else {
            printed.out(named);
            printed.out("REVISION  CHANGE-CAUSE");
            for one in revisions {
                printed.out(format!("{:<10}{}", one.number, one.cause));
            }
            printed.out("");
        }
    }

    /// The revisions of a workload; none of one that keeps none.
    fn history_of(&self, object: ObjectId) -> Option<Vec<Past>> {
        let of = |all: &[Revision]| {
            let past = |one: &Revision| Past {
                number: one.revision,
                cause: NO_CAUSE.to_owned(),
                template: pod_template(&one.template),
            };
            all.iter().map(past).collect()
        };
        match object {
            ObjectId::Deployment(_) => {
                let sets = self.store.replica_sets();
                let own = sets.filter(|(_, set)| set.meta.owner == Some(object));
                let past = |set: &ReplicaSet| {
                    let mut template = pod_template(&set.template);
                    template["metadata"]["labels"] = serde_json::json!(*set.pod_labels);
                    let cause = set.meta.annotations.get(CHANGE_CAUSE);
                    Some(Past {
                        number: set.rollout.revision?,
                        cause: cause.map_or(NO_CAUSE, String::as_str).to_owned(),
                        template,
                    })
                };
                Some(own.filter_map(|(_, set)| past(set)).collect())
            }
            ObjectId::StatefulSet(id) => Some(of(&self.store.stateful_set(id)?.revisions)),
            ObjectId::DaemonSet(id) => Some(of(&self.store.daemon_set(id)?.revisions)),
            _ => None,
        }
    }
}

fn views(revisions: &[Revision]) -> Vec<ControllerRevision> {
    let view = |one: &Revision| ControllerRevision {
        key: one.key,
        revision: one.revision,
        created: one.created,
    };
    revisions.iter().map(view).collect()
}

/// The template that an undo goes back to.
fn template_of(undone: Result<Undo, UndoError>, revisions: &[Revision]) -> Option<Undone> {
    Some(match undone {
        Err(error) => Err(error.to_string()),
        Ok(Undo::Skipped(text)) => Ok(Err(text)),
        Ok(Undo::RolledBack { key }) => {
            let found = revisions.iter().find(|one| one.key == key)?;
            Ok(Ok(Arc::clone(&found.template)))
        }
    })
}
