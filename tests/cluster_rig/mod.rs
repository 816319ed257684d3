//! A cluster by itself, with its own event queue, for tests.

#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::collections::BTreeMap;

use nlsim::cluster::disruption::EvictionError;
use nlsim::cluster::spec::{
    ClusterConfig, ContainerSpec, IntOrPercent, Labels, NodeGroupSpec, PdbSpec, PodTemplate,
    ProbeSpec, StartupSpec, WorkloadKind, WorkloadSpec,
};
use nlsim::cluster::{
    Cluster, ClusterEffect, ClusterEvent, EffectLog, PodId, ResizeState, Resources,
    TerminationReason,
};
use nlsim::sim::{Dist, EventQueue, SimDuration, SimTime, Streams};
use nlsim::units::{Bytes, Millicores, Usd};

pub const GIB: i64 = 1 << 30;

pub fn secs(seconds: i64) -> SimDuration {
    SimDuration::from_secs(seconds)
}

pub fn labels(app: &str) -> Labels {
    Labels::from([("app".to_owned(), app.to_owned())])
}

pub fn nodes(count: u32, millicores: i64) -> NodeGroupSpec {
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
        zone: String::new(),
        labels: Labels::new(),
        instance_type: None,
        price_per_hour: Usd(0.0),
        spot: false,
    }
}

pub fn workload(kind: WorkloadKind, name: &str, replicas: i32) -> WorkloadSpec {
    let container = ContainerSpec {
        name: "main".to_owned(),
        image: "image".to_owned(),
        cpu_request: Some(Millicores(500)),
        cpu_limit: Some(Millicores(1000)),
        memory_request: Some(Bytes(GIB / 2)),
        memory_limit: Some(Bytes(GIB)),
        readiness_probe: Some(ProbeSpec {
            initial_delay: secs(0),
            period: secs(5),
            success_threshold: 1,
            failure_threshold: 3,
        }),
        restart_on_resize: [false, false],
        restartable: false,
        pre_stop: secs(0),
        command: String::new(),
        idle_cpu: Millicores(1),
        idle_memory: Bytes(1),
    };
    WorkloadSpec {
        kind,
        name: name.to_owned(),
        namespace: "default".to_owned(),
        replicas,
        selector: labels(name),
        template: PodTemplate {
            labels: labels(name),
            annotations: Labels::new(),
            containers: vec![container],
            init_containers: Vec::new(),
            pod_cpu_request: None,
            pod_memory_request: None,
            priority: 0,
            termination_grace: secs(30),
            deletion_cost: 0,
            node_selector: Labels::new(),
        },
        startup: StartupSpec {
            image_pull: Dist::Constant(5.0),
            container_start: Dist::Constant(1.0),
            ready: Dist::Constant(2.0),
            shutdown: Dist::Constant(0.5),
            startup_cpu: 0.0,
        },
        created_at: SimTime::ZERO,
        deleted_at: None,
    }
}

/// A cluster, its queue, and what it has told.
pub struct Rig {
    pub cluster: Cluster,
    pub queue: EventQueue<ClusterEvent>,
    pub log: EffectLog,
    pub told: Vec<(SimTime, ClusterEffect)>,
    pub events: Vec<(SimTime, &'static str)>,
    pub workload_of: BTreeMap<PodId, usize>,
}

impl Rig {
    pub fn new(
        group: &NodeGroupSpec,
        workloads: &[WorkloadSpec],
        pdbs: &[PdbSpec],
        seed: u64,
    ) -> Self {
        Self::on(std::slice::from_ref(group), workloads, pdbs, seed)
    }

    pub fn on(
        groups: &[NodeGroupSpec],
        workloads: &[WorkloadSpec],
        pdbs: &[PdbSpec],
        seed: u64,
    ) -> Self {
        let config = ClusterConfig::default();
        let streams = Streams::new(seed);
        let mut rig = Self {
            cluster: Cluster::new(&config, groups, workloads, pdbs, &streams),
            queue: EventQueue::default(),
            log: EffectLog {
                wants_events: true,
                ..EffectLog::default()
            },
            told: Vec::new(),
            events: Vec::new(),
            workload_of: BTreeMap::new(),
        };
        rig.cluster.start(&mut rig.queue, &mut rig.log);
        rig.listen(SimTime::ZERO);
        rig
    }

