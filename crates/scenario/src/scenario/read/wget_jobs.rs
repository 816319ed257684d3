//! Jobs, and whatever else runs scripts of `wget`, as loads.

use super::command::word_within;
use super::destination::{named_service, service_of};
use super::known::Known;
use super::loads::{Common, Loads};
use super::queues::Queues;
use crate::api::RestartPolicy;
use crate::cluster::spec::{WorkloadKind, WorkloadSpec};
use crate::load::WGET_PROCESS_COST;
use crate::load::command_line::{self, WgetLoop};
use crate::load::spec::{Generator, LoadSpec, WgetJobSpec};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::{Node, Span};
use crate::scenario::reader::{expected, wrong};
use crate::sim::{Dist, SimTime};
use crate::workload::spec::ServerSpec;

const WGET_ADVICE: &str =
    "a load Job runs a loop such as `while true; do wget -q -O- http://service/; sleep 0.01; done`";

/// Scripts of `wget` among the manifests are loads from the start on.
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
        if document.load.is_some() {
            continue;
        }
        let span = document
            .node
            .get("metadata")
            .and_then(|metadata| metadata.get("name"))
            .map_or(document.node.span.first(), |node| node.span);
        let is_load = match script(known, workload, diagnostics) {
            _ if is_job(spec) && asks_outside(spec, &known.workloads) => {
                runs_without_requests(workload, span, known, diagnostics);
                false
            }
            Ok(None) => {
                if is_job(spec) {
                    runs_without_requests(workload, span, known, diagnostics);
                }
                false
            }
            Ok(Some(found)) => {
                is_job(spec) || asks(&found, workload, span, known, services, diagnostics)
            }
            Err((place, message)) => {
                not_simulated(spec, place, message, diagnostics);
                false
            }
        };
        let times = (SimTime::ZERO, None);
        if is_load
            && let Some(mut load) = wget_job(workload, span, times, known, services, diagnostics)
        {
            let name = &services[load.service].name;
            queues.refuse_requests((load.service, name), span, diagnostics);
            load.name.clone_from(&known.workloads[workload].name);
            made.push(load);
        }
    }
}

/// A script that is not simulated: a Job would do something else than it says.
fn not_simulated(spec: &WorkloadSpec, place: Span, message: String, diagnostics: &mut Diagnostics) {
    let who = format!("{} {}", spec.kind.name(), spec.name);
    let known_end = spec.startup.run_time.is_some();
    if is_job(spec) && !known_end {
        let title = format!("the script of {who} is not simulated");
        diagnostics.error(place, title, message).help = Some(WGET_ADVICE.to_owned());
    } else {
        let title = format!("the requests of {who} are not simulated");
        diagnostics.warning(place, title, message).help = Some(WGET_ADVICE.to_owned());
    }
}

/// Whether all that the scripts of a workload ask is outside the cluster, as what downloads a file does:
/// a name with a dot that is in none of the workloads' namespaces.
fn asks_outside(spec: &WorkloadSpec, all: &[WorkloadSpec]) -> bool {
    let commands = spec.template.containers.iter().map(|one| &one.command);
    let asking = commands.filter(|command| command.contains("wget"));
    let mut hosts = asking
        .flat_map(|command| command.split("://").skip(1))
        .map(|rest| rest.split([':', '/', '"', '\'', ' ', '\n', ';']).next())
        .peekable();
    let is_outside = |host: &str| {
        let (_, rest) = host.split_once('.').unwrap_or_default();
        let namespace = rest.split('.').next().unwrap_or_default();
        !rest.is_empty()
            && rest.split('.').nth(1) != Some("svc")
            && all.iter().all(|one| one.namespace != namespace)
    };
    hosts.peek().is_some() && hosts.all(|host| host.is_some_and(is_outside))
}

/// Whether the pods of a workload that is no Job are simulated as clients.
fn asks(
    found: &WgetLoop,
    workload: usize,
    span: Span,
    known: &Known<'_>,
    services: &[ServerSpec],
    diagnostics: &mut Diagnostics,
) -> bool {
    let host = &found.url.host;
    let why = if services.iter().any(|service| service.workload == workload) {
        "it has a `[[service]]`: what answers requests sends none of its own".to_owned()
    } else if found.script.ends() && !may_end(&known.workloads[workload]) {
        "its script comes to an end: only that of a Job may".to_owned()
    } else if services.iter().all(|service| !service.hosts.contains(host)) {
        format!("no service answers under the host `{host}`")
    } else {
        return true;
    };
    not_simulated(&known.workloads[workload], span, why, diagnostics);
    false
}

/// Load tools that a Job may run.
const TOOLS: &[&str] = &[
    "ab",
    "hey",
    "k6",
    "locust",
    "vegeta",
    "wrk",
    "wrk2",
    "oha",
    "siege",
    "fortio",
    "curl",
    "bombardier",
];

