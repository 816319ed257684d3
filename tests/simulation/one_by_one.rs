//! Servers that are run one by one between events come to the same as turns that are taken one
//! by one: the same answers at the same times, the same use of CPU and memory.

use crate::traffic_rig;
use crate::traffic_rig::{Rig, ab, hey, load, service};
use nlsim::load::spec::{Arrivals, Generator, HeySpec, LoadSpec, ProfileSpec, Shape};
use nlsim::sim::{Dist, SimDuration, SimTime};
use nlsim::units::{Bytes, Millicores};
use nlsim::workload::spec::{Balancing, MemorySpec, RequestSpec, ServerSpec};
use nlsim::workload::{ServerLimits, Tier};
use proptest::prelude::*;

fn dist(mean: f64, kind: u8) -> Dist {
    match kind % 3 {
        0 => Dist::constant(mean),
        1 => Dist::exponential(mean),
        _ => Dist::lognormal(mean, 0.8),
    }
    .expect("means are not negative")
}

fn services() -> impl Strategy<Value = ServerSpec> {
    let request = (1u32..30, 0u8..3, 0u32..20, 0u8..3, 0u32..3, 0u32..3);
    let limits = (
        prop::option::of(1u32..40),
        prop::option::of(0u32..60),
        0u8..8,
    );
    (request, limits, prop::option::of(20i64..400)).prop_map(|(request, limits, timeout)| {
        let (cpu, cpu_kind, wait, wait_kind, memory, growth) = request;
        let (slots, backlog, balancing) = limits;
        ServerSpec {
            slots,
            backlog,
            balancing: match balancing {
                0 => Balancing::LeastRequest,
                1 => Balancing::SharedQueue,
                2..=4 => Balancing::RoundRobin,
                _ => Balancing::RandomPerConnection,
            },
            request: RequestSpec {
                cpu: dist(f64::from(cpu) / 1000.0, cpu_kind),
                wait: dist(f64::from(wait) / 1000.0, wait_kind),
                memory: dist(f64::from(memory) * 1e6, 0),
                timeout: timeout.map(SimDuration::from_millis),
            },
            memory: MemorySpec {
                base: Bytes(1_000_000),
                growth_per_second: f64::from(growth) * 1e6,
                retained_per_request: f64::from(growth) * 100.0,
            },
            background_cpu: Millicores(20),
            ..service()
        }
    })
}

fn loads() -> impl Strategy<Value = Vec<LoadSpec>> {
    let one = (
        10u32..1500,
        any::<bool>(),
        prop::option::of(50i64..2000),
        0i64..900,
        0u8..12,
    );
    prop::collection::vec(one, 1..4).prop_map(|all| {
        let one =
            |(place, (rate, poisson, timeout, at, kind)): (usize, (u32, bool, _, i64, u8))| {
                let timeout: Option<i64> = timeout;
                let rate = f64::from(rate);
                let shape = if rate < 100.0 {
                    Shape::Steps(vec![
                        (SimDuration::ZERO, rate),
                        (SimDuration::from_millis(1500), 0.0),
                    ])
                } else {
                    Shape::Constant { rate }
                };
                let profile = Generator::Profile(ProfileSpec {
                    shape,
                    arrivals: if poisson {
                        Arrivals::Poisson
                    } else {
                        Arrivals::Even
                    },
                    timeout: timeout.map(SimDuration::from_millis),
                });
                LoadSpec {
                    name: format!("load-{place}"),
                    at: SimTime::from_millis(at),
                    ..load(match kind {
                        0 => Generator::Hey(hey(200, 5)),
                        1 => Generator::Hey(HeySpec {
                            timeout: timeout.map(SimDuration::from_millis),
                            disable_keepalive: true,
                            client_overhead: dist(0.001, u8::from(poisson)),
                            ..hey(4000, 30)
                        }),
                        2 => Generator::Ab(ab(3000, 40)),
                        _ => profile,
                    })
                }
            };
        all.into_iter().enumerate().map(one).collect()
    })
}

/// What is done to the servers at a look at them.
type Step = (u8, usize, i64);

