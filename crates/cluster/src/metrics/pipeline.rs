//! The way of a measurement: container → kubelet → metrics-server → API.

mod answers;
mod groups;
mod lone;
mod naps;
mod scrape;
mod settled;
#[cfg(test)]
mod tests;
mod usage;

use super::kubelet::Samples;
use super::server::{FreshRule, PodStore, Point};
use super::spec::PipelineConfig;
use crate::sim::{Arena, EventQueue, Key, SimDuration, SimTime, Stream, Streams};
use crate::units::CpuTime;
use groups::Groups;
use lone::Lone;
use naps::Naps;

pub use naps::Line;
pub use usage::{Source, Tracked, UsageSource};

/// CPU that is charged to a container before its process runs: the runtime sets it up in its
/// cgroup. So no container that runs has used exactly nothing, which metrics-server would take for
/// one that is not there.
const CONTAINER_INIT: CpuTime = CpuTime(10_000_000);

/// A container that is measured.
pub type ContainerId = Key<Container>;
/// A pod that metrics-server scrapes.
pub type MetricsPodId = Key<TrackedPod>;
/// A node whose kubelet metrics-server asks: its number, which no other node gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricsNodeId(u32);

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
    /// When it is measured next, unless that is an event.
    due: SimTime,
    samples: Samples,
    /// The random stream of its gaps. It is its own, so other containers do not change it.
    stream: Stream,
}

impl Container {
    /// Takes the measurements that are due by now.
    fn catch_up(&mut self, now: SimTime, config: &PipelineConfig, usage: &mut impl UsageSource) {
        while self.due <= now {
            let at = self.due;
            self.due = at + self.measure(at, config, usage);
        }
    }

    /// Takes a measurement of a time; returns the gap until the next.
    fn measure(
        &mut self,
        time: SimTime,
        config: &PipelineConfig,
        usage: &mut impl UsageSource,
    ) -> SimDuration {
        let (cpu, memory) = self.tracked.source.usage(time, usage);
        let point = Point {
            start: self.started,
            timestamp: time,
            cpu: CpuTime(self.before.0 + cpu.0),
            memory,
        };
        self.samples.take(point, config, &mut self.stream)
    }
}

/// A node that metrics-server knows.
#[derive(Debug, Clone, Copy, Default)]
struct ScrapedNode {
    /// How long after the begin of the latest scrape it is asked.
    delay: SimDuration,
    /// Its kubelet does not answer.
    is_silent: bool,
    /// Scrapes in a row that it has answered, two at most.
    answers: u8,
}

/// A scraped pod.
#[derive(Debug, Clone)]
pub struct TrackedPod {
    node: MetricsNodeId,
    /// The random streams of its containers.
    streams: Streams,
    /// Containers tracked so far.
    tracked: u32,
    /// The container that was tracked first of those that are, and the others.
    first: Option<ContainerId>,
    others: Vec<ContainerId>,
    store: PodStore,
}

impl TrackedPod {
    fn containers(&self) -> impl Iterator<Item = ContainerId> + '_ {
        self.first.into_iter().chain(self.others.iter().copied())
    }

    fn add(&mut self, id: ContainerId) {
        if self.first.is_none() {
            self.first = Some(id);
        } else {
            self.others.push(id);
        }
    }

    fn remove(&mut self, id: ContainerId) {
        if self.first == Some(id) {
            self.first = (!self.others.is_empty()).then(|| self.others.remove(0));
        } else {
            self.others.retain(|other| *other != id);
        }
    }
}

/// What the API returns for a pod of which one container is measured.
#[derive(Debug, Clone, Copy)]
struct Rate {
    pod: MetricsPodId,
    /// End of the window.
    end: SimTime,
    window: SimDuration,
    /// CPU and memory in thousandths, as the HPA's client reads them.
    values: [i64; 2],
}

