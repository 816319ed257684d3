//! The request engine: loads issue requests, services hand them to servers, servers share
//! the CPU of their nodes among them, and answers go back.
//!
//! `load` knows clients, `workload` knows servers; this module alone knows both, and
//! nothing of pods. Its owner tells it of nodes, of containers that run, of endpoints that
//! kube-proxy knows; it tells its owner [`Effect`]s, usage and reports.
//!
//! The methods of `Traffic`, each with `&mut EventQueue<E>` and `&mut impl RequestSink`
//! where they may schedule or answer (`now` is the queue's):
//!
//! ```text
//! Traffic::new(services: &[ServiceSpec], loads: &[LoadSpec], streams: &Streams)
//! start(queue)                                    schedule the starts and stops of all loads
//! handle(event, now, queue, sink)                 one TrafficEvent
//! add_node(cpu: Millicores) -> NodeCpuId          allocatable for pods
//! add_server(service: usize, node, limits: ServerLimits, queue) -> ServerId
//! set_background(server, cpu: Millicores, queue)  e.g. start-up work
//! add_endpoint(server, queue, sink)               kube-proxy knows it
//! remove_endpoint(server, queue)                  kube-proxy forgot it
//! terminate(server, queue, sink)                  SIGTERM: serves what is in it, then Drained
//! kill(server, queue, sink)                       SIGKILL, OOM, node gone: what is in it fails
//! resize(server, limits, queue)
//! start_client(load: usize, client: u32, queue)   a pod of a wget Job runs
//! stop_client(load: usize, client: u32, queue)
//! usage(server, now) -> Usage
//! effects() -> drain of Effect
//! ledger(now) -> Ledger
//! load_report(load: usize, now) -> LoadReport
//! server_counters(server) / service_counters(service: usize) -> Counters
//! ```

mod event;

pub use event::{Effect, NodeCpuId, ServerId, ServerTag, TrafficEvent};
