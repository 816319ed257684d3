//! The request engine against queueing theory.
//!
//! Each figure is estimated from 20 independent seeds; the theoretical value must lie in the
//! 99.9 % confidence interval of the estimate (Student's t with 19 degrees of freedom), and the
//! interval must be narrow enough to mean something.

use std::slice;

use crate::traffic_rig::{Rig, Tally, ab, hey, load, poisson, service, wget};
use nlsim::load::spec::{Generator, WgetJobSpec};
use nlsim::sim::{Dist, SimDuration, SimTime};
use nlsim::units::Millicores;
use nlsim::workload::spec::{Balancing, ServerSpec};

const SEEDS: u64 = 20;
/// Student's t, 19 degrees of freedom, two-sided 99.9 %.
const T: f64 = 3.883;

/// Mean and half-width of its 99.9 % confidence interval.
fn estimate(run: impl Fn(u64) -> f64) -> (f64, f64) {
    let values: Vec<f64> = (0..SEEDS).map(run).collect();
    let n = SEEDS as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / (n - 1.0);
    (mean, T * (variance / n).sqrt())
}

/// The estimate must agree with `theory` and be known to `precision` (relative).
fn agrees(what: &str, theory: f64, precision: f64, run: impl Fn(u64) -> f64) {
    let (mean, half) = estimate(run);
    println!("{what}: theory {theory:.6}, simulated {mean:.6} ± {half:.6}");
    assert!(
        half < precision * theory,
        "{what}: {mean} ± {half} says little"
    );
    assert!(
        (mean - theory).abs() <= half,
        "{what}: {mean} ± {half}, theory {theory}"
    );
}

/// One pod under Poisson arrivals.
fn open(spec: &ServerSpec, rate: f64, cores: i64, requests: f64, seed: u64) -> (Tally, SimTime) {
    let mut rig = Rig::new(slice::from_ref(spec), &[load(poisson(rate))], seed);
    let end = SimTime(((requests / rate) * 1e9) as i64);
    rig.tally = Tally::after(SimTime(end.0 / 10));
    rig.serve_alone(Millicores(cores * 1000));
    rig.run_until(end);
    rig.check();
    (rig.tally, end)
}

fn cpu(dist: Dist) -> ServerSpec {
    let mut spec = service();
    spec.request.cpu = dist;
    spec
}

/// Probability of waiting in M/M/c (Erlang C) at offered load `a`.
fn erlang_c(servers: u32, a: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 0.0);
    for k in 0..servers {
        sum += term;
        term *= a / f64::from(k + 1);
    }
    let last = term * f64::from(servers) / (f64::from(servers) - a);
    last / (sum + last)
}

#[test]
fn one_server_answers_as_m_m_1() {
    let spec = cpu(Dist::exponential(0.02).unwrap());
    for rho in [0.3, 0.7] {
        agrees("M/M/1-PS", 0.02 / (1.0 - rho), 0.06, |seed| {
            open(&spec, rho / 0.02, 1, 60_000.0, seed).0.mean()
        });
    }
}

#[test]
fn slots_that_wait_answer_as_m_m_c() {
    let (mean, slots, rho) = (0.05, 4, 0.8);
    let mut spec = service();
    spec.request.wait = Dist::exponential(mean).unwrap();
    spec.slots = Some(slots);
    let (c, a) = (f64::from(slots), rho * f64::from(slots));
    let theory = mean + erlang_c(slots, a) * mean / (c - a);
    agrees("M/M/4", theory, 0.05, |seed| {
        open(&spec, a / mean, 1, 60_000.0, seed).0.mean()
    });
}

#[test]
fn a_pod_of_several_cores_answers_as_m_m_c() {
    // At most one core a request: a pod of three cores is M/M/3 in the number of requests.
    let spec = cpu(Dist::exponential(0.02).unwrap());
    let (mean, a) = (0.02, 2.1);
    let theory = mean + erlang_c(3, a) * mean / (3.0 - a);
    agrees("M/M/3", theory, 0.05, |seed| {
        open(&spec, a / mean, 3, 60_000.0, seed).0.mean()
    });
}

