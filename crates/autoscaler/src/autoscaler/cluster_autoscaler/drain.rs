//! What may be done with a node's pods when it is drained.
//!
//! Source: `simulator/drain.go`, `simulator/drainability/rules`, `utils/drain/drain.go`. The rules
//! are asked in turn; the first that has an opinion decides.

use super::model::{Controller, ControllerKind, Pod, PodClass, SafeToEvict};
use super::options::Options;
use super::pdb::RemainingPdbTracker;
use crate::sim::{SimDuration, SimTime};

/// What is added to a pod's grace before it counts as terminating for long.
const LONG_TERMINATING_EXTRA: SimDuration = SimDuration::from_secs(30);

/// Why a pod blocks the removal of its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BlockingReason {
    /// Its controller does not exist.
    ControllerNotFound,
    /// Its controller has too few replicas.
    MinReplicasReached,
    /// Nobody would replace it.
    NotReplicated,
    /// It has local storage.
    LocalStorageRequested,
    /// It is annotated as not safe to evict.
    NotSafeToEvictAnnotation,
    /// It belongs to `kube-system` and has no budget.
    UnmovableKubeSystemPod,
    /// A budget allows no disruption.
    NotEnoughPdb,
}

impl BlockingReason {
    /// Upstream's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ControllerNotFound => "ControllerNotFound",
            Self::MinReplicasReached => "MinReplicasReached",
            Self::NotReplicated => "NotReplicated",
            Self::LocalStorageRequested => "LocalStorageRequested",
            Self::NotSafeToEvictAnnotation => "NotSafeToEvictAnnotation",
            Self::UnmovableKubeSystemPod => "UnmovableKubeSystemPod",
            Self::NotEnoughPdb => "NotEnoughPdb",
        }
    }

    /// What the rule says of a pod, by its namespace and name together and its name alone.
    pub fn error(self, pod: &str, name: &str) -> String {
        match self {
            Self::ControllerNotFound => {
                format!("replication controller for {pod} is not available")
            }
            Self::MinReplicasReached => {
                format!("replication controller for {pod} has too few replicas")
            }
            Self::NotReplicated => format!("{pod} is not replicated"),
            Self::LocalStorageRequested => format!("pod with local storage present: {name}"),
            Self::NotSafeToEvictAnnotation => {
                format!("pod annotated as not safe to evict present: {name}")
            }
            Self::UnmovableKubeSystemPod => format!(
                "non-daemonset, non-mirrored, non-pdb-assigned kube-system pod present: {name}"
            ),
            Self::NotEnoughPdb => format!("not enough pod disruption budget to move {pod}"),
        }
    }
}

/// What the rules say about one pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drainability {
    /// Leave it alone.
    Skip,
    /// It can be moved.
    Ok,
    /// The node waits for it.
    WaitForCompletion,
    /// The node cannot go.
    Block(BlockingReason),
}

/// What the rules look at beside the pod.
#[derive(Debug, Clone, Copy)]
pub struct DrainContext<'a> {
    /// The flags.
    pub options: &'a Options,
    /// The budgets.
    pub pdbs: &'a RemainingPdbTracker,
    /// The controllers, where the caller looks them up.
    pub controllers: Option<&'a [Option<Controller>]>,
    /// The time.
    pub now: SimTime,
}

/// The pods of a node, sorted by what is done with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodMoveInfo<P> {
    /// Those that have to go elsewhere.
    pub pods: Vec<P>,
    /// Those of DaemonSets.
    pub daemon_set_pods: Vec<P>,
    /// Those whose end is awaited.
    pub on_completion_pods: Vec<P>,
}

/// Sorts the pods of a node, or answers the first that blocks.
pub fn pods_to_move<'c, P: Copy>(
    context: &DrainContext<'_>,
    pods: impl IntoIterator<Item = (P, &'c Pod, &'c PodClass)>,
) -> Result<PodMoveInfo<P>, (P, BlockingReason)> {
    let mut info = PodMoveInfo {
        pods: Vec::new(),
        daemon_set_pods: Vec::new(),
        on_completion_pods: Vec::new(),
    };
    for (key, pod, class) in pods {
        match drainability(context, pod, class) {
            Drainability::Skip => {}
            Drainability::Ok if class.is_daemon_set() => info.daemon_set_pods.push(key),
            Drainability::Ok => info.pods.push(key),
            Drainability::WaitForCompletion => info.on_completion_pods.push(key),
            Drainability::Block(reason) => return Err((key, reason)),
        }
    }
    Ok(info)
}

