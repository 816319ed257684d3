//! Sidecars, the init containers that restart always: they start one after the other before the
//! containers of their pod, each once the one before has started; their probes count as those of
//! others do (`computeInitContainerActions` of `pkg/kubelet/kuberuntime`, `prober_manager.go`).
//!
//! They answer their probes at once, but for those that cannot succeed.

use std::sync::Arc;

use super::crash_loop::CrashLoop;
use super::probe::{first_success, tick};
use super::probe_text::Unanswered;
use super::prober::{ProbeType, Probed, delayed};
use super::{Event, Kubelet, Worker};
use crate::api::{ContainerSpec, Context, ObjectId, Pod, PodId, PodPhase, PodWrite, ProbeSpec};
use crate::sim::{SimDuration, SimTime};

/// What the kubelet knows of a sidecar.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sidecar {
    /// Counts its starts, so that events of an earlier run are recognised.
    run: u16,
    /// Since when it runs, if it does.
    since: Option<SimTime>,
    /// Whether it counts as started: its startup probe has succeeded, or there is none.
    started: bool,
    /// Whether it counts as ready.
    ready: bool,
    /// How often the probe that decides whether it goes on has failed in a row.
    failures: u32,
    /// When its last run ended.
    ended: Option<SimTime>,
    crash_loop: CrashLoop,
}

impl Worker {
    /// Whether all sidecars that have been started are ready.
    pub(super) fn sidecars_are_ready(&self) -> bool {
        self.sidecars.iter().all(|one| one.ready)
    }
}

fn probe_of(spec: &ContainerSpec, kind: ProbeType) -> Option<&ProbeSpec> {
    match kind {
        ProbeType::Startup => spec.startup_probe.as_ref(),
        ProbeType::Readiness => spec.readiness_probe.as_ref(),
        ProbeType::Liveness => spec.liveness_probe.as_ref(),
    }
}

impl Kubelet {
    /// Starts the sidecars of a pod as far as that goes; whether all of them have started, so that
    /// its containers may.
    pub(super) fn start_sidecars(&mut self, id: PodId, context: &mut Context<'_, Event>) -> bool {
        let Some(pod) = context.store.pod(id) else {
            return false;
        };
        let count = pod.template.sidecars().count();
        while self.worker(id).sidecars.len() < count {
            let worker = self.worker(id);
            if worker.sidecars.last().is_some_and(|one| !one.started) {
                return false;
            }
            let place = worker.sidecars.len();
            worker.sidecars.push(Sidecar {
                run: 0,
                since: None,
                started: false,
                ready: false,
                failures: 0,
                ended: None,
                crash_loop: CrashLoop::default(),
            });
            self.start_sidecar(id, place, context);
        }
        let worker = self.worker(id);
        worker.sidecars.last().is_none_or(|one| one.started)
    }

