//! metrics-server's store: two points per container, and the rate between them.
//!
//! Follows `pkg/storage/pod.go` of metrics-server. The store of one pod is a value; a scrape
//! is one call of [`PodStore::store`].

use crate::sim::{SimDuration, SimTime};
use crate::units::{Bytes, CpuTime, Nanocores};

/// One measurement of one container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// When the container started.
    pub start: SimTime,
    /// When the measurement was taken.
    pub timestamp: SimTime,
    /// CPU consumed since the start.
    pub cpu: CpuTime,
    /// Working set.
    pub memory: Bytes,
}

/// A container's usage as the API reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContainerMetrics {
    /// Which container of the pod.
    pub container: u16,
    /// CPU usage over the window, cut to whole nanocores.
    pub cpu: Nanocores,
    /// Working set at the end of the window.
    pub memory: Bytes,
}

/// A pod's entry in the API.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodMetrics {
    /// End of the window of the container measured longest ago.
    pub timestamp: SimTime,
    /// Length of that window.
    pub window: SimDuration,
    /// The containers.
    pub containers: Vec<ContainerMetrics>,
}

impl ContainerMetrics {
    /// CPU in millicores and memory in bytes × 1000, as the HPA's client reads them: a
    /// quantity finer than a thousandth is rounded up.
    #[inline]
    pub fn milli_values(&self) -> [i64; 2] {
        [
            self.cpu.to_millicores_ceil().0,
            self.memory.0.saturating_mul(1000),
        ]
    }
}

impl PodMetrics {
    /// The timestamp as it goes over the wire: whole seconds. The window keeps its fraction.
    pub fn api_timestamp(&self) -> SimTime {
        self.timestamp.truncate_to_second()
    }
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    container: u16,
    last: Point,
    previous: Option<Point>,
}

/// The points of one pod; most have one container.
#[derive(Debug, Clone, Default)]
pub struct PodStore {
    first: Option<Entry>,
    others: Vec<Entry>,
}

/// When a container may have a value from a single measurement.
#[derive(Debug, Clone, Copy)]
pub struct FreshRule {
    /// `--metric-resolution`: older containers need two measurements.
    pub resolution: SimDuration,
    /// Younger ones have no value yet (10 s upstream).
    pub min_age: SimDuration,
}

impl PodStore {
    /// Takes over one scrape's points of the pod; none if the scrape did not list it.
    pub fn store(&mut self, points: impl Iterator<Item = (u16, Point)>, rule: FreshRule) {
        let mut points = points;
        let (first, second) = (points.next(), points.next());
        if self.others.is_empty() && second.is_none() {
            self.first = first.map(|(container, last)| {
                let old = self.first.as_ref();
                let has_previous = old.is_some_and(|entry| entry.previous.is_some());
                let old = old.filter(|entry| entry.container == container);
                Entry {
                    container,
                    last,
                    previous: previous_point(old, has_previous, &last, rule),
                }
            });
            return;
        }
        let points = first.into_iter().chain(second).chain(points);
        let kept = self.others.len();
        let has_previous = self.entries().any(|entry| entry.previous.is_some());
        let mut first = None;
        for (container, point) in points {
            let mut old = self.first.iter().chain(&self.others[..kept]);
            let old = old.find(|entry| entry.container == container);
            let entry = Entry {
                container,
                last: point,
                previous: previous_point(old, has_previous, &point, rule),
            };
            if first.is_none() {
                first = Some(entry);
            } else {
                self.others.push(entry);
            }
        }
        self.first = first;
        if kept > 0 {
            self.others.drain(..kept);
        }
    }

    /// As [`PodStore::store`], for a pod of which one container is measured.
    pub fn store_one(&mut self, container: u16, point: Option<&Point>, rule: FreshRule) {
        if let (Some(entry), Some(point)) = (&mut self.first, point)
            && self.others.is_empty()
            && entry.container == container
        {
            let has_previous = entry.previous.is_some();
            entry.previous = previous_point(Some(entry), has_previous, point, rule);
            entry.last = *point;
            return;
        }
        self.store(point.map(|point| (container, *point)).into_iter(), rule);
    }

    /// What the API returns for a pod of which one container is measured: end and length of the
    /// window, and its usage; none if that has to be [`read`](PodStore::read).
    pub fn read_one(&self) -> Option<(SimTime, SimDuration, ContainerMetrics)> {
        let entry = self.first.as_ref().filter(|_| self.others.is_empty())?;
        entry.rate()
    }

    /// The store of a pod of which one container is measured, with its last point and the one before.
    pub(super) fn of_one(container: u16, last: Point, previous: Option<Point>) -> Self {
        let first = Entry {
            container,
            last,
            previous,
        };
        Self {
            first: Some(first),
            others: Vec::new(),
        }
    }

