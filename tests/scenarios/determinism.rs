//! The same scenario and seed give the same bytes, and what is not touched stays the same.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::files::{Folder, Memory};
use nlsim::analysis::Summary;
use nlsim::output;
use nlsim::record::{Detail, Provenance, Recording};
use nlsim::scenario::{FileProvider, Loaded};
use nlsim::sweep::{self, Collector, Goal, Plan, Ranking, ScenarioRuns};
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
    output::write_timeseries(recording, &summary, &mut files[0]).unwrap();
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
        let (mut rows, mut points) = (Vec::new(), Vec::new());
        let ranking = Ranking {
            metric: "request_cost",
            goal: Goal::Lowest,
            count: 10,
        };
        let mut collector = Collector::new(&plan, (&mut rows, &mut points), &[], ranking);
        let done = sweep::run(&plan, &runs, &pool, &stop, |outcome| {
            collector.take(outcome)
        });
        assert!(done.unwrap());
        collector.finish().unwrap();
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

/// The files of a folder, with the documents of each manifest rotated by so many places.
struct Rotated(Folder, usize);

impl FileProvider for Rotated {
    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, String> {
        let bytes = self.0.read(path, limit)?;
        if Path::new(&path).extension().is_none_or(|end| end != "yaml") {
            return Ok(bytes);
        }
        let text = String::from_utf8(bytes).expect("manifests are UTF-8");
        let mut documents: Vec<&str> = text.split("\n---\n").collect();
        let places = self.1 % documents.len();
        documents.rotate_left(places);
        if self.1 % 2 == 1 {
            documents.reverse();
        }
        Ok(documents.join("\n---\n").into_bytes())
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, String> {
        self.0.glob(pattern)
    }
}

#[test]
fn the_order_of_documents_makes_no_difference() {
    let run = |places: usize| {
        let provider = Rotated(Folder("scenarios".into()), places);
        let loaded = Loaded::load("neurolake.toml", &provider);
        let loaded = loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        bytes(&record(&loaded, &[("simulation.duration", "20m")], 7))
    };
    let first = run(0);
    for places in 1..4 {
        assert_eq!(first, run(places), "{places}");
    }
}

/// Three workloads with an HPA each, in any order, and what else is among the manifests.
fn three(order: [usize; 3], more: &str) -> Loaded {
    let object = |name: &str| {
        format!(
            "apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: c, image: i, resources: {{requests: {{cpu: 100m}}}}}}]}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: {name}}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}}}
  maxReplicas: 5
---
"
        )
    };
    let mut files = Memory::default();
    let manifests: String = order.map(|place| object(["a", "b", "c"][place])).concat();
    files.put("m.yaml", manifests + more);
    let service = |name: &str| {
        format!(
            "[[service]]\nworkload = \"Deployment/{name}\"\nrequest = {{ cpu = \"20ms\" }}\n\
             [[load]]\nservice = \"{name}\"\npoisson = {{ rate = 20 }}\n"
        )
    };
    let services = ["a", "b", "c"].map(service).concat();
    let head = "name = \"s\"\nmanifests = [\"m.yaml\"]\nsimulation.duration = \"10m\"\n";
    files.put("s.toml", format!("{head}{services}"));
    let loaded = Loaded::load("s.toml", &files);
    loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

#[test]
fn objects_in_any_order_and_unused_ones_beside_them_give_the_same_run() {
    let first = bytes(&record(&three([0, 1, 2], ""), &[], 3));
    for order in [[2, 1, 0], [1, 2, 0], [0, 2, 1]] {
        assert_eq!(
            first,
            bytes(&record(&three(order, ""), &[], 3)),
            "{order:?}"
        );
    }
    let unused = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: y}\n---\n\
                  apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: high}\nvalue: 5\n";
    assert_eq!(first, bytes(&record(&three([0, 1, 2], unused), &[], 3)));
}

#[test]
fn units_of_time_make_no_difference() {
    let loaded = three([0, 1, 2], "");
    let run = |duration: &str, step: &str| {
        bytes(&record(
            &loaded,
            &[("simulation.duration", duration), ("simulation.step", step)],
            3,
        ))
    };
    assert_eq!(run("5m", "30s"), run("300s", "0.5m"));
    assert_eq!(run("5m", "30s"), run("300000ms", "30000ms"));
}

#[test]
fn a_longer_run_begins_as_the_shorter_one() {
    let loaded = three([0, 1, 2], "");
    let files = |duration: &str| bytes(&record(&loaded, &[("simulation.duration", duration)], 3));
    let (short, long) = (files("5m"), files("10m"));
    // Events and decisions; the time series has one service after another.
    for file in 1..3 {
        assert!(
            short[file].len() > 500 && long[file].starts_with(&short[file]),
            "{file}"
        );
    }
}
