//! The probes that are sent one by one: those that decide whether a container goes on, and those
//! whose answer depends on what its pod has to do (`prober/worker.go`, `prober_manager.go` of
//! `pkg/kubelet`).
//!
//! A readiness probe of an application that answers at once when it has started needs none of
//! this: [`super::probe`] tells when it succeeds.

use std::sync::Arc;

use super::probe::{Attempts, first_success, tick};
use super::probe_text::Unanswered;
use super::{Answers, Event, Kubelet};
use crate::api::{
    ContainerSpec, Context, ObjectId, Pod, PodId, PodTemplate, ProbeSpec, WorkloadId,
};
use crate::sim::{SimDuration, SimTime};

/// From an update of the startup probe's result to the readiness probe that it triggers.
const TRIGGERED: SimDuration = SimDuration::from_millis(20);

/// The kinds of probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProbeType {
    Startup,
    Readiness,
    Liveness,
}

impl ProbeType {
    const ALL: [Self; 3] = [Self::Startup, Self::Readiness, Self::Liveness];

    /// Its name at the head of a sentence.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Readiness => "Readiness",
            Self::Liveness => "Liveness",
        }
    }
}

/// Which probe of a pod: a container's place and the kind of probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probed(u16);

impl Probed {
    pub(super) fn new(container: usize, kind: ProbeType) -> Self {
        Self(container as u16 * 3 + kind as u16)
    }

    pub(super) fn container(self) -> usize {
        usize::from(self.0 / 3)
    }

    pub(super) fn kind(self) -> ProbeType {
        ProbeType::ALL[usize::from(self.0 % 3)]
    }
}

/// What the prober knows of a container.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Probing {
    /// From when on its application answers.
    answers: SimTime,
    /// Whether it counts as started: its startup probe has succeeded, or there is none.
    pub started: bool,
    /// Equal results in a row by kind of probe: how many, and whether they are failures.
    runs: [(u32, bool); 3],
}

impl Probing {
    /// Of a container that has run for long.
    const SETTLED: Self = Self {
        answers: SimTime::ZERO,
        started: true,
        runs: [(0, false); 3],
    };

    /// Counts a result; tells whether there have been enough of them.
    fn count(&mut self, kind: ProbeType, fails: bool, probe: &ProbeSpec) -> bool {
        let (run, failing) = &mut self.runs[kind as usize];
        if *failing != fails {
            *run = 0;
        }
        (*run, *failing) = (run.saturating_add(1), fails);
        let needed = if fails {
            probe.failure_threshold
        } else {
            probe.success_threshold
        };
        *run >= needed
    }
}

/// What a pod's start tells the prober.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    /// Containers that run since then have just been started.
    pub from: SimTime,
    /// From now to the application's first answer.
    pub app: SimDuration,
    /// When readiness probes are sent.
    pub attempts: Attempts,
    /// From the start until a container without a probe is seen to run.
    pub seen: SimDuration,
}

fn spec(template: &PodTemplate, probed: Probed) -> Option<&ProbeSpec> {
    let container = template.containers.get(probed.container())?;
    match probed.kind() {
        ProbeType::Startup => container.startup_probe.as_ref(),
        ProbeType::Readiness => container.readiness_probe.as_ref(),
        ProbeType::Liveness => container.liveness_probe.as_ref(),
    }
}

/// When a probe's initial delay is over, of a container that runs since then: the status tells
/// the start in whole seconds.
pub(super) fn delayed(probe: &ProbeSpec, since: SimTime) -> SimTime {
    since.truncate_to_second() + probe.initial_delay
}

