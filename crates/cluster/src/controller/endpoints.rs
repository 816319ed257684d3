//! From Ready to traffic: the EndpointSlice controller and kube-proxy, as one delay each way.
//!
//! Where no pod of a Service is ready, kube-proxy sends connections to those that are being deleted
//! and are Ready still (`CategorizeEndpoints` of `pkg/proxy/topology.go`).
//!
//! A pod whose labels change may serve the Services of another workload: it visits them.

use std::sync::Arc;

use crate::api::{Change, Context, LabelSelector, Labels, ObjectId, Pod, PodId, What, WorkloadId};
use crate::cluster::spec::ClusterConfig;
use crate::sim::Dist;

/// What endpoints wait for. Numbers tell a pod's times of readiness apart.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// kube-proxy learns that a pod is ready.
    Add(PodId, u16),
    /// kube-proxy learns that a pod is not ready any more.
    Remove(PodId, u16),
    /// kube-proxy learns that a pod that is being deleted has ended.
    End(PodId),
    /// kube-proxy learns what has become of a visit.
    Visit(u32),
}

/// What is known of a pod.
#[derive(Debug, Clone, Copy)]
struct Endpoint {
    pod: PodId,
    workload: WorkloadId,
    /// Counts its times of readiness.
    run: u16,
    /// The one with which kube-proxy has it as an endpoint, if it has.
    known_as: Option<u16>,
    /// Whether it is one though it is being deleted, as no other is ready.
    stands_in: bool,
    /// Whether a Service selects it.
    selected: bool,
}

/// What is known of a workload's pods.
#[derive(Debug, Clone, Default)]
struct OfWorkload {
    /// The selectors of the Services that lead to them; none if all lead there.
    selectors: Vec<LabelSelector>,
    /// Whether it is kube-proxy that chooses among them.
    by_kube_proxy: bool,
    /// How many are endpoints because they are ready.
    ready: usize,
    /// Those that are being deleted and are Ready still.
    serving: Vec<PodId>,
}

/// Services that lead to a workload's pods, and to others that they select.
#[derive(Debug, Clone)]
struct Host {
    workload: WorkloadId,
    namespace: Arc<str>,
    selectors: Vec<LabelSelector>,
}

impl Host {
    /// Whether its Services select a pod of another workload since its labels have changed. What
    /// they selected from the start is the scenario's to say.
    fn selects(&self, pod: &Pod) -> bool {
        let any = |labels: &Labels| self.selectors.iter().any(|one| one.matches(labels));
        self.workload != pod.workload
            && *self.namespace == *pod.meta.namespace
            && any(&pod.meta.labels)
            && !any(&pod.template.labels)
    }
}

/// A pod as an endpoint of another workload's Services.
#[derive(Debug, Clone, Copy)]
struct Visit {
    pod: PodId,
    host: WorkloadId,
    is_endpoint: bool,
    /// Whether kube-proxy has it as one.
    is_known: bool,
}

/// The endpoints of all pods.
#[derive(Debug, Clone)]
pub struct Controller {
    delay: Dist,
    endpoints: Vec<Option<Endpoint>>,
    workloads: Vec<OfWorkload>,
    hosts: Vec<Host>,
    /// All that there ever were.
    visits: Vec<Visit>,
}

impl Controller {
    /// A controller with these settings.
    pub fn new(config: &ClusterConfig) -> Self {
        Self {
            delay: config.endpoints_delay.clone(),
            endpoints: Vec::new(),
            workloads: Vec::new(),
            hosts: Vec::new(),
            visits: Vec::new(),
        }
    }

    /// Services with these selectors lead to a workload, and to what else they select.
    pub fn host(
        &mut self,
        workload: WorkloadId,
        namespace: Arc<str>,
        selectors: Vec<LabelSelector>,
    ) {
        self.hosts.push(Host {
            workload,
            namespace,
            selectors,
        });
    }

    /// Services lead to pods of a workload that one of these selectors matches, and kube-proxy
    /// chooses among them or something else does.
    pub fn select(
        &mut self,
        workload: WorkloadId,
        selectors: Vec<LabelSelector>,
        by_kube_proxy: bool,
    ) {
        let of = self.workload(workload);
        (of.selectors, of.by_kube_proxy) = (selectors, by_kube_proxy);
    }

    fn workload(&mut self, id: WorkloadId) -> &mut OfWorkload {
        if self.workloads.len() <= id.index() {
            self.workloads.resize(id.index() + 1, OfWorkload::default());
        }
        &mut self.workloads[id.index()]
    }

