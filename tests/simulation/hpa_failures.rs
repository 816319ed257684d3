//! Metrics that the API server lets pass and that can have no number: what the HPA says of them.

use nlsim::api::{Clock, Kind};
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;
use serde_json::Value;

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: 'web:1', resources: {requests: {cpu: 100m}}}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 1
  maxReplicas: 5
  metrics: METRICS
";

fn scenario(metrics: &str, more: &str) -> Scenario {
    let manifest = WEB.replace("METRICS", metrics);
    let toml = format!(
        "name = \"failures\"\nmanifests = \"all.yaml\"\n[simulation]\nduration = \"10m\"\n\
        [[node_group]]\nname = \"n\"\ncount = 1\ncpu = 4\nmemory = \"8Gi\"\n\
        [[service]]\nworkload = \"Deployment/web\"\nrequest = {{ cpu = \"1ms\" }}\n{more}"
    );
    let files = InMemory::new([("s.toml", toml.as_str()), ("all.yaml", manifest.as_str())]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    built
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
        .scenario
}

/// How many replicas the Deployment is to have.
fn replicas(cluster: &Simulation<'_>) -> Option<i32> {
    let all = cluster.store().all(Kind::Deployment);
    let mut sizes = all.map(|object| cluster.store().replicas(object));
    sizes.next().flatten()
}

fn hpa(cluster: &Simulation<'_>, scenario: &Scenario) -> Value {
    let clock = Clock {
        calendar: scenario.controllers.vpa.clock,
        now: cluster.now(),
    };
    let mut all = cluster
        .store()
        .list(Kind::HorizontalPodAutoscaler, None, clock);
    all.remove(0)
}

/// What the condition `ScalingActive` says: reason and message.
fn scaling_active(object: &Value) -> (&str, &str) {
    let conditions = object["status"]["conditions"].as_array();
    let mut conditions = conditions.expect("it has synced").iter();
    let found = conditions.find(|one| one["type"] == "ScalingActive");
    let found = found.expect("it is among them");
    let text = |field: &str| found[field].as_str().expect("a text");
    (text("reason"), text("message"))
}

const RESOURCE: &str = "[{type: Resource, resource: {name: example.com/tickets, target: {type: Utilization, averageUtilization: 70}}}]";
const OF_CONTAINER: &str = "[{type: ContainerResource, containerResource: {name: ephemeral-storage, container: web, target: {type: AverageValue, averageValue: 1Gi}}}]";
const NO_CONTAINER: &str = "[{type: ContainerResource, containerResource: {name: cpu, container: proxy, target: {type: Utilization, averageUtilization: 70}}}]";
const OBJECT: &str = "[{type: Object, object: {describedObject: {apiVersion: networking.k8s.io/v1, kind: Ingress, name: main}, metric: {name: rps}, target: {type: Utilization, averageValue: 5}}}]";

#[test]
fn an_hpa_says_at_each_sync_why_a_metric_has_no_number() {
    let no_metrics = "did not receive metrics for targeted pods (pods might be unready)";
    let no_target =
        "invalid object metric source: neither a value target nor an average value target was set";
    for (metrics, reason, cause, error, targets) in [
        (
            RESOURCE,
            "FailedGetResourceMetric",
            format!("failed to get example.com/tickets utilization: {no_metrics}"),
            "failed to get example.com/tickets resource metric value: ",
            "example.com/tickets: <unknown>/70%",
        ),
        (
            OF_CONTAINER,
            "FailedGetContainerResourceMetric",
            format!("failed to get ephemeral-storage usage: {no_metrics}"),
            "failed to get web container metric value: ",
            "ephemeral-storage: <unknown>/1073741824",
        ),
        (
            NO_CONTAINER,
            "FailedGetContainerResourceMetric",
            format!("failed to get cpu utilization: {no_metrics}"),
            "failed to get proxy container metric value: ",
            "cpu: <unknown>/70%",
        ),
        (
            OBJECT,
            "FailedGetObjectMetric",
            no_target.to_owned(),
            "failed to get object metric value: ",
            "<unknown>/5 (avg)",
        ),
    ] {
        let scenario = scenario(metrics, "");
        let mut cluster = Simulation::new(&scenario, 1);
        cluster
            .step_until(SimTime::from_secs(120))
            .expect("no endless loop");
        let object = hpa(&cluster, &scenario);
        let message = format!("the HPA was unable to compute the replica count: {cause}");
        assert_eq!(scaling_active(&object), (reason, &*message));
        assert_eq!(replicas(&cluster), Some(2), "it stays");
        let told = |reason: &str| -> Vec<&str> {
            let events = cluster.recording().events.iter();
            let of = events.filter(|event| event.reason == reason);
            of.map(|event| event.message).collect()
        };
        assert!(told(reason).contains(&&*cause), "{:?}", told(reason));
        let all = format!("invalid metrics (1 invalid out of 1), first error is: {error}{cause}");
        let computed = told("FailedComputeMetricsReplicas");
        assert!(computed.contains(&&*all), "{computed:?}");
        let printed = cluster.kubectl("kubectl get hpa web").expect("it is there");
        assert!(printed[1].contains(targets), "{printed:?}");
    }
}

#[test]
fn the_words_go_with_what_the_resource_metrics_api_answers() {
    let fault = "[[fault]]\nat = \"1m\"\nfor = \"5m\"\ndown = \"metrics-server\"\n";
    let scenario = scenario(RESOURCE, fault);
    let mut cluster = Simulation::new(&scenario, 1);
    cluster
        .step_until(SimTime::from_secs(120))
        .expect("no endless loop");
    let object = hpa(&cluster, &scenario);
    let begins = "the HPA was unable to compute the replica count: failed to get example.com/tickets utilization: \
        unable to get metrics for resource example.com/tickets: unable to fetch metrics from resource metrics API: ";
    let message = scaling_active(&object).1;
    assert!(message.starts_with(begins), "{message}");
}

#[test]
fn a_good_metric_beside_it_scales_up_and_not_down() {
    let cpu = |percent: i32| {
        format!(
            "{}, {{type: Resource, resource: {{name: cpu, target: {{type: Utilization, averageUtilization: {percent}}}}}}}]",
            RESOURCE.trim_end_matches(']')
        )
    };
    for (percent, wanted) in [(1000, 2), (1, 4)] {
        // Pods that wait for requests use a millicore of their 100.
        let scenario = scenario(&cpu(percent), "");
        let mut cluster = Simulation::new(&scenario, 1);
        cluster
            .kubectl("kubectl patch hpa web -p '{\"spec\": {\"maxReplicas\": 4}}'")
            .expect("the other metric is let pass");
        cluster
            .kubectl("kubectl patch deployment web -p '{\"spec\": {\"template\": {\"spec\": {\"containers\": [{\"name\": \"web\", \"resources\": {\"requests\": {\"cpu\": \"10m\"}}}]}}}}'")
            .expect("it is there");
        cluster
            .step_until(SimTime::from_secs(500))
            .expect("no endless loop");
        let object = hpa(&cluster, &scenario);
        assert_eq!(replicas(&cluster), Some(wanted), "{percent}");
        let reason = match wanted {
            2 => "FailedGetResourceMetric",
            _ => "ValidMetricFound",
        };
        assert_eq!(scaling_active(&object).0, reason);
    }
}
