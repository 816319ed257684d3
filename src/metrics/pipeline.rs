//! The way of a measurement: container → kubelet → metrics-server → API.

mod settled;
#[cfg(test)]
mod tests;

use super::kubelet::Samples;
use super::server::{FreshRule, PodMetrics, PodStore, Point};
use super::spec::PipelineConfig;
use crate::sim::{Arena, EventQueue, Key, SimDuration, SimTime, Stream, Streams};
use crate::units::{Bytes, CpuTime};

/// CPU that is charged to a container before its process runs: the runtime sets it up in its
/// cgroup. So no container that runs has used exactly nothing, which metrics-server would take for
/// one that is not there.
const CONTAINER_INIT: CpuTime = CpuTime(10_000_000);

/// A container that is measured.
pub type ContainerId = Key<Container>;
/// A pod that metrics-server scrapes.
pub type MetricsPodId = Key<TrackedPod>;

/// Usage at an instant, whatever its source.
pub trait UsageSource {
    /// CPU consumed since `tracked` was first measured from, and the working set now.
    fn usage(&mut self, tracked: Tracked, now: SimTime) -> (CpuTime, Bytes);
}

/// The container, by the numbers of the pipeline's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tracked {
    /// The owner's number for the pod.
    pub pod: u64,
    /// Which container of the pod.
    pub container: u16,
}

/// What happens in the pipeline.
#[derive(Debug, Clone, Copy)]
pub enum MetricsEvent {
    /// cAdvisor measures a container.
    Housekeeping(ContainerId),
    /// metrics-server begins a scrape.
    Scrape,
    /// The slowest node has answered: the scrape's points replace the older ones.
    Publish,
}

const _: () = assert!(
    size_of::<MetricsEvent>() <= 12,
    "room for an outer enum's tag"
);

/// A measured container.
#[derive(Debug, Clone)]
pub struct Container {
    tracked: Tracked,
    pod: MetricsPodId,
    started: SimTime,
    /// CPU consumed before its usage is counted.
    before: CpuTime,
    samples: Samples,
    /// The random stream of its gaps. It is its own, so other containers do not change it.
    stream: Stream,
}

/// A scraped pod.
#[derive(Debug, Clone)]
pub struct TrackedPod {
    node: usize,
    /// The random streams of its containers.
    streams: Streams,
    /// Containers tracked so far.
    tracked: u32,
    containers: Vec<ContainerId>,
    store: PodStore,
}

/// The state of all kubelets and of metrics-server.
#[derive(Debug, Clone)]
pub struct Pipeline {
    config: PipelineConfig,
    nodes: usize,
    phase: SimDuration,
    /// The random stream of metrics-server's delays.
    stream: Stream,
    streams: Streams,
    containers: Arena<Container>,
    pods: Arena<TrackedPod>,
    /// When the scrape that is under way, or was last, began. A scrape ends before the next
    /// begins: the stagger stays below the shortest resolution that metrics-server accepts.
    scrape_began: SimTime,
    /// Scrapes that have begun.
    scrapes: usize,
    /// Per node, how long after a scrape's begin it is asked.
    node_delays: Vec<SimDuration>,
    /// Nodes whose kubelet does not answer.
    silent: Vec<usize>,
    /// Whether metrics-server is down.
    is_down: bool,
}

impl Pipeline {
    /// A pipeline over this many nodes, its phase drawn.
    pub fn new(config: &PipelineConfig, nodes: usize, streams: &Streams) -> Self {
        let mut stream = streams.stream("metrics");
        let phase = SimDuration((config.metric_resolution.0 as f64 * stream.unit()) as i64);
        let first = config.first_scrapes.first();
        let phase = first.map_or(phase, |first| *first - SimTime::ZERO);
        Self {
            config: config.clone(),
            nodes,
            phase,
            stream,
            streams: *streams,
            containers: Arena::default(),
            pods: Arena::default(),
            scrape_began: SimTime::ZERO,
            scrapes: 0,
            node_delays: Vec::new(),
            silent: Vec::new(),
            is_down: false,
        }
    }

    /// Schedules the first scrape.
    pub fn start<E: Copy + From<MetricsEvent>>(&mut self, queue: &mut EventQueue<E>) {
        queue.schedule(SimTime::ZERO + self.phase, MetricsEvent::Scrape);
    }

    /// Says which nodes' kubelets do not answer from now on, and whether metrics-server is
    /// down. What it had scraped is lost with it.
    pub fn set_outage(&mut self, silent: Vec<usize>, is_down: bool) {
        if is_down && !self.is_down {
            for pod in self.pods.values_mut() {
                pod.store = PodStore::default();
            }
        }
        (self.silent, self.is_down) = (silent, is_down);
    }

    /// Whether the resource metrics API is unavailable.
    pub fn is_down(&self) -> bool {
        self.is_down
    }

    /// Begins to scrape a pod on a node; the UID tells its random streams from others'.
    pub fn track_pod(&mut self, node: usize, uid: u64) -> MetricsPodId {
        let pod = TrackedPod {
            node,
            streams: self.streams.of("metrics").numbered(uid),
            tracked: 0,
            containers: Vec::new(),
            store: PodStore::default(),
        };
        self.pods.insert(pod)
    }

    /// Begins to measure a container that has just started.
    pub fn track<E: Copy + From<MetricsEvent>>(
        &mut self,
        pod: MetricsPodId,
        tracked: Tracked,
        now: SimTime,
        queue: &mut EventQueue<E>,
    ) -> ContainerId {
        let samples = Samples::new(&self.config);
        let mut stream = self.container_stream(pod);
        let delay = SimDuration::from_secs_f64(self.config.first_sample_delay.sample(&mut stream));
        let id = self.insert(Container {
            tracked,
            pod,
            started: self.start_of(now),
            before: self.init_cpu(),
            samples,
            stream,
        });
        if !self.config.stats_on_request {
            queue.schedule(now + delay, MetricsEvent::Housekeeping(id));
        }
        id
    }

