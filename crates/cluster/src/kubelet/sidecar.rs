//! Sidecars, the init containers that restart always: their probes count as those of others do
//! (`prober_manager.go` of `pkg/kubelet`).
//!
//! They answer their probes at once, but for those that cannot succeed.

use std::sync::Arc;

use super::probe::{first_success, tick};
use super::probe_text::Unanswered;
use super::prober::{ProbeType, Probed, delayed};
use super::{Event, Kubelet};
use crate::api::{
    ContainerSpec, Context, InitWrite, ObjectId, Pod, PodId, PodWrite, ProbeSpec, TerminationReason,
};
use crate::sim::SimDuration;

fn probe_of(spec: &ContainerSpec, kind: ProbeType) -> Option<&ProbeSpec> {
    match kind {
        ProbeType::Startup => spec.startup_probe.as_ref(),
        ProbeType::Readiness => spec.readiness_probe.as_ref(),
        ProbeType::Liveness => spec.liveness_probe.as_ref(),
    }
}

impl Kubelet {
    /// The sync that has started a sidecar is over: its startup probe begins, or it has started.
    pub(super) fn sidecar_runs(
        &mut self,
        id: PodId,
        place: usize,
        context: &mut Context<'_, Event>,
    ) {
        let Some(template) = context.store.pod(id).map(|pod| Arc::clone(&pod.template)) else {
            return;
        };
        let Some(spec) = template.init_containers.get(place) else {
            return;
        };
        let now = context.now;
        let first = self.attempts(self.config.pleg_relist).first;
        let worker = self.worker(id);
        let sidecar = &worker.inits[place];
        let (run, since) = (sidecar.run, sidecar.since.unwrap_or(now));
        match &spec.startup_probe {
            Some(probe) => {
                let from = (now + first).max(delayed(probe, since));
                let at = tick(worker.admitted, probe.period, from);
                let probed = Probed::new(place, ProbeType::Startup);
                context.at(at, Event::ProbeSidecar(id, run, probed));
            }
            None => self.sidecar_has_started(id, place, spec, context),
        }
    }

    /// A sidecar counts as started: its other probes begin.
    fn sidecar_has_started(
        &mut self,
        id: PodId,
        place: usize,
        spec: &ContainerSpec,
        context: &mut Context<'_, Event>,
    ) {
        context.write_pod(id, PodWrite::Init(place as u16, InitWrite::Started));
        let now = context.now;
        let attempts = self.attempts(self.config.pleg_relist);
        let worker = self.worker(id);
        let admitted = worker.admitted;
        let sidecar = &mut worker.inits[place];
        (sidecar.done, sidecar.failures) = (true, 0);
        let (run, since) = (sidecar.run, sidecar.since.unwrap_or(now));
        let event = |kind| Event::ProbeSidecar(id, run, Probed::new(place, kind));
        if let Some(probe) = &spec.liveness_probe
            && probe.action.must_fail()
        {
            let from = (now + attempts.first).max(delayed(probe, since));
            let at = tick(admitted, probe.period, from);
            context.at(at, event(ProbeType::Liveness));
        }
        match &spec.readiness_probe {
            None => self.sidecar_is_ready(id, place, context),
            Some(probe) if probe.action.must_fail() => {
                let at = (now + attempts.first).max(delayed(probe, since));
                context.at(at, event(ProbeType::Readiness));
            }
            Some(probe) => {
                let earliest = delayed(probe, since).max(now) - now;
                let after = first_success(probe, attempts, earliest);
                context.after(after, event(ProbeType::Readiness));
            }
        }
    }

    /// A sidecar is ready, and with it perhaps its pod.
    fn sidecar_is_ready(&mut self, id: PodId, place: usize, context: &mut Context<'_, Event>) {
        let latency = self.config.api_latency;
        context.write_pod(id, PodWrite::Init(place as u16, InitWrite::Ready(true)));
        let worker = self.worker(id);
        worker.inits[place].ready = true;
        if worker.mains_ready && worker.sidecars_are_ready() {
            context.after(latency, Event::Ready(id, worker.run));
        }
    }

