//! Upstream's own unit test tables, function by function.
//!
//! The tables are not part of this repository; where a checkout has them beside it, every
//! row has to agree. Times in them are seconds relative to now, absent ones lie far in the
//! past. The one rule left out by intention: upstream's tests raise the scale-up factor
//! from 2 to 8, so rows whose answer is that factor cannot agree.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::behavior::{Rates, ScaleEvent, change_within, limit_by_rules, store};
use super::conditions::Limit;
use super::config::{Config, KubernetesVersion};
use super::decision::CurrentMetric;
use super::metric;
use super::observation::{
    ContainerRequest, ContainerUsage, Observation, Phase, Pod, PodRequests, PodUsage, PodValue,
    ReadyCondition, ReadyStatus,
};
use super::pods::{Group, Sample, group, request};
use super::replica_calculator::{Context, Scratch};
use super::spec::{
    BehaviorInput, MetricSpec, ObjectReference, Policy, PolicyType, Resource, ResourceTarget,
    ScalingRules, ScalingRulesInput, SelectPolicy, ValueTarget,
};
use super::stabilization::Recommendations;
use super::tolerance::Tolerances;
use crate::sim::{SimDuration, SimTime};

const NOW: SimTime = SimTime::from_secs(1_000_000_000);
const FAR_PAST: SimTime = SimTime::from_secs(-4_000_000_000);
const TEST_SCALE_UP_FACTOR: i32 = 8;

/// Runs `check` on every row of a table; does nothing without the tables.
fn each_row(table: &str, check: impl Fn(&Value)) {
    let path = format!("../../../shared/golden/hpa/upstream/{table}.jsonl");
    if !Path::new(&path).exists() {
        return;
    }
    let text = fs::read_to_string(path).expect("a table that exists is readable");
    let rows = text.lines().filter(|line| !line.trim().is_empty());
    let mut count = 0;
    for line in rows {
        let row: Value = serde_json::from_str(line).expect("a row is JSON");
        check(&row["case"]);
        count += 1;
    }
    assert!(count > 0, "{table} has no rows");
}

fn int(value: &Value) -> i32 {
    value.as_i64().map_or(0, |number| number as i32)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn time(value: &Value) -> SimTime {
    let offset = |seconds| NOW + SimDuration::from_secs(seconds);
    value.as_i64().map_or(FAR_PAST, offset)
}

fn seconds(value: &Value) -> SimDuration {
    SimDuration::from_secs(value.as_i64().unwrap_or(0))
}

fn phase(value: &Value) -> Phase {
    match text(value) {
        "Pending" => Phase::Pending,
        "Failed" => Phase::Failed,
        "Succeeded" => Phase::Succeeded,
        _ => Phase::Running,
    }
}

fn ready(status: &Value, since: SimTime) -> Option<ReadyCondition> {
    let status = match text(status) {
        "True" => ReadyStatus::True,
        "False" => ReadyStatus::False,
        "Unknown" => ReadyStatus::Unknown,
        _ => return None,
    };
    Some(ReadyCondition {
        status,
        last_transition: since,
    })
}

fn rules(value: &Value) -> Option<ScalingRulesInput> {
    let policy = |policy: &Value| Policy {
        kind: match text(&policy["Type"]) {
            "Pods" => PolicyType::Pods,
            _ => PolicyType::Percent,
        },
        value: int(&policy["Value"]),
        period: seconds(&policy["PeriodSeconds"]),
    };
    value.is_object().then(|| ScalingRulesInput {
        stabilization_window: Some(int(&value["StabilizationWindowSeconds"])),
        select_policy: Some(match text(&value["SelectPolicy"]) {
            "Min" => SelectPolicy::Min,
            "Disabled" => SelectPolicy::Disabled,
            _ => SelectPolicy::Max,
        }),
        policies: Some(list(&value["Policies"]).iter().map(policy).collect()),
        tolerance: None,
    })
}

fn events(value: &Value) -> Vec<ScaleEvent> {
    let event = |event: &Value| ScaleEvent {
        time: time(&event["timestamp"]),
        change: int(&event["replicaChange"]),
        outdated: event["outdated"] == true,
    };
    list(value).iter().map(event).collect()
}

fn reason(limit: Option<Limit>) -> &'static str {
    limit.map_or("DesiredWithinRange", Limit::reason)
}