    /// A sidecar starts, for the first time or again.
    fn start_sidecar(&mut self, id: PodId, place: usize, context: &mut Context<'_, Event>) {
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let (containers, template) = (pod.containers.len(), Arc::clone(&pod.template));
        let Some(spec) = template.sidecars().nth(place) else {
            return;
        };
        self.report_start(id, containers + place, None, context);
        let sidecar = &mut self.worker(id).sidecars[place];
        sidecar.run = sidecar.run.wrapping_add(1);
        (sidecar.since, sidecar.failures) = (Some(context.now), 0);
        if !self.begin_hook(id, (containers + place) as u16, spec, context) {
            self.sidecar_runs(id, place, context);
        }
    }

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
        let Some(spec) = template.sidecars().nth(place) else {
            return;
        };
        let now = context.now;
        let first = self.attempts(self.config.pleg_relist).first;
        let worker = self.worker(id);
        let sidecar = &worker.sidecars[place];
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
        let now = context.now;
        let attempts = self.attempts(self.config.pleg_relist);
        let worker = self.worker(id);
        let admitted = worker.admitted;
        let sidecar = &mut worker.sidecars[place];
        (sidecar.started, sidecar.failures) = (true, 0);
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
        let worker = self.worker(id);
        worker.sidecars[place].ready = true;
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
        let Some(sidecar) = worker.sidecars.get_mut(place) else {
            return;
        };
        if sidecar.run != run || sidecar.since.is_none() || worker.terminating {
            return;
        }
        let (name, template) = (pod.name().to_owned(), Arc::clone(&pod.template));
        let Some(spec) = template.sidecars().nth(place) else {
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
                    let run = self.worker(id).run;
                    if context
                        .store
                        .pod(id)
                        .is_some_and(|pod| pod.phase == PodPhase::Pending)
                    {
                        self.start_containers(id, run, context);
                    }
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
            self.kill_sidecar(id, place, (kind, spec), context);
        } else {
            context.at(again, Event::ProbeSidecar(id, run, probed));
        }
    }

    /// A sidecar's startup or liveness probe has failed often enough: it is killed and starts again,
    /// whatever the pod's `restartPolicy`.
    fn kill_sidecar(
        &mut self,
        id: PodId,
        place: usize,
        (kind, spec): (ProbeType, &ContainerSpec),
        context: &mut Context<'_, Event>,
    ) {
        let message = || {
            let kind = kind.name().to_lowercase();
            let name = &spec.name;
            format!("Container {name} failed {kind} probe, will be restarted")
        };
        context.events.normal(ObjectId::Pod(id), "Killing", message);
        let ends = context.now + spec.pre_stop;
        let limits = (self.config.crash_loop_initial, self.config.crash_loop_max);
        let sidecar = &mut self.worker(id).sidecars[place];
        let ran = sidecar
            .since
            .take()
            .map_or(SimDuration::ZERO, |at| ends - at);
        let since = sidecar.ended.map(|ended| ends - ended);
        (sidecar.ready, sidecar.ended) = (false, Some(ends));
        let delay = sidecar.crash_loop.after_kill(ran, since, limits);
        let run = sidecar.run;
        let delay = self.backs_off(id, &spec.name, delay, context);
        context.after(
            spec.pre_stop + delay,
            Event::StartSidecar(id, run, place as u16),
        );
        if context.store.pod(id).is_some_and(Pod::is_ready) {
            context.write_pod(id, PodWrite::Ready(false));
        }
    }

    /// A sidecar whose postStart hook has failed is gone: it starts again after its back-off.
    pub(super) fn sidecar_ended(
        &mut self,
        id: PodId,
        place: usize,
        context: &mut Context<'_, Event>,
    ) {
        let Some(template) = context.store.pod(id).map(|pod| Arc::clone(&pod.template)) else {
            return;
        };
        let Some(spec) = template.sidecars().nth(place) else {
            return;
        };
        let now = context.now;
        let (initial, longest) = (self.config.crash_loop_initial, self.config.crash_loop_max);
        let sidecar = &mut self.worker(id).sidecars[place];
        let ran = sidecar
            .since
            .take()
            .map_or(SimDuration::ZERO, |at| now - at);
        (sidecar.ready, sidecar.ended) = (false, Some(now));
        let delay = sidecar.crash_loop.next_delay(ran, initial, longest);
        let run = sidecar.run;
        let delay = self.backs_off(id, &spec.name, delay, context);
        context.after(delay, Event::StartSidecar(id, run, place as u16));
    }

    /// The back-off of a sidecar is over.
    pub(super) fn restart_sidecar(
        &mut self,
        id: PodId,
        run: u16,
        place: u16,
        context: &mut Context<'_, Event>,
    ) {
        let place = usize::from(place);
        let waits = |one: &Sidecar| one.run == run && one.since.is_none();
        let worker = self.worker(id);
        let waits = worker.sidecars.get(place).is_some_and(waits) && !worker.terminating;
        // One sync comes after the other.
        if let Some(hook) = worker.hook.filter(|_| waits) {
            let event = Event::StartSidecar(id, run, place as u16);
            context.at(hook.until, event);
            return;
        }
        if waits && context.store.pod(id).is_some_and(Pod::is_active) {
            self.start_sidecar(id, place, context);
            let starts = |pod: &Pod| pod.phase == PodPhase::Pending;
            if context.store.pod(id).is_some_and(starts) {
                let run = self.worker(id).run;
                self.start_containers(id, run, context);
            }
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
        let mut longest = SimDuration::ZERO;
        for (place, spec) in template.sidecars().enumerate() {
            // Of pods that were there at the start nothing is known: theirs run.
            let known = self.worker(id).sidecars.get(place);
            if known.is_none_or(|one| one.since.is_some()) {
                longest = longest.max(spec.pre_stop.min(grace));
                let message = || format!("Stopping container {}", spec.name);
                context.events.normal(ObjectId::Pod(id), "Killing", message);
            }
        }
        self.worker(id).sidecars_stop = context.now + longest;
    }
}
