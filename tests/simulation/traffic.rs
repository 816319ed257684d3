//! What the request engine does with servers that come and go, limits, time-outs and memory.

use std::slice;

use crate::traffic_rig::{Rig, ab, hey, limits, load, poisson, profile, service, wget};
use nlsim::load::spec::{Arrivals, Generator, Shape};
use nlsim::record::Outcome;
use nlsim::sim::{Dist, SimDuration, SimTime};
use nlsim::units::{Bytes, Millicores};
use nlsim::workload::ServerLimits;
use nlsim::workload::spec::{Balancing, MemorySpec, ServerSpec, UsageSpec, UsageSplit};
use nlsim::world::traffic::Effect;
use proptest::prelude::*;

const fn at(millis: i64) -> SimTime {
    SimTime::from_millis(millis)
}

const fn ms(millis: i64) -> SimDuration {
    SimDuration::from_millis(millis)
}

fn cpu(seconds: f64) -> ServerSpec {
    let mut spec = service();
    spec.request.cpu = Dist::Constant(seconds);
    spec
}

fn wait(seconds: f64) -> ServerSpec {
    let mut spec = service();
    spec.request.wait = Dist::Constant(seconds);
    spec
}

/// Evenly spaced arrivals, the first after one interval.
fn even(rate: f64) -> Generator {
    profile(Shape::Constant { rate }, Arrivals::Even)
}

fn ended(rig: &Rig, outcome: Outcome) -> u64 {
    rig.traffic.ledger(rig.queue.now()).ended(outcome)
}

/// Answers so far: arrival and end in milliseconds, and how.
fn log(rig: &Rig) -> Vec<(f64, f64, Outcome)> {
    let millis = |time: SimTime| (time.0 as f64 / 1e6 * 1000.0).round() / 1000.0;
    let log = rig.tally.log.as_ref().expect("the test keeps a log");
    log.iter()
        .map(|&(arrival, end, outcome)| (millis(arrival), millis(end), outcome))
        .collect()
}

fn logged(services: &[ServerSpec], loads: &[nlsim::load::spec::LoadSpec], seed: u64) -> Rig {
    let mut rig = Rig::new(services, loads, seed);
    rig.tally.log = Some(Vec::new());
    rig
}

#[test]
fn requests_share_the_cpu_equally() {
    // Arrivals at 10 and 20 ms, 15 ms of work each, one core: the second halves the first.
    let mut source = load(even(100.0));
    source.until = Some(at(25));
    let mut rig = logged(&[cpu(0.015)], &[source], 1);
    rig.serve_alone(Millicores(1000));
    rig.run();
    assert_eq!(
        log(&rig),
        [(10.0, 30.0, Outcome::Ok), (20.0, 40.0, Outcome::Ok)]
    );
}

#[test]
fn a_request_beyond_the_quota_stands_still_until_the_next_period() {
    let mut source = load(even(100.0));
    source.until = Some(at(15));
    let mut rig = logged(&[cpu(0.04)], slice::from_ref(&source), 1);
    let server = rig.serve(limits(Some(250)));
    // 25 ms at full speed, then the period's quota is used up.
    rig.pass_to(at(60));
    assert_eq!(rig.traffic.usage(server, at(60)).cpu.0, 25_000_000);
    rig.run();
    assert_eq!(log(&rig), [(10.0, 115.0, Outcome::Ok)]);
    // Within the quota nothing is slowed.
    let mut rig = logged(&[cpu(0.02)], &[source], 1);
    rig.serve(limits(Some(250)));
    rig.run();
    assert_eq!(log(&rig), [(10.0, 30.0, Outcome::Ok)]);
}

#[test]
fn a_resize_sets_what_stands_still_going() {
    let mut source = load(even(100.0));
    source.until = Some(at(15));
    let mut rig = logged(&[cpu(0.04)], &[source], 1);
    let server = rig.serve(limits(Some(250)));
    // Throttled from 35 ms on, with 15 ms of work left.
    rig.pass_to(at(50));
    rig.traffic
        .resize(server, limits(Some(500)), &mut rig.queue);
    rig.run();
    assert_eq!(log(&rig), [(10.0, 65.0, Outcome::Ok)]);
}

