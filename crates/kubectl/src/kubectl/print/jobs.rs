//! Rows of Jobs and CronJobs.
//!
//! Upstream: `printers.go`, `printJob`, `printCronJob`.

use serde_json::Value;

use super::age::{Timestamp, age, human_duration};
use super::cells::{
    NONE, containers, created, is_being_deleted, is_condition_true, items, number, selector, text,
};
use super::columns::Printer;

pub(super) const JOB: Printer = (
    &[
        "Status",
        "Completions",
        "Duration",
        "Age",
        "+Containers",
        "+Images",
        "+Selector",
    ],
    |object, now| {
        let [names, images] = containers(&object["spec"]["template"]["spec"]);
        vec![
            job_status(object).to_owned(),
            completions(object),
            duration(object, now),
            created(object, now),
            names,
            images,
            selector(&object["spec"]["selector"]),
        ]
    },
);

pub(super) const CRON_JOB: Printer = (
    &[
        "Schedule",
        "Timezone",
        "Suspend",
        "Active",
        "Last Schedule",
        "Age",
        "+Containers",
        "+Images",
        "+Selector",
    ],
    |object, now| {
        let spec = &object["spec"];
        let template = &spec["jobTemplate"]["spec"];
        let [names, images] = containers(&template["template"]["spec"]);
        let last = text(object, &["status", "lastScheduleTime"]);
        vec![
            text(spec, &["schedule"]).unwrap_or_default().to_owned(),
            text(spec, &["timeZone"]).unwrap_or(NONE).to_owned(),
            match spec["suspend"].as_bool() {
                None => "<unset>",
                Some(true) => "True",
                Some(false) => "False",
            }
            .to_owned(),
            items(object, &["status", "active"]).len().to_string(),
            last.map_or_else(|| NONE.to_owned(), |time| age(now, Some(time))),
            created(object, now),
            names,
            images,
            selector(&template["selector"]),
        ]
    },
);

fn job_status(object: &Value) -> &'static str {
    let is = |condition| is_condition_true(object, condition);
    match () {
        () if is("Complete") => "Complete",
        () if is("Failed") => "Failed",
        () if is_being_deleted(object) => "Terminating",
        () if is("Suspended") => "Suspended",
        () if is("FailureTarget") => "FailureTarget",
        () if is("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

fn completions(object: &Value) -> String {
    let succeeded = number(object, &["status", "succeeded"]);
    let parallelism = object["spec"]["parallelism"].as_i64().unwrap_or(0);
    match object["spec"]["completions"].as_i64() {
        Some(completions) => format!("{succeeded}/{completions}"),
        None if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        None => format!("{succeeded}/1"),
    }
}

fn duration(object: &Value, now: Timestamp) -> String {
    let time =
        |field: &str| -> Option<Timestamp> { text(object, &["status", field])?.parse().ok() };
    time("startTime").map_or_else(String::new, |start| {
        let end = time("completionTime").unwrap_or(now);
        human_duration(end.since(start))
    })
}
