//! The call graph: what requests ask of others, and what that does to them.

use crate::shipped::run;
use crate::traffic_rig::{Rig, limits, load, poisson, profile, service};
use nlsim::load::spec::{Arrivals, LoadSpec, Shape};
use nlsim::record::{CallFailure, CallTotals, Outcome};
use nlsim::sim::{Dist, SimDuration, SimTime};
use nlsim::workload::spec::{
    Balancing, BreakerSpec, CallSpec, CallTarget, Jitter, RateLimit, RetryBudgetSpec, ServerSpec,
};
use proptest::prelude::*;

fn to(service: usize) -> CallSpec {
    CallSpec {
        to: CallTarget::Service(service),
        probability: 1.0,
        times: 1.0,
        parallel: false,
        timeout: None,
        retries: 0,
        backoff: SimDuration::from_millis(100),
        jitter: Jitter::None,
        retry_budget: None,
        breaker: None,
        connections: None,
        optional: false,
    }
}

/// A service whose requests wait for so many seconds.
fn waits(name: &str, seconds: f64, calls: Vec<CallSpec>) -> ServerSpec {
    let mut spec = service();
    name.clone_into(&mut spec.name);
    spec.request.wait = Dist::Constant(seconds);
    spec.calls = calls;
    spec
}

/// A caller of one service.
fn pair(call: CallSpec, seconds: f64) -> [ServerSpec; 2] {
    [waits("web", 0.0, vec![call]), waits("api", seconds, vec![])]
}

/// A hundred requests in ten seconds, evenly.
fn hundred() -> LoadSpec {
    LoadSpec {
        until: Some(SimTime::from_millis(10_050)),
        ..load(profile(Shape::Constant { rate: 10.0 }, Arrivals::Even))
    }
}

/// A rig with one server of each service but those left out.
fn rig(services: &[ServerSpec], loads: &[LoadSpec], absent: &[usize]) -> Rig {
    let mut rig = Rig::new(services, loads, 7);
    for index in (0..services.len()).filter(|index| !absent.contains(index)) {
        let (node, queue) = (rig.node, &mut rig.queue);
        let server = rig.traffic.add_server(index, node, limits(None), queue);
        rig.traffic.add_endpoint(server, queue, &mut rig.tally);
    }
    rig
}

/// Runs [`hundred`] to the end.
fn ran(services: &[ServerSpec], absent: &[usize]) -> Rig {
    let mut rig = rig(services, &[hundred()], absent);
    rig.pass_to(SimTime::from_secs(100));
    rig.check();
    rig.traffic.audit_calls().unwrap();
    rig
}

fn way(rig: &Rig, place: usize) -> CallTotals {
    rig.traffic.calls(place, rig.queue.now()).totals
}

fn failed(totals: &CallTotals, kind: CallFailure) -> u64 {
    totals.failed[kind as usize]
}

/// How long a call took on average, in milliseconds.
fn mean(totals: &CallTotals) -> f64 {
    totals.time as f64 / 1e6 / (totals.answered + totals.failures()) as f64
}

fn is_near(value: f64, expected: f64) -> bool {
    (value / expected - 1.0).abs() < 1e-6
}

#[test]
fn a_caller_waits_for_what_it_calls_and_holds_its_slot() {
    let services = [waits("web", 0.010, vec![to(1)]), waits("api", 0.2, vec![])];
    let rig = ran(&services, &[]);
    let call = way(&rig, 0);
    assert_eq!((call.calls, call.attempts, call.answered), (100, 100, 100));
    assert!(is_near(mean(&call), 200.0), "{}", mean(&call));
    // 100 requests of 0.21 s and 100 of 0.2 s ended.
    assert_eq!(rig.tally.ok, 200);
    assert!(is_near(rig.tally.latency, 100.0 * 0.41));
    // A slot serves one in 0.21 s: it is free again for every third request that comes.
    let mut narrow = services.clone();
    narrow[0].slots = Some(1);
    narrow[0].backlog = Some(0);
    assert_eq!(way(&ran(&narrow, &[]), 0).calls, 34);
}