/// A Job that asks nobody: what is known of its end.
fn runs_without_requests(
    workload: usize,
    span: Span,
    known: &mut Known<'_>,
    diagnostics: &mut Diagnostics,
) {
    let spec = &known.workloads[workload];
    let containers = &spec.template.containers;
    if containers.iter().all(|one| one.sleeps.is_some()) {
        return; // it ends by itself
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
        let mut advice = WGET_ADVICE.to_owned();
        let mut words = containers
            .iter()
            .flat_map(|one| one.command.split_whitespace());
        if let Some(tool) = words.find_map(|word| {
            let base = word.rsplit('/').next().unwrap_or(word);
            TOOLS.iter().find(|tool| **tool == base)
        }) {
            advice = format!(
                "`{tool}` in a Job is not simulated: write what it sends as a `[[load]]` instead of the manifest"
            );
            if let Some(line) = containers
                .iter()
                .find_map(|one| command_line::tool_of(&one.command))
            {
                advice = format!("{advice}, with `command = \"{line}\"`");
            }
        }
        diagnostics
            .warning(span, title, "its pods run until the end")
            .help = Some(advice);
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
        let spec = &object.value.spec;
        let may_ask = is_job(spec) || spec.kind == WorkloadKind::Pod;
        documents[object.document].load == Some(common.index) && may_ask
    });
    let Some(workload) = workload else {
        let is_kind = |node: &Node| {
            let kind = node.get("kind").and_then(Node::text);
            matches!(kind, Some("Job" | "CronJob" | "Pod"))
        };
        let broken = documents
            .iter()
            .any(|one| one.load == Some(common.index) && is_kind(&one.node));
        if known.parsed.complete && !broken {
            let label = "a load's manifest is a Job or a Pod";
            diagnostics.error(node.span, "the manifest holds no Job", label);
        }
        return None;
    };
    let name = &known.workloads[workload].name;
    let problem = match script(known, workload, diagnostics) {
        Ok(Some(_)) => None,
        Ok(None) => Some((
            node.span,
            format!("the Job {name} sends no requests"),
            "its command holds no `wget URL`".to_owned(),
        )),
        Err((place, message)) => {
            let title = format!("the script of Job {name} is not simulated");
            Some((place, title, message))
        }
    };
    if let Some((place, title, label)) = problem {
        diagnostics.error(place, title, label).help = Some(WGET_ADVICE.to_owned());
        return None;
    }
    let times = (common.at, common.until);
    let mut load = match named {
        Some(service) => {
            let found = script(known, workload, diagnostics).ok().flatten()?;
            job_on(service?, (workload, times), found, known)
        }
        None => wget_job(workload, node.span, times, known, services, diagnostics)?,
    };
    if let Some(overhead) = common.overhead {
        load.generator.set_overhead(overhead);
    }
    let name = common
        .name
        .unwrap_or_else(|| known.workloads[workload].name.clone());
    Some(LoadSpec { name, ..load })
}

/// Whether it is a pod that need not start again once its script has ended.
fn may_end(spec: &WorkloadSpec) -> bool {
    spec.kind == WorkloadKind::Pod && spec.template.restart_policy != RestartPolicy::Always
}

/// Whether its pods come to an end.
fn is_job(spec: &WorkloadSpec) -> bool {
    matches!(
        spec.kind,
        WorkloadKind::Job(_) | WorkloadKind::CronJob(_) | WorkloadKind::ScaledJob(_)
    )
}

/// The script of the container that has one, or the place of what is not simulated of it.
fn script(
    known: &Known<'_>,
    workload: usize,
    diagnostics: &Diagnostics,
) -> Result<Option<WgetLoop>, (Span, String)> {
    let containers = known.workloads[workload].template.containers.iter();
    for (index, container) in containers.enumerate() {
        match command_line::parse_wget_loop(&container.command) {
            Ok(None) => {}
            Ok(found) => return Ok(found),
            Err(error) => {
                let document = known.manifests.workloads[workload].document;
                let node = &known.parsed.documents[document].node;
                let word = (container.command.as_str(), error.start, error.end);
                let place = place(node, index, word, diagnostics);
                return Err((place.unwrap_or(node.span.first()), error.message));
            }
        }
    }
    Ok(None)
}

/// Where a part of a container's command stands.
fn place(
    document: &Node,
    container: usize,
    (command, start, end): (&str, usize, usize),
    diagnostics: &Diagnostics,
) -> Option<Span> {
    let spec = document.get("spec")?;
    let paths: [&[&str]; 3] = [
        &["template"],
        &["jobTemplate", "spec", "template"],
        &["jobTargetRef", "template"],
    ];
    let follow = |path: &&[&str]| path.iter().try_fold(spec, |node, key| node.get(key));
    let template = paths.iter().find_map(follow)?;
    let containers = template.get("spec")?.get("containers")?;
    let container = containers.items().get(container)?;
    let items = ["command", "args"]
        .into_iter()
        .filter_map(|key| container.get(key));
    let mut from = 0;
    for item in items.flat_map(Node::items) {
        let text = item.text()?;
        if start < from + text.len() {
            let within = (
                start.saturating_sub(from),
                end.min(from + text.len()) - from,
            );
            return Some(word_within(
                item,
                text,
                within,
                &command[start..end],
                diagnostics,
            ));
        }
        from += text.len() + 1;
    }
    None
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
    let found = script(known, workload, diagnostics).ok().flatten()?;
    let inside = known.workloads[workload].namespace.as_str();
    let service = service_of(&found.url, span, Some(inside), known, services, diagnostics)?;
    Some(job_on(service, (workload, times), found, known))
}

/// A Job of wget loops as a load on a service.
fn job_on(
    service: usize,
    (workload, (at, until)): (usize, (SimTime, Option<SimTime>)),
    found: WgetLoop,
    known: &mut Known<'_>,
) -> LoadSpec {
    let spec = &mut known.workloads[workload];
    spec.created_at = at;
    spec.deleted_at = until;
    // A shell that was just started is at work at once.
    spec.startup.ready = Dist::Constant(0.0);
    let generator = Generator::WgetJob(WgetJobSpec {
        workload,
        script: found.script,
        process_cost: Dist::Constant(WGET_PROCESS_COST),
        timeout: found.timeout,
        url: found.url,
    });
    LoadSpec {
        name: String::new(),
        service,
        at,
        until,
        generator,
    }
}
