//! How CPU is shared when the servers on a node want more than it has.

use super::engine::Servers;
use super::node::{self, Share};
use crate::sim::SimTime;

impl Servers {
    /// Updates the server's CPU demand on its node, and grants anew if needed.
    #[inline]
    pub(super) fn update_demand(&mut self, now: SimTime, slot: u32) {
        let Some(server) = self.arena.at_mut(slot as usize) else {
            return;
        };
        let cap = server.cpu.flow.cap();
        let wanted = server.cpu.flow.demand().min(cap);
        let before = server.demand;
        let grant = server.cpu.flow.grant();
        let index = server.node;
        let node = &mut self.nodes[index as usize];
        let alone = cap.min(node.capacity);
        if wanted == before && (node.contended || grant == alone) {
            return;
        }
        let all = node.demand - before + wanted;
        if node.bound > 0 && all.saturating_add(node.bound) > node.capacity {
            self.scatter(index);
            return self.update_demand(now, slot);
        }
        server.demand = wanted;
        node.demand = node.demand - before + wanted;
        let was_contended = node.contended;
        node.contended = node.demand > node.capacity;
        if !node.contended && !was_contended {
            server.cpu.flow.set_grant(alone);
            return;
        }
        // Who wants more than its grant before and after is not what bounds the others.
        if node.contended && was_contended && before > grant && wanted > grant {
            return;
        }
        self.regrant(now, index);
    }

    /// Servers on a node have left their cohorts: they may want more than it has.
    pub(super) fn contend(&mut self, now: SimTime, index: u32) {
        let node = &mut self.nodes[index as usize];
        let was_contended = node.contended;
        node.contended = node.demand > node.capacity;
        if node.contended || was_contended {
            self.regrant(now, index);
        }
    }

    /// A server has come to a node or has left it: its group weighs something else, whatever it wants.
    pub(super) fn groups_change(&mut self, now: SimTime, index: u32) {
        if self.nodes[index as usize].contended {
            self.regrant(now, index);
        }
    }

    /// Grants CPU to every server of a node.
    pub(super) fn regrant(&mut self, now: SimTime, index: u32) {
        let Self {
            nodes,
            arena,
            shares,
            outer,
            weight_of,
            touched,
            ..
        } = self;
        let mut cut = Vec::new();
        let node = &nodes[index as usize];
        shares.clear();
        shares.extend(node.servers.iter().filter_map(|&slot| {
            let server = arena.at(slot as usize)?;
            Some(Share {
                server: slot,
                weight: server.weight(),
                demand: server.demand,
                grant: server.cpu.flow.cap().min(node.capacity),
                tier: server.tier(),
            })
        }));
        if node.contended {
            node::share(node.capacity, *weight_of, shares, outer);
        }
        for share in shares.iter() {
            let Some(server) = arena.at_mut(share.server as usize) else {
                continue;
            };
            if server.cpu.flow.grant() != share.grant {
                // What is cut depends on when accounts are brought up to date.
                if server.cpu.flow.background() > share.grant {
                    cut.push(share.server);
                }
                server.cpu.advance(now);
                server.cpu.flow.set_grant(share.grant);
                if !server.touched {
                    server.touched = true;
                    touched.push(share.server);
                }
            }
        }
        for slot in cut {
            self.rouse(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::request::{Origin, Work};
    use super::super::spec::ServerSpec;
    use super::super::{ServerLimits, Servers, Tier};
    use super::*;
    use crate::sim::{SimDuration, Streams};
    use crate::units::Millicores;

    /// What each server should be granted, worked out from nothing.
    fn expected(servers: &Servers) -> Vec<(u32, u64)> {
        let node = &servers.nodes[0];
        let share = |&slot: &u32| {
            let server = servers.arena.at(slot as usize).unwrap();
            let demand = server.cpu.flow.demand().min(server.cpu.flow.cap());
            let grant = server.cpu.flow.cap().min(node.capacity);
            Share {
                server: slot,
                weight: server.weight(),
                demand,
                grant,
                tier: server.tier(),
            }
        };
        let mut shares: Vec<Share> = node.servers.iter().map(share).collect();
        if shares.iter().map(|share| share.demand).sum::<u64>() > node.capacity {
            let mut outer = Vec::new();
            node::share(node.capacity, servers.weight_of, &mut shares, &mut outer);
        }
        shares
            .iter()
            .map(|share| (share.server, share.grant))
            .collect()
    }

    proptest! {
        /// Grants that are not worked out anew are still right.
        #[test]
        fn grants_are_always_those_of_a_fresh_filling(
            steps in prop::collection::vec((0u8..4, any::<usize>(), 1i64..3000, 1i64..80), 1..150),
        ) {
            let mut servers = Servers::new(&[ServerSpec::default()], &Streams::new(1));
            let node = servers.add_node(Millicores(3000));
            let limits = |cpu: i64| ServerLimits {
                cpu_limit: (cpu % 3 > 0).then_some(Millicores(cpu)),
                cpu_weight: (cpu % 7 + 1) as u32,
                memory_limit: None,
                tier: match cpu % 4 {
                    0 => Tier::Guaranteed,
                    1 => Tier::BestEffort,
                    _ => Tier::Burstable(Millicores(cpu)),
                },
            };
            let mut now = SimTime::ZERO;
            let mut keys: Vec<_> =
                (0..4).map(|i| servers.add_server(now, 0, node, limits(500 + 300 * i))).collect();
            for (step, which, amount, millis) in steps {
                now += SimDuration::from_millis(millis);
                while let Some(slot) = servers.take_touched() {
                    servers.next_due(now, slot);
                }
                for key in &keys {
                    servers.work_off(now, key.slot() as u32);
                }
                let key = keys[which % keys.len()];
                match step {
                    0 if keys.len() > 1 => {
                        servers.kill(now, key);
                        keys.retain(|&other| other != key);
                        keys.push(servers.add_server(now, 0, node, limits(amount)));
                    }
                    1 => servers.resize(now, key, limits(amount)),
                    2 => servers.set_background(now, key, Millicores(amount)),
                    _ => {
                        let origin = Origin::default();
                        let work =
                            Work { cpu: amount * 50_000, wait: 0, memory: 0, arrival: now, origin };
                        let _ = servers.admit(now, key, work);
                    }
                }
                let granted: Vec<(u32, u64)> = servers.nodes[0]
                    .servers
                    .iter()
                    .map(|&slot| (slot, servers.arena.at(slot as usize).unwrap().cpu.flow.grant()))
                    .collect();
                prop_assert_eq!(granted, expected(&servers));
            }
        }
    }
}
