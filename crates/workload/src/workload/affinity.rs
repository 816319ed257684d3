//! `sessionAffinity: ClientIP`: connections of a client go to the pod that its last one went to,
//! as long as that is an endpoint and the last one is not too long ago.
//!
//! Upstream: the match `recent` of kube-proxy's iptables rules (`pkg/proxy/iptables/proxier.go`).

use std::collections::BTreeMap;

use super::server::Server;
use crate::sim::{Key, SimDuration, SimTime};

/// Who opens a connection, as far as addresses tell clients apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Client {
    /// The machine that runs a load.
    Load(u32),
    /// A pod that sends requests, of a load whose clients are pods.
    Pod(u32, u32),
    /// A server that calls another service.
    Server(Key<Server>),
}

/// From how many clients on those are looked for that have been away for too long.
const FEW: usize = 64;

/// Where clients' connections go.
#[derive(Debug, Clone)]
pub(super) struct Affinity {
    timeout: SimDuration,
    last: BTreeMap<Client, (Key<Server>, SimTime)>,
    /// With how many clients the next look is taken.
    looks_at: usize,
}

impl Affinity {
    pub(super) fn new(timeout: SimDuration) -> Self {
        Self {
            timeout,
            last: BTreeMap::default(),
            looks_at: FEW,
        }
    }

    /// The server of a client's last connection, unless that is too long ago.
    pub(super) fn of(&self, client: Client, now: SimTime) -> Option<Key<Server>> {
        let (server, at) = *self.last.get(&client)?;
        (now - at <= self.timeout).then_some(server)
    }

    /// A client opens a connection to a server.
    pub(super) fn connects(&mut self, client: Client, server: Key<Server>, now: SimTime) {
        if self.last.len() >= self.looks_at {
            let timeout = self.timeout;
            self.last.retain(|_, (_, at)| now - *at <= timeout);
            self.looks_at = FEW.max(2 * self.last.len());
        }
        self.last.insert(client, (server, now));
    }
}
