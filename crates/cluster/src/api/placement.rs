//! What a pod template says about where its pods run, besides requests, node selector and
//! tolerations: affinity, spreading, host ports, extended resources, gates.

use std::collections::{BTreeMap, BTreeSet};

use super::meta::{Labels, matches};
use super::node::Node;
use super::pod::Pod;
use super::template::PodTemplate;
use super::{LabelSelector, Operator, Requirement};

/// Amounts of resources besides CPU and memory, by name (`nvidia.com/gpu`).
pub type Extended = BTreeMap<String, i64>;

/// `kubernetes.io/hostname`: the label by which nodes are told apart.
pub const HOSTNAME: &str = "kubernetes.io/hostname";

/// Where pods may run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Placement {
    /// Of the node affinity what is required: one of these terms, if there is any list.
    pub nodes: Option<Vec<NodeSelectorTerm>>,
    /// Of the node affinity what is preferred, with weights from 1 to 100.
    pub preferred_nodes: Vec<(i64, NodeSelectorTerm)>,
    /// Near which pods.
    pub affinity: PodAffinity,
    /// Away from which pods.
    pub anti_affinity: PodAffinity,
    /// `topologySpreadConstraints`.
    pub spread: Vec<SpreadConstraint>,
    /// Ports of the node that the containers take.
    pub host_ports: Vec<HostPort>,
    /// Requests of resources besides CPU and memory.
    pub extended: Extended,
    /// `schedulingGates`: the scheduler leaves its pods alone as long as there is one.
    pub gates: Vec<String>,
}

impl Placement {
    /// The nodes of which the required node affinity names one in each of its terms; then others
    /// are not looked at (NodeAffinity's `PreFilter`).
    pub fn named_nodes(&self) -> Option<BTreeSet<&str>> {
        let terms = self.nodes.as_ref().filter(|terms| !terms.is_empty())?;
        let mut all = BTreeSet::new();
        for term in terms {
            let fields = term.fields.iter();
            let names = fields.filter(|one| one.operator == Operator::In);
            let values = names.map(|one| one.values.iter().map(String::as_str));
            let sets = values.map(Iterator::collect::<BTreeSet<_>>);
            all.extend(sets.reduce(|some, others| &some & &others)?);
        }
        Some(all)
    }

    /// Whether pods on nodes have a say in where others go.
    pub fn concerns_others(&self) -> bool {
        !self.affinity.is_empty() || !self.anti_affinity.is_empty()
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A term of a node affinity.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeSelectorTerm {
    /// `matchExpressions`, about labels.
    pub expressions: Vec<Requirement>,
    /// `matchFields`, about `metadata.name`.
    pub fields: Vec<Requirement>,
}

impl NodeSelectorTerm {
    /// Whether it selects a node; an empty one selects none.
    pub fn matches(&self, node: &Node) -> bool {
        self.selects(node.name(), node.labels())
    }

    fn selects(&self, name: &str, labels: &Labels) -> bool {
        let asks = !self.expressions.is_empty() || !self.fields.is_empty();
        let by_labels = || self.expressions.iter().all(|one| one.matches(labels));
        let by_fields = || self.fields.iter().all(|one| one.admits(Some(name)));
        asks && by_labels() && by_fields()
    }
}

/// Pod affinity or anti-affinity.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodAffinity {
    /// What is required.
    pub required: Vec<PodAffinityTerm>,
    /// What is preferred, with weights from 1 to 100.
    pub preferred: Vec<(i64, PodAffinityTerm)>,
}

impl PodAffinity {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.required.is_empty() && self.preferred.is_empty()
    }
}

/// A term of a pod affinity or anti-affinity.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodAffinityTerm {
    /// `labelSelector`; without one it matches no pods.
    pub selector: Option<LabelSelector>,
    /// `matchLabelKeys`: pods are to have the same values.
    pub same: Vec<String>,
    /// `mismatchLabelKeys`: pods are to have other values.
    pub different: Vec<String>,
    /// `namespaces`.
    pub namespaces: Vec<String>,
    /// `namespaceSelector`.
    pub namespace_selector: Option<LabelSelector>,
    /// `topologyKey`.
    pub topology_key: String,
}

/// A pod as terms see it.
#[derive(Debug, Clone, Copy)]
pub struct Labelled<'a> {
    /// `metadata.namespace`.
    pub namespace: &'a str,
    /// `metadata.labels`.
    pub labels: &'a Labels,
}

