//! cAdvisor in the kubelet: when a container is measured.
//!
//! Follows `manager/container.go` of cAdvisor (housekeeping with jitter) and the settings in
//! `pkg/kubelet/cadvisor`: gaps are uniform on [interval, interval × (1 + jitter)); the
//! interval of a container whose last two samples are identical doubles up to a ceiling, and
//! starts anew after a gap at the ceiling, whatever the samples then say.

use super::server::Point;
use super::spec::PipelineConfig;
use crate::sim::{SimDuration, SimTime, Stream};

/// One container's samples: the newest two, since a scrape may still need the older.
#[derive(Debug, Clone)]
pub(super) struct Samples {
    pub(super) latest: Option<Point>,
    pub(super) before: Option<Point>,
    pub(super) interval: SimDuration,
}

impl Samples {
    pub(super) fn new(config: &PipelineConfig) -> Self {
        Self {
            latest: None,
            before: None,
            interval: config.housekeeping_interval,
        }
    }

    /// Takes a sample and returns the gap until the next.
    pub(super) fn take(
        &mut self,
        point: Point,
        config: &PipelineConfig,
        stream: &mut Stream,
    ) -> SimDuration {
        let idle = self
            .latest
            .is_some_and(|old| (old.cpu, old.memory) == (point.cpu, point.memory));
        self.interval = Self::next_interval(idle, self.interval, config);
        self.before = self.latest.replace(point);
        jittered(self.interval, config.housekeeping_jitter, stream)
    }

    /// The interval that follows one, by whether the last two samples were identical.
    #[inline]
    pub(super) fn next_interval(
        idle: bool,
        interval: SimDuration,
        config: &PipelineConfig,
    ) -> SimDuration {
        if idle && interval < config.housekeeping_max {
            (interval * 2).min(config.housekeeping_max)
        } else {
            config.housekeeping_interval
        }
    }

    /// The newest sample taken at or before `time`.
    pub(super) fn at(&self, time: SimTime) -> Option<&Point> {
        let samples = [&self.latest, &self.before].into_iter().flatten();
        let mut known = samples.filter(|point| point.timestamp <= time);
        known.next()
    }
}

#[inline]
pub(super) fn jittered(interval: SimDuration, jitter: f64, stream: &mut Stream) -> SimDuration {
    interval + SimDuration((interval.0 as f64 * jitter * stream.unit()) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Streams;
    use crate::units::{Bytes, CpuTime};

    fn sample(second: i64, cpu: i64) -> Point {
        Point {
            start: SimTime::ZERO,
            timestamp: SimTime::from_secs(second),
            cpu: CpuTime(cpu),
            memory: Bytes::MIB,
        }
    }

    #[test]
    fn the_interval_of_an_idle_container_grows_to_its_ceiling_and_starts_anew() {
        let config = PipelineConfig {
            housekeeping_jitter: 0.0,
            ..PipelineConfig::default()
        };
        let mut stream = Streams::new(1).stream("kubelet");
        let mut samples = Samples::new(&config);
        let gaps = [(0, 5), (10, 5), (25, 5), (35, 5), (50, 6), (60, 7)]
            .map(|(second, cpu)| samples.take(sample(second, cpu), &config, &mut stream));
        assert_eq!(gaps, [10, 15, 10, 15, 10, 10].map(SimDuration::from_secs));
    }

    #[test]
    fn a_scrape_gets_the_newest_sample_of_its_time() {
        let config = PipelineConfig::default();
        let mut stream = Streams::new(1).stream("kubelet");
        let mut samples = Samples::new(&config);
        assert_eq!(samples.at(SimTime::from_secs(5)), None);
        samples.take(sample(10, 1), &config, &mut stream);
        samples.take(sample(22, 2), &config, &mut stream);
        assert_eq!(samples.at(SimTime::from_secs(9)), None);
        assert_eq!(samples.at(SimTime::from_secs(21)), Some(&sample(10, 1)));
        assert_eq!(samples.at(SimTime::from_secs(22)), Some(&sample(22, 2)));
    }

    #[test]
    fn gaps_lie_between_the_interval_and_its_double() {
        let config = PipelineConfig::default();
        let mut stream = Streams::new(1).stream("kubelet");
        let gaps: Vec<SimDuration> = (0..2000)
            .map(|_| {
                jittered(
                    config.housekeeping_interval,
                    config.housekeeping_jitter,
                    &mut stream,
                )
            })
            .collect();
        let range = SimDuration::from_secs(10)..SimDuration::from_secs(20);
        assert!(gaps.iter().all(|gap| range.contains(gap)));
        let mean = gaps.iter().map(|gap| gap.as_secs_f64()).sum::<f64>() / 2000.0;
        assert!((mean - 15.0).abs() < 0.3, "{mean}");
    }
}
