//! How late the HPA sees things, by Monte-Carlo through the pipeline as runs use it: each
//! clock with its own random phase, the readiness rule by the real controller.
//!
//! The expected figures are derived from the rules of cAdvisor, metrics-server and the HPA
//! by a simulation of their own (20,000 trials), and, for the last test, stated by users of
//! a cluster with other intervals (kubernetes/kubernetes#110317).

use nlsim::autoscaler::hpa::{
    Config, ContainerRequest, ContainerUsage, Controller, HpaSpec, HpaSpecInput, MetricSpec,
    Observation, Phase, Pod, PodRequests, PodUsage, ReadyCondition, ReadyStatus, Resource,
    ResourceTarget, Scale,
};
use nlsim::metrics::server::PodMetrics;
use nlsim::metrics::spec::PipelineConfig;
use nlsim::metrics::{MetricsEvent, MetricsNodeId, Pipeline, Source, Tracked, UsageSource};
use nlsim::sim::{EventQueue, SimDuration, SimTime, Streams};
use nlsim::units::{Bytes, CpuTime};

const TRIALS: u64 = 6000;
const SYNC_PERIOD: SimDuration = SimDuration::from_secs(15);
const LOW: f64 = 0.2;
const HIGH: f64 = 1.0;

#[derive(Clone, Copy)]
enum Event {
    Metrics(MetricsEvent),
    Sync,
}

impl From<MetricsEvent> for Event {
    fn from(event: MetricsEvent) -> Self {
        Self::Metrics(event)
    }
}

/// A container that uses `LOW` cores up to an instant and `HIGH` cores from then on.
struct Step {
    from: SimTime,
    at: SimTime,
}

impl UsageSource for Step {
    fn usage(&mut self, _: u64, now: SimTime) -> (CpuTime, Bytes) {
        let low = (now.min(self.at) - self.from).0 as f64 * LOW;
        let high = (now - self.at).0.max(0) as f64 * HIGH;
        (CpuTime((low + high) as i64), Bytes::GIB)
    }
}

/// What one look at the metrics API shows.
struct Look<'a> {
    now: SimTime,
    /// Whether the HPA looks, or the test after an event of the pipeline.
    sync: bool,
    metrics: Option<&'a PodMetrics>,
}

/// A container in its pipeline, and an HPA that syncs.
struct Rig {
    pipeline: Pipeline,
    node: MetricsNodeId,
    queue: EventQueue<Event>,
    usage: Step,
}

impl Rig {
    fn new(trial: u64, config: &PipelineConfig) -> Self {
        let streams = Streams::new(trial);
        let mut queue = EventQueue::default();
        let mut pipeline = Pipeline::new(config, &streams);
        let node = pipeline.add_node();
        pipeline.start(&mut queue);
        let phase = SYNC_PERIOD.as_secs_f64() * streams.stream("sync").unit();
        queue.schedule(
            SimTime::ZERO + SimDuration::from_secs_f64(phase),
            Event::Sync,
        );
        let usage = Step {
            from: SimTime::ZERO,
            at: SimTime::MAX,
        };
        Self {
            pipeline,
            node,
            queue,
            usage,
        }
    }

