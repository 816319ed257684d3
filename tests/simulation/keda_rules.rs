//! KEDA's finer rules in a simulated cluster: idle replicas, formulas, cached metrics, the
//! behaviours of a fallback, other people's HPAs.

use crate::keda_rig::{
    BURST, build, condition, endpoint, events, queue, replicas, run_until, scenario, triggers, view,
};
use nlsim::api::Kind;
use nlsim::world::Simulation;

#[test]
fn idle_replicas_are_left_for_the_minimum_and_reached_at_once() {
    let spec = "minReplicaCount: 2\n  idleReplicaCount: 0\n  cooldownPeriod: 60\n  \
                maxReplicaCount: 8";
    let scenario = scenario(BURST, &queue(spec));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 599);
    assert_eq!(replicas(cluster.store()), 0);
    let hpa = view(&cluster, Kind::HorizontalPodAutoscaler, "keda-hpa-worker");
    assert_eq!(hpa.expect("the HPA")["spec"]["minReplicas"], 2);
    run_until(&mut cluster, 1229);
    // The queue has been empty for 29 s; the HPA holds its four pods for five minutes.
    assert_eq!(replicas(cluster.store()), 4);
    run_until(&mut cluster, 1291);
    assert_eq!(replicas(cluster.store()), 0);
    let recording = cluster.finish().expect("the end").recording;
    let told = |reason| {
        let events = events(&recording, reason);
        let texts = events.into_iter().map(|(_, text)| text);
        texts.collect::<Vec<_>>()
    };
    let worker = "apps/v1.Deployment default/worker";
    let up = format!("Scaled {worker} from 0 to 2, triggered by s0-redis-jobs");
    assert_eq!(told("KEDAScaleTargetActivated"), [up]);
    // What the HPA's minimum has made of the pod of the start, and what the burst has.
    let down = [2, 4].map(|from| format!("Deactivated {worker} from {from} to 0"));
    assert_eq!(told("KEDAScaleTargetDeactivated"), down);
}

#[test]
fn an_hpa_fights_idle_replicas_that_are_not_zero() {
    let spec = "minReplicaCount: 3\n  idleReplicaCount: 1\n  maxReplicaCount: 8";
    let toml = "[[trigger_source]]\nscaled_object = \"worker\"\nseries = 0\n";
    let scenario = scenario(toml, &queue(spec));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 600);
    // Every poll takes it to 1, the next sync of the HPA back to its minimum.
    let recording = cluster.finish().expect("the end").recording;
    let down = events(&recording, "KEDAScaleTargetDeactivated");
    let down: Vec<_> = down.iter().filter(|(time, _)| *time < 600.0).collect();
    assert_eq!(down.len(), 20, "{down:?}");
    assert!(down[1].1.ends_with("from 3 to 1"), "{down:?}");
}

/// Two named lists.
const TWO: &str = "- type: metrics-api
      name: a
      metadata: {url: 'http://a/', valueLocation: first, targetValue: '10'}
    - type: metrics-api
      name: b
      metadata: {url: 'http://b/', valueLocation: second, targetValue: '10'}";

fn modifiers(rest: &str, inner: &str) -> String {
    triggers(
        &format!("maxReplicaCount: 9{rest}\n  advanced: {{scalingModifiers: {{{inner}}}}}"),
        TWO,
    )
}

fn sources(a: &str, b: &str) -> String {
    let source = |name: &str, series: &str| {
        format!(
            "[[trigger_source]]\nscaled_object = \"worker\"\ntrigger = \"{name}\"\nseries = {series}\n"
        )
    };
    format!("{}{}", source("a", a), source("b", b))
}

fn silent(trigger: &str) -> String {
    format!("[[fault]]\nat = \"20m\"\nfor = \"20m\"\ntrigger = \"ScaledObject/worker{trigger}\"\n")
}

