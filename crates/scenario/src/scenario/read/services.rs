//! `[[service]]`: how the pods of a workload behave.

use super::calls;
use super::concurrency::{concurrency, refuse_limits, tokens};
use super::containers::containers;
use super::dist;
use super::exports::exports;
use super::known::Known;
use super::queues::Queues;
use super::selects;
use super::settings::slo_table;
use super::startup::startup;
use crate::cluster::spec::WorkloadSpec;
use crate::load::spec::LoadSpec;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::manifest::ServiceObject;
use crate::scenario::model::{ExportSpec, Slo};
use crate::scenario::node::{Node, Span, Value};
use crate::scenario::reader::{self, Reader, duration, expected, number, wrong};
use crate::sim::{Dist, SimDuration, SimTime};
use crate::units::{Bytes, Millicores};
use crate::workload::spec::{
    Balancing, CallTarget, MemorySpec, RequestSpec, ServerSpec, UsageSpec, UsageSplit,
};

/// What a server burns that nobody asks anything of: HTTP servers of nginx, Node.js, Python and
/// Java show 0 to 2 millicores. Declared usage is all that is used.
const IDLE_CPU: Millicores = Millicores(1);

/// CPU time of a request where the scenario states none, in seconds: that of an ordinary
/// page. At 0 no load would ever move an autoscaler.
const DEFAULT_REQUEST_CPU: f64 = 0.010;

/// Memory of the serving container where the scenario states none.
const DEFAULT_MEMORY: Bytes = Bytes(64 << 20);

/// The services, and what stands by default.
#[derive(Default)]
pub(super) struct Services {
    pub(super) specs: Vec<ServerSpec>,
    pub(super) slos: Vec<Slo>,
    /// What each exports.
    pub(super) exports: Vec<ExportSpec>,
    /// Where `metrics` stands, for those that have it.
    metrics: Vec<Span>,
    /// Those without `request.cpu`: their indices, and where they are stated.
    defaulted: Vec<(usize, Span)>,
}

impl Services {
    /// Lets services keep what they export, if there is a Prometheus.
    pub(super) fn export(&mut self, is_scraped: bool, diagnostics: &mut Diagnostics) {
        if is_scraped {
            for (spec, export) in self.specs.iter_mut().zip(&self.exports) {
                spec.latency_buckets.clone_from(&export.buckets);
            }
            return;
        }
        for span in &self.metrics {
            let title = "nobody scrapes the metrics of this service";
            diagnostics
                .warning(*span, title, "there is no Prometheus")
                .help = Some("add a table `[prometheus]` to the scenario".to_owned());
        }
    }

    /// Warns of services that get requests and whose requests cost what nobody stated.
    pub(super) fn warn_of_defaults(&self, loads: &[LoadSpec], diagnostics: &mut Diagnostics) {
        for (index, span) in &self.defaulted {
            let to = CallTarget::Service(*index);
            let mut calls = self.specs.iter().flat_map(|one| &one.calls);
            if loads.iter().any(|load| load.service == *index) || calls.any(|call| call.to == to) {
                let name = &self.specs[*index].name;
                let title = format!("a request to `{name}` takes 10ms of CPU by default");
                let label = "`request.cpu` is not stated";
                diagnostics.warning(*span, title, label).help = Some(
                    "measure yours (CPU used over requests served) and write for example \
                     `request = { cpu = \"10ms\" }`"
                        .to_owned(),
                );
            }
        }
    }
}

