//! NodeClaims, NodePools and EC2NodeClasses as `kubectl get -o json` gives them.
//!
//! Upstream: `pkg/apis/v1` of kubernetes-sigs/karpenter; conditions are those of
//! `pkg/controllers/nodeclaim/lifecycle`. A NodeClaim keeps the requests and requirements that it was made for.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Karpenter;
use super::claims::Claim;
use crate::api::Taint;
use crate::autoscaler::karpenter::NodePool;
use crate::cloud::{InstanceId, Stage};
use crate::cluster::spec::NodeGroupSpec;
use crate::sim::{SimDuration, SimTime};
use crate::units::{Bytes, Millicores};
use crate::world::Simulation;

/// When NodePools and EC2NodeClasses that were not there at the start were created, by kind and name.
pub(super) type Born = BTreeMap<(&'static str, String), SimTime>;

fn cores(amount: Millicores) -> String {
    match amount.0 {
        whole if whole % 1000 == 0 => (whole / 1000).to_string(),
        _ => amount.to_string(),
    }
}

fn resources(cpu: Millicores, memory: Bytes, pods: i64) -> Value {
    json!({"cpu": cores(cpu), "memory": memory.to_string(), "pods": pods.to_string()})
}

fn taint(taint: &Taint) -> Value {
    let value = Some(&taint.value).filter(|value| !value.is_empty());
    let mut made = json!({"effect": taint.effect.name(), "key": taint.key});
    if let Some(value) = value {
        made["value"] = value.as_str().into();
    }
    made
}

/// When a NodePool or an EC2NodeClass was created.
fn born(karpenter: Option<&Karpenter>, (kind, name): (&str, &str)) -> SimTime {
    let born = karpenter.into_iter().flat_map(|own| own.born.iter());
    let mut own = born.filter(|((of, named), _)| *of == kind && *named == name);
    own.next().map_or(SimTime::ZERO, |(_, time)| *time)
}

impl Simulation<'_> {
    /// The objects of a kind of Karpenter's, in the order of their names; none if the kind is another's.
    pub fn karpenter_objects(&self, kind: &str) -> Option<Vec<Value>> {
        let karpenter = self.karpenter.as_deref();
        match kind {
            "NodeClaim" => {
                let claims = karpenter.into_iter().flat_map(|own| {
                    let ids = own.claims.iter();
                    ids.map(|(id, claim)| self.claim_object(own, *id, claim))
                });
                let mut claims: Vec<Value> = claims.collect();
                let name = |claim: &Value| claim["metadata"]["name"].as_str().map(str::to_owned);
                claims.sort_by_cached_key(name);
                Some(claims)
            }
            "NodePool" | "EC2NodeClass" => {
                let names = self.manifests.of_kind(kind);
                let objects = names.filter_map(|(namespace, name)| {
                    let manifest = self.manifests.get(kind, namespace, name)?;
                    let status = match karpenter {
                        Some(own) if kind == "NodePool" => self.pool_status(own, name),
                        _ => self.ready_status(&[], karpenter, (kind, name)),
                    };
                    let mut object = manifest.clone();
                    let born = born(karpenter, (kind, name));
                    object["metadata"]["creationTimestamp"] = self.clock().print(born).into();
                    object["status"] = status;
                    Some(object)
                });
                Some(objects.collect())
            }
            _ => None,
        }
    }

    /// One of them.
    pub(in crate::world) fn karpenter_object(&self, kind: &str, name: &str) -> Option<Value> {
        let mut objects = self.karpenter_objects(kind)?.into_iter();
        objects.find(|object| object["metadata"]["name"] == *name)
    }

    fn condition(&self, kind: &str, since: SimTime, state: Result<(), (&str, &str)>) -> Value {
        let (status, reason, message) = match state {
            Ok(()) => ("True", kind, ""),
            Err((reason, message)) => ("Unknown", reason, message),
        };
        json!({
            "lastTransitionTime": self.clock().print(since),
            "message": message,
            "reason": reason,
            "status": status,
            "type": kind,
        })
    }

    /// The status of an object that is Ready since its creation, with what it is besides.
    fn ready_status(
        &self,
        others: &[&str],
        karpenter: Option<&Karpenter>,
        of: (&str, &str),
    ) -> Value {
        let born = born(karpenter, of);
        let all = others.iter().copied().chain(["Ready"]);
        let conditions: Vec<Value> = all.map(|kind| self.condition(kind, born, Ok(()))).collect();
        json!({ "conditions": conditions })
    }

    fn pool_status(&self, karpenter: &Karpenter, name: &str) -> Value {
        let of = ("NodePool", name);
        let others = ["NodeClassReady", "ValidationSucceeded"];
        let mut status = self.ready_status(&others, Some(karpenter), of);
        let Some(place) = karpenter.spec.place(name) else {
            return status;
        };
        let (mut cpu, mut memory, mut pods, mut nodes) = (Millicores(0), Bytes(0), 0, 0_u32);
        for claim in karpenter.claims.values().filter(|one| one.pool == place) {
            let group = self.cloud.spec(karpenter.spec.launches[claim.launch].group);
            cpu.0 += group.cpu.0;
            memory.0 += group.memory.0;
            pods += i64::from(group.max_pods);
            nodes += 1;
        }
        status["nodes"] = nodes.into();
        status["resources"] = resources(cpu, memory, pods);
        status["resources"]["nodes"] = nodes.to_string().into();
        status
    }

    fn claim_object(&self, karpenter: &Karpenter, id: InstanceId, claim: &Claim) -> Value {
        let instance = self.cloud.instance(id);
        let group = self.cloud.spec(karpenter.spec.launches[claim.launch].group);
        let pool = &karpenter.spec.pools[claim.pool];
        let clock = self.clock();
        let uid = |what: String| self.components.pod_control.uid(&what).to_string();
        let node = self.node_of_claim(id);
        let mut object = json!({
            "apiVersion": "karpenter.sh/v1",
            "kind": "NodeClaim",
            "metadata": {
                "creationTimestamp": clock.print(claim.created),
                "finalizers": ["karpenter.sh/termination"],
                "generateName": format!("{}-", pool.name),
                "generation": 1,
                "labels": group.labels,
                "name": instance.name,
                "ownerReferences": [{
                    "apiVersion": "karpenter.sh/v1",
                    "blockOwnerDeletion": true,
                    "kind": "NodePool",
                    "name": pool.name,
                    "uid": uid(format!("NodePool/{}", pool.name)),
                }],
                "uid": uid(format!("NodeClaim/{}", instance.name)),
            },
            "spec": claim_spec(claim, pool, group),
            "status": {
                "allocatable": resources(
                    group.allocatable_cpu,
                    group.allocatable_memory,
                    group.max_pods.into(),
                ),
                "capacity": resources(group.cpu, group.memory, group.max_pods.into()),
                "conditions": self.claim_conditions(id, claim),
            },
        });
        if let Some((since, _)) = claim.deleting {
            object["metadata"]["deletionTimestamp"] = clock.print(since).into();
        }
        if node.is_some() {
            object["status"]["nodeName"] = instance.name.as_str().into();
        }
        if let Some(last) = claim.last_pod_event {
            object["status"]["lastPodEventTime"] = clock.print(last).into();
        }
        object
    }

    fn claim_conditions(&self, id: InstanceId, claim: &Claim) -> Vec<Value> {
        const AWAITING: (&str, &str) = (
            "AwaitingReconciliation",
            "object is awaiting reconciliation",
        );
        const NO_NODE: (&str, &str) = ("NodeNotFound", "Node not registered with cluster");
        let instance = self.cloud.instance(id);
        let node = self.node_of_claim(id).map(|node| self.store.node(node));
        let record = instance
            .record
            .and_then(|place| self.recorder.recording.nodes.get(place));
        let launched = record.map(|record| record.started);
        let registered = node.map(|node| node.meta.created);
        let initialized = match (node, claim.initialized) {
            (None, _) => Err(NO_NODE),
            (Some(_), Some(_)) => Ok(()),
            (Some(node), None) if !node.is_ready() => {
                Err(("NodeNotReady", "Node status is NotReady"))
            }
            (Some(_), None) => Err(("StartupTaintsExist", "StartupTaint still exists")),
        };
        let steps = [
            (
                "Launched",
                launched,
                launched.map_or(Err(AWAITING), |_| Ok(())),
            ),
            (
                "Registered",
                registered,
                registered.map_or(Err(NO_NODE), |_| Ok(())),
            ),
            ("Initialized", claim.initialized, initialized),
        ];
        let since = |at: Option<SimTime>| at.unwrap_or(claim.created);
        let mut all: Vec<Value> = steps
            .iter()
            .map(|(kind, at, state)| self.condition(kind, since(*at), *state))
            .collect();
        let open: Vec<String> = steps
            .iter()
            .filter(|step| step.2.is_err())
            .map(|step| format!("{}=Unknown", step.0))
            .collect();
        let open = open.join(", ");
        let ready = if open.is_empty() {
            Ok(())
        } else {
            Err(("UnhealthyDependents", &*open))
        };
        all.push(self.condition("Ready", since(claim.initialized), ready));
        if let Some((since, why)) = claim.drifted {
            let mut drifted = self.condition("Drifted", since, Ok(()));
            (drifted["reason"], drifted["message"]) = (why.into(), why.into());
            all.push(drifted);
        }
        if let (Some((since, _)), Stage::Deleting | Stage::Gone) = (claim.deleting, instance.stage)
        {
            all.push(self.condition("InstanceTerminating", since, Ok(())));
        }
        all.sort_by_cached_key(|one| one["type"].as_str().map(str::to_owned));
        all
    }
}

