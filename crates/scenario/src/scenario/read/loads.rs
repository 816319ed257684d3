//! `[[load]]`: command lines, Jobs, declared profiles.

use std::collections::BTreeMap;

use super::command::command;
use super::destination::{named_service, service_of};
use super::dist;
use super::known::Known;
use super::queues::Queues;
use super::shapes::shape;
use super::wget_jobs::{jobs_from_the_start, manifest_load};
use crate::load::spec::{Arrivals, Generator, LoadSpec, ProfileSpec};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::Node;
use crate::scenario::reader::Reader;
use crate::sim::{Dist, SimDuration, SimTime};
use crate::workload::spec::{Balancing, ServerSpec};

const GENERATORS: &[&str] = &[
    "command", "manifest", "constant", "poisson", "ramp", "steps", "spike", "diurnal", "trace",
];

/// How long the clients of a profile wait for an answer, unless the load states it: as long as
/// most HTTP clients and proxies do. What waits in a queue waits on.
const PROFILE_TIMEOUT: SimDuration = SimDuration::from_secs(30);

/// What the parts of all loads have in common.
pub(super) struct Common<'a> {
    /// Its number among the `[[load]]` tables.
    pub(super) index: usize,
    pub(super) name: Option<String>,
    pub(super) at: SimTime,
    pub(super) until: Option<SimTime>,
    pub(super) service: Option<&'a Node>,
    /// It names a queue.
    queue: Option<Consumer>,
    pub(super) arrivals: Option<&'static str>,
    pub(super) timeout: Option<SimDuration>,
    /// What a request, or a cycle of a wget loop, costs the client.
    pub(super) overhead: Option<Dist>,
}

/// The service that consumes the queue that a load names, if there is one.
#[derive(Clone, Copy)]
struct Consumer(Option<usize>);

pub(super) fn loads(
    root: &mut Reader<'_>,
    known: &mut Known<'_>,
    services: &[ServerSpec],
    queues: &mut Queues,
    diagnostics: &mut Diagnostics,
) -> Vec<LoadSpec> {
    let mut made = Loads::default();
    for (index, item) in root.list("load", diagnostics).iter().enumerate() {
        let Some(mut table) = Reader::new(item, "`load`", diagnostics) else {
            continue;
        };
        let at = table.key_span("at");
        let named = table.get("queue");
        let queue = named.map(|node| queues.find("queue", node, diagnostics));
        let consumer = queue.map(|queue| {
            Consumer(queue.and_then(|queue| queues.consumers(queue).first().copied()))
        });
        let load = load(&mut table, (index, consumer), known, services, diagnostics);
        table.finish("`load`", diagnostics);
        if let Some(load) = load {
            if let Some(queue) = queue.flatten() {
                queues.produced_by(queue, made.made.len());
            } else if queue.is_none() {
                let mut keys = ["service"].iter().chain(GENERATORS);
                let node = keys.find_map(|key| item.get(key)).unwrap_or(item);
                let name = &services[load.service].name;
                queues.refuse_requests((load.service, name), node.span, diagnostics);
            }
            if let Some(end) = known.end.filter(|end| load.at >= *end) {
                let title = format!("the load `{}` never begins", load.name);
                diagnostics.warning(at, title, format!("the simulation ends at {end}"));
            }
            made.push(load);
        }
    }
    jobs_from_the_start(&mut made, known, services, queues, diagnostics);
    made.made
}

/// Loads under names of their own.
#[derive(Default)]
pub(super) struct Loads {
    made: Vec<LoadSpec>,
    /// Names that are taken, and the number of the next load that would have it.
    names: BTreeMap<String, usize>,
}

impl Loads {
    pub(super) fn push(&mut self, mut load: LoadSpec) {
        let base = load.name.clone();
        let mut number = self.names.get(&base).copied().unwrap_or(2);
        while self.names.contains_key(&load.name) {
            load.name = format!("{base}-{number}");
            number += 1;
        }
        self.names.insert(base, number);
        self.names.entry(load.name.clone()).or_insert(2);
        self.made.push(load);
    }
}