#[test]
fn processor_sharing_is_insensitive_to_the_distribution() {
    let (mean, rho) = (0.02, 0.6);
    for (name, dist, precision) in [
        ("M/D/1-PS", Dist::constant(mean).unwrap(), 0.03),
        ("M/LN/1-PS, cv 2", Dist::lognormal(mean, 2.0).unwrap(), 0.06),
        (
            "M/Pareto/1-PS, index 2.5",
            Dist::pareto(mean, 2.5).unwrap(),
            0.06,
        ),
    ] {
        let spec = cpu(dist);
        agrees(name, mean / (1.0 - rho), precision, |seed| {
            open(&spec, rho / mean, 1, 80_000.0, seed).0.mean()
        });
    }
}

#[test]
fn deterministic_service_in_turn_waits_half_as_long() {
    // M/D/1: waiting ρS/(2(1−ρ)), half of that of M/M/1 (Pollaczek and Khinchine).
    let (mean, rho) = (0.02, 0.7);
    let mut spec = service();
    spec.request.wait = Dist::Constant(mean);
    spec.slots = Some(1);
    let theory = mean + rho * mean / (2.0 * (1.0 - rho));
    agrees("M/D/1", theory, 0.03, |seed| {
        open(&spec, rho / mean, 1, 60_000.0, seed).0.mean()
    });
}

#[test]
fn littles_law_holds_in_each_run() {
    let spec = cpu(Dist::lognormal(0.02, 1.0).unwrap());
    for seed in 0..SEEDS {
        let (mut tally, end) = open(&spec, 35.0, 1, 20_000.0, seed);
        let (in_flight, through) = (tally.mean_in_flight(end), tally.throughput(end));
        // Requests that straddle the ends of the window are what may differ.
        let straddling = 60.0 * tally.mean() / end.as_secs_f64();
        assert!(
            (in_flight - through * tally.mean()).abs() < straddling,
            "{in_flight}"
        );
    }
}

/// Throughput of a closed network of equal stations, visited equally, with think time: exact
/// mean value analysis (Reiser and Lavenberg 1980).
fn mva(clients: u32, stations: u32, mean: f64, think: f64) -> f64 {
    let (mut queue, mut throughput) = (0.0, 0.0);
    let visits = 1.0 / f64::from(stations);
    for n in 1..=clients {
        let residence = mean * visits * (1.0 + queue);
        throughput = f64::from(n) / (residence * f64::from(stations) + think);
        queue = throughput * residence;
    }
    throughput
}

fn loops(spec: &ServerSpec, job: &WgetJobSpec, (clients, pods): (u32, u32), seed: u64) -> f64 {
    let mut rig = Rig::new(
        slice::from_ref(spec),
        &[load(Generator::WgetJob(job.clone()))],
        seed,
    );
    let end = SimTime::from_secs(400);
    rig.tally = Tally::after(SimTime::from_secs(20));
    for _ in 0..pods {
        rig.serve_alone(Millicores(1000));
    }
    for client in 0..clients {
        rig.traffic.start_client(0, client, &mut rig.queue);
    }
    rig.run_until(end);
    rig.check();
    rig.tally.throughput(end)
}

#[test]
fn loops_with_think_time_agree_with_mean_value_analysis() {
    let mut job = wget();
    job.process_cost = Dist::constant(0.003).unwrap();
    // Product form: neither the distribution of demands nor that of think times matters.
    for dist in [
        Dist::exponential(0.02).unwrap(),
        Dist::lognormal(0.02, 1.5).unwrap(),
    ] {
        let spec = cpu(dist);
        for (clients, pods) in [(1, 1), (4, 1), (10, 3)] {
            let theory = mva(clients, pods, 0.02, 0.013);
            let what = format!("{clients} loops on {pods} pods");
            agrees(&what, theory, 0.02, |seed| {
                loops(&spec, &job, (clients, pods), seed)
            });
        }
    }
}

#[test]
fn asymptotic_bounds_of_closed_networks_hold() {
    let job = wget();
    let think = 0.014;
    let spec = cpu(Dist::lognormal(0.02, 1.0).unwrap());
    for (clients, pods) in [(1, 1), (2, 1), (5, 2), (20, 2)] {
        let n = f64::from(clients);
        let most = (n / (0.02 + think)).min(f64::from(pods) / 0.02);
        let (throughput, half) = estimate(|seed| loops(&spec, &job, (clients, pods), seed));
        assert!(
            throughput - half <= most,
            "{clients} loops, {pods} pods: {throughput} > {most}"
        );
        let response = n / throughput - think;
        assert!(
            response > 0.02 * 0.98,
            "interactive response time law: {response}"
        );
    }
}

