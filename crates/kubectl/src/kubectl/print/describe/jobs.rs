//! Jobs and CronJobs.
//!
//! Upstream: `describeJob`, `describeCronJob`.

use serde_json::Value;

use super::super::age::{Timestamp, human_duration};
use super::super::cells::{NONE, int_or_text, items, number, text};
use super::date::date_at;
use super::template::{self, controller};
use super::workloads::matching;
use super::writer::Writer;

/// How much of a list of indexes is shown, to the comma after it.
const INDEXES: usize = 50;
const UNSET: &str = "<unset>";

pub(super) fn job(job: &Value, writer: &mut Writer) {
    let spec = &job["spec"];
    writer.names(job);
    writer.write(0, &format!("Selector:\t{}\n", matching(&spec["selector"])));
    writer.labels_and_annotations(job);
    writer.given(0, "Controlled By", controller(job).as_deref());
    let plain = |field: &str| match &spec[field] {
        Value::Bool(truth) => Some(truth.to_string()),
        other => int_or_text(other),
    };
    writer.given(0, "Parallelism", plain("parallelism").as_deref());
    let completions = plain("completions");
    let completions = completions.as_deref().unwrap_or(UNSET);
    writer.write(0, &format!("Completions:\t{completions}\n"));
    for (title, field) in [
        ("Completion Mode", "completionMode"),
        ("Suspend", "suspend"),
        ("Backoff Limit", "backoffLimit"),
        ("TTL Seconds After Finished", "ttlSecondsAfterFinished"),
    ] {
        writer.given(0, title, plain(field).as_deref());
    }
    times(job, writer);
    if let Some(seconds) = plain("activeDeadlineSeconds") {
        writer.write(0, &format!("Active Deadline Seconds:\t{seconds}s\n"));
    }
    let status = |field: &str| number(job, &["status", field]);
    let ready = match job["status"]["ready"].as_i64() {
        Some(ready) => format!(" ({ready} Ready)"),
        None => String::new(),
    };
    let [active, succeeded, failed] = ["active", "succeeded", "failed"].map(status);
    writer.write(
        0,
        &format!(
            "Pods Statuses:\t{active} Active{ready} / {succeeded} Succeeded / {failed} Failed\n"
        ),
    );
    if spec["completionMode"] == "Indexed" {
        let indexes = text(job, &["status", "completedIndexes"]).unwrap_or_default();
        writer.write(0, &format!("Completed Indexes:\t{}\n", cut(indexes)));
    }
    template::describe(&spec["template"], writer);
}

fn times(job: &Value, writer: &mut Writer) {
    let time = |field: &str| text(job, &["status", field]);
    for (title, field) in [
        ("Start Time", "startTime"),
        ("Completed At", "completionTime"),
    ] {
        if time(field).is_some() {
            let date = date_at(job, &["status", field]);
            writer.write(0, &format!("{title}:\t{date}\n"));
        }
    }
    let parsed = |field: &str| time(field)?.parse::<Timestamp>().ok();
    if let (Some(start), Some(end)) = (parsed("startTime"), parsed("completionTime")) {
        let duration = human_duration(end.since(start));
        writer.write(0, &format!("Duration:\t{duration}\n"));
    }
}

/// A long list of indexes ends at a comma (`capIndexesListOrNone`).
fn cut(indexes: &str) -> String {
    if indexes.is_empty() {
        return NONE.to_owned();
    }
    let comma = indexes.get(INDEXES..).and_then(|rest| rest.find(','));
    match comma {
        Some(comma) => format!("{}...", &indexes[..=INDEXES + comma]),
        None => indexes.to_owned(),
    }
}

pub(super) fn cron_job(cron_job: &Value, writer: &mut Writer) {
    let spec = &cron_job["spec"];
    writer.metadata(cron_job);
    let plain = |of: &Value, field: &str| int_or_text(&of[field]);
    let or_unset = |field: &str| plain(spec, field).unwrap_or_else(|| UNSET.to_owned());
    writer.write(0, &format!("Schedule:\t{}\n", or_unset("schedule")));
    let policy = plain(spec, "concurrencyPolicy").unwrap_or_default();
    writer.write(0, &format!("Concurrency Policy:\t{policy}\n"));
    let suspend = match spec["suspend"].as_bool() {
        Some(true) => "True",
        Some(false) => "False",
        None => UNSET,
    };
    writer.write(0, &format!("Suspend:\t{suspend}\n"));
    for (title, field) in [
        ("Time Zone", "timeZone"),
        ("Successful Job History Limit", "successfulJobsHistoryLimit"),
        ("Failed Job History Limit", "failedJobsHistoryLimit"),
    ] {
        writer.write(0, &format!("{title}:\t{}\n", or_unset(field)));
    }
    let deadline = plain(spec, "startingDeadlineSeconds");
    let deadline = deadline.map_or_else(|| UNSET.to_owned(), |seconds| format!("{seconds}s"));
    writer.write(0, &format!("Starting Deadline Seconds:\t{deadline}\n"));
    let job = &spec["jobTemplate"]["spec"];
    let selector = match &job["selector"] {
        Value::Null => UNSET.to_owned(),
        selector => matching(selector),
    };
    writer.write(0, &format!("Selector:\t{selector}\n"));
    for (title, field) in [
        ("Parallelism", "parallelism"),
        ("Completions", "completions"),
    ] {
        let value = plain(job, field);
        let value = value.as_deref().unwrap_or(UNSET);
        writer.write(0, &format!("{title}:\t{value}\n"));
    }
    if let Some(seconds) = plain(job, "activeDeadlineSeconds") {
        writer.write(0, &format!("Active Deadline Seconds:\t{seconds}s\n"));
    }
    template::describe(&job["template"], writer);
    let last = ["status", "lastScheduleTime"];
    let last = match text(cron_job, &last) {
        Some(_) => date_at(cron_job, &last),
        None => UNSET.to_owned(),
    };
    writer.write(0, &format!("Last Schedule Time:\t{last}\n"));
    let active = items(cron_job, &["status", "active"]).iter();
    let active: Vec<&str> = active.filter_map(|job| job["name"].as_str()).collect();
    let active = match active.as_slice() {
        [] => NONE.to_owned(),
        names => names.join(", "),
    };
    writer.write(0, &format!("Active Jobs:\t{active}\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_indexes_end_at_a_comma() {
        assert_eq!(cut(""), "<none>");
        assert_eq!(cut("0-3,5"), "0-3,5");
        let all: Vec<String> = (0..40).step_by(2).map(|one| one.to_string()).collect();
        let all = all.join(",");
        assert_eq!(all.len(), 54);
        assert_eq!(cut(&all), format!("{}...", &all[..52]));
        assert_eq!(cut(&all[..50]), all[..50]);
    }
}
