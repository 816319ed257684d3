//! Stepping, reading, and writing from outside.

use super::components::with_context;
use super::{Event, RunError, STUCK_AFTER, Simulation};
use crate::api::{Change, ObjectId, PodId, Resources, Store, TerminationReason, Write};
use crate::controller::disruption::{self, EvictionError};
use crate::kubelet::ResizeError;
use crate::record::Recording;
use crate::sim::{Place, SimTime};
use crate::workload::queue::Readings;

/// What the request engine does at a time at most, so that the caller can stop a run.
const TURNS: u64 = 1 << 12;

impl Simulation<'_> {
    /// The current time.
    pub fn now(&self) -> SimTime {
        self.clock.max(self.queue.now())
    }

    /// The objects as they are now.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What has been recorded so far. Figures that need the end of the run are not in it yet.
    pub fn recording(&self) -> &Recording {
        &self.recorder.recording
    }

    /// The readings of a queue now, as its broker's interface shows them; none if there is none of
    /// this name.
    pub fn queue(&self, name: &str) -> Option<Readings> {
        self.traffic.queue_named(name, self.now())
    }

    /// Handles everything that is due up to and including `time`.
    pub fn step_until(&mut self, time: SimTime) -> Result<(), RunError> {
        while self.step(time)?.is_some() {}
        self.clock = self.clock.max(time);
        Ok(())
    }

    /// Handles the next event, or all that the request engine does before it, as far as it is due
    /// up to and including `end`; returns the time reached.
    pub fn step(&mut self, end: SimTime) -> Result<Option<SimTime>, RunError> {
        let first = self.queue.first();
        if self.traffic.comes_before(first) {
            return self.step_requests(end);
        }
        if first == Place::NEVER || first.time() > end {
            return Ok(None);
        }
        let Some((now, event)) = self.queue.pop() else {
            return Ok(None);
        };
        self.count(now, 1)?;
        self.dispatch(now, event);
        if self.queue.overflowed() {
            return Err(RunError::TooManyEvents(now));
        }
        Ok(Some(now))
    }

    /// Lets the request engine run up to the next event, or until something comes of it.
    fn step_requests(&mut self, end: SimTime) -> Result<Option<SimTime>, RunError> {
        let (queue, sink) = (&mut self.queue, &mut self.recorder);
        let handled = self.traffic.run(end, TURNS, queue, sink);
        if handled == 0 {
            return Ok(None);
        }
        let now = self.queue.now();
        self.count(now, handled)?;
        self.settle(now);
        Ok(Some(now))
    }

    /// Counts what was handled, and notices when time stands still.
    fn count(&mut self, now: SimTime, handled: u64) -> Result<(), RunError> {
        self.handled += handled;
        if now > self.instant.0 {
            self.instant = (now, self.handled);
        } else if self.handled - self.instant.1 > STUCK_AFTER {
            return Err(RunError::Stuck(STUCK_AFTER, now, self.seed));
        }
        Ok(())
    }

    /// Begins to keep changes for [`Simulation::watched`].
    pub fn watch(&mut self) {
        self.watched.get_or_insert_default();
    }

    /// The changes since the last call, with their times, in order.
    pub fn watched(&mut self) -> Vec<(SimTime, Change)> {
        self.watched
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Writes to the store now, as a client of the API server would, and lets every component
    /// hear of it. Returns the object.
    pub fn commit(&mut self, write: Write) -> Option<ObjectId> {
        let now = self.now();
        let object = self.store.commit(now, write);
        self.settle(now);
        object
    }

    /// Calls the eviction API for a pod.
    pub fn evict(&mut self, pod: PodId) -> Result<(), EvictionError> {
        let now = self.now();
        let answer = self.call_eviction(pod, now);
        self.settle(now);
        answer
    }

    pub(super) fn call_eviction(&mut self, pod: PodId, now: SimTime) -> Result<(), EvictionError> {
        let latency = self.scenario.controllers.cluster.api_latency;
        with_context!(self, now, Event::Disruption, |_all, cx| {
            disruption::evict(pod, now, latency, cx)
        })
    }

    /// Patches a pod's subresource `resize`: what each container shall have.
    pub fn resize(&mut self, pod: PodId, resources: &[Resources]) -> Result<(), ResizeError> {
        let now = self.now();
        let answer = with_context!(self, now, Event::Kubelet, |all, cx| {
            all.kubelet.resize(pod, resources, now, cx)
        });
        self.settle(now);
        answer
    }

    /// A container of a pod exits by itself.
    pub fn exit(&mut self, pod: PodId, container: u16, reason: TerminationReason) {
        let now = self.now();
        self.container_exited(pod, container, reason, now);
        self.settle(now);
    }
}
