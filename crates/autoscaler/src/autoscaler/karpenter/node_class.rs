//! EC2NodeClasses, as far as they say what a machine leaves to its pods.
//!
//! Upstream: karpenter-provider-aws of August 2026 (v1.14.1), `pkg/providers/instancetype/types.go`.
//! Subnets and security groups are read over; that anything else changed, and nodes have drifted, is seen by
//! comparing [`NodeClass::key`] and [`NodeClass::images`].

use serde::Deserialize;
use serde_json::Value;

use super::instance_type::{InstanceType, Offering};
use super::node_pool::canonical;
use super::requirement::Requirement;
use super::resources::{CPU, MEMORY, Resources};
use crate::units::{Bytes, Millicores, Quantity, QuantityError, QuantityFormat};

/// Pods on a node whose network does not limit them.
const MAX_PODS: i64 = 110;
/// `VM_MEMORY_OVERHEAD_PERCENT`: what the hypervisor keeps.
const VM_OVERHEAD: f64 = 0.075;
/// What Graviton machines keep besides, in MiB.
const GRAVITON: i64 = 64;
/// `evictionHard` of memory.
const EVICTION: Bytes = Bytes(100 << 20);
/// CPU that the kubelet reserves: from so many millicores on, to so many, which share.
const RESERVED: [(i64, i64, f64); 4] = [
    (0, 1000, 0.06),
    (1000, 2000, 0.01),
    (2000, 4000, 0.005),
    (4000, 1 << 31, 0.0025),
];

/// A machine as its maker describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Name of the instance type, `m5.xlarge`.
    pub name: String,
    /// Cores.
    pub cores: i64,
    /// Memory in MiB.
    pub memory_mib: i64,
    /// `arm64` instead of `amd64`.
    pub arm: bool,
    /// Pods that its network interfaces have addresses for, if that is known.
    pub network_pods: Option<i64>,
}

/// A NodeClass.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeClass {
    /// Name.
    pub name: String,
    /// `maxPods` of the kubelet.
    pub max_pods: Option<i64>,
    /// `podsPerCore` of the kubelet.
    pub pods_per_core: Option<i64>,
    /// `kubeReserved`, which counts instead of what is worked out.
    pub kube_reserved: Resources,
    /// `systemReserved`.
    pub system_reserved: Resources,
    /// Memory that the kubelet keeps free, if it is stated: an amount, or percent.
    eviction: Option<Eviction>,
    /// Everything of the spec whose change makes nodes drift (`NodeClassDrift`), in a canonical form.
    pub key: String,
    /// What its images are chosen by: with others nodes drift, too (`AMIDrift`).
    pub images: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Eviction {
    Amount(Bytes),
    Percent(f64),
}

