//! Jobs, CronJobs, Deployments and PodDisruptionBudgets, each with one mistake, and the API server's
//! words for it, read off `pkg/apis/{batch,apps,policy}/validation`.

use serde_json::{Value, json};

use super::{POD, causes, job, object, pdb, with, workload};

fn of_job(field: &str, value: Value) -> Value {
    with(job(), &format!("/spec/{field}"), value)
}

fn indexed(fields: &[(&str, Value)]) -> Value {
    let base = of_job("completionMode", json!("Indexed"));
    fields.iter().fold(base, |job, (field, value)| {
        with(job, &format!("/spec/{field}"), value.clone())
    })
}

/// A Job with one rule of a `podFailurePolicy`.
fn failing(rule: &Value) -> Value {
    of_job("podFailurePolicy", json!({"rules": [rule]}))
}

/// An Indexed Job of five with one rule of a `successPolicy`.
fn succeeding(rule: &Value) -> Value {
    indexed(&[
        ("completions", json!(5)),
        ("successPolicy", json!({"rules": [rule]})),
    ])
}

fn cron(field: &str, value: Value) -> Value {
    let template = json!({"spec": job()["spec"]});
    let cron = object(
        "batch/v1",
        "CronJob",
        &json!({"schedule": "*/5 * * * *", "jobTemplate": template}),
    );
    with(cron, &format!("/spec/{field}"), value)
}

fn deployment(field: &str, value: Value) -> Value {
    with(workload("Deployment"), &format!("/spec/{field}"), value)
}

/// Of several causes the order is not the API server's.
fn check(table: &[(Value, &[&str])]) {
    for (value, words) in table {
        let (mut told, mut wanted) = (causes(value), words.to_vec());
        told.sort();
        wanted.sort_unstable();
        assert_eq!(told, wanted, "{value}");
    }
}

#[test]
fn numbers_of_a_job() {
    check(&[
        (
            of_job("parallelism", json!(-1)),
            &["spec.parallelism: Invalid value: -1: must be greater than or equal to 0"],
        ),
        (
            of_job("ttlSecondsAfterFinished", json!(-1)),
            &[
                "spec.ttlSecondsAfterFinished: Invalid value: -1: must be greater than or equal to 0",
            ],
        ),
        (
            of_job("backoffLimitPerIndex", json!(1)),
            &["spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode"],
        ),
        (
            of_job("maxFailedIndexes", json!(1)),
            &[
                "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified",
                "spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode",
            ],
        ),
        (
            of_job("completionMode", json!("Sorted")),
            &[
                "spec.completionMode: Unsupported value: \"Sorted\": supported values: \"NonIndexed\", \"Indexed\"",
            ],
        ),
        (
            indexed(&[]),
            &["spec.completions: Required value: when completion mode is Indexed"],
        ),
        (
            indexed(&[("completions", json!(5)), ("parallelism", json!(100_001))]),
            &[
                "spec.parallelism: Invalid value: 100001: must be less than or equal to 100000 when completion mode is Indexed",
            ],
        ),
        (
            indexed(&[
                ("completions", json!(5)),
                ("backoffLimitPerIndex", json!(1)),
                ("maxFailedIndexes", json!(6)),
            ]),
            &["spec.maxFailedIndexes: Invalid value: 6: must be less than or equal to completions"],
        ),
        (
            indexed(&[
                ("completions", json!(200_000)),
                ("backoffLimitPerIndex", json!(1)),
                ("parallelism", json!(10_001)),
            ]),
            &[
                "spec.maxFailedIndexes: Required value: must be specified when completions is above 100000",
                "spec.parallelism: Invalid value: 10001: must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index",
            ],
        ),
        (
            indexed(&[
                ("completions", json!(200_000)),
                ("backoffLimitPerIndex", json!(1)),
                ("maxFailedIndexes", json!(100_001)),
            ]),
            &[
                "spec.maxFailedIndexes: Invalid value: 100001: must be less than or equal to 100000",
                "spec.maxFailedIndexes: Invalid value: 100001: must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index",
            ],
        ),
    ]);
}

#[test]
fn names_and_selectors_of_a_job() {
    let long = "a".repeat(62);
    let name = format!(
        "metadata.name: Invalid value: \"{long}\": will not able to create pod with invalid DNS label: {long}-9"
    );
    let named = |job: Value| with(job, "/metadata/name", json!(long));
    let selecting = |manual: bool| {
        let selector = json!({"matchLabels": {"app": "web"}});
        let job = of_job("selector", selector);
        with(job, "/spec/manualSelector", json!(manual))
    };
    let path = "a domain-prefixed path (such as \"acme.io/foo\")";
    let managed = format!("spec.managedBy: Invalid value: \"kueue\": must be {path}");
    check(&[
        (named(indexed(&[("completions", json!(10))])), &[&name]),
        (named(job()), &[]),
        (
            selecting(false),
            &[
                "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"web\"}}: `selector` not auto-generated",
            ],
        ),
        (selecting(true), &[]),
        (
            of_job("manualSelector", json!(true)),
            &["spec.selector: Required value"],
        ),
        (
            with(
                selecting(true),
                "/spec/selector",
                json!({"matchLabels": {"app": "db"}}),
            ),
            &[
                "spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`",
            ],
        ),
        (of_job("managedBy", json!("kueue")), &[&managed]),
        (of_job("managedBy", json!("kueue.x-k8s.io/multikueue")), &[]),
        (
            of_job(
                "managedBy",
                json!(format!("example.com/{}", "a".repeat(60))),
            ),
            &["spec.managedBy: Too long: may not be more than 63 bytes"],
        ),
    ]);
}

