//! A cluster by itself, with its own event queue, for tests.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test uses its part"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use nlsim::api::{
    Change, Counts, Hook, Kind, NodeInfo, ObjectId, Pod, PodId, ResizeState, Resources,
    RestartPolicy, TerminationReason, What, Write,
};
use nlsim::cluster::spec::{
    ClusterConfig, ContainerSpec, InPlaceResize, IntOrPercent, Labels, NodeGroupSpec, PdbSpec,
    PodTemplate, ProbeSpec, ScalingSpec, StartupSpec, WorkloadKind, WorkloadSpec,
};
use nlsim::controller::deployment::DeploymentSpec;
use nlsim::controller::disruption::EvictionError;
use nlsim::controller::job::JobSpec;
use nlsim::scenario::{FileProvider, Loaded, Scenario};
use nlsim::sim::{Dist, SimDuration, SimTime};
use nlsim::units::{Bytes, Millicores, Usd};
use nlsim::world::Simulation;

pub(crate) const GIB: i64 = 1 << 30;

pub(crate) fn secs(seconds: i64) -> SimDuration {
    SimDuration::from_secs(seconds)
}

pub(crate) fn labels(app: &str) -> Labels {
    Labels::from([("app".to_owned(), app.to_owned())])
}

pub(crate) fn nodes(count: u32, millicores: i64) -> NodeGroupSpec {
    NodeGroupSpec {
        name: "general".to_owned(),
        count,
        cpu: Millicores(millicores),
        memory: Bytes(16 * GIB),
        allocatable_cpu: Millicores(millicores),
        allocatable_memory: Bytes(16 * GIB),
        max_pods: 110,
        daemonset_cpu: Millicores(100),
        daemonset_memory: Bytes(GIB),
        image_bandwidth: NodeGroupSpec::IMAGE_BANDWIDTH,
        zone: String::new(),
        labels: Labels::new(),
        extended: std::sync::Arc::default(),
        instance_type: None,
        price_per_hour: Usd(0.0),
        prices: Vec::new(),
        spot: false,
        taints: Vec::new(),
        scaling: ScalingSpec::default(),
        list_price: Usd(0.0),
        interruption: None,
    }
}

/// A hook that does nothing for so long.
pub(crate) fn sleeping(length: SimDuration) -> Hook {
    Hook {
        length,
        ..Hook::default()
    }
}

pub(crate) fn workload(kind: WorkloadKind, name: &str, replicas: i32) -> WorkloadSpec {
    let container = ContainerSpec {
        name: "main".to_owned(),
        image: "image".to_owned(),
        cpu_request: Some(Millicores(500)),
        cpu_limit: Some(Millicores(1000)),
        memory_request: Some(Bytes(GIB / 2)),
        memory_limit: Some(Bytes(GIB)),
        startup_probe: None,
        readiness_probe: Some(ProbeSpec {
            period: secs(5),
            ..ProbeSpec::default()
        }),
        liveness_probe: None,
        restart_on_resize: [false, false],
        post_start: None,
        restartable: false,
        pre_stop: None,
        command: String::new(),
        sleeps: None,
        exit_code: 0,
        idle_cpu: Millicores(1),
        idle_memory: Bytes(1),
    };
    WorkloadSpec {
        kind,
        name: name.to_owned(),
        namespace: "default".to_owned(),
        replicas,
        selector: labels(name).into(),
        template: PodTemplate {
            volumes: Vec::new(),
            labels: labels(name),
            annotations: Arc::default(),
            containers: vec![container],
            init_containers: Vec::new(),
            pod_cpu_request: None,
            pod_memory_request: None,
            priority: 0,
            termination_grace: secs(30),
            node_selector: Labels::new(),
            tolerations: Vec::new(),
            host_network: false,
            readiness_gates: Vec::new(),
            never_preempts: false,
            ..PodTemplate::default()
        },
        rollout: DeploymentSpec::default(),
        startup: StartupSpec {
            image_pull: Dist::Constant(5.0),
            image_size: None,
            container_start: Dist::Constant(1.0),
            ready: Dist::Constant(2.0),
            shutdown: Dist::Constant(0.5),
            startup_cpu: Millicores::ZERO,
            run_time: None,
            probes_are_served: false,
            images: Vec::new(),
            exit_codes: Vec::new(),
        },
        created_at: SimTime::ZERO,
        deleted_at: None,
    }
}