#[test]
fn calls_go_one_after_the_other_or_side_by_side() {
    let side = |parallel| {
        let calls = vec![to(1), CallSpec { parallel, ..to(2) }];
        let services = [
            waits("web", 0.0, calls),
            waits("a", 0.1, vec![]),
            waits("b", 0.3, vec![]),
        ];
        // What the three services' requests took in all.
        ran(&services, &[]).tally.latency / 100.0
    };
    assert!(is_near(side(false), 0.4 + 0.1 + 0.3), "{}", side(false));
    assert!(is_near(side(true), 0.3 + 0.1 + 0.3), "{}", side(true));
}

#[test]
fn a_call_is_made_with_its_probability() {
    let probability = 0.3;
    let rig = ran(
        &pair(
            CallSpec {
                probability,
                ..to(1)
            },
            0.1,
        ),
        &[],
    );
    let calls = way(&rig, 0).calls;
    assert!((15..45).contains(&calls), "{calls}");
    assert_eq!(rig.tally.ok, 100 + calls);
}

#[test]
fn a_call_is_made_several_times_in_sequence() {
    let calls = |times: f64, seconds: f64| {
        let call = CallSpec { times, ..to(1) };
        ran(&pair(call, seconds), &[])
    };
    let rig = calls(3.0, 0.1);
    let totals = way(&rig, 0);
    assert_eq!((totals.calls, totals.answered), (300, 300));
    // Each takes its own time; the caller waits for all three.
    assert!(is_near(mean(&totals), 100.0), "{}", mean(&totals));
    let some = way(&calls(2.4, 0.1), 0).calls;
    assert!((225..256).contains(&some), "{some}");
    // What has failed is not gone on with, unless it is optional.
    let failing = |optional: bool| CallSpec {
        times: 3.0,
        optional,
        ..to(1)
    };
    let calls = |optional: bool| way(&ran(&pair(failing(optional), 0.1), &[1]), 0).calls;
    assert_eq!((calls(false), calls(true)), (100, 300));
}

#[test]
fn what_a_rate_limit_turns_away_is_not_tried_again_and_opens_no_breaker() {
    let call = CallSpec {
        retries: 3,
        breaker: Some(BreakerSpec {
            failures: 2,
            open_for: SimDuration::from_secs(5),
        }),
        ..to(1)
    };
    let mut services = pair(call, 0.0);
    services[1].concurrency.rate_limit = Some(RateLimit {
        rate: 5.01,
        burst: 1,
    });
    let rig = ran(&services, &[]);
    let totals = way(&rig, 0);
    assert_eq!(
        (totals.attempts, totals.retries, totals.opened),
        (100, 0, 0)
    );
    assert_eq!(failed(&totals, CallFailure::Limited429), 50);
    assert_eq!(totals.answered, 50);
    // The caller's own answer is a 503.
    let ledger = rig.traffic.ledger(rig.queue.now());
    assert_eq!(ledger.ended(Outcome::Limited429), 50);
    assert_eq!(ledger.ended(Outcome::Rejected503), 50);
}

#[test]
fn a_call_that_times_out_is_tried_again_and_fails_its_caller() {
    let call = CallSpec {
        timeout: Some(SimDuration::from_millis(50)),
        retries: 2,
        ..to(1)
    };
    let rig = ran(&pair(call.clone(), 0.2), &[]);
    let totals = way(&rig, 0);
    let seen = (totals.calls, totals.attempts, totals.retries);
    assert_eq!(seen, (100, 300, 200));
    assert_eq!(failed(&totals, CallFailure::Timeout), 100);
    assert!(is_near(totals.amplification(), 3.0));
    // Three attempts, and 100 and 200 ms between them.
    assert!(is_near(mean(&totals), 450.0), "{}", mean(&totals));
    // The callers' clients get 503; the called pods work on.
    assert_eq!((rig.tally.ok, rig.tally.failed), (0, 400));
    let optional = CallSpec {
        optional: true,
        ..call.clone()
    };
    assert_eq!(ran(&pair(optional, 0.2), &[]).tally.ok, 100);
    // A budget of one in ten and one a second, of which ten are there at once.
    let thrifty = CallSpec {
        retry_budget: Some(RetryBudgetSpec {
            share: 0.1,
            per_second: 1,
            ttl: SimDuration::from_secs(10),
        }),
        ..call
    };
    let totals = way(&ran(&pair(thrifty, 0.2), &[]), 0);
    assert!((19..=22).contains(&totals.retries), "{}", totals.retries);
    assert!(totals.unbudgeted >= 78);
}