#[test]
fn failures_of_a_job() {
    let codes = |operator: &str, values: Value| json!({"operator": operator, "values": values});
    let rule = "spec.podFailurePolicy.rules[0]";
    let by_codes = |codes: Value| failing(&json!({"action": "FailJob", "onExitCodes": codes}));
    let operators = "valid values: [\"In\" \"NotIn\"]";
    let actions = "valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]";
    let conditions = json!([{"type": "DisruptionTarget"}]);
    check(&[
        (
            failing(&json!({"action": "", "onPodConditions": conditions})),
            &[&format!("{rule}.action: Required value: {actions}")],
        ),
        (
            failing(&json!({"action": "Stop", "onPodConditions": conditions})),
            &[&format!(
                "{rule}.action: Unsupported value: \"Stop\": supported values: \"Count\", \"FailIndex\", \"FailJob\", \"Ignore\""
            )],
        ),
        (
            failing(&json!({"action": "FailIndex", "onPodConditions": conditions})),
            &[&format!(
                "{rule}.action: Invalid value: \"FailIndex\": requires the backoffLimitPerIndex to be set"
            )],
        ),
        (
            by_codes(codes("", json!([1]))),
            &[&format!(
                "{rule}.onExitCodes.operator: Required value: {operators}"
            )],
        ),
        (
            by_codes(codes("In", json!([]))),
            &[&format!(
                "{rule}.onExitCodes.values: Invalid value: []: at least one value is required"
            )],
        ),
        (
            by_codes(codes("In", json!([3, 0, 3]))),
            &[
                &format!(
                    "{rule}.onExitCodes.values[1]: Invalid value: 0: must not be 0 for the In operator"
                ),
                &format!("{rule}.onExitCodes.values[2]: Duplicate value: 3"),
                &format!("{rule}.onExitCodes.values: Invalid value: [3,0,3]: must be ordered"),
            ],
        ),
        (
            failing(
                &json!({"action": "Ignore", "onPodConditions": [{"type": "a b", "status": "Maybe"}]}),
            ),
            &[
                &format!(
                    "{rule}.onPodConditions[0].type: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
                ),
                &format!(
                    "{rule}.onPodConditions[0].status: Unsupported value: \"Maybe\": supported values: \"False\", \"True\", \"Unknown\""
                ),
            ],
        ),
        (
            failing(
                &json!({"action": "FailJob", "onPodConditions": conditions, "onExitCodes": codes("In", json!([0]))}),
            ),
            &[
                &format!(
                    "{rule}.onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator"
                ),
                &format!(
                    "{rule}: Invalid value: specifying both OnExitCodes and OnPodConditions is not supported"
                ),
            ],
        ),
        (
            with(
                failing(&json!({"action": "FailJob", "onExitCodes": codes("In", json!([1]))})),
                &format!("{POD}/restartPolicy"),
                json!("OnFailure"),
            ),
            &[
                "spec.template.spec.restartPolicy: Invalid value: \"OnFailure\": only \"Never\" is supported when podFailurePolicy is specified",
            ],
        ),
    ]);
}

#[test]
fn what_ends_a_job_and_replaces_its_pods() {
    let conditions = json!([{"type": "DisruptionTarget"}]);
    check(&[
        (
            succeeding(&json!({})),
            &[
                "spec.successPolicy.rules[0]: Required value: at least one of succeededCount or succeededIndexes must be specified",
            ],
        ),
        (
            succeeding(&json!({"succeededIndexes": "0-2", "succeededCount": 4})),
            &[
                "spec.successPolicy.rules[0].succeededCount: Invalid value: 4: must be less than or equal to 3 (the number of indexes in the specified succeededIndexes field)",
            ],
        ),
        (
            succeeding(&json!({"succeededIndexes": "5"})),
            &[
                "spec.successPolicy.rules[0].succeededIndexes: Invalid value: \"5\": error parsing succeededIndexes: too large index: \"5\"",
            ],
        ),
        (
            with(
                failing(&json!({"action": "Ignore", "onPodConditions": conditions})),
                "/spec/podReplacementPolicy",
                json!("TerminatingOrFailed"),
            ),
            &[
                "spec.podReplacementPolicy: Unsupported value: \"TerminatingOrFailed\": supported values: \"Failed\"",
            ],
        ),
        (
            with(job(), &format!("{POD}/restartPolicy"), json!("Sometimes")),
            &[
                "spec.template.spec.restartPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"OnFailure\", \"Never\"",
                "spec.template.spec.restartPolicy: Unsupported value: \"Sometimes\": supported values: \"OnFailure\", \"Never\"",
            ],
        ),
    ]);
}

