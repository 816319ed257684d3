//! Stored outputs beside ours, field by field.

use std::collections::BTreeMap;
use std::fmt::Debug;

use super::super::table::close;
use super::input::{Aggregates, Live, LiveHistogram, Output, PerContainer, Saved, SavedHistogram};
use crate::autoscaler::vpa::recommender::{
    Bounds, Checkpoint, Estimate, HistogramCheckpoint, HistogramSummary, Recommender, UsageSummary,
};
use crate::autoscaler::vpa::{Recommendation, Resource};
use crate::sim::SimTime;

/// A field that differs: its name, the recorded value, ours.
pub(super) type Found = Option<(String, String, String)>;

fn differs<T: Debug + PartialEq>(field: &str, expected: &T, got: &T) -> Found {
    (expected != got).then(|| {
        (
            field.to_owned(),
            format!("{expected:?}"),
            format!("{got:?}"),
        )
    })
}

/// The recording has no output of this kind for the step.
fn missing(field: &str, got: &impl Debug) -> (String, String, String) {
    (field.to_owned(), "no output".to_owned(), format!("{got:?}"))
}

/// The first difference of a recommendation step.
pub(super) fn recommendations(output: Option<&Output>, recommender: &mut Recommender) -> Found {
    let (rec, raw) = (
        shown(recommender.recommendations()),
        estimated(recommender.estimates()),
    );
    let Some(output) = output else {
        return Some(missing("rec", &rec));
    };
    let histograms = || match output.agg.as_ref()? {
        Aggregates::Live(expected) => live(expected, &recommended_usage(recommender)),
        Aggregates::Saved { .. } => Some(missing("agg", &"a recommendation")),
    };
    differs("raw", &output.raw, &Some(raw))
        .or_else(|| differs("rec", &output.rec, &Some(rec)))
        .or_else(histograms)
}

/// The first difference of a restart's checkpoints.
pub(super) fn checkpoints(output: Option<&Output>, checkpoints: &[Checkpoint]) -> Found {
    let Some(Aggregates::Saved { checkpoint }) = output.and_then(|output| output.agg.as_ref())
    else {
        return Some(missing("checkpoint", &checkpoints));
    };
    let got: BTreeMap<&str, &Checkpoint> = checkpoints
        .iter()
        .map(|checkpoint| (checkpoint.container_name.as_str(), checkpoint))
        .collect();
    let names: Vec<&str> = checkpoint.keys().map(String::as_str).collect();
    differs("checkpoint", &names, &got.keys().copied().collect()).or_else(|| {
        let mut pairs = checkpoint.values().zip(got.into_values());
        pairs.find_map(|(expected, got)| saved(expected, got))
    })
}

fn seconds(time: Option<SimTime>) -> Option<i64> {
    time.map(|time| time.0.div_euclid(1_000_000_000))
}

fn saved(expected: &Saved, got: &Checkpoint) -> Found {
    let name = &got.container_name;
    let field = |field: &str| format!("checkpoint {name} {field}");
    let first = seconds(got.first_sample_start);
    let last = seconds(got.last_sample_start);
    differs(
        &field("firstSampleStart"),
        &expected.first_sample_start,
        &first,
    )
    .or_else(|| {
        differs(
            &field("lastSampleStart"),
            &expected.last_sample_start,
            &last,
        )
    })
    .or_else(|| {
        let count = got.total_samples_count;
        differs(
            &field("totalSamplesCount"),
            &expected.total_samples_count,
            &count,
        )
    })
    .or_else(|| saved_histogram(&field("cpu"), &expected.cpu, &got.cpu))
    .or_else(|| saved_histogram(&field("memory"), &expected.memory, &got.memory))
}

fn saved_histogram(field: &str, expected: &SavedHistogram, got: &HistogramCheckpoint) -> Found {
    let reference = seconds(got.reference_timestamp);
    differs(&format!("{field} ref"), &expected.reference, &reference)
        .or_else(|| {
            differs(
                &format!("{field} bucketWeights"),
                &expected.bucket_weights,
                &got.bucket_weights,
            )
        })
        .or_else(|| {
            weight(
                &format!("{field} totalWeight"),
                &expected.total_weight,
                got.total_weight,
            )
        })
}

