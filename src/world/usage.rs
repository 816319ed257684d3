//! What the metrics pipeline reads: usage of serving containers from the request engine, of
//! all others from their template.

use super::traffic::Traffic;
use super::{PodLink, Simulation};
use crate::api::PodId;
use crate::metrics::{MetricsEvent, Source, UsageSource};
use crate::sim::SimTime;
use crate::units::{Bytes, CpuTime};

/// Usage of servers, by their slots.
pub(super) struct View<'a> {
    pub(super) traffic: &'a mut Traffic,
}

impl UsageSource for View<'_> {
    fn usage(&mut self, owner: u64, time: SimTime) -> (CpuTime, Bytes) {
        self.traffic.usage_until(owner as u32, time)
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
            traffic: &mut self.traffic,
        };
        self.metrics.handle(event, now, &mut self.queue, &mut view);
        if matches!(event, MetricsEvent::Publish) {
            self.traffic.forget_past(now);
        }
    }

    /// Where the usage of a container is read that runs since `since`.
    pub(super) fn source_of(
        &mut self,
        id: PodId,
        container: u16,
        serving: Option<usize>,
        since: SimTime,
    ) -> Source {
        if let (Some(service), Some(server)) = (serving, self.pods[id.slot()].server) {
            let number = server.slot() as u64;
            return match self.traffic.keep_past(server, service) {
                Some(()) => Source::Kept(number),
                None => Source::Live(number),
            };
        }
        let pod = self.store.pod(id);
        let spec = pod.and_then(|pod| pod.template.lasting_at(usize::from(container)));
        Source::Steady {
            since: since.max(SimTime::ZERO),
            cores: spec.map_or(0.0, |spec| spec.idle_cpu.cores()),
            memory: spec.map_or(Bytes(0), |spec| spec.idle_memory),
        }
    }
}
