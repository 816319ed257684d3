//! `kubectl run`: a pod, and what becomes of a command that stays with it.
//!
//! Upstream: kubectl's `pkg/cmd/run/run.go`.

use super::Printed;
use super::targets::target_of;
use crate::api::PodPhase;
use crate::kubectl::command::{Attached, Command, CommandLine, DryRun, Run};
use crate::kubectl::patch;
use crate::sim::SimTime;
use crate::world::Simulation;
use crate::world::act::Target;
use crate::world::command_watch::{Asked, Looked};

impl Simulation<'_> {
    pub(super) fn run_pod(
        &mut self,
        command: &Run,
        line: &CommandLine,
        printed: &mut Printed,
        now: SimTime,
    ) {
        let namespace = line.namespace.as_deref();
        let namespace = namespace.unwrap_or(&self.scenario.namespace);
        let objects = match patch::run(command, namespace) {
            Ok(objects) => objects,
            Err(refusal) => return printed.error(refusal.text),
        };
        let create = Command::Create(Vec::new());
        for object in &objects {
            let attached = command.attached.filter(|_| object["kind"] == "Pod");
            let Some(attached) = attached else {
                self.put_document(&create, object, line, printed, now);
                continue;
            };
            // A command that stays with its pod says nothing of its creation.
            let mut own = Printed::default();
            self.put_document(&create, object, line, &mut own, now);
            if own.failed {
                printed.failed = true;
                printed.lines.append(&mut own.lines);
                return;
            }
            if attached.prompts {
                printed.out("If you don't see a command prompt, try pressing enter.");
            }
            let action = self.recorder.recording.actions.len();
            let targets = target_of(object).into_iter().collect();
            self.wait_for_targets(targets, Asked::Attached(attached), action, printed, now);
        }
    }

    /// What a command that stays with a pod sees of it.
    pub(in crate::world) fn look_at_attached(
        &mut self,
        target: &Target,
        attached: Attached,
        now: SimTime,
    ) -> Looked {
        let (_, namespace, name) = target.key();
        let found = self.find_pod(namespace, name);
        let Some((id, phase)) = found.map(|(id, pod)| (id, pod.phase)) else {
            return Looked::default();
        };
        let mut looked = Looked {
            is_done: matches!(phase, PodPhase::Succeeded | PodPhase::Failed),
            ..Looked::default()
        };
        if !looked.is_done {
            return looked;
        }
        let ended = self.as_it_is(target).unwrap_or_default();
        let state = &ended["status"]["containerStatuses"][0]["state"]["terminated"];
        let reason = state["reason"].as_str().unwrap_or("Error");
        if attached.remove {
            let (kind, namespace) = (target.kind, Some(namespace));
            let line = patch::deleted_line(kind, namespace, name, false, DryRun::None);
            looked.lines.push(line);
            self.delete_pod(id, None, now);
        }
        if phase == PodPhase::Failed {
            looked
                .lines
                .push(format!("pod {namespace}/{name} terminated ({reason})"));
        }
        looked
    }
}