/// A scenario with nothing in it.
fn empty() -> Scenario {
    const TEXT: &str = "name = \"rig\"\nmanifests = [\"m.yaml\"]\nsimulation.duration = \"10h\"\n\
        [[node_group]]\nname = \"none\"\ncount = 1\ncpu = 1\nmemory = \"1Gi\"\n";
    /// Of a kind that does nothing.
    const NOTHING: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: none}\n";
    struct OneFile;
    impl FileProvider for OneFile {
        fn read(&self, path: &str, _: u64) -> Result<Vec<u8>, String> {
            let text = if path == "m.yaml" { NOTHING } else { TEXT };
            Ok(text.as_bytes().to_vec())
        }

        fn glob(&self, _: &str) -> Result<Vec<String>, String> {
            Ok(Vec::new())
        }
    }
    let loaded = Loaded::load("rig.toml", &OneFile).expect("a scenario");
    loaded.build(&[]).expect("a scenario").scenario
}

/// A cluster without load and autoscalers, and its recording.
pub(crate) struct Rig {
    pub(crate) cluster: Simulation<'static>,
    pub(crate) told: Vec<(SimTime, Change)>,
    pub(crate) workload_of: BTreeMap<PodId, usize>,
}

impl Rig {
    pub(crate) fn new(
        group: &NodeGroupSpec,
        workloads: &[WorkloadSpec],
        pdbs: &[PdbSpec],
        seed: u64,
    ) -> Self {
        Self::on(std::slice::from_ref(group), workloads, pdbs, seed)
    }

    pub(crate) fn on(
        groups: &[NodeGroupSpec],
        workloads: &[WorkloadSpec],
        pdbs: &[PdbSpec],
        seed: u64,
    ) -> Self {
        Self::with(groups, workloads, pdbs, (seed, |_| {}))
    }

    /// The same with other settings.
    pub(crate) fn with(
        groups: &[NodeGroupSpec],
        workloads: &[WorkloadSpec],
        pdbs: &[PdbSpec],
        (seed, change): (u64, impl FnOnce(&mut ClusterConfig)),
    ) -> Self {
        let mut scenario = empty();
        scenario.controllers.cluster = ClusterConfig {
            restart_jitter: 0.0,
            // Before 1.36 it is the kubelet that finds out what a node can never hold.
            in_place_resize: InPlaceResize::LowerMemoryLimit,
            ..ClusterConfig::default()
        };
        change(&mut scenario.controllers.cluster);
        scenario.node_groups = groups.to_vec();
        let bounds = |group: &NodeGroupSpec| group.scaling.bounds.is_some();
        scenario.controllers.cluster_autoscaler.enabled = groups.iter().any(bounds);
        scenario.workloads = workloads.to_vec();
        scenario.pdbs = pdbs.to_vec();
        // The rig lives as long as its test.
        let mut cluster = Simulation::new(Box::leak(Box::new(scenario)), seed);
        cluster.watch();
        Self {
            cluster,
            told: Vec::new(),
            workload_of: BTreeMap::new(),
        }
    }

    /// Keeps what was told.
    pub(crate) fn listen(&mut self) {
        for (time, change) in self.cluster.watched() {
            if let (ObjectId::Pod(id), Some(pod)) = (change.object, self.created(change)) {
                self.workload_of.insert(id, pod.workload.index());
            }
            self.told.push((time, change));
        }
        self.check();
    }

    fn created(&self, change: Change) -> Option<&Pod> {
        match change {
            Change {
                object: ObjectId::Pod(id),
                what: What::Created,
            } => self.cluster.store().pod(id),
            _ => None,
        }
    }

    pub(crate) fn run_until(&mut self, seconds: i64) {
        let end = SimTime::from_secs(seconds);
        while self.cluster.step(end).expect("no endless loop").is_some() {
            self.listen();
        }
        self.cluster.step_until(end).expect("no endless loop");
    }

    /// What holds at every instant.
    pub(crate) fn check(&self) {
        let store = self.cluster.store();
        store.audit().expect("the books balance");
        for (id, node) in store.nodes() {
            let promised = store.node_info(id).requested;
            assert!(promised.cpu <= node.allocatable.cpu, "{}", node.name());
        }
    }

    pub(crate) fn scale(&mut self, workload: usize, replicas: i32, at: i64) {
        self.run_until(at);
        let object = self.cluster.store().workloads()[workload].object;
        self.cluster
            .commit(Write::Replicas(object.expect("it exists"), replicas));
        self.listen();
    }