pub(super) fn services(
    root: &mut Reader<'_>,
    known: &mut Known<'_>,
    queues: &mut Queues,
    slo: Slo,
    diagnostics: &mut Diagnostics,
) -> Services {
    let mut services = Services::default();
    let mut calling: Vec<(usize, &[Node])> = Vec::new();
    for item in root.list("service", diagnostics) {
        let Some(mut table) = Reader::new(item, "`service`", diagnostics) else {
            known.all_services = false;
            continue;
        };
        let service = service(&mut table, known, diagnostics);
        let (export, place) = exports(&mut table, diagnostics);
        let has_cost = item.get("request").and_then(|node| node.get("cpu"));
        let span = table.key_span("workload");
        let consumes = table.get("consumes");
        let calls = table.list("calls", diagnostics);
        let own = table.get("slo");
        let slo = own.map_or(slo, |node| slo_table(node, slo, diagnostics));
        if let Some(made) = &service {
            let with = match made.balancing {
                _ if consumes.is_some() => Some("consumes"),
                Balancing::SharedQueue => Some("balancing = \"shared-queue\""),
                _ => None,
            };
            if let Some(with) = with {
                refuse_limits(&table, &made.concurrency, with, diagnostics);
            }
        }
        table.finish("`service`", diagnostics);
        let Some(mut service) = service else {
            known.all_services = false;
            continue;
        };
        if let Some(node) = consumes {
            let slots = service.slots.take();
            queues.consume(node, services.specs.len(), slots, diagnostics);
            let further = queues.is_further(services.specs.len());
            if let Some(request) = item.get("request").filter(|_| further) {
                let title = "a task costs what the first service that consumes the queue states";
                let label = "nothing else is known of a message";
                diagnostics.error(request.span.first(), title, label).help =
                    Some("leave `request` out here".to_owned());
            }
            if service.balancing == Balancing::SharedQueue {
                let title = "`balancing = \"shared-queue\"` does not go with `consumes`";
                diagnostics.error(node.span, title, "the queue is stated twice");
            }
        }
        let made = &services.specs;
        if made.iter().any(|other| other.workload == service.workload) {
            let title = "a second service over the same workload";
            diagnostics.error(item.span, title, "its behaviour is stated already");
            continue;
        }
        let namespace = |one: &ServerSpec| &known.workloads[one.workload].namespace;
        let is_same = |other: &&ServerSpec| {
            other.name == service.name && namespace(other) == namespace(&service)
        };
        if let Some(other) = made.iter().find(is_same) {
            let workload = &known.workloads[other.workload];
            let title = format!("a second service called `{}`", service.name);
            let label = format!(
                "the first is that of {}/{}",
                workload.kind.name(),
                workload.name
            );
            diagnostics.error(item.span.first(), title, label).help =
                Some("give one of them a `name` of its own".to_owned());
            continue;
        }
        if has_cost.is_none() {
            services.defaulted.push((made.len(), span));
        }
        if !calls.is_empty() {
            calling.push((services.specs.len(), calls));
        }
        services.specs.push(service);
        services.exports.push(export);
        services.metrics.extend(place);
        services.slos.push(slo);
    }
    let specs = &mut services.specs;
    calls::calls(&calling, specs, known, queues, diagnostics);
    services
}

fn service(
    table: &mut Reader<'_>,
    known: &mut Known<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<ServerSpec> {
    let name = table.text("name", diagnostics);
    let reference = table.get("workload");
    let container_node = table.get("container");
    let startup_node = table.get("startup");
    let served = table.one_of("probes", &["at-once", "served"], diagnostics);
    let containers_node = table.get("containers");
    let run_time = dist::seconds(table, "run_time", diagnostics);
    let exit_codes = exit_codes(table, diagnostics);
    let (request, tokens) = request(table, diagnostics);
    let (concurrency, generating) = concurrency(table, tokens, diagnostics);
    let mut memory = memory(table, diagnostics);
    let slots = table.count("slots", diagnostics);
    let backlog = table.count("backlog", diagnostics);
    if slots == Some(0) {
        diagnostics.error(
            table.key_span("slots"),
            "a pod without slots serves nothing",
            "must be at least 1",
        );
    }
    let balancing = balancing(table, diagnostics);
    let background_cpu = table.millicores("background_cpu", diagnostics);
    let usage = table.get("usage").and_then(|node| usage(node, diagnostics));
    let mut hosts = Vec::new();
    for node in table.list("hosts", diagnostics) {
        match node.text() {
            Some(host) => hosts.push(host.to_owned()),
            None => wrong("hosts", node, expected("a host's name", node), diagnostics),
        }
    }
    let Some(reference) = reference else {
        let example = "workload = \"Deployment/api\"";
        table.missing("workload", "`service`", example, diagnostics);
        return None;
    };
    let workload = known.workload("workload", reference, diagnostics)?;
    let declares_cpu = usage.as_ref().is_some_and(|usage| !usage.cpu.is_empty());
    let startup_spec = &mut known.workloads[workload].startup;
    if declares_cpu {
        startup_spec.startup_cpu = Millicores::ZERO;
    }
    startup_spec.probes_are_served = served == Some("served");
    if let Some(node) = startup_node {
        startup(node, startup_spec, diagnostics);
    }
    let spec = &mut known.workloads[workload];
    set_ends(table, spec, run_time, exit_codes, diagnostics);
    let spec = &known.workloads[workload];
    let container = container(container_node, &spec.template.containers, diagnostics);
    let limit = (spec.template.containers.get(container)).and_then(|one| one.memory_limit);
    memory.spec.base = memory.base.unwrap_or_else(|| default_memory(limit));
    if let Some(node) = containers_node {
        let template = &mut known.workloads[workload].template;
        containers(node, template, container, diagnostics);
    }
    let spec = &known.workloads[workload];
    hosts.extend(name.map(str::to_owned));
    hosts.push(spec.name.clone());
    let leading: Vec<&ServiceObject> = services_of(spec, known).collect();
    for service in &leading {
        let (name, namespace) = (&service.name, &service.namespace);
        hosts.push(name.clone());
        for suffix in ["", ".svc", ".svc.cluster.local"] {
            hosts.push(format!("{name}.{namespace}{suffix}"));
        }
    }
    let mut distinct: Vec<String> = Vec::new();
    for host in hosts {
        if !distinct.contains(&host) {
            distinct.push(host);
        }
    }
    let mut request = request;
    request.memory = memory.per_request;
    request.wait = generating.unwrap_or(request.wait);
    Some(ServerSpec {
        name: name.unwrap_or(&spec.name).to_owned(),
        hosts: distinct,
        workload,
        selectors: leading.iter().map(|one| one.selector.clone()).collect(),
        container,
        balancing,
        affinity: leading.iter().find_map(|one| one.affinity),
        request,
        slots,
        backlog,
        memory: memory.spec,
        background_cpu: background_cpu.unwrap_or(if declares_cpu {
            Millicores::ZERO
        } else {
            IDLE_CPU
        }),
        usage,
        latency_buckets: Vec::new(),
        concurrency,
        calls: Vec::new(),
    })
}

/// The Services that lead to the pods of a workload.
fn services_of<'a>(
    spec: &'a WorkloadSpec,
    known: &'a Known<'_>,
) -> impl Iterator<Item = &'a ServiceObject> {
    let all = known.manifests.services.iter().map(|object| &object.value);
    all.filter(|one| one.namespace == spec.namespace && selects(&one.selector, spec))
}