#[test]
fn retries_at_every_level_multiply() {
    let call = |service| CallSpec {
        timeout: Some(SimDuration::from_secs(1)),
        retries: 2,
        ..to(service)
    };
    let services = [
        waits("web", 0.0, vec![call(1)]),
        waits("api", 0.0, vec![call(2)]),
        waits("db", 0.0, vec![]),
    ];
    let rig = ran(&services, &[2]);
    let totals = way(&rig, 1);
    assert_eq!(
        (totals.first, totals.calls, totals.attempts),
        (100, 300, 900)
    );
    assert!(is_near(totals.amplification(), 9.0));
    assert!(is_near(way(&rig, 0).amplification(), 3.0));
}

#[test]
fn a_breaker_opens_after_failures_in_a_row_and_tries_again_later() {
    let breaker = Some(BreakerSpec {
        failures: 5,
        open_for: SimDuration::from_secs(2),
    });
    let totals = way(&ran(&pair(CallSpec { breaker, ..to(1) }, 0.1), &[1]), 0);
    // Five refusals in half a second, then one trial each two seconds: at 2.5, 4.5, 6.5 and 8.5.
    assert_eq!((totals.attempts, totals.opened), (9, 5));
    assert_eq!(failed(&totals, CallFailure::Refused), 9);
    assert_eq!(failed(&totals, CallFailure::CircuitOpen), 91);
}

#[test]
fn a_pool_lets_so_many_calls_through_at_a_time() {
    let call = CallSpec {
        connections: Some(1),
        ..to(1)
    };
    // One at a time of 0.2 s: the last one of 100, sent at 10 s, is answered at 20.1 s.
    let mut one = rig(&pair(call.clone(), 0.2), &[hundred()], &[]);
    one.pass_to(SimTime::from_secs(15));
    let sample = one.traffic.calls(0, one.queue.now());
    assert_eq!((sample.connections, sample.waiting), (1, 25));
    one.pass_to(SimTime::from_millis(20_100));
    assert_eq!(way(&one, 0).answered, 100);
    assert!(is_near(mean(&way(&one, 0)), 200.0 + 99.0 / 2.0 * 100.0));
    // Whoever finds more than two before it does not get through.
    let hasty = CallSpec {
        timeout: Some(SimDuration::from_millis(550)),
        ..call
    };
    let totals = way(&ran(&pair(hasty, 0.2), &[]), 0);
    let late = failed(&totals, CallFailure::Timeout);
    let not_sent = failed(&totals, CallFailure::NoConnection);
    assert_eq!(totals.answered + late + not_sent, 100);
    let seen = (totals.answered, late, not_sent);
    // Half of them are served, with a wait of nearly the timeout before.
    assert!(late == 0 && (50..60).contains(&totals.answered), "{seen:?}");
    assert_eq!(totals.attempts, totals.answered + late);
}

#[test]
fn connections_of_a_pool_stay_with_their_pods() {
    let spread = |connections, balancing| {
        let mut services = pair(
            CallSpec {
                connections,
                ..to(1)
            },
            0.01,
        );
        services[1].balancing = balancing;
        let mut rig = rig(&services, &[hundred()], &[]);
        rig.pass_to(SimTime::from_secs(1));
        let late = rig
            .traffic
            .add_server(1, rig.node, limits(None), &mut rig.queue);
        rig.traffic
            .add_endpoint(late, &mut rig.queue, &mut rig.tally);
        rig.pass_to(SimTime::from_secs(20));
        rig.traffic.server_counters(late).answered
    };
    assert_eq!(spread(Some(10), Balancing::RandomPerConnection), 0);
    assert!((25..65).contains(&spread(None, Balancing::RandomPerConnection)));
    assert_eq!(spread(Some(10), Balancing::RoundRobin), 45);
}

