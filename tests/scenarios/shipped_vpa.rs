//! The shipped scenarios with a Vertical Pod Autoscaler: each shows what it is there to show.

use crate::shipped;
use std::fs;

use crate::shipped::{Run, run, run_with};
use nlsim::record::{DisruptionKind, PodRecord, VpaRow};

const MIB: f64 = 1024.0 * 1024.0;
const HOUR: f64 = 3600.0;

/// When something of a kind happened, in seconds.
fn times(run: &Run, kind: DisruptionKind) -> Vec<f64> {
    let all = run.recording.disruptions.iter();
    all.filter(|one| one.kind == kind)
        .map(|one| one.time.as_secs_f64())
        .collect()
}

/// The rows of the only container of the only VPA.
fn rows(run: &Run) -> &[VpaRow] {
    &run.recording.vpas[0].containers[0].rows
}

fn last(run: &Run) -> VpaRow {
    *rows(run).last().expect("a pass of the recommender")
}

/// Every pod that was created and ended by the end of the run had a life of its own.
fn requests_of_pods(run: &Run) -> Vec<(f64, f64)> {
    let pods = run.recording.pods.iter();
    pods.map(|pod| (pod.cpu_request, pod.memory_request * 1024.0))
        .collect()
}

#[test]
fn auto_evicts_pods_out_of_bounds_one_at_a_time_then_rests() {
    let run = run("neurolake-api-vpa");
    let evictions = times(&run, DisruptionKind::Eviction);
    // One at a time: half of three pods, rounded down, may be away.
    assert!(evictions.windows(2).all(|pair| pair[1] - pair[0] >= 59.0));
    // At nine in the morning memory goes beyond what is requested, and the lower bound with it;
    // later in the day half of the CPU samples are above what the night recommended.
    assert!(
        (9.0 * HOUR..9.1 * HOUR).contains(&evictions[0]),
        "{evictions:?}"
    );
    assert!((3..=9).contains(&evictions.len()), "{evictions:?}");
    assert!(evictions.iter().all(|time| *time < 24.0 * HOUR));
    let row = last(&run);
    let band = row.recommendation.expect("a recommendation");
    let (target, request) = (band.target, row.request);
    let (cpu, memory) = (target.cpu.unwrap(), target.memory.unwrap());
    assert!((0.1..=4.0).contains(&cpu) && (128.0 * MIB..=8192.0 * MIB).contains(&memory));
    // Usage peaks at half a core and 520 MiB: the target covers that and little more.
    assert!((0.5..0.9).contains(&cpu), "{cpu}");
    assert!((520.0..700.0).contains(&(memory / MIB)), "{}", memory / MIB);
    // What runs at the end requests what was recommended when it was created.
    assert!(request.cpu.unwrap() > 0.5 && request.memory.unwrap() > 512.0 * MIB);
    let limit = row.limit.cpu.unwrap() / row.request.cpu.unwrap();
    assert!(
        (limit - 2.0).abs() < 0.01,
        "limits keep their ratio: {limit}"
    );
    // A deletion in the graceful way: nothing of it lasts.
    let ready = run.recording.workloads[0]
        .counts
        .steps()
        .last()
        .map(|(_, counts)| counts.ready);
    assert_eq!(ready, Some(3));
}

#[test]
fn off_recommends_beside_an_hpa_and_touches_nothing() {
    let run = run("vpa-off-beside-hpa");
    assert!(run.recording.disruptions.is_empty());
    assert!(run.get("hpa.neurolake-api-hpa.max_ready") > 4.0);
    assert!(
        requests_of_pods(&run)
            .iter()
            .all(|pod| *pod == (0.5, 512.0))
    );
    assert_eq!(rows(&run).len(), 360);
    assert!(last(&run).recommendation.is_some());
}

#[test]
fn initial_changes_new_pods_only() {
    let run = run("vpa-initial");
    assert!(run.recording.disruptions.is_empty());
    let pods = requests_of_pods(&run);
    let (old, new) = pods.split_at(2);
    assert!(old.iter().all(|pod| *pod == (0.25, 256.0)), "{old:?}");
    assert_eq!(new.len(), 3);
    // Two days of history: around 0.39 cores and 540 MiB at their height, and a margin.
    for (cpu, memory) in new {
        assert!((0.39..0.6).contains(cpu), "{cpu}");
        assert!((540.0..700.0).contains(memory), "{memory}");
    }
}

