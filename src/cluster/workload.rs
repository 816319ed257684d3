//! A workload's state: what is wanted, which pods there are.

use super::pod::{Pod, PodId, Stage};
use super::spec::WorkloadSpec;
use crate::sim::{SimTime, Stream, Streams};

/// How many pods stand where in their life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Not on a node yet.
    pub pending: u32,
    /// On a node, not running yet.
    pub starting: u32,
    /// Running, not ready.
    pub running: u32,
    /// Ready.
    pub ready: u32,
    /// Deleted, still there.
    pub terminating: u32,
}

impl Counts {
    /// The counter in which a pod belongs; none once it has ended by itself.
    pub(super) fn of(&mut self, pod: &Pod) -> Option<&mut u32> {
        Some(match pod.stage {
            Stage::Removed => return None,
            _ if pod.deletion.is_some() => &mut self.terminating,
            Stage::Unscheduled => &mut self.pending,
            Stage::Starting => &mut self.starting,
            Stage::Running if pod.ready => &mut self.ready,
            Stage::Running => &mut self.running,
            Stage::Terminating => &mut self.terminating,
            Stage::Ended => return None,
        })
    }

    /// Pods that are not deleted: what `status.replicas` counts.
    pub fn replicas(&self) -> u32 {
        self.pending + self.starting + self.running + self.ready
    }
}

/// A workload: specification and state.
#[derive(Debug, Clone)]
pub struct Workload {
    /// What the manifests say.
    pub spec: WorkloadSpec,
    /// `spec.replicas` now.
    pub replicas: i32,
    /// Its pods, oldest first, deleted ones included until they are gone.
    pub pods: Vec<PodId>,
    /// The same pods by name.
    pub by_name: Vec<PodId>,
    /// Pods by stage.
    pub counts: Counts,
    /// Whether the object exists.
    pub exists: bool,
    /// The PodDisruptionBudgets over its pods, by index.
    pub(super) pdbs: Vec<usize>,
    /// Pods that the controller is about to create; it does nothing else meanwhile.
    pub(super) creating: i32,
    /// The batch of create calls under way: its size, and how many have not arrived.
    pub(super) batch: (usize, usize),
    /// When the next sync is scheduled.
    pub(super) sync_at: Option<SimTime>,
    /// Pods created so far.
    pub(super) created: u64,
    /// Pods of a Job that succeeded.
    pub(super) succeeded: i32,
    /// Pods of a Job that failed.
    pub(super) failed: i32,
    /// Failures of a Job since its last success, and when the last of them was.
    pub(super) failing: (u32, SimTime),
    /// Whether a Job has failed: it does nothing more.
    pub(super) given_up: bool,
    /// Hash in the names of a Deployment's pods.
    pub(super) template_hash: String,
    /// Draws of names and UIDs.
    pub(super) stream: Stream,
    /// Where the streams of its pods come from.
    pub(super) streams: Streams,
}

impl Workload {
    /// The name of its stream, by kind, namespace and name.
    pub(super) fn stream_name(spec: &WorkloadSpec) -> String {
        let WorkloadSpec {
            kind,
            namespace,
            name,
            ..
        } = spec;
        format!("cluster/{}/{namespace}/{name}", kind.name())
    }

    /// The delays of the `number`-th pod: its own, so that they are the same whatever happens
    /// to other pods.
    pub(super) fn pod_stream(&self, number: u64) -> Stream {
        let own = Self::stream_name(&self.spec);
        self.streams.stream(&format!("{own}/pod/{number}"))
    }
}

/// Kubernetes' alphabet for generated names.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

pub(super) fn random_suffix(stream: &mut Stream, length: usize) -> String {
    (0..length)
        .map(|_| char::from(ALPHABET[stream.below(ALPHABET.len())]))
        .collect()
}