    pub(crate) fn counts(&self, workload: usize) -> Counts {
        self.cluster.store().workloads()[workload].counts
    }

    pub(crate) fn ready(&self, workload: usize) -> u32 {
        self.counts(workload).ready
    }

    pub(crate) fn pods(&self, workload: usize) -> Vec<PodId> {
        self.cluster.store().workloads()[workload].pods.clone()
    }

    /// A pod, if it exists.
    pub(crate) fn find(&self, pod: PodId) -> Option<&Pod> {
        self.cluster.store().pod(pod)
    }

    pub(crate) fn pod(&self, pod: PodId) -> &Pod {
        self.find(pod).expect("a pod")
    }

    /// What the pods of each node have been promised.
    pub(crate) fn nodes(&self) -> Vec<&NodeInfo> {
        let store = self.cluster.store();
        store.nodes().map(|(id, _)| store.node_info(id)).collect()
    }

    pub(crate) fn exit(&mut self, pod: PodId, reason: TerminationReason, at: i64) {
        self.run_until(at);
        self.cluster.exit(pod, 0, reason);
        self.listen();
    }

    pub(crate) fn evict(&mut self, pod: PodId, at: i64) -> Result<(), EvictionError> {
        self.run_until(at);
        let answer = self.cluster.evict(pod);
        self.listen();
        answer
    }

    /// When pods of a workload were created, in seconds.
    pub(crate) fn creations(&self, workload: usize) -> Vec<f64> {
        let of = |object| match object {
            ObjectId::Pod(pod) => self.workload_of.get(&pod) == Some(&workload),
            _ => false,
        };
        (self.told.iter())
            .filter(|(_, change)| change.what == What::Created && of(change.object))
            .map(|(time, _)| time.as_secs_f64())
            .collect()
    }

    /// When something was told of a pod for the first time, in seconds.
    pub(crate) fn when(&self, pod: PodId, what: What) -> Option<f64> {
        let wanted = Change {
            object: ObjectId::Pod(pod),
            what,
        };
        let found = self.told.iter().find(|(_, change)| *change == wanted);
        found.map(|(time, _)| time.as_secs_f64())
    }

    /// Whether an event with this reason is in the recording.
    pub(crate) fn has_event(&self, reason: &str) -> bool {
        let events = &self.cluster.recording().events;
        events.iter().any(|event| event.reason == reason)
    }
}

pub(crate) fn deployment(replicas: i32) -> WorkloadSpec {
    workload(WorkloadKind::Deployment, "api", replicas)
}

pub(crate) fn job(completions: i32, backoff_limit: i32, deadline: Option<i64>) -> WorkloadSpec {
    let spec = JobSpec {
        parallelism: 2,
        completions: Some(completions),
        backoff_limit,
        active_deadline: deadline.map(secs),
        ..JobSpec::default()
    };
    job_of(spec)
}

pub(crate) fn job_of(spec: JobSpec) -> WorkloadSpec {
    let restart_policy = if spec.restarts_in_place {
        RestartPolicy::OnFailure
    } else {
        RestartPolicy::Never
    };
    let mut job = workload(WorkloadKind::Job(spec.into()), "job", 0);
    job.template.restart_policy = restart_policy;
    job
}

pub(crate) fn budget(min_available: i32) -> PdbSpec {
    PdbSpec {
        name: "api".to_owned(),
        namespace: "default".to_owned(),
        selector: labels("api").into(),
        min_available: Some(IntOrPercent::Int(min_available)),
        max_unavailable: None,
        always_allow_unhealthy: false,
    }
}

pub(crate) fn resources(cpu: i64) -> Resources {
    Resources {
        cpu_request: Some(Millicores(cpu)),
        cpu_limit: Some(Millicores(2 * cpu)),
        memory_request: Some(Bytes(GIB / 2)),
        memory_limit: Some(Bytes(GIB)),
    }
}

impl Rig {
    pub(crate) fn resize(&mut self, pod: PodId, cpu: i64, at: i64) {
        self.run_until(at);
        self.cluster
            .resize(pod, &[resources(cpu)])
            .expect("the API takes it");
        self.listen();
    }

    pub(crate) fn state(&self, pod: PodId) -> Option<ResizeState> {
        self.pod(pod).resize
    }
}
