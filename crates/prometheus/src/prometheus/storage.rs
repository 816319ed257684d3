//! Series by their labels, with samples in order of time.
//!
//! Prometheus' head block: series are found in the order in which they were made, which is the
//! order in which sums add them up.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::labels::{Labels, METRIC_NAME, Matcher};

/// The bits of the value that ends a series (`model/value`).
const STALE_NAN: u64 = 0x7ff0_0000_0000_0002;

/// The value that says: the target no longer has this series.
pub fn stale_marker() -> f64 {
    f64::from_bits(STALE_NAN)
}

/// Whether a value is the staleness marker and no ordinary NaN.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN
}

/// One sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When, in milliseconds.
    pub t: i64,
    /// The value, or the staleness marker.
    pub v: f64,
}

/// A series' handle; later series have larger ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(u64);

/// Why a sample was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// There is a later one.
    #[error("out of order sample")]
    OutOfOrder,
    /// There is one of the same time with another value.
    #[error("duplicate sample for timestamp")]
    Duplicate,
    /// The series is not (or no longer) there.
    #[error("unknown series")]
    UnknownSeries,
}

/// A series with its samples.
#[derive(Debug, Clone)]
pub struct Series {
    /// Its labels, the name among them.
    pub labels: Labels,
    points: Vec<Point>,
    /// Points before this one are forgotten.
    first: usize,
    /// The latest time of the storage when the series was made.
    made: i64,
}

impl Series {
    /// Its samples, oldest first, staleness markers among them.
    pub fn points(&self) -> &[Point] {
        &self.points[self.first..]
    }

    /// The samples of the window `(after, until]`, milliseconds, staleness markers among them.
    pub fn window(&self, after: i64, until: i64) -> &[Point] {
        let points = self.points();
        let start = points.partition_point(|point| point.t <= after);
        let end = points.partition_point(|point| point.t <= until);
        &points[start..end.max(start)]
    }

    /// Forgets what is older than `oldest`; moves the rest only when that pays.
    fn forget(&mut self, oldest: i64) {
        self.first += self.points().partition_point(|point| point.t < oldest);
        if self.first >= 64 && self.first * 2 >= self.points.len() {
            self.points.drain(..self.first);
            self.first = 0;
        }
    }
}

/// All series of one Prometheus.
#[derive(Debug, Clone)]
pub struct Storage {
    series: BTreeMap<SeriesId, Series>,
    by_labels: FxHashMap<Labels, SeriesId>,
    by_name: BTreeMap<String, Vec<SeriesId>>,
    next: u64,
    /// How long samples are kept, milliseconds.
    retention: i64,
    latest: i64,
    /// When series were last swept; unknown before the first sample.
    swept: Option<i64>,
}

impl Storage {
    /// A storage that keeps samples for this long, milliseconds: at least the longest window that
    /// is asked for, with its offset, and the lookback.
    pub fn new(retention_ms: i64) -> Self {
        Self {
            series: BTreeMap::new(),
            by_labels: FxHashMap::default(),
            by_name: BTreeMap::new(),
            next: 0,
            retention: retention_ms,
            latest: i64::MIN,
            swept: None,
        }
    }

    /// Keeps samples at least this long from now on, milliseconds.
    pub fn keep_for(&mut self, retention_ms: i64) {
        self.retention = self.retention.max(retention_ms);
    }

    /// How long samples are kept, milliseconds.
    pub fn retention(&self) -> i64 {
        self.retention
    }

    /// The series of these labels, made if there is none.
    pub fn series(&mut self, labels: &Labels) -> SeriesId {
        if let Some(&id) = self.by_labels.get(labels) {
            return id;
        }
        let id = SeriesId(self.next);
        self.next += 1;
        self.by_labels.insert(labels.clone(), id);
        let named = self.by_name.entry(labels.get(METRIC_NAME).to_owned());
        named.or_default().push(id);
        self.series.insert(
            id,
            Series {
                labels: labels.clone(),
                points: Vec::new(),
                first: 0,
                made: self.latest,
            },
        );
        id
    }

    /// Appends a sample of time `t`, milliseconds.
    pub fn append(&mut self, id: SeriesId, t: i64, v: f64) -> Result<(), AppendError> {
        let series = self.series.get_mut(&id).ok_or(AppendError::UnknownSeries)?;
        if let Some(last) = series.points().last() {
            if t < last.t {
                return Err(AppendError::OutOfOrder);
            }
            if t == last.t {
                let same = last.v.to_bits() == v.to_bits();
                return if same {
                    Ok(())
                } else {
                    Err(AppendError::Duplicate)
                };
            }
        }
        series.points.push(Point { t, v });
        self.latest = self.latest.max(t);
        series.forget(self.latest.saturating_sub(self.retention));
        // Before the first sample there was nothing to sweep, and no time to measure it by.
        let swept = *self.swept.get_or_insert(t);
        if self.latest.saturating_sub(swept) >= self.retention {
            self.sweep();
        }
        Ok(())
    }

