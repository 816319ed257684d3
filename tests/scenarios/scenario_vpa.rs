//! VerticalPodAutoscalers, LimitRanges, flags and histories: what the files say reaches the
//! model.

use crate::files::Memory;
use nlsim::autoscaler::vpa::{
    ChangeRequirement, ContainerScalingMode, ControlledResources, ControlledValues, UpdateMode,
};
use nlsim::scenario::{Built, Loaded};
use nlsim::sim::{SimDuration, SimTime};
use nlsim::units::Quantity;

const API: &str = include_str!("../bad/base/api.yaml");
const VPA: &str = r#"
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata:
  name: api-vpa
  annotations:
    vpa-post-processor.kubernetes.io/api_integerCPU: "true"
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: api}
  updatePolicy:
    updateMode: InPlaceOrRecreate
    minReplicas: 3
    evictionRequirements:
      - resources: [memory]
        changeRequirement: TargetHigherThanRequests
  resourcePolicy:
    containerPolicies:
      - containerName: api
        minAllowed: {cpu: 100m, memory: 128Mi}
        maxAllowed: {cpu: "4", memory: 8Gi}
        controlledResources: [memory]
        controlledValues: RequestsOnly
      - containerName: "*"
        mode: "Off"
        controlledValues: RequestsOnly
---
apiVersion: v1
kind: LimitRange
metadata: {name: one}
spec:
  limits:
    - type: Container
      max: {cpu: "2"}
      min: {memory: 64Mi}
      default: {cpu: "1", memory: 1Gi}
    - type: PersistentVolumeClaim
      max: {storage: 2Gi}
---
apiVersion: v1
kind: LimitRange
metadata: {name: two}
spec:
  limits:
    - type: Container
      max: {cpu: 1500m}
    - type: Pod
      max: {memory: 4Gi}
"#;

fn files(more: &str) -> Memory {
    let mut files = Memory::default();
    let scenario = format!(
        "name = \"s\"\nmanifests = [\"api.yaml\", \"vpa.yaml\"]\n[simulation]\nduration = \"1h\"\n{more}"
    );
    files.put("s.toml", &scenario);
    files.put("api.yaml", API);
    files.put("vpa.yaml", VPA);
    files
}

