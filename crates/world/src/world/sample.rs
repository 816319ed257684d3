//! Rows of the time series, and the counters that custom metrics read.

use super::{Event, Simulation};
use crate::api::{Amounts, Pod, PodPhase, WorkloadId};
use crate::metrics::spec::QueueCounter;
use crate::metrics::{CounterSample, SAMPLE_PERIOD};
use crate::record::{QueueSample, QueueTotals, Sample};
use crate::sim::{SimDuration, SimTime};
use crate::units::CpuTime;
use crate::workload::queue::Readings;
use crate::workload::spec::{ServerSpec, UsageSplit};

/// CPU consumed per service, by servers that are gone and up to the last sample.
#[derive(Debug, Clone)]
pub(super) struct UsageTotals {
    retired: Vec<i64>,
    sampled: Vec<i64>,
    standing: Vec<Standing>,
}

/// What the pods of a service use and request besides its servers, as long as none of them changes.
#[derive(Debug, Clone, Copy, Default)]
struct Standing {
    /// The changes of the workload's pods so far, if it is known.
    changes: Option<u64>,
    /// What containers use that serve nothing: cores and bytes.
    others: (f64, i64),
    /// What ready pods request.
    requested: Amounts,
}

impl UsageTotals {
    pub(super) fn new(services: usize) -> Self {
        Self {
            retired: vec![0; services],
            sampled: vec![0; services],
            standing: vec![Standing::default(); services],
        }
    }

    /// Keeps the consumption of a server that is removed.
    pub(super) fn retire(&mut self, service: usize, cpu: CpuTime) {
        self.retired[service] += cpu.0;
    }

    /// CPU consumed by a service since the last call, with `live` consumed by its servers.
    fn take(&mut self, service: usize, live: i64) -> i64 {
        let total = self.retired[service] + live;
        total - std::mem::replace(&mut self.sampled[service], total)
    }
}

/// CPU of a service's declared usage with this many pods, in cores: its mean from `from` to `to`,
/// as what the requests of that time ask for is one.
pub(super) fn declared_cpu(spec: &ServerSpec, (from, to): (SimTime, SimTime), pods: f64) -> f64 {
    let Some(usage) = &spec.usage else {
        return 0.0;
    };
    let level = usage.mean_cpu(from, to);
    match usage.split {
        UsageSplit::Total => level,
        UsageSplit::PerPod => level * pods,
    }
}

/// What the containers of a running pod use that serve nothing, its sidecars included.
fn others_usage(pod: &Pod, serving: usize) -> Amounts {
    if pod.phase != PodPhase::Running {
        return Amounts::default();
    }
    let runs = |place: usize| {
        let status = pod.containers.get(place);
        place != serving && status.is_none_or(|status| status.running_since.is_some())
    };
    let others = pod.template.lasting().enumerate();
    let others = others.filter(|(place, _)| runs(*place));
    others.fold(Amounts::default(), |sum, (_, one)| {
        let used = Amounts {
            cpu: one.idle_cpu,
            memory: one.idle_memory,
        };
        sum + used
    })
}

/// A queue's readings as a row.
fn queue_sample(time: SimTime, readings: &Readings) -> QueueSample {
    let counts = readings.counts;
    QueueSample {
        time,
        ready: readings.ready,
        unacked: readings.unacked,
        delayed: readings.delayed,
        running: readings.running,
        consumers: readings.consumers,
        lag: (!readings.partitions.is_empty()).then(|| readings.lag()),
        oldest: readings.oldest.map(SimDuration::as_secs_f64),
        totals: QueueTotals {
            produced: counts.produced,
            delivered: counts.delivered,
            done: counts.done,
            dead_lettered: counts.dead_lettered,
            lost: counts.lost,
            redelivered: counts.redelivered,
            retried: counts.retried,
            duplicates: counts.duplicates,
            expelled: counts.expelled,
        },
    }
}

