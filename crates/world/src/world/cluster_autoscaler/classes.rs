//! Pods by what decides where they may run: the classes of the Cluster Autoscaler's core.

use std::sync::Arc;

use indexmap::IndexSet;
use rustc_hash::FxHashMap;

use crate::api::{
    Extended, HOSTNAME, LabelSelector, Labelled, Labels, LocalVolume, ObjectId, Operator,
    Placement, Pod, PodAffinityTerm, PodTemplate, Requirement, SpreadConstraint, TaintEffect,
};
use crate::autoscaler::cluster_autoscaler::drain::{Volume, blocking_local_storage};
use crate::autoscaler::cluster_autoscaler::node_affinity::{
    NodeOperator, NodeRequirement, NodeTerm,
};
use crate::autoscaler::cluster_autoscaler::resources::GPUS;
use crate::autoscaler::cluster_autoscaler::{
    ClassId, ControllerKind, Effect, PodAffinity, PodClass, PodTerm, Resources, SafeToEvict,
    Spread, Toleration,
};
use crate::sim::SimDuration;
use crate::units::{Bytes, Millicores};

const SAFE_TO_EVICT: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict";
const DAEMON_SET_POD: &str = "cluster-autoscaler.kubernetes.io/daemonset-pod";
const DAEMON_SET_EVICTION: &str = "cluster-autoscaler.kubernetes.io/enable-ds-eviction";
const SAFE_LOCAL_VOLUMES: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes";
const SCALE_UP_DELAY: &str = "cluster-autoscaler.kubernetes.io/pod-scale-up-delay";

/// What pods of a class have in common, beside their template.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Likeness {
    namespace: Arc<str>,
    labels: Arc<Labels>,
    annotations: Arc<Labels>,
    cpu: i64,
    memory: i64,
    kind: u8,
}

/// The parts of a class that are not the core's.
#[derive(Debug, Clone)]
struct Known {
    likeness: Likeness,
    template: Arc<PodTemplate>,
}

impl Known {
    /// Whether pods of the other class may not be on the host of one of these (required
    /// anti-affinity by host name).
    fn repels(&self, other: &Self) -> bool {
        let terms = self.template.placement.iter();
        let mut terms = terms.flat_map(|one| &one.anti_affinity.required);
        terms.any(|term| {
            term.topology_key == HOSTNAME && term.matches(self.labelled(), other.labelled())
        })
    }

    /// Whether both need a port of the host that only one of them can have.
    fn takes_ports_of(&self, other: &Self) -> bool {
        let ports = |of: &Self| {
            of.placement()
                .map_or_else(Vec::new, |one| one.host_ports.clone())
        };
        let theirs = ports(other);
        ports(self)
            .iter()
            .any(|own| theirs.iter().any(|one| own.conflicts(one)))
    }

    fn labelled(&self) -> Labelled<'_> {
        Labelled {
            namespace: &self.likeness.namespace,
            labels: &self.likeness.labels,
        }
    }

    fn placement(&self) -> Option<&Placement> {
        self.template.placement.as_deref()
    }

    /// Whether one of its topology spread constraints counts pods of the other class.
    fn counts(&self, constraint: &SpreadConstraint, other: &Self) -> bool {
        let selector = constraint.selector.as_ref();
        let (own, others) = (&self.likeness, &other.likeness);
        let is_added = |key: &String| own.labels.contains_key(key);
        let is_empty = selector
            .is_none_or(|selector| selector.is_empty() && !constraint.same.iter().any(is_added));
        !is_empty
            && own.namespace == others.namespace
            && constraint.counts(&own.labels, &others.labels)
    }

    /// Whether pods of the other class match all terms of its affinity.
    fn is_near(&self, other: &Self) -> bool {
        let terms = self.placement().map(|one| one.affinity.required.as_slice());
        let terms = terms.unwrap_or_default();
        let matches = |term: &PodAffinityTerm| term.matches(self.labelled(), other.labelled());
        !terms.is_empty() && terms.iter().all(matches)
    }
}