/// `run_time` and `exit_codes`: only pods of Jobs and CronJobs end by themselves.
fn set_ends(
    table: &Reader<'_>,
    spec: &mut WorkloadSpec,
    run_time: Option<Dist>,
    exit_codes: Vec<u8>,
    diagnostics: &mut Diagnostics,
) {
    let kind = spec.kind.name();
    for (key, is_there) in [
        ("run_time", run_time.is_some()),
        ("exit_codes", !exit_codes.is_empty()),
    ] {
        if is_there && !matches!(kind, "Job" | "CronJob" | "ScaledJob") {
            let title = format!("the pods of a {kind} run until they are deleted");
            let label = "pods of a Job or a CronJob end";
            diagnostics.error(table.key_span(key), title, label);
        }
    }
    spec.startup.run_time = run_time.or(spec.startup.run_time.take());
    spec.startup.exit_codes = exit_codes;
}

/// `exit_codes`: numbers from 0 to 255.
fn exit_codes(table: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> Vec<u8> {
    let mut made = Vec::new();
    for node in table.list("exit_codes", diagnostics) {
        match node.value {
            Value::Int(code) if u8::try_from(code).is_ok() => made.extend(u8::try_from(code)),
            _ => {
                let expected = "expected a number from 0 to 255".to_owned();
                wrong("exit_codes", node, expected, diagnostics);
            }
        }
    }
    made
}

fn container(
    node: Option<&Node>,
    containers: &[crate::cluster::spec::ContainerSpec],
    diagnostics: &mut Diagnostics,
) -> usize {
    let Some(node) = node else { return 0 };
    let names: Vec<&str> = containers
        .iter()
        .map(|container| container.name.as_str())
        .collect();
    super::position(node, &names, "container").unwrap_or_else(|problem| {
        wrong("container", node, problem, diagnostics);
        0
    })
}

/// What a request costs, and its tokens if it has some.
fn request<'a>(
    table: &mut Reader<'a>,
    diagnostics: &mut Diagnostics,
) -> (RequestSpec, Option<(Dist, &'a Node)>) {
    let zero = || Dist::Constant(0.0);
    let mut made = RequestSpec {
        cpu: Dist::Constant(DEFAULT_REQUEST_CPU),
        wait: zero(),
        memory: zero(),
        timeout: None,
    };
    let Some(node) = table.get("request") else {
        return (made, None);
    };
    let Some(mut inner) = Reader::new(node, "`request`", diagnostics) else {
        return (made, None);
    };
    made.cpu = dist::seconds(&mut inner, "cpu", diagnostics).unwrap_or(made.cpu);
    made.wait = dist::seconds(&mut inner, "wait", diagnostics).unwrap_or_else(zero);
    made.timeout = inner.duration("timeout", diagnostics);
    let tokens = tokens(&mut inner, diagnostics);
    if tokens.is_some() && inner.get("wait").is_some() {
        let title = "`wait` does not go with `tokens`";
        let label = "the wait is as long as its tokens take";
        diagnostics.error(inner.key_span("wait"), title, label);
    }
    inner.finish("`request`", diagnostics);
    (made, tokens)
}

/// What `memory` states.
struct Memory {
    spec: MemorySpec,
    base: Option<Bytes>,
    /// Of each request, in bytes.
    per_request: Dist,
}

/// The default of `memory.base`: half of a small limit, so that no container is killed for
/// what nobody stated.
fn default_memory(limit: Option<Bytes>) -> Bytes {
    limit.map_or(DEFAULT_MEMORY, |limit| {
        DEFAULT_MEMORY.min(Bytes(limit.0 / 2))
    })
}

/// Memory of the container, and of each request in it.
fn memory(table: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> Memory {
    let mut made = Memory {
        spec: MemorySpec::default(),
        base: None,
        per_request: Dist::Constant(0.0),
    };
    let Some(node) = table.get("memory") else {
        return made;
    };
    let Some(mut inner) = Reader::new(node, "`memory`", diagnostics) else {
        return made;
    };
    made.base = inner.bytes("base", diagnostics);
    if let Some(dist) = dist::memory(&mut inner, "per_request", diagnostics) {
        made.per_request = dist;
    }
    let growth = inner
        .bytes("growth_per_hour", diagnostics)
        .unwrap_or_default();
    made.spec.growth_per_second = growth.0 as f64 / 3600.0;
    made.spec.retained_per_request = inner
        .bytes("retained_per_request", diagnostics)
        .unwrap_or_default()
        .0 as f64;
    inner.finish("`memory`", diagnostics);
    made
}

fn balancing(table: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> Balancing {
    const KNOWN: &[&str] = &[
        "random-per-connection",
        "round-robin",
        "least-request",
        "shared-queue",
    ];
    match table.one_of("balancing", KNOWN, diagnostics) {
        Some("random-per-connection") => Balancing::RandomPerConnection,
        Some("round-robin") => Balancing::RoundRobin,
        Some("least-request") => Balancing::LeastRequest,
        Some("shared-queue") => Balancing::SharedQueue,
        _ => Balancing::default(),
    }
}

fn usage(node: &Node, diagnostics: &mut Diagnostics) -> Option<UsageSpec> {
    let mut table = Reader::new(node, "`usage`", diagnostics)?;
    let cores = |node: &Node| reader::cores(node).map(|q| q.nanos() as f64 / 1e9);
    let bytes = |node: &Node| reader::memory(node).map(|q| q.value() as f64);
    let cpu = table
        .get("cpu")
        .map(|node| curve("cpu", node, &cores, diagnostics))
        .unwrap_or_default();
    let memory = table
        .get("memory")
        .map(|node| curve("memory", node, &bytes, diagnostics))
        .unwrap_or_default();
    let longest = cpu.iter().chain(&memory).map(|(time, _)| *time).max();
    let period = table.read("period", diagnostics, |node| match duration(node)? {
        period if period < SimDuration::from_secs(1) => Err("must be at least 1s".to_owned()),
        period if period > longest.unwrap_or_default().since(SimTime::ZERO) => Ok(period),
        _ => Err("the curves go on after it: they must fit into one period".to_owned()),
    });
    let split = match table.one_of("split", &["total", "per-pod"], diagnostics) {
        Some("total") => UsageSplit::Total,
        Some("per-pod") => UsageSplit::PerPod,
        _ => UsageSplit::default(),
    };
    let cpu_noise_cv = table.number("cpu_noise_cv", diagnostics).unwrap_or(0.0);
    table.finish("`usage`", diagnostics);
    Some(UsageSpec {
        cpu,
        memory,
        period,
        split,
        cpu_noise_cv,
    })
}

/// A curve: one value, or `[["0s", value], ["10m", value], …]`.
pub(super) fn curve(
    key: &str,
    node: &Node,
    amount: &dyn Fn(&Node) -> Result<f64, String>,
    diagnostics: &mut Diagnostics,
) -> Vec<(SimTime, f64)> {
    let Value::List(items) = &node.value else {
        return match amount(node) {
            Ok(value) => vec![(SimTime::ZERO, value)],
            Err(problem) => {
                wrong(key, node, problem, diagnostics);
                Vec::new()
            }
        };
    };
    let mut points: Vec<(SimTime, f64)> = Vec::new();
    for item in items {
        let point = match &item.value {
            Value::List(pair) if pair.len() == 2 => duration(&pair[0])
                .and_then(|offset| Ok((SimTime::ZERO + offset, amount(&pair[1])?))),
            _ => Err("expected a pair of time and value, for example [\"10m\", 2.5]".to_owned()),
        };
        match point {
            Ok(point) if points.last().is_some_and(|last| last.0 >= point.0) => {
                wrong(key, item, "times must ascend".to_owned(), diagnostics);
            }
            Ok(point) => points.push(point),
            Err(problem) => wrong(key, item, problem, diagnostics),
        }
    }
    points
}

/// A curve of plain numbers.
pub(super) fn number_curve(
    key: &str,
    node: &Node,
    diagnostics: &mut Diagnostics,
) -> Vec<(SimTime, f64)> {
    curve(key, node, &number, diagnostics)
}
