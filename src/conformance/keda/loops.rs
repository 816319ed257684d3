//! Kind `keda_loops`: whole scale loops with reconciles and an HPA that fetches metrics.
//!
//! A step is a reconcile, a poll, a sync of the HPA's stand-in or something that others do. What
//! others do and the replicas that the HPA sets are inputs; everything else is compared.

mod recording;

use std::collections::BTreeMap;

use serde_json::Value;

use recording::{Case, Fetch, MetricAnswer, Observed, Script, State, Step, canonical};

use super::super::table::{close, difference};
use super::super::{Difference, ReplayError, Report};
use crate::autoscaler::keda::{
    Decision, Event, ExternalMetric, PrometheusAnswer, Reading, ScaledObject, ScaledObjectState,
    Scaler, Sources, Surroundings, Target,
};
use crate::sim::SimTime;

/// 2000-01-01, the start of every recording, in seconds from 1970.
const EPOCH: i64 = 946_684_800;

/// Events that the recordings leave out: who starts and fails when depends on threads.
const LEFT_OUT: [&str; 3] = [
    "KEDAScalersStarted",
    "KEDAScalerFailed",
    "KEDAMetricSourceFailed",
];

/// Replays every step of every sequence.
pub(in super::super) fn replay(text: &str) -> Result<Report, ReplayError> {
    super::super::lines::replay(text, replay_case)
}

fn replay_case(case: &Case, report: &mut Report) -> Result<(), serde_json::Error> {
    let mut replayed = Replayed::new(case)?;
    for (number, step) in case.steps.iter().enumerate() {
        let found = replayed.step(step);
        report.step(found.map(|difference| Difference {
            place: format!("{} step {number} {}", case.id, difference.place),
            ..difference
        }));
    }
    Ok(())
}

/// The sources of a sequence, and what was fetched from them.
struct Scripted<'a> {
    scripts: &'a [Script],
    environment: BTreeMap<String, String>,
    now_ms: i64,
    fetches: Vec<Fetch>,
}

impl Sources for Scripted<'_> {
    fn read(&mut self, trigger: usize, _: &Scaler, _: &str) -> Result<Reading, String> {
        let script = self.scripts.iter().find(|script| script.trigger == trigger);
        let value = script.and_then(|script| script.value_at(self.now_ms));
        self.fetches.push(Fetch {
            ms: self.now_ms,
            trigger,
            value,
        });
        value
            .map(|value| Reading::Prometheus(PrometheusAnswer::Value(value)))
            .ok_or_else(|| "the source does not answer".to_owned())
    }

    fn external_metrics(&mut self, _: usize) -> Vec<ExternalMetric> {
        Vec::new()
    }

    fn environment(&self) -> Result<&BTreeMap<String, String>, String> {
        Ok(&self.environment)
    }
}

struct Replayed<'a> {
    state: ScaledObjectState,
    sources: Scripted<'a>,
    replicas: i32,
    set: Vec<(i64, i32)>,
    events: Vec<(i64, String, String)>,
}

impl<'a> Replayed<'a> {
    fn new(case: &'a Case) -> Result<Self, serde_json::Error> {
        let mut object = ScaledObject {
            spec: serde_json::from_value(case.spec.clone())?,
            ..ScaledObject::default()
        };
        "so".clone_into(&mut object.metadata.name);
        object.metadata.generation = 1;
        Ok(Self {
            state: ScaledObjectState::new(object, SimTime::ZERO, EPOCH),
            sources: Scripted {
                scripts: &case.trigger_scripts,
                environment: BTreeMap::new(),
                now_ms: 0,
                fetches: Vec::new(),
            },
            replicas: case.initial_replicas,
            set: Vec::new(),
            events: Vec::new(),
        })
    }

