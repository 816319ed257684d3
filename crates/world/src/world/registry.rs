//! What the API server adds to objects of which the simulation holds no more than the manifest:
//! when they were created, and to Services their defaults, addresses and ports of nodes.
//!
//! Upstream: `SetDefaults_Service`, `pkg/registry/core/service/storage/alloc.go`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use serde_json::{Value, json};

use crate::sim::SimTime;

/// Kind, namespace, name.
pub(super) type Key = (String, String, String);

/// kubeadm's range of Services, 10.96.0.0/12.
const RANGE: u32 = 0x0a60_0000;
const SIZE: u32 = 1 << 20;
/// The first addresses are left to those who ask for one (`calculateRangeOffset`).
const STATIC: u32 = 256;
/// Ports of nodes: 30000 to 32767.
const NODE_PORTS: (u32, u32) = (30_000, 2768);
/// `sessionAffinityConfig.clientIP.timeoutSeconds`: three hours.
const AFFINITY: i64 = 10_800;

/// What was given to an object when it was created.
#[derive(Debug, Clone, Copy)]
struct Entry {
    created: SimTime,
    /// Of a Service, by its place in the range.
    address: Option<u32>,
}

/// All such objects.
#[derive(Debug, Clone, Default)]
pub(super) struct Registry {
    entries: BTreeMap<Key, Entry>,
    /// Taken addresses.
    taken: BTreeSet<u32>,
}

impl Registry {
    /// An object is created or changed.
    pub(super) fn put(&mut self, key: &Key, now: SimTime) {
        if self.entries.contains_key(key) {
            return;
        }
        let address = (key.0 == "Service").then(|| {
            let free = SIZE - STATIC - 1;
            let mut place = place(key, 0) % free;
            while !self.taken.insert(STATIC + place) {
                place = (place + 1) % free;
            }
            STATIC + place
        });
        let created = now;
        self.entries.insert(key.clone(), Entry { created, address });
    }

    /// An object is gone.
    pub(super) fn remove(&mut self, key: &Key) {
        let gone = self.entries.remove(key);
        if let Some(address) = gone.and_then(|one| one.address) {
            self.taken.remove(&address);
        }
    }

    /// An object as the API server has it; `uid` is that of its name.
    pub(super) fn shown(
        &self,
        key: &Key,
        value: &Value,
        uid: &str,
        print: impl Fn(SimTime) -> String,
    ) -> Value {
        let mut value = value.clone();
        let Some(entry) = self.entries.get(key) else {
            return value;
        };
        value["metadata"]["creationTimestamp"] = print(entry.created).into();
        value["metadata"]["uid"] = uid.into();
        if let Some(address) = entry.address {
            complete(&mut value, key, address);
        }
        value.sort_all_objects();
        value
    }
}

/// A number that hangs on an object's name: FNV-1a, in which the last bytes do not reach the
/// first bits.
fn place(key: &Key, more: u32) -> u32 {
    let text = [
        key.1.as_bytes(),
        b"/",
        key.2.as_bytes(),
        &more.to_le_bytes(),
    ]
    .concat();
    let hash = text.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ hash >> 32) as u32
}

fn default(of: &mut Value, field: &str, value: impl Into<Value>) {
    if of[field].is_null() {
        of[field] = value.into();
    }
}

