//! The recorder: listens to a run and keeps what happens.

use super::recording::{DecisionRecord, EventRecord, Objective, Recording, Sample, ServiceRecord};
use super::request::{Outcome, RequestSink};
use super::windows::Windows;
use crate::sim::SimTime;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Everything: series, events, decisions.
    Full,
    /// What the summary needs; for sweeps.
    Summary,
}

/// Listens to a run.
pub struct Recorder {
    /// How much is kept.
    pub detail: Detail,
    /// What is known so far.
    pub recording: Recording,
    windows: Vec<Windows>,
    /// Requests issued in the current step, per service.
    issued: Vec<u64>,
}

impl Recorder {
    /// A recorder of a run with this frame; the latency of a service's objective decides
    /// which requests to it are good.
    pub fn new(detail: Detail, recording: Recording) -> Self {
        let warm_up = SimTime::ZERO + recording.warm_up;
        let windows = |service: &ServiceRecord| {
            let Objective {
                percentile,
                latency: good,
                ..
            } = service.objective;
            Windows::new(recording.step, percentile, good, warm_up)
        };
        let windows = recording.services.iter().map(windows).collect();
        let issued = vec![0; recording.services.len()];
        Self {
            detail,
            recording,
            windows,
            issued,
        }
    }

    /// Keeps an event.
    pub fn event(&mut self, event: impl FnOnce() -> EventRecord) {
        if self.detail == Detail::Full {
            self.recording.events.push(event());
        }
    }

    /// Keeps a decision.
    pub fn decision(&mut self, decision: impl FnOnce() -> DecisionRecord) {
        if self.detail == Detail::Full {
            self.recording.decisions.push(decision());
        }
    }

    /// Requests issued to a service since the last call.
    pub fn take_issued(&mut self, service: usize) -> u64 {
        std::mem::take(&mut self.issued[service])
    }

    /// Keeps a sample of a service and closes its windows.
    pub fn sample(&mut self, service: usize, sample: Sample) {
        self.windows[service].close(sample.time);
        self.recording.services[service].samples.push(sample);
    }

    /// Ends the recording.
    pub fn finish(self) -> Recording {
        let mut recording = self.recording;
        for (service, windows) in recording.services.iter_mut().zip(self.windows) {
            (service.windows, service.latency) = windows.finish();
        }
        recording
    }
}

impl RequestSink for Recorder {
    fn issue(&mut self, service: usize, _load: usize, now: SimTime) {
        self.issued[service] += 1;
        self.windows[service].issue(now);
    }

    fn answer(
        &mut self,
        service: usize,
        _load: usize,
        arrival: SimTime,
        now: SimTime,
        outcome: Outcome,
    ) {
        self.windows[service].answer(arrival, now, outcome);
    }

    fn too_early(&mut self, service: usize, now: SimTime) {
        if now >= SimTime::ZERO + self.recording.warm_up {
            self.recording.services[service].too_early += 1;
        }
    }
}
