//! How many Jobs each strategy of a ScaledJob makes, poll by poll.

use crate::keda_rig::{apply, run_until, scenario, scenario_and_warnings};
use nlsim::world::Simulation;

/// A ScaledJob of five Jobs at most that outlive the test.
fn batch(spec: &str, cpu: &str, triggers: &str) -> String {
    format!(
        r"
apiVersion: keda.sh/v1alpha1
kind: ScaledJob
metadata: {{name: batch}}
spec:
  pollingInterval: 10
  {spec}
  jobTargetRef:
    template:
      spec:
        containers:
          - {{name: work, image: 'work:1', command: [sleep, '3000'], resources: {{requests: {{cpu: '{cpu}'}}}}}}
  triggers:
    {triggers}
"
    )
}

const ONE: &str = "- type: redis
      metadata: {address: 'redis:6379', listName: jobs, listLength: '1'}";

/// How many Jobs there are after each of the first polls.
fn jobs<const N: usize>(toml: &str, manifest: &str) -> [usize; N] {
    let scenario = scenario(toml, manifest);
    let mut cluster = Simulation::new(&scenario, 42);
    std::array::from_fn(|poll| {
        run_until(&mut cluster, 10 * (poll as i64 + 1));
        cluster.store().jobs().count()
    })
}

fn queue_of(messages: u32) -> String {
    format!(
        "[[trigger_source]]\nscaled_job = \"batch\"\nseries = {messages}\n\
         [[service]]\nworkload = \"ScaledJob/batch\"\n\
         startup = {{ image_pull = \"1s\", container_start = \"1s\" }}\n"
    )
}

#[test]
fn each_strategy_counts_what_runs_in_its_own_way() {
    let custom = "{strategy: custom, customScalingQueueLengthDeduction: 1, \
                  customScalingRunningJobPercentage: '0.5'}";
    let no_percentage = "{strategy: custom, customScalingRunningJobPercentage: half}";
    let cases = [
        // What runs is of the queue.
        ("{strategy: default}", 3, [3, 3, 3, 3, 3, 3]),
        ("{strategy: default}", 10, [5, 5, 5, 5, 5, 5]),
        // Half of what runs is, and one message of each poll: 5 - 1 - half, beyond the most.
        (custom, 10, [4, 6, 7, 8, 8, 8]),
        // A percentage that is no number is the default's.
        (no_percentage, 3, [3, 3, 3, 3, 3, 3]),
        // What runs has taken its message from the queue.
        ("{strategy: accurate}", 1, [1, 2, 3, 4, 5, 5]),
        ("{strategy: accurate}", 3, [3, 5, 5, 5, 5, 5]),
        ("{strategy: eager}", 1, [1, 2, 3, 4, 5, 5]),
        ("{strategy: eager}", 10, [5, 5, 5, 5, 5, 5]),
    ];
    for (strategy, messages, wanted) in cases {
        let spec = format!("maxReplicaCount: 5\n  scalingStrategy: {strategy}");
        let made = jobs(&queue_of(messages), &batch(&spec, "100m", ONE));
        assert_eq!(made, wanted, "{strategy} with {messages}");
    }
}

#[test]
fn pending_jobs_hold_accurate_and_eager_back() {
    // Two nodes of 8: one Job of 5 runs on each, others wait.
    let cases = [
        ("{strategy: default}", 4, [4, 4, 4]),
        // 4 + 4 - 2 = 6 of 5: what is left of the most, five in all.
        ("{strategy: accurate}", 4, [4, 5, 5]),
        // 3 + 3 - 1 are within the most: three messages less the one that waits.
        ("{strategy: accurate}", 3, [3, 5, 5]),
        // 5 - 3 - 1 more, and then no more.
        ("{strategy: eager}", 3, [3, 4, 4]),
        // None is running whose pods are not Ready: no pod of a Job is pending once it is.
        (
            "{strategy: accurate, pendingPodConditions: [Ready]}",
            3,
            [3, 5, 5],
        ),
        // No pod has this condition, so all of them wait.
        (
            "{strategy: accurate, pendingPodConditions: [Ready, example.com/Warm]}",
            3,
            [3, 3, 3],
        ),
    ];
    for (strategy, messages, wanted) in cases {
        let spec = format!("maxReplicaCount: 5\n  scalingStrategy: {strategy}");
        let made = jobs(&queue_of(messages), &batch(&spec, "5", ONE));
        assert_eq!(made, wanted, "{strategy} with {messages}");
    }
}

#[test]
fn the_conditions_that_count_are_those_that_pods_show() {
    // The image is pulled for longer than the test lasts; sandbox and init containers are done.
    let toml = queue_of(3).replace("image_pull = \"1s\"", "image_pull = \"10m\"");
    for (condition, wanted) in [
        ("PodReadyToStartContainers", [3, 5, 5]),
        ("Initialized", [3, 5, 5]),
        ("ContainersReady", [3, 3, 3]),
    ] {
        let strategy = format!("{{strategy: accurate, pendingPodConditions: [{condition}]}}");
        let spec = format!("maxReplicaCount: 5\n  scalingStrategy: {strategy}");
        let made = jobs(&toml, &batch(&spec, "100m", ONE));
        assert_eq!(made, wanted, "{condition}");
    }
}

