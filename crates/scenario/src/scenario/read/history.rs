//! `[[vpa_history]]`: what recommenders know before the simulation begins.

use std::collections::BTreeMap;

use super::known::Known;
use crate::autoscaler::vpa::recommender::history::{
    Checkpoints, HistoryError, SeriesLabels, UsageHistory,
};
use crate::autoscaler::vpa::recommender::{Checkpoint, CheckpointError, Recommender};
use crate::autoscaler::vpa::{Resource, VpaSpec};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::model::VpaConfig;
use crate::scenario::node::{Node, Span};
use crate::scenario::reader::{Reader, expected, wrong};
use crate::scenario::suggest::advice;
use crate::sim::SimTime;

/// Histories by the VPA's namespace and name.
#[derive(Default)]
pub(super) struct Histories(BTreeMap<(String, String), Past>);

/// What a recommender knows of the time before the run.
#[derive(Default)]
pub(super) struct Past {
    pub(super) usage: UsageHistory,
    pub(super) checkpoints: Vec<Checkpoint>,
    /// Where each source is named, and the containers that it tells of.
    sources: Vec<(Span, Vec<String>)>,
}

impl Histories {
    /// The history of a VPA.
    pub(super) fn take(&mut self, namespace: &str, name: &str) -> Past {
        let key = (namespace.to_owned(), name.to_owned());
        self.0.remove(&key).unwrap_or_default()
    }
}

impl Past {
    /// Warns of what will not be used: everything without a target, and containers that its pods
    /// do not have. For those upstream recommends, too, and it splits the pod's minimum with them.
    pub(super) fn check(
        &self,
        known: &Known<'_>,
        workload: Option<usize>,
        diagnostics: &mut Diagnostics,
    ) {
        for (span, containers) in &self.sources {
            let Some(workload) = workload else {
                let title = "this history is not used: its VPA has no target here";
                diagnostics.warning(*span, title, "it is ignored");
                continue;
            };
            let spec = &known.workloads[workload];
            let own: Vec<&str> = (spec.template.containers.iter())
                .map(|container| container.name.as_str())
                .collect();
            for container in containers
                .iter()
                .filter(|name| !own.contains(&name.as_str()))
            {
                let title = format!("{} has no container {container}", spec.name);
                let label = "no pod has this container: its history is ignored";
                let warning = diagnostics.warning(*span, title, label);
                warning.help = Some(advice(container, &own));
            }
        }
    }
}

/// What helps where the times of a history do not fit.
const START: &str = "set `start` in `[simulation]` to the time at which the history ends";

/// One table being read.
struct Entry<'a, 'k> {
    known: &'a Known<'k>,
    config: &'a VpaConfig,
    namespace: &'a str,
    name: &'a str,
    past: Past,
}

pub(super) fn histories(
    root: &mut Reader<'_>,
    known: &Known<'_>,
    config: &VpaConfig,
    diagnostics: &mut Diagnostics,
) -> Histories {
    let mut made = Histories::default();
    for item in root.list("vpa_history", diagnostics) {
        let Some(mut table) = Reader::new(item, "`vpa_history`", diagnostics) else {
            continue;
        };
        let vpa = vpa(&mut table, known, diagnostics);
        let sources: Vec<(&str, &Node)> = ["checkpoint", "csv", "prometheus"]
            .into_iter()
            .filter_map(|key| Some((key, table.get(key)?)))
            .collect();
        if sources.is_empty() {
            let example = "csv = \"usage.csv\"";
            table.missing("csv", "`vpa_history`", example, diagnostics);
        }
        table.finish("`vpa_history`", diagnostics);
        let Some((namespace, name)) = vpa else {
            continue;
        };
        let mut entry = Entry {
            known,
            config,
            namespace: &namespace,
            name: &name,
            past: Past::default(),
        };
        for (key, node) in sources {
            entry.read(key, node, diagnostics);
        }
        let past = entry.past;
        let place = made.0.entry((namespace, name)).or_default();
        place.usage.merge(past.usage);
        place.checkpoints.extend(past.checkpoints);
        place.sources.extend(past.sources);
    }
    made
}

