//! `[[predictive]]`: models that predict beside an HPA.

use super::known::Known;
use super::services::number_curve;
use super::trace::curve_of;
use crate::autoscaler::keda::hpa_name;
use crate::autoscaler::predictive::{
    Damping, DecisionType, Estimator, Forecaster, Form, HoltWinters, Initialization, Linear, Model,
    Profile, WarmUp,
};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::manifest::Context;
use crate::scenario::model::{Predictive, Tuning};
use crate::scenario::node::Node;
use crate::scenario::reader::{Reader, expected};
use crate::scenario::suggest::advice;
use crate::sim::{SimDuration, SimTime};

/// Samples of a season that a model can keep.
const LONGEST_SEASON: i64 = 1 << 20;

pub(super) fn predictive(
    root: &mut Reader<'_>,
    known: &Known<'_>,
    period: SimDuration,
    diagnostics: &mut Diagnostics,
) -> Vec<Predictive> {
    let mut made = of_manifests(known, diagnostics);
    for item in root.list("predictive", diagnostics) {
        let Some(mut table) = Reader::new(item, "`predictive`", diagnostics) else {
            continue;
        };
        if let Some(one) = model_of(&mut table, known, (period, &made), diagnostics) {
            let same = |other: &&mut Predictive| {
                (&other.namespace, &other.name) == (&one.namespace, &one.name)
            };
            match made.iter_mut().find(same) {
                Some(other) => {
                    if table.get("decision").is_some() && one.decision != other.decision {
                        let title = format!("{} has a `decision` already", one.name);
                        let label = "not the same in all of its models";
                        diagnostics
                            .error(table.key_span("decision"), title, label)
                            .help = Some("write it into the first of them".to_owned());
                    }
                    let name = &one.models[0].name;
                    if other.models.iter().any(|model| model.name == *name) {
                        let title = format!("two models of {} are called {name}", one.name);
                        diagnostics
                            .error(item.span.first(), title, "the second of them")
                            .help = Some("give it a `name`".to_owned());
                    }
                    other.models.extend(one.models);
                    if other.past.is_empty() {
                        (other.past, other.season) = (one.past, one.season);
                    } else if !one.past.is_empty() {
                        let title =
                            format!("{} has a `past` already: this one is left out", one.name);
                        let label = "the second of them";
                        diagnostics
                            .warning(table.key_span("past"), title, label)
                            .help = Some("all models of an HPA know the same past".to_owned());
                    }
                }
                None => made.push(one),
            }
        }
        table.finish("`predictive`", diagnostics);
    }
    made
}

/// Those that PredictiveHorizontalPodAutoscalers bring along.
fn of_manifests(known: &Known<'_>, diagnostics: &mut Diagnostics) -> Vec<Predictive> {
    let mut made = Vec::new();
    for placed in &known.manifests.hpas {
        let hpa = &placed.value;
        let Some(predictive) = &hpa.predictive else {
            continue;
        };
        let context = &mut Context {
            document: &known.parsed.documents[placed.document].node,
            diagnostics,
        };
        let called = (&hpa.namespace, &hpa.name);
        let mut plain = known.manifests.hpas.iter().map(|one| &one.value);
        if plain.any(|one| one.predictive.is_none() && (&one.namespace, &one.name) == called) {
            let title = format!("an HPA is called {} too", hpa.name);
            let help = "here both are HPAs: give one of them another name";
            context.error("metadata.name", title, Some(help));
        }
        made.push(Predictive {
            namespace: hpa.namespace.clone(),
            name: hpa.name.clone(),
            decision: predictive.decision,
            // Upstream's Holt-Winters answers 0 until it has seen enough.
            warm_up: WarmUp::Zero,
            tuning: predictive.tuning,
            models: predictive.models.clone(),
            past: Vec::new(),
            season: SimDuration::ZERO,
        });
    }
    made
}

