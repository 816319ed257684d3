//! The response to a step of the load: decision, pods, recovery.

/// Times from the step on, in seconds; `None` where it did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ScalingLatency {
    /// First write above the desired number just before the step.
    pub first_decision: Option<f64>,
    /// Desired enough.
    pub full_decision: Option<f64>,
    /// Ready enough.
    pub ready: Option<f64>,
    /// Utilization back within the target's tolerance, and staying so for the hold.
    pub recover: Option<f64>,
    /// Largest number of ready replicas after the step, above the demand.
    pub overshoot: f64,
}

/// What holds at a step of the load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AtStep {
    /// When, in seconds.
    pub time: f64,
    /// Replicas needed from then on.
    pub demand: f64,
    /// Replicas that are enough: fewer than needed by what the tolerance lets stand.
    pub enough: f64,
    /// Desired replicas just before.
    pub before: f64,
    /// Desired replicas at that time.
    pub desired: f64,
    /// Ready replicas at that time.
    pub ready: f64,
    /// Utilization at that time.
    pub utilization: f64,
    /// Utilization that counts as recovered.
    pub limit: f64,
    /// How long it must stay there, in seconds.
    pub hold: f64,
}

/// The response up to now. Inputs come in order of time, each kind for itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What held at the step.
    pub at: AtStep,
    latency: ScalingLatency,
    peak: f64,
    /// Since when utilization is low enough.
    low_since: Option<f64>,
}

impl Answer {
    /// Begins at a step.
    pub fn new(at: AtStep) -> Self {
        let now = |holds: bool| holds.then_some(0.0);
        Self {
            at,
            latency: ScalingLatency {
                first_decision: now(at.desired > at.before),
                full_decision: now(at.desired >= at.enough),
                ready: now(at.ready >= at.enough),
                ..ScalingLatency::default()
            },
            peak: at.ready,
            low_since: (at.utilization <= at.limit).then_some(at.time),
        }
    }

    /// The desired number changes.
    pub fn desired(&mut self, time: f64, value: f64) {
        let after = Some(time - self.at.time);
        if value > self.at.before {
            self.latency.first_decision = self.latency.first_decision.or(after);
        }
        if value >= self.at.enough {
            self.latency.full_decision = self.latency.full_decision.or(after);
        }
    }

    /// The ready number changes; true if it is the first that is enough.
    pub fn ready(&mut self, time: f64, value: f64) -> bool {
        self.peak = self.peak.max(value);
        let is_first = self.latency.ready.is_none() && value >= self.at.enough;
        if is_first {
            self.latency.ready = Some(time - self.at.time);
        }
        is_first
    }

    /// A sync sees another utilization.
    pub fn utilization(&mut self, time: f64, value: f64) {
        self.low_until(time);
        if value <= self.at.limit {
            self.low_since = self.low_since.or(Some(time));
        } else {
            self.low_since = None;
        }
    }

    /// Utilization has stayed where it is up to now.
    fn low_until(&mut self, time: f64) {
        if let Some(since) = self.low_since
            && since + self.at.hold <= time
        {
            let recover = &mut self.latency.recover;
            *recover = recover.or(Some(since - self.at.time));
        }
    }

    /// The observation ends.
    pub fn finish(mut self, end: f64) -> ScalingLatency {
        self.low_until(end);
        ScalingLatency {
            overshoot: (self.peak - self.at.demand).max(0.0),
            ..self.latency
        }
    }
}

/// The way to the last pod that the demand needed, in seconds; the stages follow one
/// another and add up to the time until enough pods are ready.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Stages {
    /// Until a sync saw a metric above its target.
    pub metric_lag: f64,
    /// Until the HPA wrote the number that created the pod.
    pub decision: f64,
    /// Until the pod's object was there.
    pub creation: f64,
    /// Until it had a node.
    pub scheduling: f64,
    /// Until its container ran: image pull and start.
    pub container_start: f64,
    /// Until it was ready.
    pub readiness: f64,
}

impl Stages {
    /// Stages from the step at `start` through these marks; a mark that is not there, or behind the
    /// one before, takes no time: a pod that was on its way before the step has its first stages
    /// behind it.
    pub fn through(start: f64, marks: [Option<f64>; 6]) -> Self {
        let mut lengths = [0.0; 6];
        let mut last = start;
        for (length, mark) in lengths.iter_mut().zip(marks) {
            let mark = mark.unwrap_or(last).max(last);
            *length = mark - last;
            last = mark;
        }
        let [
            metric_lag,
            decision,
            creation,
            scheduling,
            container_start,
            readiness,
        ] = lengths;
        Self {
            metric_lag,
            decision,
            creation,
            scheduling,
            container_start,
            readiness,
        }
    }

    /// Names and lengths in order.
    pub fn named(&self) -> [(&'static str, f64); 6] {
        [
            ("metric_lag", self.metric_lag),
            ("decision", self.decision),
            ("creation", self.creation),
            ("scheduling", self.scheduling),
            ("container_start", self.container_start),
            ("readiness", self.readiness),
        ]
    }
}

/// One step of the load and the response to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScalingStep {
    /// When, in seconds.
    pub time: f64,
    /// Ready replicas just before.
    pub from: f64,
    /// Replicas needed from then on.
    pub demand: f64,
    /// How long the response took.
    pub latency: ScalingLatency,
    /// Its stages; none if there never were enough pods, or enough already.
    pub stages: Option<Stages>,
}

/// A mean over some steps.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Mean {
    /// Sum of the values.
    pub sum: f64,
    /// How many.
    pub count: u64,
}

impl Mean {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sum += value;
            self.count += 1;
        }
    }

    /// The mean over both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            sum: self.sum + other.sum,
            count: self.count + other.count,
        }
    }

    /// Its value; NaN without any.
    pub fn value(self) -> f64 {
        self.sum / self.count as f64
    }
}

/// Means over all steps of a load.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Latencies {
    /// Steps that needed more pods than were ready.
    pub steps: u64,
    /// Those of them that were decided on and got their pods.
    pub answered: u64,
    /// Over these: until the first decision, the full one, enough ready pods, and recovery.
    pub means: [Mean; 4],
    /// The largest overshoot.
    pub overshoot: f64,
}

impl Latencies {
    /// Counts a step in.
    pub fn add(&mut self, latency: &ScalingLatency) {
        self.steps += 1;
        let parts = [
            latency.first_decision,
            latency.full_decision,
            latency.ready,
            latency.recover,
        ];
        if parts[..3].iter().all(Option::is_some) {
            self.answered += 1;
            for (mean, part) in self.means.iter_mut().zip(parts) {
                mean.add(part);
            }
        }
        self.overshoot = self.overshoot.max(latency.overshoot);
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let mut means = self.means;
        for (mean, other) in means.iter_mut().zip(other.means) {
            *mean = mean.and(other);
        }
        Self {
            steps: self.steps + other.steps,
            answered: self.answered + other.answered,
            means,
            overshoot: self.overshoot.max(other.overshoot),
        }
    }
}