    /// Forgets series without a sample that is still kept. One that was made within the retention
    /// may be waiting for its first.
    fn sweep(&mut self) {
        let oldest = self.latest.saturating_sub(self.retention);
        self.swept = Some(self.latest);
        let gone: Vec<SeriesId> = self
            .series
            .iter_mut()
            .filter_map(|(&id, series)| {
                series.forget(oldest);
                (series.points().is_empty() && series.made < oldest).then_some(id)
            })
            .collect();
        for id in gone {
            if let Some(series) = self.series.remove(&id) {
                self.by_labels.remove(&series.labels);
                let name = series.labels.get(METRIC_NAME);
                if let Some(named) = self.by_name.get_mut(name) {
                    named.retain(|&other| other != id);
                    if named.is_empty() {
                        self.by_name.remove(name);
                    }
                }
            }
        }
    }

    /// The series that all matchers select, in the order in which they were made.
    pub fn select(&self, matchers: &[Matcher]) -> Vec<&Series> {
        let selected = |series: &&Series| matchers.iter().all(|m| m.selects(&series.labels));
        let named = matchers
            .iter()
            .find(|matcher| matcher.name == METRIC_NAME && matcher.is_equal());
        match named {
            Some(name) => self
                .by_name
                .get(&name.value)
                .into_iter()
                .flatten()
                .filter_map(|id| self.series.get(id))
                .filter(selected)
                .collect(),
            None => self.series.values().filter(selected).collect(),
        }
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pod: &str) -> Labels {
        Labels::new([(METRIC_NAME, "requests_total"), ("pod", pod)])
    }

    #[test]
    fn samples_come_in_order_of_time() {
        let mut storage = Storage::new(60_000);
        let id = storage.series(&labels("a"));
        assert_eq!(storage.append(id, 10, 1.0), Ok(()));
        assert_eq!(storage.append(id, 10, 1.0), Ok(()));
        assert_eq!(storage.append(id, 10, 2.0), Err(AppendError::Duplicate));
        assert_eq!(storage.append(id, 9, 1.0), Err(AppendError::OutOfOrder));
        assert_eq!(storage.series(&labels("a")), id);
    }

    #[test]
    fn a_window_leaves_its_left_edge_out() {
        let mut storage = Storage::new(60_000);
        let id = storage.series(&labels("a"));
        for t in [0, 10, 20, 30] {
            storage.append(id, t, 0.0).unwrap();
        }
        let series = storage.select(&[])[0];
        let times = |after, until| -> Vec<i64> {
            series
                .window(after, until)
                .iter()
                .map(|point| point.t)
                .collect()
        };
        assert_eq!(times(0, 20), [10, 20]);
        assert_eq!(times(-1, 19), [0, 10]);
        assert_eq!(times(20, 10), [0i64; 0]);
    }

    #[test]
    fn memory_does_not_grow_with_time() {
        let mut storage = Storage::new(1_000);
        let gone = storage.series(&labels("gone"));
        storage.append(gone, 0, 1.0).unwrap();
        let id = storage.series(&labels("a"));
        for t in 0..100_000 {
            storage.append(id, t, 0.0).unwrap();
        }
        assert_eq!(storage.len(), 1);
        let series = storage.select(&[Matcher::equal("pod", "a")])[0];
        assert_eq!(series.points().len(), 1_001);
        assert!(series.points.len() < 3_000);
        assert_eq!(
            storage.append(gone, 100_000, 1.0),
            Err(AppendError::UnknownSeries)
        );
        assert_eq!(storage.series(&labels("gone")), SeriesId(2));
    }

    #[test]
    fn a_series_may_wait_for_its_first_sample() {
        let mut storage = Storage::new(1_000);
        let [a, b] = ["a", "b"].map(|pod| storage.series(&labels(pod)));
        assert_eq!(storage.append(a, 5_000, 1.0), Ok(()));
        assert_eq!(storage.append(b, 5_000, 1.0), Ok(()));
        storage.append(a, 5_900, 1.0).unwrap();
        let c = storage.series(&labels("c"));
        // This sweeps.
        storage.append(a, 6_100, 1.0).unwrap();
        assert_eq!(storage.append(c, 6_100, 1.0), Ok(()));
        storage.series(&labels("never"));
        storage.append(a, 8_000, 1.0).unwrap();
        assert_eq!(storage.len(), 1);
    }

    #[test]
    fn series_are_found_in_the_order_in_which_they_were_made() {
        let mut storage = Storage::new(1_000);
        for pod in ["b", "a", "c"] {
            storage.series(&labels(pod));
        }
        let pods = |matchers: &[Matcher]| -> Vec<String> {
            let found = storage.select(matchers);
            found
                .iter()
                .map(|series| series.labels.get("pod").to_owned())
                .collect()
        };
        assert_eq!(
            pods(&[Matcher::equal(METRIC_NAME, "requests_total")]),
            ["b", "a", "c"]
        );
        assert_eq!(
            pods(&[Matcher::matching("pod", "a|c").unwrap()]),
            ["a", "c"]
        );
        assert_eq!(pods(&[Matcher::equal(METRIC_NAME, "other")]), [""; 0]);
    }

    #[test]
    fn a_staleness_marker_is_no_ordinary_nan() {
        assert!(is_stale(stale_marker()) && stale_marker().is_nan());
        assert!(!is_stale(f64::NAN));
    }
}
