//! The objects of time zero, in steady state, and those that appear and go later.

use std::sync::Arc;

use super::components::with_context;
use super::{Event, Simulation};
use crate::api::{
    Context, CronJob, DaemonSet, Deployment, HorizontalPodAutoscaler, Job, Kind, Node, NodeId,
    ObjectId, ObjectMeta, PodDisruptionBudget, PodId, PodTemplate, PodWrite, ReplicaSet,
    SelectionId, StatefulSet, VerticalPodAutoscaler, What, WorkloadId, Write,
};
use crate::autoscaler::hpa::Status;
use crate::cluster::spec::{WorkloadKind, WorkloadSpec};
use crate::controller::daemonset::adapter::should_run;
use crate::controller::deployment::{DeploymentSpec, DeploymentStatus};
use crate::controller::statefulset::adapter::free_ordinal;
use crate::controller::statefulset::{StatefulSetSpec, StatefulSetStatus};
use crate::kubelet::Kubelet;
use crate::scenario::model::{From, VpaObject};
use crate::sim::{SimDuration, SimTime};

/// Pods that are there at the start have run for this long.
const SETTLED: SimDuration = SimDuration::from_secs(3600);
/// Their time from start to ready.
const READY_AFTER: SimDuration = SimDuration::from_secs(10);

/// The kind of a scenario's workload.
pub(super) fn kind_of(spec: &WorkloadSpec) -> Kind {
    match spec.kind {
        WorkloadKind::Deployment => Kind::Deployment,
        WorkloadKind::ReplicaSet => Kind::ReplicaSet,
        WorkloadKind::StatefulSet(_) => Kind::StatefulSet,
        WorkloadKind::DaemonSet(_) => Kind::DaemonSet,
        WorkloadKind::Job(_) => Kind::Job,
        WorkloadKind::CronJob(_) => Kind::CronJob,
        WorkloadKind::ScaledJob(_) => Kind::ScaledJob,
        WorkloadKind::Pod => Kind::Pod,
    }
}

