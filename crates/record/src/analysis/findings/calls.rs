//! What is found of calls: load that retries make, time that is spent waiting, breakers and pools.

use super::load::count;
use super::{Finding, Severity};
use crate::record::fold::Folded;
use crate::record::{CallFailure, CallRecord, CallTotals, Called, Labels, Recording};

/// Retries are worth a word if they multiply what a service gets by this.
const MULTIPLIED: f64 = 1.2;
/// Most of a request's time is spent in a call from this part on.
const MOST: f64 = 0.5;

/// Everything found of calls.
pub(super) fn findings(recording: &Recording, folded: &Folded, labels: &Labels) -> Vec<Finding> {
    let mut found = Vec::new();
    for service in 0..recording.services.len() {
        let requests = folded.services[service].requests;
        let subject = || format!("service/{}", labels.services[service]);
        let of = |call: &&CallRecord| call.called == Called::Service(service);
        let calls = recording.calls.iter().filter(of);
        found.extend(multiplied(calls, requests).map(|text| warning(subject(), text)));
        found.extend(waits(recording, labels, service).map(|text| info(subject(), text)));
    }
    for (place, queue) in recording.queues.iter().enumerate() {
        let of = |call: &&CallRecord| call.called == Called::Queue(place);
        let calls = recording.calls.iter().filter(of);
        let produced = queue.fold.totals().produced;
        let subject = || format!("queue/{}", queue.name);
        found.extend(multiplied(calls, produced).map(|text| warning(subject(), text)));
    }
    for call in &recording.calls {
        let called = call.called(recording, labels);
        let subject = format!("call/{} to {called}", labels.services[call.caller]);
        let totals = call.totals();
        found.extend(opened(&totals).map(|text| info(subject.clone(), text)));
        found.extend(unbudgeted(&totals).map(|text| info(subject.clone(), text)));
        found.extend(turned_away(call, &totals).map(|text| warning(subject.clone(), text)));
        found.extend(without_connection(call, &totals).map(|text| warning(subject, text)));
    }
    found
}

fn warning(subject: String, text: String) -> Finding {
    let severity = Severity::Warning;
    Finding {
        severity,
        subject,
        text,
    }
}

fn info(subject: String, text: String) -> Finding {
    let severity = Severity::Info;
    Finding {
        severity,
        subject,
        text,
    }
}

/// Retries that multiply what arrives: `all` is what came, from loads too.
fn multiplied<'a>(calls: impl Iterator<Item = &'a CallRecord>, all: u64) -> Option<String> {
    let totals = calls.map(CallRecord::totals);
    let (attempts, first) = totals.fold((0, 0), |(attempts, first), one| {
        (attempts + one.attempts, first + one.first)
    });
    let more = attempts.saturating_sub(first);
    let without = all.saturating_sub(more).max(1);
    let factor = all as f64 / without as f64;
    (factor >= MULTIPLIED).then(|| {
        format!(
            "retries multiplied the load on it by {factor:.1}: {} came where {} would have come. Retry at one place only, with a `retry_budget` or a `breaker`, and not sooner than it takes to recover",
            count(all),
            count(without)
        )
    })
}

/// A service whose requests mostly wait for what it calls.
fn waits(recording: &Recording, labels: &Labels, service: usize) -> Option<String> {
    let latency = &recording.services[service].latency;
    let spent = |call: &CallRecord| {
        call.latency.mean_ms * call.latency.count as f64 / latency.count.max(1) as f64
    };
    let own = recording.calls.iter().filter(|call| call.caller == service);
    let most = own.max_by(|a, b| spent(a).total_cmp(&spent(b)))?;
    let (spent, mean) = (spent(most), latency.mean_ms);
    (latency.count > 0 && spent >= MOST * mean).then(|| {
        format!(
            "its time is spent in calls: of {mean:.0} ms that an answered request takes on average, {:.0} ms are calls to {}",
            spent.min(mean),
            most.called(recording, labels)
        )
    })
}

/// Circuit breakers that opened.
fn opened(totals: &CallTotals) -> Option<String> {
    let cut = totals.failed[CallFailure::CircuitOpen as usize];
    (totals.opened > 0).then(|| {
        format!(
            "circuit breakers opened {} times: {} of {} calls failed at once and spared it the load",
            count(totals.opened),
            count(cut),
            count(totals.calls)
        )
    })
}

/// Retries that were not made.
fn unbudgeted(totals: &CallTotals) -> Option<String> {
    (totals.unbudgeted > 0).then(|| {
        format!(
            "the retry budget kept {} failed calls from being tried again; {} were",
            count(totals.unbudgeted),
            count(totals.retries)
        )
    })
}

/// Pools that are too large together.
fn turned_away(call: &CallRecord, totals: &CallTotals) -> Option<String> {
    (totals.turned_away > 0).then(|| {
        format!(
            "{} attempts were refused for too many connections; the pools of its pods held up to {}. Each pod that is added brings a pool: lower `connections` or maxReplicas, or put a common pool before it",
            count(totals.turned_away),
            count(call.max_connections)
        )
    })
}

/// Pools that were too small.
fn without_connection(call: &CallRecord, totals: &CallTotals) -> Option<String> {
    let failed = totals.failed[CallFailure::NoConnection as usize];
    (failed > 0).then(|| {
        format!(
            "{} calls failed as no connection of the pool became free in time; up to {} waited. What is called is too slow, or `connections` too few",
            count(failed),
            count(call.max_waiting)
        )
    })
}
