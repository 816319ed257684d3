//! Which pods a scale-up is for.
//!
//! Source: `core/podlistprocessor/`, `filterOutYoungPods` and `allPodsAreNew` in
//! `core/static_autoscaler.go`.

use super::model::{Observation, Pod, PodClass};
use super::options::Options;
use super::scale_down::deletion_tracker::InProgress;
use super::simulator::hinting::HintingSimulator;
use super::simulator::snapshot::Snapshot;
use crate::autoscaler::go_sort;
use crate::sim::{SimDuration, SimTime};

/// If the oldest pod that waits is younger than this, a loop waits for more.
const UNSCHEDULABLE_POD_TIME_BUFFER: SimDuration = SimDuration::from_secs(2);
/// The same of pods that ask for a GPU.
const WITH_GPU_TIME_BUFFER: SimDuration = SimDuration::from_secs(30);

/// Whether a pod does not count.
pub fn is_expendable(class: &PodClass, options: &Options) -> bool {
    class.priority < options.expendable_pods_priority_cutoff
}

/// Pods that wait and whom no existing or upcoming node can take, by their place in the
/// observation. Those that one can take are placed there in the snapshot. Pods of nodes that are
/// being drained count as waiting.
pub fn process(
    seen: &Observation<'_>,
    options: &Options,
    snapshot: &mut Snapshot<'_>,
    hints: &mut HintingSimulator,
    deletions: &InProgress,
) -> Vec<u32> {
    let class = |index: u32| seen.class(seen.pods[index as usize].class);
    let waits = |index: &u32| {
        let pod = &seen.pods[*index as usize];
        pod.deletion.is_none() && !is_expendable(class(*index), options)
    };
    let mut pods: Vec<u32> = seen.pending.iter().copied().filter(waits).collect();
    for node in deletions.nodes(true) {
        let Some(slot) = snapshot.slot(node) else {
            continue;
        };
        let on_node = snapshot.node(slot).pods.iter();
        pods.extend(on_node.filter_map(|placed| placed.pod).filter(|index| {
            let class = class(*index);
            seen.pods[*index as usize].deletion.is_none() && !class.mirror && !class.is_daemon_set()
        }));
    }
    go_sort::sort_by(&mut pods, |one, other| {
        class(*one).priority > class(*other).priority
    });
    let placed = hints.try_schedule(snapshot, seen.pods, &pods, false, |_| true);
    hints.drop_old_hints();
    pods.into_iter()
        .zip(placed)
        .filter(|(index, placed)| !placed && !class(*index).is_daemon_set())
        .map(|(index, _)| index)
        .collect()
}

/// Leaves out pods that are not older than their delay.
pub fn filter_out_young(seen: &Observation<'_>, options: &Options, pods: &mut Vec<u32>) {
    pods.retain(|index| {
        let pod: &Pod = &seen.pods[*index as usize];
        let default = options.new_pod_scale_up_delay;
        let own = seen.class(pod.class).scale_up_delay;
        // A shorter delay of its own is refused.
        let delay = own.filter(|own| *own >= default).unwrap_or(default);
        seen.now.since(pod.created) > delay
    });
}

/// Whether even the oldest pod is very new.
pub fn all_are_new(seen: &Observation<'_>, pods: &[u32]) -> bool {
    let all = || pods.iter().map(|index| &seen.pods[*index as usize]);
    let with_gpu = all().filter(|pod| seen.class(pod.class).requests.gpu().is_some());
    let is_new = |oldest: Option<SimTime>, buffer: SimDuration| {
        oldest.is_some_and(|oldest| oldest + buffer > seen.now)
    };
    is_new(
        all().map(|pod| pod.created).min(),
        UNSCHEDULABLE_POD_TIME_BUFFER,
    ) || is_new(with_gpu.map(|pod| pod.created).min(), WITH_GPU_TIME_BUFFER)
}
