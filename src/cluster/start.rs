//! What is there from the start, settled.

use super::disruption::covering;
use super::effect::{ClusterEffect, EffectLog};
use super::node::Node;
use super::pod::{PodPhase, Stage};
use super::scheduler::Scheduler;
use super::score::zone_numbers;
use super::spec::{ClusterConfig, NodeGroupSpec, PdbSpec, WorkloadKind, WorkloadSpec};
use super::state::{Cluster, ClusterEvent, Context};
use super::token_bucket::Clients;
use super::workload::{Counts, Workload, random_suffix};
use crate::sim::{Arena, EventQueue, SimDuration, SimTime, Streams};

/// Pods that are there at the start have run for this long.
const SETTLED: SimDuration = SimDuration::from_secs(3600);

impl Cluster {
    /// A cluster whose nodes are up and whose workloads do not exist yet.
    pub fn new(
        config: &ClusterConfig,
        groups: &[NodeGroupSpec],
        workloads: &[WorkloadSpec],
        pdbs: &[PdbSpec],
        streams: &Streams,
    ) -> Self {
        let zones = zone_numbers(groups.iter().map(|group| group.zone.as_str()));
        let nodes = (groups.iter().zip(zones).enumerate()).flat_map(|(group, (spec, zone))| {
            let place = (group, zone);
            (0..spec.count).map(move |number| Node::new(spec, place, number, workloads.len()))
        });
        let workloads = workloads.iter().map(|spec| {
            let mut stream = streams.stream(&Workload::stream_name(spec));
            Workload {
                spec: spec.clone(),
                replicas: spec.replicas,
                pods: Vec::new(),
                by_name: Vec::new(),
                counts: Counts::default(),
                exists: false,
                pdbs: covering(pdbs, &spec.namespace, &spec.template.labels),
                creating: 0,
                batch: (0, 0),
                sync_at: None,
                created: 0,
                succeeded: 0,
                failed: 0,
                failing: (0, SimTime::ZERO),
                given_up: false,
                template_hash: random_suffix(&mut stream, 10),
                stream,
                streams: *streams,
            }
        });
        let workloads: Vec<Workload> = workloads.collect();
        Self {
            config: config.clone(),
            groups: groups.to_vec(),
            nodes: nodes.collect(),
            image_of: images(&workloads),
            workloads,
            pdbs: pdbs.to_vec(),
            pods: Arena::default(),
            scheduler: Scheduler::new(config),
            clients: Clients::new(config),
            graveyard: Vec::new(),
            created: 0,
            deleted: 0,
        }
    }

    /// Creates what is there from the start, settled, and schedules what comes later.
    pub fn start<E: Copy + From<ClusterEvent>>(
        &mut self,
        queue: &mut EventQueue<E>,
        log: &mut EffectLog,
    ) {
        let mut context = Context {
            now: SimTime::ZERO,
            queue,
            log,
        };
        for index in 0..self.workloads.len() {
            let number = index as u32;
            let spec = &self.workloads[index].spec;
            let (created_at, deleted_at) = (spec.created_at, spec.deleted_at);
            let settles =
                created_at == SimTime::ZERO && !matches!(spec.kind, WorkloadKind::Job { .. });
            if settles {
                self.workloads[index].exists = true;
                for _ in 0..self.workloads[index].replicas {
                    self.create_settled(index, &mut context);
                }
            } else {
                context
                    .queue
                    .schedule(created_at, ClusterEvent::WorkloadCreated(number));
            }
            if let Some(time) = deleted_at {
                context
                    .queue
                    .schedule(time, ClusterEvent::WorkloadDeleted(number));
            }
        }
    }

    /// A pod that has been ready for long; if no node has room for it, it is pending.
    fn create_settled<E: Copy + From<ClusterEvent>>(
        &mut self,
        workload: usize,
        context: &mut Context<'_, E>,
    ) {
        let age = SETTLED + SimDuration::from_secs(self.workloads[workload].pods.len() as i64);
        let since = SimTime::ZERO - age;
        let id = self.insert_pod(workload, since);
        context.log.push(ClusterEffect::PodCreated(id));
        let Ok(node) = self.find_node(id) else {
            self.enqueue(id, context);
            return;
        };
        self.assign(id, node);
        self.nodes[node].image_at[self.image_of[workload]] = Some(since);
        self.change(id, |pod| {
            pod.stage = Stage::Running;
            pod.phase = PodPhase::Running;
            pod.start_time = Some(since);
            pod.ready = true;
            pod.endpoint_of = Some(pod.run);
            pod.ready_transition = since + SimDuration::from_secs(10);
            for container in &mut pod.containers {
                container.running_since = Some(since);
            }
        });
        context.log.push(ClusterEffect::PodScheduled(id));
        for container in 0..self.workloads[workload].spec.template.containers.len() {
            let container = container as u16;
            context.log.push(ClusterEffect::ContainerStarted {
                pod: id,
                container,
                at: since,
            });
        }
        context.log.push(ClusterEffect::AppStarted(id));
        context.log.push(ClusterEffect::ReadyChanged(id));
        context.log.push(ClusterEffect::EndpointAdded(id));
    }
}

/// Per workload, the first one whose pods have the same image.
fn images(workloads: &[Workload]) -> Vec<usize> {
    let image = |workload: &Workload| {
        let first = workload.spec.template.containers.first();
        first.map(|container| container.image.clone())
    };
    let images: Vec<Option<String>> = workloads.iter().map(image).collect();
    let first = |own: usize| {
        let same = images.iter().position(|image| *image == images[own]);
        same.unwrap_or(own)
    };
    (0..images.len()).map(first).collect()
}