#[test]
fn a_formula_makes_one_metric_of_several() {
    let inner = "formula: '(a + b) / 2', target: '10', activationTarget: '5'";
    // 4 on average do not wake it, 50 come to five pods.
    let toml = sources(r#"[["0s", 6], ["10m", 40]]"#, r#"[["0s", 2], ["10m", 60]]"#);
    let scenario = scenario(&toml, &modifiers("", inner));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 599);
    assert_eq!(replicas(cluster.store()), 0);
    let hpa = view(&cluster, Kind::HorizontalPodAutoscaler, "keda-hpa-worker");
    let hpa = hpa.expect("the HPA");
    let metrics = hpa["spec"]["metrics"].as_array().expect("metrics");
    assert_eq!(metrics.len(), 1);
    assert_eq!(metrics[0]["external"]["metric"]["name"], "composite-metric");
    assert_eq!(metrics[0]["external"]["target"]["averageValue"], "10");
    run_until(&mut cluster, 700);
    assert_eq!(replicas(cluster.store()), 5);
    let recording = cluster.finish().expect("the end").recording;
    let up = events(&recording, "KEDAScaleTargetActivated");
    assert!(up[0].1.ends_with("triggered by composite-metric"), "{up:?}");
}

#[test]
fn a_formula_fails_with_any_of_its_triggers() {
    let inner = "formula: 'max(a, b)', target: '10'";
    let toml = format!("{}{}", sources("40", "20"), silent("[1]"));
    let scenario = scenario(&toml, &modifiers("", inner));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 1199);
    assert_eq!(replicas(cluster.store()), 4);
    run_until(&mut cluster, 2390);
    // The other one's 40 count for nothing; without a fallback nobody takes it to zero, either.
    assert_eq!(
        condition(&cluster, "Ready"),
        ("False".into(), "TriggerError".into())
    );
    assert_eq!(
        condition(&cluster, "Active"),
        ("False".into(), "ScalerNotActive".into())
    );
    assert_eq!(replicas(cluster.store()), 4);
    run_until(&mut cluster, 2500);
    assert_eq!(condition(&cluster, "Ready").0, "True");
}

#[test]
fn a_formula_falls_back_to_what_it_says_instead() {
    let fallback = "\n  fallback: {failureThreshold: 2, replicas: 6, behavior: scalingModifiers}";
    let inner = "formula: 'a ?? b', target: '10'";
    // One trigger fails: the other one's number. Both fail: the fallback's replicas.
    for (failing, falls_back_to) in [("[0]", 2), ("", 6)] {
        let toml = format!("{}{}", sources("40", "20"), silent(failing));
        let scenario = scenario(&toml, &modifiers(fallback, inner));
        let mut cluster = Simulation::new(&scenario, 42);
        run_until(&mut cluster, 1199);
        assert_eq!(replicas(cluster.store()), 4, "{failing}");
        run_until(&mut cluster, 2390);
        assert_eq!(replicas(cluster.store()), falls_back_to, "{failing}");
        assert_eq!(condition(&cluster, "Fallback").0, "True", "{failing}");
        run_until(&mut cluster, 2400 + 330);
        assert_eq!(replicas(cluster.store()), 4, "{failing}");
    }
}

#[test]
fn nothing_in_a_formula_but_nil_is_an_error_that_no_fallback_helps() {
    let fallback = "\n  fallback: {failureThreshold: 2, replicas: 6, behavior: scalingModifiers}";
    let inner = "formula: 'a + b', target: '10'";
    let toml = format!("{}{}", sources("40", "20"), silent("[0]"));
    let scenario = scenario(&toml, &modifiers(fallback, inner));
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 1199);
    assert_eq!(replicas(cluster.store()), 6);
    // The poll sees neither an error nor a number: not active, and down it goes.
    run_until(&mut cluster, 1600);
    assert_eq!(replicas(cluster.store()), 0);
}

