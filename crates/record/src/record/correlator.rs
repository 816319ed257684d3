//! What becomes of the events that a component reports: repeated ones are counted, similar ones
//! are combined, and of too many about one object only some are written
//! (`tools/record/events_cache.go` of client-go).

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::events::{ObjectPlace, Reason, Report, WARNING, Written, hash_of};
use crate::sim::{SimDuration, SimTime};

/// With this many different messages within `SIMILAR_FOR`, similar events are combined.
const COMBINED_FROM: usize = 10;
const SIMILAR_FOR: SimDuration = SimDuration::from_secs(600);
/// No place.
const NONE: u32 = u32::MAX;
/// A component's events of one type about one object: so many, then one after each `REFILL`.
const BURST: f64 = 25.0;
const REFILL: SimDuration = SimDuration::from_secs(300);
/// The ConfigMap whose events the Cluster Autoscaler does not hold back.
const STATUS: (&str, &str) = ("ConfigMap", "cluster-autoscaler-status");

/// Events that differ in their message only. Messages are known by their hashes.
#[derive(Debug, Clone)]
struct Similar {
    reason: Reason,
    /// The oldest of the messages, and the others.
    first: u64,
    others: Vec<u64>,
    last: SimTime,
}

/// An event that was reported before.
#[derive(Debug, Clone, Copy, Default)]
struct Log {
    series: u64,
    count: u64,
}

/// What KEDA said of an event first, and when it was last.
#[derive(Debug, Clone)]
struct Note {
    last: SimTime,
    text: String,
}

/// What is left of the events that may be written about an object.
#[derive(Debug, Clone, Copy, Default)]
struct Allowance {
    left: f64,
    at: SimTime,
}

/// What a component has reported about an object in events of one type.
#[derive(Debug, Clone, Default)]
struct Reported {
    /// The component, and whether it warns.
    by: (Source, bool),
    similar: Vec<Similar>,
    /// By the hash of reason and message, in its order; combined events have no message of their own.
    logs: Vec<(u64, Log)>,
    /// By the same hash.
    notes: FxHashMap<u64, Note>,
    allowance: Allowance,
    /// Those of the Cluster Autoscaler have one by reason or by message.
    allowances: FxHashMap<u64, Allowance>,
}

/// The event recorders of all components.
#[derive(Debug, Clone, Default)]
pub(super) struct Correlator {
    /// Where what is reported about each object is.
    places: Vec<u32>,
    reported: Vec<Vec<Reported>>,
    free: Vec<u32>,
    /// Objects that are gone, and since when.
    gone: VecDeque<(SimTime, ObjectPlace)>,
    /// What was kept of objects that are gone, to be used again.
    spare: Vec<Reported>,
    series: u64,
    /// The Cluster Autoscaler's `record-duplicated-events`: its events are counted as others are.
    pub(super) duplicates: bool,
}

/// A component that reports events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Source {
    #[default]
    Kubelet,
    VpaUpdater,
    Controller,
    /// Its recorder, of `events.k8s.io`, counts the same event and does no more.
    Scheduler,
    /// Of one reason about an object one event is written, then one after each `REFILL`; of the status
    /// ConfigMap, of one message (`getCustomSpamKeyFunc`).
    ClusterAutoscaler,
    /// Its recorder is of `events.k8s.io`, too: an event is the same that has the same action and
    /// is about the same version of the object, whatever it says (`getKey`).
    Keda,
}

/// A series of events ends when none has come for this long (`finishTime`).
const SERIES: SimDuration = SimDuration::from_secs(360);

/// The component that reports an event, if its recorder correlates events. Loads and commands are
/// no objects.
fn source(kind: &str, reason: &str) -> Option<Source> {
    Some(match kind {
        "" | "Load" => return None,
        "Pod" => match reason {
            "Scheduled" | "Preempted" => return None,
            "FailedScheduling" => Source::Scheduler,
            "EvictedByVPA" | "InPlaceResizedByVPA" | "InPlaceResizeSkipped" => Source::VpaUpdater,
            "NotTriggerScaleUp" | "TriggeredScaleUp" | "ScaleDown" | "ScaleDownFailed" => {
                Source::ClusterAutoscaler
            }
            _ => Source::Kubelet,
        },
        "Node" if matches!(reason, "ScaleDown" | "ScaleDownFailed") => Source::ClusterAutoscaler,
        // It is the only one that reports about them.
        "ConfigMap" => Source::ClusterAutoscaler,
        "ScaledObject" | "ScaledJob" => Source::Keda,
        // One component reports about all objects of these kinds.
        _ => Source::Controller,
    })
}

/// Whether an event of KEDA's has its message for an action: what the controllers emit, and the
/// start of a watch.
fn says_its_action(report: &Report<'_>) -> bool {
    let by_recorder = report.reason.starts_with("KEDA")
        || matches!(report.reason, "ScaledJobActive" | "ScaledJobInactive");
    !by_recorder || report.message == "Started scalers watch"
}

impl Correlator {
    /// An object is gone; events of this instant may still come.
    pub(super) fn is_gone(&mut self, object: ObjectPlace, now: SimTime) {
        self.gone.push_back((now, object));
    }