fn load(
    table: &mut Reader<'_>,
    (index, queue): (usize, Option<Consumer>),
    known: &mut Known<'_>,
    services: &[ServerSpec],
    diagnostics: &mut Diagnostics,
) -> Option<LoadSpec> {
    let common = Common {
        index,
        name: table.text("name", diagnostics).map(str::to_owned),
        at: table.time("at", diagnostics).unwrap_or(SimTime::ZERO),
        until: table.time("until", diagnostics),
        service: table.get("service"),
        queue,
        arrivals: table.one_of("arrivals", &["poisson", "even"], diagnostics),
        timeout: table.duration("timeout", diagnostics),
        overhead: dist::seconds(table, "overhead", diagnostics),
    };
    if common.until.is_some_and(|until| until <= common.at) {
        let span = table.key_span("until");
        let label = "`until` must be after `at`";
        diagnostics.error(span, "the load ends before it begins", label);
    }
    let given: Vec<(&'static str, &Node)> = GENERATORS
        .iter()
        .filter_map(|key| table.get(key).map(|node| (*key, node)))
        .collect();
    let [(kind, node)] = given.as_slice() else {
        let names: Vec<&str> = given.iter().map(|(key, _)| *key).collect();
        let (span, label) = match given.get(1) {
            None => (table.span().first(), "none is given".to_owned()),
            Some((key, _)) => (table.key_span(key), format!("given: {}", names.join(", "))),
        };
        diagnostics
            .error(span, "a load has exactly one generator", label)
            .help = Some(format!("one of {}", GENERATORS.join(", ")));
        return None;
    };
    let (misplaced, partner, label): (&[&str], &str, &str) = match *kind {
        "command" | "manifest" => (
            &["arrivals", "timeout", "queue"],
            kind,
            "only a profile has it",
        ),
        _ if queue.is_some() => (
            &["overhead", "timeout", "service"],
            "queue",
            "a message waits until it is consumed, by the service that does",
        ),
        _ => (
            &["overhead"],
            kind,
            "only a `command` and a `manifest` have it",
        ),
    };
    for key in misplaced {
        if table.get(key).is_some() {
            let title = format!("`{key}` does not go with `{partner}`");
            diagnostics.error(table.key_span(key), title, label);
        }
    }
    match *kind {
        "command" => command_load(node, common, known, services, diagnostics),
        "manifest" => manifest_load(node, common, known, services, diagnostics),
        profile => profile_load(profile, node, common, known, services, diagnostics),
    }
}

fn command_load(
    node: &Node,
    common: Common<'_>,
    known: &Known<'_>,
    services: &[ServerSpec],
    diagnostics: &mut Diagnostics,
) -> Option<LoadSpec> {
    let parsed = command(node, diagnostics);
    let named = common
        .service
        .map(|node| named_service(node, None, known, services, diagnostics));
    let (mut generator, url) = parsed?;
    let service = match named {
        Some(found) => found?,
        None => service_of(&url, node.span, None, known, services, diagnostics)?,
    };
    if let Some(overhead) = common.overhead {
        generator.set_overhead(overhead);
    }
    let tool = match generator {
        Generator::Ab(_) => "ab",
        _ => "hey",
    };
    Some(LoadSpec {
        name: common.name.unwrap_or_else(|| tool.to_owned()),
        service,
        at: common.at,
        until: common.until,
        generator,
    })
}

fn profile_load(
    profile: &'static str,
    node: &Node,
    common: Common<'_>,
    known: &Known<'_>,
    services: &[ServerSpec],
    diagnostics: &mut Diagnostics,
) -> Option<LoadSpec> {
    let shape = shape(profile, node, common.at, known, diagnostics);
    let service = match (common.service, services) {
        _ if common.queue.is_some() => common.queue.and_then(|consumer| consumer.0),
        (Some(node), _) => named_service(node, None, known, services, diagnostics),
        (None, [_]) => Some(0),
        (None, _) => {
            if known.all_services {
                let names: Vec<&str> = services.iter().map(|one| one.name.as_str()).collect();
                let help = match names.first() {
                    None => "add a `[[service]]` for the workload that answers".to_owned(),
                    Some(first) => format!("for example `service = \"{first}\"`"),
                };
                let title = "it is not clear which service the load is for";
                diagnostics.error(node.span, title, "needs `service`").help = Some(help);
            }
            None
        }
    };
    let arrivals = match (common.arrivals, profile) {
        (Some("even"), _) | (None, "constant") => Arrivals::Even,
        _ => Arrivals::Poisson,
    };
    let service = service?;
    let is_queue = common.queue.is_some() || services[service].balancing == Balancing::SharedQueue;
    let by_default = (!is_queue).then_some(PROFILE_TIMEOUT);
    let generator = Generator::Profile(ProfileSpec {
        shape: shape?,
        arrivals,
        timeout: match common.timeout {
            None => by_default,
            Some(SimDuration::ZERO) => None,
            stated => stated,
        },
    });
    Some(LoadSpec {
        name: common.name.unwrap_or_else(|| profile.to_owned()),
        service,
        at: common.at,
        until: common.until,
        generator,
    })
}
