//! What Karpenter sees of the cluster: its nodes and those of others, pods that wait, pods that
//! have to move.

use std::collections::{BTreeMap, BTreeSet};

use super::{Karpenter, is_of_daemon_set, is_provisionable};
use crate::api::{
    self, Amounts, Extended, IntOrPercent, Labels, Node as ApiNode, NodeId, Pod as ApiPod,
    PodDisruptionBudget, PodId, PodTemplate, Readiness, TaintEffect,
};
use crate::autoscaler::karpenter::schedule::{Cluster, Node};
use crate::autoscaler::karpenter::{
    Effect, NODES, Operator, Pod, Requirement, Requirements, Resources, Taint, Toleration,
};
use crate::cloud::{InstanceId, Stage};
use crate::cluster::spec::NodeGroupSpec;
use crate::controller::disruption::budget_status;
use crate::scenario::model::KarpenterSpec;
use crate::sim::SimTime;
use crate::units::{Quantity, QuantityFormat};
use crate::world::Simulation;

pub(super) const DO_NOT_DISRUPT: &str = "karpenter.sh/do-not-disrupt";
const HOST_NAME: &str = "kubernetes.io/hostname";

/// Everything that a batch or a pass looks at.
pub(super) struct View {
    /// Nodes, those on their way included.
    pub(super) nodes: Vec<Node>,
    /// The instance of each node.
    pub(super) instances: Vec<InstanceId>,
    /// What keeps each node where it is.
    pub(super) blocks: Vec<Option<Block>>,
    /// Pods whose annotation is no plain `true`, with the places of their nodes.
    pub(super) annotated: Vec<(usize, PodId)>,
    /// A pod of each DaemonSet.
    daemons: Vec<Pod>,
    /// Pods that wait for a node.
    pub(super) pending: Vec<Pod>,
    /// Pods of nodes that go.
    pub(super) leaving: Vec<Pod>,
    /// The objects of the pods that wait, and then of those of nodes that go.
    pub(super) objects: Vec<PodId>,
}

impl View {
    pub(super) fn cluster<'a>(&'a self, spec: &'a KarpenterSpec) -> Cluster<'a> {
        Cluster {
            pools: &spec.pools,
            types: &spec.types,
            nodes: &self.nodes,
            daemons: &self.daemons,
        }
    }

    /// The place of an instance's node.
    pub(super) fn place(&self, id: InstanceId) -> Option<usize> {
        self.instances.iter().position(|one| *one == id)
    }
}

/// What keeps a node where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    /// Its annotation.
    Annotation,
    /// The annotation of a pod.
    Pod(PodId),
    /// The budgets of a pod.
    Budget(PodId),
}

/// Pods that budgets keep where they are: at the moment, and for good.
struct Blocked {
    now: BTreeSet<PodId>,
    always: BTreeSet<PodId>,
}