fn model_of(
    table: &mut Reader<'_>,
    known: &Known<'_>,
    (period, made): (SimDuration, &[Predictive]),
    diagnostics: &mut Diagnostics,
) -> Option<Predictive> {
    if table.get("hpa").is_none() {
        table.missing("hpa", "`predictive`", "hpa = \"api\"", diagnostics);
    }
    let hpa = table.read("hpa", diagnostics, |node| hpa_of(node, known));
    // A PredictiveHorizontalPodAutoscaler has a period of its own.
    let mut all = made.iter();
    let own = all.find(|one| {
        hpa.as_ref()
            .is_some_and(|hpa| (&hpa.0, &hpa.1) == (&one.namespace, &one.name))
    });
    let period = own.and_then(|own| own.tuning.sync_period).unwrap_or(period);
    if table.get("model").is_none() {
        table.missing("model", "`predictive`", "model = \"linear\"", diagnostics);
    }
    let kind = table.one_of("model", &["linear", "holt-winters", "profile"], diagnostics);
    let name = table.text("name", diagnostics).or(kind).unwrap_or_default();
    let every = table.count("every", diagnostics).unwrap_or(1).max(1);
    let decision = table.one_of(
        "decision",
        &["maximum", "minimum", "mean", "median"],
        diagnostics,
    );
    let decision = match decision {
        Some("minimum") => DecisionType::Minimum,
        Some("mean") => DecisionType::Mean,
        Some("median") => DecisionType::Median,
        _ => DecisionType::Maximum,
    };
    let look_ahead = table.duration("look_ahead", diagnostics);
    let steps = look_ahead.map_or(1, |ahead| samples(ahead, period).max(1) as usize);
    let season = table.read("season", diagnostics, |node| {
        let season = crate::scenario::reader::duration(node)?;
        match samples(season, period) {
            2..=LONGEST_SEASON => Ok(season),
            _ => Err(format!(
                "a season is 2 to {LONGEST_SEASON} periods of {period}"
            )),
        }
    });
    let seasons = table.count("seasons", diagnostics).unwrap_or(4).max(1) as usize;
    let past = table
        .get("past")
        .map(|node| past(node, season, known, diagnostics));
    warn_of_odd_season(table, season, period, diagnostics);
    let margin = table.number("margin", diagnostics).unwrap_or(0.0);
    let in_season = season.map(|season| samples(season, period) as usize);
    let forecaster = match kind {
        Some("linear") => Some(Forecaster::Linear(Linear {
            history_size: table.count("history", diagnostics).unwrap_or(12).max(1) as usize,
            look_ahead: look_ahead.unwrap_or(SimDuration::from_secs(60)),
        })),
        Some("holt-winters") => holt_winters(table, (in_season, seasons, steps), diagnostics),
        Some("profile") => profile(table, (in_season, seasons, steps), diagnostics),
        _ => None,
    };
    refuse_idle_season(table, forecaster.as_ref(), past.is_some(), diagnostics);
    if past.is_some() && season.is_none() {
        let label = "of how long a season?";
        diagnostics
            .error(table.key_span("past"), "`past` needs a `season`", label)
            .help = Some("for example `season = \"24h\"`".to_owned());
    }
    let (namespace, hpa) = hpa?;
    Some(Predictive {
        namespace,
        name: hpa,
        decision,
        warm_up: WarmUp::Silent,
        tuning: Tuning::default(),
        models: vec![Model {
            name: name.to_owned(),
            per_sync_period: every,
            period: (kind != Some("linear")).then_some(period),
            margin,
            start_interval: None,
            reset_duration: None,
            forecaster: forecaster?,
        }],
        past: past.unwrap_or_default(),
        season: season.unwrap_or_default(),
    })
}

/// A season counts in the models that have one, and in a past.
fn refuse_idle_season(
    table: &mut Reader<'_>,
    forecaster: Option<&Forecaster>,
    has_past: bool,
    diagnostics: &mut Diagnostics,
) {
    let is_seasonal = match forecaster {
        Some(Forecaster::Linear(_)) => false,
        Some(Forecaster::HoltWinters { model, .. }) => model.seasonal.is_some(),
        _ => true,
    };
    for key in ["season", "seasons"] {
        if !is_seasonal && !has_past && table.get(key).is_some() {
            let title = format!("`{key}` does not go with a model without a season");
            let label = "it would change nothing";
            diagnostics.error(table.key_span(key), title, label);
        }
    }
}

/// A season is counted in syncs.
fn warn_of_odd_season(
    table: &Reader<'_>,
    season: Option<SimDuration>,
    period: SimDuration,
    diagnostics: &mut Diagnostics,
) {
    if let Some(season) = season.filter(|season| season.0 % period.0.max(1) != 0) {
        let whole = period * samples(season, period);
        let title = format!("a season of {season} is no whole number of syncs");
        let label = format!(
            "it is counted as {whole}, {} syncs",
            samples(season, period)
        );
        diagnostics
            .warning(table.key_span("season"), title, label)
            .help = Some(format!("HPAs sync every {period}"));
    }
}