    /// A container that has run for long; its usage steps up at `at`, until which `look` is
    /// not called.
    fn settled(&mut self, at: SimTime, look: impl FnMut(&Look<'_>) -> Option<SimTime>) -> SimTime {
        self.usage.at = at;
        let pod = self.pipeline.track_pod(self.node, 1);
        let started = SimTime::from_secs(-4000);
        let tracked = Tracked {
            source: Source::Kept(0),
            container: 0,
        };
        self.pipeline
            .track_settled(pod, tracked, started, LOW, Bytes::GIB, &mut self.queue);
        self.run(pod, at, look)
    }

    /// A container that starts after a minute; returns when it did, too. The derived figures
    /// suppose a start at a whole second, to which the Ready transition is cut as well.
    fn fresh(
        &mut self,
        mut look: impl FnMut(SimTime, &Look<'_>) -> Option<SimTime>,
    ) -> (SimTime, SimTime) {
        let started = SimTime::from_secs(60);
        while self.queue.peek_time().is_some_and(|time| time < started) {
            self.advance();
        }
        self.usage.from = started;
        let pod = self.pipeline.track_pod(self.node, 1);
        let tracked = Tracked {
            source: Source::Kept(0),
            container: 0,
        };
        self.pipeline.track(pod, tracked, started, &mut self.queue);
        let found = self.run(pod, started, |seen| look(started, seen));
        (started, found)
    }

    fn advance(&mut self) -> (SimTime, bool) {
        let (now, event) = self.queue.pop().expect("clocks tick for ever");
        match event {
            Event::Sync => {
                self.queue.schedule(now + SYNC_PERIOD, Event::Sync);
                (now, true)
            }
            Event::Metrics(event) => {
                self.pipeline
                    .handle(event, now, &mut self.queue, &mut self.usage);
                (now, false)
            }
        }
    }

    fn run(
        &mut self,
        pod: nlsim::metrics::MetricsPodId,
        from: SimTime,
        mut look: impl FnMut(&Look<'_>) -> Option<SimTime>,
    ) -> SimTime {
        let mut metrics = PodMetrics::default();
        loop {
            let (now, sync) = self.advance();
            assert!(now < from + SimDuration::from_secs(1000), "never seen");
            if now < from {
                continue;
            }
            let listed = self.pipeline.pod_metrics(pod, &mut metrics);
            let metrics = listed.then_some(&metrics);
            if let Some(found) = look(&Look { now, sync, metrics }) {
                return found;
            }
        }
    }
}

/// Delays in seconds, to be compared with expected figures.
#[derive(Default)]
struct Delays(Vec<f64>);

impl Delays {
    fn of(trial: impl Fn(u64) -> SimDuration) -> Self {
        Self(
            (0..TRIALS)
                .map(|number| trial(number).as_secs_f64())
                .collect(),
        )
    }

    fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    fn max(&self) -> f64 {
        self.0.iter().copied().fold(0.0, f64::max)
    }

    fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() * percent / 100]
    }

    /// Compares mean, p5, p50 and p95: the mean within 0.7 s, the others within 1.2 s (the
    /// derivation did not cut the API's timestamps to whole seconds).
    fn assert_near(&self, what: &str, expected: [f64; 4]) {
        let got = [
            self.mean(),
            self.percentile(5),
            self.percentile(50),
            self.percentile(95),
        ];
        let near = |index: usize, tolerance| (got[index] - expected[index]).abs() <= tolerance;
        assert!(
            near(0, 0.7) && (1..4).all(|index| near(index, 1.2)),
            "{what}: mean, p5, p50, p95 are {got:.1?}, not {expected:.1?}"
        );
    }
}

const STEP: SimTime = SimTime::from_secs(60);

/// From the step to the first sync whose value holds more than this share of it.
fn step_seen(config: &PipelineConfig, share: f64) -> Delays {
    let threshold = (LOW + (HIGH - LOW) * share) * 1e9;
    Delays::of(|trial| {
        let seen = Rig::new(trial, config).settled(STEP, |look| {
            let value = look.metrics?.containers[0].cpu.0 as f64;
            (look.sync && value > threshold).then_some(look.now)
        });
        seen - STEP
    })
}

#[test]
fn metrics_of_a_running_pod_are_as_old_as_their_clocks_make_them() {
    let (mut ages, mut windows) = (Delays::default(), Delays::default());
    for trial in 0..TRIALS / 4 {
        let mut syncs = 0;
        Rig::new(trial, &PipelineConfig::default()).settled(SimTime::ZERO, |look| {
            let metrics = look
                .metrics
                .expect("a settled pod has metrics from the start");
            if look.sync {
                syncs += 1;
                ages.0.push((look.now - metrics.timestamp).as_secs_f64());
                windows.0.push(metrics.window.as_secs_f64());
            }
            (syncs == 8).then_some(look.now)
        });
    }
    ages.assert_near("age at a sync", [15.6, 5.1, 15.5, 26.4]);
    windows.assert_near("window", [16.8, 10.8, 16.2, 27.6]);
}

#[test]
fn a_step_of_usage_shows_in_parts() {
    let config = PipelineConfig::default();
    step_seen(&config, 1e-6).assert_near("any of it", [22.8, 10.0, 22.7, 35.8]);
    step_seen(&config, 0.50).assert_near("half of it", [31.2, 18.7, 30.9, 44.4]);
    step_seen(&config, 0.95).assert_near("nearly all of it", [38.7, 25.3, 38.3, 53.0]);
}

#[test]
fn a_new_container_has_metrics_after_a_scrape_or_two() {
    let config = PipelineConfig::default();
    let listed = |sync: bool| {
        Delays::of(|trial| {
            let (started, seen) = Rig::new(trial, &config).fresh(|_, look| {
                (look.metrics.is_some() && (look.sync || !sync)).then_some(look.now)
            });
            seen - started
        })
    };
    listed(false).assert_near("in the API", [23.1, 14.4, 23.1, 31.9]);
    listed(true).assert_near("at a sync", [30.7, 19.3, 30.7, 42.0]);
}

#[test]
fn a_new_pod_counts_long_after_it_is_ready() {
    let counted = |ready_after: i64| {
        let ready_after = SimDuration::from_secs(ready_after);
        Delays::of(|trial| {
            let mut hpa = Controller::new(half_of_a_core(), Config::default());
            let (started, seen) =
                Rig::new(trial, &PipelineConfig::default()).fresh(|started, look| {
                    let counts =
                        look.sync && counts(&mut hpa, started, started + ready_after, look);
                    counts.then_some(look.now)
                });
            seen - started
        })
    };
    counted(1).assert_near("ready after 1 s", [47.3, 35.4, 47.0, 60.1]);
    counted(10).assert_near("ready after 10 s", [47.3, 35.3, 47.1, 60.0]);
    counted(30).assert_near("ready after 30 s", [69.0, 55.0, 68.6, 83.9]);
}

#[test]
fn longer_intervals_give_the_delays_that_users_worked_out() {
    let config = PipelineConfig {
        housekeeping_jitter: 0.0,
        metric_resolution: SimDuration::from_secs(30),
        node_stagger: SimDuration::ZERO,
        ..PipelineConfig::default()
    };
    // Three clocks of 10, 30 and 15 s, each waited for half of its interval on average.
    let delays = step_seen(&config, 1e-6);
    assert!((delays.mean() - 27.5).abs() < 0.5, "{}", delays.mean());
    assert!(delays.max() <= 55.0, "{}", delays.max());
    assert!(delays.max() > 50.0, "{}", delays.max());
}

fn half_of_a_core() -> HpaSpec {
    HpaSpecInput {
        max_replicas: 10,
        metrics: vec![MetricSpec::Resource {
            resource: Resource::Cpu,
            target: ResourceTarget::Utilization(50),
        }],
        ..HpaSpecInput::default()
    }
    .defaulted()
}

/// Whether the HPA takes the pod for ready: with a single pod it has no proposal otherwise.
fn counts(hpa: &mut Controller, started: SimTime, ready: SimTime, look: &Look<'_>) -> bool {
    let requests = PodRequests {
        containers: vec![ContainerRequest {
            name: "app".to_owned(),
            requests: [Some(1000), None],
            restartable: false,
        }],
        ..PodRequests::default()
    };
    let status = if ready <= look.now {
        ReadyStatus::True
    } else {
        ReadyStatus::False
    };
    let since = if ready <= look.now { ready } else { started };
    let pods = [Pod {
        name: "web-0",
        phase: Phase::Running,
        deleting: false,
        start_time: Some(started.truncate_to_second()),
        ready: Some(ReadyCondition {
            status,
            last_transition: since.truncate_to_second(),
        }),
        requests: &requests,
    }];
    let containers = look.metrics.map(|metrics| {
        let [cpu, memory] = metrics.containers[0].milli_values();
        [ContainerUsage {
            name: "app",
            usage: [Some(cpu), Some(memory)],
        }]
    });
    let usage: Vec<PodUsage<'_>> = look
        .metrics
        .zip(containers.as_ref())
        .map(|(metrics, containers)| PodUsage {
            pod: Some(0),
            timestamp: metrics.api_timestamp(),
            window: metrics.window,
            containers,
        })
        .into_iter()
        .collect();
    let observation = Observation {
        reference: "Deployment/default/web",
        scale: Ok(Scale {
            spec_replicas: 1,
            status_replicas: 1,
            selector: "app=web",
        }),
        selected_by: &[],
        pods: &pods,
        resource_metrics: Ok(&usage),
        tallies: None,
        custom_metrics: &[Ok(&[])],
    };
    let decision = hpa.reconcile(&observation, look.now, |_| Ok(()));
    decision
        .metrics
        .first()
        .is_some_and(|metric| metric.proposal.is_ok())
}
