//! The events about an object.
//!
//! Upstream: `DescribeEvents`.

use serde_json::Value;

use super::super::age::{Timestamp, age};
use super::super::cells::{number, text};
use super::writer::Writer;

/// Whether an event is about an object: it has its UID, or a node's name as that (`searchEvents`).
pub(super) fn is_about(event: &Value, object: &Value) -> bool {
    let (involved, metadata) = (&event["involvedObject"], &object["metadata"]);
    let same = |field: &str| {
        let of = |map: &Value| map[field].as_str().unwrap_or_default().to_owned();
        of(involved) == of(metadata)
    };
    let is_it = same("uid") || involved["uid"] == metadata["name"];
    involved["kind"] == object["kind"] && same("name") && same("namespace") && is_it
}

pub(super) fn describe<'a>(
    events: impl Iterator<Item = &'a Value>,
    now: Timestamp,
    writer: &mut Writer,
) {
    let mut events: Vec<&Value> = events.collect();
    if events.is_empty() {
        writer.write(0, "Events:\t<none>\n");
        return;
    }
    writer.flush();
    events.sort_by_key(|event| {
        time(event, "lastTimestamp").and_then(|time| time.parse::<Timestamp>().ok())
    });
    writer.write(0, "Events:\n  Type\tReason\tAge\tFrom\tMessage\n");
    writer.write(1, "----\t------\t----\t----\t-------\n");
    for event in events {
        let of = |path: &[&str]| text(event, path).unwrap_or_default();
        let source = Some(of(&["source", "component"])).filter(|source| !source.is_empty());
        let source = source.unwrap_or_else(|| of(&["reportingComponent"]));
        let mut message = of(&["message"]).trim().to_owned();
        let field = of(&["involvedObject", "fieldPath"]);
        if !field.is_empty() {
            message = format!("{field}: {message}");
        }
        let (kind, reason) = (of(&["type"]), of(&["reason"]));
        let interval = interval(event, now);
        writer.write(
            1,
            &format!("{kind}\t{reason}\t{interval}\t{source}\t{message}\n"),
        );
    }
}

fn time<'a>(event: &'a Value, field: &str) -> Option<&'a str> {
    text(event, &[field]).filter(|time| !time.is_empty())
}

/// `5s`, or `5s (x3 over 2m)` for what happened several times.
fn interval(event: &Value, now: Timestamp) -> String {
    let first = time(event, "eventTime").or_else(|| time(event, "firstTimestamp"));
    let first = age(now, first);
    let series = event.get("series").filter(|series| !series.is_null());
    let (last, count) = match series {
        Some(series) => (time(series, "lastObservedTime"), number(series, &["count"])),
        None => (time(event, "lastTimestamp"), number(event, &["count"])),
    };
    if series.is_some() || count > 1 {
        format!("{} (x{count} over {first})", age(now, last))
    } else {
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_oldest_event_comes_first_and_repeated_ones_are_counted() {
        let event = |reason: &str, first: &str, last: &str, count: i64| {
            json!({"type": "Normal", "reason": reason, "message": " New size: 3 \n", "count": count,
                "firstTimestamp": first, "lastTimestamp": last,
                "source": {"component": "horizontal-pod-autoscaler"}})
        };
        let times = ["1970-01-01T00:00:10Z", "1970-01-01T00:01:00Z"];
        let events = [
            event("Late", times[0], times[1], 3),
            event("Early", times[0], times[0], 1),
        ];
        let mut writer = Writer::default();
        writer.write(0, "Max replicas:\t10\n");
        describe(events.iter(), Timestamp(70_000_000_000), &mut writer);
        assert_eq!(
            writer.text(),
            "Max replicas:  10\n\
             Events:\n\
             \x20 Type    Reason  Age                From                       Message\n\
             \x20 ----    ------  ----               ----                       -------\n\
             \x20 Normal  Early   60s                horizontal-pod-autoscaler  New size: 3\n\
             \x20 Normal  Late    10s (x3 over 60s)  horizontal-pod-autoscaler  New size: 3\n"
        );
        let mut writer = Writer::default();
        describe([].iter(), Timestamp(0), &mut writer);
        assert_eq!(writer.text(), "Events:  <none>\n");
    }
}