#[test]
fn cpu_work_comes_before_the_wait_and_both_hold_the_slot() {
    let mut spec = cpu(0.005);
    spec.request.wait = Dist::Constant(0.02);
    spec.slots = Some(1);
    let mut source = load(even(100.0));
    source.until = Some(at(25));
    let mut rig = logged(&[spec], &[source], 1);
    rig.serve_alone(Millicores(1000));
    rig.run();
    assert_eq!(
        log(&rig),
        [(10.0, 35.0, Outcome::Ok), (20.0, 60.0, Outcome::Ok)]
    );
}

/// Heavy tails have no end.
#[test]
fn a_wait_until_the_end_of_time_ends_no_earlier() {
    let mut rig = logged(&[wait(1e12)], &[load(even(100.0))], 1);
    rig.serve(limits(None));
    rig.pass_to(SimTime::from_secs(10));
    assert_eq!(log(&rig), []);
    rig.check();
}

#[test]
fn a_full_backlog_answers_503_at_once() {
    let mut spec = wait(0.1);
    (spec.slots, spec.backlog) = (Some(1), Some(1));
    let mut source = load(even(100.0));
    source.until = Some(at(45));
    let mut rig = logged(&[spec], &[source], 1);
    rig.serve(limits(None));
    rig.run();
    assert_eq!(
        log(&rig),
        [
            (30.0, 30.0, Outcome::Rejected503),
            (40.0, 40.0, Outcome::Rejected503),
            (10.0, 110.0, Outcome::Ok),
            (20.0, 210.0, Outcome::Ok)
        ]
    );
}

#[test]
fn the_servers_own_limit_ends_requests_wherever_they_are() {
    let mut spec = wait(0.1);
    spec.slots = Some(1);
    spec.request.timeout = Some(ms(60));
    let mut source = load(even(100.0));
    source.until = Some(at(25));
    let mut rig = logged(&[spec.clone()], &[source.clone()], 1);
    rig.serve(limits(None));
    rig.run();
    let gone = Outcome::ServerTimeout504;
    assert_eq!(log(&rig), [(10.0, 70.0, gone), (20.0, 80.0, gone)]);
    // On the CPU too, with what it got accounted for.
    spec.request.wait = Dist::Constant(0.0);
    spec.request.cpu = Dist::Constant(0.1);
    spec.slots = None;
    let mut rig = logged(&[spec], &[source], 1);
    rig.serve_alone(Millicores(1000));
    rig.run();
    assert_eq!(log(&rig), [(10.0, 70.0, gone), (20.0, 80.0, gone)]);
    rig.check();
    let ledger = rig.traffic.ledger(rig.queue.now());
    assert_eq!(
        (ledger.cpu.completed, ledger.cpu.partial),
        (0, 70_000_000 * 1024)
    );
}

#[test]
fn a_client_that_gives_up_leaves_its_request_to_the_server() {
    let mut source = load(even(100.0));
    source.until = Some(at(15));
    let Generator::Profile(profile) = &mut source.generator else {
        unreachable!()
    };
    profile.timeout = Some(ms(30));
    let mut rig = logged(&[cpu(0.1)], &[source], 1);
    let server = rig.serve_alone(Millicores(1000));
    rig.run_until(at(50));
    assert_eq!(log(&rig), [(10.0, 40.0, Outcome::Timeout)]);
    assert_eq!(rig.traffic.usage(server, at(50)).active, 1);
    rig.run();
    assert_eq!(log(&rig).len(), 1);
    assert_eq!(rig.traffic.usage(server, at(200)).cpu.0, 100_000_000);
    rig.check();
}

#[test]
fn without_an_endpoint_connections_are_refused() {
    let mut source = load(even(100.0));
    source.until = Some(at(25));
    let mut rig = logged(&[cpu(0.001)], &[source], 1);
    // It runs, but kube-proxy does not know it.
    rig.traffic
        .add_server(0, rig.node, limits(None), &mut rig.queue);
    rig.run();
    assert_eq!(
        log(&rig),
        [
            (10.0, 10.0, Outcome::Refused),
            (20.0, 20.0, Outcome::Refused)
        ]
    );
}

