//! What kube-state-metrics exports: the objects as they are now (`internal/store` there).
//!
//! Each kind has its families, of which only those are made that somebody asks for.

mod allowlist;
mod autoscalers;
mod containers;
mod family;
mod jobs;
mod nodes;
mod pods;
mod workloads;

pub(super) use allowlist::Allowlists;

use family::{Asked, Seen, ask, uid_of};

use crate::api::{
    Clock, CronJob, DaemonSet, DaemonSetCounts, Deployment, HpaId, Job, JobCounts, Kind, Node,
    ObjectId, ObjectMeta, Pod, PodDisruptionBudget, ReplicaSet, ReplicaSetCounts, StatefulSet,
    StatefulSetCounts, VerticalPodAutoscaler, daemon_set_counts, job_counts, replica_set_counts,
    stateful_set_counts,
};
use crate::autoscaler::hpa;
use crate::controller::disruption::{BudgetStatus, budget_status};
use crate::prometheus::scrape::{Exposed, Wanted};
use crate::world::Simulation;

/// The families that anybody asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct Families {
    cron_jobs: Asked<CronJob>,
    daemon_sets: Asked<DaemonSet, DaemonSetCounts>,
    deployments: Asked<Deployment>,
    autoscalers: Asked<hpa::Status, HpaId>,
    jobs: Asked<Job, JobCounts>,
    nodes: Asked<Node>,
    pods: Asked<Pod>,
    budgets: Asked<PodDisruptionBudget, BudgetStatus>,
    replica_sets: Asked<ReplicaSet, ReplicaSetCounts>,
    stateful_sets: Asked<StatefulSet, StatefulSetCounts>,
    vertical: Asked<VerticalPodAutoscaler>,
    allowed: Allowlists,
}

impl Families {
    pub(super) fn asked(wanted: &Wanted, allowed: &Allowlists) -> Self {
        Self {
            cron_jobs: ask(jobs::CRON_JOBS, wanted),
            daemon_sets: ask(workloads::DAEMON_SETS, wanted),
            deployments: ask(workloads::DEPLOYMENTS, wanted),
            autoscalers: ask(autoscalers::HORIZONTAL, wanted),
            jobs: ask(jobs::JOBS, wanted),
            nodes: ask(nodes::NODES, wanted),
            pods: [
                pods::PODS,
                containers::CONTAINERS,
                containers::INIT_CONTAINERS,
            ]
            .into_iter()
            .flat_map(|table| ask(table, wanted))
            .collect(),
            budgets: ask(workloads::BUDGETS, wanted),
            replica_sets: ask(workloads::REPLICA_SETS, wanted),
            stateful_sets: ask(workloads::STATEFUL_SETS, wanted),
            vertical: ask(autoscalers::VERTICAL, wanted),
            allowed: allowed.clone(),
        }
    }

    /// Whether anybody asks for something of Deployments.
    pub(super) fn shows_deployments(&self) -> bool {
        !self.deployments.is_empty()
    }

    /// Whether anybody asks for something of VPAs.
    pub(super) fn shows_vpas(&self) -> bool {
        !self.vertical.is_empty()
    }

    /// Whether nobody asks for anything.
    pub(super) fn is_empty(&self) -> bool {
        let counts = [
            self.cron_jobs.len(),
            self.daemon_sets.len(),
            self.deployments.len(),
            self.autoscalers.len(),
            self.jobs.len(),
            self.nodes.len(),
            self.pods.len(),
            self.budgets.len(),
            self.replica_sets.len(),
            self.stateful_sets.len(),
            self.vertical.len(),
        ];
        counts == [0; 11]
    }
}