    fn step(&mut self, step: &Step) -> Option<Difference> {
        match step {
            Step::Event {
                t,
                what,
                key,
                value,
                min,
                replicas,
            } => {
                match what.as_str() {
                    "set_replicas" => self.replicas = replicas.unwrap_or(self.replicas),
                    "set_min" => self.change(|object| {
                        object.spec.min_replica_count = *min;
                        object.metadata.generation += 1;
                    }),
                    _ => self.change(|object| {
                        let annotations = object.metadata.annotations.get_or_insert_default();
                        match value {
                            Some(value) => annotations.insert(key.clone(), value.clone()),
                            None => annotations.remove(key),
                        };
                    }),
                }
                let known = matches!(
                    what.as_str(),
                    "annotate" | "remove_annotation" | "set_min" | "set_replicas"
                );
                difference(format!("t={t}"), &true, &known, what)
            }
            Step::Reconcile { t, state, hpa_spec } => {
                let ms = milliseconds(*t);
                let spec = |state: &ScaledObjectState| state.hpa().map(|hpa| hpa.spec.clone());
                let before = spec(&self.state);
                let decision = self.act(ms, ScaledObjectState::reconcile);
                if decision.start_loop {
                    self.act(ms, ScaledObjectState::poll);
                }
                let after = spec(&self.state);
                let changed = (after != before).then(|| after.unwrap_or(Value::Null));
                let place = format!("t={t}");
                let expected = hpa_spec.clone().map(canonical);
                let changed = difference(place, &expected, &changed, &decision.error);
                let compared = self.compare(*t, state);
                changed.or(compared)
            }
            Step::Poll { t, state } => {
                // States are recorded 1 ms after the poll was due.
                if self.state.is_polling() {
                    self.act(milliseconds(*t) - 1, ScaledObjectState::poll);
                }
                self.compare(*t, state)
            }
            Step::Hpa {
                t,
                metrics,
                observed,
                replicas_before,
                replicas_after,
            } => {
                let before = self.replicas;
                let mut answers = Vec::new();
                for expected in metrics {
                    answers.push(self.fetch(milliseconds(*t), expected));
                }
                self.replicas = *replicas_after;
                let place = format!("t={t}");
                let expected = (*replicas_before, metrics, observed.clone().sorted());
                let got = (before, &answers, self.observed());
                difference(place, &expected, &got, &())
            }
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut ScaledObject)) {
        let mut object = self.state.object().clone();
        change(&mut object);
        self.state.set_object(object);
    }

    fn act(
        &mut self,
        ms: i64,
        act: impl FnOnce(&mut ScaledObjectState, &mut Surroundings) -> Decision,
    ) -> Decision {
        self.sources.now_ms = ms;
        let target = Target::with_replicas(self.replicas, self.replicas);
        let decision = act(
            &mut self.state,
            &mut Surroundings {
                now: SimTime::from_millis(ms),
                target: &target,
                sources: &mut self.sources,
                hpa_health: None,
            },
        );
        if let Some(replicas) = decision.set_replicas {
            self.replicas = replicas;
            self.set.push((ms, replicas));
        }
        let told = |event: &&Event| !LEFT_OUT.contains(&event.reason);
        let events = decision.events.iter().filter(told);
        let event = |event: &Event| (ms, event.kind().to_owned(), event.reason.to_owned());
        self.events.extend(events.map(event));
        decision
    }

    fn fetch(&mut self, ms: i64, expected: &MetricAnswer) -> MetricAnswer {
        self.sources.now_ms = ms;
        let target = Target::with_replicas(self.replicas, self.replicas);
        let values = self.state.metric(
            &expected.metric,
            &mut Surroundings {
                now: SimTime::from_millis(ms),
                target: &target,
                sources: &mut self.sources,
                hpa_health: None,
            },
            &mut Vec::new(),
        );
        let value = values.ok().and_then(|values| values.first().cloned());
        let value = value.map(|value| value.value.as_f64());
        let agrees = |value: &f64| {
            expected
                .value
                .is_some_and(|expected| close(expected, *value))
        };
        MetricAnswer {
            metric: expected.metric.clone(),
            error: value.is_none(),
            value: if value.as_ref().is_some_and(agrees) {
                expected.value
            } else {
                value
            },
        }
    }

    fn observed(&mut self) -> Observed {
        let health = self.state.status().health.iter();
        Observed {
            health: health
                .map(|(name, health)| (name.clone(), (health.name().to_owned(), health.failures)))
                .collect(),
            fetches: std::mem::take(&mut self.sources.fetches),
        }
        .sorted()
    }

    fn compare(&mut self, t: f64, expected: &State) -> Option<Difference> {
        let conditions = self.state.conditions();
        let status = self.state.status();
        let got = State {
            replicas: self.replicas,
            conditions: conditions
                .iter()
                .map(|condition| {
                    let status = condition.status.name().to_owned();
                    (
                        condition.kind.name().to_owned(),
                        (status, condition.reason.clone()),
                    )
                })
                .collect(),
            last_active_time: status.last_active_time.map(|at| at.0 / 1_000_000_000),
            triggers_activity: status.triggers_activity.clone(),
            paused_replica_count: status.paused_replica_count,
            keda_set_replicas: std::mem::take(&mut self.set),
            events: std::mem::take(&mut self.events),
            observed: self.observed(),
        };
        difference(
            format!("t={t}"),
            &expected.clone().sorted(),
            &got,
            &Value::Null,
        )
    }
}

fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1e3).round() as i64
}
