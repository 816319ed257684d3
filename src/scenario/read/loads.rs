//! `[[load]]`: command lines, Jobs, declared profiles.

use std::collections::BTreeMap;

use super::command::command;
use super::dist;
use super::known::Known;
use super::position;
use super::shapes::shape;
use super::wget_jobs::{jobs_from_the_start, manifest_load};
use crate::load::spec::{Arrivals, Generator, LoadSpec, ProfileSpec, Url};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::{Node, Span};
use crate::scenario::reader::{Reader, wrong};
use crate::scenario::suggest::nearest;
use crate::sim::{Dist, SimTime};
use crate::workload::spec::ServerSpec;

const GENERATORS: &[&str] = &[
    "command", "manifest", "constant", "poisson", "ramp", "steps", "spike", "diurnal", "trace",
];

/// What the parts of all loads have in common.
pub(super) struct Common<'a> {
    /// Its number among the `[[load]]` tables.
    pub(super) index: usize,
    pub(super) name: Option<String>,
    pub(super) at: SimTime,
    pub(super) until: Option<SimTime>,
    pub(super) service: Option<&'a Node>,
    pub(super) arrivals: Option<&'static str>,
    pub(super) timeout: Option<crate::sim::SimDuration>,
    /// What a request, or a cycle of a wget loop, costs the client.
    pub(super) overhead: Option<Dist>,
}

pub(super) fn loads(
    root: &mut Reader<'_>,
    known: &mut Known<'_>,
    services: &[ServerSpec],
    diagnostics: &mut Diagnostics,
) -> Vec<LoadSpec> {
    let mut made = Loads::default();
    for (index, item) in root.list("load", diagnostics).iter().enumerate() {
        let Some(mut table) = Reader::new(item, "`load`", diagnostics) else {
            continue;
        };
        let at = table.key_span("at");
        let load = load(&mut table, index, known, services, diagnostics);
        table.finish("`load`", diagnostics);
        if let Some(load) = load {
            if let Some(end) = known.end.filter(|end| load.at >= *end) {
                let title = format!("the load `{}` never begins", load.name);
                diagnostics.warning(at, title, format!("the simulation ends at {end}"));
            }
            made.push(load);
        }
    }
    jobs_from_the_start(&mut made, known, services, diagnostics);
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
    index: usize,
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
    let (misplaced, label): (&[&str], &str) = match *kind {
        "command" | "manifest" => (&["arrivals", "timeout"], "only a profile has it"),
        _ => (&["overhead"], "only a `command` and a `manifest` have it"),
    };
    for key in misplaced {
        if table.get(key).is_some() {
            let title = format!("`{key}` does not go with `{kind}`");
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
        .map(|node| named_service(node, known, services, diagnostics));
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
        (Some(node), _) => named_service(node, known, services, diagnostics),
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
    let generator = Generator::Profile(ProfileSpec {
        shape: shape?,
        arrivals,
        timeout: common.timeout,
    });
    Some(LoadSpec {
        name: common.name.unwrap_or_else(|| profile.to_owned()),
        service: service?,
        at: common.at,
        until: common.until,
        generator,
    })
}

/// The service that answers under a URL's host, asked from a namespace if the client is in one.
pub(super) fn service_of(
    url: &Url,
    span: Span,
    inside: Option<&str>,
    known: &Known<'_>,
    services: &[ServerSpec],
    diagnostics: &mut Diagnostics,
) -> Option<usize> {
    let fits = |service: &ServerSpec| service.hosts.contains(&url.host);
    let found = the_only(&url.host, fits, inside, span, known, services, diagnostics).ok()?;
    if found.is_none() && known.all_services {
        let hosts: Vec<&str> = services
            .iter()
            .flat_map(|service| service.hosts.iter().map(String::as_str))
            .collect();
        let advice = match nearest(&url.host, hosts.iter().copied()) {
            Some(host) => format!("did you mean `{host}`?"),
            None if hosts.is_empty() => {
                "add a `[[service]]` for the workload that answers".to_owned()
            }
            None => format!(
                "known hosts: {}; or name the service with `service = \"…\"`",
                hosts.join(", ")
            ),
        };
        let title = format!("no service answers under the host `{}`", url.host);
        diagnostics.error(span, title, "no such host").help = Some(advice);
    }
    found
}

/// The service that fits, if there is one. Those of several namespaces are an error,
/// unless the client is in one of these.
fn the_only(
    name: &str,
    fits: impl Fn(&ServerSpec) -> bool,
    inside: Option<&str>,
    span: Span,
    known: &Known<'_>,
    services: &[ServerSpec],
    diagnostics: &mut Diagnostics,
) -> Result<Option<usize>, ()> {
    let namespace = |place: usize| known.workloads[services[place].workload].namespace.as_str();
    let fitting = || (0..services.len()).filter(|place| fits(&services[*place]));
    let near = fitting().find(|place| Some(namespace(*place)) == inside);
    let Some(found) = near.or_else(|| fitting().next()) else {
        return Ok(None);
    };
    if near.is_some() || fitting().all(|place| namespace(place) == namespace(found)) {
        return Ok(Some(found));
    }
    let long = |place: usize| format!("{name}.{}", namespace(place));
    let hosts: Vec<String> = (fitting().map(|place| (place, long(place))))
        .filter(|(place, host)| services[*place].hosts.contains(host))
        .map(|(_, host)| format!("`{host}`"))
        .collect();
    let help = match hosts.as_slice() {
        [] => "give the services a `name` of their own".to_owned(),
        hosts => format!("write {}", hosts.join(" or ")),
    };
    let title = format!("several services are `{name}`");
    let label = "found in more than one namespace";
    diagnostics.error(span, title, label).help = Some(help);
    Err(())
}

pub(super) fn named_service(
    node: &Node,
    known: &Known<'_>,
    services: &[ServerSpec],
    diagnostics: &mut Diagnostics,
) -> Option<usize> {
    let name = node.text().unwrap_or_default();
    let plain = name.rsplit('/').next().unwrap_or(name);
    let fits = |one: &ServerSpec| one.name == name || one.hosts.iter().any(|host| host == plain);
    let found = the_only(name, fits, None, node.span, known, services, diagnostics).ok()?;
    if found.is_some() {
        return found;
    }
    if known.all_services {
        let names: Vec<&str> = services.iter().map(|one| one.name.as_str()).collect();
        if let Err(problem) = position(node, &names, "service") {
            wrong("service", node, problem, diagnostics);
        }
    }
    None
}