impl Simulation<'_> {
    /// What kube-state-metrics exports.
    pub(super) fn expose_objects(&self, asked: &Families, out: &mut dyn FnMut(&Exposed)) {
        self.expose_workloads(asked, out);
        self.expose_sets(asked, out);
        if !asked.autoscalers.is_empty() {
            for (id, status) in self.hpas.statuses() {
                if let Some(hpa) = self.store.hpa(id) {
                    let kind = Kind::HorizontalPodAutoscaler;
                    let seen = self.seen(asked, kind, &hpa.meta, status, id);
                    seen.tell(&asked.autoscalers, "horizontalpodautoscaler", out);
                }
            }
        }
        if !asked.vertical.is_empty() {
            for (_, vpa) in self.store.vpas() {
                let kind = Kind::VerticalPodAutoscaler;
                let seen = self.seen(asked, kind, &vpa.meta, vpa, ());
                seen.tell(&asked.vertical, "verticalpodautoscaler", out);
            }
        }
        if !asked.nodes.is_empty() {
            for (_, node) in self.store.nodes() {
                let seen = self.seen(asked, Kind::Node, &node.meta, node, ());
                seen.tell(&asked.nodes, "node", out);
            }
        }
        if !asked.pods.is_empty() {
            let mut buffer = String::new();
            for (_, pod) in self.store.pods().filter(|(_, pod)| !pod.removed) {
                let identity = [
                    ("namespace", &*pod.meta.namespace),
                    ("pod", pod.name()),
                    ("uid", uid_of(&pod.meta, &mut buffer)),
                ];
                let seen = self.seen(asked, Kind::Pod, &pod.meta, pod, ());
                seen.tell_as(&asked.pods, &identity, out);
            }
        }
    }

    fn expose_workloads(&self, asked: &Families, out: &mut dyn FnMut(&Exposed)) {
        let store = &self.store;
        if !asked.deployments.is_empty() {
            for id in store.all(Kind::Deployment) {
                if let ObjectId::Deployment(id) = id
                    && let Some(one) = store.deployment(id)
                {
                    let seen = self.seen(asked, Kind::Deployment, &one.meta, one, ());
                    seen.tell(&asked.deployments, "deployment", out);
                }
            }
        }
        if !asked.jobs.is_empty() {
            for (id, one) in store.jobs() {
                let counts = job_counts(id, one, store);
                let seen = self.seen(asked, Kind::Job, &one.meta, one, counts);
                seen.tell(&asked.jobs, "job_name", out);
            }
        }
        if !asked.cron_jobs.is_empty() {
            for id in store.all(Kind::CronJob) {
                if let ObjectId::CronJob(id) = id
                    && let Some(one) = store.cron_job(id)
                {
                    let seen = self.seen(asked, Kind::CronJob, &one.meta, one, ());
                    seen.tell(&asked.cron_jobs, "cronjob", out);
                }
            }
        }
        if !asked.budgets.is_empty() {
            for (id, one) in store.pdbs() {
                let status = budget_status(id, store);
                let kind = Kind::PodDisruptionBudget;
                let seen = self.seen(asked, kind, &one.meta, one, status);
                seen.tell(&asked.budgets, "poddisruptionbudget", out);
            }
        }
    }

    fn expose_sets(&self, asked: &Families, out: &mut dyn FnMut(&Exposed)) {
        let (store, now) = (&self.store, self.queue.now());
        if !asked.replica_sets.is_empty() {
            for (id, one) in store.replica_sets() {
                let counts = replica_set_counts(id, one, store, now);
                let seen = self.seen(asked, Kind::ReplicaSet, &one.meta, one, counts);
                seen.tell(&asked.replica_sets, "replicaset", out);
            }
        }
        if !asked.stateful_sets.is_empty() {
            for id in store.all(Kind::StatefulSet) {
                if let ObjectId::StatefulSet(id) = id
                    && let Some(one) = store.stateful_set(id)
                {
                    let counts = stateful_set_counts(id, one, store);
                    let seen = self.seen(asked, Kind::StatefulSet, &one.meta, one, counts);
                    seen.tell(&asked.stateful_sets, "statefulset", out);
                }
            }
        }
        if !asked.daemon_sets.is_empty() {
            for (id, one) in store.daemon_sets() {
                let counts = daemon_set_counts(id, one, store, now);
                let seen = self.seen(asked, Kind::DaemonSet, &one.meta, one, counts);
                seen.tell(&asked.daemon_sets, "daemonset", out);
            }
        }
    }

    fn seen<'v, T, S>(
        &'v self,
        asked: &'v Families,
        kind: Kind,
        meta: &'v ObjectMeta,
        of: &'v T,
        status: S,
    ) -> Seen<'v, T, S> {
        let clock = Clock {
            calendar: self.scenario.controllers.vpa.clock,
            now: self.queue.now(),
        };
        Seen {
            of,
            meta,
            kind,
            status,
            store: &self.store,
            clock,
            allowed: &asked.allowed,
        }
    }
}