    /// Forgets an object of whose end all events have come, if there is one.
    pub(super) fn forget(&mut self, now: SimTime) -> Option<ObjectPlace> {
        let &(since, object) = self.gone.front()?;
        if since >= now {
            return None;
        }
        self.gone.pop_front();
        if let Some(place) = self.places.get_mut(object.index())
            && *place != NONE
        {
            let place = std::mem::replace(place, NONE);
            self.spare.append(&mut self.reported[place as usize]);
            self.free.push(place);
        }
        Some(object)
    }

    /// Where what is reported about an object is.
    fn place(&mut self, object: ObjectPlace) -> usize {
        if self.places.len() <= object.index() {
            self.places.resize(object.index() + 1, NONE);
        }
        let place = &mut self.places[object.index()];
        if *place == NONE {
            *place = self.free.pop().unwrap_or_else(|| {
                self.reported.push(Vec::new());
                self.reported.len() as u32 - 1
            });
        }
        *place as usize
    }

    /// An event about an object is reported; returns what is written of it, if it is.
    pub(super) fn correlate<'a>(
        &'a mut self,
        object: ObjectPlace,
        reason: Reason,
        report: &Report<'a>,
    ) -> Option<Written<'a>> {
        let hash = hash_of(report.message);
        let Some(source) = source(report.object.0, report.reason) else {
            self.series += 1;
            return Some(Written {
                series: self.series,
                count: 1,
                head: "",
                message: report.message,
                hash,
            });
        };
        let duplicates = self.duplicates;
        let place = self.place(object);
        let all = &mut self.reported[place];
        let by = (source, report.kind == WARNING);
        let place = all.iter().position(|one| one.by == by);
        let place = place.unwrap_or_else(|| {
            let new = self.spare.pop().unwrap_or_default();
            // About most objects one component reports.
            all.reserve_exact(1);
            all.push(new.renewed(by, report.time));
            all.len() - 1
        });
        let reported = &mut all[place];
        let is_new_kind = matches!(source, Source::Scheduler | Source::Keda);
        let combined = !is_new_kind && reported.is_combined(reason, hash, report.time);
        let is_keda = source == Source::Keda;
        let says = !combined && (!is_keda || says_its_action(report));
        let version = is_keda.then_some(report.version);
        let key = hash_of((reason, says.then_some(hash), version));
        let at = reported.logs.binary_search_by_key(&key, |one| one.0);
        let at = at.unwrap_or_else(|at| {
            reported.logs.insert(at, (key, Log::default()));
            at
        });
        let one_of = match source {
            Source::ClusterAutoscaler if !duplicates => Some(match report.object {
                STATUS => hash_of((combined, report.message)),
                _ => hash_of(reason),
            }),
            _ => None,
        };
        let is_allowed = is_new_kind || reported.is_allowed(one_of, report.time);
        let log = &mut reported.logs[at].1;
        let mut message = report.message;
        if is_keda {
            let note = reported.notes.entry(key).or_insert_with(|| Note {
                last: report.time,
                text: String::new(),
            });
            if log.count == 0 || report.time.since(note.last) > SERIES {
                log.count = 0;
                report.message.clone_into(&mut note.text);
            } else {
                message = &note.text;
            }
            note.last = report.time;
        }
        if log.count == 0 {
            self.series += 1;
            log.series = self.series;
        }
        log.count += 1;
        is_allowed.then(|| Written {
            series: log.series,
            count: log.count,
            head: if combined { COMBINED } else { "" },
            message,
            hash: if is_keda { hash_of(message) } else { hash },
        })
    }
}

/// What stands before the message of combined events.
const COMBINED: &str = "(combined from similar events): ";

impl Reported {
    /// One in which nothing is reported yet, with the room that this one has.
    fn renewed(mut self, by: (Source, bool), now: SimTime) -> Self {
        self.similar.clear();
        self.logs.clear();
        self.notes.clear();
        self.allowances.clear();
        Self {
            by,
            allowance: Allowance {
                left: BURST,
                at: now,
            },
            ..self
        }
    }

    /// `EventAggregate`: whether an event is combined with similar ones.
    fn is_combined(&mut self, reason: Reason, message: u64, now: SimTime) -> bool {
        let known = self.similar.iter_mut().find(|one| one.reason == reason);
        let Some(similar) = known else {
            self.similar.push(Similar {
                reason,
                first: message,
                others: Vec::new(),
                last: now,
            });
            return false;
        };
        if now.since(similar.last) > SIMILAR_FOR {
            similar.first = message;
            similar.others.clear();
        } else if similar.first != message && !similar.others.contains(&message) {
            similar.others.push(message);
        }
        similar.last = now;
        let combined = similar.others.len() + 1 >= COMBINED_FROM;
        if combined {
            // Upstream forgets any of them.
            similar.first = similar.others.remove(0);
        }
        combined
    }

    /// `EventSourceObjectSpamFilter`: whether one more event is written.
    fn is_allowed(&mut self, one_of: Option<u64>, now: SimTime) -> bool {
        let (allowance, burst) = match one_of {
            None => (&mut self.allowance, BURST),
            Some(of) => {
                let full = Allowance { left: 1.0, at: now };
                (self.allowances.entry(of).or_insert(full), 1.0)
            }
        };
        let refilled = now.since(allowance.at).0 as f64 / REFILL.0 as f64;
        allowance.left = (allowance.left + refilled).min(burst);
        allowance.at = now;
        let allowed = allowance.left >= 1.0;
        if allowed {
            allowance.left -= 1.0;
        }
        allowed
    }
}