fn is_answer_of_the_test_factor(current: i32, expected: i32, condition: &str) -> bool {
    condition == "ScaleUpLimit" && expected == TEST_SCALE_UP_FACTOR * current
}

#[test]
fn calculate_requests() {
    each_row("calculate_requests", |case| {
        // The gate of pod-level requests came with 1.34, the check of names with 1.35.
        let gate = case["enablePodLevelResources"] == true;
        let config = Config::of(KubernetesVersion(if gate { 36 } else { 33 }));
        let container = Some(text(&case["container"])).filter(|name| !name.is_empty());
        for pod in list(&case["pods"]) {
            let cpu = |requests: &Value| [requests["cpu"].as_i64(), None];
            let of_kind = |kind: &str| {
                let rows = list(&pod["containers"]).iter();
                rows.filter(|row| text(&row["kind"]) == kind)
                    .map(|row| ContainerRequest {
                        name: text(&row["name"]).to_owned(),
                        requests: cpu(&row["requestsMilli"]),
                        restartable: row["restartPolicy"] == "Always",
                    })
                    .collect()
            };
            let requests = PodRequests {
                containers: of_kind("container"),
                init_containers: of_kind("init"),
                pod_level: Some(&pod["podRequestsMilli"])
                    .filter(|requests| requests.is_object())
                    .map(cpu),
            };
            let name = text(&pod["name"]);
            let pod = Pod {
                name,
                phase: Phase::Running,
                deleting: false,
                start_time: None,
                ready: None,
                requests: &requests,
            };
            let expected = match case["expectedError"].as_str() {
                Some(error) => Err(error.to_owned()),
                None => Ok(case["expectedRequests"][name].as_i64().unwrap_or(0)),
            };
            let got = request(&pod, container, Resource::Cpu, &config);
            assert_eq!(got, expected, "{}", case["name"]);
        }
    });
}

#[test]
fn group_pods() {
    let config = Config {
        cpu_initialization_period: SimDuration::from_secs(120),
        initial_readiness_delay: SimDuration::from_secs(10),
        ..Config::default()
    };
    let requests = PodRequests::default();
    each_row("group_pods", |case| {
        let resource = match text(&case["resource"]) {
            "cpu" => Resource::Cpu,
            _ => Resource::Memory,
        };
        let mut ready_count = 0;
        for row in list(&case["pods"]) {
            let name = text(&row["name"]);
            let pod = Pod {
                name,
                phase: phase(&row["phase"]),
                deleting: row["deleting"] == true,
                start_time: row["startSeconds"]
                    .as_i64()
                    .map(|_| time(&row["startSeconds"])),
                ready: ready(&row["ready"], time(&row["readySinceSeconds"])),
                requests: &requests,
            };
            let metric = &case["metrics"][name];
            let sample = metric.is_object().then(|| Sample {
                value: 1,
                timestamp: time(&metric["Timestamp"]),
                window: seconds(&metric["Window"]),
            });
            let listed = |field: &str| list(&case[field]).iter().any(|other| other == name);
            let expected = if listed("expectIgnoredPods") {
                Group::Ignored
            } else if listed("expectUnreadyPods") {
                Group::Unready
            } else if listed("expectMissingPods") {
                Group::Missing
            } else {
                ready_count += 1;
                Group::Ready
            };
            let got = group(
                &pod.standing(),
                sample.as_ref(),
                Some(resource),
                &config,
                NOW,
            );
            assert_eq!(got, expected, "{}: {name}", case["name"]);
        }
        assert_eq!(
            ready_count,
            int(&case["expectReadyPodCount"]),
            "{}",
            case["name"]
        );
    });
}

