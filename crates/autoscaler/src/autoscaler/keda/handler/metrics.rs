//! The metrics that the HPA asks KEDA's metrics server for: `GetScaledObjectMetrics`.

use super::super::events::{Event, SCALER_FAILED};
use super::super::expr::Program;
use super::super::fallback::with_fallback;
use super::super::metric::MetricValue;
use super::super::modifiers::{self, NamedMetric};
use super::{Built, Copy, Holder, ScaledObjectState, ScalersCache, Surroundings};

impl ScaledObjectState {
    /// The values of a metric. An empty answer is an error to the HPA, too.
    pub fn metric(
        &mut self,
        name: &str,
        around: &mut Surroundings,
        events: &mut Vec<Event>,
    ) -> Result<Vec<MetricValue>, String> {
        let getting = |error: String| format!("error getting scalers {error}");
        if self.cache.is_none() {
            let holder = Holder::Own(Box::new(self.copy()));
            let cache = ScalersCache::new(&self.object, holder, around.sources, events);
            self.cache = Some(cache.map_err(getting)?);
        }
        let Some(ScalersCache {
            mut built,
            formula,
            holder,
        }) = self.cache.take()
        else {
            return Err(getting(String::new()));
        };
        let (mut copy, own) = match holder {
            Holder::Own(copy) => (*copy, true),
            Holder::Loop => (self.polling.clone().unwrap_or_else(|| self.copy()), false),
        };
        let fetched = self.fetch_all(name, &mut built, &mut copy, around, events);
        // The scalers stay unless a trigger failed.
        let holder = if own {
            Holder::Own(Box::new(copy.clone()))
        } else {
            self.polling = self.polling.is_some().then(|| copy.clone());
            Holder::Loop
        };
        if !fetched.error {
            self.cache = Some(ScalersCache {
                built,
                formula: formula.clone(),
                holder,
            });
        }
        answer(name, &copy, formula.as_ref(), fetched)
    }

    /// Every metric that is needed for the one that is asked for.
    fn fetch_all(
        &mut self,
        name: &str,
        built: &mut Built,
        copy: &mut Copy,
        around: &mut Surroundings,
        events: &mut Vec<Event>,
    ) -> FetchedAll {
        let mut all = FetchedAll::default();
        let wanted = self.wanted(name, copy);
        for index in 0..built.scalers.len() {
            let trigger = built.trigger(index).clone();
            let specs = match built.metric_specs_of(index, around.sources) {
                Ok(specs) => specs,
                Err(error) => {
                    all.error = true;
                    events.push(Event::warning(SCALER_FAILED, error));
                    continue;
                }
            };
            if wanted.is_empty() {
                let message = format!("no metrics found getting metricsArray array {name}");
                events.push(Event::warning(SCALER_FAILED, message));
            }
            for spec in &specs {
                let Some(metric) = spec
                    .external_name()
                    .filter(|metric| wanted.iter().any(|one| one.eq_ignore_ascii_case(metric)))
                else {
                    continue;
                };
                let record = self
                    .records
                    .get(metric)
                    .filter(|_| trigger.use_cached_metrics);
                let raw = if let Some(record) = record {
                    record.fetched.clone()
                } else {
                    let unix_time = self.unix_time(around.now);
                    built
                        .fetch(index, metric, around.sources, unix_time)
                        .map(|(metrics, _)| metrics)
                };
                let before = copy.status.clone();
                let fetched =
                    with_fallback(&copy.object, &mut copy.status, around.target, spec, raw);
                self.patch_status(copy, metric, &before);
                if fetched.fallback_active {
                    let fallback = all.fallback.get_or_insert_default();
                    fallback.extend(fetched.metrics.iter().cloned());
                }
                all.error |= fetched.error.is_some();
                let named = |metric: MetricValue| (metric, trigger.name.clone());
                all.metrics.extend(fetched.metrics.into_iter().map(named));
            }
        }
        all
    }

    /// `getTrueMetricArray`: with a target for the composite metric, all external metrics.
    fn wanted(&self, name: &str, copy: &Copy) -> Vec<String> {
        let composite = copy
            .object
            .modifiers()
            .is_some_and(|modifiers| !modifiers.target.is_empty());
        if !composite {
            return vec![name.to_owned()];
        }
        let known = &copy.status.external_metric_names;
        if known.is_empty() {
            self.status.external_metric_names.clone()
        } else {
            known.clone()
        }
    }
}

#[derive(Default)]
struct FetchedAll {
    metrics: Vec<NamedMetric>,
    fallback: Option<Vec<MetricValue>>,
    error: bool,
}

fn answer(
    name: &str,
    copy: &Copy,
    formula: Option<&Program>,
    fetched: FetchedAll,
) -> Result<Vec<MetricValue>, String> {
    if fetched.fallback.is_none() && fetched.error {
        return Err(format!("metric:{name} encountered error"));
    }
    if fetched.metrics.is_empty() {
        return Err(format!("no matching metrics found for {name}"));
    }
    let fallback = fetched.fallback.as_deref();
    let values = modifiers::handle(
        &copy.object,
        &copy.status,
        formula,
        fetched.metrics,
        fallback,
    );
    Ok(values.unwrap_or_default())
}
