//! What manifests hold that a guess is made from.

use super::QueueKindGuess;
use super::entries::{Entry, entries};
use super::keda::{Scaled, Trigger, scaled};
use crate::api::RestartPolicy;
use crate::autoscaler::hpa::HpaSpec;
use crate::cluster::spec::{Labels, WorkloadKind, WorkloadSpec};
use crate::load::command_line::{WgetLoop, parse_wget_loop};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::loaded::{Document, Loaded};
use crate::scenario::manifest::{
    Manifests, Placed, ServiceObject, adapter_config, version_and_kind,
};
use crate::scenario::node::Node;

/// A workload with the objects that concern it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) spec: WorkloadSpec,
    /// `Kind/name`, or `Kind/namespace/name` where another namespace has it, too.
    pub(super) reference: String,
    /// Name of its `[[service]]`, if it cannot be the workload's.
    pub(super) name: Option<String>,
    /// The Kubernetes Services that select its pods.
    pub(super) services: Vec<String>,
    /// The serving container, if a Service's port tells another than the first.
    pub(super) container: Option<usize>,
    /// How clients from outside reach it, if they do.
    pub(super) entry: Option<String>,
    /// Who scales it, `HPA web` or `ScaledObject web`, and how its HPA does.
    pub(super) hpa: Option<(String, HpaSpec)>,
    /// The ScaledObject that scales it.
    pub(super) scaled: Option<Scaled>,
    /// The VPA that targets it.
    pub(super) vpa: Option<String>,
    /// A Job of the manifests that sends it requests.
    pub(super) job: Option<String>,
}

/// Everything that a guess is made from.
pub(super) struct Survey {
    pub(super) workloads: Vec<Seen>,
    /// DaemonSets, whose pods take room on every node.
    pub(super) daemons: Vec<WorkloadSpec>,
    /// A Prometheus adapter has a rule about requests.
    pub(super) has_request_rule: bool,
    /// Jobs and CronJobs.
    pub(super) jobs: Vec<WorkloadSpec>,
    /// ScaledObjects and ScaledJobs.
    pub(super) scaled: Vec<Scaled>,
}

/// A Kubernetes Service.
struct Service<'a> {
    name: &'a str,
    namespace: &'a str,
    selector: &'a Labels,
    document: &'a Node,
}