#[test]
fn convert_desired_replicas() {
    each_row("convert_desired_replicas", |case| {
        let current = int(&case["currentReplicas"]);
        let expected = int(&case["expectedConvertedDesiredReplicas"]);
        let condition = text(&case["expectedCondition"]);
        if is_answer_of_the_test_factor(current, expected, condition) {
            return;
        }
        let (min, max) = (int(&case["hpaMinReplicas"]), int(&case["hpaMaxReplicas"]));
        let desired = int(&case["expectedDesiredReplicas"]);
        let (got, limit) = limit_by_rules(current, desired, min, max);
        assert_eq!((got, reason(limit)), (expected, condition), "{case}");
    });
}

#[test]
fn scaling_with_rules() {
    each_row("scaling_with_rules", |case| {
        let current = int(&case["currentReplicas"]);
        let expected = int(&case["expectedReplicas"]);
        let condition = text(&case["expectedCondition"]);
        let (min, max) = (int(&case["specMinReplicas"]), int(&case["specMaxReplicas"]));
        let desired = int(&case["prenormalizedDesiredReplicas"]);
        let (scale_up, scale_down) = (rules(&case["scaleUpRules"]), rules(&case["scaleDownRules"]));
        let (got, limit) = if scale_up.is_none() && scale_down.is_none() {
            if is_answer_of_the_test_factor(current, expected, condition) {
                return;
            }
            limit_by_rules(current, desired, min, max)
        } else {
            let behavior = BehaviorInput {
                scale_up,
                scale_down,
            }
            .defaulted();
            let rates = Rates {
                now: NOW,
                current,
                min,
                max,
                up_events: &events(&case["scaleUpEvents"]),
                down_events: &events(&case["scaleDownEvents"]),
            };
            rates.limit(desired, &behavior.scale_up, &behavior.scale_down)
        };
        assert_eq!((got, reason(limit)), (expected, condition), "{case}");
    });
}

#[test]
fn store_scale_events() {
    each_row("store_scale_events", |case| {
        let mut stored = events(&case["prevScaleEvents"]);
        assert_eq!(
            change_within(&stored, NOW, SimDuration::from_secs(60)),
            int(&case["expectedReplicasChange"]),
            "{case}"
        );
        // Without rules there is no `behavior`, and the controller stores nothing.
        if let Some(given) = rules(&case["scalingRules"]) {
            let rules: ScalingRules = BehaviorInput {
                scale_up: Some(given),
                scale_down: None,
            }
            .defaulted()
            .scale_up;
            store(&mut stored, &rules, NOW, int(&case["replicaChange"]));
        }
        let sizes = |events: &[ScaleEvent]| -> Vec<(i32, bool)> {
            events
                .iter()
                .map(|event| (event.change, event.outdated))
                .collect()
        };
        assert_eq!(
            sizes(&stored),
            sizes(&events(&case["newScaleEvents"])),
            "{case}"
        );
    });
}

fn recommendations(case: &Value) -> Recommendations {
    let mut past = Recommendations::default();
    for row in list(&case["recommendations"]) {
        past.record(time(&row["timestamp"]), int(&row["recommendation"]));
    }
    past
}

#[test]
fn normalize_desired_replicas() {
    each_row("normalize_desired_replicas", |case| {
        let mut past = recommendations(case);
        let raw = int(&case["prenormalizedDesiredReplicas"]);
        let (got, old_slot) = past.stabilize(NOW, SimDuration::from_secs(300), raw);
        past.put(old_slot, NOW, raw);
        assert_eq!(got, int(&case["expectedStabilizedReplicas"]), "{case}");
        assert_eq!(
            past.slots().len() as i32,
            int(&case["expectedLogLength"]),
            "{case}"
        );
    });
}