#[test]
fn a_pod_that_is_killed_takes_its_calls_with_it() {
    let call = CallSpec {
        connections: Some(5),
        retries: 3,
        ..to(1)
    };
    let loads = [hundred()];
    let mut rig = rig(&pair(call, 5.0), &loads, &[0]);
    let server = rig.serve(limits(None));
    rig.pass_to(SimTime::from_millis(3_050));
    let sample = rig.traffic.calls(0, rig.queue.now());
    assert_eq!((sample.totals.calls, sample.waiting), (30, 25));
    rig.traffic.kill(server, &mut rig.queue, &mut rig.tally);
    let totals = way(&rig, 0);
    assert_eq!(failed(&totals, CallFailure::CallerGone), 25);
    assert_eq!(totals.under_way(), 5);
    // What is under way ends by itself.
    rig.pass_to(SimTime::from_secs(20));
    let totals = way(&rig, 0);
    assert_eq!((totals.answered, totals.under_way()), (5, 0));
    rig.traffic.audit_calls().unwrap();
    rig.check();
}

#[test]
fn a_request_that_has_timed_out_calls_no_more() {
    let mut services = [
        waits("web", 0.0, vec![to(1), to(2)]),
        waits("a", 1.0, vec![]),
        waits("b", 0.1, vec![]),
    ];
    services[0].request.timeout = Some(SimDuration::from_millis(500));
    let rig = ran(&services, &[]);
    assert_eq!((way(&rig, 0).answered, way(&rig, 1).calls), (100, 0));
}

#[test]
fn a_call_that_waited_for_a_connection_is_not_sent_for_a_request_that_has_ended() {
    let call = CallSpec {
        connections: Some(1),
        ..to(1)
    };
    let mut services = pair(call.clone(), 1.0);
    services[0].request.timeout = Some(SimDuration::from_millis(500));
    let totals = way(&ran(&services, &[]), 0);
    // One attempt in a second; the request of the next one has come half a second before at most.
    let not_sent = failed(&totals, CallFailure::CallerGone);
    assert!((10..=12).contains(&totals.attempts), "{totals:?}");
    assert_eq!(totals.attempts + not_sent, 100);
    // The attempt at 0.1 s holds the only connection until it times out at 0.4 s, and one that is sent
    // then until 0.7 s: the trial at 0.5 s waits until its request has ended. The next one is the trial.
    let wary = CallSpec {
        timeout: Some(SimDuration::from_millis(300)),
        breaker: Some(BreakerSpec {
            failures: 1,
            open_for: SimDuration::from_millis(100),
        }),
        ..call
    };
    services[0].calls = vec![wary];
    services[0].request.timeout = Some(SimDuration::from_millis(150));
    let totals = way(&ran(&services, &[]), 0);
    assert!(totals.attempts > 15, "{totals:?}");
}

/// The probability that a call waits for one of so many connections (Erlang C).
fn erlang_c(offered: f64, connections: u32) -> f64 {
    let mut blocked = 1.0;
    for n in 1..=connections {
        blocked = offered * blocked / (f64::from(n) + offered * blocked);
    }
    let use_of = offered / f64::from(connections);
    blocked / (1.0 - use_of * (1.0 - blocked))
}

#[test]
fn a_pool_is_a_queue_with_as_many_servers_as_connections() {
    let (rate, seconds, connections) = (16.0, 0.25, 5);
    let call = CallSpec {
        connections: Some(connections),
        ..to(1)
    };
    let mut services = pair(call, 0.0);
    services[1].request.wait = Dist::Exponential { mean: seconds };
    let mut rig = rig(&services, &[load(poisson(rate))], &[]);
    rig.pass_to(SimTime::from_secs(20_000));
    let offered = rate * seconds;
    let wait = erlang_c(offered, connections) * seconds / (f64::from(connections) - offered);
    let expected = 1000.0 * (seconds + wait);
    let seen = mean(&way(&rig, 0));
    assert!(
        (seen / expected - 1.0).abs() < 0.03,
        "{seen} and {expected}"
    );
}