fn built(files: &Memory, set: &[(&str, &str)]) -> Built {
    let set: Vec<(String, String)> = set
        .iter()
        .map(|(path, value)| ((*path).to_owned(), (*value).to_owned()))
        .collect();
    Loaded::load("s.toml", files)
        .and_then(|loaded| loaded.build(&set))
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

#[test]
fn every_field_of_a_vpa_reaches_its_spec() {
    let built = built(&files(""), &[]);
    assert_eq!(built.warnings.render(false), "");
    let [vpa] = built.scenario.vpas.as_slice() else {
        panic!("one VPA")
    };
    assert_eq!((vpa.name.as_str(), vpa.workload), ("api-vpa", Some(0)));
    let spec = &vpa.spec;
    assert_eq!(spec.update_mode, UpdateMode::InPlaceOrRecreate);
    assert_eq!(spec.min_replicas, Some(3));
    assert!(spec.integer_cpu.contains("api"));
    let [requirement] = spec.eviction_requirements.as_slice() else {
        panic!("one requirement")
    };
    let memory = ControlledResources {
        cpu: false,
        memory: true,
    };
    assert_eq!(requirement.resources, memory);
    let higher = ChangeRequirement::TargetHigherThanRequests;
    assert_eq!(requirement.change_requirement, higher);
    let policy = spec.policy("api").expect("a policy");
    assert_eq!(policy.min_allowed.cpu.map(Quantity::milli_value), Some(100));
    assert_eq!(
        policy.max_allowed.memory.map(Quantity::value),
        Some(8 << 30)
    );
    assert_eq!(policy.controlled_resources, memory);
    assert_eq!(policy.controlled_values, ControlledValues::RequestsOnly);
    assert_eq!(spec.mode("other"), ContainerScalingMode::Off);
}

#[test]
fn limit_ranges_of_a_namespace_are_taken_together() {
    let scenario = built(&files(""), &[]).scenario;
    let range = scenario.admission.limit_range("default");
    let container = range.container.expect("a range for containers");
    assert_eq!(container.max.cpu.map(Quantity::milli_value), Some(1500));
    assert_eq!(container.min.memory.map(Quantity::value), Some(64 << 20));
    // The later one's default counts; the API server made it of its maximum.
    assert_eq!(container.default.cpu.map(Quantity::milli_value), Some(1500));
    let pod = range.pod.expect("a range for pods");
    assert_eq!(pod.max.memory.map(Quantity::value), Some(4 << 30));
}

/// A LimitRange as the only one beside a Deployment of two containers.
fn limited(item: &str, containers: &str) -> Vec<[Option<i64>; 4]> {
    let manifests = format!(
        "apiVersion: v1\nkind: LimitRange\nmetadata: {{name: range}}\nspec: {{limits: [{item}]}}\n---\n\
         apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: api}}\nspec:\n  \
         selector: {{matchLabels: {{app: api}}}}\n  template:\n    metadata: {{labels: {{app: api}}}}\n    \
         spec: {{containers: [{containers}]}}\n"
    );
    let mut files = Memory::default();
    let scenario =
        "name = \"ranges\"\nmanifests = [\"all.yaml\"]\n[simulation]\nduration = \"1m\"\n";
    files.put("s.toml", scenario);
    files.put("all.yaml", &manifests);
    let scenario = built(&files, &[]).scenario;
    let containers = scenario.workloads[0].template.containers.iter();
    containers
        .map(|one| {
            [
                one.cpu_request.map(|cpu| cpu.0),
                one.cpu_limit.map(|cpu| cpu.0),
                one.memory_request.map(|memory| memory.0 >> 20),
                one.memory_limit.map(|memory| memory.0 >> 20),
            ]
        })
        .collect()
}

const BARE: &str = "{name: a, image: a}";

#[test]
fn limit_ranges_fill_in_what_containers_leave_out() {
    let item =
        "{type: Container, default: {cpu: 500m, memory: 512Mi}, defaultRequest: {cpu: 100m}}";
    let stated = "{name: b, image: b, resources: {requests: {cpu: 300m}, limits: {memory: 64Mi}}}";
    assert_eq!(
        limited(item, &format!("{BARE}, {stated}")),
        [
            [Some(100), Some(500), Some(512), Some(512)],
            // A limit that is stated is the request before the LimitRange is asked.
            [Some(300), Some(500), Some(64), Some(64)],
        ]
    );
    let zero = "{name: z, image: z, resources: {limits: {cpu: 0}}}";
    assert_eq!(limited(item, zero)[0][..2], [Some(0), None]);
}

#[test]
fn a_limit_range_is_completed_from_its_bounds() {
    let item = "{type: Container, min: {cpu: 50m, memory: 64Mi}, max: {cpu: 200m}}";
    assert_eq!(
        limited(item, BARE),
        [[Some(200), Some(200), Some(64), None]]
    );
    let of_pods = "{type: Pod, min: {cpu: 50m}}";
    let stated = "{name: b, image: b, resources: {requests: {cpu: 300m}}}";
    assert_eq!(limited(of_pods, stated), [[Some(300), None, None, None]]);
}

#[test]
fn flags_keep_their_own_names_and_defaults() {
    let flags = "[controllers.vpa-recommender]\ntarget-cpu-percentile = 0.8\nmemory-aggregation-interval = \"12h\"\n\
                 container-recommendation-max-allowed-cpu = \"3\"\n[controllers.vpa-updater]\nmin-replicas = 1\nin-place = true\n";
    let vpa = built(&files(flags), &[]).scenario.controllers.vpa;
    assert!((vpa.recommender.target_cpu_percentile - 0.8).abs() < 1e-12);
    assert_eq!(
        vpa.recommender.memory_aggregation_interval,
        SimDuration::from_secs(12 * 3600)
    );
    assert!((vpa.recommender.target_memory_percentile - 0.9).abs() < 1e-12);
    assert_eq!(vpa.updater.min_replicas, 1);
    assert!(vpa.gates.updater.in_place && vpa.gates.admission.in_place);
    assert!(!vpa.gates.updater.cpu_startup_boost);
}

#[test]
fn parameter_paths_reach_vpas_and_flags() {
    let set = [
        (
            "VerticalPodAutoscaler/api-vpa:spec.updatePolicy.updateMode",
            "\"Off\"",
        ),
        (
            "VerticalPodAutoscaler/api-vpa:spec.resourcePolicy.containerPolicies[api].minAllowed.cpu",
            "\"250m\"",
        ),
        ("controllers.vpa-recommender.target-cpu-percentile", "0.95"),
        ("controllers.vpa-updater.eviction-tolerance", "0.25"),
    ];
    let scenario = built(&files(""), &set).scenario;
    let spec = &scenario.vpas[0].spec;
    assert_eq!(spec.update_mode, UpdateMode::Off);
    let min = spec.policy("api").and_then(|policy| policy.min_allowed.cpu);
    assert_eq!(min.map(Quantity::milli_value), Some(250));
    let vpa = &scenario.controllers.vpa;
    assert!((vpa.recommender.target_cpu_percentile - 0.95).abs() < 1e-12);
    assert!((vpa.updater.eviction_tolerance - 0.25).abs() < 1e-12);
}

#[test]
fn histories_come_from_csv_prometheus_and_checkpoints() {
    let mut files = files(
        "start = \"2026-03-01T00:00:00Z\"\n[[vpa_history]]\nvpa = \"api-vpa\"\ncsv = \"usage.csv\"\n\
         [[vpa_history]]\nvpa = \"api-vpa\"\nprometheus = { cpu = \"cpu.json\" }\n\
         [[vpa_history]]\nvpa = \"api-vpa\"\ncheckpoint = \"checkpoint.json\"\n",
    );
    files.put(
        "usage.csv",
        "time,container,cpu,memory\n-300,api,120m,200Mi\n-240,api,,210Mi\n",
    );
    files.put(
        "cpu.json",
        r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"pod":"api-1","container":"api"},"values":[[1772323140,"0.2"],[1772323200,"0.3"]]}]}}"#,
    );
    files.put(
        "checkpoint.json",
        r#"{"apiVersion":"autoscaling.k8s.io/v1","kind":"VerticalPodAutoscalerCheckpoint",
            "metadata":{"name":"api-vpa-api","namespace":"default"},
            "spec":{"vpaObjectName":"api-vpa","containerName":"api"},
            "status":{"version":"v3","totalSamplesCount":12,"firstSampleStart":"2026-02-27T00:00:00Z",
                "lastSampleStart":"2026-02-28T00:00:00Z",
                "cpuHistogram":{"referenceTimestamp":"2026-02-28T00:00:00Z","bucketWeights":{"3":10000},"totalWeight":1.2},
                "memoryHistogram":{"referenceTimestamp":"2026-03-01T00:00:00Z","bucketWeights":{"9":10000},"totalWeight":1.0}}}"#,
    );
    let scenario = built(&files, &[]).scenario;
    // 2026-03-01 is 59 days after the default start of the year.
    let clock = scenario.controllers.vpa.clock;
    assert_eq!(clock.print(SimTime::ZERO), "2026-03-01T00:00:00Z");
    assert_eq!(scenario.vpas[0].history.len(), 5);
    assert_eq!(scenario.vpas[0].checkpoints.len(), 1);
}

