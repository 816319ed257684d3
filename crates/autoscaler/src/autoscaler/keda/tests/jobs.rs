//! ScaledJobs: reconciles, polls, rollout and history.

use super::*;

fn job(more: Value) -> ScaledJob {
    let mut job = json!({
        "metadata": { "name": "sj", "generation": 2 },
        "spec": {
            "jobTargetRef": { "template": { "spec": { "containers": [] } } },
            "triggers": [prometheus(json!({}))],
        },
    });
    merge(&mut job["spec"], &more);
    ScaledJob::from_value(&job).expect("a ScaledJob")
}

fn observed(name: &str, generation: &str, finished: Option<FinishedJob>) -> JobObservation {
    JobObservation {
        name: name.to_owned(),
        generation: Some(generation.to_owned()),
        finished,
        pods: Vec::new(),
    }
}

fn told(decision: &JobDecision) -> Vec<(&'static str, String)> {
    let event = |event: &Event| (event.reason, event.message.clone());
    decision.events.iter().map(event).collect()
}

#[test]
fn a_poll_creates_jobs() {
    let mut sources = Fake::with([Some(25.0)]);
    let mut state = ScaledJobState::new(job(json!({})), 0);
    let first = state.reconcile(&[], &sources);
    assert!(first.start_loop, "{:?}", first.error);
    let poll = state.poll(&[], &mut sources, SimTime::from_millis(500));
    assert_eq!(poll.create, 3, "25 at 10 a job");
    assert_eq!(
        told(&poll),
        [
            ("KEDAJobsCreated", "Created 3 jobs".to_owned()),
            (
                "ScaledJobActive",
                "Scaling is performed because triggers are active".to_owned()
            ),
        ]
    );
    let status = state.status();
    assert_eq!(status.last_active_time, Some(SimTime::ZERO));
    assert_eq!(
        status.triggers_activity,
        [("s0-prometheus".to_owned(), true)].into()
    );
    sources.values.insert(0, Some(0.0));
    let idle = state.poll(&[], &mut sources, SimTime::from_secs(30));
    assert_eq!(idle.create, 0);
    let inactive = "Scaling is not performed because triggers are not active";
    assert_eq!(told(&idle), [("ScaledJobInactive", inactive.to_owned())]);
}

#[test]
fn a_failing_trigger_does_not_stop_the_others() {
    let two = json!({ "triggers": [prometheus(json!({})), prometheus(json!({}))] });
    let mut sources = Fake::with([None, Some(5.0)]);
    let mut state = ScaledJobState::new(job(two), 0);
    state.reconcile(&[], &sources);
    let poll = state.poll(&[], &mut sources, SimTime::ZERO);
    assert_eq!(poll.create, 1);
    assert_eq!(sources.reads[&0], 2);
    let ready = |state: &ScaledJobState| {
        let conditions = state.status().known_conditions();
        conditions
            .get(ConditionType::Ready)
            .map(|ready| (ready.status.name(), ready.reason.clone()))
    };
    assert_eq!(
        ready(&state),
        Some(("Unknown", "PartialTriggerError".to_owned()))
    );
    sources.values.insert(1, None);
    state.poll(&[], &mut sources, SimTime::from_secs(30));
    assert_eq!(ready(&state), Some(("False", "TriggerError".to_owned())));
}

#[test]
fn a_changed_spec_deletes_older_jobs_unless_the_rollout_is_gradual() {
    let jobs = [observed("old", "1", None), observed("new", "2", None)];
    let mut state = ScaledJobState::new(job(json!({})), 0);
    let changed = state.reconcile(&jobs, &Fake::default());
    assert_eq!(changed.delete, ["old"]);
    let owned = "1 jobs owned by the previous version of the scaledJob";
    assert_eq!(
        told(&changed)[..2],
        [
            (
                "ScaledJobRolloutCleanupStarted",
                format!("Deleting {owned}")
            ),
            (
                "ScaledJobRolloutCleanupCompleted",
                format!("Deleted {owned}")
            ),
        ]
    );
    let gradual = |spec| ScaledJobState::new(job(spec), 0).reconcile(&jobs, &Fake::default());
    assert!(
        gradual(json!({ "rollout": { "strategy": "gradual" } }))
            .delete
            .is_empty()
    );
    assert!(
        gradual(json!({ "rolloutStrategy": "gradual" }))
            .delete
            .is_empty()
    );
    let foreground = gradual(json!({ "rollout": { "propagationPolicy": "foreground" } }));
    assert!(foreground.foreground);
}

#[test]
fn a_loop_that_starts_again_builds_its_scalers_anew() {
    let mut state = ScaledJobState::new(job(json!({})), 0);
    let built = |decision: JobDecision| {
        let is_built = |(_, message): &(_, String)| message.ends_with(" is built");
        told(&decision).iter().filter(|told| is_built(told)).count()
    };
    let mut sources = Fake::with([Some(1.0)]);
    assert_eq!(built(state.reconcile(&[], &sources)), 1);
    let mut poll = |state: &mut ScaledJobState| state.poll(&[], &mut sources, SimTime::ZERO);
    assert_eq!(built(poll(&mut state)), 0);
    state.reconcile(&[], &Fake::default());
    assert_eq!(built(poll(&mut state)), 1);
}