fn any_call(service: usize) -> impl Strategy<Value = CallSpec> {
    let millis = |most: i64| (1..most).prop_map(SimDuration::from_millis);
    let breaker = (1..6u32, millis(5_000))
        .prop_map(|(failures, open_for)| BreakerSpec { failures, open_for });
    let first = (
        (0.2..1.0f64, 1.0..2.5f64),
        any::<bool>(),
        prop::option::of(millis(400)),
        0..4u32,
    );
    let jitters = vec![Jitter::None, Jitter::Envoy, Jitter::Grpc];
    let jitters = prop::sample::select(jitters);
    let second = (
        millis(300),
        prop::option::of(0.0..0.5f64),
        prop::option::of(breaker),
        prop::option::of(1..6u32),
        any::<bool>(),
    );
    (first, second, jitters).prop_map(move |(first, second, jitter)| CallSpec {
        probability: first.0.0,
        times: first.0.1,
        parallel: first.1,
        timeout: first.2,
        retries: first.3,
        backoff: second.0,
        jitter,
        retry_budget: second.1.map(|share| RetryBudgetSpec {
            share,
            per_second: 1,
            ttl: SimDuration::from_secs(10),
        }),
        breaker: second.2,
        connections: second.3,
        optional: second.4,
        ..to(service)
    })
}