/// A figure of a queue's readings, as an exporter shows it.
fn figure(readings: &Readings, counter: QueueCounter) -> f64 {
    match counter {
        QueueCounter::Ready => readings.ready as f64,
        QueueCounter::Unacked => readings.unacked as f64,
        QueueCounter::Messages => readings.messages() as f64,
        QueueCounter::Lag => readings.lag() as f64,
        QueueCounter::OldestSeconds => readings.oldest.map_or(0.0, SimDuration::as_secs_f64),
    }
}

impl Simulation<'_> {
    /// One row per service.
    pub(super) fn sample(&mut self, now: SimTime) {
        let step = self.scenario.simulation.step;
        for (service, spec) in self.scenario.services.iter().enumerate() {
            let id = WorkloadId(spec.workload as u32);
            let changes = self.hpas.changes_of(id);
            if self.usage.standing[service].changes != Some(changes) {
                self.usage.standing[service] = Standing {
                    changes: Some(changes),
                    ..self.standing(id, spec.container)
                };
            }
            let Standing {
                others, requested, ..
            } = self.usage.standing[service];
            let (CpuTime(cpu), held) = self.traffic.service_usage(service, now);
            let memory = others.1 + held.0;
            let ready = f64::from(self.store.workload(id).counts.ready);
            let counters = self.traffic.service_counters(service);
            let issued = self.recorder.take_issued(service) as f64;
            let declared = declared_cpu(spec, (now - step, now), ready);
            let sample = Sample {
                time: now,
                cpu_used: self.usage.take(service, cpu) as f64 / step.0 as f64 + others.0,
                cpu_requested: requested.cpu.cores(),
                cpu_offered: issued * spec.request.cpu.mean() / step.as_secs_f64() + declared,
                issued: issued / step.as_secs_f64(),
                memory_used: memory as f64,
                memory_requested: requested.memory.0 as f64,
                in_service: counters.active,
                queued: counters.queued,
            };
            self.recorder.sample(service, sample);
        }
        self.sample_queues(now);
        for way in 0..self.recorder.recording.calls.len() {
            let sample = self.traffic.calls(way, now);
            self.recorder.call_sample(way, sample);
        }
        self.queue.schedule_in(step, Event::Sample);
    }

    /// One row per queue.
    fn sample_queues(&mut self, now: SimTime) {
        for queue in 0..self.scenario.queues.len() {
            if let Some(readings) = self.traffic.queue(queue, now) {
                self.recorder
                    .queue_sample(queue, queue_sample(now, &readings));
            }
        }
    }

    /// What the pods of a workload use and request besides its servers.
    fn standing(&self, workload: WorkloadId, serving: usize) -> Standing {
        let mut sum = Standing::default();
        for pod in &self.store.workload(workload).pods {
            if let Some(pod) = self.store.pod(*pod) {
                let others = others_usage(pod, serving);
                sum.others.0 += others.cpu.cores();
                sum.others.1 += others.memory.0;
                if pod.is_ready() {
                    sum.requested = sum.requested + pod.lasting_requests();
                }
            }
        }
        sum
    }

    /// Reads the counters of the services that some custom metric watches.
    pub(super) fn read_counters(&mut self, now: SimTime) {
        for service in self.custom.services() {
            let counters = self.traffic.service_counters(service);
            let sample = CounterSample {
                answered: counters.answered,
                in_flight: u64::from(counters.active),
                queued: u64::from(counters.queued),
                ..CounterSample::default()
            };
            self.custom.observe(service, now, sample);
        }
        let of_queues: Vec<_> = self.custom.of_queues().collect();
        for (metric, queue, counter) in of_queues {
            if let Some(readings) = self.traffic.queue(queue, now) {
                self.custom
                    .observe_queue(metric, now, figure(&readings, counter));
            }
        }
        self.queue.schedule_in(SAMPLE_PERIOD, Event::Counters);
    }
}
