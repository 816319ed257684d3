//! KEDA's operator in the world: what its reconciles, polls and metrics server observe is gathered
//! here, what they decide is carried out here. The decisions themselves are `autoscaler::keda`'s.
//!
//! A changed ScaledObject is reconciled a call's time later; a failing reconcile is tried again
//! with the controller runtime's back-off. The HPA that comes of it is an object like any other
//! and is synced by the HPA controller. Each scale loop polls at once and then at every polling
//! interval, from its own start on. While the operator is down nobody reconciles or polls; when
//! it is back it begins anew with what the objects say.

mod hpas;
mod jobs;
mod metrics;
mod objects;
mod operator;
mod sources;

use std::sync::Arc;

use crate::api::ScaledObjectId;
use crate::autoscaler::keda::ScaledObjectState;
use crate::scenario::Scenario;
use crate::scenario::model::From;
use crate::sim::{SimDuration, SimTime, Stream, Streams};
use crate::world::{self, Simulation};

/// The first wait of a failed reconcile, which doubles from failure to failure
/// (`workqueue.DefaultTypedControllerRateLimiter`).
const FIRST_BACKOFF: SimDuration = SimDuration::from_millis(5);
/// The longest wait.
const LONGEST_BACKOFF: SimDuration = SimDuration::from_secs(1000);

/// What the operator waits for. The first number is the place of an object.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// A ScaledObject is reconciled.
    Reconcile(u32),
    /// A scale loop polls; the second number tells which of the object's loops it is.
    Poll(u32, u32),
    /// A push scaler tells that a trigger is active; the second number is the trigger's place.
    Pushed(u32, u32),
    /// A ScaledJob is reconciled.
    ReconcileJob(u32),
    /// The loop of a ScaledJob polls; the second number tells which of its loops it is.
    PollJob(u32, u32),
}

/// The state of the operator.
#[derive(Debug, Clone)]
pub(super) struct Keda {
    /// All ScaledObjects in the order of their creation; deleted ones keep their place.
    objects: Vec<Object>,
    /// All ScaledJobs, likewise.
    jobs: Vec<jobs::ScaledJobs>,
    /// Where the declared sources begin among the custom metrics.
    first_source: usize,
    is_down: bool,
    /// What the webhook warns of, until kubectl prints it.
    warnings: Vec<String>,
    streams: Streams,
}

/// An object's place in the queue of what is to be reconciled. One that waits out a back-off comes
/// forward when something changes.
#[derive(Debug, Clone, Copy, Default)]
struct Turn {
    /// When the next reconcile is due.
    due: Option<SimTime>,
    /// Reconciles that failed in a row.
    failures: u32,
}

impl Turn {
    /// Asks for a reconcile; the time at which it has to be scheduled, if none as early is due.
    fn ask(&mut self, at: SimTime) -> Option<SimTime> {
        if self.due.is_some_and(|due| due <= at) {
            return None;
        }
        self.due = Some(at);
        self.due
    }

    /// Whether a scheduled reconcile is the one that counts, which it then was.
    fn take(&mut self, now: SimTime) -> bool {
        let counts = self.due == Some(now);
        if counts {
            self.due = None;
        }
        counts
    }

    /// A reconcile has failed or not; when it has to be scheduled again.
    fn finish(&mut self, failed: bool, now: SimTime) -> Option<SimTime> {
        if !failed {
            self.failures = 0;
            return None;
        }
        let wait = FIRST_BACKOFF * 2i64.pow(self.failures.min(20));
        self.failures += 1;
        self.ask(now + wait.min(LONGEST_BACKOFF))
    }
}

/// A ScaledObject under the operator's care.
#[derive(Debug, Clone)]
struct Object {
    id: ScaledObjectId,
    namespace: Arc<str>,
    name: Arc<str>,
    state: ScaledObjectState,
    /// How many loops it has had: the last one runs.
    loops: u32,
    turn: Turn,
    /// Whether it is to be deleted, or is.
    deleted: bool,
}

impl Keda {
    pub(super) fn new(scenario: &Scenario, streams: &Streams) -> Self {
        Self {
            objects: Vec::new(),
            jobs: Vec::new(),
            first_source: scenario.custom_metrics.len(),
            is_down: false,
            warnings: Vec::new(),
            streams: streams.of("keda"),
        }
    }

    /// Where in its polling interval an object's loop begins.
    fn phase(&self, kind: &str, namespace: &str, name: &str) -> Stream {
        self.streams.of("phase").of(kind).of(namespace).stream(name)
    }
}

impl Simulation<'_> {
    /// Begins a loop; true if it polls at once. In a settled cluster the loops of the start are
    /// anywhere within their polling intervals.
    fn begin_loop(
        &mut self,
        event: Event,
        interval: SimDuration,
        mut stream: Stream,
        now: SimTime,
    ) -> bool {
        if now > SimTime::ZERO || self.scenario.simulation.from == From::Apply {
            return true;
        }
        let phase = interval.0 as f64 * stream.unit();
        let at = now + SimDuration(phase as i64);
        self.queue.schedule(at, world::Event::Keda(event));
        false
    }
}