#[test]
fn a_terminating_server_serves_what_it_has_and_refuses_the_rest() {
    let mut source = load(even(100.0));
    source.until = Some(at(25));
    let mut rig = logged(&[wait(0.05)], &[source], 1);
    let server = rig.serve(limits(None));
    rig.run_until(at(10));
    rig.traffic.terminate(server, &mut rig.queue);
    rig.run();
    assert_eq!(
        log(&rig),
        [(20.0, 20.0, Outcome::Refused), (10.0, 60.0, Outcome::Ok)]
    );
    let drained = (at(60), Effect::Drained(server));
    assert!(rig.effects.contains(&drained), "{:?}", rig.effects);
    rig.traffic.kill(server, &mut rig.queue, &mut rig.tally);
    assert_eq!(rig.traffic.usage(server, rig.queue.now()).cpu.0, 0);
}

/// kube-proxy learns late that a pod has exited: its share of new connections is refused.
#[test]
fn connections_to_a_stopped_server_are_refused_until_it_is_no_endpoint() {
    let mut rig = Rig::new(&[service()], &[load(poisson(100.0))], 1);
    let [stopped, _] = [limits(None), limits(None)].map(|limits| rig.serve(limits));
    rig.pass_to(SimTime::from_secs(10));
    assert_eq!(rig.tally.failed, 0);
    let sink = &mut rig.tally;
    assert!(rig.traffic.stop(stopped, &mut rig.queue, sink));
    rig.pass_to(SimTime::from_secs(20));
    let refused = rig.tally.failed as f64 / 1000.0;
    assert!((0.4..0.6).contains(&refused), "{refused}");
    let failed = rig.tally.failed;
    rig.traffic.remove_endpoint(stopped, &mut rig.queue);
    rig.pass_to(SimTime::from_secs(30));
    assert_eq!(rig.tally.failed, failed);
}

#[test]
fn a_killed_server_fails_what_is_in_it() {
    let mut source = load(even(100.0));
    source.until = Some(at(25));
    let mut spec = wait(0.05);
    spec.slots = Some(1);
    let mut rig = logged(&[spec], &[source], 1);
    let server = rig.serve(limits(None));
    rig.run_until(at(20));
    rig.traffic.kill(server, &mut rig.queue, &mut rig.tally);
    assert_eq!(
        log(&rig),
        [(10.0, 20.0, Outcome::Killed), (20.0, 20.0, Outcome::Killed)]
    );
    rig.run();
    rig.check();
}

#[test]
fn kept_connections_stay_with_their_pod_until_it_goes() {
    let mut tool = hey(0, 10);
    tool.duration = Some(SimDuration::from_secs(10));
    let mut rig = Rig::new(&[wait(0.02)], &[load(Generator::Hey(tool))], 1);
    let first = rig.serve(limits(None));
    rig.run_until(SimTime::from_secs(3));
    let second = rig.serve(limits(None));
    rig.run_until(SimTime::from_secs(5));
    assert_eq!(rig.traffic.server_counters(second).answered, 0);
    // Forgotten by kube-proxy, the first still serves its connections.
    rig.traffic.remove_endpoint(first, &mut rig.queue);
    rig.run_until(SimTime::from_secs(6));
    assert_eq!(rig.traffic.server_counters(second).answered, 0);
    rig.traffic.terminate(first, &mut rig.queue);
    rig.run_until(SimTime::from_secs(7));
    assert!(rig.traffic.server_counters(second).answered > 400);
    rig.run();
    assert_eq!(ended(&rig, Outcome::Ok), rig.tally.issued);
}

#[test]
fn without_keep_alive_a_new_pod_gets_its_part_at_once() {
    let mut tool = hey(0, 10);
    tool.duration = Some(SimDuration::from_secs(10));
    tool.disable_keepalive = true;
    let mut rig = Rig::new(&[wait(0.02)], &[load(Generator::Hey(tool))], 1);
    rig.serve(limits(None));
    rig.run_until(SimTime::from_secs(5));
    let second = rig.serve(limits(None));
    rig.run();
    let (part, all) = (
        rig.traffic.server_counters(second),
        rig.traffic.service_counters(0),
    );
    let share = part.answered as f64 / all.answered as f64;
    assert!((share - 0.25).abs() < 0.03, "{share}");
}