impl Kubelet {
    /// Containers of a pod have started: their probes begin, those of containers that ran before
    /// go on. Says when the pod is Ready unless a startup probe has yet to succeed.
    pub(super) fn begin_probes(
        &mut self,
        id: PodId,
        run: u16,
        begun: Begun,
        context: &mut Context<'_, Event>,
    ) {
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let (now, template) = (context.now, Arc::clone(&pod.template));
        let starts: Vec<_> = pod.containers.iter().map(|one| one.running_since).collect();
        let served = self.startup_of(pod).probes_are_served;
        let serving = self.serving(pod.workload);
        let mut ready_at = Some(now);
        let worker = self.worker(id);
        // Of pods that were there at the start nothing is known yet: they have started.
        worker.probing.resize(starts.len(), Probing::SETTLED);
        let admitted = worker.admitted;
        for (place, spec) in template.containers.iter().enumerate() {
            let Some(since) = starts[place] else { continue };
            let probing = &mut worker.probing[place];
            if since >= begun.from {
                let answers = if place == serving {
                    begun.app
                } else {
                    SimDuration::ZERO
                };
                *probing = Probing {
                    answers: now + answers,
                    started: spec.startup_probe.is_none(),
                    ..Probing::default()
                };
            }
            let seen = now + begun.attempts.first;
            let first =
                |probe: &ProbeSpec| tick(admitted, probe.period, seen.max(delayed(probe, since)));
            if !probing.started {
                if let Some(probe) = &spec.startup_probe {
                    let probed = Probed::new(place, ProbeType::Startup);
                    context.at(first(probe), Event::Probe(id, run, probed));
                }
                continue;
            }
            if let Some(probe) = &spec.liveness_probe {
                let probed = Probed::new(place, ProbeType::Liveness);
                context.at(first(probe), Event::Probe(id, run, probed));
            }
            let ready = match &spec.readiness_probe {
                None => Some(begun.seen),
                Some(probe) if probe.action.must_fail() => {
                    let probed = Probed::new(place, ProbeType::Readiness);
                    let at = seen.max(delayed(probe, since));
                    context.at(at, Event::Probe(id, run, probed));
                    None
                }
                Some(probe) => {
                    let served = served && place == serving && probe.action.is_request();
                    let answers = probing.answers.max(delayed(probe, since)) - now;
                    if served {
                        let once = ProbeSpec {
                            success_threshold: 1,
                            ..probe.clone()
                        };
                        let probed = Probed::new(place, ProbeType::Readiness);
                        let at = first_success(&once, begun.attempts, answers);
                        context.after(at, Event::Probe(id, run, probed));
                        worker.unanswered = true;
                        Some(SimDuration::ZERO)
                    } else {
                        Some(first_success(probe, begun.attempts, answers))
                    }
                }
            };
            ready_at = ready_at.and_then(|at| Some(at.max(now + ready?)));
        }
        worker.ready_at = ready_at;
        self.ready_if_started(id, run, context);
    }

    /// The container of a workload's pods whose application `startup.ready` is about.
    pub(super) fn serving(&self, workload: WorkloadId) -> usize {
        let known = self.most_memory.get(workload.index()).copied().flatten();
        known.map_or(0, |(container, _)| container)
    }

    /// A pod whose containers have all started gets Ready as soon as their readiness probes allow.
    fn ready_if_started(&mut self, id: PodId, run: u16, context: &mut Context<'_, Event>) {
        let latency = self.config.api_latency;
        let worker = self.worker(id);
        let started = worker.probing.iter().all(|one| one.started);
        let goes = started && !worker.unanswered;
        if let Some(at) = worker.ready_at.filter(|_| goes) {
            context.at(at.max(context.now) + latency, Event::Ready(id, run));
        }
    }

    /// A probe is sent.
    pub(super) fn probe(
        &mut self,
        id: PodId,
        run: u16,
        probed: Probed,
        (answers, context): (Answers<'_>, &mut Context<'_, Event>),
    ) {
        let alive = context.store.pod(id).is_some_and(Pod::is_active);
        if !alive || !self.runs(id, run, context) {
            return;
        }
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let (name, template) = (pod.name().to_owned(), Arc::clone(&pod.template));
        let Some(probe) = spec(&template, probed) else {
            return;
        };
        let (place, kind, now) = (probed.container(), probed.kind(), context.now);
        let served = self.startup_of(pod).probes_are_served
            && place == self.serving(pod.workload)
            && probe.action.is_request();
        let worker = self.worker(id);
        let again = match kind {
            // A sync has reset its ticker.
            ProbeType::Readiness => now + probe.period,
            _ => tick(worker.admitted, probe.period, now + SimDuration(1)),
        };
        if let Some(other) = worker.killing {
            // One container goes after the other.
            if usize::from(other) != place {
                context.at(again, Event::Probe(id, run, probed));
            }
            return;
        }
        let probing = &mut worker.probing[place];
        let failure = if now < probing.answers || probe.action.must_fail() {
            Some(Unanswered::Refused)
        } else if served {
            match answers(id) {
                None => Some(Unanswered::TurnedAway),
                Some(length) => (length > probe.timeout).then_some(Unanswered::TimedOut),
            }
        } else {
            None
        };
        let enough = probing.count(kind, failure.is_some(), probe);
        if let Some(why) = failure {
            let message = || probe.failure(kind, why, &name);
            context
                .events
                .warning(ObjectId::Pod(id), "Unhealthy", message);
        }
        let failed = failure.is_some();
        match kind {
            ProbeType::Readiness => {
                context.at(again, Event::Probe(id, run, probed));
                if enough && served {
                    self.answered(id, run, !failed, context);
                }
            }
            _ if failed && enough => self.kill_container(id, run, place, (kind, probe), context),
            _ if failed => context.at(again, Event::Probe(id, run, probed)),
            ProbeType::Startup => {
                self.worker(id).probing[place].started = true;
                self.has_started(id, run, place, &template.containers[place], context);
            }
            ProbeType::Liveness if served => context.at(again, Event::Probe(id, run, probed)),
            // Once it answers it goes on answering.
            ProbeType::Liveness => {}
        }
    }