/// The state of all kubelets and of metrics-server.
#[derive(Debug, Clone)]
pub struct Pipeline {
    config: PipelineConfig,
    /// By number; none are gone.
    nodes: Vec<Option<ScrapedNode>>,
    phase: SimDuration,
    /// The random stream of metrics-server's delays.
    stream: Stream,
    streams: Streams,
    containers: Arena<Container>,
    pods: Arena<TrackedPod>,
    /// By slot: the pods of which one container is measured, as scrapes read it.
    lone: Vec<Option<Lone>>,
    /// By slot of the pod, if one container of another is measured: read much more often than written.
    rates: Vec<Option<Rate>>,
    /// Sums over the lone ones.
    groups: Groups,
    /// Those that scrapes pass over.
    naps: Naps,
    /// When the scrape that is under way, or was last, began. A scrape ends before the next
    /// begins: the stagger stays below the shortest resolution that metrics-server accepts.
    scrape_began: SimTime,
    /// Scrapes that have begun.
    scrapes: usize,
    /// Whether metrics-server is down.
    is_down: bool,
    /// Whether nodes are gone since the latest scrape was published.
    has_lost_nodes: bool,
    /// The points of one pod in a scrape: memory that is used again.
    points: Vec<(u16, Point)>,
}

impl Pipeline {
    /// A pipeline without nodes, its phase drawn.
    pub fn new(config: &PipelineConfig, streams: &Streams) -> Self {
        let mut stream = streams.stream("metrics");
        let phase = SimDuration((config.metric_resolution.0 as f64 * stream.unit()) as i64);
        let first = config.first_scrapes.first();
        let phase = first.map_or(phase, |first| *first - SimTime::ZERO);
        Self {
            config: config.clone(),
            nodes: Vec::new(),
            phase,
            stream,
            streams: *streams,
            containers: Arena::default(),
            pods: Arena::default(),
            lone: Vec::new(),
            rates: Vec::new(),
            groups: Groups::default(),
            naps: Naps::new(config),
            scrape_began: SimTime::ZERO,
            scrapes: 0,
            is_down: false,
            has_lost_nodes: false,
            points: Vec::new(),
        }
    }

    /// Schedules the first scrape.
    pub fn start<E: Copy + From<MetricsEvent>>(&mut self, queue: &mut EventQueue<E>) {
        queue.schedule(SimTime::ZERO + self.phase, MetricsEvent::Scrape);
    }

    /// A node has joined: the next scrape asks its kubelet.
    pub fn add_node(&mut self) -> MetricsNodeId {
        self.nodes.push(Some(ScrapedNode::default()));
        MetricsNodeId(self.nodes.len() as u32 - 1)
    }

    /// A node is gone: its kubelet is asked no more, and its pods have no new measurements.
    pub fn remove_node(&mut self, node: MetricsNodeId) {
        self.nodes[node.0 as usize] = None;
        self.has_lost_nodes = true;
    }

    /// Says which nodes' kubelets do not answer from now on, and whether metrics-server is
    /// down. What it had scraped is lost with it.
    pub fn set_outage(&mut self, silent: &[MetricsNodeId], is_down: bool) {
        for slot in self.naps.all() {
            self.wake(slot as usize);
        }
        if is_down && !self.is_down {
            for slot in 0..self.lone.len() {
                self.part(slot);
            }
            for pod in self.pods.values_mut() {
                pod.store = PodStore::default();
            }
            self.rates.fill(None);
        }
        for node in self.nodes.iter_mut().flatten() {
            node.is_silent = false;
        }
        for node in silent {
            if let Some(node) = &mut self.nodes[node.0 as usize] {
                node.is_silent = true;
            }
        }
        self.is_down = is_down;
    }

    /// Whether the resource metrics API is unavailable.
    #[inline]
    pub fn is_down(&self) -> bool {
        self.is_down
    }