#[test]
fn a_history_that_recommenders_forget_at_once_is_told() {
    let mut files = files("[[vpa_history]]\nvpa = \"api-vpa\"\ncsv = \"usage.csv\"\n");
    let mut told = |days: u32| {
        let row = format!("time,container,cpu,memory\n-{days}d,api,120m,200Mi\n");
        files.put("usage.csv", row);
        built(&files, &[]).warnings.render(false)
    };
    assert!(!told(8).contains("too old"));
    let old = told(9);
    assert!(
        old.contains("warning: this history is too old to count"),
        "{old}"
    );
    assert!(old.contains("forget usage after 192h"), "{old}");
}

#[test]
fn prometheus_is_read_as_the_recommenders_flags_say() {
    let mut files = files(
        "start = \"2026-03-01T00:00:00Z\"\n[controllers.vpa-recommender]\nhistory-length = \"1h\"\n\
         container-pod-name-label = \"instance\"\ncontainer-name-label = \"app\"\n\
         [[vpa_history]]\nvpa = \"api-vpa\"\nprometheus = { memory = \"memory.json\" }\n",
    );
    // Two hours, one hour and a minute before the start.
    files.put(
        "memory.json",
        r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"instance":"api-1","app":"api"},
             "values":[[1772316000,"1e8"],[1772319600,"2e8"],[1772323140,"3e8"]]}]}}"#,
    );
    let scenario = built(&files, &[]).scenario;
    assert_eq!(scenario.vpas[0].history.len(), 2);
}

#[test]
fn a_checkpoint_of_less_than_nothing_is_left_out() {
    let mut files = files("[[vpa_history]]\nvpa = \"api-vpa\"\ncheckpoint = \"checkpoint.json\"\n");
    files.put(
        "checkpoint.json",
        r#"{"spec":{"vpaObjectName":"api-vpa","containerName":"api"},
            "status":{"version":"v3","totalSamplesCount":12,
                "cpuHistogram":{"bucketWeights":{"3":10000},"totalWeight":1.2},
                "memoryHistogram":{"totalWeight":-8.881784197001252e-16}}}"#,
    );
    let built = built(&files, &[]);
    assert!(built.scenario.vpas[0].checkpoints.is_empty());
    let warnings = built.warnings.render(false);
    let warning = "warning: the checkpoint of container api is left out, as the recommender does";
    assert!(warnings.contains(warning), "{warnings}");
}