    /// A readiness probe that is sent on and on has succeeded or failed often enough.
    fn answered(&mut self, id: PodId, run: u16, ready: bool, context: &mut Context<'_, Event>) {
        let latency = self.config.api_latency;
        let worker = self.worker(id);
        if worker.unanswered != ready {
            return;
        }
        worker.unanswered = !ready;
        if ready {
            self.ready_if_started(id, run, context);
        } else {
            context.after(latency, Event::NotReady(id, run));
        }
    }

    /// A pod that has run for long, whose probes depend on what it has to do.
    pub fn begin_settled(&mut self, id: PodId, context: &mut Context<'_, Event>) {
        let Some(pod) = context.store.pod(id).filter(|pod| pod.ready) else {
            return;
        };
        if !self.startup_of(pod).probes_are_served {
            return;
        }
        let place = self.serving(pod.workload);
        let (now, template) = (context.now, Arc::clone(&pod.template));
        let Some(spec) = template.containers.get(place) else {
            return;
        };
        let phase = context.draws.unit(id);
        let worker = self.worker(id);
        (worker.admitted, worker.ready_at) = (now, Some(now));
        worker
            .probing
            .resize(template.containers.len(), Probing::SETTLED);
        let run = worker.run;
        let probes = [
            (ProbeType::Readiness, &spec.readiness_probe),
            (ProbeType::Liveness, &spec.liveness_probe),
        ];
        for (kind, probe) in probes {
            let probe = probe.as_ref();
            if let Some(probe) = probe.filter(|probe| probe.action.is_request()) {
                let first = SimDuration((probe.period.0 as f64 * phase) as i64);
                let probed = Probed::new(place, kind);
                context.after(first, Event::Probe(id, run, probed));
            }
        }
    }

    /// A container's startup probe has succeeded: its other probes begin.
    fn has_started(
        &mut self,
        id: PodId,
        run: u16,
        place: usize,
        spec: &ContainerSpec,
        context: &mut Context<'_, Event>,
    ) {
        let now = context.now;
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let since = pod.containers[place].running_since.unwrap_or(now);
        let served = self.startup_of(pod).probes_are_served && place == self.serving(pod.workload);
        if let Some(probe) = &spec.liveness_probe {
            let probed = Probed::new(place, ProbeType::Liveness);
            let admitted = self.worker(id).admitted;
            let at = tick(
                admitted,
                probe.period,
                (now + SimDuration(1)).max(delayed(probe, since)),
            );
            context.at(at, Event::Probe(id, run, probed));
        }
        // The update has the pod synced, and that sync sends the readiness probe.
        let ready = match &spec.readiness_probe {
            None => Some(SimDuration::ZERO),
            Some(probe) if probe.action.must_fail() => {
                let probed = Probed::new(place, ProbeType::Readiness);
                let at = (now + TRIGGERED).max(delayed(probe, since));
                context.at(at, Event::Probe(id, run, probed));
                None
            }
            Some(probe) => {
                let from = delayed(probe, since);
                if served && probe.action.is_request() {
                    let probed = Probed::new(place, ProbeType::Readiness);
                    let at = (now + TRIGGERED).max(from);
                    context.at(at, Event::Probe(id, run, probed));
                    self.worker(id).unanswered = true;
                    Some(SimDuration::ZERO)
                } else {
                    let attempts = Attempts {
                        first: TRIGGERED,
                        second: TRIGGERED + probe.period,
                    };
                    Some(first_success(probe, attempts, from - now))
                }
            }
        };
        let worker = self.worker(id);
        worker.ready_at = (worker.ready_at).and_then(|at| Some(at.max(now + ready?)));
        self.ready_if_started(id, run, context);
    }
}