/// What the rules say about one pod.
pub fn drainability(context: &DrainContext<'_>, pod: &Pod, class: &PodClass) -> Drainability {
    use BlockingReason as Reason;
    let DrainContext { options, pdbs, .. } = *context;
    if class.mirror || is_long_terminating(pod, class, context.now) {
        return Drainability::Skip;
    }
    if options.skip_nodes_with_custom_controller_pods
        && let Some(reason) = replica_count(context, pod, class)
    {
        return Drainability::Block(reason);
    }
    if class.is_daemon_set() || class.safe_to_evict == SafeToEvict::True || pod.finished {
        return Drainability::Ok;
    }
    if class.safe_to_evict == SafeToEvict::OnCompletion {
        return Drainability::WaitForCompletion;
    }
    if !is_replicated(options, class) {
        return Drainability::Block(Reason::NotReplicated);
    }
    if options.skip_nodes_with_system_pods && class.kube_system && !pdbs.has_match(pod.class) {
        let timeout = options.blocking_system_pod_disruption_timeout;
        return if context.now > pod.created + timeout {
            Drainability::Ok
        } else {
            Drainability::Block(Reason::UnmovableKubeSystemPod)
        };
    }
    if class.safe_to_evict == SafeToEvict::False {
        return Drainability::Block(Reason::NotSafeToEvictAnnotation);
    }
    if options.skip_nodes_with_local_storage && class.local_storage {
        return Drainability::Block(Reason::LocalStorageRequested);
    }
    if pdbs.blocks(pod.class) {
        return Drainability::Block(Reason::NotEnoughPdb);
    }
    Drainability::Ok
}

/// Whether somebody replaces the pod.
fn is_replicated(options: &Options, class: &PodClass) -> bool {
    match class.kind {
        ControllerKind::None => false,
        ControllerKind::Custom | ControllerKind::DaemonSet => {
            !options.skip_nodes_with_custom_controller_pods
        }
        ControllerKind::ReplicaSet
        | ControllerKind::ReplicationController
        | ControllerKind::Job
        | ControllerKind::StatefulSet => true,
    }
}

/// Whether the controller is missing or has too few replicas.
fn replica_count(
    context: &DrainContext<'_>,
    pod: &Pod,
    class: &PodClass,
) -> Option<BlockingReason> {
    let controllers = context.controllers?;
    // A pod that is only annotated as a DaemonSet's: upstream has no lister for its owner, and
    // comes to the other kinds only for pods that are not taken for a DaemonSet's.
    if class.counts_as_daemon_set
        && !matches!(
            class.kind,
            ControllerKind::ReplicationController | ControllerKind::DaemonSet
        )
    {
        return None;
    }
    let controller = controllers
        .get(pod.controller?.0 as usize)
        .copied()
        .flatten();
    match (class.kind, controller) {
        (ControllerKind::None | ControllerKind::Custom, _) => None,
        (_, None) => Some(BlockingReason::ControllerNotFound),
        (
            ControllerKind::ReplicaSet | ControllerKind::ReplicationController,
            Some(Controller { replicas }),
        ) => (replicas < context.options.min_replica_count)
            .then_some(BlockingReason::MinReplicasReached),
        (_, Some(_)) => None,
    }
}

/// Whether a pod has been terminating for longer than it should. Its deletion timestamp already
/// contains the grace period.
pub fn is_long_terminating(pod: &Pod, class: &PodClass, now: SimTime) -> bool {
    pod.deletion
        .is_some_and(|deletion| deletion + class.grace_period + LONG_TERMINATING_EXTRA < now)
}

/// A volume, as far as a drain asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Volume {
    /// `hostPath`.
    HostPath,
    /// `emptyDir` on disk.
    EmptyDir,
    /// Anything else, an `emptyDir` in memory too.
    Other,
}

/// Whether a pod has local storage that its annotation
/// `cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes` does not name.
pub fn blocking_local_storage<'v>(
    volumes: impl IntoIterator<Item = (&'v str, Volume)>,
    safe_to_evict_local_volumes: &str,
) -> bool {
    volumes.into_iter().any(|(name, volume)| {
        volume != Volume::Other
            && !safe_to_evict_local_volumes
                .split(',')
                .any(|safe| safe == name)
    })
}

/// Whether a pod has ended for good.
pub fn is_terminal(restart_policy: &str, phase: &str) -> bool {
    match phase {
        "Failed" => true,
        "Succeeded" => matches!(restart_policy, "Never" | "OnFailure"),
        _ => false,
    }
}