#[test]
fn in_turn_and_fewest_first_spread_evenly() {
    for balancing in [Balancing::RoundRobin, Balancing::LeastRequest] {
        let mut spec = wait(0.02);
        spec.balancing = balancing;
        let mut rig = Rig::new(&[spec], &[load(Generator::Ab(ab(3000, 6)))], 1);
        let servers: Vec<_> = (0..3).map(|_| rig.serve(limits(None))).collect();
        rig.run();
        for server in servers {
            let answered = rig.traffic.server_counters(server).answered;
            assert!(answered.abs_diff(1000) <= 10, "{balancing:?}: {answered}");
        }
    }
}

#[test]
fn pods_with_a_free_slot_pull_from_a_shared_queue() {
    let mut spec = wait(0.1);
    spec.balancing = Balancing::SharedQueue;
    spec.slots = Some(1);
    let mut source = load(even(100.0));
    source.until = Some(at(45));
    let mut rig = logged(&[spec], &[source], 1);
    rig.run_until(at(40));
    assert_eq!(rig.traffic.service_counters(0).queued, 4);
    rig.serve(limits(None));
    rig.serve(limits(None));
    rig.run();
    let ends: Vec<f64> = log(&rig).iter().map(|entry| entry.1).collect();
    assert_eq!(ends, [140.0, 140.0, 240.0, 240.0]);
    assert_eq!(ended(&rig, Outcome::Ok), 4);
}

fn leaky(base: i64, growth: f64, per_request: f64, limit: i64) -> (ServerSpec, ServerLimits) {
    let mut spec = wait(0.025);
    spec.request.memory = Dist::Constant(1000.0);
    spec.memory = MemorySpec {
        base: Bytes(base),
        growth_per_second: growth,
        retained_per_request: per_request,
    };
    (
        spec,
        ServerLimits {
            memory_limit: Some(Bytes(limit)),
            ..limits(None)
        },
    )
}

#[test]
fn memory_that_reaches_its_limit_is_told_once() {
    // Growth alone: 5,000 bytes at 100 a second.
    let (spec, limits) = leaky(5_000, 100.0, 0.0, 10_000);
    let mut rig = Rig::new(&[spec], &[], 1);
    let server = rig.serve(limits);
    rig.run();
    assert_eq!(rig.effects.len(), 1);
    let (when, effect) = rig.effects[0];
    assert_eq!(effect, Effect::OutOfMemory(server));
    assert!((when.as_secs_f64() - 50.0).abs() < 1e-3, "{when}");

    // What finished requests leave, 100 each: after 30 of them three are in the pod for a
    // moment, the one that comes and the two before it.
    let (spec, limits) = leaky(5_000, 0.0, 100.0, 11_000);
    let mut rig = Rig::new(&[spec], &[load(even(100.0))], 1);
    let server = rig.serve(limits);
    rig.run_until(SimTime::from_secs(2));
    assert_eq!(rig.effects, [(at(330), Effect::OutOfMemory(server))]);
}

#[test]
fn pods_on_a_full_node_share_by_weight() {
    // A node of two cores; three pods that want two each, weights 1, 1 and 2.
    let mut spec = service();
    spec.usage = Some(UsageSpec {
        cpu: vec![(SimTime::ZERO, 2.0)],
        memory: vec![],
        period: None,
        split: UsageSplit::PerPod,
        cpu_noise_cv: 0.0,
    });
    let mut rig = Rig::new(&[spec], &[], 1);
    rig.node = rig.traffic.add_node(Millicores(2000));
    let pods: Vec<_> = [1, 1, 2]
        .map(|cpu_weight| {
            rig.serve(ServerLimits {
                cpu_weight,
                ..limits(None)
            })
        })
        .into();
    let used = |rig: &Rig, until| -> Vec<f64> {
        pods.iter()
            .map(|&pod| rig.traffic.usage(pod, until).cpu.core_seconds())
            .collect()
    };
    assert_eq!(used(&rig, SimTime::from_secs(10)), [5.0, 5.0, 10.0]);
    // One leaves: the others share what there is.
    rig.traffic.kill(pods[2], &mut rig.queue, &mut rig.tally);
    assert_eq!(used(&rig, SimTime::from_secs(10))[0], 10.0);
}