fn required_spread(placement: &Placement) -> impl Iterator<Item = &SpreadConstraint> {
    placement.spread.iter().filter(|one| one.required)
}

/// Terms by other keys than the host name: those are in `host_anti_affinity`.
fn anti_affinity(placement: &Placement) -> impl Iterator<Item = &PodAffinityTerm> {
    let terms = placement.anti_affinity.required.iter();
    terms.filter(|term| term.topology_key != HOSTNAME)
}

/// All classes that there have been.
#[derive(Debug, Clone)]
pub(super) struct Classes {
    list: Vec<PodClass>,
    known: Vec<Option<Known>>,
    by_likeness: FxHashMap<Likeness, Vec<u32>>,
    /// The names of extended resources: the core knows their places in here only.
    extended: IndexSet<String>,
}

impl Default for Classes {
    /// None yet; GPUs have their places.
    fn default() -> Self {
        Self {
            list: Vec::new(),
            known: Vec::new(),
            by_likeness: FxHashMap::default(),
            extended: GPUS.into_iter().map(str::to_owned).collect(),
        }
    }
}

impl Classes {
    /// The core's list.
    pub(super) fn list(&self) -> &[PodClass] {
        &self.list
    }

    /// The class of a pod.
    pub(super) fn of(&mut self, pod: &Pod) -> ClassId {
        let requests = pod.amounts().raw;
        let (kind, number) = kind_of(pod.meta.owner);
        let likeness = Likeness {
            namespace: Arc::clone(&pod.meta.namespace),
            labels: Arc::clone(&pod.meta.labels),
            annotations: Arc::clone(&pod.meta.annotations),
            cpu: requests.cpu.0,
            memory: requests.memory.0,
            kind: number,
        };
        let same = |place: &&u32| {
            let known = self.known[**place as usize].as_ref();
            known.is_some_and(|known| {
                Arc::ptr_eq(&known.template, &pod.template) || known.template == pod.template
            })
        };
        let places = self.by_likeness.get(&likeness);
        if let Some(place) = places.and_then(|places| places.iter().find(same)) {
            return ClassId(*place);
        }
        let placement = pod.template.placement.as_ref();
        let extended = placement.map(|placement| self.extended(&placement.extended));
        let requests = Resources {
            extended: extended.unwrap_or_default(),
            ..Resources::new(requests.cpu, requests.memory)
        };
        let names = self.extended.iter().take(requests.extended.len());
        let class = PodClass {
            extended_names: names.cloned().collect(),
            ..class_of(pod, kind, requests)
        };
        let place = self.list.len() as u32;
        self.list.push(class);
        let places = self.by_likeness.entry(likeness.clone()).or_default();
        places.push(place);
        self.known.push(Some(Known {
            likeness,
            template: Arc::clone(&pod.template),
        }));
        self.keep_apart(place);
        self.relate(place);
        ClassId(place)
    }

    /// The classes that a new one may not share a host with, and those that may not share one
    /// with it.
    fn keep_apart(&mut self, new: u32) {
        for other in 0..=new {
            let pairs = [(new, other), (other, new)];
            for (one, other) in &pairs[..if new == other { 1 } else { 2 }] {
                let (one, other) = (*one as usize, *other as usize);
                let (Some(known), Some(them)) = (&self.known[one], &self.known[other]) else {
                    continue;
                };
                let id = ClassId(other as u32);
                if known.repels(them) {
                    self.list[one].host_anti_affinity.push(id);
                }
                if known.takes_ports_of(them) {
                    self.list[one].port_conflicts.push(id);
                }
            }
        }
    }

    /// What a new class means for the others' topology domains, and they for its.
    fn relate(&mut self, new: u32) {
        for other in 0..=new {
            let pairs = [(new, other), (other, new)];
            for (one, other) in &pairs[..if new == other { 1 } else { 2 }] {
                self.relate_one(*one as usize, *other as usize);
            }
        }
    }