    /// The last point and the one before, as far as they are there; none if some are of another
    /// container or of another start of it.
    pub(super) fn of_start(
        &self,
        container: u16,
        start: SimTime,
    ) -> Option<(Option<Point>, Option<Point>)> {
        let Some(entry) = &self.first else {
            return Some((None, None));
        };
        let previous = entry.previous;
        let same = self.others.is_empty()
            && entry.container == container
            && entry.last.start == start
            && previous.is_none_or(|point| point.start == start);
        same.then_some((Some(entry.last), previous))
    }

    /// Adds another store's containers, of the same pod.
    pub fn adopt(&mut self, other: Self) {
        for entry in other.first.into_iter().chain(other.others) {
            if self.first.is_none() {
                self.first = Some(entry);
            } else {
                self.others.push(entry);
            }
        }
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.first.iter().chain(&self.others)
    }

    /// What the API returns for the pod, written into `metrics`; false if it lists none:
    /// every container must have a rate.
    pub fn read(&self, metrics: &mut PodMetrics) -> bool {
        metrics.containers.clear();
        (metrics.timestamp, metrics.window) = Default::default();
        let Some(first) = &self.first else {
            return false;
        };
        let is_listed = first.read(metrics) && self.others.iter().all(|entry| entry.read(metrics));
        if !is_listed {
            metrics.containers.clear();
        }
        is_listed
    }
}

impl Entry {
    /// Adds the container's usage; false if it has no rate.
    fn read(&self, metrics: &mut PodMetrics) -> bool {
        if self.previous.is_none() {
            return false;
        }
        let Some((end, window, usage)) = self.rate() else {
            return true;
        };
        if metrics.containers.is_empty() || end < metrics.timestamp {
            (metrics.timestamp, metrics.window) = (end, window);
        }
        metrics.containers.push(usage);
        true
    }

    /// End and length of the window, and the usage over it; none without a point before, and if a
    /// counter or a start time went backwards, which leaves the container out.
    fn rate(&self) -> Option<(SimTime, SimDuration, ContainerMetrics)> {
        let (last, previous) = (&self.last, self.previous.as_ref()?);
        if last.cpu < previous.cpu || last.start < previous.start {
            return None;
        }
        let window = SimDuration(last.timestamp.0.saturating_sub(previous.timestamp.0));
        let usage = ContainerMetrics {
            container: self.container,
            cpu: nanocores(last.cpu.0 - previous.cpu.0, window),
            memory: last.memory,
        };
        Some((last.timestamp, window, usage))
    }
}

/// So much CPU time over a window.
#[inline]
pub(super) fn nanocores(consumed: i64, window: SimDuration) -> Nanocores {
    Nanocores((consumed as f64 / go_seconds(window)) as i64)
}

/// Go's `Duration.Seconds`: whole and fractional part apart, which rounds otherwise than one
/// division and decides about the last nanocore.
#[inline]
fn go_seconds(span: SimDuration) -> f64 {
    (span.0 / 1_000_000_000) as f64 + (span.0 % 1_000_000_000) as f64 / 1e9
}

/// What upstream's map of previous points answers for a container that is not in it: a point
/// in the year 1. Go's differences of times saturate, so its window is the longest there is.
const ZERO_POINT: Point = Point {
    start: SimTime(i64::MIN),
    timestamp: SimTime(i64::MIN),
    cpu: CpuTime(0),
    memory: Bytes(0),
};

