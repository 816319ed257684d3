//! A pipeline over made-up usage: when which pods are listed.

use super::*;
use crate::metrics::server::PodMetrics;
use crate::units::Bytes;

/// A pod whose container 0 uses half a core and a mebibyte, and whose others use nothing at all.
struct Halves;

impl UsageSource for Halves {
    fn usage(&mut self, owner: u64, now: SimTime) -> (CpuTime, Bytes) {
        if owner == 0 {
            (CpuTime(now.0 / 2), Bytes::MIB)
        } else {
            (CpuTime(0), Bytes(0))
        }
    }
}

struct Rig {
    pipeline: Pipeline,
    nodes: Vec<MetricsNodeId>,
    queue: EventQueue<MetricsEvent>,
    metrics: PodMetrics,
}

impl Rig {
    fn new(nodes: usize) -> Self {
        let mut queue = EventQueue::default();
        let config = PipelineConfig::default();
        let mut pipeline = Pipeline::new(&config, &Streams::new(9));
        let nodes = (0..nodes).map(|_| pipeline.add_node()).collect();
        pipeline.start(&mut queue);
        Self {
            pipeline,
            nodes,
            queue,
            metrics: PodMetrics::default(),
        }
    }

    fn track_pod(&mut self, node: usize, uid: u64) -> MetricsPodId {
        self.pipeline.track_pod(self.nodes[node], uid)
    }

    fn run_until(&mut self, second: i64) {
        let end = SimTime::from_secs(second);
        while self.queue.peek_time().is_some_and(|time| time <= end) {
            let (now, event) = self.queue.pop().expect("just peeked");
            self.pipeline
                .handle(event, now, &mut self.queue, &mut Halves);
        }
    }

    fn listed(&mut self, pod: MetricsPodId) -> bool {
        self.pipeline.pod_metrics(pod, &mut self.metrics)
    }

    fn settled(&mut self, pod: MetricsPodId, container: u16, started: i64) -> ContainerId {
        let source = Source::Kept(u64::from(container));
        let tracked = Tracked { source, container };
        let started = SimTime::from_secs(started);
        let queue = &mut self.queue;
        self.pipeline
            .track_settled(pod, tracked, started, 0.5, Bytes::MIB, queue)
    }
}

#[test]
fn a_settled_pod_has_its_steady_usage_from_the_start_and_without_a_seam() {
    let mut rig = Rig::new(3);
    let pod = rig.track_pod(2, 1);
    rig.settled(pod, 0, -3600);
    for second in 0..90 {
        rig.run_until(second);
        assert!(rig.listed(pod), "second {second}");
        assert_eq!(rig.metrics.containers[0].milli_values()[0], 500);
    }
}

#[test]
fn a_container_that_started_just_before_the_run_has_no_metrics_yet() {
    let mut rig = Rig::new(1);
    let pod = rig.track_pod(0, 1);
    rig.settled(pod, 0, -2);
    assert!(!rig.listed(pod));
    rig.run_until(60);
    assert!(rig.listed(pod));
    assert_eq!(rig.metrics.containers[0].milli_values()[0], 500);
}

#[test]
fn a_container_without_any_memory_hides_its_pod() {
    let mut rig = Rig::new(1);
    let (busy, mixed) = (rig.track_pod(0, 2), rig.track_pod(0, 3));
    for (pod, container) in [(busy, 0), (mixed, 0), (mixed, 1)] {
        let source = Source::Kept(u64::from(container));
        let tracked = Tracked { source, container };
        rig.pipeline
            .track(pod, tracked, SimTime::ZERO, &mut rig.queue);
    }
    rig.run_until(120);
    assert!(rig.listed(busy));
    assert!(!rig.listed(mixed));
}

#[test]
fn what_is_untracked_disappears() {
    let mut rig = Rig::new(1);
    let pod = rig.track_pod(0, 1);
    let container = rig.settled(pod, 0, -3600);
    rig.pipeline.untrack(container);
    assert!(
        rig.listed(pod),
        "the last scrape's values stay until the next"
    );
    rig.run_until(20);
    assert!(!rig.listed(pod));
    rig.pipeline.untrack_pod(pod);
    assert!(!rig.listed(pod));
    rig.run_until(60);
    assert_eq!(rig.queue.len(), 1, "only the next scrape is pending");
}

#[test]
fn a_kubelet_exposes_the_newest_measurement_whoever_else_reads_it() {
    let mut rig = Rig::new(1);
    let [alone, asked] = [1, 1].map(|uid| {
        let pod = rig.track_pod(0, uid);
        (pod, rig.settled(pod, 0, -3600))
    });
    let mut seen = None;
    for second in 0..300 {
        rig.run_until(second);
        let now = SimTime::from_secs(second);
        let newest = rig.pipeline.newest(asked.1, now, &mut Halves);
        let newest = newest.expect("a measurement");
        let age = now - newest.timestamp;
        assert!(
            (0..20).contains(&(age.0 / 1_000_000_000)),
            "{age} at {second} s"
        );
        if let Some((time, cpu)) = seen
            && newest.timestamp > time
        {
            let cores = (newest.cpu.0 - cpu) as f64 / (newest.timestamp - time).0 as f64;
            assert!((0.49..0.51).contains(&cores), "{cores} cores");
        }
        seen = Some((newest.timestamp, newest.cpu.0));
    }
    // To metrics-server it makes no difference.
    let [one, other] = [alone.0, asked.0].map(|pod| {
        assert!(rig.listed(pod));
        rig.metrics.clone()
    });
    assert_eq!(one, other);
}

#[test]
fn a_node_that_joins_is_scraped_and_one_that_goes_is_not() {
    let mut rig = Rig::new(1);
    let old = rig.track_pod(0, 1);
    rig.settled(old, 0, -3600);
    rig.run_until(60);
    rig.nodes.push(rig.pipeline.add_node());
    let new = rig.track_pod(1, 2);
    let tracked = Tracked {
        source: Source::Kept(0),
        container: 0,
    };
    let now = SimTime::from_secs(60);
    rig.pipeline.track(new, tracked, now, &mut rig.queue);
    rig.run_until(120);
    assert!(rig.listed(new));
    rig.pipeline.remove_node(rig.nodes[0]);
    assert!(!rig.nodes.contains(&rig.pipeline.add_node()));
    rig.run_until(140);
    assert!(!rig.listed(old), "a pod of a node that is gone");
    assert!(rig.listed(new));
}
