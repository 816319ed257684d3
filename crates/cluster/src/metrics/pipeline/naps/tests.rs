//! Two pipelines of the same pods, one of which looks at each pod in each scrape.

use proptest::prelude::*;

use super::super::{
    MetricsEvent, MetricsNodeId, MetricsPodId, Pipeline, Source, Tracked, UsageSource,
};
use super::*;
use crate::metrics::server::PodMetrics;
use crate::sim::{EventQueue, Streams};

const CLASSES: usize = 3;

/// Containers of three classes; the number of one is its class and 1/1024 ns of one millionth of a core
/// that it had used before.
#[derive(Clone, Default)]
struct Lines {
    now: SimTime,
    /// By class: from when on which rate, and what had been used by then.
    rates: [Vec<(SimTime, u64, u128)>; CLASSES],
}

impl Lines {
    fn change(&mut self, class: usize, rate: u64) {
        let used = self.used(class, self.now);
        self.rates[class].push((self.now, rate, used));
    }

    fn used(&self, class: usize, time: SimTime) -> u128 {
        let rates = self.rates[class].iter().rev();
        let mut rates = rates.skip_while(|(from, ..)| *from > time);
        rates.next().map_or(0, |(from, rate, used)| {
            used + u128::from(*rate) * (((time - *from).0 as u128) << 10)
        })
    }
}

fn class_of(owner: u64) -> usize {
    owner as usize % CLASSES
}

fn memory_of(class: usize) -> Bytes {
    Bytes(1000 + class as i64)
}

impl UsageSource for Lines {
    fn usage(&mut self, owner: u64, time: SimTime) -> (CpuTime, Bytes) {
        let class = class_of(owner);
        let used = u128::from(owner) + self.used(class, time);
        (CpuTime((used / 1_024_000_000) as i64), memory_of(class))
    }

    fn line(&self, owner: u64) -> Option<Line> {
        let class = class_of(owner);
        let &(since, rate, used) = self.rates[class].last()?;
        Some(Line {
            class: class as u32,
            epoch: self.rates[class].len() as u32,
            since,
            used: used + u128::from(owner),
            rate,
            memory: memory_of(class),
        })
    }

    fn epoch(&self, class: u32) -> u32 {
        self.rates[class as usize].len() as u32
    }
}

struct Rig {
    pipeline: Pipeline,
    queue: EventQueue<MetricsEvent>,
    nodes: Vec<MetricsNodeId>,
    pods: Vec<MetricsPodId>,
    /// Those that are added up.
    grouped: Vec<MetricsPodId>,
}

impl Rig {
    fn new(config: &PipelineConfig, naps: bool) -> Self {
        let mut queue = EventQueue::default();
        let mut pipeline = Pipeline::new(config, &Streams::new(3));
        if !naps {
            pipeline.naps = Naps::default();
        }
        let nodes = (0..4).map(|_| pipeline.add_node()).collect();
        pipeline.start(&mut queue);
        Self {
            pipeline,
            queue,
            nodes,
            pods: Vec::new(),
            grouped: Vec::new(),
        }
    }

    fn add_pod(&mut self, owner: u64, uid: u64, now: SimTime) {
        let node = self.nodes[uid as usize % self.nodes.len()];
        let pod = self.pipeline.track_pod(node, uid);
        let tracked = Tracked {
            source: Source::Kept(owner),
            container: 0,
        };
        self.pipeline.track(pod, tracked, now, &mut self.queue);
        self.pods.push(pod);
    }

    fn run_until(&mut self, end: SimTime, lines: &mut Lines) {
        while self.queue.peek_time().is_some_and(|time| time <= end) {
            let (now, event) = self.queue.pop().expect("just peeked");
            lines.now = now;
            self.pipeline.handle(event, now, &mut self.queue, lines);
        }
        lines.now = end;
    }

    fn carry_out(&mut self, step: Step, now: SimTime, serial: u64) {
        let pick = |which: usize, count: usize| (count > 0).then(|| which % count.max(1));
        match step {
            Step::Run(_) | Step::Change(..) => {}
            Step::Add(owner) => self.add_pod(owner, serial, now),
            Step::Remove(which) => {
                if let Some(place) = pick(which, self.pods.len()) {
                    self.pipeline.untrack_pod(self.pods.swap_remove(place));
                }
            }
            Step::LoseNode => {
                if self.nodes.len() > 1 {
                    let node = self.nodes.pop().expect("there are some");
                    self.pipeline.remove_node(node);
                }
            }
            Step::Outage(silent, is_down) => {
                let silent = &self.nodes[..usize::from(silent)];
                self.pipeline.set_outage(silent, is_down);
            }
            Step::LookAt(which) => {
                if let Some(place) = pick(which, self.pods.len()) {
                    self.pipeline.look_at(self.pods[place]);
                }
            }
            Step::Group => {
                self.grouped.clone_from(&self.pods);
                self.pipeline.group(0, self.pods.iter().copied());
            }
        }
    }

    /// What the resource metrics API has of a pod.
    fn metrics_of(&self, pod: MetricsPodId) -> Option<PodMetrics> {
        let mut metrics = PodMetrics::default();
        (self.pipeline.pod_metrics(pod, &mut metrics)).then_some(metrics)
    }