#[test]
fn a_declared_total_is_split_over_the_pods_that_receive_traffic() {
    let mut spec = service();
    spec.background_cpu = Millicores(100);
    spec.usage = Some(UsageSpec {
        cpu: vec![(SimTime::ZERO, 3.0), (SimTime::from_secs(20), 6.0)],
        memory: vec![(SimTime::ZERO, 100.0), (SimTime::from_secs(20), 300.0)],
        period: None,
        split: UsageSplit::Total,
        cpu_noise_cv: 0.0,
    });
    let mut rig = Rig::new(&[spec], &[], 1);
    let first = rig.serve(limits(None));
    let idle = rig
        .traffic
        .add_server(0, rig.node, limits(None), &mut rig.queue);
    rig.serve(limits(None));
    rig.run();
    let usage = rig.traffic.usage(first, SimTime::from_secs(30));
    // 20 s of 1.5 + 0.1 cores, then 10 s of 3.0 + 0.1.
    assert_eq!(usage.cpu.0, 63_000_000_000);
    assert_eq!(usage.memory, Bytes(300));
    assert_eq!(
        rig.traffic.usage(idle, SimTime::from_secs(30)).cpu.0,
        3_000_000_000
    );
}

#[test]
fn start_up_work_takes_its_part_of_the_cpu() {
    let mut source = load(even(100.0));
    source.until = Some(at(15));
    let mut rig = logged(&[cpu(0.01)], &[source], 1);
    rig.node = rig.traffic.add_node(Millicores(1000));
    rig.serve(limits(None));
    let starting = rig
        .traffic
        .add_server(0, rig.node, limits(None), &mut rig.queue);
    rig.traffic
        .start_up(starting, Millicores(1000), &mut rig.queue);
    rig.pass_to(at(35));
    // Two containers on one core.
    assert_eq!(log(&rig), [(10.0, 30.0, Outcome::Ok)]);
    rig.traffic
        .started(starting, &mut rig.queue, &mut rig.tally);
    assert_eq!(rig.traffic.usage(starting, at(40)).cpu.0, 25_000_000);
}

/// Without a readiness probe pods get connections before anybody listens.
#[test]
fn connections_to_an_application_that_starts_are_refused() {
    let refused_of = |balancing| {
        let mut spec = service();
        spec.balancing = balancing;
        let mut rig = Rig::new(&[spec], &[load(poisson(100.0))], 1);
        let [_, starting] = [limits(None), limits(None)].map(|limits| rig.serve(limits));
        rig.traffic
            .start_up(starting, Millicores(0), &mut rig.queue);
        rig.pass_to(SimTime::from_secs(10));
        let refused = rig.tally.failed;
        assert_eq!(rig.tally.too_early, refused);
        assert_eq!(ended(&rig, Outcome::Refused), refused);
        rig.traffic
            .started(starting, &mut rig.queue, &mut rig.tally);
        rig.pass_to(SimTime::from_secs(20));
        assert_eq!(rig.tally.failed, refused);
        assert!(rig.traffic.server_counters(starting).answered > 300);
        rig.check();
        refused
    };
    let refused = refused_of(Balancing::RandomPerConnection);
    assert!((400..600).contains(&refused), "{refused}");
    // These look at their endpoints, or wait for one.
    for balancing in [
        Balancing::RoundRobin,
        Balancing::LeastRequest,
        Balancing::SharedQueue,
    ] {
        assert_eq!(refused_of(balancing), 0, "{balancing:?}");
    }
}

/// What waits in a shared queue goes to the first pod that listens.
#[test]
fn an_application_that_has_started_pulls_from_the_shared_queue() {
    let mut spec = service();
    spec.balancing = Balancing::SharedQueue;
    let mut source = load(even(100.0));
    source.until = Some(at(25));
    let mut rig = logged(&[spec], &[source], 1);
    let server = rig.serve(limits(None));
    rig.traffic.start_up(server, Millicores(0), &mut rig.queue);
    rig.pass_to(at(40));
    rig.traffic.started(server, &mut rig.queue, &mut rig.tally);
    assert_eq!(
        log(&rig),
        [(10.0, 40.0, Outcome::Ok), (20.0, 40.0, Outcome::Ok)]
    );
}