fn any_service(place: usize, count: usize) -> impl Strategy<Value = ServerSpec> {
    let later: Vec<usize> = (place + 1..count).collect();
    let calls = prop::sample::subsequence(later.clone(), 0..=later.len());
    let calls = calls.prop_flat_map(|all| all.into_iter().map(any_call).collect::<Vec<_>>());
    let balancing = prop::sample::select(vec![
        Balancing::RandomPerConnection,
        Balancing::RoundRobin,
        Balancing::LeastRequest,
        Balancing::SharedQueue,
    ]);
    let limits = (
        prop::option::of(1..8u32),
        prop::option::of(0..8u32),
        prop::option::of(1..6u32),
        prop::option::of((1.0..30.0f64, 1..5u32)),
    );
    let timeout = prop::option::of((50..800i64).prop_map(SimDuration::from_millis));
    let costs = (0.0..0.05f64, 0.0..0.2f64, timeout);
    (calls, balancing, limits, costs).prop_map(move |(calls, balancing, limits, costs)| {
        let mut spec = waits(&format!("s{place}"), 0.0, calls);
        spec.balancing = balancing;
        (spec.slots, spec.backlog) = (limits.0, limits.1);
        spec.concurrency.max_connections = limits.2;
        let rate_limit = limits
            .3
            .filter(|_| spec.balancing != Balancing::SharedQueue);
        spec.concurrency.rate_limit = rate_limit.map(|(rate, burst)| RateLimit { rate, burst });
        spec.request.cpu = Dist::Exponential { mean: costs.0 };
        spec.request.wait = Dist::Exponential { mean: costs.1 };
        spec.request.timeout = costs.2;
        spec
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the graph, and whatever happens to its pods: calls made are those answered, failed by
    /// kind and under way, requests add up, and everything ends.
    #[test]
    fn calls_add_up_in_any_graph(
        services in (2..6usize).prop_flat_map(|count| {
            (0..count).map(|place| any_service(place, count)).collect::<Vec<_>>()
        }),
        changes in prop::collection::vec((0..4u32, 0..6usize, 100..2_000i64), 0..30),
    ) {
        let until = Some(SimTime::from_secs(20));
        let loads = [LoadSpec { until, ..load(poisson(20.0)) }];
        let mut rig = Rig::new(&services, &loads, 11);
        let mut servers = Vec::new();
        let start = (0..services.len()).map(|place| (0, place, 0));
        for (kind, which, millis) in start.chain(changes) {
            rig.pass_to(rig.queue.now() + SimDuration::from_millis(millis));
            let place = which % servers.len().max(1);
            match kind {
                1 if !servers.is_empty() => {
                    let server = servers.swap_remove(place);
                    rig.traffic.kill(server, &mut rig.queue, &mut rig.tally);
                }
                2 if !servers.is_empty() => {
                    rig.traffic.terminate(servers[place], &mut rig.queue);
                }
                _ => {
                    let (service, node) = (which % services.len(), rig.node);
                    let limits = limits(Some(1_000));
                    let server = rig.traffic.add_server(service, node, limits, &mut rig.queue);
                    rig.traffic.add_endpoint(server, &mut rig.queue, &mut rig.tally);
                    servers.push(server);
                }
            }
            rig.traffic.take_effects();
            rig.traffic.audit_calls().map_err(TestCaseError::fail)?;
            rig.check();
        }
        for server in servers {
            rig.traffic.kill(server, &mut rig.queue, &mut rig.tally);
        }
        rig.traffic.take_effects();
        rig.pass_to(SimTime::from_secs(1_000));
        rig.traffic.audit_calls().map_err(TestCaseError::fail)?;
        rig.check();
        // What waits in a shared queue without pods waits on.
        if services.iter().all(|one| one.balancing != Balancing::SharedQueue) {
            let ways: usize = services.iter().map(|one| one.calls.len()).sum();
            for place in 0..ways {
                prop_assert_eq!(way(&rig, place).under_way(), 0);
            }
        }
    }
}

#[test]
fn neurolakes_frontend_waits_for_its_api_which_feeds_the_workers() {
    let run = run("neurolake-graph");
    run.keeps_bounds();
    let calls = run.get("call.neurolake-frontend.neurolake-api.calls");
    let page = run.get("service.neurolake-frontend.p50_ms");
    let asked = run.get("call.neurolake-frontend.neurolake-api.p50_ms");
    assert!(asked < page && asked > 0.5 * page, "{asked} of {page}");
    // One request in twenty is a job.
    let jobs = run.get("call.neurolake-api.default.calls");
    assert!(
        (0.045..0.055).contains(&(jobs / calls)),
        "{jobs} of {calls}"
    );
    // The budget keeps the rush from being multiplied.
    let more = run.get("call.neurolake-frontend.neurolake-api.amplification");
    assert!((0.95..1.05).contains(&more), "{more}");
    let mut found = run.summary.findings.iter();
    assert!(found.any(|one| one.text.starts_with("the retry budget kept")));
    // The rush scales all three.
    for hpa in [
        "neurolake-api-hpa",
        "neurolake-frontend-hpa",
        "neurolake-worker-hpa",
    ] {
        let (least, most) = (
            run.get(&format!("hpa.{hpa}.min_ready")),
            run.get(&format!("hpa.{hpa}.max_ready")),
        );
        assert!(most > least, "{hpa}: {least} to {most}");
    }
}

/// A page of the demonstration shop asks for ten answers: its load is that of all services, and those
/// that most pages need several times grow more than the frontend.
#[test]
fn a_page_of_the_boutique_is_the_load_of_seven_services() {
    let run = run("online-boutique");
    run.keeps_bounds();
    let pages = run.get("service.frontend.requests");
    let per_page = [
        ("currencyservice", 0.82 * 3.4),
        ("productcatalogservice", 0.93 * 4.9),
        ("cartservice", 0.89),
        ("recommendationservice", 0.71),
        ("shippingservice", 0.21),
        ("checkoutservice", 0.036),
        ("adservice", 0.57),
    ];
    for (service, wanted) in per_page {
        let calls = run.get(&format!("call.frontend.{service}.calls")) / pages;
        assert!((calls / wanted - 1.0).abs() < 0.05, "{service}: {calls}");
    }
    // Behind those are recommendations' look at the catalogue, orders, and the carts' Redis.
    let catalogue = run.get("service.productcatalogservice.requests") / pages;
    assert!((5.2..5.6).contains(&catalogue), "{catalogue}");
    let most = |service: &str| run.get(&format!("hpa.{service}.max_ready"));
    for service in ["frontend", "productcatalogservice", "recommendationservice"] {
        assert!(most(service) >= 3.0, "{service}: {}", most(service));
    }
    // An advertisement that takes longer than 100 ms is left out of its page. Calls to pods that go when the
    // users have gone fail, of which no manifest says anything.
    let failed = run.get("service.frontend.error_rate_pct");
    assert!(failed < 0.05, "{failed}");
    let found = &run.summary.findings;
    let waits = found.iter().any(|one| {
        one.subject == "service/checkoutservice" && one.text.contains("are calls to paymentservice")
    });
    assert!(waits, "{found:?}");
}