fn complete(service: &mut Value, key: &Key, address: u32) {
    let spec = &mut service["spec"];
    default(spec, "type", "ClusterIP");
    default(spec, "sessionAffinity", "None");
    if spec["sessionAffinity"] == "ClientIP" {
        let config = &mut spec["sessionAffinityConfig"];
        default(&mut config["clientIP"], "timeoutSeconds", AFFINITY);
    }
    let kind = spec["type"].as_str().unwrap_or_default().to_owned();
    let on_nodes = matches!(kind.as_str(), "NodePort" | "LoadBalancer");
    let ports = spec["ports"].as_array_mut().into_iter().flatten();
    for (number, port) in ports.enumerate() {
        let own = port["port"].clone();
        default(port, "protocol", "TCP");
        if kind != "ExternalName" {
            default(port, "targetPort", own);
        }
        if on_nodes {
            let (first, many) = NODE_PORTS;
            let drawn = first + place(key, number as u32 + 1) % many;
            default(port, "nodePort", drawn);
        }
    }
    default(&mut service["status"], "loadBalancer", json!({}));
    let spec = &mut service["spec"];
    if kind == "ExternalName" {
        return;
    }
    let address = Ipv4Addr::from(RANGE + address).to_string();
    if spec["clusterIP"].as_str().is_none_or(str::is_empty) {
        spec["clusterIP"] = address.into();
    }
    let own = spec["clusterIP"].clone();
    default(spec, "clusterIPs", json!([own]));
    default(spec, "internalTrafficPolicy", "Cluster");
    default(spec, "ipFamilies", json!(["IPv4"]));
    default(spec, "ipFamilyPolicy", "SingleStack");
    if on_nodes {
        default(spec, "externalTrafficPolicy", "Cluster");
    }
    if kind == "LoadBalancer" {
        default(spec, "allocateLoadBalancerNodePorts", true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(registry: &Registry, key: &Key, spec: &Value) -> Value {
        let value = json!({"kind": "Service", "metadata": {"name": key.2}, "spec": spec});
        registry.shown(key, &value, "uid", |time| format!("{}", time.0))
    }

    fn key(name: &str) -> Key {
        ("Service".to_owned(), "default".to_owned(), name.to_owned())
    }

    #[test]
    fn every_service_has_an_address_of_its_own_that_stays() {
        let mut registry = Registry::default();
        let names: Vec<Key> = (0..3000).map(|one| key(&format!("s{one}"))).collect();
        for (at, key) in names.iter().enumerate() {
            registry.put(key, SimTime(at as i64));
        }
        registry.put(&names[0], SimTime(99));
        let mut addresses = std::collections::BTreeSet::new();
        for key in &names {
            let service = shown(&registry, key, &json!({}));
            let address: Ipv4Addr = service["spec"]["clusterIP"]
                .as_str()
                .and_then(|text| text.parse().ok())
                .expect("an address");
            assert_eq!(u32::from(address) >> 20, RANGE >> 20, "{address}");
            assert!(u32::from(address) - RANGE >= STATIC, "{address}");
            assert!(addresses.insert(address), "{address}");
        }
        let first = shown(&registry, &names[0], &json!({}));
        assert_eq!(first["metadata"]["creationTimestamp"], "0");
        registry.remove(&names[0]);
        assert_eq!(shown(&registry, &names[0], &json!({}))["spec"], json!({}));
    }

    #[test]
    fn services_have_the_defaults_of_their_type() {
        let mut registry = Registry::default();
        let key = key("web");
        registry.put(&key, SimTime::ZERO);
        let balanced = shown(
            &registry,
            &key,
            &json!({"type": "LoadBalancer", "ports": [{"port": 80}, {"port": 443, "nodePort": 30443}]}),
        );
        let ports = &balanced["spec"]["ports"];
        let drawn = ports[0]["nodePort"].as_u64().expect("a port");
        assert!((30_000..32_768).contains(&drawn), "{drawn}");
        assert_eq!(ports[0]["targetPort"], 80);
        assert_eq!(ports[1]["nodePort"], 30443);
        assert_eq!(balanced["spec"]["externalTrafficPolicy"], "Cluster");
        let headless = shown(&registry, &key, &json!({"clusterIP": "None"}));
        assert_eq!(headless["spec"]["clusterIPs"], json!(["None"]));
        let outside = shown(
            &registry,
            &key,
            &json!({"type": "ExternalName", "externalName": "a.b"}),
        );
        assert!(outside["spec"].get("clusterIP").is_none());
        let sticky = shown(&registry, &key, &json!({"sessionAffinity": "ClientIP"}));
        let config = &sticky["spec"]["sessionAffinityConfig"];
        assert_eq!(config["clientIP"]["timeoutSeconds"], 10_800);
    }
}