/// A duration as it is stated, without what is zero of it: Karpenter keeps its text.
fn as_stated(length: SimDuration) -> String {
    let text = length.to_string();
    let minutes = text.strip_suffix("m0s").map(|text| format!("{text}m"));
    let text = minutes.unwrap_or(text);
    let hours = text.strip_suffix("h0m").map(|text| format!("{text}h"));
    hours.unwrap_or(text)
}

/// An amount in billionths of its unit, as a quantity.
fn amount_of(name: &str, amount: i128) -> String {
    match name {
        "cpu" => cores(Millicores((amount / 1_000_000) as i64)),
        "memory" => Bytes((amount / 1_000_000_000) as i64).to_string(),
        _ => (amount / 1_000_000_000).to_string(),
    }
}

/// `spec` of a NodeClaim.
fn claim_spec(claim: &Claim, pool: &NodePool, group: &NodeGroupSpec) -> Value {
    let requirements = claim.made_for.requirements.iter();
    let requirements = requirements.flat_map(|(key, requirement)| {
        let stated = requirement.stated().into_iter();
        stated.map(move |(operator, values)| {
            let mut made = json!({"key": key, "operator": operator});
            if let Some(least) = requirement.min_values {
                made["minValues"] = least.into();
            }
            if !values.is_empty() {
                made["values"] = values.into();
            }
            made
        })
    });
    let requirements: Vec<Value> = requirements.collect();
    let requests = claim.made_for.requests.iter();
    let requests: serde_json::Map<String, Value> = requests
        .map(|(name, amount)| (name.to_owned(), amount_of(name, amount).into()))
        .collect();
    let requested = if requests.is_empty() {
        json!({})
    } else {
        json!({"requests": requests})
    };
    let after = pool.expire_after;
    let mut spec = json!({
        "expireAfter": after.map_or_else(|| "Never".to_owned(), as_stated),
        "nodeClassRef": {
            "group": "karpenter.k8s.aws",
            "kind": "EC2NodeClass",
            "name": pool.node_class,
        },
        "requirements": requirements,
        "resources": requested,
    });
    if !group.taints.is_empty() {
        spec["taints"] = group.taints.iter().map(taint).collect();
    }
    let startup = &group.scaling.startup_taints;
    if !startup.is_empty() {
        spec["startupTaints"] = startup.iter().map(taint).collect();
    }
    if let Some(grace) = claim.grace {
        spec["terminationGracePeriod"] = grace.to_string().into();
    }
    spec
}
