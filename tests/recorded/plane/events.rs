//! What components report.

use super::rig::{Plane, Told, run};

/// The events of the recorded run about the ReplicaSet of `burst`, which grew from 2 to 30: nine
/// with their own messages, then one that combines the others, and no more than 25 in all.
#[test]
fn similar_events_are_combined_as_in_a_real_cluster() {
    let plane = Plane::read();
    let recording = run(&plane.scenario(Told::EachSync, 1), &plane.manifest, 1);
    let set = |object: &str| object.starts_with("ReplicaSet/burst-");
    let events: Vec<(&str, u64)> = recording
        .events
        .iter()
        .filter(|event| set(event.object) && event.time.as_secs_f64() < 300.0)
        .map(|event| {
            (
                event.message.split(": ").next().unwrap_or_default(),
                event.count,
            )
        })
        .collect();
    let mut expected = vec![("Created pod", 1); 9];
    expected.extend((1..=16).map(|count| ("(combined from similar events)", count)));
    assert_eq!(events, expected);
    let reported = |reason: &str, text: &str| {
        let mut events = recording.events.iter();
        let found = events.any(|event| event.reason == reason && event.message == text);
        assert!(found, "{reason}: {text}");
    };
    reported("FailedGetScale", "deployments.apps \"nothere\" not found");
    reported(
        "AmbiguousSelector",
        "pods by selector app=twice are controlled by multiple HPAs: [neurolake/twice-a neurolake/twice-b]",
    );
    reported(
        "FailedGetPodsMetric",
        "unable to get metric http_requests: unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered",
    );
    reported(
        "FailedGetObjectMetric",
        "unable to get metric requests_per_second: Service on neurolake objmetric/unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered",
    );
    reported(
        "FailedGetExternalMetric",
        "unable to get external metric neurolake/queue_depth/&LabelSelector{MatchLabels:map[string]string{queue: jobs,},MatchExpressions:[]LabelSelectorRequirement{},}: unable to fetch metrics from external metrics API: the server could not find the requested resource (get queue_depth.external.metrics.k8s.io)",
    );
    reported(
        "FailedScheduling",
        "0/4 nodes are available: 1 Insufficient cpu, 3 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, preemption: 0/4 nodes are available: 1 No preemption victims found for incoming pod, 3 Preemption is not helpful for scheduling.",
    );
    reported(
        "SuccessfulCreate",
        "Create Pod sts-2 in StatefulSet sts successful",
    );
    reported("Killing", "Stopping container api");
    reported("Started", "Container started");
    reported(
        "FailedGetResourceMetric",
        "failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API",
    );
}
