//! Jobs and CronJobs of `wget` loops as loads.

use super::destination::{named_service, service_of};
use super::known::Known;
use super::loads::{Common, Loads};
use super::queues::Queues;
use crate::cluster::spec::{WorkloadKind, WorkloadSpec};
use crate::load::WGET_PROCESS_COST;
use crate::load::command_line;
use crate::load::spec::{Generator, LoadSpec, WgetJobSpec};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::{Node, Span};
use crate::scenario::reader::{expected, wrong};
use crate::sim::{Dist, SimTime};
use crate::workload::spec::ServerSpec;

const WGET_ADVICE: &str =
    "a load Job runs a loop such as `while true; do wget -q -O- http://service/; sleep 0.01; done`";

/// Jobs of wget loops among the manifests are loads from the start on.
pub(super) fn jobs_from_the_start(
    made: &mut Loads,
    known: &mut Known<'_>,
    services: &[ServerSpec],
    queues: &Queues,
    diagnostics: &mut Diagnostics,
) {
    for workload in 0..known.workloads.len() {
        let document = &known.parsed.documents[known.manifests.workloads[workload].document];
        let spec = &known.workloads[workload];
        if !is_job(spec) || document.load.is_some() {
            continue;
        }
        let span = document
            .node
            .get("metadata")
            .and_then(|metadata| metadata.get("name"))
            .map_or(document.node.span.first(), |node| node.span);
        if command_line::parse_wget_loop(&script(known, workload)).is_none() {
            if spec
                .template
                .containers
                .iter()
                .all(|one| one.sleeps.is_some())
            {
                continue; // it ends by itself
            }
            let (kind, name) = (spec.kind.name(), &spec.name);
            if spec.lacks_run_time() {
                let title = format!("the pods of {kind} {name} run for 1m by default");
                let label = "nothing tells how long they run";
                diagnostics.warning(span, title, label).help = Some(format!(
                    "write `run_time = \"5m\"` into a [[service]] with `workload = \"{kind}/{name}\"`"
                ));
                let default = Dist::Constant(WorkloadSpec::RUN_TIME);
                known.workloads[workload].startup.run_time = Some(default);
            } else if spec.startup.run_time.is_none() {
                let title = format!("the Job {name} sends no requests");
                diagnostics
                    .warning(span, title, "its pods run until the end")
                    .help = Some(WGET_ADVICE.to_owned());
            }
            continue;
        }
        let times = (SimTime::ZERO, None);
        if let Some(mut load) = wget_job(workload, span, times, known, services, diagnostics) {
            let name = &services[load.service].name;
            queues.refuse_requests((load.service, name), span, diagnostics);
            load.name.clone_from(&known.workloads[workload].name);
            made.push(load);
        }
    }
}

pub(super) fn manifest_load(
    node: &Node,
    common: Common<'_>,
    known: &mut Known<'_>,
    services: &[ServerSpec],
    diagnostics: &mut Diagnostics,
) -> Option<LoadSpec> {
    if node.text().is_none() {
        wrong(
            "manifest",
            node,
            expected("a file's path", node),
            diagnostics,
        );
        return None;
    }
    if !known.parsed.check_read(node, diagnostics) {
        return None;
    }
    let named = common
        .service
        .map(|node| named_service(node, None, known, services, diagnostics));
    let documents = &known.parsed.documents;
    let workload = known.manifests.workloads.iter().position(|object| {
        documents[object.document].load == Some(common.index) && is_job(&object.value.spec)
    });
    let Some(workload) = workload else {
        let is_kind = |node: &Node| {
            let kind = node.get("kind").and_then(Node::text);
            matches!(kind, Some("Job" | "CronJob"))
        };
        let broken = documents
            .iter()
            .any(|one| one.load == Some(common.index) && is_kind(&one.node));
        if known.parsed.complete && !broken {
            let label = "a load's manifest is a Job";
            diagnostics.error(node.span, "the manifest holds no Job", label);
        }
        return None;
    };
    if command_line::parse_wget_loop(&script(known, workload)).is_none() {
        let title = format!(
            "the Job {} sends no requests",
            known.workloads[workload].name
        );
        diagnostics
            .error(node.span, title, "its command holds no `wget URL`")
            .help = Some(WGET_ADVICE.to_owned());
        return None;
    }
    let times = (common.at, common.until);
    let mut load = match named {
        Some(found) => job_on(found?, workload, times, known),
        None => wget_job(workload, node.span, times, known, services, diagnostics),
    }?;
    if let Some(overhead) = common.overhead {
        load.generator.set_overhead(overhead);
    }
    let name = common
        .name
        .unwrap_or_else(|| known.workloads[workload].name.clone());
    Some(LoadSpec { name, ..load })
}

/// Whether its pods come to an end.
fn is_job(spec: &WorkloadSpec) -> bool {
    matches!(
        spec.kind,
        WorkloadKind::Job(_) | WorkloadKind::CronJob(_) | WorkloadKind::ScaledJob(_)
    )
}

fn script(known: &Known<'_>, workload: usize) -> String {
    let containers = &known.workloads[workload].template.containers;
    let commands = containers
        .iter()
        .map(|container| container.command.as_str());
    commands.collect::<Vec<_>>().join(" ")
}

/// A Job of wget loops as a load on the service that its URL names.
fn wget_job(
    workload: usize,
    span: Span,
    times: (SimTime, Option<SimTime>),
    known: &mut Known<'_>,
    services: &[ServerSpec],
    diagnostics: &mut Diagnostics,
) -> Option<LoadSpec> {
    let found = command_line::parse_wget_loop(&script(known, workload))?;
    let inside = known.workloads[workload].namespace.as_str();
    let service = service_of(&found.url, span, Some(inside), known, services, diagnostics)?;
    job_on(service, workload, times, known)
}

/// A Job of wget loops as a load on a service.
fn job_on(
    service: usize,
    workload: usize,
    (at, until): (SimTime, Option<SimTime>),
    known: &mut Known<'_>,
) -> Option<LoadSpec> {
    let found = command_line::parse_wget_loop(&script(known, workload))?;
    let spec = &mut known.workloads[workload];
    spec.created_at = at;
    spec.deleted_at = until;
    // A shell that was just started is at work at once.
    spec.startup.ready = Dist::Constant(0.0);
    let generator = Generator::WgetJob(WgetJobSpec {
        workload,
        sleep: found.sleep,
        process_cost: Dist::Constant(WGET_PROCESS_COST),
        timeout: found.timeout,
        url: found.url,
    });
    Some(LoadSpec {
        name: String::new(),
        service,
        at,
        until,
        generator,
    })
}