    /// Keeps what was told; a pod that gets SIGTERM has nothing to drain.
    pub fn listen(&mut self, now: SimTime) {
        for effect in std::mem::take(&mut self.log.effects) {
            if let ClusterEffect::Terminating(pod) = effect {
                self.cluster.drained(pod, now, &mut self.queue);
            }
            if let ClusterEffect::PodCreated(pod) = effect {
                let workload = self.cluster.pod(pod).expect("a pod").workload;
                self.workload_of.insert(pod, workload);
            }
            self.told.push((now, effect));
        }
        let events = self.log.events.drain(..);
        self.events.extend(events.map(|event| (now, event.reason)));
    }

    pub fn run_until(&mut self, seconds: i64) {
        let end = SimTime::from_secs(seconds);
        while self.queue.peek_time().is_some_and(|time| time <= end) {
            let (now, event) = self.queue.pop().expect("an event");
            self.cluster
                .handle(event, now, &mut self.queue, &mut self.log);
            self.listen(now);
            self.check();
        }
    }

    /// What holds at every instant.
    pub fn check(&self) {
        self.cluster.audit().expect("the books balance");
        for node in self.cluster.nodes() {
            assert!(node.requested_cpu <= node.allocatable_cpu, "{}", node.name);
        }
    }

    pub fn scale(&mut self, workload: usize, replicas: i32, at: i64) {
        self.run_until(at);
        let now = SimTime::from_secs(at);
        self.cluster
            .scale(workload, replicas, now, &mut self.queue, &mut self.log);
        self.listen(now);
    }

    pub fn ready(&self, workload: usize) -> u32 {
        self.cluster.workloads()[workload].counts.ready
    }

    pub fn pods(&self, workload: usize) -> Vec<PodId> {
        self.cluster.workloads()[workload].pods.clone()
    }

    pub fn exit(&mut self, pod: PodId, reason: TerminationReason, at: i64) {
        self.run_until(at);
        let now = SimTime::from_secs(at);
        self.cluster
            .container_exited(pod, 0, reason, now, &mut self.queue, &mut self.log);
        self.listen(now);
    }

    pub fn evict(&mut self, pod: PodId, at: i64) -> Result<(), EvictionError> {
        self.run_until(at);
        let now = SimTime::from_secs(at);
        self.cluster.evict(pod, now, &mut self.queue, &mut self.log)
    }

    /// When pods of a workload were created, in seconds.
    pub fn creations(&self, workload: usize) -> Vec<f64> {
        let of = |pod: PodId| self.workload_of.get(&pod) == Some(&workload);
        (self.told.iter())
            .filter(|(_, effect)| matches!(effect, ClusterEffect::PodCreated(pod) if of(*pod)))
            .map(|(time, _)| time.as_secs_f64())
            .collect()
    }

    /// When something was told of a pod.
    pub fn when(&self, wanted: ClusterEffect) -> Option<f64> {
        let found = self.told.iter().find(|(_, effect)| *effect == wanted);
        found.map(|(time, _)| time.as_secs_f64())
    }
}

pub fn deployment(replicas: i32) -> WorkloadSpec {
    workload(WorkloadKind::Deployment, "api", replicas)
}

pub fn job(completions: i32, backoff_limit: i32, deadline: Option<i64>) -> WorkloadSpec {
    let kind = WorkloadKind::Job {
        parallelism: 2,
        completions: Some(completions),
        backoff_limit,
        active_deadline: deadline.map(secs),
        restarts_in_place: false,
    };
    workload(kind, "job", 0)
}

pub fn budget(min_available: i32) -> PdbSpec {
    PdbSpec {
        name: "api".to_owned(),
        namespace: "default".to_owned(),
        selector: labels("api"),
        min_available: Some(IntOrPercent::Int(min_available)),
        max_unavailable: None,
        always_allow_unhealthy: false,
    }
}

pub fn resources(cpu: i64) -> Resources {
    Resources {
        cpu_request: Some(Millicores(cpu)),
        cpu_limit: Some(Millicores(2 * cpu)),
        memory_request: Some(Bytes(GIB / 2)),
        memory_limit: Some(Bytes(GIB)),
    }
}

impl Rig {
    pub fn resize(&mut self, pod: PodId, cpu: i64, at: i64) {
        self.run_until(at);
        let now = SimTime::from_secs(at);
        self.cluster
            .resize(pod, &[resources(cpu)], now, &mut self.queue, &mut self.log)
            .expect("the API takes it");
    }

    pub fn state(&self, pod: PodId) -> Option<ResizeState> {
        self.cluster.pod(pod).expect("a pod").resize
    }
}