/// What is known of the containers that get a recommendation: those are recorded.
fn recommended_usage(recommender: &mut Recommender) -> Vec<UsageSummary> {
    let mut usage = recommender.usage();
    usage.retain(|usage| {
        let mut estimates = recommender.estimates().iter();
        estimates.any(|estimate| estimate.container_name == usage.container_name)
    });
    usage
}

fn live(expected: &BTreeMap<String, Live>, got: &[UsageSummary]) -> Found {
    let names: Vec<&str> = got
        .iter()
        .map(|usage| usage.container_name.as_str())
        .collect();
    differs(
        "agg",
        &expected.keys().map(String::as_str).collect(),
        &names,
    )
    .or_else(|| {
        expected.values().zip(got).find_map(|(expected, got)| {
            let field = |field: &str| format!("agg {} {field}", got.container_name);
            differs(
                &field("samples"),
                &expected.samples,
                &got.total_samples_count,
            )
            .or_else(|| {
                differs(
                    &field("first"),
                    &expected.first,
                    &seconds(got.first_sample_start),
                )
            })
            .or_else(|| {
                differs(
                    &field("last"),
                    &expected.last,
                    &seconds(got.last_sample_start),
                )
            })
            .or_else(|| live_histogram(&field("cpu"), &expected.cpu, &got.cpu))
            .or_else(|| live_histogram(&field("memory"), &expected.memory, &got.memory))
        })
    })
}

fn live_histogram(field: &str, expected: &LiveHistogram, got: &HistogramSummary) -> Found {
    // Empty buckets between others are not recorded.
    let held: Vec<(usize, f64)> = got
        .weights
        .iter()
        .copied()
        .filter(|(_, w)| *w != 0.0)
        .collect();
    let buckets = |bucket: &(usize, f64)| bucket.0;
    let got_buckets: Vec<usize> = held.iter().map(buckets).collect();
    differs(
        &format!("{field} ref"),
        &expected.reference,
        &seconds(got.reference),
    )
    .or_else(|| weight(&format!("{field} total"), &expected.total, got.total))
    .or_else(|| {
        let expected = expected.w.iter().map(|(bucket, _)| *bucket).collect();
        differs(&format!("{field} buckets"), &expected, &got_buckets)
    })
    .or_else(|| {
        let mut pairs = expected.w.iter().zip(&held);
        pairs.find_map(|((bucket, expected), (_, got))| {
            weight(&format!("{field} bucket {bucket}"), expected, *got)
        })
    })
}

/// Weights are sums and differences in an order that upstream leaves to chance, so that even a
/// recorded zero may be the noise of rounding here.
fn weight(field: &str, expected: &str, got: f64) -> Found {
    let close = expected
        .parse::<f64>()
        .is_ok_and(|expected| close(expected, got));
    (!close).then(|| (field.to_owned(), expected.to_owned(), got.to_string()))
}

fn shown(recommendations: &[Recommendation]) -> PerContainer<[String; 4]> {
    let amounts = |recommendation: &Recommendation, resource: Resource| {
        let lists = [
            recommendation.lower_bound,
            recommendation.target,
            recommendation.upper_bound,
            recommendation.uncapped_target,
        ];
        recommendation.target.get(resource)?;
        let text = lists.map(|list| {
            list.get(resource)
                .map_or_else(String::new, |q| q.to_string())
        });
        Some((resource.to_string(), text))
    };
    let container = |recommendation: &Recommendation| {
        let resources = Resource::ALL.into_iter();
        let resources = resources.filter_map(|resource| amounts(recommendation, resource));
        (recommendation.container_name.clone(), resources.collect())
    };
    recommendations.iter().map(container).collect()
}

fn estimated(estimates: &[Estimate]) -> PerContainer<[i64; 3]> {
    fn row<T>(bounds: Bounds<T>, amount: impl Fn(T) -> i64) -> [i64; 3] {
        [bounds.lower, bounds.target, bounds.upper].map(amount)
    }
    let container = |estimate: &Estimate| {
        let cpu = estimate
            .cpu
            .map(|cpu| ("cpu".to_owned(), row(cpu, |amount| amount.0)));
        let memory = estimate
            .memory
            .map(|memory| ("memory".to_owned(), row(memory, |amount| amount.0)));
        (
            estimate.container_name.clone(),
            cpu.into_iter().chain(memory).collect(),
        )
    };
    estimates.iter().map(container).collect()
}
