//! Servers whose speed depends on what is in them: closed forms, and what the scenarios show.

use crate::shipped;
use crate::shipped::{run, run_with};
use crate::traffic_rig::{Rig, hey, limits, load, poisson, profile, service};
use nlsim::load::spec::{Arrivals, Generator, LoadSpec, Shape};
use nlsim::record::Outcome;
use nlsim::sim::{Dist, SimDuration, SimTime};
use nlsim::workload::spec::{
    Balancing, CallSpec, CallTarget, Jitter, RateLimit, ServerSpec, Slowdown,
};

/// A service whose waits are stretched.
fn slowed(wait: Dist, points: &[(f64, f64)]) -> ServerSpec {
    let mut spec = service();
    spec.request.wait = wait;
    spec.concurrency.slowdown = Some(Slowdown(points.to_vec()));
    spec
}

fn is_near(value: f64, expected: f64, tolerance: f64) -> bool {
    (value / expected - 1.0).abs() < tolerance
}

/// A batch of b makes b tokens in a step, which takes `step` and for each of them `each`: b / (step + b ×
/// each) tokens a second, as long as b clients keep it full.
#[test]
fn a_full_batch_makes_as_many_tokens_a_second_as_its_steps_let_it() {
    let (tokens, step, each) = (200.0, 0.020, 0.0005);
    for batch in [1u32, 4, 32] {
        let one = step + each;
        let mut spec = slowed(
            Dist::Exponential { mean: tokens * one },
            &[(1.0, 1.0), (2.0, (step + 2.0 * each) / one)],
        );
        spec.slots = Some(batch);
        // More clients than places: the batch is always full.
        let mut clients = hey(u64::MAX, 2 * batch);
        clients.timeout = None;
        clients.client_overhead = Dist::Constant(0.0);
        let mut rig = Rig::new(&[spec], &[load(Generator::Hey(clients))], 3);
        rig.serve(limits(None));
        let until = SimTime::from_secs(20_000);
        rig.pass_to(until);
        rig.check();
        let made = rig.tally.throughput(until) * tokens;
        let expected = f64::from(batch) / (step + f64::from(batch) * each);
        assert!(is_near(made, expected, 0.03), "{batch}: {made}, {expected}");
    }
}

/// Waits that share one speed are processor sharing: M/M/1-PS with a mean of s / (1 − ρ).
#[test]
fn waits_in_proportion_to_their_number_are_processor_sharing() {
    let (rate, mean) = (6.0, 0.1);
    let spec = slowed(Dist::Exponential { mean }, &[(1.0, 1.0), (2.0, 2.0)]);
    let mut rig = Rig::new(&[spec], &[load(poisson(rate))], 5);
    rig.serve(limits(None));
    rig.pass_to(SimTime::from_secs(30_000));
    rig.check();
    let expected = mean / (1.0 - rate * mean);
    assert!(
        is_near(rig.tally.mean(), expected, 0.03),
        "{}",
        rig.tally.mean()
    );
}

#[test]
fn waits_take_as_much_longer_as_the_curve_says_for_how_many_there_are() {
    let spec = slowed(Dist::Constant(1.0), &[(1.0, 1.0), (2.0, 3.0)]);
    // At 0.5 s and at 1 s: half of the first is done when the second comes, which slows both to a third. The
    // first ends at 2.5 s, when half of the second is left.
    let shape = Shape::Steps(vec![
        (SimDuration::ZERO, 2.0),
        (SimDuration::from_secs(1), 0.0),
    ]);
    let mut rig = Rig::new(&[spec], &[load(profile(shape, Arrivals::Even))], 1);
    rig.tally.log = Some(Vec::new());
    rig.serve(limits(None));
    rig.pass_to(SimTime::from_secs(10));
    let log = rig.tally.log.take().unwrap();
    let ends: Vec<f64> = log.iter().map(|one| one.1.as_secs_f64()).collect();
    assert!(
        is_near(ends[0], 2.5, 1e-8) && is_near(ends[1], 3.0, 1e-8),
        "{ends:?}"
    );
}

#[test]
fn a_rate_limit_turns_away_what_is_above_it() {
    let mut spec = service();
    spec.concurrency.rate_limit = Some(RateLimit {
        rate: 10.0,
        burst: 20,
    });
    let shape = Shape::Constant { rate: 100.0 };
    let loads = [LoadSpec {
        until: Some(SimTime::from_millis(10_005)),
        ..load(profile(shape, Arrivals::Even))
    }];
    let mut rig = Rig::new(&[spec], &loads, 1);
    rig.serve(limits(None));
    rig.pass_to(SimTime::from_secs(20));
    rig.check();
    // The burst, and ten a second from the first one, at 0.01 s, on.
    assert_eq!((rig.tally.ok, rig.tally.failed), (20 + 99, 1000 - 119));
    let ledger = rig.traffic.ledger(rig.queue.now());
    assert_eq!(ledger.ended(Outcome::Limited429), 1000 - 119);
}

/// A service that calls a database over pools of connections, and the database.
fn with_database(connections: u32, most: u32, wait: f64) -> [ServerSpec; 2] {
    let call = CallSpec {
        to: CallTarget::Service(1),
        probability: 1.0,
        times: 1.0,
        parallel: false,
        timeout: None,
        retries: 0,
        backoff: SimDuration::ZERO,
        jitter: Jitter::None,
        retry_budget: None,
        breaker: None,
        connections: Some(connections),
        optional: false,
    };
    let mut services = [service(), service()];
    services[0].calls = vec![call];
    "db".clone_into(&mut services[1].name);
    services[1].request.wait = Dist::Constant(wait);
    services[1].concurrency.max_connections = Some(most);
    services
}

