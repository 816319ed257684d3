//! What the metrics pipeline reads: usage of serving containers from the request engine, of
//! all others from their template.

use super::traffic::Traffic;
use super::{PodLink, Simulation};
use crate::api::{PodId, Store};
use crate::metrics::{MetricsEvent, Tracked, UsageSource};
use crate::sim::SimTime;
use crate::units::{Bytes, CpuTime};

/// A view of usage at an instant.
struct View<'a> {
    traffic: &'a Traffic,
    store: &'a Store,
    pods: &'a [PodLink],
}

impl UsageSource for View<'_> {
    fn usage(&mut self, tracked: Tracked, now: SimTime) -> (CpuTime, Bytes) {
        let link = &self.pods[tracked.pod as usize];
        if let Some(server) = link.server.filter(|_| link.serving == tracked.container) {
            let usage = self.traffic.usage(server, now);
            return (usage.cpu, usage.memory);
        }
        let Some(pod) = link.pod.and_then(|id| self.store.pod(id)) else {
            return Default::default();
        };
        let place = usize::from(tracked.container);
        let Some(spec) = pod.template.lasting_at(place) else {
            return Default::default();
        };
        let since = match pod.containers.get(place) {
            Some(status) => status.running_since.unwrap_or(now),
            None => link.sidecars_since,
        };
        let since = since.max(SimTime::ZERO);
        let cpu = CpuTime(((now - since).0 as f64 * spec.idle_cpu.cores()) as i64);
        (cpu, spec.idle_memory)
    }
}

/// What serving containers hold now; the others hold what their template says.
pub(super) fn memory_stats<'a>(
    traffic: &'a Traffic,
    pods: &'a [PodLink],
    now: SimTime,
) -> impl Fn(PodId, usize) -> Option<Bytes> + 'a {
    move |pod, container| {
        let link = pods.get(pod.slot())?;
        let server = link
            .server
            .filter(|_| usize::from(link.serving) == container)?;
        Some(traffic.usage(server, now).memory)
    }
}

impl Simulation<'_> {
    pub(super) fn handle_metrics(&mut self, event: MetricsEvent, now: SimTime) {
        let mut view = View {
            traffic: &self.traffic,
            store: &self.store,
            pods: &self.pods,
        };
        self.metrics.handle(event, now, &mut self.queue, &mut view);
    }
}
