//! Charts of calls: one for each service that makes some to others.

use super::chart::{CallsChart, CallsOfWay, Points, Unit};
use super::charts::{Named, drawing, load_spans};
use crate::analysis::Summary;
use crate::record::{CallRecord, CallSample, Called, Recording};

/// Adds the charts of the services that are shown.
pub(super) fn calls_charts<'a>(
    name: &'a str,
    recording: &'a Recording,
    summary: &'a Summary,
    is_shown: &[bool],
    charts: &mut Named<'a>,
) {
    for (index, service) in recording.services.iter().enumerate() {
        let mut own = recording
            .calls
            .iter()
            .filter(|call| of_service(call, index));
        let calls = own.any(|call| !call.samples.is_empty());
        if calls && is_shown[service.workload] {
            let chart = drawing(move || chart(name, recording, summary, index));
            charts.push((format!("calls-{}", summary.labels.services[index]), chart));
        }
    }
}

/// A call of a service to another.
fn of_service(call: &CallRecord, caller: usize) -> bool {
    call.caller == caller && matches!(call.called, Called::Service(_))
}

fn chart(name: &str, recording: &Recording, summary: &Summary, index: usize) -> CallsChart {
    let labels = &summary.labels;
    let service = &recording.services[index];
    let step = recording.step.as_secs_f64();
    let answered = |time: f64| {
        let windows = &service.windows;
        let from = time - step / 2.0;
        let place = windows.partition_point(|one| one.start.as_secs_f64() <= from);
        let window = windows.get(place);
        let window = window.filter(|one| (one.start.as_secs_f64() - time).abs() < step / 2.0);
        window.map_or((0.0, f64::NAN), |window| {
            (window.latency.count as f64, window.latency.mean_ms)
        })
    };
    let calls = recording
        .calls
        .iter()
        .filter(|call| of_service(call, index));
    let ways: Vec<CallsOfWay> = calls
        .map(|call| way(call, call.called(recording, labels), step, &answered))
        .collect();
    let starts = ways.first().map(|way| &way.spent);
    let own = starts.into_iter().flatten().enumerate();
    let own = own.map(|(place, (time, _))| {
        let called: f64 = ways
            .iter()
            .filter_map(|way| way.spent.get(place))
            .map(|one| one.1)
            .sum();
        (*time, (answered(*time).1 - called).max(0.0))
    });
    let own = own.collect();
    let ms = |value: f64| Unit::Milliseconds.text(value);
    CallsChart {
        title: format!("{name}: calls of {}", labels.services[index]),
        subtitle: format!(
            "an answered request takes {} on average",
            ms(service.latency.mean_ms)
        ),
        duration: recording.duration.as_secs_f64(),
        start: recording.start,
        ways,
        own,
        load_spans: load_spans(recording, Some(index)),
    }
}

/// What is shown of a way; `answered` says of a step how many requests were answered, and how long they
/// took.
fn way(
    call: &CallRecord,
    name: &str,
    step: f64,
    answered: &impl Fn(f64) -> (f64, f64),
) -> CallsOfWay {
    let mut made = CallsOfWay {
        name: name.to_owned(),
        ..CallsOfWay::default()
    };
    let mut before = CallSample::default();
    for sample in &call.samples {
        let start = before.time.as_secs_f64();
        let length = (sample.time - before.time).as_secs_f64();
        let (now, then) = (&sample.totals, &before.totals);
        let since =
            |count: fn(&crate::record::CallTotals) -> u64| (count(now) - count(then)) as f64;
        let (attempts, first) = (since(|one| one.attempts), since(|one| one.first));
        let spent = (now.time - then.time) as f64 / 1e6;
        let add = |points: &mut Points, value: f64| points.push((start, value));
        let requests = answered(start).0;
        add(
            &mut made.spent,
            if requests > 0.0 {
                spent / requests
            } else {
                0.0
            },
        );
        let rate = |count: f64| count / if length > 0.0 { length } else { step };
        add(&mut made.attempts, rate(attempts));
        add(&mut made.amplification, attempts / first);
        add(
            &mut made.failed,
            rate(since(crate::record::CallTotals::failures)),
        );
        before = *sample;
    }
    made
}