    /// A probe of a sidecar is sent.
    pub(super) fn probe_sidecar(
        &mut self,
        id: PodId,
        run: u16,
        probed: Probed,
        context: &mut Context<'_, Event>,
    ) {
        let (place, kind, now) = (probed.container(), probed.kind(), context.now);
        let Some(pod) = context.store.pod(id).filter(|pod| pod.is_active()) else {
            return;
        };
        let worker = self.worker(id);
        let Some(sidecar) = worker.inits.get_mut(place) else {
            return;
        };
        if sidecar.run != run || sidecar.since.is_none() || worker.terminating {
            return;
        }
        let (name, template) = (pod.name().to_owned(), Arc::clone(&pod.template));
        let Some(spec) = template.init_containers.get(place) else {
            return;
        };
        let Some(probe) = probe_of(spec, kind) else {
            return;
        };
        if !probe.action.must_fail() {
            match kind {
                ProbeType::Readiness => self.sidecar_is_ready(id, place, context),
                ProbeType::Startup => {
                    self.sidecar_has_started(id, place, spec, context);
                    self.go_on_starting(id, context);
                }
                ProbeType::Liveness => {}
            }
            return;
        }
        sidecar.failures = sidecar.failures.saturating_add(1);
        let enough = kind != ProbeType::Readiness && sidecar.failures >= probe.failure_threshold;
        let again = match kind {
            ProbeType::Readiness => now + probe.period,
            _ => tick(worker.admitted, probe.period, now + SimDuration(1)),
        };
        let message = || probe.failure(kind, Unanswered::Refused, &name);
        context
            .events
            .warning(ObjectId::Pod(id), "Unhealthy", message);
        if enough {
            let (kind, name) = (kind.name().to_lowercase(), &spec.name);
            let message = format!("Container {name} failed {kind} probe, will be restarted");
            self.kill_sidecar(id, place, (spec, message), context);
        } else {
            context.at(again, Event::ProbeSidecar(id, run, probed));
        }
    }

    /// A sidecar is killed, as its startup or liveness probe has failed often enough or its image
    /// has changed, and starts again, whatever the pod's `restartPolicy`.
    pub(super) fn kill_sidecar(
        &mut self,
        id: PodId,
        place: usize,
        (spec, message): (&ContainerSpec, String),
        context: &mut Context<'_, Event>,
    ) {
        let object = ObjectId::Pod(id);
        let Some(template) = context.store.pod(id).map(|pod| Arc::clone(&pod.template)) else {
            return;
        };
        context.events.normal(object, "Killing", || message);
        let hooked = template.place_of_sidecar(place);
        let pre_stop = self.begin_pre_stop(id, hooked, template.termination_grace, context);
        let ends = context.now + pre_stop;
        let limits = (self.config.crash_loop_initial, self.config.crash_loop_max);
        let sidecar = &mut self.worker(id).inits[place];
        let ran = sidecar
            .since
            .take()
            .map_or(SimDuration::ZERO, |at| ends - at);
        let since = sidecar.ended.map(|ended| ends - ended);
        (sidecar.ready, sidecar.ended) = (false, Some(ends));
        let delay = sidecar.crash_loop.after_kill(ran, since, limits);
        let run = sidecar.run;
        let end = InitWrite::End(TerminationReason::Completed);
        context.write_pod(id, PodWrite::Init(place as u16, end));
        let delay = self.backs_off(id, &spec.name, delay, context);
        context.after(pre_stop + delay, Event::StartInit(id, run, place as u16));
        if context.store.pod(id).is_some_and(Pod::is_ready) {
            context.write_pod(id, PodWrite::Ready(false));
        }
    }

    /// When the hooks of a pod's sidecars are over, which begin with those of the others; they get
    /// SIGTERM once the others have ended, and end at once.
    pub(super) fn stop_sidecars(
        &mut self,
        id: PodId,
        grace: SimDuration,
        context: &mut Context<'_, Event>,
    ) {
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let template = Arc::clone(&pod.template);
        let all = pod.init_containers.iter().enumerate();
        let up = all.filter(|(_, status)| status.running_since.is_some());
        let up: Vec<usize> = up.map(|(place, _)| place).collect();
        let mut longest = SimDuration::ZERO;
        for place in up {
            let message = || {
                format!(
                    "Stopping container {}",
                    template.init_containers[place].name
                )
            };
            context.events.normal(ObjectId::Pod(id), "Killing", message);
            let hooked = template.place_of_sidecar(place);
            longest = longest.max(self.begin_pre_stop(id, hooked, grace, context));
        }
        self.worker(id).sidecars_stop = context.now + longest;
    }
}