/// Why a NodeClass cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NodeClassError {
    /// A field is of another type.
    #[error("{0}")]
    Malformed(#[from] serde_json::Error),
    /// An amount is not a quantity.
    #[error("{0}")]
    Quantity(#[from] QuantityError),
    /// A percentage is not a number.
    #[error("\"{0}\" is neither a quantity nor a percentage")]
    Eviction(String),
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct KubeletJson {
    max_pods: Option<i64>,
    pods_per_core: Option<i64>,
    kube_reserved: Value,
    system_reserved: Value,
    eviction_hard: Value,
}

impl NodeClass {
    /// Reads an EC2NodeClass (`karpenter.k8s.aws/v1`).
    pub fn read(object: &Value) -> Result<Self, NodeClassError> {
        let kubelet = Option::<KubeletJson>::deserialize(&object["spec"]["kubelet"])?;
        let kubelet = kubelet.unwrap_or_default();
        let eviction = kubelet.eviction_hard["memory.available"].as_str();
        Ok(Self {
            name: object["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            max_pods: kubelet.max_pods,
            pods_per_core: kubelet.pods_per_core,
            kube_reserved: Resources::read(&kubelet.kube_reserved)?,
            system_reserved: Resources::read(&kubelet.system_reserved)?,
            eviction: eviction.map(read_eviction).transpose()?,
            key: key(&object["spec"]),
            images: canonical(&object["spec"]["amiSelectorTerms"]).to_string(),
        })
    }

    /// Pods that the kubelet of a machine takes.
    pub fn pods(&self, machine: &Machine) -> i64 {
        let network = || machine.network_pods.unwrap_or(MAX_PODS);
        let pods = self.max_pods.unwrap_or_else(network);
        match self.pods_per_core {
            Some(each) if each > 0 => pods.min(each * machine.cores),
            _ => pods,
        }
    }

    /// A machine as an instance type of this class.
    pub fn instance_type(&self, machine: &Machine, offerings: Vec<Offering>) -> InstanceType {
        let pods = self.pods(machine);
        let cpu = Millicores(machine.cores * 1000);
        let memory = memory(machine);
        let capacity = Resources::of(cpu, memory).with_pods(pods);
        let mut reserved = Resources::of(kube_reserved(cpu), Bytes((11 * pods + 255) << 20));
        for (name, amount) in [CPU, MEMORY].map(|name| (name, self.kube_reserved.stated(name))) {
            if let Some(amount) = amount {
                reserved.set(
                    name,
                    Quantity::from_nanos(amount, QuantityFormat::DecimalSi),
                );
            }
        }
        reserved.add(&self.system_reserved);
        let eviction = match self.eviction {
            None => EVICTION,
            Some(Eviction::Amount(amount)) => amount,
            Some(Eviction::Percent(percent)) => {
                Bytes((memory.0 as f64 / 100.0 * percent).ceil() as i64)
            }
        };
        reserved.add(&Resources::of(Millicores::ZERO, eviction));
        let mut allocatable = capacity.clone();
        allocatable.subtract(&reserved);
        let arch = if machine.arm { "arm64" } else { "amd64" };
        let mut kind = InstanceType::new(&machine.name, arch, capacity, allocatable, offerings);
        for (label, value) in labels(machine) {
            let label = format!("karpenter.k8s.aws/{label}");
            kind.requirements.add(&label, Requirement::value(value));
        }
        kind
    }
}

/// What is not hashed upstream; the kubelet's settings are, as a text of their own.
const NOT_HASHED: [&str; 6] = [
    "subnetSelectorTerms",
    "securityGroupSelectorTerms",
    "capacityReservationSelectorTerms",
    "ipPrefixCount",
    "amiSelectorTerms",
    "amiFamily",
];

/// `Hash`: the spec without what only says which of the cloud's things are meant, and the family of its
/// images.
fn key(spec: &Value) -> String {
    let mut hashed = spec.clone();
    if let Some(fields) = hashed.as_object_mut() {
        for field in NOT_HASHED {
            fields.shift_remove(field);
        }
    }
    let stated = spec["amiFamily"].as_str();
    let terms = spec["amiSelectorTerms"].as_array();
    let alias = terms.and_then(|terms| terms.iter().find_map(|term| term["alias"].as_str()));
    let family = alias.map(|alias| alias.split('@').next().unwrap_or_default());
    let family = stated.or(family).unwrap_or("Custom").to_lowercase();
    format!("{family} {}", canonical(&hashed))
}

fn read_eviction(text: &str) -> Result<Eviction, NodeClassError> {
    let Some(percent) = text.strip_suffix('%') else {
        return Ok(Eviction::Amount(text.parse::<Quantity>()?.to_bytes()));
    };
    let percent = percent.parse().map(Eviction::Percent);
    percent.map_err(|_| NodeClassError::Eviction(text.to_owned()))
}

/// Memory that is left of a machine in its hypervisor, in whole MiB.
fn memory(machine: &Machine) -> Bytes {
    let mib = machine.memory_mib - if machine.arm { GRAVITON } else { 0 };
    let kept = (mib as f64 * VM_OVERHEAD).ceil() as i64;
    Bytes((mib - kept) << 20)
}

fn kube_reserved(cpu: Millicores) -> Millicores {
    let ranges = RESERVED.iter().filter(|(start, _, _)| cpu.0 >= *start);
    let parts = ranges.map(|(start, end, share)| ((cpu.0.min(*end) - start) as f64 * share) as i64);
    Millicores(parts.sum())
}

/// What AWS says of a machine, as far as its name and size tell.
fn labels(machine: &Machine) -> Vec<(&'static str, String)> {
    let mut labels = vec![
        ("instance-cpu", machine.cores.to_string()),
        ("instance-memory", machine.memory_mib.to_string()),
    ];
    let Some((family, size)) = machine.name.split_once('.') else {
        return labels;
    };
    labels.push(("instance-family", family.to_owned()));
    labels.push(("instance-size", size.to_owned()));
    let letters = family
        .find(|c: char| !c.is_ascii_lowercase())
        .unwrap_or(family.len());
    let (category, rest) = family.split_at(letters);
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    if !category.is_empty() && digits > 0 {
        labels.push(("instance-category", category.to_owned()));
        labels.push(("instance-generation", rest[..digits].to_owned()));
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn machine() -> Machine {
        Machine {
            name: "m5.xlarge".to_owned(),
            cores: 4,
            memory_mib: 16_384,
            arm: false,
            network_pods: Some(58),
        }
    }

    fn class(kubelet: &Value) -> NodeClass {
        let object = json!({"metadata": {"name": "default"}, "spec": {"kubelet": kubelet}});
        NodeClass::read(&object).unwrap()
    }

    #[test]
    fn a_machine_keeps_what_hypervisor_kubelet_and_eviction_take() {
        let kind = class(&json!({})).instance_type(&machine(), Vec::new());
        // 16384 - 1229 MiB.
        let memory = 15_155 << 20;
        let capacity = Resources::of(Millicores(4000), Bytes(memory)).with_pods(58);
        assert_eq!(kind.capacity, capacity);
        let left = memory - ((11 * 58 + 255 + 100) << 20);
        let allocatable = Resources::of(Millicores(3920), Bytes(left)).with_pods(58);
        assert_eq!(kind.allocatable, allocatable);
        let allows = |label: &str, value: &str| {
            let label = format!("karpenter.k8s.aws/{label}");
            kind.requirements
                .get(&label)
                .is_some_and(|one| one.has(value))
        };
        assert!(allows("instance-category", "m") && allows("instance-generation", "5"));
        assert!(allows("instance-family", "m5") && allows("instance-size", "xlarge"));
        assert!(allows("instance-cpu", "4") && allows("instance-memory", "16384"));
        let graviton = Machine {
            arm: true,
            ..machine()
        };
        assert_eq!(memory_of(&graviton), 15_096);
    }

    fn memory_of(machine: &Machine) -> i64 {
        super::memory(machine).0 >> 20
    }

    #[test]
    fn what_the_kubelet_is_told_counts() {
        let class = class(&json!({
            "maxPods": 20, "podsPerCore": 4,
            "kubeReserved": {"cpu": "100m"},
            "systemReserved": {"cpu": "50m", "memory": "1Gi"},
            "evictionHard": {"memory.available": "10%"},
        }));
        assert_eq!(class.pods(&machine()), 16);
        let kind = class.instance_type(&machine(), Vec::new());
        let memory = 15_155i64 << 20;
        let evicted = (memory as f64 / 10.0).ceil() as i64;
        let left = memory - ((11 * 16 + 255 + 1024) << 20) - evicted;
        let allocatable = Resources::of(Millicores(3850), Bytes(left)).with_pods(16);
        assert_eq!(kind.allocatable, allocatable);
        let wrong = json!({"spec": {"kubelet": {"evictionHard": {"memory.available": "x%"}}}});
        let error = NodeClass::read(&wrong).expect_err("not a percentage");
        assert_eq!(
            error.to_string(),
            "\"x%\" is neither a quantity nor a percentage"
        );
    }

    #[test]
    fn a_change_of_the_spec_is_seen() {
        let with = |image: &str| {
            NodeClass::read(&json!({"spec": {"amiSelectorTerms": [{"alias": image}]}})).unwrap()
        };
        assert_eq!(with("al2023@latest").key, with("al2023@latest").key);
        assert_ne!(with("al2023@latest").key, with("bottlerocket@latest").key);
        // Another image of the family is no other class.
        let (old, new) = (with("al2023@v20240807"), with("al2023@v20250101"));
        assert_eq!(old.key, new.key);
        assert_ne!(old.images, new.images);
        let of = |spec: Value| NodeClass::read(&json!({"spec": spec})).unwrap();
        let zones = |id: &str| of(json!({"role": "a", "subnetSelectorTerms": [{"id": id}]}));
        assert_eq!(zones("subnet-1"), zones("subnet-2"));
        assert_ne!(of(json!({"role": "a"})).key, of(json!({"role": "b"})).key);
        let pods = |pods: i64| of(json!({"kubelet": {"maxPods": pods}}));
        assert_ne!(pods(10).key, pods(20).key);
        assert_eq!(with("a").pods(&machine()), 58);
    }
}