#[test]
fn a_server_takes_so_many_connections_of_all_that_call_it() {
    for balancing in [
        Balancing::RandomPerConnection,
        Balancing::RoundRobin,
        Balancing::LeastRequest,
    ] {
        takes_so_many_connections(balancing);
    }
}

fn takes_so_many_connections(balancing: Balancing) {
    let mut services = with_database(3, 5, 10.0);
    services[1].balancing = balancing;
    let shape = Shape::Constant { rate: 100.0 };
    let mut rig = Rig::new(&services, &[load(profile(shape, Arrivals::Even))], 2);
    let db = rig
        .traffic
        .add_server(1, rig.node, limits(None), &mut rig.queue);
    rig.traffic.add_endpoint(db, &mut rig.queue, &mut rig.tally);
    let first = rig.serve(limits(None));
    rig.serve(limits(None));
    rig.pass_to(SimTime::from_secs(5));
    let sample = rig.traffic.calls(0, rig.queue.now());
    assert_eq!(rig.traffic.server_counters(db).active, 5);
    assert!(sample.totals.turned_away > 100);
    // The pod that goes gives its connections back when its queries end.
    rig.traffic.kill(first, &mut rig.queue, &mut rig.tally);
    rig.pass_to(SimTime::from_secs(25));
    let more = rig.traffic.calls(0, rig.queue.now()).totals.turned_away;
    rig.pass_to(SimTime::from_secs(50));
    let later = rig.traffic.calls(0, rig.queue.now()).totals;
    assert_eq!(later.turned_away, more);
    assert_eq!(rig.traffic.server_counters(db).active, 3);
    rig.traffic.audit_calls().unwrap();
    rig.check();
}

/// Servers of the database come and go, some before their applications have started, while pools keep
/// connections to them.
#[test]
fn connections_are_counted_while_servers_roll() {
    let services = with_database(20, 20, 0.2);
    let shape = Shape::Constant { rate: 100.0 };
    let mut rig = Rig::new(&services, &[load(profile(shape, Arrivals::Even))], 2);
    let mut databases = Vec::new();
    for second in 0..60 {
        if second % 5 == 0 {
            let (node, queue) = (rig.node, &mut rig.queue);
            let server = rig.traffic.add_server(1, node, limits(None), queue);
            let cpu = nlsim::units::Millicores(100);
            rig.traffic.start_up(server, cpu, queue);
            rig.traffic.add_endpoint(server, queue, &mut rig.tally);
            databases.push(server);
        }
        if second == 0 {
            rig.serve(limits(None));
        }
        match second % 5 {
            1 => {
                let server = *databases.last().unwrap();
                rig.traffic.started(server, &mut rig.queue, &mut rig.tally);
            }
            2 if databases.len() > 2 => rig.traffic.terminate(databases[0], &mut rig.queue),
            4 if databases.len() > 2 => {
                let server = databases.remove(0);
                rig.traffic.stop(server, &mut rig.queue, &mut rig.tally);
                rig.traffic.remove_endpoint(server, &mut rig.queue);
            }
            _ => {}
        }
        for tenth in 1..=10 {
            rig.pass_to(SimTime::from_millis(second * 1000 + tenth * 100));
            rig.traffic.audit_calls().unwrap();
        }
        rig.traffic.take_effects();
    }
    rig.check();
    let totals = rig.traffic.calls(0, rig.queue.now()).totals;
    assert!(totals.answered > 3_000, "{totals:?}");
}

#[test]
fn an_hpa_on_cpu_is_blind_to_an_inference_server_and_one_on_its_queue_is_not() {
    let blind = run("inference-cpu");
    assert_eq!(blind.get("hpa.llm.max_ready"), 2.0);
    let right = run("inference-queue");
    assert!(right.get("hpa.llm.max_ready") >= 4.0);
    let waits = |run: &shipped::Run| run.get("service.llm.p95_ms");
    assert!(waits(&blind) > 60_000.0, "{}", waits(&blind));
    let failed = |run: &shipped::Run| run.get("service.llm.error_rate_pct");
    assert!(failed(&blind) > 20.0 && failed(&right) < 0.5 * failed(&blind));
    // The model takes two minutes to load, and the pull 45 s: the queue grows meanwhile.
    assert!(right.get("service.llm.cpu_utilization_pct") < 10.0);
}

#[test]
fn pods_that_are_added_before_a_database_make_it_worse() {
    let shipped = run("db-connections");
    let few = run_with(
        "db-connections",
        &[("HorizontalPodAutoscaler/orders:spec.maxReplicas", "2")],
    );
    assert!(shipped.get("hpa.orders.max_ready") > 4.0);
    assert!(shipped.get("call.orders.postgres.turned_away") > 0.0);
    assert_eq!(few.get("call.orders.postgres.turned_away"), 0.0);
    let failed = |run: &shipped::Run| run.get("service.orders.error_rate_pct");
    assert!(failed(&shipped) > 10.0, "{}", failed(&shipped));
    assert!(failed(&few) < 4.0, "{}", failed(&few));
    let mut found = shipped.summary.findings.iter();
    assert!(found.any(|one| one.text.contains("Each pod that is added brings a pool")));
    // A pool that all pods share takes that away: the pods are as many, the database as fast as ever.
    let pooled = run("db-pooler");
    assert!(pooled.get("hpa.orders.max_ready") > 4.0);
    assert_eq!(pooled.get("call.pgbouncer.postgres.turned_away"), 0.0);
    assert_eq!(pooled.get("call.pgbouncer.postgres.max_connections"), 16.0);
    assert!(
        2.0 * failed(&pooled) < failed(&shipped),
        "{}",
        failed(&pooled)
    );
}