    /// CPU that a container has used when its process begins. Simulated counters begin at 0.
    fn init_cpu(&self) -> CpuTime {
        if self.config.stats_on_request {
            CpuTime(0)
        } else {
            CONTAINER_INIT
        }
    }

    /// The start of a container that starts now, as its measurements tell it.
    fn start_of(&self, now: SimTime) -> SimTime {
        if self.config.stats_on_request {
            now.truncate_to_second()
        } else {
            now
        }
    }

    fn container_stream(&mut self, pod: MetricsPodId) -> Stream {
        let Some(pod) = self.pods.get_mut(pod) else {
            return self.streams.stream("metrics");
        };
        pod.tracked += 1;
        pod.streams.nth(u64::from(pod.tracked))
    }

    fn insert(&mut self, container: Container) -> ContainerId {
        let pod = container.pod;
        let id = self.containers.insert(container);
        if let Some(pod) = self.pods.get_mut(pod) {
            pod.containers.push(id);
        }
        id
    }

    /// Stops measuring a container; its pod stays.
    pub fn untrack(&mut self, id: ContainerId) {
        if let Some(container) = self.containers.remove(id)
            && let Some(pod) = self.pods.get_mut(container.pod)
        {
            pod.containers.retain(|other| *other != id);
        }
    }

    /// Forgets a pod and its containers.
    pub fn untrack_pod(&mut self, id: MetricsPodId) {
        if let Some(pod) = self.pods.remove(id) {
            for container in pod.containers {
                self.containers.remove(container);
            }
        }
    }

    /// Carries out an event.
    pub fn handle<E: Copy + From<MetricsEvent>>(
        &mut self,
        event: MetricsEvent,
        now: SimTime,
        queue: &mut EventQueue<E>,
        usage: &mut impl UsageSource,
    ) {
        match event {
            MetricsEvent::Housekeeping(id) => self.measure(id, now, queue, usage),
            MetricsEvent::Scrape => {
                self.scrape_began = now;
                let slowest = self.draw_node_delays();
                queue.schedule(now + slowest, MetricsEvent::Publish);
                self.scrapes += 1;
                let stated = self.config.first_scrapes.get(self.scrapes);
                let next = stated
                    .copied()
                    .unwrap_or(now + self.config.metric_resolution);
                queue.schedule(next, MetricsEvent::Scrape);
                if self.config.stats_on_request {
                    self.measure_all(now, usage);
                }
            }
            MetricsEvent::Publish => self.publish(),
        }
    }

    fn measure<E: Copy + From<MetricsEvent>>(
        &mut self,
        id: ContainerId,
        now: SimTime,
        queue: &mut EventQueue<E>,
        usage: &mut impl UsageSource,
    ) {
        let Some(container) = self.containers.get_mut(id) else {
            return;
        };
        let (cpu, memory) = usage.usage(container.tracked, now);
        let cpu = CpuTime(container.before.0 + cpu.0);
        let point = Point {
            start: container.started,
            timestamp: now,
            cpu,
            memory,
        };
        let gap = container
            .samples
            .take(point, &self.config, &mut container.stream);
        queue.schedule(now + gap, MetricsEvent::Housekeeping(id));
    }

    /// Measures every container: they are asked for it.
    fn measure_all(&mut self, now: SimTime, usage: &mut impl UsageSource) {
        for container in self.containers.values_mut() {
            let (cpu, memory) = usage.usage(container.tracked, now);
            let point = Point {
                start: container.started,
                timestamp: now,
                cpu: CpuTime(container.before.0 + cpu.0),
                memory,
            };
            container
                .samples
                .take(point, &self.config, &mut container.stream);
        }
    }

    fn draw_node_delays(&mut self) -> SimDuration {
        let span = (self.config.node_stagger * self.nodes as i64).min(self.config.node_stagger_max);
        self.node_delays.clear();
        let mut slowest = SimDuration::ZERO;
        for _ in 0..self.nodes {
            let delay = SimDuration((span.0 as f64 * self.stream.unit()) as i64);
            slowest = slowest.max(delay);
            self.node_delays.push(delay);
        }
        slowest
    }

    fn fresh_rule(&self) -> FreshRule {
        FreshRule {
            resolution: self.config.metric_resolution,
            min_age: self.config.fresh_min_age,
        }
    }

    fn publish(&mut self) {
        if self.is_down {
            return;
        }
        let (began, rule) = (self.scrape_began, self.fresh_rule());
        for pod in self.pods.values_mut() {
            let asked = began + self.node_delays.get(pod.node).copied().unwrap_or_default();
            let containers = &self.containers;
            let sample = |id: &ContainerId| {
                let container = containers.get(*id)?;
                Some((container.tracked.container, container.samples.at(asked)?))
            };
            // A container without any CPU or memory drops the whole pod from the scrape.
            let whole = pod
                .containers
                .iter()
                .filter_map(sample)
                .all(|(_, point)| point.cpu.0 > 0 && point.memory.0 > 0);
            let answers = whole && !self.silent.contains(&pod.node);
            let points = pod.containers.iter().filter_map(sample).filter(|_| answers);
            pod.store.store(points, rule);
        }
    }

    /// What the resource metrics API returns for a pod, written into `metrics`; false if it
    /// lists none.
    pub fn pod_metrics(&self, pod: MetricsPodId, metrics: &mut PodMetrics) -> bool {
        self.pods
            .get(pod)
            .is_some_and(|pod| pod.store.read(metrics))
    }
}