    /// Begins to scrape a pod on a node; the UID tells its random streams from others'.
    pub fn track_pod(&mut self, node: MetricsNodeId, uid: u64) -> MetricsPodId {
        let pod = TrackedPod {
            node,
            streams: self.streams.of("metrics").numbered(uid),
            tracked: 0,
            first: None,
            others: Vec::new(),
            store: PodStore::default(),
        };
        let id = self.pods.insert(pod);
        self.naps.come(id.slot());
        id
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
            due: SimTime::MAX,
            samples,
            stream,
        });
        self.measure_at(id, now + delay, queue);
        id
    }

    /// The next measurement of a container comes then.
    fn measure_at<E: Copy + From<MetricsEvent>>(
        &mut self,
        id: ContainerId,
        time: SimTime,
        queue: &mut EventQueue<E>,
    ) {
        if self.config.stats_on_request {
            return;
        }
        let by_events = self.config.housekeeping_events;
        let container = self.containers.get_mut(id);
        match container.filter(|one| !by_events && !matches!(one.tracked.source, Source::Live(_))) {
            Some(container) => container.due = time,
            None => {
                queue.schedule(time, MetricsEvent::Housekeeping(id));
            }
        }
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
        self.part(pod.slot());
        let id = self.containers.insert(container);
        if let Some(pod) = self.pods.get_mut(pod) {
            pod.add(id);
        }
        id
    }

    /// Stops measuring a container; its pod stays.
    pub fn untrack(&mut self, id: ContainerId) {
        if let Some(container) = self.containers.get(id) {
            self.part(container.pod.slot());
        }
        if let Some(container) = self.containers.remove(id)
            && let Some(pod) = self.pods.get_mut(container.pod)
        {
            pod.remove(id);
        }
    }

    /// Forgets a pod and its containers.
    pub fn untrack_pod(&mut self, id: MetricsPodId) {
        if let Some(pod) = self.pods.remove(id) {
            if let Some(lone) = self.lone.get_mut(id.slot()).and_then(Option::take) {
                self.groups.replace(id.slot(), lone.rate(), None);
            }
            self.naps.go(id.slot());
            self.groups.leave(id.slot());
            for container in pod.containers() {
                self.containers.remove(container);
            }
        }
    }

    /// Forgets a pod's containers. What metrics-server has of the pod it has until it publishes
    /// the next scrape, for another pod of the same name, too.
    pub fn leave_behind(&mut self, id: MetricsPodId) {
        self.part(id.slot());
        let Some(pod) = self.pods.get_mut(id) else {
            return;
        };
        let containers: Vec<ContainerId> = pod.containers().collect();
        for container in containers {
            pod.remove(container);
            self.containers.remove(container);
        }
        pod.tracked = 0;
    }

    /// A pod is on this node, and another than the one that left this behind.
    pub fn move_pod(&mut self, id: MetricsPodId, node: MetricsNodeId, uid: u64) {
        if let Some(pod) = self.pods.get_mut(id) {
            pod.node = node;
            pod.streams = self.streams.of("metrics").numbered(uid);
        }
    }

    /// A pod is no longer one of which one container is measured as scrapes read it, or begins anew.
    fn part(&mut self, slot: usize) {
        self.wake(slot);
        let Some(lone) = self.lone.get_mut(slot).and_then(Option::take) else {
            return;
        };
        self.groups.replace(slot, lone.rate(), None);
        let Some(pod) = self.pods.get_mut(lone.pod) else {
            return;
        };
        let container = pod.first.and_then(|id| self.containers.get_mut(id));
        let Some(container) = container else { return };
        if let Some(rate) = self.rates.get_mut(slot) {
            let pod = lone.pod;
            *rate = lone.usage().map(|(end, window, values)| Rate {
                pod,
                end,
                window,
                values,
            });
        }
        lone.give_back(pod, container);
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
            MetricsEvent::Publish => self.publish(now, usage),
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
        let gap = container.measure(now, &self.config, usage);
        queue.schedule(now + gap, MetricsEvent::Housekeeping(id));
    }

    /// Measures every container: they are asked for it.
    fn measure_all(&mut self, now: SimTime, usage: &mut impl UsageSource) {
        for container in self.containers.values_mut() {
            container.measure(now, &self.config, usage);
        }
    }
}