impl Survey {
    pub(super) fn of(loaded: &Loaded) -> Result<Self, Diagnostics> {
        let read = loaded.manifests();
        let mut diagnostics = read.diagnostics;
        let documents = &read.parsed.documents;
        let complete = read.parsed.complete;
        let specs = read
            .manifests
            .workloads(documents, complete, &mut diagnostics);
        if diagnostics.has_errors() {
            return Err(diagnostics);
        }
        let is_daemon = |spec: &WorkloadSpec| matches!(spec.kind, WorkloadKind::DaemonSet(_));
        let manifests = &read.manifests;
        if specs.is_empty() && manifests.hpas.is_empty() && manifests.vpas.is_empty() {
            let mut kinds: Vec<&str> = (documents.iter())
                .map(|document| version_and_kind(&document.node).1)
                .collect();
            kinds.sort_unstable();
            kinds.dedup();
            let title = match kinds.as_slice() {
                [] => "the manifests hold no Kubernetes object".to_owned(),
                kinds => format!(
                    "the manifests hold nothing that is simulated, only {}",
                    kinds.join(", ")
                ),
            };
            diagnostics.list.clear();
            diagnostics.general(title).help =
                Some("a first scenario needs a workload, for example a Deployment".to_owned());
            return Err(diagnostics);
        }
        let services = kubernetes_services(&read.manifests, documents);
        let entries = entries(documents.iter().map(|document| &*document.node));
        let loops: Vec<(&WorkloadSpec, WgetLoop)> = (specs.iter().filter(|spec| is_load(spec)))
            .filter_map(|spec| Some((spec, asks(spec)?)))
            .collect();
        let all_scaled = scaled(&read.manifests, documents);
        let mut workloads = Vec::new();
        for (object, spec) in read.manifests.workloads.iter().zip(&specs) {
            if is_load(spec) || is_daemon(spec) {
                continue;
            }
            let target = |kind: &str, name: &str, namespace: &str| {
                kind == spec.kind.name() && name == spec.name && namespace == spec.namespace
            };
            let hpa = read.manifests.hpas.iter().find(|hpa| {
                let hpa = &hpa.value;
                target(&hpa.target.kind, &hpa.target.name, &hpa.namespace)
            });
            let vpa = read.manifests.vpas.iter().find(|vpa| {
                let vpa = &vpa.value;
                target(&vpa.target.kind, &vpa.target.name, &vpa.namespace)
            });
            let own: Vec<&Service<'_>> = services.iter().filter(|one| selects(one, spec)).collect();
            let document = &documents[object.document].node;
            let (kind, namespace) = (spec.kind.name(), &spec.namespace);
            let mut scaled = all_scaled.iter();
            let scaled = scaled
                .find(|one| one.scales(kind, namespace, &spec.name))
                .cloned();
            let by_keda = scaled
                .as_ref()
                .map(|one| (one.who.clone(), one.hpa.clone()));
            workloads.push(Seen {
                reference: reference(spec, &specs),
                name: name(spec, &specs),
                services: own.iter().map(|one| one.name.to_owned()).collect(),
                container: own.iter().find_map(|one| serving(one.document, document)),
                entry: own.iter().find_map(|one| entry(one, &entries)),
                hpa: hpa
                    .map(|hpa| {
                        let spec = hpa.value.input.clone().defaulted();
                        (format!("HPA {}", hpa.value.name), spec)
                    })
                    .or(by_keda),
                scaled,
                vpa: vpa.map(|vpa| vpa.value.name.clone()),
                job: loops.iter().find_map(|(job, found)| {
                    is_asked(&found.url.host, &job.namespace, &own).then(|| job.name.clone())
                }),
                spec: spec.clone(),
            });
        }
        let configs = documents.iter();
        let mut configs = configs.filter_map(|one| adapter_config(&one.node)?.text());
        let has_request_rule = configs.any(|text| text.contains("http_requests_total"));
        let (jobs, others): (Vec<_>, Vec<_>) = specs.into_iter().partition(is_load);
        let daemons = others.into_iter().filter(is_daemon).collect();
        Ok(Self {
            workloads,
            daemons,
            has_request_rule,
            jobs,
            scaled: all_scaled,
        })
    }

    /// The queue that a workload consumes: the first that a trigger of its ScaledObject names, unless
    /// clients ask it or another workload consumes that.
    pub(super) fn queue_of<'a>(&'a self, seen: &'a Seen) -> Option<&'a (QueueKindGuess, String)> {
        let first = |seen: &'a Seen| {
            let scaled = seen.scaled.as_ref();
            let scaled = scaled.filter(|_| seen.entry.is_none() && seen.job.is_none())?;
            scaled.triggers.iter().find_map(|one| one.queue.as_ref())
        };
        let own = first(seen)?;
        let mut all = self
            .workloads
            .iter()
            .filter(|one| first(one).is_some_and(|(_, name)| *name == own.1));
        all.next()
            .is_some_and(|one| one.reference == seen.reference)
            .then_some(own)
    }

    /// Whether what a trigger looks at is a queue that some workload consumes.
    pub(super) fn consumes(&self, trigger: &Trigger) -> bool {
        let consumed = self.workloads.iter().filter_map(|seen| self.queue_of(seen));
        trigger
            .queue
            .as_ref()
            .is_some_and(|own| consumed.into_iter().any(|one| one == own))
    }
}

/// The Kubernetes Services among the manifests.
fn kubernetes_services<'a>(
    manifests: &'a Manifests,
    documents: &'a [Document],
) -> Vec<Service<'a>> {
    let service = |object: &'a Placed<ServiceObject>| Service {
        name: &object.value.name,
        namespace: &object.value.namespace,
        selector: &object.value.selector,
        document: &documents[object.document].node,
    };
    manifests.services.iter().map(service).collect()
}

