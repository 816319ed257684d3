//! Loads that commands start: pods with scripts of `wget` that are among no manifests.

use super::super::destination::service_of;
use super::super::known::Known;
use crate::api::RestartPolicy;
use crate::cluster::spec::{WorkloadKind, WorkloadSpec};
use crate::kubectl::command::Command;
use crate::kubectl::patch;
use crate::load::WGET_PROCESS_COST;
use crate::load::command_line::{WgetLoop, parse_wget_loop};
use crate::load::spec::{Generator, LoadSpec, WgetJobSpec};
use crate::scenario::admission::Admission;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::model::Action;
use crate::scenario::node::Span;
use crate::scenario::object::{Object, read_object};
use crate::sim::{Dist, SimTime};
use crate::workload::spec::ServerSpec;

const ADVICE: &str =
    "a load runs a loop such as `while true; do wget -q -O- http://service/; sleep 0.01; done`";

/// What commands create, as a workload that is not there before, and as a load of its pods.
pub(in crate::scenario::read) fn loads_of_commands(
    (actions, admission): (&[Action], &Admission),
    known: &mut Known<'_>,
    services: &[ServerSpec],
    loads: &mut Vec<LoadSpec>,
    diagnostics: &mut Diagnostics,
) {
    for action in actions {
        let namespace = action.command.namespace.as_deref().unwrap_or_default();
        let documents = match &action.command.command {
            Command::Run(run) => patch::run(run, namespace).unwrap_or_default(),
            Command::Apply(_) | Command::Create(_) => action.documents.clone(),
            _ => continue,
        };
        for document in &documents {
            let Ok(Object::Workload(spec)) = read_object(document, admission) else {
                continue;
            };
            if !known.workloads.iter().any(|one| is_same(one, &spec)) {
                let made = load(*spec, action, known, services, diagnostics);
                if let Some((spec, load)) = made {
                    add(load, known.workloads.len(), loads);
                    known.workloads.push(spec);
                }
            }
        }
    }
}

fn is_same(one: &WorkloadSpec, other: &WorkloadSpec) -> bool {
    let key = |of: &WorkloadSpec| (of.kind.name(), of.namespace.clone(), of.name.clone());
    key(one) == key(other)
}

/// Adds a load of a workload, under a name of its own.
fn add(mut load: LoadSpec, workload: usize, loads: &mut Vec<LoadSpec>) {
    let base = load.name.clone();
    let mut number = 2;
    while loads.iter().any(|one| one.name == load.name) {
        load.name = format!("{base}-{number}");
        number += 1;
    }
    if let Generator::WgetJob(job) = &mut load.generator {
        job.workload = workload;
    }
    loads.push(load);
}

/// A workload whose pods send requests, and these.
fn load(
    mut spec: WorkloadSpec,
    action: &Action,
    known: &Known<'_>,
    services: &[ServerSpec],
    diagnostics: &mut Diagnostics,
) -> Option<(WorkloadSpec, LoadSpec)> {
    let place = action.place;
    let found = script(&spec, place, diagnostics)?;
    let may_end = match spec.kind {
        WorkloadKind::Job(_) | WorkloadKind::CronJob(_) => true,
        WorkloadKind::Pod => spec.template.restart_policy != RestartPolicy::Always,
        _ => false,
    };
    if found.script.ends() && !may_end {
        let why =
            "its script comes to an end: only that of a Job, or of a pod with --restart=Never, may";
        not_simulated(&spec, place, why, diagnostics);
        return None;
    }
    let host = &found.url.host;
    if services.iter().all(|service| !service.hosts.contains(host)) {
        let why = format!("no service answers under the host `{host}`");
        not_simulated(&spec, place, &why, diagnostics);
        return None;
    }
    let inside = Some(spec.namespace.as_str());
    let service = service_of(&found.url, place, inside, known, services, diagnostics)?;
    // The command makes it. A shell that was just started is at work at once.
    spec.created_at = SimTime::MAX;
    spec.startup.ready = Dist::Constant(0.0);
    let generator = Generator::WgetJob(WgetJobSpec {
        workload: 0,
        script: found.script,
        process_cost: Dist::Constant(WGET_PROCESS_COST),
        timeout: found.timeout,
        url: found.url,
    });
    let load = LoadSpec {
        name: spec.name.clone(),
        service,
        at: action.at,
        until: None,
        generator,
    };
    Some((spec, load))
}

/// The script of the container that has one.
fn script(spec: &WorkloadSpec, place: Span, diagnostics: &mut Diagnostics) -> Option<WgetLoop> {
    for container in &spec.template.containers {
        match parse_wget_loop(&container.command) {
            Ok(None) => {}
            Ok(found) => return found,
            Err(error) => {
                not_simulated(spec, place, &error.message, diagnostics);
                return None;
            }
        }
    }
    None
}

fn not_simulated(spec: &WorkloadSpec, place: Span, why: &str, diagnostics: &mut Diagnostics) {
    let (kind, name) = (spec.kind.name(), &spec.name);
    let title = format!("the requests of {kind} {name} are not simulated");
    diagnostics.warning(place, title, why.to_owned()).help = Some(ADVICE.to_owned());
}
