//! `predictkube`: the larger of the newest observation of a query and what a hosted model makes
//! of its past.
//!
//! The model is not public. Who hands in the reading says what it predicts.

use super::super::metric::{MetricSpec, MetricTarget};
use super::super::typed_config::{AuthParams, Param, Params, ScalerConfig, Source};
use super::url;
use crate::sim::SimDuration;

/// The step of a query that names none.
const DEFAULT_STEP: SimDuration = SimDuration::from_secs(300);

/// Units of durations, longer names first.
const UNITS: [(&str, f64); 10] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("μs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
    ("d", 86_400e9),
    ("w", 604_800e9),
];

/// How far ahead it looks, and its thresholds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PredictKube {
    horizon: SimDuration,
    threshold: f64,
    activation_threshold: f64,
}

impl PredictKube {
    pub(super) fn build(config: ScalerConfig) -> Result<Self, String> {
        parse(config).map_err(|error| format!("error parsing PredictKube metadata: {error}"))
    }

    /// How far ahead the model is asked for: in whole steps.
    pub(super) const fn horizon(&self) -> SimDuration {
        self.horizon
    }

    pub(super) fn metric_spec(&self, index: usize, kind: &str) -> MetricSpec {
        let target = MetricTarget::milli(kind, self.threshold);
        MetricSpec::external(index, "predictkube-predictkube_metric", target)
    }

    /// The larger of both, none if that is 0; only what is there makes it active.
    pub(super) fn measure(&self, last: f64, forecast: f64) -> Option<(f64, bool)> {
        let value = if forecast < last { last } else { forecast };
        (value != 0.0).then_some((value, last > self.activation_threshold))
    }
}

fn parse(config: ScalerConfig) -> Result<PredictKube, String> {
    let mut params = Params::new(config);
    let address: String = params.read(Param::new(&["prometheusAddress"]));
    let _: String = params.read(Param::new(&["query"]));
    let horizon: String = params.read(Param::new(&["predictHorizon"]));
    let step: String = params.read(Param::new(&["queryStep"]));
    let window: String = params.read(Param::new(&["historyTimeWindow"]));
    let key: String = params.read(Param::new(&["apiKey"]).from(&[Source::AuthParams]));
    let threshold = params.read(Param::new(&["threshold"]).optional());
    let activation_threshold = params.read(Param::new(&["activationThreshold"]).optional());
    let validated = validate(&address, [&horizon, &step, &window]).and_then(|times| {
        // A token has three parts.
        let is_token = *config.auth == AuthParams::Unknown || key.split('.').count() == 3;
        is_token
            .then_some(times)
            .ok_or_else(|| "invalid apiKey".to_owned())
    });
    let (times, outcome) = match validated {
        Ok(times) => (times, Ok(())),
        Err(why) => ([SimDuration::ZERO; 3], Err(why)),
    };
    params
        .finish(outcome)
        .map_err(|error| format!("error parsing predictKube metadata: {error}"))?;
    if threshold == 0.0 && !config.as_metric_source {
        return Err("no threshold given".to_owned());
    }
    let [horizon, step, _] = times;
    let step = if step == SimDuration::ZERO {
        DEFAULT_STEP
    } else {
        step
    };
    Ok(PredictKube {
        horizon: step * (horizon.0 / step.0),
        threshold,
        activation_threshold,
    })
}

fn validate(address: &str, times: [&String; 3]) -> Result<[SimDuration; 3], String> {
    if !url::scheme(address).is_ok_and(|(scheme, rest)| !scheme.is_empty() && rest.len() > 2) {
        return Err("invalid prometheusAddress".to_owned());
    }
    let names = ["predictHorizon", "queryStep", "historyTimeWindow"];
    let mut read = [SimDuration::ZERO; 3];
    for ((name, text), time) in names.into_iter().zip(times).zip(&mut read) {
        let found = duration(text);
        *time =
            found.ok_or_else(|| format!("{name} parsing error time: invalid duration {text:?}"))?;
    }
    Ok(read)
}

/// A duration as Go writes it, with days and weeks.
fn duration(text: &str) -> Option<SimDuration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(SimDuration::ZERO);
    }
    let (mut sum, mut parts) = (0.0, 0);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        let letters = rest[end..].find(|c: char| c.is_ascii_digit() || c == '.');
        let (unit, behind) = rest[end..].split_at(letters.unwrap_or(rest.len() - end));
        let (_, size) = UNITS.iter().find(|(name, _)| *name == unit)?;
        sum += number * size;
        parts += 1;
        rest = behind;
    }
    (parts > 0).then_some(SimDuration(sum as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_days_and_weeks() {
        for (text, seconds) in [
            ("2m", 120),
            ("1h30m", 5400),
            ("1.5d", 129_600),
            ("2w", 1_209_600),
        ] {
            assert_eq!(
                duration(text),
                Some(SimDuration::from_secs(seconds)),
                "{text}"
            );
        }
        for wrong in ["", "5", "m", "2x", "1h 5m"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }
}