/// What a workload's pods ask, if they do.
fn asks(spec: &WorkloadSpec) -> Option<WgetLoop> {
    parse_wget_loop(script(spec)).ok().flatten()
}

/// Jobs, pods that come to an end, and what asks without end.
fn is_load(spec: &WorkloadSpec) -> bool {
    matches!(
        spec.kind,
        WorkloadKind::Job(_) | WorkloadKind::CronJob(_) | WorkloadKind::ScaledJob(_)
    ) || spec.is_passing_pod()
        || asks(spec).is_some_and(|found| !found.script.ends() || may_end(spec))
}

/// Whether it is a pod that does not start again once it has ended.
fn may_end(spec: &WorkloadSpec) -> bool {
    spec.kind == WorkloadKind::Pod && spec.template.restart_policy != RestartPolicy::Always
}

fn script(spec: &WorkloadSpec) -> &str {
    let containers = spec.template.containers.iter();
    let mut commands = containers.map(|one| one.command.as_str());
    // The one that asks.
    let found = commands.find(|one| one.contains("wget"));
    found.unwrap_or_default()
}

fn selects(service: &Service<'_>, spec: &WorkloadSpec) -> bool {
    let labels = &spec.template.labels;
    service.namespace == spec.namespace
        && !service.selector.is_empty()
        && (service.selector.iter()).all(|(key, value)| labels.get(key) == Some(value))
}

/// Whether a host means one of the Services, asked from a namespace.
fn is_asked(host: &str, from: &str, services: &[&Service<'_>]) -> bool {
    let mut parts = host.split('.');
    let (name, namespace) = (parts.next(), parts.next().unwrap_or(from));
    services
        .iter()
        .any(|one| Some(one.name) == name && one.namespace == namespace)
}

fn reference(spec: &WorkloadSpec, all: &[WorkloadSpec]) -> String {
    let (kind, namespace, name) = (spec.kind.name(), &spec.namespace, &spec.name);
    let is_twin = |other: &&WorkloadSpec| other.kind.name() == kind && other.name == *name;
    if all.iter().filter(is_twin).count() > 1 {
        format!("{kind}/{namespace}/{name}")
    } else {
        format!("{kind}/{name}")
    }
}

/// A name that no other workload's service has.
fn name(spec: &WorkloadSpec, all: &[WorkloadSpec]) -> Option<String> {
    let twins = || all.iter().filter(|other| other.name == spec.name);
    if twins().count() < 2 {
        return None;
    }
    let (kind, namespace, name) = (spec.kind.name(), &spec.namespace, &spec.name);
    let here = twins().filter(|other| other.namespace == *namespace);
    Some(if here.count() < 2 {
        format!("{namespace}-{name}")
    } else {
        format!("{namespace}-{}-{name}", kind.to_lowercase())
    })
}

/// How clients from outside reach a Service.
fn entry(service: &Service<'_>, entries: &[Entry]) -> Option<String> {
    let routed = entries
        .iter()
        .find(|entry| entry.service == service.name && entry.namespace == service.namespace);
    if let Some(entry) = routed {
        return Some(format!("{} {}", entry.kind, entry.name));
    }
    let kind = service.document.get("spec")?.get("type")?.text()?;
    let is_open = matches!(kind, "LoadBalancer" | "NodePort");
    is_open.then(|| format!("Service {} is a {kind}", service.name))
}

/// The container that has the port which a Service sends to, if it is not the first.
fn serving(service: &Node, workload: &Node) -> Option<usize> {
    let port = service.get("spec")?.get("ports")?.items().first()?;
    let target = port.get("targetPort").or_else(|| port.get("port"))?;
    let template = workload.get("spec")?.get("template")?;
    let containers = template.get("spec")?.get("containers")?.items();
    let has_port = |container: &Node| {
        let ports = container.get("ports").map(Node::items).unwrap_or_default();
        ports.iter().any(|one| {
            let is = |key| one.get(key).is_some_and(|node| node.value == target.value);
            is("containerPort") || is("name")
        })
    };
    containers
        .iter()
        .position(has_port)
        .filter(|place| *place > 0)
}