/// `past`: a curve, or a file as `trace` reads it.
fn past(
    node: &Node,
    season: Option<SimDuration>,
    known: &Known<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<(SimTime, f64)> {
    if node.get("file").is_none() {
        return number_curve("past", node, diagnostics);
    }
    let Some(mut table) = Reader::new(node, "`past`", diagnostics) else {
        return Vec::new();
    };
    let read = curve_of(&mut table, known, diagnostics).unwrap_or_default();
    table.finish("`past`", diagnostics);
    let last = read.last().map(|(time, _)| time.since(SimTime::ZERO));
    if let (Some(last), Some(season)) = (last, season)
        && last >= season
    {
        let label = format!("its last row comes {last} after its first");
        let title = format!("only the first season of {season} of the file counts");
        diagnostics.warning(node.span, title, label);
    }
    read
}

/// Periods in a time, rounded up.
fn samples(time: SimDuration, period: SimDuration) -> i64 {
    (time.0 - 1).div_euclid(period.0.max(1)) + 1
}

fn hpa_of(node: &Node, known: &Known<'_>) -> Result<(String, String), String> {
    let text = node
        .text()
        .ok_or_else(|| expected("the name of an HPA", node))?;
    let written = known.manifests.hpas.iter().map(|one| &one.value);
    let written = written.map(|hpa| (hpa.namespace.clone(), hpa.name.clone()));
    // KEDA's operator makes these.
    let objects = known.manifests.scaled_objects.iter().map(|one| &one.value);
    let generated = objects.map(|object| (object.metadata.namespace.clone(), hpa_name(object)));
    let hpas: Vec<(String, String)> = written.chain(generated).collect();
    let mut all = hpas.iter();
    let is_named = |(namespace, name): &&(String, String)| {
        *name == *text || format!("{namespace}/{name}") == text
    };
    if let Some(hpa) = all.find(is_named) {
        return Ok(hpa.clone());
    }
    let names: Vec<&str> = hpas.iter().map(|(_, name)| name.as_str()).collect();
    Err(format!(
        "no HPA `{text}` among the manifests; {}",
        advice(text, &names)
    ))
}

/// A share from 0 to 1.
fn share(
    table: &mut Reader<'_>,
    key: &'static str,
    default: f64,
    diagnostics: &mut Diagnostics,
) -> f64 {
    let value = table.read(
        key,
        diagnostics,
        |node| match crate::scenario::reader::number(node)? {
            value @ 0.0..=1.0 => Ok(value),
            value => Err(format!("{value} is not from 0 to 1")),
        },
    );
    value.unwrap_or(default)
}

fn form(table: &mut Reader<'_>, key: &'static str, diagnostics: &mut Diagnostics) -> Option<Form> {
    match table.one_of(key, &["additive", "multiplicative", "none"], diagnostics) {
        Some("multiplicative") => Some(Form::Multiplicative),
        Some("none") => None,
        _ => Some(Form::Additive),
    }
}

fn holt_winters(
    table: &mut Reader<'_>,
    (season, stored_seasons, steps): (Option<usize>, usize, usize),
    diagnostics: &mut Diagnostics,
) -> Option<Forecaster> {
    let alpha = share(table, "alpha", 0.5, diagnostics);
    let beta = share(table, "beta", 0.1, diagnostics);
    let gamma = share(table, "gamma", 0.5, diagnostics);
    let trend = form(table, "trend", diagnostics);
    let damping = if table.get("damped").is_some() {
        Damping::Factor(share(table, "damped", 1.0, diagnostics))
    } else {
        Damping::None
    };
    if trend.is_none() && damping != Damping::None {
        let label = "there is no trend";
        diagnostics.error(table.key_span("damped"), "`damped` needs a `trend`", label);
    }
    let seasonal = form(table, "seasonal", diagnostics);
    let seasonal = match (seasonal, season) {
        (None, _) => None,
        (Some(form), Some(samples)) => Some((form, samples)),
        (Some(_), None) => {
            table.missing("season", "`predictive`", "season = \"24h\"", diagnostics);
            return None;
        }
    };
    let model = HoltWinters {
        alpha,
        beta,
        gamma,
        trend,
        damping: Damping::None,
        seasonal,
        initialization: Initialization::Estimated,
        flaw: None,
    };
    // It keeps at least what it needs to predict.
    let least = model
        .samples_needed()
        .div_ceil(model.season_length().max(1));
    Some(Forecaster::HoltWinters {
        model,
        stored_seasons: stored_seasons.max(least),
        steps,
    })
}

fn profile(
    table: &mut Reader<'_>,
    (season, seasons, steps): (Option<usize>, usize, usize),
    diagnostics: &mut Diagnostics,
) -> Option<Forecaster> {
    let estimator = match table.one_of("estimator", &["max", "mean"], diagnostics) {
        Some("mean") => Estimator::Mean,
        _ => Estimator::Max,
    };
    let Some(season) = season else {
        table.missing("season", "`predictive`", "season = \"24h\"", diagnostics);
        return None;
    };
    Some(Forecaster::Profile {
        profile: Profile {
            season,
            seasons,
            estimator,
            margin: 0.0,
        },
        steps,
    })
}