impl Simulation<'_> {
    /// Nodes, budgets and the entries of all workloads, in the scenario's order.
    pub(super) fn create_world(&mut self) {
        let scenario = self.scenario;
        for workload in &scenario.workloads {
            let (namespace, name) = (&*workload.namespace, &*workload.name);
            let write = Write::Workload(kind_of(workload), namespace.into(), name.into());
            self.store.commit(SimTime::ZERO, write);
        }
        self.start_machines();
        for pdb in &scenario.pdbs {
            let uid = format!("PodDisruptionBudget/{}/{}", pdb.namespace, pdb.name);
            let uid = self.components.pod_control.uid(&uid);
            let object = PodDisruptionBudget {
                meta: ObjectMeta::new(&pdb.namespace, &pdb.name, uid, SimTime::ZERO),
                selector: Arc::new(pdb.selector.clone()),
                selection: SelectionId::default(),
                min_available: pdb.min_available,
                max_unavailable: pdb.max_unavailable,
                always_allow_unhealthy: pdb.always_allow_unhealthy,
            };
            let write = Write::CreatePodDisruptionBudget(Box::new(object));
            self.store.commit(SimTime::ZERO, write);
        }
    }

    /// Creates the objects of time zero, in steady state unless they are only applied then, and
    /// schedules the later ones.
    pub(super) fn start_workloads(&mut self) {
        for index in 0..self.scenario.workloads.len() {
            let number = index as u32;
            let spec = &self.scenario.workloads[index];
            let (created_at, deleted_at) = (spec.created_at, spec.deleted_at);
            let ends = kind_of(spec) == Kind::Job || spec.is_passing_pod();
            let settles = created_at == SimTime::ZERO && !ends;
            if settles {
                let is_steady = self.scenario.simulation.from == From::Steady;
                let is_old = is_steady && spec.kind == WorkloadKind::Pod;
                let age = if is_old { SETTLED } else { SimDuration::ZERO };
                self.create_workload(index, SimTime::ZERO - age);
                if is_steady {
                    self.settle_pods(index);
                }
            } else {
                self.queue
                    .schedule(created_at, Event::CreateWorkload(number));
            }
            if let Some(time) = deleted_at {
                self.queue.schedule(time, Event::DeleteWorkload(number));
            }
        }
    }

    /// Creates the object of a workload of the scenario.
    pub(super) fn create_workload(&mut self, index: usize, now: SimTime) {
        let scenario = self.scenario;
        let workload = WorkloadId(index as u32);
        self.create_object(&scenario.workloads[index], workload, now);
    }

    /// Creates the object of a workload.
    pub(super) fn create_object(
        &mut self,
        spec: &WorkloadSpec,
        workload: WorkloadId,
        now: SimTime,
    ) {
        let uid = format!("{}/{}/{}", spec.kind.name(), spec.namespace, spec.name);
        let uid = self.components.pod_control.uid(&uid);
        let meta = ObjectMeta::new(&spec.namespace, &spec.name, uid, now);
        let selector = Arc::new(spec.selector.clone());
        let template = Arc::new(spec.template.clone());
        let replicas = spec.replicas;
        let write = match spec.kind.clone() {
            WorkloadKind::Deployment => Write::CreateDeployment(Box::new(Deployment {
                meta,
                workload,
                spec: DeploymentSpec {
                    replicas,
                    ..spec.rollout
                },
                selector,
                template,
                status: Arc::new(DeploymentStatus::default()),
                revision: None,
            })),
            WorkloadKind::ReplicaSet => Write::CreateReplicaSet(Box::new(ReplicaSet {
                meta,
                workload,
                replicas,
                selector,
                pod_labels: Arc::new(template.labels.clone()),
                template,
                rollout: Arc::default(),
            })),
            WorkloadKind::StatefulSet(spec) => Write::CreateStatefulSet(Box::new(StatefulSet {
                meta,
                workload,
                spec: StatefulSetSpec { replicas, ..spec }.behind_gate(
                    self.scenario
                        .controllers
                        .cluster
                        .max_unavailable_stateful_set,
                ),
                selector,
                template,
                revisions: Arc::default(),
                status: StatefulSetStatus::default(),
            })),
            WorkloadKind::DaemonSet(update) => {
                let mut set = DaemonSet {
                    meta,
                    workload,
                    selector,
                    template,
                    update,
                    template_generation: 1,
                    revisions: Arc::default(),
                };
                set.keep_revision(|_| false);
                Write::CreateDaemonSet(Box::new(set))
            }
            WorkloadKind::Job(job) => Write::CreateJob(Box::new(Job {
                pod_labels: Arc::new(Job::labels_of_pods(&meta, &job, &template.labels)),
                meta,
                workload,
                spec: job,
                template,
                status: Arc::default(),
            })),
            // KEDA's operator makes its object and its Jobs.
            WorkloadKind::ScaledJob(_) => return,
            WorkloadKind::Pod => {
                self.create_bare_pod(workload, &template, now);
                return;
            }
            WorkloadKind::CronJob(spec) => Write::CreateCronJob(Box::new(CronJob {
                meta,
                workload,
                spec,
                template,
                selector,
                status: Arc::default(),
            })),
        };
        self.store.commit(now, write);
    }

    /// Creates a pod that nobody owns.
    fn create_bare_pod(&mut self, workload: WorkloadId, template: &Arc<PodTemplate>, now: SimTime) {
        with_context!(self, now, Event::Kubelet, |all, cx| {
            all.pod_control.create_bare(workload, template, now, cx);
        });
    }

    /// Deletes the object of a workload of the scenario.
    pub(super) fn delete_workload(&mut self, index: usize, now: SimTime) {
        let entry = &self.store.workloads()[index];
        match entry.object {
            Some(ObjectId::Pod(pod)) => self.delete_pod(pod, None, now),
            Some(object) => {
                self.store.commit(now, Write::Delete(object));
            }
            None => {}
        }
    }

    /// Pods of a workload that have been ready for long; those for which no node has room are
    /// pending.
    fn settle_pods(&mut self, index: usize) {
        let workload = WorkloadId(index as u32);
        let Some(object) = self.store.workload(workload).object else {
            return;
        };
        let now = SimTime::ZERO;
        if let ObjectId::Pod(pod) = object {
            with_context!(self, now, Event::Kubelet, |all, cx| {
                settle_pod(Some(pod), now - SETTLED, all, cx);
            });
            return;
        }
        if let ObjectId::Deployment(id) = object {
            with_context!(self, now, Event::Deployment, |all, cx| {
                all.deployments.sync(id, &mut all.pod_control, cx);
            });
            // That was long ago.
            self.events.take_each(|_, _| {});
        }
        if let ObjectId::DaemonSet(id) = object
            && let Some(set) = self.store.daemon_set(id)
        {
            let fits = |(_, node): &(NodeId, &Node)| should_run(set, node);
            let nodes: Vec<NodeId> = self.store.nodes().filter(fits).map(|(id, _)| id).collect();
            for node in nodes {
                let since = SimTime::ZERO - SETTLED;
                with_context!(self, now, Event::Kubelet, |all, cx| {
                    let pod = all.pod_control.create_on(object, node, since, cx);
                    settle_pod(pod, since, all, cx);
                });
            }
            return;
        }
        let owner = match object {
            ObjectId::Deployment(_) => self
                .store
                .replica_sets()
                .find(|(_, set)| set.meta.owner == Some(object))
                .map(|(id, _)| ObjectId::ReplicaSet(id)),
            other => Some(other),
        };
        let replicas = self.store.replicas(object).unwrap_or_default();
        let Some(owner) = owner else { return };
        for number in 0..replicas {
            let age = SETTLED + SimDuration::from_secs(i64::from(number));
            with_context!(self, now, Event::Kubelet, |all, cx| {
                let since = SimTime::ZERO - age;
                let ordinal = match owner {
                    ObjectId::StatefulSet(id) => free_ordinal(id, cx.store),
                    _ => 0,
                };
                let pod = all.pod_control.create(owner, ordinal, since, cx);
                settle_pod(pod, since, all, cx);
            });
        }
    }

    /// Creates the VPAs of the scenario.
    pub(super) fn create_vpas(&mut self) {
        for vpa in &self.scenario.vpas {
            self.create_vpa(vpa, SimTime::ZERO);
        }
    }

    /// Creates a VPA.
    pub(super) fn create_vpa(&mut self, vpa: &VpaObject, now: SimTime) {
        let uid = format!("VerticalPodAutoscaler/{}/{}", vpa.namespace, vpa.name);
        let uid = self.components.pod_control.uid(&uid);
        let object = VerticalPodAutoscaler {
            meta: ObjectMeta::new(&vpa.namespace, &vpa.name, uid, now),
            target: vpa.target.clone(),
            spec: Arc::new(vpa.spec.clone()),
            status: Arc::default(),
        };
        let write = Write::CreateVerticalPodAutoscaler(Box::new(object));
        if let Some(ObjectId::VerticalPodAutoscaler(id)) = self.store.commit(now, write) {
            self.add_vpa(id, vpa, now);
        }
    }

    /// Creates the HPAs of the scenario.
    pub(super) fn create_hpas(&mut self) {
        for hpa in &self.scenario.hpas {
            let uid = format!("HorizontalPodAutoscaler/{}/{}", hpa.namespace, hpa.name);
            let uid = self.components.pod_control.uid(&uid);
            let object = HorizontalPodAutoscaler {
                meta: ObjectMeta::new(&hpa.namespace, &hpa.name, uid, SimTime::ZERO),
                target: hpa.target.clone(),
                spec: Arc::new(hpa.spec.clone()),
                status: Arc::new(Status::default()),
            };
            let write = Write::CreateHorizontalPodAutoscaler(Box::new(object));
            self.store.commit(SimTime::ZERO, write);
        }
    }
}

/// A pod that was created then and has been ready for long, if a node has room for it.
fn settle_pod<E>(
    created: Option<PodId>,
    since: SimTime,
    all: &mut super::Components,
    context: &mut Context<'_, E>,
) {
    let Some(id) = created else { return };
    let Some(node) = all.scheduler.find_node(id, context) else {
        return;
    };
    let write = |time, write| (time, Write::Pod(id, write));
    let writes = [
        write(since, PodWrite::Assume(node)),
        write(since, PodWrite::Bind),
        write(since, PodWrite::Acknowledge),
        write(since, PodWrite::Run),
        write(since, PodWrite::AppStarted),
    ];
    for (time, write) in writes {
        context.store.commit(time, write);
    }
    let now = std::mem::replace(&mut context.now, since + READY_AFTER);
    Kubelet::post_ready(id, context);
    context.now = now;
    let ready = context.store.pod(id).filter(|pod| pod.is_ready());
    if let Some(workload) = ready.map(|pod| pod.workload) {
        context.store.notify(ObjectId::Pod(id), What::EndpointAdded);
        all.endpoints.settle(id, workload);
    }
    all.kubelet.settle_image(id, node, since, context);
}
