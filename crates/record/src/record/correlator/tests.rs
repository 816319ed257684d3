use super::super::events::EventLog;
use super::*;

fn report(all: &mut Correlator, seconds: i64, message: &str) -> Option<(u64, String)> {
    let (mut log, namespace, name) = (EventLog::default(), "".into(), ("ReplicaSet", "web"));
    let report = Report {
        time: SimTime::from_secs(seconds),
        kind: "Normal",
        reason: "SuccessfulCreate",
        namespace: &namespace,
        object: name,
        uid: 1,
        version: 0,
        message,
    };
    let object = log.object(&namespace, name, 1);
    let written = all.correlate(object, log.reason(report.reason), &report)?;
    Some((
        written.count,
        format!("{}{}", written.head, written.message),
    ))
}

#[test]
fn the_same_event_is_counted() {
    let mut all = Correlator::default();
    for count in 1..=3 {
        let written = report(&mut all, 15 * count, "Created pod: a");
        assert_eq!(written, Some((count as u64, "Created pod: a".to_owned())));
    }
}

#[test]
fn events_of_keda_are_the_same_about_a_version_of_the_object() {
    let mut all = Correlator::default();
    let (mut log, namespace, name) = (EventLog::default(), "".into(), ("ScaledObject", "web"));
    let (object, reason) = (
        log.object(&namespace, name, 1),
        log.reason("KEDAScalerFailed"),
    );
    let mut told = |seconds: i64, version: u64, message: &str| {
        let report = Report {
            time: SimTime::from_secs(seconds),
            kind: "Warning",
            reason: "KEDAScalerFailed",
            namespace: &namespace,
            object: name,
            uid: 1,
            version,
            message,
        };
        let written = all.correlate(object, reason, &report);
        let written = written.expect("none is left out");
        (written.series, written.count, written.message.to_owned())
    };
    for poll in 0..40 {
        let first = (1, poll + 1, "at 0".to_owned());
        let seconds = poll as i64 * 30;
        assert_eq!(told(seconds, 7, &format!("at {seconds}")), first);
    }
    assert_eq!(told(1200, 8, "other"), (2, 1, "other".to_owned()));
    assert_eq!(told(2000, 7, "later"), (3, 1, "later".to_owned()));
}

#[test]
fn similar_events_are_combined_and_ten_minutes_later_not_any_more() {
    let mut all = Correlator::default();
    for number in 1..=9 {
        let written = report(&mut all, 0, &format!("pod {number}"));
        assert_eq!(written, Some((1, format!("pod {number}"))));
    }
    let combined = |text: &str| format!("(combined from similar events): {text}");
    assert_eq!(report(&mut all, 1, "pod 10"), Some((1, combined("pod 10"))));
    assert_eq!(report(&mut all, 2, "pod 11"), Some((2, combined("pod 11"))));
    assert_eq!(
        report(&mut all, 603, "pod 12"),
        Some((1, "pod 12".to_owned()))
    );
}

/// What is written of reports of the Cluster Autoscaler: seconds, object, reason and message.
fn written(duplicates: bool, reports: &[(i64, (&str, &str), &str, &str)]) -> Vec<(usize, u64)> {
    let mut all = Correlator {
        duplicates,
        ..Correlator::default()
    };
    let (mut log, namespace) = (EventLog::default(), "".into());
    let mut made = Vec::new();
    for (place, (seconds, name, reason, message)) in reports.iter().enumerate() {
        let report = Report {
            time: SimTime::from_secs(*seconds),
            kind: "Normal",
            reason,
            namespace: &namespace,
            object: *name,
            uid: 1,
            version: 0,
            message,
        };
        let object = log.object(&namespace, *name, 1);
        let answer = all.correlate(object, log.reason(reason), &report);
        made.extend(answer.map(|written| (place, written.count)));
    }
    made
}

#[test]
fn the_cluster_autoscaler_says_a_reason_once_in_five_minutes() {
    let (pod, node) = (("Pod", "web"), ("Node", "n"));
    let reports = [
        (0, pod, "NotTriggerScaleUp", "a"),
        (10, pod, "NotTriggerScaleUp", "a"),
        (20, pod, "NotTriggerScaleUp", "b"),
        (30, pod, "TriggeredScaleUp", "c"),
        (300, pod, "NotTriggerScaleUp", "a"),
        (0, node, "ScaleDown", "marked"),
        (5, node, "ScaleDown", "removed"),
        (0, STATUS, "ScaledUpGroup", "a"),
        (1, STATUS, "ScaledUpGroup", "b"),
        (2, STATUS, "ScaledUpGroup", "a"),
        (301, STATUS, "ScaledUpGroup", "a"),
    ];
    let of_each = [(0, 1), (3, 1), (4, 3), (5, 1), (7, 1), (8, 1), (10, 3)];
    assert_eq!(written(false, &reports), of_each);
    assert_eq!(written(true, &reports).len(), reports.len());
}

#[test]
fn after_twenty_five_events_about_an_object_one_is_written_every_five_minutes() {
    let mut all = Correlator::default();
    let written = |all: &mut Correlator, seconds| report(all, seconds, "again").map(|one| one.0);
    for count in 1..=25 {
        assert_eq!(written(&mut all, 0), Some(count));
    }
    assert_eq!(written(&mut all, 10), None);
    assert_eq!(written(&mut all, 300), Some(27));
    assert_eq!(written(&mut all, 310), None);
}