    /// What pods of one class want to know of those of another.
    fn relate_one(&mut self, one: usize, other: usize) {
        let (Some(known), Some(them)) = (&self.known[one], &self.known[other]) else {
            return;
        };
        let Some(placement) = known.placement() else {
            return;
        };
        let id = ClassId(other as u32);
        let class = &mut self.list[one];
        for (constraint, spread) in required_spread(placement).zip(&mut class.spread) {
            if known.counts(constraint, them) {
                spread.counted.push(id);
            }
        }
        if known.is_near(them) {
            class.affinity.matched.push(id);
            class.affinity.matches_itself |= one == other;
        }
        let mut keeps_away = Vec::new();
        for (term, apart) in anti_affinity(placement).zip(&mut class.anti_affinity) {
            if term.matches(known.labelled(), them.labelled()) {
                apart.matched.push(id);
                keeps_away.push(&term.topology_key);
            }
        }
        let theirs = &mut self.list[other].kept_away_by;
        for key in keeps_away {
            let owner = ClassId(one as u32);
            match theirs.iter_mut().find(|term| term.topology_key == *key) {
                Some(term) => term.matched.push(owner),
                None => theirs.push(PodTerm {
                    topology_key: key.clone(),
                    matched: vec![owner],
                }),
            }
        }
    }

    /// Amounts of extended resources as the core has them.
    pub(super) fn extended(&mut self, amounts: &Extended) -> Vec<i64> {
        let mut list = Vec::new();
        for (name, amount) in amounts {
            let (place, _) = self.extended.insert_full(name.clone());
            list.resize(list.len().max(place + 1), 0);
            list[place] = *amount;
        }
        list
    }

    /// The class of the pods of DaemonSets that are not simulated, on the nodes of a group.
    pub(super) fn of_daemons(&mut self, cpu: Millicores, memory: Bytes, host: &str) -> ClassId {
        self.list.push(PodClass {
            kind: ControllerKind::DaemonSet,
            node_selector: vec![("kubernetes.io/hostname".to_owned(), host.to_owned())],
            ..PodClass::new(Resources::new(cpu, memory))
        });
        self.known.push(None);
        ClassId(self.list.len() as u32 - 1)
    }

    /// The classes from a place of the list on whose pods a selector matches in a namespace.
    pub(super) fn selected(
        &self,
        from: usize,
        namespace: &str,
        selector: &LabelSelector,
    ) -> impl Iterator<Item = ClassId> {
        let known = (from as u32..).map(ClassId).zip(&self.known[from..]);
        let matching = known.filter(move |(_, known)| {
            known.as_ref().is_some_and(|known| {
                *known.likeness.namespace == *namespace && selector.matches(&known.likeness.labels)
            })
        });
        matching.map(|(id, _)| id)
    }
}

fn kind_of(owner: Option<ObjectId>) -> (ControllerKind, u8) {
    match owner {
        None => (ControllerKind::None, 0),
        Some(ObjectId::ReplicaSet(_)) => (ControllerKind::ReplicaSet, 1),
        Some(ObjectId::Job(_)) => (ControllerKind::Job, 2),
        Some(ObjectId::StatefulSet(_)) => (ControllerKind::StatefulSet, 3),
        Some(ObjectId::DaemonSet(_)) => (ControllerKind::DaemonSet, 4),
        Some(_) => (ControllerKind::Custom, 5),
    }
}

