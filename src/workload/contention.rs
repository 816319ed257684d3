//! Who gets CPU when the servers on a node want more than it has.

use super::engine::Servers;
use super::node::{self, Share};
use crate::sim::SimTime;

impl Servers {
    /// Tells the node what the server wants now, and grants anew if that matters.
    pub(super) fn update_demand(&mut self, now: SimTime, slot: u32) {
        let Some(server) = self.arena.at_mut(slot as usize) else {
            return;
        };
        let wanted = server.cpu.demand().min(server.cpu_limit);
        let before = server.demand;
        if wanted == before {
            return;
        }
        server.demand = wanted;
        let grant = server.cpu.grant();
        let index = server.node;
        let node = &mut self.nodes[index as usize];
        node.demand = node.demand - before + wanted;
        let was_contended = node.contended;
        node.contended = node.demand > node.capacity;
        if !node.contended && !was_contended {
            return;
        }
        // Who wants more than its grant before and after is not what bounds the others.
        if node.contended && was_contended && before > grant && wanted > grant {
            return;
        }
        self.regrant(now, index);
    }

    /// Grants CPU to every server of a node.
    pub(super) fn regrant(&mut self, now: SimTime, index: u32) {
        let Self {
            nodes,
            arena,
            shares,
            touched,
            ..
        } = self;
        let node = &nodes[index as usize];
        shares.clear();
        shares.extend(node.servers.iter().filter_map(|&slot| {
            let server = arena.at(slot as usize)?;
            Some(Share {
                server: slot,
                weight: server.weight(),
                demand: server.demand,
                grant: server.cpu_limit.min(node.capacity),
            })
        }));
        if node.contended {
            node::fill(node.capacity, shares);
        }
        for share in shares.iter() {
            let Some(server) = arena.at_mut(share.server as usize) else {
                continue;
            };
            if server.cpu.grant() != share.grant {
                server.cpu.advance(now);
                server.cpu.set_grant(share.grant);
                if !server.touched {
                    server.touched = true;
                    touched.push(share.server);
                }
            }
        }
    }
}
