//! How often many HPAs are synced.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::rig::{run, small};
use crate::common::golden;

/// When the controller read the scale of an HPA, in seconds.
#[derive(Deserialize)]
struct Syncs {
    /// Resource metrics of the HPA.
    metrics: usize,
    hpa: String,
    #[serde(rename = "syncs")]
    times: Vec<f64>,
}

/// The times between an HPA's syncs, of all HPAs, in order of length.
fn gaps(syncs: impl Iterator<Item = Vec<f64>>) -> Vec<f64> {
    let mut gaps: Vec<f64> = syncs
        .flat_map(|times| {
            let pairs = times.windows(2);
            pairs.map(|pair| pair[1] - pair[0]).collect::<Vec<f64>>()
        })
        .collect();
    gaps.sort_by(f64::total_cmp);
    gaps
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// `--kube-api-qps 20` lets through 20 lists of pod metrics a second: 150 HPAs with four resource
/// metrics each are synced every 30 seconds, with two every 15 (1,834 recorded syncs).
#[test]
fn many_hpas_stretch_the_sync_period_as_in_a_real_cluster() {
    let golden = golden("plane/hpa-client-rate.jsonl.gz");
    let recorded: Vec<Syncs> = golden
        .lines()
        .map(|line| serde_json::from_str(line).expect("a recorded HPA"))
        .collect();
    // All at once at first, as after `kubectl apply`; those with four metrics had been there.
    for (metrics, from) in [(2, 15), (4, 60)] {
        let recorded: Vec<&Syncs> = recorded
            .iter()
            .filter(|one| one.metrics == metrics)
            .collect();
        assert_eq!(recorded.len(), 150);
        let seconds = 240;
        let toml = format!(
            "name = \"rate\"\nmanifests = [\"plane.yaml\"]\nsimulation.duration = \"{seconds}s\"\n\
             controllers.hpa.first-sync = \"15s\"\n"
        );
        let manifest: String = recorded
            .iter()
            .map(|one| small(&one.hpa, metrics))
            .collect();
        let theirs = gaps(recorded.iter().map(|one| one.times.clone()));
        let mut ours = Vec::new();
        for seed in 0..8 {
            let recording = run(&toml, &manifest, seed);
            let mut syncs: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
            for decision in recording.decisions.iter() {
                let time = decision.time.as_secs_f64();
                if time >= f64::from(from) {
                    syncs.entry(decision.hpa).or_default().push(time);
                }
            }
            let lists = syncs.values().map(Vec::len).sum::<usize>() * metrics;
            let most = 20 * (seconds - from) + 30;
            assert!(
                (most - 60..=most).contains(&(lists as i32)),
                "{lists} {most}"
            );
            ours.extend(gaps(syncs.into_values()));
        }
        ours.sort_by(f64::total_cmp);
        assert!((mean(&ours) - mean(&theirs)).abs() < 0.3, "{}", mean(&ours));
        let range = |gaps: &[f64]| [gaps[0], gaps[gaps.len() / 2], gaps[gaps.len() - 1]];
        let (ours, theirs) = (range(&ours), range(&theirs));
        for (ours, theirs) in ours.into_iter().zip(theirs) {
            assert!((ours - theirs).abs() < 8.0, "{ours} {theirs}");
        }
        assert!(
            (ours[1] - theirs[1]).abs() < 1.5,
            "{} {}",
            ours[1],
            theirs[1]
        );
    }
}
