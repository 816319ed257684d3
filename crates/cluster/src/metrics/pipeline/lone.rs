//! A pod of which one container is measured as scrapes read it: most are so.
//!
//! All that a scrape looks at and changes lies together in three cache lines, without what is the same
//! for all points of a container. What comes of it is what the container's samples and the pod's
//! points in metrics-server's store would come to, into which it can be turned back.

use super::{Container, Line, MetricsNodeId, MetricsPodId, Source, TrackedPod, UsageSource};
use crate::metrics::kubelet::{Samples, jittered};
use crate::metrics::server::{ContainerMetrics, FreshRule, PodStore, Point, nanocores};
use crate::metrics::spec::PipelineConfig;
use crate::sim::{SimDuration, SimTime, Stream};
use crate::units::{Bytes, CpuTime};

/// A measurement.
#[derive(Debug, Clone, Copy)]
struct Sample {
    timestamp: SimTime,
    cpu: CpuTime,
    memory: Bytes,
}

/// No measurement yet: after all scrapes, and like no other.
const NONE: Sample = Sample {
    timestamp: SimTime::MAX,
    cpu: CpuTime(i64::MIN),
    memory: Bytes(0),
};

/// Where its usage is read.
#[derive(Debug, Clone)]
enum Origin {
    Kept(u32),
    Steady(Box<Source>),
}

/// What metrics-server's store has of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stored {
    /// Nothing.
    Nothing,
    /// The last point.
    Point,
    /// The last point and the one before, between which the counter went backwards.
    Broken,
    /// Both, and so a rate.
    Rate,
}

/// A lone container of a pod.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub(super) struct Lone {
    pub(super) pod: MetricsPodId,
    last: Sample,
    previous: (SimTime, CpuTime),
    /// The rate, in millicores.
    millicores: i64,
    pub(super) node: MetricsNodeId,
    container: u16,
    stored: Stored,
    /// The newest measurement, and the one before.
    latest: Sample,
    earlier: Sample,
    due: SimTime,
    interval: SimDuration,
    stream: Stream,
    origin: Origin,
    started: SimTime,
    /// CPU consumed before its usage is counted.
    before: CpuTime,
}

const _: () = assert!(size_of::<Option<Lone>>() <= 192, "three cache lines");

impl Sample {
    fn of(point: Option<&Point>) -> Self {
        point.map_or(NONE, |point| Self {
            timestamp: point.timestamp,
            cpu: point.cpu,
            memory: point.memory,
        })
    }

    fn point(self, start: SimTime) -> Option<Point> {
        (self.timestamp < SimTime::MAX).then_some(Point {
            start,
            timestamp: self.timestamp,
            cpu: self.cpu,
            memory: self.memory,
        })
    }
}

impl Lone {
    /// The lone container of a pod, if it is measured as scrapes read it and all that is known of the
    /// pod is of this container's start.
    pub(super) fn of(id: MetricsPodId, pod: &TrackedPod, container: &Container) -> Option<Self> {
        if container.due == SimTime::MAX {
            return None;
        }
        let origin = match container.tracked.source {
            Source::Live(_) => return None,
            Source::Kept(number) => Origin::Kept(u32::try_from(number).ok()?),
            steady @ Source::Steady { .. } => Origin::Steady(Box::new(steady)),
        };
        let (index, started) = (container.tracked.container, container.started);
        let (last, previous) = pod.store.of_start(index, started)?;
        let samples = &container.samples;
        let mut lone = Self {
            pod: id,
            last: Sample::of(last.as_ref()),
            previous: (SimTime::MAX, CpuTime(0)),
            millicores: 0,
            node: pod.node,
            container: index,
            stored: if last.is_some() {
                Stored::Point
            } else {
                Stored::Nothing
            },
            latest: Sample::of(samples.latest.as_ref()),
            earlier: Sample::of(samples.before.as_ref()),
            due: container.due,
            interval: samples.interval,
            stream: container.stream.clone(),
            origin,
            started,
            before: container.before,
        };
        lone.compare_with(previous.map(|point| (point.timestamp, point.cpu)));
        Some(lone)
    }

    /// Turns it back.
    pub(super) fn give_back(self, pod: &mut TrackedPod, container: &mut Container) {
        pod.store = self.store();
        container.samples = Samples {
            latest: self.latest.point(self.started),
            before: self.earlier.point(self.started),
            interval: self.interval,
        };
        (container.due, container.stream) = (self.due, self.stream);
    }

