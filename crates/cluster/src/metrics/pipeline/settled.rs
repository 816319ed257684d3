//! Containers that ran before the start of the run: their past measurements.

use super::{Container, ContainerId, MetricsEvent, MetricsPodId, Pipeline, Tracked};
use crate::metrics::kubelet::{Samples, jittered};
use crate::metrics::server::{PodStore, Point};
use crate::sim::{EventQueue, SimDuration, SimTime, Stream};
use crate::units::{Bytes, CpuTime};

/// How many past scrapes a container that ran before the start went through.
const PAST_SCRAPES: i64 = 6;

impl Pipeline {
    /// Begins to measure a container that has run since `started`, before the start of the
    /// run, using `cores` and `memory` all the time: if that is long enough, metrics of it
    /// exist at once.
    pub fn track_settled<E: Copy + From<MetricsEvent>>(
        &mut self,
        pod: MetricsPodId,
        tracked: Tracked,
        started: SimTime,
        cores: f64,
        memory: Bytes,
        queue: &mut EventQueue<E>,
    ) -> ContainerId {
        let config = self.config.clone();
        let consumed =
            |time: SimTime| CpuTime(((time - started).0 as f64 * cores.max(1e-4)) as i64);
        let gap = |stream: &mut Stream| {
            jittered(
                config.housekeeping_interval,
                config.housekeeping_jitter,
                stream,
            )
        };
        let mut stream = self.container_stream(pod);
        let depth = config.metric_resolution * PAST_SCRAPES + config.housekeeping_max * 4;
        let first = SimDuration::from_secs_f64(config.first_sample_delay.sample(&mut stream));
        let phase = SimDuration((config.housekeeping_interval.0 as f64 * stream.unit()) as i64);
        let mut time = (started + first).max(SimTime::ZERO - depth - phase);
        let mut past = Vec::new();
        if config.stats_on_request {
            time = SimTime::ZERO + self.phase - config.metric_resolution * PAST_SCRAPES;
        }
        while time < SimTime::ZERO {
            past.push(Point {
                start: started,
                timestamp: time,
                cpu: consumed(time),
                memory,
            });
            time += if config.stats_on_request {
                config.metric_resolution
            } else {
                gap(&mut stream)
            };
        }
        let before = consumed(SimTime::ZERO);
        let mut samples = Samples::new(&config);
        for point in &past {
            samples.take(*point, &config, &mut stream);
        }
        let id = self.insert(Container {
            tracked,
            pod,
            started,
            before,
            due: SimTime::MAX,
            samples,
            stream,
        });
        self.replay_scrapes(pod, tracked.container, &past);
        self.measure_at(id, time, queue);
        id
    }

    /// Runs the scrapes before the start over a container's past samples.
    fn replay_scrapes(&mut self, id: MetricsPodId, container: u16, past: &[Point]) {
        let (resolution, rule) = (self.config.metric_resolution, self.fresh_rule());
        let Some(pod) = self.pods.get_mut(id) else {
            return;
        };
        let mut store = PodStore::default();
        for back in (1..=PAST_SCRAPES).rev() {
            let tick = SimTime::ZERO + self.phase - resolution * back;
            let newest = past.iter().rev().find(|point| point.timestamp <= tick);
            store.store(newest.map(|point| (container, *point)).into_iter(), rule);
        }
        pod.store.adopt(store);
        if let Some(rate) = self.rates.get_mut(id.slot()) {
            *rate = None;
        }
    }
}