#[test]
fn each_behaviour_of_a_fallback_asks_for_its_own_replicas() {
    // Replicas at 20 messages (two pods) and at 80 (eight) before the source falls silent.
    let cases = [
        ("static", 6, 6),
        ("currentReplicas", 2, 8),
        ("currentReplicasIfHigher", 6, 8),
        ("currentReplicasIfLower", 2, 6),
    ];
    for (behavior, at_two, at_eight) in cases {
        for kind in ["AverageValue", "Value"] {
            for (messages, before, then) in [(20, 2, at_two), (80, 8, at_eight)] {
                let toml = format!(
                    "[[trigger_source]]\nscaled_object = \"worker\"\nseries = {messages}\n{}",
                    silent("")
                );
                let spec = format!(
                    "minReplicaCount: 1\n  maxReplicaCount: 8\n  \
                     fallback: {{failureThreshold: 3, replicas: 6, behavior: {behavior}}}"
                );
                let what = format!("{behavior}, {kind}, {messages}");
                // A Value is that of all pods: it doubles them until the most.
                let before = if kind == "Value" { 8 } else { before };
                let then = match (kind, behavior) {
                    ("Value", _) => at_eight,
                    _ => then,
                };
                let manifest = endpoint(&spec).replace(
                    "- type: metrics-api",
                    &format!("- type: metrics-api\n      metricType: {kind}"),
                );
                let scenario = scenario(&toml, &manifest);
                let mut cluster = Simulation::new(&scenario, 42);
                run_until(&mut cluster, 1199);
                assert_eq!(replicas(cluster.store()), before, "{what}");
                run_until(&mut cluster, 2390);
                assert_eq!(condition(&cluster, "Fallback").0, "True", "{what}");
                assert_eq!(replicas(cluster.store()), then, "{what}");
            }
        }
    }
}

#[test]
fn a_cached_metric_is_as_old_as_the_last_poll() {
    let reacts_after = |cached: bool, seed: u64| {
        let mut manifest = queue("minReplicaCount: 1\n  maxReplicaCount: 8");
        if cached {
            let trigger = "- type: redis\n      useCachedMetrics: true";
            manifest = manifest.replace("- type: redis", trigger);
            manifest = manifest.replace("minReplica", "pollingInterval: 120\n  minReplica");
        }
        let scenario = scenario(BURST, &manifest);
        let mut cluster = Simulation::new(&scenario, seed);
        let changed = (600..800).find(|second| {
            run_until(&mut cluster, *second);
            replicas(cluster.store()) == 4
        });
        changed.expect("it grows") - 600
    };
    let seeds = [1, 2, 3, 4, 5, 6];
    // Asked at each sync of the HPA, or told at a poll and asked then.
    let fresh = seeds.map(|seed| reacts_after(false, seed));
    assert!(fresh.iter().all(|after| *after <= 16), "{fresh:?}");
    let cached = seeds.map(|seed| reacts_after(true, seed));
    assert!(cached.iter().all(|after| *after <= 136), "{cached:?}");
    let late = cached.iter().filter(|after| **after > 16).count();
    assert!(late >= 3, "{cached:?}");
}

#[test]
fn a_cached_error_counts_at_each_sync() {
    let spec = "pollingInterval: 120\n  minReplicaCount: 1\n  maxReplicaCount: 8\n  \
                fallback: {failureThreshold: 3, replicas: 6}";
    let cache = "- type: metrics-api\n      useCachedMetrics: true";
    let manifest = endpoint(spec).replace("- type: metrics-api", cache);
    let toml = format!(
        "[[trigger_source]]\nscaled_object = \"worker\"\nseries = 20\n{}",
        silent("")
    );
    let scenario = scenario(&toml, &manifest);
    let mut cluster = Simulation::new(&scenario, 42);
    let falls_back = (1200..1500).find(|second| {
        run_until(&mut cluster, *second);
        condition(&cluster, "Fallback").0 == "True"
    });
    // One poll fails, then the HPA reads that error three times; four polls would take six minutes.
    let after = falls_back.expect("it falls back") - 1200;
    assert!((30..=120 + 50).contains(&after), "{after}");
    run_until(&mut cluster, 1200 + after + 20);
    assert_eq!(replicas(cluster.store()), 6);
}