#[test]
fn ab_on_three_pods_of_one_core_is_a_closed_loop_without_think_time() {
    // 20 ms of CPU a request, three pods: capacity 150/s. A new connection goes to a random
    // pod, so pods idle now and then: with equal stations X = 150 N / (N + M − 1) exactly.
    let spec = cpu(Dist::constant(0.02).unwrap());
    let run = |seed: u64| {
        let mut tool = ab(10_000, 100);
        tool.client_overhead = Dist::Constant(0.0);
        let mut rig = Rig::new(slice::from_ref(&spec), &[load(Generator::Ab(tool))], seed);
        for _ in 0..3 {
            rig.serve_alone(Millicores(1000));
        }
        // Over the loaded part: from 5 s to 60 s.
        rig.tally = Tally::after(SimTime::from_secs(5));
        rig.run_until(SimTime::from_secs(60));
        let throughput = rig.tally.throughput(SimTime::from_secs(60));
        rig.run();
        let report = rig.report();
        assert_eq!(report.answers.ok, 10_000);
        let seconds = report.ended.unwrap().as_secs_f64();
        assert!(seconds > 66.6 && seconds < 66.7 * 1.06, "{seconds} s");
        (throughput, report.latency.mean_ms / 1000.0)
    };
    agrees("ab, throughput", 150.0 * 100.0 / 102.0, 0.02, |seed| {
        run(seed).0
    });
    let (latency, half) = estimate(|seed| run(seed).1);
    assert!((latency - 0.667).abs() < 0.667 * 0.03 + half, "{latency}");
}

#[test]
fn ab_on_balanced_pods_takes_what_the_capacity_says() {
    let mut spec = cpu(Dist::constant(0.02).unwrap());
    spec.balancing = Balancing::LeastRequest;
    let mut tool = ab(10_000, 100);
    tool.client_overhead = Dist::Constant(0.0);
    let mut rig = Rig::new(&[spec], &[load(Generator::Ab(tool))], 1);
    let servers: Vec<_> = (0..3).map(|_| rig.serve_alone(Millicores(1000))).collect();
    rig.run();
    let report = rig.report();
    let seconds = report.ended.unwrap().as_secs_f64();
    assert!((seconds - 10_000.0 / 150.0).abs() < 0.1, "{seconds}");
    assert!(
        (report.latency.mean_ms - 666.7).abs() < 2.0,
        "{:?}",
        report.latency
    );
    for server in servers {
        let used = rig
            .traffic
            .usage(server, rig.queue.now())
            .cpu
            .core_seconds();
        assert!((used / seconds - 1.0).abs() < 0.002, "{used} core-seconds");
    }
}

#[test]
fn paced_hey_on_saturated_pods_is_a_closed_loop_of_its_workers() {
    let spec = cpu(Dist::lognormal(0.02, 0.5).unwrap());
    let mut tool = hey(0, 50);
    tool.duration = Some(SimDuration::from_secs(300));
    tool.rate_per_worker = Some(100.0);
    tool.client_overhead = Dist::Constant(0.0);
    let mut rig = Rig::new(&[spec], &[load(Generator::Hey(tool))], 3);
    for _ in 0..3 {
        rig.serve_alone(Millicores(1000));
    }
    rig.run();
    let report = rig.report();
    assert!(
        (report.requests_per_second() - 150.0).abs() < 1.5,
        "{}",
        report.requests_per_second()
    );
    assert!(
        (report.latency.mean_ms - 333.3).abs() < 4.0,
        "{:?}",
        report.latency
    );
}

#[test]
fn a_job_of_ten_loops_saturates_three_pods_and_not_ten() {
    let mut job = wget();
    job.process_cost = Dist::constant(0.003).unwrap();
    let spec = cpu(Dist::constant(0.02).unwrap());
    let three = loops(&spec, &job, (10, 3), 1);
    let ten = loops(&spec, &job, (10, 10), 1);
    // Random pods: close to, but below, the 150/s and 303/s of the bounds.
    assert!(
        three < 150.0 && (three / mva(10, 3, 0.02, 0.013) - 1.0).abs() < 0.01,
        "{three}"
    );
    assert!(
        ten < 303.0 && (ten / mva(10, 10, 0.02, 0.013) - 1.0).abs() < 0.01,
        "{ten}"
    );
    let mut fair = spec;
    fair.balancing = Balancing::LeastRequest;
    let fair = loops(&fair, &job, (10, 3), 1);
    assert!((fair - 150.0).abs() < 1.0, "{fair}");
}
