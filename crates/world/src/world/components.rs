//! The list of the components: who handles which event, and who sees changes.

use super::usage::{answers, memory_stats};
use super::{Event, Simulation};
use crate::api::{Change, ObjectId, PodId, TerminationReason, What};
use crate::controller::{disruption, podgc};
use crate::kubelet;
use crate::sim::SimTime;

/// Calls a component with its context: the store, the clock, and timers that become events of
/// its own kind.
macro_rules! with_context {
    ($simulation:ident, $now:expr, $event:path, |$components:ident, $context:ident| $call:expr) => {{
        let queue = &mut $simulation.queue;
        let mut timers = |time, event| {
            queue.schedule(time, $event(event));
        };
        let $context = &mut crate::api::Context {
            now: $now,
            store: &mut $simulation.store,
            draws: &mut $simulation.draws,
            events: &mut $simulation.events,
            timers: &mut timers,
        };
        let $components = &mut $simulation.components;
        $call
    }};
}
pub(super) use with_context;

impl Simulation<'_> {
    pub(super) fn dispatch(&mut self, now: SimTime, event: Event) {
        match event {
            Event::Traffic(event) => {
                let (queue, sink) = (&mut self.queue, &mut self.recorder);
                self.traffic.handle(event, now, queue, sink);
            }
            Event::Metrics(event) => self.handle_metrics(event, now),
            Event::Deployment(event) => with_context!(self, now, Event::Deployment, |all, cx| {
                all.deployments.handle(event, &mut all.pod_control, cx);
            }),
            Event::ReplicaSet(event) => with_context!(self, now, Event::ReplicaSet, |all, cx| {
                all.replica_sets.handle(event, &mut all.pod_control, cx);
            }),
            Event::StatefulSet(event) => with_context!(self, now, Event::StatefulSet, |all, cx| {
                all.stateful_sets.handle(event, &mut all.pod_control, cx);
            }),
            Event::DaemonSet(event) => with_context!(self, now, Event::DaemonSet, |all, cx| {
                all.daemon_sets.handle(event, &mut all.pod_control, cx);
            }),
            Event::Job(event) => with_context!(self, now, Event::Job, |all, cx| {
                all.jobs.handle(event, &mut all.pod_control, cx);
            }),
            Event::CronJob(event) => with_context!(self, now, Event::CronJob, |all, cx| {
                all.cron_jobs.handle(event, &mut all.pod_control, cx);
            }),
            Event::Disruption(event) => with_context!(self, now, Event::Disruption, |_all, cx| {
                disruption::handle(event, cx);
            }),
            Event::Endpoints(event) => with_context!(self, now, Event::Endpoints, |all, cx| {
                all.endpoints.handle(event, cx);
            }),
            Event::GarbageCollector(event) => {
                with_context!(self, now, Event::GarbageCollector, |all, cx| {
                    all.garbage_collector.handle(event, cx);
                });
            }
            Event::PodGc(event) => self.collect_pods(event, now),
            Event::TaintEviction(event) => {
                with_context!(self, now, Event::TaintEviction, |all, cx| {
                    all.taint_eviction.handle(event, cx);
                });
            }
            Event::NodeLifecycle(event) => {
                with_context!(self, now, Event::NodeLifecycle, |all, cx| {
                    all.node_lifecycle.handle(event, cx);
                });
            }
            Event::Scheduler(event) => with_context!(self, now, Event::Scheduler, |all, cx| {
                all.scheduler.handle(event, cx);
            }),
            Event::Kubelet(event) => {
                self.handle_kubelet(event, now);
                self.observe_evictions();
            }
            Event::CreateWorkload(index) => self.create_workload(index as usize, now),
            Event::DeleteWorkload(index) => self.delete_workload(index as usize, now),
            Event::Action(index) => self.act_planned(index as usize, now),
            Event::Drain(index) => self.continue_drain(index as usize, now),
            Event::WatchTimeout(index) => self.watch_timed_out(index as usize, now),
            Event::Cloud(event) => self.handle_cloud(event, now),
            Event::ClusterAutoscaler(event) => self.handle_cluster_autoscaler(event, now),
            Event::Karpenter(event) => self.handle_karpenter(event, now),
            Event::Faults => self.heed_faults(now),
            Event::Hpa(event) => self.sync_hpas(event, now),
            Event::Keda(event) => self.handle_keda(event, now),
            Event::VpaRecommender => self.recommend_vpas(now),
            Event::VpaUpdater => self.update_vpas(now),
            Event::Sample => self.sample(now),
            Event::Counters => self.read_counters(now),
            Event::Prometheus(event) => self.handle_prometheus(event, now),
        }
        self.settle(now);
    }

    fn handle_kubelet(&mut self, event: kubelet::Event, now: SimTime) {
        let killed = {
            let stats = memory_stats(&self.traffic, &self.pods, now);
            let answers = answers(&self.traffic, &self.pods);
            with_context!(self, now, Event::Kubelet, |all, cx| {
                all.kubelet.handle(event, (&stats, &answers), cx);
                all.kubelet.take_kernel_kills()
            })
        };
        for pod in killed {
            self.record_oom_kill(pod, now);
        }
    }

    /// Passes a change to every component that it may concern.
    pub(super) fn tell_controllers(&mut self, change: Change, now: SimTime) {
        match change.object {
            ObjectId::Pod(id) => self.tell_of_pod(id, change, now),
            ObjectId::Deployment(_) => self.tell_deployments(change, now),
            ObjectId::ReplicaSet(_) => {
                self.tell_deployments(change, now);
                with_context!(self, now, Event::ReplicaSet, |all, cx| {
                    all.replica_sets.observe(change, cx);
                });
            }
            ObjectId::StatefulSet(_) => with_context!(self, now, Event::StatefulSet, |all, cx| {
                all.stateful_sets.observe(change, cx);
            }),
            ObjectId::DaemonSet(_) => with_context!(self, now, Event::DaemonSet, |all, cx| {
                all.daemon_sets.observe(change, cx);
            }),
            ObjectId::Job(_) => {
                with_context!(self, now, Event::Job, |all, cx| {
                    all.jobs.observe(change, cx);
                });
                self.tell_cron_jobs(change, now);
            }
            ObjectId::CronJob(_) => self.tell_cron_jobs(change, now),
            ObjectId::Node(_) => {
                with_context!(self, now, Event::DaemonSet, |all, cx| {
                    all.daemon_sets.observe(change, cx);
                });
                with_context!(self, now, Event::Scheduler, |all, cx| {
                    all.scheduler.observe(change, cx);
                });
                with_context!(self, now, Event::TaintEviction, |all, cx| {
                    all.taint_eviction.observe(change, cx);
                });
                with_context!(self, now, Event::PodGc, |_all, cx| {
                    podgc::observe(change, cx);
                });
                with_context!(self, now, Event::NodeLifecycle, |all, cx| {
                    all.node_lifecycle.observe(change, cx);
                });
                let stats = memory_stats(&self.traffic, &self.pods, now);
                with_context!(self, now, Event::Kubelet, |all, cx| {
                    all.kubelet.observe(change, &stats, cx);
                });
            }
            ObjectId::HorizontalPodAutoscaler(_) => self.tell_keda_of_hpa(change, now),
            ObjectId::PodDisruptionBudget(_) => {
                with_context!(self, now, Event::Kubelet, |_all, cx| {
                    disruption::observe(change, cx);
                });
            }
            ObjectId::VerticalPodAutoscaler(_)
            | ObjectId::ScaledObject(_)
            | ObjectId::ScaledJob(_) => {}
        }
        if change.what == What::Deleted {
            with_context!(self, now, Event::GarbageCollector, |all, cx| {
                all.garbage_collector.observe(change, cx);
            });
        }
    }

    fn tell_cron_jobs(&mut self, change: Change, now: SimTime) {
        with_context!(self, now, Event::CronJob, |all, cx| {
            all.cron_jobs.observe(change, cx);
        });
    }

    fn tell_deployments(&mut self, change: Change, now: SimTime) {
        with_context!(self, now, Event::Deployment, |all, cx| {
            all.deployments.observe(change, &mut all.pod_control, cx);
        });
    }

    /// Passes a change of a pod to its owner's controller, then to those that look at all pods.
    fn tell_of_pod(&mut self, id: PodId, change: Change, now: SimTime) {
        let what = change.what;
        let counts = matches!(
            what,
            What::Created | What::Ready | What::Deleting | What::Ended | What::Deleted
        );
        match self.store.pod(id).and_then(|pod| pod.meta.owner) {
            Some(ObjectId::ReplicaSet(_)) if counts => {
                self.tell_deployments(change, now);
                with_context!(self, now, Event::ReplicaSet, |all, cx| {
                    all.replica_sets.observe(change, cx);
                });
            }
            Some(ObjectId::StatefulSet(_)) if counts => {
                with_context!(self, now, Event::StatefulSet, |all, cx| {
                    all.stateful_sets.observe(change, cx);
                });
            }
            Some(ObjectId::DaemonSet(_)) if counts => {
                with_context!(self, now, Event::DaemonSet, |all, cx| {
                    all.daemon_sets.observe(change, cx);
                });
            }
            Some(ObjectId::Job(_)) if what != What::Spec => self.tell_jobs(change, now),
            _ => {}
        }
        let named = || {
            let pod = self.store.pod(id);
            pod.is_some_and(|pod| pod.template.node_name.is_some())
        };
        if what == What::Created && named() {
            with_context!(self, now, Event::PodGc, |_all, cx| {
                podgc::observe(change, cx);
            });
        }
        let is_bare = || {
            self.store
                .pod(id)
                .is_some_and(|pod| pod.meta.owner.is_none())
        };
        if what == What::Spec || what == What::Created && is_bare() {
            // Who may adopt a new pod hears of it as of one whose labels change.
            let what = What::Spec;
            self.tell_of_labels(Change { what, ..change }, now);
        }
        if matches!(
            what,
            What::Created | What::Spec | What::Deleting | What::Deleted
        ) {
            with_context!(self, now, Event::Kubelet, |_all, cx| {
                disruption::observe(change, cx);
            });
        }
        if matches!(
            what,
            What::Ready | What::Deleting | What::Spec | What::Ended | What::Deleted
        ) {
            with_context!(self, now, Event::Endpoints, |all, cx| {
                all.endpoints.observe(change, cx);
            });
        }
        if counts || matches!(what, What::Scheduled | What::GraceShortened) {
            let stats = memory_stats(&self.traffic, &self.pods, now);
            with_context!(self, now, Event::Kubelet, |all, cx| {
                all.kubelet.observe(change, &stats, cx);
            });
        }
        if matches!(what, What::Scheduled | What::Deleted) {
            with_context!(self, now, Event::TaintEviction, |all, cx| {
                all.taint_eviction.observe(change, cx);
            });
        }
        let concerns_scheduler = matches!(
            what,
            What::Created
                | What::Spec
                | What::Scheduled
                | What::Ended
                | What::Deleted
                | What::ResizeAllocated
        );
        if concerns_scheduler {
            with_context!(self, now, Event::Scheduler, |all, cx| {
                all.scheduler.observe(change, cx);
            });
        }
    }

    /// Labels of a pod may have changed, or its controller: whoever may release or adopt it hears
    /// of it.
    fn tell_of_labels(&mut self, change: Change, now: SimTime) {
        self.tell_deployments(change, now);
        with_context!(self, now, Event::ReplicaSet, |all, cx| {
            all.replica_sets.observe(change, cx);
        });
        with_context!(self, now, Event::StatefulSet, |all, cx| {
            all.stateful_sets.observe(change, cx);
        });
        with_context!(self, now, Event::DaemonSet, |all, cx| {
            all.daemon_sets.observe(change, cx);
        });
        self.tell_jobs(change, now);
    }

    fn tell_jobs(&mut self, change: Change, now: SimTime) {
        with_context!(self, now, Event::Job, |all, cx| {
            all.jobs.observe(change, cx);
        });
    }

    /// The kernel has killed a container, or it has ended by itself.
    pub(super) fn container_exited(
        &mut self,
        pod: PodId,
        container: u16,
        reason: TerminationReason,
        now: SimTime,
    ) {
        with_context!(self, now, Event::Kubelet, |all, cx| {
            all.kubelet.container_exited(pod, container, reason, cx);
        });
    }

    /// The last request of a terminating pod is done.
    pub(super) fn drained(&mut self, pod: PodId, now: SimTime) {
        with_context!(self, now, Event::Kubelet, |all, cx| {
            all.kubelet.drained(pod, cx);
        });
    }
}