    fn is_selected(&self, pod: &Pod) -> bool {
        let of = self.workloads.get(pod.workload.index());
        let selectors = of.map_or(&[][..], |of| &of.selectors);
        let matches = |selector: &LabelSelector| selector.matches(&pod.meta.labels);
        selectors.is_empty() || selectors.iter().any(matches)
    }

    fn of(&mut self, pod: PodId, workload: WorkloadId) -> &mut Endpoint {
        if self.endpoints.len() <= pod.slot() {
            self.endpoints.resize(pod.slot() + 1, None);
        }
        let before = self.endpoints[pod.slot()].filter(|before| before.pod != pod);
        if let Some(before) = before.filter(|before| before.known_as.is_some()) {
            // It went without a word.
            let of = self.workload(before.workload);
            of.ready = of.ready.saturating_sub(1);
        }
        let fresh = Endpoint {
            pod,
            workload,
            run: 0,
            known_as: None,
            stands_in: false,
            selected: true,
        };
        let endpoint = &mut self.endpoints[pod.slot()];
        if before.is_some() {
            *endpoint = None;
        }
        endpoint.get_or_insert(fresh)
    }

    /// A pod that is an endpoint from the start.
    pub fn settle(&mut self, pod: PodId, workload: WorkloadId) {
        let endpoint = self.of(pod, workload);
        endpoint.known_as = Some(endpoint.run);
        self.workload(workload).ready += 1;
    }

    /// Wakes up for a change.
    pub fn observe(&mut self, change: Change, context: &mut Context<'_, Event>) {
        let ObjectId::Pod(id) = change.object else {
            return;
        };
        self.look_at_visits(id, change.what, context);
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let (workload, is_ready, ready) = (pod.workload, pod.is_ready(), pod.ready);
        match change.what {
            What::Ready => {
                let known = *self.of(id, workload);
                if known.stands_in && !ready {
                    self.ends(id, workload, context);
                }
                if is_ready && (known.known_as == Some(known.run) || !known.selected) {
                    return; // from the start, or of no Service
                }
                self.change(id, workload, is_ready, context);
            }
            What::Spec => {
                let selected = self.is_selected(pod);
                let endpoint = self.of(id, workload);
                let before = std::mem::replace(&mut endpoint.selected, selected);
                if before != selected && is_ready {
                    self.change(id, workload, selected, context);
                }
            }
            // One whose object goes at once is not Ready any more when this is heard of.
            What::Deleting => {
                let known = *self.of(id, workload);
                let run = known.run;
                if !ready && known.known_as != Some(run) {
                    return;
                }
                let delay = context.draws.delay(id, &self.delay);
                context.after(delay, Event::Remove(id, run));
            }
            What::Ended | What::Deleted => self.ends(id, workload, context),
            _ => {}
        }
    }

    /// A pod may be an endpoint of other workloads' Services now, or no longer.
    fn look_at_visits(&mut self, id: PodId, what: What, context: &mut Context<'_, Event>) {
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        if what == What::Spec {
            for host in self.hosts.iter().filter(|host| host.selects(pod)) {
                let mut known = self.visits.iter();
                if !known.any(|one| one.pod == id && one.host == host.workload) {
                    self.visits.push(Visit {
                        pod: id,
                        host: host.workload,
                        is_endpoint: false,
                        is_known: false,
                    });
                }
            }
        }
        let mut changed = Vec::new();
        for (place, visit) in (0..).zip(&mut self.visits) {
            if visit.pod != id {
                continue;
            }
            let mut hosts = self.hosts.iter();
            let is_endpoint = pod.is_ready()
                && !pod.removed
                && hosts.any(|host| host.workload == visit.host && host.selects(pod));
            if std::mem::replace(&mut visit.is_endpoint, is_endpoint) != is_endpoint {
                changed.push(place);
            }
        }
        for place in changed {
            let delay = context.draws.delay(id, &self.delay);
            context.after(delay, Event::Visit(place));
        }
    }

    fn learn_of_visit(&mut self, place: u32, context: &mut Context<'_, Event>) {
        let visit = &mut self.visits[place as usize];
        let is_endpoint = visit.is_endpoint;
        if std::mem::replace(&mut visit.is_known, is_endpoint) != is_endpoint {
            let what = What::EndpointElsewhere(visit.host, is_endpoint);
            context.store.notify(ObjectId::Pod(visit.pod), what);
        }
    }