#[test]
fn ab_stops_at_an_error_and_goes_on_with_r() {
    let run = |continue_on_error| {
        let mut tool = ab(100, 4);
        tool.continue_on_error = continue_on_error;
        let mut rig = Rig::new(&[wait(0.01)], &[load(Generator::Ab(tool))], 1);
        let server = rig.serve(limits(None));
        rig.run_until(at(55));
        rig.traffic.kill(server, &mut rig.queue, &mut rig.tally);
        rig.serve(limits(None));
        rig.run();
        rig.report()
    };
    let stopped = run(false);
    assert_eq!(stopped.answers.reset, 4);
    assert!(
        stopped.to_string().contains("Connection reset by peer"),
        "{stopped}"
    );
    let finished = run(true);
    assert_eq!((finished.answers.reset, finished.answers.total()), (4, 100));
    // Each broken connection counts as not received, as an exception and as too short.
    let printed = finished.to_string();
    assert!(
        printed.contains("Failed requests:        12\n"),
        "{printed}"
    );
    assert!(printed.contains("(Connect: 0, Receive: 4, Length: 4, Exceptions: 4)"));
}

/// Go's transport sends what may be repeated once more if a connection that has served breaks.
#[test]
fn hey_repeats_what_breaks_on_a_connection_that_has_served() {
    let run = |kill_at: i64, disable_keepalive| {
        let mut tool = hey(40, 4);
        tool.disable_keepalive = disable_keepalive;
        let mut rig = Rig::new(&[wait(0.01)], &[load(Generator::Hey(tool))], 1);
        let server = rig.serve(limits(None));
        rig.pass_to(at(kill_at - 1));
        rig.serve(limits(None));
        rig.pass_to(at(kill_at));
        let in_it = rig.traffic.server_counters(server).active;
        rig.traffic.kill(server, &mut rig.queue, &mut rig.tally);
        rig.run();
        let report = rig.report();
        assert_eq!(in_it, 4);
        assert_eq!(ended(&rig, Outcome::Killed), 4, "the service fails them");
        (report.answers, report.latency.max_ms)
    };
    let (answers, longest) = run(55, false);
    assert_eq!((answers.ok, answers.total()), (40, 40));
    // Sent at 52 ms, broken at 55 ms, answered 10 ms later.
    assert!((12.0..15.0).contains(&longest), "{longest}");
    for (kill_at, disable_keepalive) in [(5, false), (55, true)] {
        let (answers, _) = run(kill_at, disable_keepalive);
        assert_eq!((answers.ok, answers.reset), (36, 4));
    }
}

#[test]
fn ab_gives_up_when_nothing_comes_for_its_timeout() {
    let mut rig = Rig::new(&[wait(40.0)], &[load(Generator::Ab(ab(10, 2)))], 1);
    rig.serve(limits(None));
    rig.run();
    let report = rig.report();
    assert_eq!(report.ended, Some(SimTime::from_secs(30)));
    assert_eq!(ended(&rig, Outcome::Timeout), 1);
    assert!(
        report.to_string().contains("timeout specified has expired"),
        "{report}"
    );
    assert_eq!(
        rig.effects,
        [(SimTime::from_secs(30), Effect::LoadFinished(0))]
    );
}

#[test]
fn ab_with_a_time_limit_ends_with_the_first_answer_after_it() {
    let mut tool = ab(50_000, 3);
    tool.time_limit = Some(SimDuration::from_secs(1));
    tool.client_overhead = Dist::Constant(0.0);
    let mut rig = Rig::new(&[wait(0.03)], &[load(Generator::Ab(tool))], 1);
    rig.serve(limits(None));
    rig.run();
    let report = rig.report();
    assert_eq!(report.ended, Some(at(1020)));
    // The first connection alone for 30 ms, then three at a time; of the last three, one.
    assert_eq!(report.answers.ok, 1 + 32 * 3 + 3);
    rig.check();
}

#[test]
fn hey_counts_what_took_too_long_as_errors() {
    let mut tool = hey(20, 10);
    tool.timeout = Some(SimDuration::from_secs(1));
    let mut spec = wait(0.6);
    spec.slots = Some(4);
    let mut rig = Rig::new(&[spec], &[load(Generator::Hey(tool))], 1);
    rig.serve(limits(None));
    rig.run();
    let report = rig.report();
    assert!(
        report.answers.timeout > 0 && report.answers.total() == 20,
        "{:?}",
        report.answers
    );
    assert!(
        report.to_string().contains("Client.Timeout exceeded"),
        "{report}"
    );
}