#[test]
fn normalize_with_behavior() {
    each_row("normalize_with_behavior", |case| {
        let mut past = recommendations(case);
        let raw = int(&case["prenormalizedDesiredReplicas"]);
        let (got, old_slot) = past.stabilize_both(
            NOW,
            seconds(&case["scaleUpStabilizationWindowSeconds"]),
            seconds(&case["scaleDownStabilizationWindowSeconds"]),
            int(&case["currentReplicas"]),
            raw,
        );
        past.put(old_slot, NOW, raw);
        assert_eq!(got, int(&case["expectedStabilizedReplicas"]), "{case}");
        if let Some(expected) = case["expectedRecommendations"].as_array() {
            let expected: Vec<i32> = expected
                .iter()
                .map(|row| int(&row["recommendation"]))
                .collect();
            let slots: Vec<i32> = past.slots().iter().map(|slot| slot.1).collect();
            assert_eq!(slots, expected, "{case}");
        }
    });
}

/// The metric of a row of the calculator's table.
fn metric_of(case: &Value) -> MetricSpec {
    let (resource, custom) = (&case["resource"], &case["metric"]);
    if resource.is_object() {
        let target = ResourceTarget::Utilization(int(&resource["targetUtilization"]));
        let container = text(&case["container"]);
        return if container.is_empty() {
            MetricSpec::Resource {
                resource: Resource::Cpu,
                target,
            }
        } else {
            MetricSpec::ContainerResource {
                resource: Resource::Cpu,
                container: container.to_owned(),
                target,
            }
        };
    }
    let target = |field: &str| custom[field].as_i64().unwrap_or(0);
    let kind = int(&custom["metricType"]);
    let value_target = match kind {
        0 | 2 => ValueTarget::Value(target("targetUsage")),
        _ => ValueTarget::AverageValue(target("perPodTargetUsage")),
    };
    let (name, selector) = (text(&custom["name"]).to_owned(), None);
    match kind {
        0 | 1 => MetricSpec::Object {
            name,
            selector,
            object: ObjectReference {
                api_version: String::new(),
                kind: text(&custom["singleObject"]["Kind"]).to_owned(),
                name: text(&custom["singleObject"]["Name"]).to_owned(),
            },
            target: value_target,
        },
        2 | 3 => MetricSpec::External {
            name,
            selector,
            target: value_target,
        },
        _ => MetricSpec::Pods {
            name,
            selector,
            average_value: target("targetUsage"),
        },
    }
}

/// The requests of each pod: the row's, the same for both containers.
fn requests_of(case: &Value, pods: usize) -> Vec<PodRequests> {
    let of_pod = |pod: usize| {
        let request = case["resource"]["requests"][pod]["milli"].as_i64();
        let container = |name: &str| ContainerRequest {
            name: name.to_owned(),
            requests: [request, None],
            restartable: false,
        };
        PodRequests {
            containers: vec![container("container1"), container("container2")],
            ..PodRequests::default()
        }
    };
    (0..pods).map(of_pod).collect()
}

/// The usage of each pod's containers, by the pod's place in the list.
fn usage_of(case: &Value, pods: usize) -> Vec<(Option<usize>, Vec<ContainerUsage<'static>>)> {
    const NAMES: [&str; 2] = ["container1", "container2"];
    let levels = list(&case["resource"]["levels"]).iter().enumerate();
    let renamed = list(&case["resource"]["podNames"]).len();
    levels
        .map(|(pod, levels)| {
            let usage = list(levels).iter().zip(NAMES);
            let usage = usage.map(|(level, name)| ContainerUsage {
                name,
                usage: [level.as_i64(), None],
            });
            // Pods with names of their own are not in the list.
            let listed = (renamed <= pod && pod < pods).then_some(pod);
            (listed, usage.collect())
        })
        .collect()
}

