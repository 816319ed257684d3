//! What a component works with while it handles an event or a change.

use super::event::EventSink;
use super::pod::PodId;
use super::store::Store;
use super::write::{PodWrite, Write};
use crate::sim::{Dist, SimDuration, SimTime, Stream};

/// The store, the clock, a component's own timers and its event recorder.
pub struct Context<'a, E> {
    /// The time.
    pub now: SimTime,
    /// The objects.
    pub store: &'a mut Store,
    /// The random streams of pods.
    pub draws: &'a mut PodDraws,
    /// Events for `kubectl get events`.
    pub events: &'a mut EventSink,
    /// Schedules one of the component's own events.
    pub timers: &'a mut dyn FnMut(SimTime, E),
}

impl<E> Context<'_, E> {
    /// Schedules an event at a time.
    pub fn at(&mut self, time: SimTime, event: E) {
        (self.timers)(time, event);
    }

    /// Schedules an event after a delay.
    pub fn after(&mut self, delay: SimDuration, event: E) {
        (self.timers)(self.now + delay, event);
    }

    /// Writes to the store.
    pub fn commit(&mut self, write: Write) {
        self.store.commit(self.now, write);
    }

    /// Writes a pod.
    pub fn write_pod(&mut self, id: PodId, write: PodWrite) {
        self.store.commit(self.now, Write::Pod(id, write));
    }
}

/// Each pod's own random stream: the delays of its life come from it, so that they are the same
/// whatever happens to other pods.
#[derive(Debug, Clone, Default)]
pub struct PodDraws {
    pods: Vec<Option<Draws>>,
}

#[derive(Debug, Clone)]
struct Draws {
    tie_breaker: f64,
    stream: Stream,
}

impl PodDraws {
    /// Begins the random stream of a new pod.
    pub fn add(&mut self, id: PodId, mut stream: Stream) {
        if self.pods.len() <= id.slot() {
            self.pods.resize(id.slot() + 1, None);
        }
        let tie_breaker = stream.unit();
        self.pods[id.slot()] = Some(Draws {
            tie_breaker,
            stream,
        });
    }

    /// Tie-breaker among equally scored nodes, in [0, 1).
    pub fn tie_breaker(&self, id: PodId) -> f64 {
        let draws = self.pods.get(id.slot()).and_then(Option::as_ref);
        draws.map_or(0.0, |draws| draws.tie_breaker)
    }

    /// A number uniform on [0, 1).
    pub fn unit(&mut self, id: PodId) -> f64 {
        self.stream(id).map_or(0.0, Stream::unit)
    }

    /// A delay whose distribution is in seconds.
    pub fn delay(&mut self, id: PodId, seconds: &Dist) -> SimDuration {
        let drawn = self.stream(id).map_or(0.0, |stream| seconds.sample(stream));
        SimDuration::from_secs_f64(drawn)
    }

    fn stream(&mut self, id: PodId) -> Option<&mut Stream> {
        let draws = self.pods.get_mut(id.slot())?.as_mut()?;
        Some(&mut draws.stream)
    }
}
