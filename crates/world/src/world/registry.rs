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
/// Ports of nodes: 30000 to 32767, of which the first are left to those who ask for one.
const NODE_PORTS: (u32, u32) = (30_000, 2768);
const STATIC_PORTS: u32 = 86;
/// `sessionAffinityConfig.clientIP.timeoutSeconds`: three hours.
const AFFINITY: i64 = 10_800;

/// What was given to an object when it was created.
#[derive(Debug, Clone)]
struct Entry {
    created: SimTime,
    /// Of a Service, by its place in the range.
    address: Option<u32>,
    /// Those of its ports that are open on nodes, if they are.
    node_ports: Vec<u32>,
}

/// All such objects.
#[derive(Debug, Clone, Default)]
pub(super) struct Registry {
    entries: BTreeMap<Key, Entry>,
    /// Taken addresses.
    taken: BTreeSet<u32>,
    /// Taken ports of nodes.
    taken_ports: BTreeSet<u32>,
}

impl Registry {
    /// What is there from the start: what some ask for is given to no others.
    pub(super) fn begin<'a>(&mut self, all: impl Iterator<Item = (&'a Key, &'a Value)> + Clone) {
        for (_, value) in all.clone().filter(|(key, _)| key.0 == "Service") {
            let ports = value["spec"]["ports"].as_array().into_iter().flatten();
            self.taken_ports.extend(ports.filter_map(stated));
        }
        for (key, value) in all {
            self.put(key, value, SimTime::ZERO);
        }
    }

    /// An object is created or changed.
    pub(super) fn put(&mut self, key: &Key, value: &Value, now: SimTime) {
        let former = self.entries.get_mut(key);
        let former = former.map(|entry| std::mem::take(&mut entry.node_ports));
        let node_ports = self.node_ports(key, value, former.as_deref().unwrap_or_default());
        if let Some(entry) = self.entries.get_mut(key) {
            entry.node_ports = node_ports;
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
        let entry = Entry {
            created,
            address,
            node_ports,
        };
        self.entries.insert(key.clone(), entry);
    }

    /// The ports of nodes that a Service's are open on: those that it asks for, those that it had,
    /// and drawn ones.
    fn node_ports(&mut self, key: &Key, value: &Value, former: &[u32]) -> Vec<u32> {
        for port in former {
            self.taken_ports.remove(port);
        }
        let spec = &value["spec"];
        if key.0 != "Service" || !is_on_nodes(spec) {
            return Vec::new();
        }
        let ports = spec["ports"].as_array().map_or(&[][..], Vec::as_slice);
        self.taken_ports.extend(ports.iter().filter_map(stated));
        let mut given = Vec::new();
        for (number, port) in ports.iter().enumerate() {
            let known = || {
                let known = former.get(number).copied();
                known.filter(|known| !self.taken_ports.contains(known))
            };
            let own = stated(port).or_else(known);
            let own = own.unwrap_or_else(|| self.free_port(place(key, number as u32 + 1)));
            self.taken_ports.insert(own);
            given.push(own);
        }
        given
    }

    /// A port of nodes that nobody has: the first ones only once there is no other.
    fn free_port(&self, drawn: u32) -> u32 {
        let (first, many) = NODE_PORTS;
        let dynamic = many - STATIC_PORTS;
        let upper = (0..dynamic).map(|step| STATIC_PORTS + (drawn + step) % dynamic);
        let mut turn = upper.chain(0..STATIC_PORTS).map(|place| first + place);
        let free = turn.find(|port| !self.taken_ports.contains(port));
        // The API server would refuse the Service.
        free.unwrap_or(first + STATIC_PORTS + drawn % dynamic)
    }

    /// An object is gone.
    pub(super) fn remove(&mut self, key: &Key) {
        let Some(gone) = self.entries.remove(key) else {
            return;
        };
        if let Some(address) = gone.address {
            self.taken.remove(&address);
        }
        for port in gone.node_ports {
            self.taken_ports.remove(&port);
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
            complete(&mut value, address, &entry.node_ports);
        }
        value.sort_all_objects();
        value
    }
}