    /// All that can be known of pods, and what those that are added up come to.
    fn known(&self) -> (Vec<Option<PodMetrics>>, Option<[i64; 2]>) {
        let metrics = self.pods.iter().map(|pod| self.metrics_of(*pod));
        let count = self.grouped.len();
        (metrics.collect(), self.pipeline.usage_of_group(0, count))
    }

    /// The same, pod by pod.
    fn added_up(&self) -> Option<[i64; 2]> {
        let metrics = self.grouped.iter().map(|pod| self.metrics_of(*pod));
        metrics.into_iter().try_fold([0; 2], |[cpu, memory], one| {
            let [more, held] = one?.containers[0].milli_values();
            Some([cpu + more, memory + held])
        })
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// So many seconds pass.
    Run(i64),
    /// A class uses something else.
    Change(usize, u64),
    Add(u64),
    Remove(usize),
    LoseNode,
    Outage(u8, bool),
    LookAt(usize),
    /// All pods that are there are added up from now on.
    Group,
}

fn step() -> impl Strategy<Value = Step> {
    let rate = prop_oneof![0..4000u64, Just(50_000), Just(66_667), Just(1_999_000)];
    prop_oneof![
        6 => (1..90i64).prop_map(Step::Run),
        3 => (200..1500i64).prop_map(Step::Run),
        2 => (0..CLASSES, rate).prop_map(|(class, rate)| Step::Change(class, rate)),
        4 => (0..5_000_000_000u64).prop_map(Step::Add),
        1 => any::<usize>().prop_map(Step::Remove),
        1 => Just(Step::LoseNode),
        1 => (0..2u8, prop::bool::weighted(0.3)).prop_map(|(silent, down)| Step::Outage(silent, down)),
        2 => any::<usize>().prop_map(Step::LookAt),
        2 => Just(Step::Group),
    ]
}

proptest! {
    #[test]
    fn who_naps_misses_nothing(
        resolution in prop::sample::select(vec![10, 15, 60]),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let config = PipelineConfig {
            metric_resolution: SimDuration::from_secs(resolution),
            ..PipelineConfig::default()
        };
        let mut lines = Lines::default();
        for class in 0..CLASSES {
            lines.change(class, 50_000 * (class as u64 + 1));
        }
        let mut rigs = [Rig::new(&config, true), Rig::new(&config, false)];
        for owner in 0..6 {
            for rig in &mut rigs {
                rig.add_pod(owner * 1_000_000_007, 1000 + owner, SimTime::ZERO);
            }
        }
        let mut now = SimTime::ZERO;
        for (serial, step) in steps.into_iter().enumerate() {
            match step {
                Step::Run(seconds) => now += SimDuration::from_secs(seconds),
                Step::Change(class, rate) => lines.change(class, rate),
                _ => {}
            }
            for rig in &mut rigs {
                rig.run_until(now, &mut lines);
                rig.carry_out(step, now, serial as u64);
            }
            prop_assert_eq!(rigs[0].known(), rigs[1].known(), "after {:?} at {}", step, now);
            let sum = rigs[0].known().1;
            prop_assert!(sum.is_none() || sum == rigs[0].added_up());
            prop_assert!(rigs[1].pipeline.naps.all().is_empty());
        }
    }
}

#[test]
fn pods_nap_while_they_use_the_same_and_rise_when_that_ends() {
    let config = PipelineConfig::default();
    let mut lines = Lines::default();
    lines.change(0, 50_000);
    let mut rig = Rig::new(&config, true);
    for owner in 0..5 {
        rig.add_pod(owner * CLASSES as u64, owner, SimTime::ZERO);
    }
    rig.run_until(SimTime::from_secs(300), &mut lines);
    assert_eq!(rig.pipeline.naps.all().len(), 5);
    rig.carry_out(Step::Group, lines.now, 0);
    assert_eq!(rig.known().1, Some([5 * 50, 5 * 1_000_000]));
    rig.pipeline.look_at(rig.pods[2]);
    assert_eq!(rig.pipeline.naps.all().len(), 4);
    rig.run_until(SimTime::from_secs(600), &mut lines);
    assert_eq!(rig.pipeline.naps.all().len(), 5, "it lay down again");
    lines.change(0, 60_000);
    rig.run_until(SimTime::from_secs(620), &mut lines);
    assert!(rig.pipeline.naps.all().is_empty());
    rig.run_until(SimTime::from_secs(900), &mut lines);
    let cpu = |metrics: &PodMetrics| metrics.containers[0].milli_values()[0];
    let known = rig.known().0;
    assert!(known.iter().all(|one| one.as_ref().map(cpu) == Some(60)));
    assert_eq!(rig.known().1, Some([5 * 60, 5 * 1_000_000]));
}

#[test]
fn a_pod_that_somebody_keeps_looking_at_does_not_nap_in_between() {
    let mut lines = Lines::default();
    lines.change(0, 50_000);
    let mut rig = Rig::new(&PipelineConfig::default(), true);
    for owner in 0..2 {
        rig.add_pod(owner * CLASSES as u64, owner, SimTime::ZERO);
    }
    let [left_alone, other] = [rig.pods[0], rig.pods[1]];
    for look in 0..30 {
        rig.run_until(SimTime::from_secs(30 * look + 29), &mut lines);
        let naps = rig.pipeline.naps.all();
        assert!(!naps.contains(&(other.slot() as u32)), "look {look}");
        rig.pipeline.look_at(other);
    }
    assert_eq!(rig.pipeline.naps.all(), [left_alone.slot() as u32]);
}
