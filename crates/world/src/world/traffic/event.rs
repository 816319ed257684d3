//! The events of the request engine, and what it tells the rest of the world.

use crate::sim::Key;
use crate::workload::Server;

/// A server: the container of one pod that serves requests.
pub type ServerId = Key<Server>;

/// A node's CPU, shared by the servers on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeCpuId(pub(super) u32);

/// Something is due in the request engine that comes seldom; the turns of servers and clients are
/// kept in the engine itself. Scheduled and handled by it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrafficEvent {
    /// A load begins. By load.
    Start(u32),
    /// A load is stopped from outside. By load.
    Stop(u32),
    /// The declared usage of a service changes. By service.
    Usage(u32),
    /// Something happens in a queue by itself, or workers have come or gone. By queue.
    Queue(u32),
    /// A call has waited long enough, for its answer or for its next attempt.
    Calls,
}

const _: () = assert!(size_of::<TrafficEvent>() <= 8);

/// Effects of the request engine on the rest of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The server's memory reached its limit: the kernel kills it. Reported once; the server goes
    /// on until `Traffic::kill`.
    OutOfMemory(ServerId),
    /// A terminating server has answered everything that was in it.
    Drained(ServerId),
    /// A load has ended by itself (all its requests are done, or its duration passed), or
    /// was stopped and has nothing in flight any more. The index is the scenario's.
    LoadFinished(usize),
    /// The script of a client has come to its end: which load's, and whether it failed.
    Exited {
        /// The load.
        load: u32,
        /// The client.
        client: u32,
        /// Whether it failed.
        failed: bool,
    },
}