#[test]
fn refusals_of_a_scaled_job() {
    let mut bare = job(json!({}));
    bare.spec.job_target_ref = None;
    let refused = ScaledJobState::new(bare, 0).reconcile(&[], &Fake::default());
    let missing = "ScaledJob.spec.jobTargetRef not found";
    assert_eq!(
        told(&refused),
        [("ScaledJobCheckFailed", missing.to_owned())]
    );
    let typed = json!({ "triggers": [prometheus(json!({ "metricType": "Value" }))] });
    let mut state = ScaledJobState::new(job(typed), 0);
    let refused = state.reconcile(&[], &Fake::default());
    assert!(!refused.start_loop);
    assert!(told(&refused).contains(&(
        "ScaledJobCheckFailed",
        "Cannot set metricType in ScaledJob triggers".to_owned()
    )));
    let conditions = state.status().known_conditions();
    assert_eq!(
        conditions
            .get(ConditionType::Active)
            .map(|active| active.message.as_str()),
        Some("ScaledJob check failed")
    );
}

#[test]
fn only_the_pause_annotation_pauses() {
    let mut state = ScaledJobState::new(job(json!({})), 0);
    state.reconcile(&[], &Fake::default());
    let annotate = |state: &mut ScaledJobState, key: &str| {
        let mut job = state.job().clone();
        job.metadata.annotations = Some([(key.to_owned(), "true".to_owned())].into());
        state.set_job(job);
    };
    annotate(&mut state, PAUSED_REPLICAS);
    assert!(state.reconcile(&[], &Fake::default()).start_loop);
    annotate(&mut state, PAUSED);
    let paused = state.reconcile(&[], &Fake::default());
    assert!(paused.stop_loop && !state.is_polling());
    assert_eq!(
        told(&paused)[0],
        ("ScaledJobPaused", "ScaledJob is paused".to_owned())
    );
    annotate(&mut state, "other");
    let unpaused = state.reconcile(&[], &Fake::default());
    assert_eq!(
        told(&unpaused)[0],
        ("ScaledJobUnpaused", "ScaledJob is unpaused".to_owned())
    );
    assert!(unpaused.start_loop);
}

#[test]
fn finished_jobs_beyond_the_limits_go_oldest_first() {
    let done = |name: &str, at: i64| {
        let finished = FinishedJob {
            failed: false,
            completion_time: Some(SimTime::from_secs(at)),
        };
        observed(name, "2", Some(finished))
    };
    let failed = |name: &str| {
        let finished = FinishedJob {
            failed: true,
            completion_time: None,
        };
        observed(name, "2", Some(finished))
    };
    let jobs = [
        done("c", 3),
        done("a", 1),
        failed("x"),
        done("b", 2),
        failed("y"),
    ];
    let limits = json!({ "successfulJobsHistoryLimit": 1, "failedJobsHistoryLimit": 1 });
    let poll = request_job_scale(
        &job(limits),
        &jobs,
        Demand::default(),
        false,
        false,
        SimTime::ZERO,
    );
    assert_eq!(poll.delete, ["a", "b", "x"]);
}

#[test]
fn a_pending_job_has_no_pod_with_all_conditions() {
    let strategy = json!({ "scalingStrategy": { "strategy": "accurate",
        "pendingPodConditions": ["Ready", "PodScheduled"] } });
    let pods = |conditions: &[&str]| JobObservation {
        pods: vec![(
            true,
            conditions.iter().map(|one| (*one).to_owned()).collect(),
        )],
        ..JobObservation::default()
    };
    let jobs = [pods(&["Ready"]), pods(&["PodScheduled", "Ready", "Other"])];
    let wanted = Demand {
        active: true,
        queue_length: 5,
        max_value: 5,
    };
    let create =
        |spec| request_job_scale(&job(spec), &jobs, wanted, false, true, SimTime::ZERO).create;
    assert_eq!(create(strategy), 4, "one of two is pending");
    assert_eq!(
        create(json!({ "scalingStrategy": { "strategy": "accurate" } })),
        5
    );
}

#[test]
fn the_job_is_made_of_the_template() {
    let mut scaled = job(json!({}));
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    scaled.metadata.labels = [("team", "a"), ("x", "b")].map(owned).into();
    scaled.metadata.annotations = Some([(EXCLUDED_JOB_LABELS, "x")].map(owned).into());
    let made = ScaledJobState::new(scaled, 0).new_job();
    let metadata = &made["metadata"];
    assert_eq!(metadata["generateName"], "sj-");
    assert_eq!(metadata["annotations"]["scaledjob.keda.sh/generation"], "2");
    assert_eq!(
        (&metadata["labels"]["team"], &metadata["labels"]["x"]),
        (&json!("a"), &Value::Null)
    );
    assert_eq!(
        metadata["labels"]["app.kubernetes.io/managed-by"],
        "keda-operator"
    );
    let template = &made["spec"]["template"];
    assert_eq!(template["spec"]["restartPolicy"], "OnFailure");
    assert_eq!(
        template["metadata"]["labels"]["scaledjob.keda.sh/name"],
        "sj"
    );
    assert_eq!(template["metadata"]["generateName"], "sj-");
}

#[test]
fn a_later_metric_of_a_trigger_counts_nothing_but_is_active_with_it() {
    let spec = |name: &str| MetricSpec::external(0, name, MetricTarget::milli("AverageValue", 4.0));
    let value = |name: &str| MetricValue {
        name: format!("s0-{name}"),
        value: Amount::whole(8),
    };
    let specs = [spec("a"), spec("b")];
    assert_eq!(queue_and_max_value(&[value("a")], &specs, 100), (8.0, 2.0));
    assert_eq!(queue_and_max_value(&[value("b")], &specs, 100), (0.0, 0.0));
    let by_value = [MetricSpec::external(
        0,
        "a",
        MetricTarget::milli("Value", 4.0),
    )];
    assert_eq!(
        queue_and_max_value(&[value("a")], &by_value, 100),
        (8.0, 0.0)
    );
}