    /// What metrics-server's store has of the pod.
    pub(super) fn store(&self) -> PodStore {
        let last = match self.stored {
            Stored::Nothing => return PodStore::default(),
            _ => self.last,
        };
        let previous = matches!(self.stored, Stored::Broken | Stored::Rate).then_some(Sample {
            timestamp: self.previous.0,
            cpu: self.previous.1,
            memory: last.memory,
        });
        let previous = previous.and_then(|sample| sample.point(self.started));
        let point = last.point(self.started);
        point.map_or_else(PodStore::default, |point| {
            PodStore::of_one(self.container, point, previous)
        })
    }

    /// CPU and memory in thousandths, if it has a rate.
    #[inline]
    pub(super) fn rate(&self) -> Option<[i64; 2]> {
        let memory = self.last.memory.0.saturating_mul(1000);
        (self.stored == Stored::Rate).then_some([self.millicores, memory])
    }

    /// End and length of the window, CPU and memory in thousandths, if it has a rate.
    #[inline]
    pub(super) fn usage(&self) -> Option<(SimTime, SimDuration, [i64; 2])> {
        let values = self.rate()?;
        Some((self.last.timestamp, self.window(), values))
    }

    #[inline]
    fn window(&self) -> SimDuration {
        SimDuration(self.last.timestamp.0.saturating_sub(self.previous.0.0))
    }

    /// Takes the measurements that are due by now.
    #[inline]
    pub(super) fn catch_up(
        &mut self,
        now: SimTime,
        config: &PipelineConfig,
        usage: &mut impl UsageSource,
    ) {
        while self.due <= now {
            let used = match &self.origin {
                Origin::Kept(number) => usage.usage(u64::from(*number), self.due),
                Origin::Steady(source) => source.usage(self.due, usage),
            };
            self.take(used, config);
        }
    }

    /// Takes the measurements that were due by then, of what it used along a line.
    pub(super) fn catch_up_along(&mut self, then: SimTime, config: &PipelineConfig, line: &Line) {
        while self.due <= then {
            self.take((line.cpu(self.due), line.memory), config);
        }
    }

    /// Passes over the measurements that were due by then, of which no two are the same.
    pub(super) fn pass_over(&mut self, then: SimTime, config: &PipelineConfig) {
        let (interval, jitter) = (config.housekeeping_interval, config.housekeeping_jitter);
        while self.due <= then {
            self.due += jittered(interval, jitter, &mut self.stream);
        }
    }

    /// Takes the measurement that is due.
    #[inline]
    fn take(&mut self, (cpu, memory): (CpuTime, Bytes), config: &PipelineConfig) {
        let sample = Sample {
            timestamp: self.due,
            cpu: CpuTime(self.before.0 + cpu.0),
            memory,
        };
        let idle = (self.latest.cpu, self.latest.memory) == (sample.cpu, sample.memory);
        self.interval = Samples::next_interval(idle, self.interval, config);
        self.earlier = std::mem::replace(&mut self.latest, sample);
        self.due += jittered(self.interval, config.housekeeping_jitter, &mut self.stream);
    }

    /// The line that its rate is of, and will be of: it need not be measured to know it.
    pub(super) fn line(&self, usage: &impl UsageSource, rule: FreshRule) -> Option<Line> {
        let Origin::Kept(number) = self.origin else {
            return None;
        };
        let age = self.last.timestamp - self.started;
        if self.stored != Stored::Rate || age < rule.resolution {
            return None;
        }
        let line = usage.line(u64::from(number))?;
        let began = self.previous.0.min(self.earlier.timestamp);
        let is_on_it = began >= line.since && self.earlier.timestamp < self.latest.timestamp;
        let is_even = line.rate > 0 && line.millicores().0 == self.millicores;
        let holds = line.memory.0 > 0 && line.memory == self.last.memory;
        (is_on_it && is_even && holds && self.started < began).then_some(line)
    }

    /// The newest measurement.
    pub(super) fn newest(&self) -> Option<Point> {
        self.latest.point(self.started)
    }

    /// Takes over what its node answered when it was asked, if it did.
    #[inline]
    pub(super) fn scrape(&mut self, asked: SimTime, answers: bool, rule: FreshRule) {
        let newest = if self.latest.timestamp <= asked {
            self.latest
        } else {
            self.earlier
        };
        // A container without any CPU or memory drops the whole pod from the scrape.
        if newest.timestamp > asked || !answers || newest.cpu.0 <= 0 || newest.memory.0 <= 0 {
            self.stored = Stored::Nothing;
            return;
        }
        let has_last = self.stored != Stored::Nothing;
        if has_last && newest.timestamp == self.last.timestamp {
            return;
        }
        let age = newest.timestamp - self.started;
        let is_fresh = age > SimDuration::ZERO && age < rule.resolution && age >= rule.min_age;
        let previous = if is_fresh {
            Some((self.started, CpuTime(0)))
        } else if !has_last || self.started >= self.last.timestamp {
            None
        } else if newest.timestamp > self.last.timestamp {
            Some((self.last.timestamp, self.last.cpu))
        } else {
            let has_previous = matches!(self.stored, Stored::Broken | Stored::Rate);
            has_previous
                .then_some(self.previous)
                .filter(|previous| previous.0 < newest.timestamp)
        };
        self.last = newest;
        self.stored = Stored::Point;
        self.compare_with(previous);
    }