fn class_of(pod: &Pod, kind: ControllerKind, requests: Resources) -> PodClass {
    let annotation = |key: &str| pod.meta.annotations.get(key).map(String::as_str);
    let template = &pod.template;
    let placement = template.placement.as_deref();
    let tolerations = template.tolerations.iter().map(|one| Toleration {
        key: (!one.key.is_empty()).then(|| one.key.clone()),
        value: one.value.clone(),
        effect: one.effect.map(effect),
    });
    PodClass {
        kind,
        kube_system: *pod.meta.namespace == *"kube-system",
        priority: template.priority,
        safe_to_evict: match annotation(SAFE_TO_EVICT) {
            Some("true") => SafeToEvict::True,
            Some("false") => SafeToEvict::False,
            Some("on-completion") => SafeToEvict::OnCompletion,
            _ => SafeToEvict::Unset,
        },
        counts_as_daemon_set: annotation(DAEMON_SET_POD) == Some("true"),
        daemon_set_eviction: match annotation(DAEMON_SET_EVICTION) {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        },
        scale_up_delay: annotation(SCALE_UP_DELAY)
            .and_then(|text| text.parse::<SimDuration>().ok()),
        local_storage: blocking_local_storage(
            template.volumes.iter().map(|(name, volume)| {
                let volume = match volume {
                    LocalVolume::HostPath => Volume::HostPath,
                    LocalVolume::EmptyDir => Volume::EmptyDir,
                    LocalVolume::Memory => Volume::Other,
                };
                (name.as_str(), volume)
            }),
            annotation(SAFE_LOCAL_VOLUMES).unwrap_or_default(),
        ),
        grace_period: template.termination_grace,
        node_selector: template.node_selector.clone().into_iter().collect(),
        node_terms: placement.and_then(node_terms),
        tolerations: tolerations.collect(),
        ..domains_of(pod, PodClass::new(requests))
    }
}

/// What the class asks of topology domains; which pods count is found out later.
fn domains_of(pod: &Pod, class: PodClass) -> PodClass {
    let Some(placement) = pod.template.placement.as_deref() else {
        return class;
    };
    let spread = required_spread(placement).map(|one| Spread {
        topology_key: one.topology_key.clone(),
        max_skew: one.max_skew,
        min_domains: one.min_domains,
        honors_affinity: one.honors_affinity,
        honors_taints: one.honors_taints,
        counted: Vec::new(),
        counts_itself: one.counts(&pod.meta.labels, &pod.meta.labels),
    });
    let apart = anti_affinity(placement).map(|term| PodTerm {
        topology_key: term.topology_key.clone(),
        matched: Vec::new(),
    });
    let near = placement.affinity.required.iter();
    PodClass {
        has_spread: !placement.spread.is_empty(),
        spreads_by_host: placement
            .spread
            .iter()
            .any(|one| one.topology_key == HOSTNAME),
        spread: spread.collect(),
        affinity: PodAffinity {
            keys: near.map(|term| term.topology_key.clone()).collect(),
            ..PodAffinity::default()
        },
        anti_affinity: apart.collect(),
        ..class
    }
}

/// The terms of a required node affinity; `metadata.name` is the host name.
fn node_terms(placement: &Placement) -> Option<Vec<NodeTerm>> {
    let requirement = |one: &Requirement, is_field: bool| NodeRequirement {
        key: if is_field { HOSTNAME } else { &one.key }.to_owned(),
        operator: match one.operator {
            Operator::In => NodeOperator::In,
            Operator::NotIn => NodeOperator::NotIn,
            Operator::Exists => NodeOperator::Exists,
            Operator::DoesNotExist => NodeOperator::DoesNotExist,
            Operator::Gt => NodeOperator::Gt,
            Operator::Lt => NodeOperator::Lt,
        },
        values: one.values.clone(),
    };
    let terms = placement.nodes.as_ref()?.iter().map(|term| {
        let labels = term.expressions.iter().map(|one| requirement(one, false));
        let fields = term.fields.iter().map(|one| requirement(one, true));
        labels.chain(fields).collect()
    });
    Some(terms.collect())
}

/// A taint's effect, as the core calls it.
pub(super) fn effect(effect: TaintEffect) -> Effect {
    match effect {
        TaintEffect::NoSchedule => Effect::NoSchedule,
        TaintEffect::PreferNoSchedule => Effect::PreferNoSchedule,
        TaintEffect::NoExecute => Effect::NoExecute,
    }
}