/// Runs, looks and acts; returns everything that was seen.
fn seen(
    spec: &ServerSpec,
    loads: &[LoadSpec],
    (pods, cores, limit, memory): (usize, i64, Option<i64>, Option<i64>),
    steps: &[Step],
    turns: bool,
) -> (Vec<String>, u64) {
    let other = ServerSpec {
        name: "other".to_owned(),
        ..service()
    };
    let mut rig = Rig::new(&[spec.clone(), other], loads, 7);
    rig.tally.log = Some(Vec::new());
    if turns {
        rig.traffic.take_turns();
    }
    let limits = ServerLimits {
        cpu_limit: limit.map(Millicores),
        cpu_weight: 100,
        memory_limit: memory.map(Bytes),
        tier: Tier::default(),
    };
    let nodes = [1, 2].map(|_| rig.traffic.add_node(Millicores(cores * 1000)));
    let mut servers = Vec::new();
    let mut seen = Vec::new();
    for pod in 0..pods {
        let server = (rig.traffic).add_server(0, nodes[pod % 2], limits, &mut rig.queue);
        (rig.traffic).add_endpoint(server, &mut rig.queue, &mut rig.tally);
        servers.push(server);
    }
    let mut guest = (rig.traffic).add_server(1, nodes[1], limits, &mut rig.queue);
    let mut now = SimTime::ZERO;
    for &(what, which, millis) in steps {
        now += SimDuration::from_millis(millis);
        rig.run_freely(now);
        for server in servers.iter().chain([&guest]) {
            seen.push(format!("{now} {:?}", rig.traffic.usage(*server, now)));
        }
        seen.push(format!("{:?}", rig.traffic.service_counters(0)));
        let server = servers[which % servers.len()];
        match what {
            0 => {
                rig.traffic.kill(server, &mut rig.queue, &mut rig.tally);
                let server = (rig.traffic).add_server(0, nodes[0], limits, &mut rig.queue);
                (rig.traffic).add_endpoint(server, &mut rig.queue, &mut rig.tally);
                servers.push(server);
            }
            1 => rig.traffic.terminate(server, &mut rig.queue),
            2 => rig.traffic.remove_endpoint(server, &mut rig.queue),
            // A pod of another service is lent to this one.
            3 | 4 => rig.traffic.lend(guest, 0, &mut rig.queue),
            5 => rig.traffic.take_back(guest, 0),
            6 => {
                rig.traffic.stop(guest, &mut rig.queue, &mut rig.tally);
                let next = (rig.traffic).add_server(1, nodes[0], limits, &mut rig.queue);
                rig.traffic.lend(next, 0, &mut rig.queue);
                rig.traffic.take_back(guest, 0);
                guest = next;
            }
            _ => {}
        }
    }
    rig.check();
    seen.push(format!("{:?} {:?}", rig.traffic.ledger(now), rig.effects));
    for load in 0..loads.len() {
        seen.push(rig.traffic.load_report(load, now).to_string());
    }
    let mut log = rig.tally.log.take().unwrap_or_default();
    log.sort_by_key(|&(arrival, end, outcome)| (end, arrival, outcome));
    seen.extend(log.iter().map(|answer| format!("{answer:?}")));
    (seen, rig.traffic.turns_one_by_one())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn both_ways_come_to_the_same(
        spec in services(),
        loads in loads(),
        pods in 1usize..6,
        cores in prop_oneof![Just(4i64), Just(64), Just(1000)],
        limit in prop::option::of(100i64..3000),
        memory in prop::option::of(5_000_000i64..200_000_000),
        steps in prop::collection::vec((0u8..12, any::<usize>(), 1i64..900), 1..8),
    ) {
        let cluster = (pods, cores, limit, memory);
        let (expected, none) = seen(&spec, &loads, cluster, &steps, true);
        let (got, _) = seen(&spec, &loads, cluster, &steps, false);
        prop_assert_eq!(none, 0);
        prop_assert_eq!(got, expected);
    }
}

#[test]
fn servers_on_large_nodes_are_run_one_by_one() {
    let spec = ServerSpec {
        request: RequestSpec {
            cpu: dist(0.006, 2),
            ..RequestSpec::default()
        },
        ..service()
    };
    let poisson = load(traffic_rig::poisson(1000.0));
    let steps = [(9, 0, 500); 6];
    let cluster = (5, 1000, Some(2000), None);
    let (_, turns) = seen(&spec, &[poisson], cluster, &steps, false);
    assert!(turns > 4_000, "{turns}");
    let closed = load(Generator::Hey(hey(100_000, 50)));
    let (_, turns) = seen(&spec, &[closed], cluster, &steps, false);
    assert!(turns > 4_000, "{turns}");
}