#[test]
fn a_leak_is_killed_bumped_and_killed_later() {
    let run = run("vpa-memory-leak");
    let kills = times(&run, DisruptionKind::OomKill);
    let evictions = times(&run, DisruptionKind::Eviction);
    // The first kill needs 234 MiB at 1 MiB/s.
    assert!((kills[0] - 234.0).abs() < 2.0, "{kills:?}");
    // A pod goes after a quick OOM, within ten minutes of its start, in one of the next two passes,
    // which take one pod each; or when the lower bound has come to lie above its request.
    assert_eq!(evictions.len(), 5, "{evictions:?}");
    let mut quick = 0;
    for eviction in &evictions {
        let soon = |kill: &f64| (0.0..120.0).contains(&(eviction - kill));
        quick += usize::from(kills.iter().any(soon));
        let row = rows(&run)
            .iter()
            .rev()
            .find(|row| row.time.as_secs_f64() < *eviction);
        let lower = row.and_then(|row| row.recommendation?.lower.memory);
        let gone = |pod: &&PodRecord| pod.deleted.is_some_and(|at| at.as_secs_f64() > *eviction);
        let pod = run
            .recording
            .pods
            .iter()
            .filter(gone)
            .min_by_key(|pod| pod.deleted);
        let asked = pod.map(|pod| pod.memory_request * 1024.0 * MIB);
        let is_below = asked.is_some() && asked < lower;
        assert!(
            kills.iter().any(soon) || is_below,
            "{eviction}: {asked:?}, {lower:?}"
        );
    }
    assert!(quick >= 2, "{kills:?}, {evictions:?}");
    // Once the limits last for longer, both pods are killed again and again, and none is evicted.
    let late: Vec<f64> = (kills.iter().copied())
        .filter(|kill| *kill > evictions[evictions.len() - 1])
        .collect();
    assert!(late.len() > 10, "{kills:?}");
    assert!(
        late.windows(3).all(|kills| kills[2] - kills[0] > 600.0),
        "{late:?}"
    );
    let memory: Vec<f64> = requests_of_pods(&run).iter().map(|pod| pod.1).collect();
    assert!(
        memory.windows(2).all(|pair| pair[1] >= pair[0] - 1.0),
        "{memory:?}"
    );
    assert!(memory[0] == 384.0 && memory[memory.len() - 1] > 700.0);
    assert!(
        run.get("error_rate_pct") > 0.0,
        "requests in a killed container fail"
    );
}

#[test]
fn a_budget_of_nothing_blocks_every_eviction() {
    let run = run("vpa-pdb");
    assert!(times(&run, DisruptionKind::Eviction).is_empty());
    let refused = times(&run, DisruptionKind::EvictionRefused);
    assert!(refused.len() > 100 && refused[0] > 10.9 * HOUR);
    assert_eq!(run.recording.pods.len(), 3);
    assert!(last(&run).recommendation.is_some());
}

#[test]
fn too_little_history_moves_nothing() {
    let run = run("vpa-short-history");
    assert!(run.recording.disruptions.is_empty());
    let first = rows(&run).iter().find_map(|row| row.recommendation);
    let (first, last) = (first.expect("one"), last(&run).recommendation.expect("one"));
    // Confidence grows: the lower bound rises, the upper one falls, both far from the target.
    assert!(first.lower.cpu < last.lower.cpu || first.lower.cpu == Some(0.1));
    assert!(last.upper.cpu.unwrap() > 5.0 * last.target.cpu.unwrap());
    assert!(last.lower.cpu < last.target.cpu);
}

const MODE: &str = "VerticalPodAutoscaler/neurolake-api-vpa:spec.updatePolicy.updateMode";

#[test]
fn in_place_resizes_where_auto_evicts() {
    let run = run_with("neurolake-api-vpa", &[(MODE, "InPlaceOrRecreate")]);
    assert!(times(&run, DisruptionKind::Eviction).is_empty());
    let resizes = times(&run, DisruptionKind::Resize);
    assert!(resizes.len() >= 3, "{resizes:?}");
    // So does InPlace behind its feature gate.
    let gated = run_with(
        "neurolake-api-vpa",
        &[
            (MODE, "InPlace"),
            ("controllers.vpa.feature-gates", "\"InPlace=true\""),
            ("simulation.duration", "30h"),
        ],
    );
    assert!(times(&gated, DisruptionKind::Eviction).is_empty());
    assert!(times(&gated, DisruptionKind::Resize).len() >= 3);
    // The same pods live on, with other requests, and the bill follows those.
    assert_eq!(run.recording.pods.len(), 3);
    for pod in &run.recording.pods {
        let last = pod.resized.last().expect("it was resized");
        assert!(last.1 > 0.5 && pod.cpu_request == 0.5, "{pod:?}");
    }
    let row = last(&run);
    let requests = run
        .recording
        .pods
        .iter()
        .map(|pod| pod.resized.last().unwrap().1);
    let mean = requests.sum::<f64>() / 3.0;
    assert!((row.request.cpu.unwrap() - mean).abs() < 1e-9);
    // No pod was away for it.
    let counts = run.recording.workloads[0].counts.steps();
    assert!(counts.iter().all(|(_, counts)| counts.ready == 3));
}