#[test]
fn several_triggers_are_put_together_as_it_is_asked() {
    let two = "- type: redis
      name: few
      metadata: {address: 'redis:6379', listName: few, listLength: '1'}
    - type: redis
      name: many
      metadata: {address: 'redis:6379', listName: many, listLength: '2'}";
    let toml = |few: u32, many: u32| {
        format!(
            "[[trigger_source]]\nscaled_job = \"batch\"\ntrigger = \"few\"\nseries = {few}\n\
             [[trigger_source]]\nscaled_job = \"batch\"\ntrigger = \"many\"\nseries = {many}\n"
        )
    };
    // 3 messages for 3 Jobs and 8 for 4; 5.5 for 3.5; 11 for 7. An empty queue is not active.
    let cases = [
        ("max", 3, 8, 4),
        ("min", 3, 8, 3),
        ("avg", 3, 8, 4),
        ("sum", 3, 8, 7),
        ("min", 0, 8, 4),
        ("avg", 0, 8, 4),
        ("sum", 0, 0, 0),
    ];
    for (calculation, few, many, wanted) in cases {
        let spec = format!(
            "maxReplicaCount: 20\n  scalingStrategy: {{multipleScalersCalculation: {calculation}}}"
        );
        let made = jobs::<2>(&toml(few, many), &batch(&spec, "100m", two));
        assert_eq!(made, [wanted; 2], "{calculation} of {few} and {many}");
    }
}

#[test]
fn a_minimum_of_jobs_always_runs_and_comes_off_the_most() {
    for (messages, wanted) in [(0, [2, 2, 2]), (1, [2, 3, 3]), (10, [2, 5, 5])] {
        let spec = "minReplicaCount: 2\n  maxReplicaCount: 5";
        let made = jobs(&queue_of(messages), &batch(spec, "100m", ONE));
        assert_eq!(made, wanted, "{messages}");
    }
}

#[test]
fn a_paused_scaled_job_makes_none() {
    let manifest = batch("maxReplicaCount: 5", "100m", ONE);
    let scenario = scenario(&queue_of(3), &manifest);
    let mut cluster = Simulation::new(&scenario, 42);
    let pause = "kubectl annotate sj batch autoscaling.keda.sh/paused=true";
    let printed = cluster.kubectl(pause).expect("a command");
    assert_eq!(printed, ["scaledjob.keda.sh/batch annotated"]);
    run_until(&mut cluster, 60);
    assert_eq!(cluster.store().jobs().count(), 0);
    let unpause = "kubectl annotate sj batch autoscaling.keda.sh/paused-";
    cluster.kubectl(unpause).expect("a command");
    // Its loop begins anew with a poll.
    run_until(&mut cluster, 61);
    assert_eq!(cluster.store().jobs().count(), 3);
}

#[test]
fn a_scaled_job_that_is_made_again_makes_jobs_of_other_names() {
    let manifest = batch("maxReplicaCount: 5", "100m", ONE);
    let scenario = scenario(&queue_of(3), &manifest);
    let mut cluster = Simulation::new(&scenario, 42);
    let names = |cluster: &Simulation<'_>| -> Vec<String> {
        let jobs = cluster.store().jobs();
        jobs.map(|(_, job)| job.meta.name.to_string()).collect()
    };
    run_until(&mut cluster, 15);
    let before = names(&cluster);
    assert_eq!(before.len(), 3);
    cluster
        .kubectl("kubectl delete sj batch")
        .expect("a command");
    run_until(&mut cluster, 30);
    assert_eq!(names(&cluster), [""; 0]);
    apply(&mut cluster, &scenario, "ScaledJob");
    run_until(&mut cluster, 60);
    let after = names(&cluster);
    assert_eq!(after.len(), 3);
    assert!(after.iter().all(|name| !before.contains(name)), "{after:?}");
}

#[test]
fn jobs_that_the_api_server_refuses_are_tried_at_each_poll() {
    let manifest = batch("maxReplicaCount: 2", "100m", ONE).replace(
        "        containers:",
        "        restartPolicy: Always\n        containers:",
    );
    let (scenario, warnings) = scenario_and_warnings(&queue_of(2), &manifest);
    let refused =
        "spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\"";
    assert!(warnings.contains(refused), "{warnings}");
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 19);
    assert_eq!(cluster.store().jobs().count(), 0);
    let recording = cluster.recording();
    let own = recording.events.iter();
    let own = own.filter(|event| event.object == "ScaledJob/batch");
    let told: Vec<(&str, &str)> = own
        .map(|event| (event.reason, event.message))
        .filter(|(reason, _)| reason.starts_with("KEDAJob"))
        .collect();
    let [(first, why), (second, _), created] = told[..3] else {
        unreachable!("three of them");
    };
    assert_eq!(
        (first, second),
        ("KEDAJobCreateFailed", "KEDAJobCreateFailed")
    );
    assert!(
        why.starts_with("Failed to create job batch-: Job.batch \"batch-")
            && why.ends_with(&format!("\" is invalid: {refused}")),
        "{why}"
    );
    assert_eq!(created, ("KEDAJobsCreated", "Created 2 jobs"));
}
