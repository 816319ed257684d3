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

/// The points of one pod.
#[derive(Debug, Clone, Default)]
pub struct PodStore {
    entries: Vec<Entry>,
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
        let kept = self.entries.len();
        for (container, point) in points {
            let old = self.entries[..kept]
                .iter()
                .find(|entry| entry.container == container);
            let previous = previous_point(old, &point, rule);
            self.entries.push(Entry {
                container,
                last: point,
                previous,
            });
        }
        self.entries.drain(..kept);
    }

    /// Adds another store's containers, of the same pod.
    pub fn adopt(&mut self, other: Self) {
        self.entries.extend(other.entries);
    }

    /// Whether the API lists the pod: every container must have a rate.
    pub fn is_listed(&self) -> bool {
        !self.entries.is_empty() && self.entries.iter().all(|entry| entry.previous.is_some())
    }

    /// What the API returns for the pod, written into `metrics`; false if it lists none.
    pub fn read(&self, metrics: &mut PodMetrics) -> bool {
        metrics.containers.clear();
        if !self.is_listed() {
            return false;
        }
        let mut earliest: Option<(SimTime, SimDuration)> = None;
        for Entry {
            container,
            last,
            previous,
        } in &self.entries
        {
            let Some(previous) = previous else { continue };
            // A counter that went backwards leaves the container out.
            if last.cpu < previous.cpu {
                continue;
            }
            let window = last.timestamp - previous.timestamp;
            let consumed = (last.cpu.0 - previous.cpu.0) as f64;
            let cpu = Nanocores((consumed / window.as_secs_f64()) as i64);
            metrics.containers.push(ContainerMetrics {
                container: *container,
                cpu,
                memory: last.memory,
            });
            if earliest.is_none_or(|(time, _)| last.timestamp < time) {
                earliest = Some((last.timestamp, window));
            }
        }
        (metrics.timestamp, metrics.window) = earliest.unwrap_or_default();
        true
    }
}

/// The point that the new one is compared with, if any.
fn previous_point(old: Option<&Entry>, new: &Point, rule: FreshRule) -> Option<Point> {
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
    old.previous
        .filter(|previous| previous.timestamp < new.timestamp)
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