#[test]
fn without_room_a_resize_waits_and_then_evicts() {
    // One node whose cores are nearly all promised.
    let set = [
        (MODE, "InPlaceOrRecreate"),
        ("node_group[general].count", "1"),
        ("node_group[general].instance_type", "t3.medium"),
        (
            "service[neurolake-api].usage.cpu",
            "[[\"0h\", \"600m\"], [\"9h\", \"2700m\"]]",
        ),
        ("simulation.duration", "36h"),
    ];
    let run = run_with("neurolake-api-vpa", &set);
    let node = run.recording.nodes[0].cpu;
    let requests = run.recording.pods.iter();
    let largest = requests.flat_map(|pod| pod.requests(pod.created));
    assert!(largest.map(|(_, _, cores, _)| cores).fold(0.0, f64::max) <= node);
    // Three times as much CPU as one core each does not fit: the last resize waits, and after
    // five minutes the updater evicts its pod, for which there is no room either.
    let event = |reason: &str| {
        let found = run
            .recording
            .events
            .iter()
            .find(|event| event.reason == reason);
        found
            .unwrap_or_else(|| panic!("no {reason}"))
            .time
            .as_secs_f64()
    };
    let (deferred, evicted) = (event("ResizeDeferred"), event("EvictedByVPA"));
    assert!(
        (300.0..480.0).contains(&(evicted - deferred)),
        "{deferred} {evicted}"
    );
    assert!(event("FailedScheduling") > evicted);
}

#[test]
fn an_hpa_and_a_vpa_on_one_metric_feed_back_and_the_run_says_so() {
    let set = [
        (
            "VerticalPodAutoscaler/neurolake-api-vpa:spec.updatePolicy.updateMode",
            "Recreate",
        ),
        ("simulation.duration", "30h"),
        ("load[visitors].poisson.rate", "90"),
    ];
    let run = run_with("vpa-off-beside-hpa", &set);
    assert!(run.get("evictions") > 0.0);
    let texts: Vec<&str> = (run.summary.findings.iter())
        .map(|finding| finding.text.as_str())
        .collect();
    assert!(
        texts
            .iter()
            .any(|text| text.contains("while HPA neurolake-api-hpa divides by it")),
        "{texts:?}"
    );
}

#[test]
fn a_higher_percentile_asks_for_more() {
    let flag = "controllers.vpa-recommender.target-cpu-percentile";
    let target = |percentile: &str| {
        let run = run_with("vpa-pdb", &[(flag, percentile)]);
        last(&run)
            .recommendation
            .and_then(|band| band.target.cpu)
            .expect("a target")
    };
    assert!(target("0.5") < target("0.9") && target("0.9") < target("0.99"));
}

#[test]
fn a_run_goes_on_from_the_checkpoints_of_another() {
    // A week from the first of the year on, then an hour of the next one.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let first = run("neurolake-api-vpa");
    let file = fs::File::create(folder.path().join("checkpoints.json")).expect("a file");
    nlsim::output::write_vpa_checkpoints(&first.recording, file).expect("written");
    let manifests = fs::canonicalize("scenarios/manifests").expect("the manifests");
    let scenario = format!(
        r#"
name = "next"
manifests = ["{0}/neurolake-api.yaml", "{0}/neurolake-api-vpa.yaml"]
[simulation]
duration = "1h"
start = "2026-01-08T00:00:00Z"
[[service]]
workload = "Deployment/neurolake-api"
usage = {{ cpu = "300m" }}
memory = {{ base = "320Mi" }}
[[vpa_history]]
vpa = "neurolake-api-vpa"
checkpoint = "checkpoints.json"
"#,
        manifests.display()
    );
    fs::write(folder.path().join("next.toml"), scenario).expect("written");
    let next = shipped::run_in(folder.path(), "next");
    let target = |run: &Run, row: usize| {
        let band = rows(run)[row].recommendation.expect("a recommendation");
        (band.target, band.lower)
    };
    let (before, after) = (target(&first, rows(&first).len() - 1), target(&next, 0));
    assert_eq!(before.0, after.0);
    // Weights are kept to 1 part in 10,000: a bucket at most is another one.
    let lower = |(_, lower): (nlsim::record::Amounts, nlsim::record::Amounts)| lower.cpu.unwrap();
    assert!((lower(before) / lower(after) - 1.0).abs() < 0.06);
    let upper = rows(&next)[0].recommendation.unwrap().upper.cpu.unwrap();
    assert!(upper < 1.0, "seven days of confidence: {upper}");
}