/// The VPA that a table names: its namespace and name.
fn vpa(
    table: &mut Reader<'_>,
    known: &Known<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<(String, String)> {
    let Some(node) = table.get("vpa") else {
        let example = "vpa = \"api-vpa\"";
        table.missing("vpa", "`vpa_history`", example, diagnostics);
        return None;
    };
    let Some(text) = node.text() else {
        wrong(
            "vpa",
            node,
            expected("the name of a VPA", node),
            diagnostics,
        );
        return None;
    };
    let vpas = &known.manifests.vpas;
    let found = vpas
        .iter()
        .map(|object| &object.value)
        .find(|vpa| vpa.name == text || format!("{}/{}", vpa.namespace, vpa.name) == text);
    if let Some(vpa) = found {
        return Some((vpa.namespace.clone(), vpa.name.clone()));
    }
    if known.parsed.complete {
        let names: Vec<&str> = vpas.iter().map(|vpa| vpa.value.name.as_str()).collect();
        let title = format!("no VerticalPodAutoscaler `{text}` among the manifests");
        diagnostics.error(node.span, title, "not found").help = Some(advice(text, &names));
    }
    None
}

impl Entry<'_, '_> {
    fn read(&mut self, key: &'static str, node: &Node, diagnostics: &mut Diagnostics) {
        let clock = self.config.clock;
        match key {
            "checkpoint" => {
                let read = |text: &str| Checkpoints::from_json(text, clock);
                if let Some(all) = self.parse(key, node, diagnostics, read) {
                    self.take_checkpoints(&all, node, diagnostics);
                }
            }
            "csv" => {
                let read = |text: &str| UsageHistory::from_csv(text, clock);
                if let Some(usage) = self.parse(key, node, diagnostics, read) {
                    self.take_usage(usage, node, diagnostics);
                }
            }
            _ => {
                let Some(mut table) = Reader::new(node, "`prometheus`", diagnostics) else {
                    return;
                };
                let files = [
                    ("cpu", Resource::Cpu, table.get("cpu")),
                    ("memory", Resource::Memory, table.get("memory")),
                ];
                table.finish("`prometheus`", diagnostics);
                for (key, resource, node) in files {
                    let flags = &self.config.recommender;
                    let labels = SeriesLabels {
                        pod: flags.container_pod_name_label.clone(),
                        container: flags.container_name_label.clone(),
                    };
                    let read =
                        |text: &str| UsageHistory::from_prometheus(text, resource, &labels, clock);
                    if let Some(node) = node
                        && let Some(mut usage) = self.parse(key, node, diagnostics, read)
                    {
                        let had = !usage.is_empty();
                        usage.forget_before(SimTime::ZERO - flags.history_length);
                        if had && usage.is_empty() {
                            let title = "this history is not used: all of it is too old";
                            let label =
                                format!("older than history-length, {}", flags.history_length);
                            diagnostics.warning(node.span, title, label).help =
                                Some(START.to_owned());
                        }
                        self.take_usage(usage, node, diagnostics);
                    }
                }
            }
        }
    }

    /// Takes in usage of the past; none of it may lie after the start.
    fn take_usage(&mut self, usage: UsageHistory, node: &Node, diagnostics: &mut Diagnostics) {
        let late = usage.latest().filter(|time| *time > SimTime::ZERO);
        if let Some(latest) = late {
            let after = latest - SimTime::ZERO;
            let title = "this history goes on after the start of the run";
            let label = format!("its last sample is {after} after the start");
            diagnostics.error(node.span, title, label).help = Some(START.to_owned());
        }
        let flags = &self.config.recommender;
        let window = flags.memory_aggregation_interval * flags.memory_aggregation_interval_count;
        let old = usage.latest().map(|latest| SimTime::ZERO - latest);
        if let Some(old) = old.filter(|old| *old > window) {
            let title = "this history is too old to count";
            let label = format!(
                "its last sample is {old} before the start; recommenders forget usage after {window}"
            );
            diagnostics.warning(node.span, title, label).help = Some(START.to_owned());
        }
        let containers = usage.containers();
        self.past.sources.push((node.span, containers));
        self.past.usage.merge(usage);
    }

    /// Reads a file that was loaded with the scenario; what is wrong is told at its own line
    /// where that is known.
    fn parse<T>(
        &self,
        key: &str,
        node: &Node,
        diagnostics: &mut Diagnostics,
        read: impl Fn(&str) -> Result<T, HistoryError>,
    ) -> Option<T> {
        let Some(name) = node.text() else {
            wrong(key, node, expected("a file's path", node), diagnostics);
            return None;
        };
        if !self.known.parsed.check_read(node, diagnostics) {
            return None;
        }
        // A file that could not be read was reported when it was opened.
        let file = *self.known.parsed.histories.get(name)?;
        let text = diagnostics.files[file].text.clone();
        match read(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                let (line, problem) = match &error {
                    HistoryError::Csv { line, problem } => (*line as usize, problem.clone()),
                    HistoryError::Json(json) if json.is_data() => (json.line(), json.to_string()),
                    HistoryError::Json(json) => (json.line(), format!("not JSON: {json}")),
                    HistoryError::Content { .. } => (1, error.to_string()),
                };
                let span = line_span(file, &text, line);
                diagnostics.error(span, format!("{name} is not a usage history"), problem);
                None
            }
        }
    }

    fn take_checkpoints(&mut self, all: &Checkpoints, node: &Node, diagnostics: &mut Diagnostics) {
        let mut scratch = Recommender::new(
            VpaSpec::default(),
            self.config.recommender.clone(),
            self.config.clock,
        );
        let own: Vec<&Checkpoint> = all.of(self.namespace, self.name).collect();
        if own.is_empty() {
            let title = format!("no checkpoint of VPA {} in this file", self.name);
            let help = "checkpoints name their VPA and namespace: `spec.vpaObjectName`, `metadata.namespace`";
            diagnostics.error(node.span, title, "read").help = Some(help.to_owned());
        }
        let names = own
            .iter()
            .map(|checkpoint| checkpoint.container_name.clone());
        self.past.sources.push((node.span, names.collect()));
        for checkpoint in own {
            if let Some(last) = checkpoint
                .last_sample_start
                .filter(|last| *last > SimTime::ZERO)
            {
                let container = &checkpoint.container_name;
                let title = format!("the checkpoint of container {container} is of a later time");
                let after = last - SimTime::ZERO;
                let label = format!("its last sample is {after} after the start of the run");
                diagnostics.warning(node.span, title, label).help = Some(START.to_owned());
            }
            match scratch.load_checkpoint(checkpoint, SimTime::ZERO) {
                Ok(()) => self.past.checkpoints.push(checkpoint.clone()),
                // Of a recommender that has run for less than a window; it would go on
                // without it.
                Err(error @ CheckpointError::TotalWeight(_)) => {
                    let container = &checkpoint.container_name;
                    let title = format!(
                        "the checkpoint of container {container} is left out, as the recommender does"
                    );
                    diagnostics.warning(node.span, title, error.to_string());
                }
                Err(error) => {
                    let title = "a checkpoint cannot be loaded";
                    diagnostics.error(node.span, title, error.to_string());
                }
            }
        }
    }
}

/// A line of a file, counted from 1.
fn line_span(file: usize, text: &str, line: usize) -> Span {
    let mut start = 0;
    let mut lines = text.split('\n');
    for _ in 1..line.max(1) {
        start += lines.next().map_or(0, |line| line.len() + 1);
    }
    let length = lines.next().map_or(0, str::len);
    let start = start.min(text.len());
    Span {
        file,
        start,
        end: (start + length).min(text.len()),
    }
}
