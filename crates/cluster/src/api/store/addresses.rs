//! Addresses of pods: each node has 256 of the cluster's, which its pods get one after the other.
//!
//! Upstream: `pkg/controller/nodeipam/ipam/cidrset` with masks of 24 bits, and the CNI plugin
//! `host-local`.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// 10.128.0.0/9: room for as many nodes as there may be.
const RANGE: u32 = 0x0a80_0000;
const SUBNETS: u32 = 1 << 15;
/// The first address of a node is its own.
const FIRST: u8 = 2;
const LAST: u8 = 254;

/// The addresses of a node.
#[derive(Debug, Clone)]
struct Subnet {
    number: u32,
    /// The last one that was given out.
    last: u8,
    taken: Bits,
}

/// A set of bytes.
#[derive(Debug, Clone, Default)]
struct Bits([u64; 4]);

impl Bits {
    fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    fn flip(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] ^= 1 << (byte & 63);
    }
}

/// The addresses of all nodes, by slot.
#[derive(Debug, Clone, Default)]
pub(super) struct Addresses {
    subnets: Vec<Option<Subnet>>,
    taken: BTreeSet<u32>,
    next: u32,
}

impl Addresses {
    pub(super) fn add_node(&mut self, slot: usize) {
        let mut numbers = (0..SUBNETS).map(|step| (self.next + step) % SUBNETS);
        let free = numbers.find(|number| !self.taken.contains(number));
        if self.subnets.len() <= slot {
            self.subnets.resize(slot + 1, None);
        }
        self.subnets[slot] = free.map(|number| Subnet {
            number,
            last: FIRST - 1,
            taken: Bits::default(),
        });
        if let Some(number) = free {
            self.taken.insert(number);
            self.next = number + 1;
        }
    }

    pub(super) fn remove_node(&mut self, slot: usize) {
        let gone = self.subnets.get_mut(slot).and_then(Option::take);
        if let Some(subnet) = gone {
            self.taken.remove(&subnet.number);
        }
    }

    /// The next address of a node, if there is one.
    pub(super) fn take(&mut self, slot: usize) -> Option<Ipv4Addr> {
        let subnet = self.subnets.get_mut(slot)?.as_mut()?;
        let mut turn = (subnet.last + 1..=LAST).chain(FIRST..=subnet.last);
        let place = turn.find(|place| !subnet.taken.has(*place))?;
        subnet.taken.flip(place);
        subnet.last = place;
        Some(Ipv4Addr::from(
            RANGE | subnet.number << 8 | u32::from(place),
        ))
    }

    /// A pod needs its address no more. Another node may have its node's slot by now.
    pub(super) fn give_back(&mut self, slot: usize, address: Ipv4Addr) {
        let bits = u32::from(address);
        let subnet = self.subnets.get_mut(slot).and_then(Option::as_mut);
        let of = subnet.filter(|subnet| RANGE | subnet.number << 8 == bits & !0xff);
        if let Some(subnet) = of.filter(|subnet| subnet.taken.has(bits as u8)) {
            subnet.taken.flip(bits as u8);
        }
    }

    /// `spec.podCIDR` of a node.
    pub(super) fn range(&self, slot: usize) -> Option<String> {
        let subnet = self.subnets.get(slot)?.as_ref()?;
        Some(format!("{}/24", Ipv4Addr::from(RANGE | subnet.number << 8)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_go_round_and_are_never_given_twice() {
        let mut all = Addresses::default();
        for slot in 0..3 {
            all.add_node(slot);
        }
        assert_eq!(all.range(1).as_deref(), Some("10.128.1.0/24"));
        let first = all.take(1).expect("an address");
        assert_eq!(first.to_string(), "10.128.1.2");
        all.give_back(1, first);
        // The next one comes all the same, until all have had their turn.
        let more: Vec<Ipv4Addr> = std::iter::from_fn(|| all.take(1)).collect();
        assert_eq!(more.len(), 253);
        assert_eq!(more[0].to_string(), "10.128.1.3");
        assert_eq!(more[252], first);
        assert_eq!(more.iter().collect::<BTreeSet<_>>().len(), 253);
        // A new node in the slot has another range: what the former one's pods had is not its own.
        all.remove_node(1);
        all.add_node(1);
        assert_eq!(all.range(1).as_deref(), Some("10.128.3.0/24"));
        all.give_back(1, first);
        let next = all.take(1).map(|address| address.to_string());
        assert_eq!(next.as_deref(), Some("10.128.3.2"));
    }
}