/// An HPA of somebody else that the webhook lets a ScaledObject stand beside.
const OLD: &str = r"---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: old
  annotations: {validations.keda.sh/hpa-ownership: 'false'}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: worker}
  minReplicas: 1
  maxReplicas: 3
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}
";

#[test]
fn an_hpa_is_not_taken_over_by_renaming() {
    let manifests = format!("{}{OLD}", queue("maxReplicaCount: 8"));
    let scenario = scenario(BURST, &manifests);
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 60);
    assert_eq!(cluster.store().hpas().count(), 2);
    let patch = "kubectl patch so worker --type merge -p '{\"metadata\": {\"annotations\": \
                 {\"scaledobject.keda.sh/transfer-hpa-ownership\": \"true\"}}, \"spec\": {\"advanced\": \
                 {\"horizontalPodAutoscalerConfig\": {\"name\": \"old\"}}}}'";
    let printed = cluster.kubectl(patch).expect("a command");
    assert_eq!(printed, ["scaledobject.keda.sh/worker patched"]);
    run_until(&mut cluster, 90);
    // It deletes its own and then cannot create one that is there.
    let name = "keda-hpa-worker";
    assert!(view(&cluster, Kind::HorizontalPodAutoscaler, name).is_none());
    let old = view(&cluster, Kind::HorizontalPodAutoscaler, "old").expect("untouched");
    assert_eq!(old["spec"]["maxReplicas"], 3);
    assert!(old["metadata"].get("ownerReferences").is_none());
    assert_eq!(
        condition(&cluster, "Ready"),
        ("False".into(), "ScaledObjectCheckFailed".into())
    );
    let object = view(&cluster, Kind::ScaledObject, "worker").expect("it");
    let ready = &object["status"]["conditions"][0]["message"];
    assert_eq!(
        ready,
        "failed to ensure HPA is correctly created for ScaledObject: \
         horizontalpodautoscalers.autoscaling \"old\" already exists"
    );
    // When the other one goes it makes its own.
    let delete = "kubectl delete hpa old";
    cluster.kubectl(delete).expect("a command");
    run_until(&mut cluster, 300);
    let hpa = view(&cluster, Kind::HorizontalPodAutoscaler, "old").expect("made");
    assert_eq!(hpa["spec"]["maxReplicas"], 8);
    assert_eq!(hpa["metadata"]["ownerReferences"][0]["name"], "worker");
    assert_eq!(condition(&cluster, "Ready").0, "True");
}

#[test]
fn a_fallback_by_value_counts_terminating_pods_that_are_ready() {
    let object = triggers(
        "minReplicaCount: 2\n  maxReplicaCount: 2\n  fallback: {failureThreshold: 1, replicas: 2}",
        "- type: metrics-api
      metricType: Value
      metadata: {url: 'http://api/', valueLocation: jobs, targetValue: '10'}",
    );
    let toml = format!(
        "[[trigger_source]]\nscaled_object = \"worker\"\nseries = 10\n{}",
        silent("")
    );
    let startup = r#"ready = "70s", shutdown = "25s""#;
    let (scenario, _) = build(startup, &toml, &object);
    let mut cluster = Simulation::new(&scenario, 42);
    run_until(&mut cluster, 1300);
    cluster
        .kubectl("kubectl delete pod -l app=worker")
        .expect("a command");
    // The two old pods have SIGTERM and are ready as long as they run, beside the two new ones.
    run_until(&mut cluster, 1320);
    let hpa = view(&cluster, Kind::HorizontalPodAutoscaler, "keda-hpa-worker");
    let hpa = hpa.expect("the HPA");
    let metric = &hpa["status"]["currentMetrics"][0]["external"]["current"];
    assert_eq!(metric["value"], "5", "{hpa}");
}