impl Simulation<'_> {
    pub(super) fn karpenter_view(&self, karpenter: &Karpenter, now: SimTime) -> View {
        let mut view = View {
            nodes: Vec::new(),
            instances: Vec::new(),
            blocks: Vec::new(),
            annotated: Vec::new(),
            daemons: Vec::new(),
            pending: Vec::new(),
            leaving: Vec::new(),
            objects: Vec::new(),
        };
        let spec = &*karpenter.spec;
        for (_, set) in self.store.daemon_sets() {
            view.daemons
                .push(of_template(&set.meta.name, &set.template));
        }
        let mut on_nodes: BTreeMap<NodeId, Vec<(PodId, &ApiPod)>> = BTreeMap::new();
        for (id, pod) in self.store.pods() {
            match pod.node {
                Some(node) if pod.occupies_node() && !pod.removed => {
                    on_nodes.entry(node).or_default().push((id, pod));
                }
                None if is_provisionable(pod) => {
                    view.pending.push(of_pod(pod, false, now));
                    view.objects.push(id);
                }
                _ => {}
            }
        }
        let blocked = self.blocked_by_budgets();
        let mut leaving = Vec::new();
        for (id, node) in self.store.nodes() {
            let Some(machine) = self.machine(id) else {
                continue;
            };
            let stage = self.cloud.instance(machine.instance).stage;
            // What is drained does not count any more.
            if matches!(stage, Stage::Deleting | Stage::Gone) {
                continue;
            }
            let pods = on_nodes.get(&id).map_or(&[][..], Vec::as_slice);
            let claim = karpenter.claims.get(&machine.instance);
            let group = self.cloud.spec(node.group);
            let mut seen = self.see_node((id, node), group, pods, &blocked, now);
            view.blocks.push(block(node, pods, &blocked, now));
            let annotated = pods.iter().filter(|(_, pod)| has_length(pod));
            let place = view.nodes.len();
            view.annotated
                .extend(annotated.map(|(pod, _)| (place, *pod)));
            seen.initialized = match claim {
                Some(claim) => claim.initialized,
                None => Some(node.meta.created),
            };
            if let Some(claim) = claim {
                let launch = &spec.launches[claim.launch];
                seen.pool = Some(claim.pool);
                seen.instance_type.clone_from(&launch.instance_type);
                seen.zone.clone_from(&launch.zone);
                seen.spot = launch.spot;
                seen.created = claim.created;
                seen.last_pod_event = claim.last_pod_event;
                seen.is_deleting = claim.is_going();
                seen.awaits_replacement = claim.awaits_replacement();
                seen.has_grace_period = claim.grace.is_some();
                seen.drifted = claim.drifted.map(|(since, _)| since);
                seen.is_nominated = claim.nominated_until > now;
                if seen.initialized.is_none() {
                    // The taints of a node that starts go away.
                    seen.taints = group.taints.iter().map(taint).collect();
                }
                if claim.is_going() {
                    let stay = |id: &PodId, pod: &ApiPod| {
                        blocked.always.contains(id) || is_protected(pod, now)
                    };
                    let go = pods.iter().filter(|(id, pod)| !stay(id, pod));
                    let go = go.filter(|(_, pod)| is_reschedulable(pod));
                    leaving.extend(go.map(|(id, pod)| (*id, of_pod(pod, false, now))));
                }
            }
            view.nodes.push(seen);
            view.instances.push(machine.instance);
        }
        self.see_coming(karpenter, spec, &mut view, now);
        for (id, pod) in leaving {
            view.objects.push(id);
            view.leaving.push(pod);
        }
        view
    }

    /// Machines that have no node yet.
    fn see_coming(
        &self,
        karpenter: &Karpenter,
        spec: &KarpenterSpec,
        view: &mut View,
        now: SimTime,
    ) {
        for (id, claim) in &karpenter.claims {
            let instance = self.cloud.instance(*id);
            let is_coming = matches!(instance.stage, Stage::Creating | Stage::Running);
            if !is_coming || instance.node.is_some() {
                continue;
            }
            let launch = &spec.launches[claim.launch];
            let group = self.cloud.spec(launch.group);
            let free = Amounts {
                cpu: group.allocatable_cpu - group.daemonset_cpu,
                memory: group.allocatable_memory - group.daemonset_memory,
            };
            view.nodes.push(Node {
                name: instance.name.clone(),
                labels: labels(&group.labels, &instance.name),
                taints: group.taints.iter().map(taint).collect(),
                capacity: capacity(group),
                available: resources(free, &group.extended).with_pods(group.max_pods.into()),
                pool: Some(claim.pool),
                instance_type: launch.instance_type.clone(),
                zone: launch.zone.clone(),
                spot: launch.spot,
                created: claim.created,
                is_deleting: claim.is_going(),
                awaits_replacement: claim.awaits_replacement(),
                is_nominated: claim.nominated_until > now,
                ..Node::default()
            });
            view.instances.push(*id);
            view.blocks.push(None);
        }
    }

    fn see_node(
        &self,
        (id, node): (NodeId, &ApiNode),
        group: &NodeGroupSpec,
        pods: &[(PodId, &ApiPod)],
        blocked: &Blocked,
        now: SimTime,
    ) -> Node {
        let info = self.store.node_info(id);
        let mut extended = (*node.extended).clone();
        let mut daemons = Resources::default();
        for (_, pod) in pods {
            for (name, amount) in pod.template.placement.iter().flat_map(|one| &one.extended) {
                *extended.entry(name.clone()).or_default() -= amount;
            }
            if is_of_daemon_set(pod) {
                daemons.add(&of_pod(pod, false, now).requests);
            }
        }
        let free = Amounts {
            cpu: node.allocatable.cpu - info.requested.cpu,
            memory: node.allocatable.memory - info.requested.memory,
        };
        let room = i64::from(node.max_pods) - i64::from(info.pods);
        let mut taints: Vec<Taint> = node.taints.iter().map(taint).collect();
        if node.readiness == Readiness::Stopping {
            taints.push(Taint {
                key: "node.kubernetes.io/not-ready".to_owned(),
                value: String::new(),
                effect: Effect::NoSchedule,
            });
        }
        let stay = |id: &PodId, pod: &ApiPod| blocked.now.contains(id) || is_protected(pod, now);
        let movable = pods.iter().filter(|(_, pod)| is_reschedulable(pod));
        let annotation = node.meta.annotations.get(DO_NOT_DISRUPT);
        let mut of_daemon_sets = pods.iter().filter(|(_, pod)| is_of_daemon_set(pod));
        Node {
            name: node.name().to_owned(),
            labels: labels(node.labels(), node.name()),
            taints,
            capacity: capacity(group),
            available: resources(free, &extended).with_pods(room),
            daemons,
            pods: movable
                .map(|(id, pod)| of_pod(pod, stay(id, pod), now))
                .collect(),
            zone: group.zone.clone(),
            spot: group.spot,
            created: node.meta.created,
            ready: node.is_ready(),
            do_not_disrupt: annotation.is_some_and(|value| value == "true")
                || of_daemon_sets.any(|(_, pod)| is_protected(pod, now)),
            ..Node::default()
        }
    }

    fn blocked_by_budgets(&self) -> Blocked {
        let mut blocked = Blocked {
            now: BTreeSet::new(),
            always: BTreeSet::new(),
        };
        let mut seen: BTreeSet<PodId> = BTreeSet::new();
        for (id, pdb) in self.store.pdbs() {
            let status = budget_status(id, &self.store);
            let members = &self.store.selection(pdb.selection).members;
            let never = blocks_always(pdb);
            for member in members {
                let Some(pod) = self.store.pod(*member).filter(|pod| pod.is_active()) else {
                    continue;
                };
                let several = !seen.insert(*member);
                let passes = pdb.always_allow_unhealthy && !pod.is_ready();
                if several || status.disruptions_allowed == 0 && !passes {
                    blocked.now.insert(*member);
                }
                if several || never && !passes {
                    blocked.always.insert(*member);
                }
            }
        }
        blocked
    }
}