/// Five letters that hang on an object's name, as where the API server makes up the end of one.
pub(super) fn letters(namespace: &str, name: &str, more: u32) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let key = (String::new(), namespace.to_owned(), name.to_owned());
    let mut rest = place(&key, more) as usize;
    let letter = |_| {
        let letter = ALPHABET[rest % ALPHABET.len()];
        rest /= ALPHABET.len();
        char::from(letter)
    };
    (0..5).map(letter).collect()
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

/// Whether a Service's ports are open on nodes.
fn is_on_nodes(spec: &Value) -> bool {
    spec["type"] == "NodePort" || spec["type"] == "LoadBalancer"
}

/// The port of nodes that a port asks for.
fn stated(port: &Value) -> Option<u32> {
    let number = port["nodePort"].as_u64().filter(|number| *number > 0)?;
    u32::try_from(number).ok()
}

fn complete(service: &mut Value, address: u32, node_ports: &[u32]) {
    let spec = &mut service["spec"];
    default(spec, "type", "ClusterIP");
    default(spec, "sessionAffinity", "None");
    if spec["sessionAffinity"] == "ClientIP" {
        let config = &mut spec["sessionAffinityConfig"];
        default(&mut config["clientIP"], "timeoutSeconds", AFFINITY);
    }
    let kind = spec["type"].as_str().unwrap_or_default().to_owned();
    let on_nodes = is_on_nodes(spec);
    let ports = spec["ports"].as_array_mut().into_iter().flatten();
    for (number, port) in ports.enumerate() {
        let own = port["port"].clone();
        default(port, "protocol", "TCP");
        if kind != "ExternalName" {
            default(port, "targetPort", own);
        }
        if let Some(own) = node_ports.get(number).filter(|_| on_nodes) {
            port["nodePort"] = (*own).into();
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
            registry.put(key, &json!({}), SimTime(at as i64));
        }
        registry.put(&names[0], &json!({}), SimTime(99));
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
    fn a_port_of_nodes_is_given_once() {
        let mut registry = Registry::default();
        let open = |ports: Value| json!({"spec": {"type": "NodePort", "ports": ports}});
        let drawn = open(json!([{"port": 80}, {"port": 81}]));
        let asks = |port: u32| open(json!([{"port": 80, "nodePort": port}]));
        // The first draw of this name, asked for by another that comes later.
        let first = registry.free_port(place(&key("s0"), 1));
        let start = [(key("s0"), drawn.clone()), (key("z"), asks(first))];
        registry.begin(start.iter().map(|(key, value)| (key, value)));
        for one in 1..1300 {
            registry.put(&key(&format!("s{one}")), &drawn, SimTime::ZERO);
        }
        let ports: Vec<u32> = registry
            .entries
            .values()
            .flat_map(|one| one.node_ports.clone())
            .collect();
        let distinct: BTreeSet<u32> = ports.iter().copied().collect();
        assert_eq!((ports.len(), distinct.len()), (2601, 2601));
        assert_eq!(registry.entries[&key("z")].node_ports, [first]);
        let dynamic = NODE_PORTS.0 + STATIC_PORTS..NODE_PORTS.0 + NODE_PORTS.1;
        assert!(ports.iter().all(|port| dynamic.contains(port)));
        // A change keeps them, an end frees them.
        let before = registry.entries[&key("s7")].node_ports.clone();
        registry.put(&key("s7"), &drawn, SimTime(1));
        assert_eq!(registry.entries[&key("s7")].node_ports, before);
        registry.put(
            &key("s7"),
            &json!({"spec": {"ports": [{"port": 80}]}}),
            SimTime(2),
        );
        assert_eq!(registry.entries[&key("s7")].node_ports, [0; 0]);
        registry.put(&key("s8"), &asks(before[1]), SimTime(3));
        assert_eq!(registry.entries[&key("s8")].node_ports, [before[1]]);
    }

    #[test]
    fn services_have_the_defaults_of_their_type() {
        let mut registry = Registry::default();
        let key = key("web");
        let spec = json!({"type": "LoadBalancer", "ports": [{"port": 80}, {"port": 443, "nodePort": 30443}]});
        registry.put(&key, &json!({"spec": spec}), SimTime::ZERO);
        let balanced = shown(&registry, &key, &spec);
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