    /// A pod that is being deleted is not Ready any more.
    fn ends(&mut self, id: PodId, workload: WorkloadId, context: &mut Context<'_, Event>) {
        let serving = &mut self.workload(workload).serving;
        let Some(place) = serving.iter().position(|one| *one == id) else {
            return;
        };
        serving.remove(place);
        if std::mem::take(&mut self.of(id, workload).stands_in) {
            let delay = context.draws.delay(id, &self.delay);
            context.after(delay, Event::End(id));
        }
    }

    /// A pod is an endpoint from now on, or no longer: kube-proxy will learn of it.
    fn change(
        &mut self,
        id: PodId,
        workload: WorkloadId,
        is_endpoint: bool,
        context: &mut Context<'_, Event>,
    ) {
        let delay = context.draws.delay(id, &self.delay);
        let endpoint = self.of(id, workload);
        let run = endpoint.run;
        if is_endpoint {
            context.after(delay, Event::Add(id, run));
        } else {
            endpoint.run = run.wrapping_add(1);
            context.after(delay, Event::Remove(id, run));
        }
    }

    /// Carries out an event.
    pub fn handle(&mut self, event: Event, context: &mut Context<'_, Event>) {
        match event {
            Event::Add(id, run) => self.add(id, run, context),
            Event::Remove(id, run) => self.remove(id, run, context),
            Event::Visit(place) => self.learn_of_visit(place, context),
            Event::End(id) => {
                let object = ObjectId::Pod(id);
                context.store.notify(object, What::EndpointRemoved);
            }
        }
    }

    fn add(&mut self, id: PodId, run: u16, context: &mut Context<'_, Event>) {
        let Some(pod) = context.store.pod(id).filter(|pod| pod.is_ready()) else {
            return;
        };
        let workload = pod.workload;
        let endpoint = self.of(id, workload);
        if !endpoint.selected || endpoint.run != run {
            return;
        }
        let object = ObjectId::Pod(id);
        // Another start's removal that is still on its way has been overtaken.
        if endpoint.known_as.replace(run).is_some() {
            context.store.notify(object, What::EndpointRemoved);
        } else {
            self.workload(workload).ready += 1;
        }
        context.store.notify(object, What::EndpointAdded);
        // Nobody has to stand in any more.
        for place in 0..self.workload(workload).serving.len() {
            let other = self.workload(workload).serving[place];
            if std::mem::take(&mut self.of(other, workload).stands_in) {
                let object = ObjectId::Pod(other);
                context.store.notify(object, What::EndpointRemoved);
            }
        }
    }

    fn remove(&mut self, id: PodId, run: u16, context: &mut Context<'_, Event>) {
        let object = ObjectId::Pod(id);
        // The pod may be gone by now.
        let Some(pod) = context.store.pod(id).filter(|pod| !pod.removed) else {
            context.store.notify(object, What::EndpointRemoved);
            self.forget(id, context);
            return;
        };
        let serves = pod.is_deleting() && pod.ready && !pod.has_ended();
        let workload = pod.workload;
        let endpoint = self.of(id, workload);
        if endpoint.known_as != Some(run) {
            return;
        }
        endpoint.known_as = None;
        let of = self.workload(workload);
        of.ready = of.ready.saturating_sub(1);
        let nobody = of.ready == 0 && of.by_kube_proxy;
        if serves {
            of.serving.push(id);
        }
        if serves && nobody {
            self.of(id, workload).stands_in = true;
        } else {
            context.store.notify(object, What::EndpointRemoved);
        }
        if nobody {
            self.stand_in(workload, context);
        }
    }

    /// A pod is gone: it counts as an endpoint no longer, unless another is in its place already.
    fn forget(&mut self, id: PodId, context: &mut Context<'_, Event>) {
        let Some(place) = self.endpoints.get_mut(id.slot()) else {
            return;
        };
        let Some(gone) = place.take_if(|known| known.pod == id && known.known_as.is_some()) else {
            return;
        };
        let of = self.workload(gone.workload);
        of.ready = of.ready.saturating_sub(1);
        if of.ready == 0 && of.by_kube_proxy {
            self.stand_in(gone.workload, context);
        }
    }

    /// Pods that are being deleted are endpoints again, as no other is.
    fn stand_in(&mut self, workload: WorkloadId, context: &mut Context<'_, Event>) {
        for place in 0..self.workload(workload).serving.len() {
            let id = self.workload(workload).serving[place];
            if !std::mem::replace(&mut self.of(id, workload).stands_in, true) {
                let object = ObjectId::Pod(id);
                context.store.notify(object, What::EndpointAdded);
            }
        }
    }
}
