//! The simulated tools against measurements of the real ones (`tests/golden/load`).
//!
//! Each set-up: one pod with slots that only waits, the service time scaled to the measured
//! mean, one client overhead per tool. The simulated figures must lie in the range of the
//! three measured runs, widened by tolerances that were fixed with the measurements: throughput
//! 2 % (3 % for random service with few requests, 5 % for loops), mean and median 3 % + 1 ms,
//! p90 and p95 5 % + 2 ms for constant service and 8 % + 3 ms otherwise, p99 12 % + 4 ms.

mod traffic_rig;

use nlsim::load::report::LoadReport;
use nlsim::load::spec::Generator;
use nlsim::sim::{Dist, SimDuration, SimTime};
use nlsim::workload::spec::ServiceSpec;
use serde_json::Value;
use traffic_rig::{Rig, ab, hey, limits, load, service, wget};

const SEEDS: u64 = 100;

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// The measured values of a field over the runs.
fn measured(case: &Value, path: &[&str]) -> Vec<f64> {
    let runs = case["runs"].as_array().expect("runs");
    let at = |run: &Value| {
        path.iter()
            .fold(run.clone(), |value, key| value[*key].clone())
    };
    runs.iter()
        .map(at)
        .filter(Value::is_number)
        .map(|value| number(&value))
        .collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn pod(case: &Value) -> ServiceSpec {
    let server = &case["server"];
    let seconds = mean(&measured(case, &["server", "mean_ms"])) / 1000.0;
    let mut spec = service();
    spec.slots = Some(number(&server["slots"]) as u32);
    spec.backlog = server["queue"].as_u64().map(|places| places as u32);
    spec.request.wait = match server["dist"].as_str() {
        Some("const") => Dist::constant(seconds),
        Some("exp") => Dist::exponential(seconds),
        Some("lognormal") => Dist::lognormal(seconds, number(&server["cv"])),
        other => panic!("unknown distribution {other:?}"),
    }
    .expect("measured parameters make a distribution");
    spec
}

/// The value after an option of the command line.
fn option<T: std::str::FromStr>(command: &str, name: &str) -> Option<T> {
    let mut words = command.split_whitespace();
    words.find(|word| *word == name)?;
    words.next()?.parse().ok()
}

fn generator(command: &str) -> (Generator, u32) {
    let number = |name| option::<f64>(command, name);
    let clients = number("-c").unwrap_or(50.0) as u32;
    if command.starts_with("ab ") {
        let mut spec = ab(number("-n").expect("-n") as u64, clients);
        spec.keep_alive = command.contains(" -k ");
        (Generator::Ab(spec), 0)
    } else if command.starts_with("hey ") {
        let mut spec = hey(number("-n").unwrap_or(200.0) as u64, clients);
        spec.rate_per_worker = number("-q");
        spec.duration = option::<SimDuration>(command, "-z");
        spec.disable_keepalive = command.contains("-disable-keepalive");
        (Generator::Hey(spec), 0)
    } else {
        let loops = command.split(' ').next().and_then(|word| word.parse().ok());
        (
            Generator::WgetJob(wget()),
            loops.expect("a number of loops"),
        )
    }
}

fn simulate(case: &Value, seed: u64) -> LoadReport {
    let command = case["command"].as_str().expect("a command");
    let (generator, loops) = generator(command);
    let mut rig = Rig::new(&[pod(case)], &[load(generator)], seed);
    rig.serve(limits(None));
    for client in 0..loops {
        rig.traffic.start_client(0, client, &mut rig.queue);
    }
    if loops > 0 {
        rig.run_until(SimTime::from_secs(10));
    } else {
        rig.run();
    }
    rig.report()
}

/// What is compared: name, simulated value, measured values, relative and absolute tolerance.
fn figures(case: &Value, report: &LoadReport) -> Vec<(&'static str, f64)> {
    let mut figures = vec![("throughput", report.requests_per_second())];
    if measured(case, &["latency_ms", "mean"]).is_empty() {
        return figures;
    }
    // Of `ab` there are whole milliseconds of each request.
    let whole = case["command"]
        .as_str()
        .is_some_and(|command| command.starts_with("ab "));
    let ms = |value: f64| if whole { (value + 1e-9).round() } else { value };
    let latency = report.latency;
    figures.extend([
        ("mean", latency.mean_ms),
        ("p50", ms(latency.p50_ms)),
        ("p90", ms(latency.p90_ms)),
        ("p95", ms(latency.p95_ms)),
        ("p99", ms(latency.p99_ms)),
    ]);
    figures
}

fn tolerance(case: &Value, name: &str) -> (f64, f64) {
    let constant = case["server"]["dist"] == "const";
    let loops = measured(case, &["latency_ms", "mean"]).is_empty();
    let few = measured(case, &["requests"])
        .iter()
        .all(|&requests| requests < 3000.0);
    match name {
        "throughput" if loops => (0.05, 0.0),
        "throughput" if !constant && few => (0.03, 0.0),
        "throughput" => (0.02, 0.0),
        "mean" | "p50" => (0.03, 1.0),
        "p90" | "p95" if constant => (0.05, 2.0),
        "p90" | "p95" => (0.08, 3.0),
        _ => (0.12, 4.0),
    }
}

#[test]
fn the_simulated_tools_measure_what_the_real_ones_did() {
    let text = include_str!("golden/load/measured.json");
    let cases: Vec<Value> = serde_json::from_str(text).expect("the recording is JSON");
    assert_eq!(cases.len(), 14);
    let mut wrong = Vec::new();
    for case in &cases {
        let seeds = if case["server"]["dist"] == "const" {
            1
        } else {
            SEEDS
        };
        let runs: Vec<_> = (0..seeds)
            .map(|seed| figures(case, &simulate(case, seed)))
            .collect();
        for (index, &(name, _)) in runs[0].iter().enumerate() {
            let values: Vec<f64> = runs.iter().map(|run| run[index].1).collect();
            let got = mean(&values);
            let expected = match name {
                "throughput" => measured(case, &["throughput_rps"]),
                name => measured(case, &["latency_ms", name]),
            };
            let (relative, absolute) = tolerance(case, name);
            let least = expected.iter().copied().fold(f64::INFINITY, f64::min);
            let most = expected.iter().copied().fold(0.0, f64::max);
            let low = least * (1.0 - relative) - absolute;
            let high = most * (1.0 + relative) + absolute;
            let line = format!(
                "{:32} {name:10} {got:9.2} measured {least:.2} to {most:.2}, allowed {low:.2} to {high:.2}",
                case["id"].as_str().unwrap_or_default()
            );
            println!("{line}");
            if got < low || got > high {
                wrong.push(line);
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn hey_sends_the_whole_part_of_n_over_c_from_each_worker() {
    let mut spec = service();
    spec.request.wait = Dist::Constant(0.02);
    let mut rig = Rig::new(&[spec], &[load(Generator::Hey(hey(2010, 50)))], 1);
    rig.serve(limits(None));
    rig.run();
    assert_eq!(rig.report().answers.ok, 2000);
}
