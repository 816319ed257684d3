//! Lifetimes of the pods that exist, folded as they go on.

use super::fold::{Folds, Phase};
use super::recording::PodRecord;
use crate::sim::SimTime;

/// A pod that is there, and how far its life has been counted.
#[derive(Debug, Clone)]
struct Live {
    record: PodRecord,
    /// Its number in the order of creation.
    number: usize,
    /// Its place in the recording, where series are kept.
    place: usize,
    /// When the number was written that was in force when it was created.
    decided: Option<SimTime>,
    /// Since when it requests what it does.
    since: SimTime,
    /// Whether it was resized.
    resized: bool,
}

impl Live {
    fn phase(&self, to: Option<SimTime>, whole: bool) -> Phase {
        Phase {
            from: self.since,
            to,
            bound: self.record.scheduled,
            cores: self.record.cpu_request,
            gib: self.record.memory_request,
            whole,
        }
    }
}

/// The existing pods, by their owner's numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct LivePods {
    pods: Vec<Option<Live>>,
    free: Vec<usize>,
    /// When pods were created last.
    newest_at: SimTime,
    /// Those pods: workload and place, in order once somebody asks.
    newest: Vec<(usize, usize)>,
    in_order: bool,
}

impl LivePods {
    pub(super) fn created(&mut self, record: PodRecord, place: usize, folds: &mut Folds) -> usize {
        let live = Live {
            number: folds.pod_created(&record),
            place,
            decided: folds.last_write(record.workload),
            since: record.created,
            resized: false,
            record,
        };
        let (created, workload) = (live.since, live.record.workload);
        let place = self.free.pop().unwrap_or(self.pods.len());
        if place == self.pods.len() {
            self.pods.push(None);
        }
        self.pods[place] = Some(live);
        if self.newest_at != created {
            self.newest_at = created;
            self.newest.clear();
        }
        self.newest.push((workload, place));
        self.in_order = self.newest.len() == 1;
        place
    }

    /// A number was written for a workload: it is what pods created at this very time come from.
    pub(super) fn written(&mut self, workload: usize, now: SimTime) {
        if self.newest_at != now {
            return;
        }
        if !self.in_order {
            self.newest.sort_unstable();
            self.in_order = true;
        }
        let first = self.newest.partition_point(|one| one.0 < workload);
        let own = self.newest[first..].iter();
        for (_, place) in own.take_while(|one| one.0 == workload) {
            if let Some(live) = &mut self.pods[*place]
                && live.record.workload == workload
                && live.record.created == now
            {
                live.decided = Some(now);
            }
        }
    }

    pub(super) fn get(&mut self, place: usize) -> Option<&mut PodRecord> {
        let live = self.pods.get_mut(place)?.as_mut();
        live.map(|live| &mut live.record)
    }

    /// The place in the recording.
    pub(super) fn place(&self, place: usize) -> Option<usize> {
        let live = self.pods.get(place)?.as_ref();
        live.map(|live| live.place)
    }

    pub(super) fn ready(&mut self, place: usize, now: SimTime, folds: &mut Folds) {
        if let Some(Some(live)) = self.pods.get_mut(place)
            && live.record.ready.is_none()
        {
            live.record.ready = Some(now);
            folds.pod_ready(live.number, &live.record, live.decided, now);
        }
    }

    pub(super) fn resized(
        &mut self,
        place: usize,
        now: SimTime,
        (cores, gib): (f64, f64),
        folds: &mut Folds,
    ) {
        if let Some(Some(live)) = self.pods.get_mut(place) {
            folds.phase(live.record.workload, &live.phase(Some(now), false));
            (live.since, live.resized) = (now, true);
            (live.record.cpu_request, live.record.memory_request) = (cores, gib);
        }
    }

    pub(super) fn deleted(&mut self, place: usize, now: SimTime, folds: &mut Folds) {
        if let Some(live) = self.pods.get_mut(place).and_then(Option::take) {
            folds.phase(live.record.workload, &live.phase(Some(now), !live.resized));
            self.free.push(place);
        }
    }

    /// Ends the lifetimes of the pods that still exist.
    pub(super) fn finish(self, folds: &mut Folds) {
        for live in self.pods.into_iter().flatten() {
            folds.phase(live.record.workload, &live.phase(None, !live.resized));
        }
    }
}
