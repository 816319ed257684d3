//! The same scenario and seed give the same bytes, and what is not touched stays the same.

mod files;

use std::sync::atomic::AtomicBool;

use files::Folder;
use nlsim::analysis::Summary;
use nlsim::output;
use nlsim::record::{Detail, Provenance, Recording};
use nlsim::scenario::Loaded;
use nlsim::sweep::{self, Collector, Plan, ScenarioRuns};
use nlsim::world;

fn loaded(name: &str) -> Loaded {
    let loaded = Loaded::load(&format!("{name}.toml"), &Folder("scenarios".into()));
    loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

fn record(loaded: &Loaded, replaced: &[(&str, &str)], seed: u64) -> Recording {
    let own = |(path, value): &(&str, &str)| ((*path).to_owned(), (*value).to_owned());
    let replaced: Vec<(String, String)> = replaced.iter().map(own).collect();
    let built = loaded.build(&replaced);
    let scenario = built
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
        .scenario;
    let finished = world::run(&scenario, seed, Detail::Full, |_| true);
    finished.unwrap_or_else(|error| panic!("{error}")).recording
}

fn bytes(recording: &Recording) -> Vec<Vec<u8>> {
    let summary = Summary::of(recording);
    let mut files = vec![Vec::new(); 8];
    output::write_timeseries(recording, &mut files[0]).unwrap();
    output::write_events(recording, &mut files[1]).unwrap();
    output::write_decisions(recording, &mut files[2]).unwrap();
    output::write_loads(recording, &mut files[3]).unwrap();
    output::write_scaling_steps(&summary, &mut files[4]).unwrap();
    output::write_summary_csv("s", 1, &summary, &mut files[5]).unwrap();
    output::write_summary_json(&Provenance::default(), &summary, &mut files[6]).unwrap();
    output::write_vpas(recording, &mut files[7]).unwrap();
    files
}

const SHORT: (&str, &str) = ("simulation.duration", "40m");

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_does_not() {
    let loaded = loaded("neurolake");
    let first = bytes(&record(&loaded, &[SHORT], 7));
    assert_eq!(first, bytes(&record(&loaded, &[SHORT], 7)));
    assert_ne!(first, bytes(&record(&loaded, &[SHORT], 8)));
}

#[test]
fn a_vpa_evicts_the_same_pods_again() {
    let loaded = loaded("neurolake-api-vpa");
    let first = bytes(&record(&loaded, &[], 7));
    assert_eq!(first, bytes(&record(&loaded, &[], 7)));
    assert_ne!(first, bytes(&record(&loaded, &[], 8)));
}

/// Common random numbers: arrivals are drawn from their own stream.
#[test]
fn another_target_leaves_arrivals_as_they_were() {
    let loaded = loaded("neurolake-frontend");
    let target = "HorizontalPodAutoscaler/neurolake-frontend-hpa:spec.metrics[cpu].resource.target.averageUtilization";
    let visitors = |percent: &str| {
        let replaced = [SHORT, (target, percent), ("load[1].at", "30h")];
        let recording = record(&loaded, &replaced, 5);
        let windows = &recording.services[0].windows;
        let issued: Vec<u64> = windows.iter().map(|window| window.issued).collect();
        (issued, recording.hpas[0].desired.clone())
    };
    let (low, high) = (visitors("30"), visitors("90"));
    assert_eq!(low.0, high.0);
    assert_ne!(low.1, high.1, "the target matters otherwise");
}

#[test]
fn a_sweep_writes_the_same_bytes_on_any_number_of_threads() {
    let loaded = loaded("neurolake-api");
    let stop = AtomicBool::new(false);
    let replaced = [
        ("simulation.duration".to_owned(), "12m".to_owned()),
        ("sweep.replicates".to_owned(), "2".to_owned()),
    ];
    let scenario = loaded.build(&replaced).unwrap().scenario;
    let plan = Plan::new(scenario.sweep.as_ref().unwrap(), scenario.simulation.seed).unwrap();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let runs = ScenarioRuns {
            loaded: &loaded,
            replaced: &replaced,
            stop: &stop,
        };
        let mut rows = Vec::new();
        let mut collector = Collector::new(&plan, &mut rows);
        let done = sweep::run(&plan, &runs, &pool, &stop, |outcome| {
            collector.take(outcome)
        });
        assert!(done.unwrap());
        let results = collector.finish().unwrap();
        let mut points = Vec::new();
        results.write_points(&mut points).unwrap();
        (rows, points)
    };
    let one = run(1);
    assert_eq!(
        String::from_utf8(one.0.clone()).unwrap().lines().count(),
        31
    );
    for threads in [2, 4] {
        assert!(run(threads) == one, "{threads} threads");
    }
}

/// A summary needs no series of events: both details of a run agree on every figure.
#[test]
fn summaries_do_not_depend_on_the_detail() {
    let scenario = loaded("neurolake-api").build(&[]).unwrap().scenario;
    let figures = |detail| {
        let finished = world::run(&scenario, 3, detail, |_| true).unwrap();
        Summary::of(&finished.recording).values
    };
    let text = |values: Vec<(String, f64)>| format!("{values:?}");
    assert_eq!(text(figures(Detail::Full)), text(figures(Detail::Summary)));
}