    /// Works out the rate since the point before.
    #[inline]
    fn compare_with(&mut self, previous: Option<(SimTime, CpuTime)>) {
        let Some(previous) = previous else { return };
        self.previous = previous;
        self.stored = Stored::Broken;
        if self.last.cpu >= previous.1 {
            self.stored = Stored::Rate;
            let usage = ContainerMetrics {
                container: self.container,
                cpu: nanocores(self.last.cpu.0 - previous.1.0, self.window()),
                memory: self.last.memory,
            };
            self.millicores = usage.milli_values()[0];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Tracked;
    use super::*;
    use crate::metrics::server::PodMetrics;
    use crate::sim::{Arena, Streams};

    /// What is used by the end of each period of ten seconds.
    struct Used<'a>(&'a [(i64, i64)]);

    impl UsageSource for Used<'_> {
        fn usage(&mut self, _owner: u64, time: SimTime) -> (CpuTime, Bytes) {
            let place = (time.0 / 10_000_000_000) as usize;
            let (cpu, memory) = self.0[place.min(self.0.len() - 1)];
            (CpuTime(cpu * 1_000_000), Bytes(memory))
        }
    }

    proptest! {
        /// It comes to what samples and store come to, and can be turned back and forth.
        #[test]
        fn a_lone_container_is_scraped_as_any(
            used in prop::collection::vec((0i64..4, 0i64..3), 1..40),
            turns in prop::collection::vec((1i64..40, 0i64..3000, 0u8..10, any::<bool>()), 1..60),
        ) {
            let config = PipelineConfig::default();
            let rule = FreshRule {
                resolution: config.metric_resolution,
                min_age: config.fresh_min_age,
            };
            let started = SimTime::from_millis(300);
            let mut pods = Arena::default();
            let id = pods.insert(TrackedPod {
                node: MetricsNodeId(0),
                streams: Streams::new(1),
                tracked: 1,
                first: None,
                others: Vec::new(),
                store: PodStore::default(),
            });
            let container = Container {
                tracked: Tracked { source: Source::Kept(0), container: 3 },
                pod: id,
                started,
                before: CpuTime(0),
                due: started + SimDuration::from_millis(900),
                samples: Samples::new(&config),
                stream: Streams::new(1).stream("lone"),
            };
            let mut containers = [container.clone(), container];
            let mut both = [pods.get(id), pods.get(id)].map(|pod| pod.expect("it is there").clone());
            let mut lone = None;
            let mut now = started;
            for (seconds, delay, answers, is_lone) in turns {
                let began = now + SimDuration::from_secs(seconds);
                let asked = began + SimDuration::from_millis(delay);
                now = began + SimDuration::from_millis(3000);
                let answers = answers > 0;
                let [plain, other] = &mut containers;
                let mut usage = Used(&used);
                plain.catch_up(now, &config, &mut usage);
                let answered = |point: &&Point| answers && point.cpu.0 > 0 && point.memory.0 > 0;
                let point = plain.samples.at(asked).filter(answered);
                both[0].store.store_one(3, point, rule);
                let mut own = match lone.take() {
                    Some(lone) => lone,
                    None => Lone::of(id, &both[1], other).expect("one container, one start"),
                };
                own.catch_up(now, &config, &mut usage);
                own.scrape(asked, answers, rule);
                let expected = both[0].store.read_one();
                let expected = expected.map(|(end, window, usage)| (end, window, usage.milli_values()));
                prop_assert_eq!(own.usage(), expected);
                let mut seen = [PodMetrics::default(), PodMetrics::default()];
                let listed = [
                    both[0].store.read(&mut seen[0]),
                    own.store().read(&mut seen[1]),
                ];
                prop_assert_eq!(listed[0], listed[1]);
                prop_assert_eq!(&seen[0], &seen[1]);
                if is_lone {
                    lone = Some(own);
                } else {
                    own.give_back(&mut both[1], other);
                }
            }
        }
    }
}