#[test]
fn cron_jobs() {
    let zone = |name: &str| cron("timeZone", json!(name));
    check(&[
        (
            cron("schedule", json!("")),
            &["spec.schedule: Required value"],
        ),
        (
            cron("schedule", json!("* * * *")),
            &[
                "spec.schedule: Invalid value: \"* * * *\": expected exactly 5 fields, found 4: [* * * *]",
            ],
        ),
        (
            cron("schedule", json!("TZ=UTC * * * * *")),
            &[
                "spec.schedule: Invalid value: \"TZ=UTC * * * * *\": cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
            ],
        ),
        (
            cron("concurrencyPolicy", json!("Queue")),
            &[
                "spec.concurrencyPolicy: Unsupported value: \"Queue\": supported values: \"Allow\", \"Forbid\", \"Replace\"",
            ],
        ),
        (
            zone("Local"),
            &[
                "spec.timeZone: Invalid value: \"Local\": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones",
            ],
        ),
        (
            zone("Europe/../Berlin"),
            &[
                "spec.timeZone: Invalid value: \"Europe/../Berlin\": unknown time zone Europe/../Berlin",
            ],
        ),
        (
            zone("Mars/Olympus"),
            &["spec.timeZone: Invalid value: \"Mars/Olympus\": unknown time zone Mars/Olympus"],
        ),
        (
            cron("startingDeadlineSeconds", json!(-1)),
            &[
                "spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0",
            ],
        ),
        (
            cron("jobTemplate/spec/parallelism", json!(-2)),
            &[
                "spec.jobTemplate.spec.parallelism: Invalid value: -2: must be greater than or equal to 0",
            ],
        ),
        (
            cron(
                "jobTemplate/spec/template/spec/containers/0/name",
                json!("Web"),
            ),
            &[
                "spec.jobTemplate.spec.template.spec.containers[0].name: Invalid value: \"Web\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
            ],
        ),
        (
            cron(
                "jobTemplate/spec/selector",
                json!({"matchLabels": {"app": "web"}}),
            ),
            &[
                "spec.jobTemplate.spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"web\"}}: `selector` will be auto-generated",
            ],
        ),
        (
            cron("jobTemplate/spec/manualSelector", json!(true)),
            &[
                "spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: \"nil\", \"false\"",
            ],
        ),
        (cron("suspend", json!(true)), &[]),
        (
            with(
                cron("suspend", json!(true)),
                "/metadata/name",
                json!("a".repeat(53)),
            ),
            &[&format!(
                "metadata.name: Invalid value: \"{}\": must be no more than 52 characters",
                "a".repeat(53)
            )],
        ),
    ]);
}

#[test]
fn deployments_and_budgets() {
    check(&[
        (
            deployment("strategy", json!({"type": "BlueGreen"})),
            &[
                "spec.strategy: Unsupported value: {\"Type\":\"BlueGreen\",\"RollingUpdate\":null}: supported values: \"Recreate\", \"RollingUpdate\"",
            ],
        ),
        (
            deployment(
                "strategy",
                json!({"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}),
            ),
            &[
                "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
            ],
        ),
        (
            deployment(
                "strategy",
                json!({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}),
            ),
            &[
                "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"0%\": may not be 0 when `maxSurge` is 0",
            ],
        ),
        (
            deployment("selector", json!({})),
            &["spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
        ),
        (
            deployment("selector", json!({"matchLabels": {"app": "db"}})),
            &[
                "spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`",
            ],
        ),
        (
            deployment(
                "selector",
                json!({"matchExpressions": [{"key": "app", "operator": "In"}]}),
            ),
            &[
                "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
            ],
        ),
        (
            deployment("template/spec/restartPolicy", json!("Never")),
            &[
                "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\"",
            ],
        ),
        (
            deployment("template/spec/containers", json!([])),
            &["spec.template.spec.containers: Required value"],
        ),
        (deployment("replicas", json!(0)), &[]),
        (deployment("paused", json!(true)), &[]),
        (
            pdb(&json!({"minAvailable": "half"})),
            &[
                "spec.minAvailable: Invalid value: \"half\": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
            ],
        ),
        (
            pdb(&json!({"maxUnavailable": -1})),
            &["spec.maxUnavailable: Invalid value: -1: must be greater than or equal to 0"],
        ),
        (
            pdb(&json!({"unhealthyPodEvictionPolicy": "Never"})),
            &[
                "spec.unhealthyPodEvictionPolicy: Unsupported value: \"Never\": supported values: \"AlwaysAllow\", \"IfHealthyBudget\"",
            ],
        ),
        (
            pdb(
                &json!({"selector": {"matchExpressions": [{"key": "app", "operator": "Exists", "values": ["a"]}]}}),
            ),
            &[
                "spec.selector.matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            ],
        ),
        (pdb(&json!({})), &[]),
        (pdb(&json!({"maxUnavailable": 0, "selector": {}})), &[]),
    ]);
}
