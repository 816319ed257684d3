//! Commands typed while the cluster runs: what kubectl would do with the objects as they are,
//! carried to the store.

mod changes;
mod describe;
mod get;
mod identity;
mod jobs;
mod pods;
mod rollout;
mod run;
mod targets;
mod top;
mod wait;

use serde_json::Value;

use super::command_watch::Asked;
use super::{Event, Simulation};
use crate::kubectl::command::{
    Command, CommandLine, EnvSource, File, Metadata, ParseError, RolloutAction, parse,
};
use crate::kubectl::kind::Kind;
use crate::kubectl::patch::Message;
use crate::kubectl::yaml;
use crate::record::{ActionRecord, EventRecord};
use crate::scenario::Span;
use crate::scenario::model::Action;
use crate::sim::SimTime;

pub(in crate::world) use targets::Target;

/// What kubectl printed, line by line, and whether it ended well.
#[derive(Debug, Default)]
pub(in crate::world) struct Printed {
    pub(in crate::world) lines: Vec<String>,
    pub(in crate::world) failed: bool,
    /// Whether there is a document of YAML among them.
    pub(in crate::world) has_document: bool,
    /// Objects that are printed together at the end.
    pub(in crate::world) together: Option<Vec<Value>>,
}

impl Printed {
    pub(in crate::world) fn out(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    pub(in crate::world) fn error(&mut self, text: impl Into<String>) {
        self.failed = true;
        self.lines.push(text.into());
    }

    /// Lines as they are, but for blanks at their ends.
    fn text(&mut self, text: &str) {
        let lines = text.lines().map(|line| line.trim_end().to_owned());
        self.lines.extend(lines);
    }

    fn messages(&mut self, messages: Vec<Message>) {
        for message in messages {
            match message {
                Message::Out(text) | Message::Err(text) => self.lines.push(text),
            }
        }
    }
}

impl Simulation<'_> {
    /// Runs a kubectl command now; `documents` are the objects of the manifests that it names.
    /// Returns what kubectl prints.
    pub fn apply(&mut self, action: &Action) -> Vec<String> {
        let now = self.now();
        let printed = self.act(action, now);
        self.settle(now);
        printed
    }

    /// Runs a kubectl command now. Returns what kubectl prints; the error says where the command
    /// line is wrong. Manifests come with [`Simulation::apply`].
    pub fn kubectl(&mut self, text: &str) -> Result<Vec<String>, ParseError> {
        let command = parse(text)?;
        let action = Action {
            at: self.now(),
            documents: self.documents_behind(&command),
            command,
            text: text.to_owned(),
            place: Span::default(),
        };
        Ok(self.apply(&action))
    }

    /// The objects that stand behind a command, or that it makes itself.
    fn documents_behind(&self, line: &CommandLine) -> Vec<Value> {
        let (Command::Create(files) | Command::Apply(files)) = &line.command else {
            return Vec::new();
        };
        let read = |file: &File| match file {
            File::Here { text, .. } => yaml::read(text).ok(),
            File::Config(config) => config.complete(&|_| None).ok(),
            File::Path { .. } => None,
        };
        let mut documents: Vec<Value> = files.iter().filter_map(read).collect();
        let namespace = line.namespace.as_ref().unwrap_or(&self.scenario.namespace);
        for document in &mut documents {
            let kind = document["kind"].as_str().and_then(Kind::of_kind);
            let metadata = &mut document["metadata"];
            if kind.is_some_and(|kind| kind.namespaced) && metadata["namespace"].is_null() {
                metadata["namespace"] = namespace.as_str().into();
            }
        }
        documents
    }

    /// The scenario's action of this index is due.
    pub(in crate::world) fn act_planned(&mut self, index: usize, now: SimTime) {
        let scenario = self.scenario;
        self.act(&scenario.actions[index], now);
    }

    fn act(&mut self, action: &Action, now: SimTime) -> Vec<String> {
        let mut printed = Printed::default();
        self.carry_out(&action.command, &action.documents, &mut printed, now);
        let text = action.text.trim().to_owned();
        let message = format!("{text} → {}", printed.lines.join("; "));
        self.tell_of_command(message, printed.failed, now);
        self.recorder.recording.actions.push(ActionRecord {
            time: now,
            command: text,
            printed: printed.lines.clone(),
            failed: printed.failed,
        });
        printed.lines
    }

