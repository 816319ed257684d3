//! What the metrics pipeline reads: usage of serving containers from the request engine, of
//! all others from their template.

use super::components::with_context;
use super::traffic::Traffic;
use super::{Event, PodLink, Simulation};
use crate::api::PodId;
use crate::metrics::{Line, MetricsEvent, Source, UsageSource};
use crate::sim::{Dist, SimDuration, SimTime};
use crate::units::{Bytes, CpuTime};
use crate::workload::spec::ServerSpec;

/// Usage of servers, by their slots.
pub(super) struct View<'a> {
    pub(super) traffic: &'a mut Traffic,
}

impl UsageSource for View<'_> {
    fn usage(&mut self, owner: u64, time: SimTime) -> (CpuTime, Bytes) {
        self.traffic.usage_until(owner as u32, time)
    }

    fn line(&self, owner: u64) -> Option<Line> {
        let even = self.traffic.even_usage(owner as u32)?;
        Some(Line {
            class: even.service as u32,
            epoch: even.epoch,
            since: even.since,
            used: even.used,
            rate: even.rate,
            memory: even.memory,
        })
    }

    fn epoch(&self, class: u32) -> u32 {
        self.traffic.epoch(class as usize)
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

/// How long one more request would take in a pod; pods that serve nobody answer at once.
pub(super) fn answers<'a>(
    traffic: &'a Traffic,
    pods: &'a [PodLink],
) -> impl Fn(PodId) -> Option<SimDuration> + 'a {
    move |pod| {
        let server = pods.get(pod.slot()).and_then(|link| link.server);
        server.map_or(Some(SimDuration::ZERO), |server| {
            traffic.answer_time(server)
        })
    }
}

/// What the serving container of a service's pods holds at most, if that is bounded.
fn most_memory(service: &ServerSpec) -> Option<Bytes> {
    let memory = &service.memory;
    let grows = memory.growth_per_second > 0.0
        || memory.retained_per_request > 0.0
        || service.request.memory != Dist::default();
    let declared = service.usage.iter().flat_map(|usage| &usage.memory);
    let declared = declared.map(|(_, bytes)| *bytes).fold(0.0, f64::max);
    (!grows).then(|| Bytes(memory.base.0 + declared.ceil() as i64))
}

impl Simulation<'_> {
    /// Tells the kubelets how much memory serving containers can hold, and lets them look at the
    /// pods that are there and send their probes.
    pub(super) fn bound_memory(&mut self, now: SimTime) {
        for service in &self.scenario.services {
            let most = most_memory(service);
            let kubelet = &mut self.components.kubelet;
            kubelet.set_most_memory(service.workload, service.container, most);
        }
        let pods: Vec<PodId> = self.store.pods().map(|(id, _)| id).collect();
        for pod in pods {
            with_context!(self, now, Event::Kubelet, |all, cx| {
                all.kubelet.watch_memory(pod, cx);
                all.kubelet.begin_settled(pod, cx);
            });
        }
    }

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
