//! From Ready to traffic: the EndpointSlice controller and kube-proxy, as one delay each way.

use crate::api::{Change, Context, LabelSelector, ObjectId, Pod, PodId, What, WorkloadId};
use crate::cluster::spec::ClusterConfig;
use crate::sim::Dist;

/// What endpoints wait for. Numbers tell a pod's times of readiness apart.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// kube-proxy learns that a pod is ready.
    Add(PodId, u16),
    /// kube-proxy learns that a pod is not ready any more.
    Remove(PodId, u16),
}

/// What is known of a pod.
#[derive(Debug, Clone, Copy)]
struct Endpoint {
    pod: PodId,
    /// Counts its times of readiness.
    run: u16,
    /// The one with which kube-proxy has it as an endpoint, if it has.
    known_as: Option<u16>,
    /// Whether a Service selects it.
    selected: bool,
}

/// The endpoints of all pods.
#[derive(Debug, Clone)]
pub struct Controller {
    delay: Dist,
    endpoints: Vec<Option<Endpoint>>,
    /// By workload, the selectors of the Services that lead to its pods; none if all lead there.
    selectors: Vec<Vec<LabelSelector>>,
}

impl Controller {
    /// A controller with these settings.
    pub fn new(config: &ClusterConfig) -> Self {
        Self {
            delay: config.endpoints_delay.clone(),
            endpoints: Vec::new(),
            selectors: Vec::new(),
        }
    }

    /// Services lead to pods of a workload that one of these selectors matches.
    pub fn select(&mut self, workload: WorkloadId, selectors: Vec<LabelSelector>) {
        let place = workload.index();
        if self.selectors.len() <= place {
            self.selectors.resize(place + 1, Vec::new());
        }
        self.selectors[place] = selectors;
    }

    fn is_selected(&self, pod: &Pod) -> bool {
        let selectors = self.selectors.get(pod.workload.index());
        let selectors = selectors.map(Vec::as_slice).unwrap_or_default();
        let matches = |selector: &LabelSelector| selector.matches(&pod.meta.labels);
        selectors.is_empty() || selectors.iter().any(matches)
    }

    fn of(&mut self, pod: PodId) -> &mut Endpoint {
        if self.endpoints.len() <= pod.slot() {
            self.endpoints.resize(pod.slot() + 1, None);
        }
        let fresh = Endpoint {
            pod,
            run: 0,
            known_as: None,
            selected: true,
        };
        let endpoint = &mut self.endpoints[pod.slot()];
        if endpoint.is_none_or(|endpoint| endpoint.pod != pod) {
            *endpoint = Some(fresh);
        }
        endpoint.get_or_insert(fresh)
    }

    /// A pod that is an endpoint from the start.
    pub fn settle(&mut self, pod: PodId) {
        let endpoint = self.of(pod);
        endpoint.known_as = Some(endpoint.run);
    }

    /// Wakes up for a change.
    pub fn observe(&mut self, change: Change, context: &mut Context<'_, Event>) {
        let ObjectId::Pod(id) = change.object else {
            return;
        };
        let ready = |pod: &Pod| pod.ready;
        match change.what {
            What::Ready => {
                let is_ready = context.store.pod(id).is_some_and(Pod::is_ready);
                let known = *self.of(id);
                if is_ready && (known.known_as == Some(known.run) || !known.selected) {
                    return; // from the start, or of no Service
                }
                self.change(id, is_ready, context);
            }
            What::Spec => {
                let Some(pod) = context.store.pod(id) else {
                    return;
                };
                let (selected, is_ready) = (self.is_selected(pod), pod.is_ready());
                let before = std::mem::replace(&mut self.of(id).selected, selected);
                if before != selected && is_ready {
                    self.change(id, selected, context);
                }
            }
            What::Deleting if context.store.pod(id).is_some_and(ready) => {
                let run = self.of(id).run;
                let delay = context.draws.delay(id, &self.delay);
                context.after(delay, Event::Remove(id, run));
            }
            _ => {}
        }
    }

    /// A pod is an endpoint from now on, or no longer: kube-proxy will learn of it.
    fn change(&mut self, id: PodId, is_endpoint: bool, context: &mut Context<'_, Event>) {
        let delay = context.draws.delay(id, &self.delay);
        let endpoint = self.of(id);
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
            Event::Add(id, run) => {
                let is_ready = context.store.pod(id).is_some_and(Pod::is_ready);
                let endpoint = self.of(id);
                if !is_ready || !endpoint.selected || endpoint.run != run {
                    return;
                }
                // Another start's removal that is still on its way has been overtaken.
                if endpoint.known_as.replace(run).is_some() {
                    let object = ObjectId::Pod(id);
                    context.store.notify(object, What::EndpointRemoved);
                }
                context.store.notify(ObjectId::Pod(id), What::EndpointAdded);
            }
            Event::Remove(id, run) => {
                // The pod may be gone by now.
                if context.store.pod(id).is_some_and(|pod| !pod.removed) {
                    let endpoint = self.of(id);
                    if endpoint.known_as != Some(run) {
                        return;
                    }
                    endpoint.known_as = None;
                }
                let object = ObjectId::Pod(id);
                context.store.notify(object, What::EndpointRemoved);
            }
        }
    }
}