    /// Records what a command, or the rest of one that has waited, has come to.
    pub(in crate::world) fn tell_of_command(
        &mut self,
        message: String,
        failed: bool,
        now: SimTime,
    ) {
        self.recorder.event(|| EventRecord {
            time: now,
            kind: if failed { "Warning" } else { "Normal" },
            reason: "Command".to_owned(),
            namespace: "".into(),
            object: "kubectl".to_owned(),
            message,
            ..EventRecord::default()
        });
    }

    fn carry_out(
        &mut self,
        line: &CommandLine,
        documents: &[Value],
        printed: &mut Printed,
        now: SimTime,
    ) {
        match &line.command {
            Command::Apply(_) => self.apply_documents(documents, line, printed, now),
            Command::Create(_) | Command::Replace(_) => {
                for document in documents {
                    self.put_document(&line.command, document, line, printed, now);
                }
            }
            Command::Run(command) => self.run_pod(command, line, printed, now),
            Command::Evict(command) => self.evict_pod(command, documents, printed, now),
            Command::Delete(command) => self.delete_objects(command, line, documents, printed, now),
            Command::Autoscale(command) => self.autoscale(command, line, documents, printed, now),
            Command::Rollout(command) => match command.action {
                RolloutAction::Undo { to_revision } => {
                    for target in self.targets(&command.targets, line, documents) {
                        let to = (to_revision.unwrap_or(0), line.dry_run);
                        self.undo(&target, to, printed, now);
                    }
                }
                RolloutAction::Restart | RolloutAction::Pause | RolloutAction::Resume => {
                    self.change_all(&command.targets, line, documents, printed, now);
                }
                RolloutAction::Status {
                    watch,
                    timeout,
                    revision,
                } => {
                    let asked = Asked::Rollout {
                        revision: revision.unwrap_or(0),
                        watch,
                        timeout,
                    };
                    let targets = self.targets(&command.targets, line, documents).into();
                    let action = self.recorder.recording.actions.len();
                    self.wait_for_targets(targets, asked, action, printed, now);
                }
                RolloutAction::History { revision } => {
                    for target in self.targets(&command.targets, line, documents) {
                        self.rollout_history(&target, revision.unwrap_or(0), printed);
                    }
                }
            },
            Command::Patch(command) => {
                self.change_all(&command.targets, line, documents, printed, now);
            }
            Command::Scale(command) => {
                self.change_all(&command.targets, line, documents, printed, now);
            }
            Command::SetImage(command) => {
                self.change_all(&command.targets, line, documents, printed, now);
            }
            Command::SetEnv(command) => {
                match command
                    .from
                    .as_ref()
                    .map_or(Ok(Vec::new()), EnvSource::told)
                {
                    Ok(warnings) => printed.lines.extend(warnings),
                    Err(missing) => return printed.error(missing),
                }
                self.change_all(&command.targets, line, documents, printed, now);
            }
            Command::SetResources(command) => {
                self.change_all(&command.targets, line, documents, printed, now);
            }
            Command::Label(Metadata { targets, .. })
            | Command::Annotate(Metadata { targets, .. }) => {
                self.change_all(targets, line, documents, printed, now);
            }
            Command::Cordon(targets) => self.cordon(targets, true, line, printed, now),
            Command::Uncordon(targets) => self.cordon(targets, false, line, printed, now),
            Command::Drain(command) => {
                self.cordon(&command.nodes, true, line, printed, now);
                let nodes = self.targets(&command.nodes, line, &[]);
                let names = nodes.into_iter().map(|node| node.name).collect();
                self.drain(names, command, line.dry_run, printed, now);
            }
            Command::Get(command) => self.get(command, line, documents, printed),
            Command::Describe(command) => self.describe(command, line, documents, printed),
            Command::Top(command) => self.top(command, line, printed, now),
            Command::Wait(command) => self.wait(command, line, documents, printed, now),
            Command::CreateJob(command) => self.create_job(command, line, printed, now),
            Command::Taint(command) => {
                self.change_all(&command.nodes, line, documents, printed, now);
            }
        }
    }

    /// Schedules the scenario's actions.
    pub(in crate::world) fn plan_actions(&mut self) {
        for (index, action) in self.scenario.actions.iter().enumerate() {
            self.queue.schedule(action.at, Event::Action(index as u32));
        }
    }
}