#[test]
fn replica_calculator() {
    let config = Config {
        cpu_initialization_period: SimDuration::from_secs(120),
        initial_readiness_delay: SimDuration::from_secs(10),
        ..Config::default()
    };
    each_row("replica_calculator", |case| {
        let current = int(&case["currentReplicas"]);
        let count = list(&case["podPhase"]).len().max(current as usize);
        let requests = requests_of(case, count);
        let name = |pod: usize| format!("test-pod-{pod}");
        let names: Vec<String> = (0..count).map(name).collect();
        let pod = |pod: usize| Pod {
            name: &names[pod],
            phase: phase(&case["podPhase"][pod]),
            deleting: case["podDeletionTimestamp"][pod] == true,
            start_time: Some(time(&case["podStartTime"][pod])),
            ready: ready(&case["podReadiness"][pod], FAR_PAST).or(Some(ReadyCondition {
                status: ReadyStatus::True,
                last_transition: FAR_PAST,
            })),
            requests: &requests[pod],
        };
        let pods: Vec<Pod<'_>> = (0..count).map(pod).collect();
        let usage = usage_of(case, count);
        let usage: Vec<PodUsage<'_>> = usage
            .iter()
            .map(|(pod, containers)| PodUsage {
                pod: *pod,
                // The tables' metrics carry no time, like the pods' transitions.
                timestamp: FAR_PAST,
                window: SimDuration::from_secs(60),
                containers,
            })
            .collect();
        let levels = list(&case["metric"]["levels"]).iter().enumerate();
        let values: Vec<PodValue> = levels
            .map(|(pod, level)| PodValue {
                pod: (pod < count).then_some(pod),
                value: level.as_i64().unwrap_or(0),
            })
            .collect();
        let observation = Observation {
            reference: "Deployment/test-namespace/test",
            scale: Err("unused"),
            selected_by: &[],
            pods: &pods,
            resource_metrics: Ok(&usage),
            tallies: None,
            custom_metrics: &[Ok(&values)],
        };
        let tolerance = |side: &str| case["tolerances"][side].as_f64().unwrap_or(0.1);
        let context = Context {
            observation: &observation,
            config: &config,
            tolerances: Tolerances {
                scale_down: tolerance("scaleDown"),
                scale_up: tolerance("scaleUp"),
            },
            now: NOW,
            current_replicas: current,
        };
        let outcome = metric::evaluate(
            &metric_of(case),
            0,
            &context,
            &mut Scratch::default(),
            current,
        );
        compare(case, outcome);
    });
}

fn compare(case: &Value, outcome: metric::Outcome) {
    let proposal = match (case["expectedError"].as_str(), outcome) {
        (Some(expected), Err(failure)) => {
            return assert!(
                failure.error.contains(expected),
                "{}: {case}",
                failure.error
            );
        }
        (None, Ok(proposal)) => proposal,
        (_, Ok(_)) => panic!("no error: {case}"),
        (_, Err(failure)) => panic!("{}: {case}", failure.error),
    };
    assert_eq!(proposal.replicas, int(&case["expectedReplicas"]), "{case}");
    let (resource, custom) = (&case["resource"], &case["metric"]);
    let (utilization, value) = match proposal.current {
        CurrentMetric::Resource {
            utilization,
            average,
            ..
        }
        | CurrentMetric::ContainerResource {
            utilization,
            average,
            ..
        } => (utilization, Some(average)),
        CurrentMetric::Pods { average, .. } => (None, Some(average)),
        CurrentMetric::Object { value, average, .. }
        | CurrentMetric::External { value, average, .. } => (None, value.or(average)),
        CurrentMetric::Empty => (None, None),
    };
    if resource.is_object() {
        assert_eq!(
            utilization,
            Some(int(&resource["expectedUtilization"])),
            "{case}"
        );
        assert_eq!(value, resource["expectedValue"].as_i64(), "{case}");
    } else {
        assert_eq!(value, custom["expectedUsage"].as_i64(), "{case}");
    }
}