#[test]
fn a_refused_client_without_overhead_does_not_stop_time() {
    let mut tool = hey(0, 5);
    tool.duration = Some(SimDuration::from_secs(1));
    tool.client_overhead = Dist::Constant(0.0);
    let mut rig = Rig::new(&[wait(0.01)], &[load(Generator::Hey(tool))], 1);
    rig.run();
    assert_eq!(rig.report().answers.refused, 100_000);
}

#[test]
fn loops_of_a_job_come_and_go() {
    let mut source = load(Generator::WgetJob(wget()));
    source.until = Some(SimTime::from_secs(5));
    let mut rig = Rig::new(&[wait(0.02)], &[source], 1);
    rig.serve(limits(None));
    rig.run_until(SimTime::from_secs(1));
    assert_eq!(rig.tally.issued, 0);
    rig.traffic.start_client(0, 3, &mut rig.queue);
    rig.run_until(SimTime::from_secs(2));
    assert!(rig.tally.issued > 25, "{}", rig.tally.issued);
    rig.run_until(SimTime::from_secs(6));
    assert!(
        rig.effects.is_empty(),
        "the container lives on after the Job's deletion"
    );
    rig.traffic.stop_client(0, 3, &mut rig.queue);
    rig.run();
    assert_eq!(
        rig.effects.last().map(|effect| effect.1),
        Some(Effect::LoadFinished(0))
    );
    rig.check();
}

/// Arrivals and demands of a load, as far as they are seen: issue times, and latencies where
/// requests never meet.
#[test]
fn the_number_of_pods_does_not_change_arrivals_and_demands() {
    let run = |pods: usize| {
        let mut spec = service();
        spec.request.cpu = Dist::lognormal(0.02, 1.0).unwrap();
        let mut rig = logged(&[spec], &[load(poisson(50.0))], 7);
        for _ in 0..pods {
            rig.serve(limits(None));
        }
        rig.run_until(SimTime::from_secs(60));
        let mut log = rig.tally.log.take().unwrap();
        log.sort_by_key(|entry| entry.0);
        log.truncate(2500);
        log
    };
    assert_eq!(run(2), run(9));
}

#[derive(Debug, Clone)]
enum Act {
    Add(i64, u32),
    Endpoint(usize, bool),
    Terminate(usize),
    Kill(usize),
    Resize(usize, i64),
    StartUp(usize, i64),
    Started(usize),
    StartLoop(u32),
    StopLoop(u32),
    Pass(i64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (50i64..4000, 1u32..200).prop_map(|(cpu, weight)| Act::Add(cpu, weight)),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(which, add)| Act::Endpoint(which, add)),
        1 => any::<usize>().prop_map(Act::Terminate),
        2 => any::<usize>().prop_map(Act::Kill),
        2 => (any::<usize>(), 20i64..4000).prop_map(|(which, cpu)| Act::Resize(which, cpu)),
        1 => (any::<usize>(), 0i64..3000).prop_map(|(which, cpu)| Act::StartUp(which, cpu)),
        1 => any::<usize>().prop_map(Act::Started),
        1 => (0u32..6).prop_map(Act::StartLoop),
        1 => (0u32..6).prop_map(Act::StopLoop),
        6 => (0i64..400).prop_map(Act::Pass),
    ]
}

fn any_service() -> impl Strategy<Value = ServerSpec> {
    let balancing = prop_oneof![
        Just(Balancing::RandomPerConnection),
        Just(Balancing::RoundRobin),
        Just(Balancing::LeastRequest),
        Just(Balancing::SharedQueue),
    ];
    let timeout = prop::option::of(20i64..300);
    (
        balancing,
        0.0..0.03f64,
        0.0..0.05f64,
        prop::option::of(1u32..8),
        prop::option::of(0u32..10),
        timeout,
    )
        .prop_map(|(balancing, cpu, wait, slots, backlog, timeout)| {
            let mut spec = service();
            spec.balancing = balancing;
            spec.request.cpu = Dist::lognormal(cpu, 1.0).unwrap();
            spec.request.wait = Dist::exponential(wait).unwrap();
            spec.request.memory = Dist::Constant(1e6);
            spec.request.timeout = timeout.map(ms);
            (spec.slots, spec.backlog) = (slots, backlog);
            spec.memory = MemorySpec {
                base: Bytes(1_000_000),
                growth_per_second: 1e5,
                retained_per_request: 1e3,
            };
            spec
        })
}