/// Whether a budget allows no eviction at all.
fn blocks_always(pdb: &PodDisruptionBudget) -> bool {
    use IntOrPercent::{Int, Percent};
    matches!(pdb.max_unavailable, Some(Int(0) | Percent(0)))
        || matches!(pdb.min_available, Some(Percent(100)))
}

/// Whether a pod is to be placed elsewhere when its node goes (`IsReschedulable`).
fn is_reschedulable(pod: &ApiPod) -> bool {
    let comes_back = matches!(pod.meta.owner, Some(api::ObjectId::StatefulSet(_)));
    (pod.is_active() || comes_back && !pod.has_ended()) && !is_of_daemon_set(pod)
}

/// Whether an annotation forbids to disrupt a pod: always, or for so long after its start.
pub(super) fn is_protected(pod: &ApiPod, now: SimTime) -> bool {
    let Some(value) = pod.meta.annotations.get(DO_NOT_DISRUPT) else {
        return false;
    };
    let lasts = || value.parse::<crate::sim::SimDuration>().ok();
    pod.is_active()
        && (value == "true"
            || lasts()
                .is_some_and(|length| pod.start_time.is_none_or(|start| now - start < length)))
}

/// Whether an active pod has the annotation with another value than `true`.
fn has_length(pod: &ApiPod) -> bool {
    let value = pod.meta.annotations.get(DO_NOT_DISRUPT);
    value.is_some_and(|value| value != "true") && pod.is_active()
}

/// What keeps a node where it is: its annotation, else the first pod with one, else the first that budgets
/// keep.
fn block(
    node: &ApiNode,
    pods: &[(PodId, &ApiPod)],
    blocked: &Blocked,
    now: SimTime,
) -> Option<Block> {
    let annotation = node.meta.annotations.get(DO_NOT_DISRUPT);
    if annotation.is_some_and(|value| value == "true") {
        return Some(Block::Annotation);
    }
    let mut protected = pods.iter().filter(|(_, pod)| is_protected(pod, now));
    if let Some((id, _)) = protected.next() {
        return Some(Block::Pod(*id));
    }
    let movable = pods.iter().filter(|(_, pod)| is_reschedulable(pod));
    let mut kept = movable.filter(|(id, _)| blocked.now.contains(id));
    kept.next().map(|(id, _)| Block::Budget(*id))
}