impl<'a> Labelled<'a> {
    /// Of a pod.
    pub fn of(pod: &'a Pod) -> Self {
        Self {
            namespace: &pod.meta.namespace,
            labels: &pod.meta.labels,
        }
    }
}

impl PodAffinityTerm {
    /// Whether the term of `owner` matches another pod (`AffinityTerm.Matches`). A namespace has
    /// its name as its only label.
    pub fn matches(&self, owner: Labelled<'_>, other: Labelled<'_>) -> bool {
        let key = || "kubernetes.io/metadata.name".to_owned();
        let labels = || Labels::from([(key(), other.namespace.to_owned())]);
        self.covers(owner.namespace, other.namespace, labels) && self.selects(owner, other)
    }

    /// The same as queueing hints see it: to them, namespaces have no labels.
    pub fn hints_at(&self, owner: Labelled<'_>, other: Labelled<'_>) -> bool {
        self.covers(owner.namespace, other.namespace, Labels::new) && self.selects(owner, other)
    }

    fn selects(&self, owner: Labelled<'_>, other: Labelled<'_>) -> bool {
        self.selector.as_ref().is_some_and(|selector| {
            selector.matches(other.labels)
                && have_same(&self.same, owner.labels, other.labels)
                && have_others(&self.different, owner.labels, other.labels)
        })
    }

    fn covers(&self, own: &str, namespace: &str, labels: impl Fn() -> Labels) -> bool {
        let named = self.namespaces.iter().any(|one| one == namespace);
        let Some(selector) = &self.namespace_selector else {
            return named || self.namespaces.is_empty() && own == namespace;
        };
        named || selector.matches(&labels())
    }
}

/// Whether both have the same values under these keys, as far as the first has any.
fn have_same(keys: &[String], one: &Labels, other: &Labels) -> bool {
    keys.iter()
        .filter_map(|key| one.get_key_value(key))
        .all(|(key, value)| other.get(key) == Some(value))
}

fn have_others(keys: &[String], one: &Labels, other: &Labels) -> bool {
    keys.iter()
        .filter_map(|key| one.get_key_value(key))
        .all(|(key, value)| other.get(key) != Some(value))
}

/// An item of `topologySpreadConstraints`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpreadConstraint {
    /// `maxSkew`.
    pub max_skew: i64,
    /// `topologyKey`.
    pub topology_key: String,
    /// `whenUnsatisfiable: DoNotSchedule`; otherwise it only ranks nodes.
    pub required: bool,
    /// `labelSelector`; without one it matches no pods.
    pub selector: Option<LabelSelector>,
    /// `matchLabelKeys`.
    pub same: Vec<String>,
    /// `minDomains`.
    pub min_domains: usize,
    /// `nodeAffinityPolicy: Honor`: nodes that the pod's affinity excludes do not count.
    pub honors_affinity: bool,
    /// `nodeTaintsPolicy: Honor`: nodes with taints that the pod does not tolerate do not count.
    pub honors_taints: bool,
}

impl SpreadConstraint {
    /// Whether the constraint of `owner` counts a pod with these labels.
    pub fn counts(&self, owner: &Labels, other: &Labels) -> bool {
        self.selector
            .as_ref()
            .is_some_and(|selector| selector.matches(other) && have_same(&self.same, owner, other))
    }
}

/// A port of the node that a container takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// `protocol`.
    pub protocol: String,
    /// `hostIP`; empty for all addresses.
    pub address: String,
    /// `hostPort`.
    pub port: i32,
}

impl HostPort {
    /// Whether both cannot be on one node (`HostPortInfo.CheckConflict`).
    pub fn conflicts(&self, other: &Self) -> bool {
        let all = |address: &str| address.is_empty() || address == "0.0.0.0";
        self.port == other.port
            && self.protocol == other.protocol
            && (all(&self.address) || all(&other.address) || self.address == other.address)
    }
}

/// Whether node selector and required node affinity allow a node (`GetRequiredNodeAffinity`).
pub fn allows_node(template: &PodTemplate, node: &Node) -> bool {
    allows_labels(template, node.name(), node.labels())
}