/// Runs a script; returns the log of answers and the rig.
fn play(spec: &ServerSpec, acts: &[Act], seed: u64) -> Rig {
    let mut open = load(poisson(300.0));
    open.name = "open".into();
    if let Generator::Profile(profile) = &mut open.generator {
        profile.timeout = Some(ms(150));
    }
    let mut tool = hey(0, 8);
    tool.duration = Some(SimDuration::from_secs(60));
    tool.timeout = Some(ms(200));
    tool.rate_per_worker = Some(30.0);
    let mut paced = load(Generator::Hey(tool));
    paced.name = "hey".into();
    let loops = load(Generator::WgetJob(wget()));
    let mut rig = logged(slice::from_ref(spec), &[loops, open, paced], seed);
    rig.node = rig.traffic.add_node(Millicores(4000));
    let mut servers = Vec::new();
    for act in acts {
        let pick = |which: usize| servers.get(which % servers.len().max(1)).copied();
        match *act {
            Act::Add(cpu, cpu_weight) => {
                let memory_limit = Some(Bytes(20_000_000));
                servers.push(rig.serve(ServerLimits {
                    cpu_limit: Some(Millicores(cpu)),
                    cpu_weight,
                    memory_limit,
                    ..limits(None)
                }));
            }
            Act::Endpoint(which, add) => match pick(which) {
                Some(server) if add => {
                    rig.traffic
                        .add_endpoint(server, &mut rig.queue, &mut rig.tally);
                }
                Some(server) => rig.traffic.remove_endpoint(server, &mut rig.queue),
                None => {}
            },
            Act::Terminate(which) => {
                if let Some(server) = pick(which) {
                    rig.traffic.terminate(server, &mut rig.queue);
                }
            }
            Act::Kill(which) => {
                if let Some(server) = pick(which) {
                    rig.traffic.kill(server, &mut rig.queue, &mut rig.tally);
                }
            }
            Act::Resize(which, cpu) => {
                if let Some(server) = pick(which) {
                    rig.traffic
                        .resize(server, limits(Some(cpu)), &mut rig.queue);
                }
            }
            Act::StartUp(which, cpu) => {
                if let Some(server) = pick(which) {
                    rig.traffic
                        .start_up(server, Millicores(cpu), &mut rig.queue);
                }
            }
            Act::Started(which) => {
                if let Some(server) = pick(which) {
                    rig.traffic.started(server, &mut rig.queue, &mut rig.tally);
                }
            }
            Act::StartLoop(client) => rig.traffic.start_client(0, client, &mut rig.queue),
            Act::StopLoop(client) => rig.traffic.stop_client(0, client, &mut rig.queue),
            Act::Pass(millis) => rig.pass_to(rig.queue.now() + ms(millis)),
        }
    }
    rig
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn nothing_is_lost_whatever_happens_to_servers(
        spec in any_service(), acts in prop::collection::vec(act(), 1..60), seed in 0u64..1000,
    ) {
        let rig = play(&spec, &acts, seed);
        let now = rig.queue.now();
        let ledger = rig.traffic.ledger(now);
        prop_assert!(ledger.check().is_ok(), "{:?}", ledger.check());
        prop_assert_eq!(ledger.issued, rig.tally.issued);
        let ended: u64 = ledger.ended.iter().sum();
        prop_assert_eq!(ended, rig.tally.log.as_ref().map_or(0, Vec::len) as u64);
        // The node cannot have given more than it has.
        let used = (ledger.cpu.served + ledger.cpu.background) as f64 / 1024.0 / 1e9;
        prop_assert!(used <= 4.0 * now.as_secs_f64() + 1e-6, "{used} core-seconds by {now}");
    }

    #[test]
    fn the_same_script_and_seed_give_the_same_run(
        spec in any_service(), acts in prop::collection::vec(act(), 1..40), seed in 0u64..1000,
    ) {
        let (first, second) = (play(&spec, &acts, seed), play(&spec, &acts, seed));
        prop_assert_eq!(first.tally.log, second.tally.log);
        prop_assert_eq!(first.effects, second.effects);
        prop_assert_eq!(first.traffic.ledger(first.queue.now()), second.traffic.ledger(second.queue.now()));
    }
}