fn resources(amounts: Amounts, extended: &Extended) -> Resources {
    let mut made = Resources::of(amounts.cpu, amounts.memory);
    for (name, amount) in extended {
        made.set(
            name,
            Quantity::from_units(*amount, QuantityFormat::DecimalSi),
        );
    }
    made
}

fn capacity(group: &NodeGroupSpec) -> Resources {
    let all = Amounts {
        cpu: group.cpu,
        memory: group.memory,
    };
    let mut made = resources(all, &group.extended).with_pods(group.max_pods.into());
    made.set(NODES, Quantity::from_units(1, QuantityFormat::DecimalSi));
    made
}

fn labels(labels: &Labels, name: &str) -> Requirements {
    let labels = labels.iter().filter(|(key, _)| *key != HOST_NAME);
    let labels = labels.map(|(key, value)| (key.as_str(), value.as_str()));
    Requirements::of_labels(labels.chain([(HOST_NAME, name)]))
}

fn taint(taint: &api::Taint) -> Taint {
    Taint {
        key: taint.key.clone(),
        value: taint.value.clone(),
        effect: effect(taint.effect),
    }
}

fn effect(effect: TaintEffect) -> Effect {
    match effect {
        TaintEffect::NoSchedule => Effect::NoSchedule,
        TaintEffect::PreferNoSchedule => Effect::PreferNoSchedule,
        TaintEffect::NoExecute => Effect::NoExecute,
    }
}

/// A pod as Karpenter sees it.
fn of_pod(pod: &ApiPod, blocks_disruption: bool, now: SimTime) -> Pod {
    let asked = pod.amounts().raw;
    let deletion_cost = pod.deletion_cost();
    let none = Extended::new();
    let extended = pod
        .template
        .placement
        .as_ref()
        .map_or(&none, |one| &one.extended);
    Pod {
        name: format!("{}/{}", pod.meta.namespace, pod.name()),
        created: pod.meta.created.min(now),
        requests: resources(asked, extended).with_pods(1),
        priority: Some(pod.template.priority),
        deletion_cost: (deletion_cost != 0).then(|| f64::from(deletion_cost)),
        blocks_disruption,
        pending: pod.node.is_none(),
        ..of_template(pod.name(), &pod.template)
    }
}

/// A pod as its template has it.
fn of_template(name: &str, template: &PodTemplate) -> Pod {
    let selector = template.node_selector.iter();
    let tolerations = template.tolerations.iter().map(|one| Toleration {
        key: one.key.clone(),
        exists: one.value.is_none(),
        value: one.value.clone().unwrap_or_default(),
        effect: one.effect.map(effect),
    });
    let placement = template.placement.as_ref();
    let none = Extended::new();
    let extended = placement.map_or(&none, |one| &one.extended);
    let required = placement.and_then(|one| one.nodes.as_ref());
    let preferred = placement.map_or(&[][..], |one| one.preferred_nodes.as_slice());
    Pod {
        name: name.to_owned(),
        requests: resources(template.requests(), extended).with_pods(1),
        selector: Requirements::of_labels(
            selector.map(|(key, value)| (key.as_str(), value.as_str())),
        ),
        required: required.map_or_else(Vec::new, |terms| terms.iter().map(term).collect()),
        preferred: preferred
            .iter()
            .map(|(weight, one)| (*weight as i32, term(one)))
            .collect(),
        tolerations: tolerations.collect(),
        ..Pod::default()
    }
}

fn term(term: &api::NodeSelectorTerm) -> Requirements {
    let mut made = Requirements::default();
    for one in &term.expressions {
        let operator = match one.operator {
            api::Operator::In => Operator::In,
            api::Operator::NotIn => Operator::NotIn,
            api::Operator::Exists => Operator::Exists,
            api::Operator::DoesNotExist => Operator::DoesNotExist,
            api::Operator::Gt => Operator::Gt,
            api::Operator::Lt => Operator::Lt,
        };
        made.add(
            &one.key,
            Requirement::new(operator, one.values.iter().cloned()),
        );
    }
    made
}