/// The point that the new one is compared with, if any. `has_previous` tells whether any
/// container of the pod had such a point at the scrape before.
fn previous_point(
    old: Option<&Entry>,
    has_previous: bool,
    new: &Point,
    rule: FreshRule,
) -> Option<Point> {
    let age = new.timestamp - new.start;
    if age > SimDuration::ZERO && age < rule.resolution && age >= rule.min_age {
        return Some(Point {
            timestamp: new.start,
            cpu: CpuTime(0),
            ..*new
        });
    }
    let old = old?;
    if new.start >= old.last.timestamp {
        return None; // restarted since
    }
    if new.timestamp > old.last.timestamp {
        return Some(old.last);
    }
    // The sample of the scrape before once more.
    let previous = old.previous.or(has_previous.then_some(ZERO_POINT));
    previous.filter(|previous| previous.timestamp < new.timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: FreshRule = FreshRule {
        resolution: SimDuration::from_secs(15),
        min_age: SimDuration::from_secs(10),
    };

    fn point(start: i64, second: i64, cpu_ms: i64) -> Point {
        Point {
            start: SimTime::from_secs(start),
            timestamp: SimTime::from_secs(second),
            cpu: CpuTime(cpu_ms * 1_000_000),
            memory: Bytes::MIB,
        }
    }

    fn scrape(store: &mut PodStore, points: &[(u16, Point)]) -> Option<PodMetrics> {
        store.store(points.iter().copied(), RULE);
        let mut metrics = PodMetrics::default();
        store.read(&mut metrics).then_some(metrics)
    }

    fn cpu(metrics: Option<PodMetrics>) -> Option<i64> {
        metrics.map(|metrics| metrics.containers[0].milli_values()[0])
    }

    #[test]
    fn a_pod_missing_from_one_scrape_needs_two_more() {
        let mut store = PodStore::default();
        assert_eq!(scrape(&mut store, &[(0, point(-600, 0, 100))]), None);
        let second = scrape(&mut store, &[(0, point(-600, 10, 1100))]);
        assert_eq!(cpu(second), Some(100));
        assert_eq!(scrape(&mut store, &[]), None);
        assert_eq!(scrape(&mut store, &[(0, point(-600, 40, 4100))]), None);
        assert!(scrape(&mut store, &[(0, point(-600, 50, 5100))]).is_some());
    }

    #[test]
    fn the_same_sample_twice_keeps_value_and_timestamp() {
        let mut store = PodStore::default();
        scrape(&mut store, &[(0, point(-600, 0, 100))]);
        let first = scrape(&mut store, &[(0, point(-600, 10, 1100))]);
        let again = scrape(&mut store, &[(0, point(-600, 10, 1100))]);
        assert!(first.is_some());
        assert_eq!(first, again);
    }

    #[test]
    fn one_restarted_container_hides_the_pod_for_a_scrape() {
        let mut store = PodStore::default();
        scrape(
            &mut store,
            &[(0, point(-600, 0, 100)), (1, point(-600, 1, 100))],
        );
        let both = [(0, point(-600, 15, 200)), (1, point(-600, 16, 200))];
        assert!(scrape(&mut store, &both).is_some());
        let restarted = [(0, point(-600, 30, 300)), (1, point(25, 31, 10))];
        assert_eq!(scrape(&mut store, &restarted), None);
        let after = [(0, point(-600, 45, 400)), (1, point(25, 46, 90))];
        assert!(scrape(&mut store, &after).is_some());
    }

    #[test]
    fn a_counter_that_went_backwards_leaves_its_container_out() {
        let mut store = PodStore::default();
        scrape(&mut store, &[(0, point(-600, 0, 500))]);
        let metrics = scrape(&mut store, &[(0, point(-600, 15, 100))]);
        assert_eq!(metrics.map(|metrics| metrics.containers.len()), Some(0));
    }

    #[test]
    fn a_start_that_went_backwards_leaves_its_container_out() {
        let mut store = PodStore::default();
        scrape(&mut store, &[(0, point(-600, 0, 500))]);
        let metrics = scrape(&mut store, &[(0, point(-700, 15, 600))]);
        assert_eq!(metrics.map(|metrics| metrics.containers.len()), Some(0));
    }

    /// Upstream's quirk: beside a container with two points, one whose only sample is seen
    /// again counts from the year 1.
    #[test]
    fn a_lone_sample_seen_twice_beside_a_settled_container_is_listed_as_next_to_nothing() {
        let mut store = PodStore::default();
        let settled = |second| (0, point(-600, second, second * 100));
        let lone = (1, point(10, 26, 8000));
        scrape(&mut store, &[settled(0)]);
        assert_eq!(scrape(&mut store, &[settled(15), lone]), None);
        let metrics = scrape(&mut store, &[settled(30), lone]).expect("both have a point before");
        assert_eq!(metrics.containers[1].cpu, Nanocores(0));
        assert_eq!(metrics.timestamp, SimTime::from_secs(26));
        assert_eq!(metrics.window, SimDuration::MAX);
        let alone = scrape(&mut PodStore::default(), &[lone]);
        assert_eq!(alone, None);
    }

    #[test]
    fn the_last_nanocore_is_cut_as_go_cuts_it() {
        let mut store = PodStore::default();
        let mut at = |millis, nanos| {
            let timestamp = SimTime::from_millis(millis);
            let cpu = CpuTime(nanos);
            let measured = point(-600, 0, 0);
            let points = [(
                0,
                Point {
                    timestamp,
                    cpu,
                    ..measured
                },
            )];
            scrape(&mut store, &points).map(|metrics| metrics.containers[0].cpu)
        };
        at(0, 0);
        assert_eq!(at(25_952, 183_328_172), Some(Nanocores(7_064_125)));
    }

    #[test]
    fn values_finer_than_a_thousandth_are_rounded_up_and_times_are_cut() {
        let metrics = PodMetrics {
            timestamp: SimTime::from_millis(12_900),
            ..PodMetrics::default()
        };
        assert_eq!(metrics.api_timestamp(), SimTime::from_secs(12));
        let usage = ContainerMetrics {
            container: 0,
            cpu: Nanocores(100_000_001),
            memory: Bytes(7),
        };
        assert_eq!(usage.milli_values(), [101, 7000]);
    }
}