/// The same of a node of this name that has, or had, these labels.
pub fn allows_labels(template: &PodTemplate, name: &str, labels: &Labels) -> bool {
    let required = template
        .placement
        .as_ref()
        .and_then(|one| one.nodes.as_ref());
    matches(&template.node_selector, labels)
        && required.is_none_or(|terms| terms.iter().any(|term| term.selects(name, labels)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    fn term(namespaces: &[&str], selector: Option<LabelSelector>) -> PodAffinityTerm {
        PodAffinityTerm {
            selector: Some(LabelSelector::default()),
            namespaces: namespaces.iter().map(|one| (*one).to_owned()).collect(),
            namespace_selector: selector,
            ..PodAffinityTerm::default()
        }
    }

    #[test]
    fn a_term_looks_into_its_own_namespace_unless_it_names_others() {
        let none = Labels::new();
        let pod = |namespace| Labelled {
            namespace,
            labels: &none,
        };
        let team = LabelSelector {
            labels: labels(&[("kubernetes.io/metadata.name", "team")]),
            ..LabelSelector::default()
        };
        let all = Some(LabelSelector::default());
        for (term, own, other, team_too) in [
            (term(&[], None), true, false, false),
            (term(&["b"], None), false, true, false),
            (term(&[], all), true, true, true),
            (term(&[], Some(team.clone())), false, false, true),
            (term(&["b"], Some(team.clone())), false, true, true),
        ] {
            for (namespace, expected) in [("a", own), ("b", other), ("team", team_too)] {
                let found = term.matches(pod("a"), pod(namespace));
                assert_eq!(found, expected, "{namespace} {term:?}");
                let hinted = term.hints_at(pod("a"), pod(namespace));
                let by_labels = term.namespace_selector.as_ref() == Some(&team);
                let by_labels = by_labels && namespace == "team";
                assert_eq!(hinted, expected && !by_labels, "{namespace} {term:?}");
            }
        }
        let nothing = PodAffinityTerm::default();
        assert!(!nothing.matches(pod("a"), pod("a")), "no selector, no pods");
    }

    #[test]
    fn names_of_nodes_meet_within_a_term_and_add_up_over_terms() {
        let is_in = |names: &[&str]| Requirement {
            key: "metadata.name".to_owned(),
            operator: Operator::In,
            values: names.iter().map(|one| (*one).to_owned()).collect(),
        };
        let term = |fields| NodeSelectorTerm {
            expressions: Vec::new(),
            fields,
        };
        let both = || term(vec![is_in(&["a", "b"]), is_in(&["b", "c"])]);
        let named = |terms: &[NodeSelectorTerm]| {
            let placement = Placement {
                nodes: Some(terms.to_vec()),
                ..Placement::default()
            };
            let named = placement.named_nodes()?;
            Some(named.into_iter().collect::<Vec<_>>().join(" "))
        };
        let text = |names: &str| Some(names.to_owned());
        assert_eq!(named(&[both()]), text("b"));
        assert_eq!(named(&[both(), term(vec![is_in(&["d"])])]), text("b d"));
        let none = term(vec![is_in(&["a"]), is_in(&["b"])]);
        assert_eq!(named(&[none]), text(""), "no node has both names");
        let others = Requirement {
            operator: Operator::NotIn,
            ..is_in(&["a"])
        };
        assert_eq!(named(&[both(), term(vec![others])]), None, "any other node");
        assert_eq!(named(&[]), None);
    }

    #[test]
    fn keys_compare_the_pods_own_values() {
        let (one, other) = (labels(&[("hash", "1")]), labels(&[("hash", "2")]));
        let pod = |labels| Labelled {
            namespace: "a",
            labels,
        };
        let same = PodAffinityTerm {
            same: vec!["hash".to_owned(), "absent".to_owned()],
            ..term(&[], None)
        };
        assert!(same.matches(pod(&one), pod(&one)) && !same.matches(pod(&one), pod(&other)));
        let different = PodAffinityTerm {
            different: same.same.clone(),
            ..term(&[], None)
        };
        assert!(!different.matches(pod(&one), pod(&one)));
        assert!(different.matches(pod(&one), pod(&other)));
    }

    #[test]
    fn ports_conflict_by_protocol_number_and_address() {
        let port = |address: &str, protocol: &str, port| HostPort {
            protocol: protocol.to_owned(),
            address: address.to_owned(),
            port,
        };
        let one = port("10.0.0.1", "TCP", 80);
        assert!(one.conflicts(&one) && one.conflicts(&port("", "TCP", 80)));
        assert!(one.conflicts(&port("0.0.0.0", "TCP", 80)));
        assert!(!one.conflicts(&port("10.0.0.2", "TCP", 80)));
        assert!(!one.conflicts(&port("", "UDP", 80)) && !one.conflicts(&port("", "TCP", 81)));
    }
}
