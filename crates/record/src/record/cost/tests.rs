//! Small clusters whose bills are known.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::record::recording::{NodeRecord, Recording, WorkloadRecord};
use crate::sim::SimDuration;

fn at(second: i64) -> SimTime {
    SimTime::from_secs(second)
}

/// Four cores, 16 GiB, 0.2 dollars an hour.
fn node(group: &str, from: i64, to: Option<i64>) -> NodeRecord {
    NodeRecord {
        name: format!("{group}-{from}"),
        group: group.to_owned(),
        started: at(from),
        ended: to.map(at),
        instance_type: Some("m".to_owned()),
        price_per_hour: 0.2,
        prices: Arc::default(),
        list_price: 0.2,
        spot: group == "spot",
        cpu: 4.0,
        memory: 16.0,
        system: (0.0, 0.0),
        refunded: false,
    }
}

fn hours(count: i64) -> Recording {
    Recording {
        duration: SimDuration::from_secs(count * 3600),
        step: SimDuration::from_secs(60),
        ..Recording::default()
    }
}

/// The costs of a run whose nodes are these, in the order of their slots.
fn run(
    mut recording: Recording,
    nodes: Vec<NodeRecord>,
    feed: impl FnOnce(&mut Meter),
) -> Recording {
    let mut meter = Meter::new(&recording, true);
    for (slot, node) in nodes.iter().enumerate() {
        if node.started == SimTime::ZERO {
            meter.node_up(slot, node);
        }
    }
    feed(&mut meter);
    recording.nodes = nodes;
    recording.costs = meter.finish();
    recording
}

fn balanced(recording: &Recording) -> &Costs {
    check(recording).unwrap_or_else(|broken| panic!("{broken}"));
    &recording.costs
}

fn near(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-9, "{a} is not {b}");
}

#[test]
fn requests_pay_their_part_and_the_rest_is_idle() {
    let done = run(hours(2), vec![node("general", 0, None)], |meter| {
        meter.placed(0, 0, 0, (1.0, 4.0), false, at(0));
        meter.left(0, at(3600));
    });
    let costs = balanced(&done);
    near(costs.paid[0], 0.4);
    // A quarter of both for one of two hours.
    near(costs.workloads[0].value(), 0.05);
    near(costs.idle.value(), 0.35);
    near(costs.empty[0].1, 3600.0);
    assert_eq!(costs.peak, (1, 0.2));
    near(costs.static_nodes, costs.nodes());
}

#[test]
fn usage_above_the_requests_is_paid_for() {
    let done = run(hours(1), vec![node("general", 0, None)], |meter| {
        meter.placed(0, 0, 0, (1.0, 0.0), false, at(0));
        for minute in 1..=60 {
            let cores = if minute <= 30 { 2.0 } else { 0.5 };
            meter.used(0, at(60 * minute), SimDuration::from_secs(60), (cores, 0.0));
        }
    });
    let costs = balanced(&done);
    let core_hours: f64 = costs
        .rows
        .iter()
        .filter(|row| row.owner == Owner::Workload(0))
        .map(|row| row.core_hours)
        .sum();
    // Two cores for half an hour, then the one that is requested.
    near(core_hours, 1.5);
}

#[test]
fn what_is_used_beyond_the_node_is_shared_and_nothing_is_idle() {
    let done = run(hours(1), vec![node("general", 0, None)], |meter| {
        meter.placed(0, 0, 0, (3.0, 12.0), false, at(0));
        meter.placed(1, 0, 1, (3.0, 12.0), false, at(0));
    });
    let costs = balanced(&done);
    near(costs.workloads[0].value(), 0.1);
    near(costs.workloads[1].value(), 0.1);
    near(costs.idle.value(), 0.0);
}

#[test]
fn a_node_is_billed_from_its_launch_for_a_minute_at_least() {
    let done = run(hours(1), vec![node("general", 0, Some(10))], |meter| {
        meter.placed(0, 0, 0, (1.0, 1.0), false, at(0));
        meter.node_down(0, false, at(10));
        // Its pods take nothing of a node that is gone.
        meter.left(0, at(600));
    });
    let costs = balanced(&done);
    near(costs.paid[0], 0.2 / 60.0);
    near(costs.node_hours, 10.0 / 3600.0);
}

#[test]
fn instances_that_are_committed_to_are_used_first() {
    let mut recording = hours(1);
    recording.commitments = vec![Commitment {
        name: "three".to_owned(),
        from: SimTime::ZERO,
        until: None,
        terms: Terms::Instances {
            covers: Covers::InstanceType("m".into()),
            count: 3,
            price: 0.12,
        },
    }];
    let nodes = vec![
        node("general", 0, None),
        node("spot", 0, None),
        node("other", 0, None),
    ];
    let done = run(recording, nodes, |_| {});
    let costs = balanced(&done);
    // Both nodes on demand are covered, the spot node is not.
    near(costs.paid[0], 0.0);
    near(costs.paid[1], 0.2);
    near(costs.paid[2], 0.24);
    near(costs.unused, 0.12);
}

#[test]
fn dollars_an_hour_cover_the_rest_at_lower_prices() {
    let mut recording = hours(1);
    recording.commitments = vec![Commitment {
        name: "plan".to_owned(),
        from: SimTime::ZERO,
        until: None,
        terms: Terms::Spend {
            rate: 0.15,
            discount: 0.25,
        },
    }];
    let nodes = vec![node("general", 0, None), node("other", 0, None)];
    let done = run(recording.clone(), nodes, |_| {});
    let costs = balanced(&done);
    // 0.15 dollars pay for one of the two nodes.
    near(costs.paid[2], 0.15);
    near(costs.paid[0], 0.2);
    near(costs.unused, 0.0);
    let done = run(recording, Vec::new(), |_| {});
    near(balanced(&done).unused, 0.15);
}

/// Reserved capacity for so many instances of the type of `general` and `other`, and other commitments.
fn reserved(count: u32, others: &[Terms], nodes: Vec<NodeRecord>) -> Costs {
    let terms = Terms::Reservation {
        instance_type: "m".into(),
        count,
        price: 0.2,
    };
    let commitment = |terms: &Terms| Commitment {
        name: "one".to_owned(),
        from: SimTime::ZERO,
        until: None,
        terms: terms.clone(),
    };
    let mut recording = hours(1);
    let all = std::iter::once(&terms).chain(others);
    recording.commitments = all.map(commitment).collect();
    let done = run(recording, nodes, |_| {});
    balanced(&done).clone()
}

#[test]
fn reserved_capacity_is_paid_for_by_its_nodes_or_idle() {
    let nodes = || {
        vec![
            node("general", 0, None),
            node("spot", 0, None),
            node("other", 0, None),
        ]
    };
    // Twenty reserved and fifteen running are fifteen nodes and five idle: here four, and two.
    let costs = reserved(4, &[], nodes());
    near(costs.paid[0], 0.4);
    near(costs.paid[2], 0.0);
    near(costs.unused, 0.4);
    near(costs.nodes(), 0.4 + 0.2 + 0.4);
    // All of it is used.
    near(reserved(2, &[], nodes()).unused, 0.0);
    near(reserved(1, &[], nodes()).nodes(), 0.6);
    // Instances that are committed to cover nodes first, then idle capacity.
    let instances = Terms::Instances {
        covers: Covers::InstanceType("m".into()),
        count: 3,
        price: 0.12,
    };
    let costs = reserved(4, &[instances], nodes());
    near(costs.paid[2], 0.24);
    near(costs.unused, 0.12 + 0.2);
    near(costs.reserved, 0.2);
    // Dollars an hour lower the prices of both in proportion: 0.3 pay for 0.4 of 0.8.
    let plan = Terms::Spend {
        rate: 0.3,
        discount: 0.25,
    };
    let costs = reserved(4, &[plan], nodes());
    near(costs.paid[2], 0.15);
    near(costs.paid[0], 0.2);
    near(costs.reserved, 0.2);
    near(costs.nodes(), 0.2 + 0.3 + 0.4);
}

#[test]
fn prices_change_with_time() {
    let mut spot = node("spot", 0, None);
    spot.prices = [(at(0), 0.1), (at(1800), 0.3)].into();
    let done = run(hours(1), vec![spot], |_| {});
    near(balanced(&done).paid[1], 0.2);
    near(done.costs.static_nodes, 0.2);
}

#[test]
fn usage_of_steps_longer_than_a_bucket_is_paid_for_alike() {
    let cost = |minutes: i64| {
        let step = SimDuration::from_secs(60 * minutes);
        let recording = Recording { step, ..hours(1) };
        let done = run(recording, vec![node("general", 0, None)], |meter| {
            meter.placed(0, 0, 0, (0.1, 1.0), false, at(0));
            for place in 1..=60 / minutes {
                meter.used(0, at(60 * minutes * place), step, (1.0, 1.0));
            }
        });
        balanced(&done).workloads[0].value()
    };
    for minutes in [4, 10, 60] {
        near(cost(minutes), cost(1));
    }
}

#[test]
fn nodes_without_pods_cost_what_they_did_at_the_time() {
    let mut spot = node("spot", 0, None);
    spot.prices = [(at(0), 0.1), (at(1800), 0.3)].into();
    let done = run(hours(1), vec![spot], |meter| {
        meter.placed(0, 0, 0, (1.0, 1.0), false, at(2700));
    });
    let (_, seconds, cost) = &balanced(&done).empty[0];
    near(*seconds, 2700.0);
    near(*cost, 0.05 + 0.075);
}

#[test]
fn buckets_that_cost_nothing_begin_as_well() {
    let done = run(hours(1), vec![node("general", 0, Some(600))], |meter| {
        meter.node_down(0, false, at(600));
    });
    let costs = balanced(&done);
    let last = costs.rows.last().expect("rows").from;
    assert_eq!((costs.begins.len(), last), (60, at(540)));
}

#[test]
fn large_sums_may_differ_by_their_rounding() {
    let mut done = run(hours(1), vec![node("general", 0, None)], |_| {});
    done.nodes[0].price_per_hour = 1e12;
    done = run(hours(1), done.nodes, |_| {});
    done.costs.idle.add(0.05);
    balanced(&done);
    done.costs.idle.add(5000.0);
    assert!(check(&done).is_err());
}

#[test]
fn costs_that_do_not_add_up_are_told() {
    let mut done = run(hours(1), vec![node("general", 0, None)], |_| {});
    done.nodes[0].ended = Some(at(1800));
    assert!(check(&done).is_err());
    done.nodes[0].ended = None;
    done.costs.idle.add(0.01);
    assert!(check(&done).is_err());
}

#[test]
fn what_a_provider_takes_in_its_first_hour_is_given_back() {
    for (length, refunded, wanted) in [(1800, true, 0.0), (1800, false, 0.1)] {
        let mut spot = node("spot", 0, Some(length));
        spot.refunded = refunded;
        let done = run(hours(2), vec![spot], |meter| {
            meter.placed(0, 0, 0, (1.0, 4.0), false, at(0));
            meter.node_down(0, refunded, at(length));
        });
        let costs = balanced(&done);
        near(costs.total(), wanted);
        near(costs.paid[1], 0.1);
        // What its pods took is theirs all the same.
        near(costs.workloads[0].value(), 0.025);
        let credits = costs.rows.iter().filter(|row| row.owner == Owner::Credit);
        near(credits.map(CostRow::cost).sum(), wanted - 0.1);
    }
}

#[test]
fn a_credit_pays_first_and_never_more_than_there_is() {
    for (credit, wanted) in [(0.25, 0.35), (5.0, 0.0)] {
        let mut recording = hours(2);
        recording.prices.credit = credit;
        recording.prices.cluster_hour = 0.1;
        let done = run(recording, vec![node("general", 0, None)], |_| {});
        let costs = balanced(&done);
        near(costs.total(), wanted);
        let first = costs.rows.iter().find(|row| row.owner == Owner::Credit);
        assert_eq!(first.map(|row| row.from), Some(at(0)));
    }
}

#[test]
fn a_credit_that_paid_for_what_is_given_back_pays_for_something_else() {
    let mut recording = hours(2);
    recording.prices.credit = 0.1;
    let mut spot = node("spot", 0, Some(3000));
    spot.refunded = true;
    let nodes = vec![spot, node("general", 0, None)];
    let done = run(recording, nodes, |meter| meter.node_down(0, true, at(3000)));
    near(balanced(&done).total(), 0.4 - 0.1);
}

/// Two workloads of one namespace and one of another on four cores and 16 GiB, of which they take a half.
fn shared(idle: IdleShare) -> Recording {
    let mut recording = hours(1);
    recording.prices.idle = idle;
    // A core costs what four GiB do.
    recording.prices.reference = (0.04, 0.01);
    recording.workloads = ["one", "one", "two"]
        .map(|namespace| WorkloadRecord {
            namespace: namespace.into(),
            ..WorkloadRecord::default()
        })
        .into();
    let workloads = recording.workloads.clone();
    run(recording, vec![node("general", 0, None)], |meter| {
        meter.knows(&workloads);
        meter.placed(0, 0, 0, (1.0, 1.0), false, at(0));
        meter.placed(1, 0, 1, (0.5, 3.0), false, at(0));
        meter.placed(2, 0, 2, (0.5, 4.0), false, at(0));
    })
}

#[test]
fn what_is_idle_is_nobodys_or_shared() {
    // Of ten cents for CPU and ten for memory half is taken.
    let paid = |idle| {
        let done = shared(idle);
        let costs = balanced(&done);
        let all = costs.workloads.iter().map(|one| one.value());
        let all: Vec<f64> = all.chain([costs.idle.value()]).collect();
        near(costs.idle.value() + costs.idle_shared.value(), 0.1);
        all
    };
    let same = |a: Vec<f64>, b: [f64; 4]| a.into_iter().zip(b).for_each(|(a, b)| near(a, b));
    let plain = [0.03125, 0.03125, 0.0375, 0.1];
    same(paid(IdleShare::Separate), plain);
    // Of each resource twice as much.
    same(paid(IdleShare::Weighted), [0.0625, 0.0625, 0.075, 0.0]);
    // Five cents for each namespace.
    same(paid(IdleShare::Even), [0.05625, 0.05625, 0.0875, 0.0]);
}

#[test]
fn what_nobody_can_pay_for_stays_idle() {
    for idle in [IdleShare::Weighted, IdleShare::Even] {
        let mut recording = hours(1);
        recording.prices.idle = idle;
        let done = run(recording, vec![node("general", 0, None)], |_| {});
        near(balanced(&done).idle.value(), 0.2);
    }
}

#[test]
fn commitments_begin_and_end() {
    let mut recording = hours(2);
    recording.commitments = vec![Commitment {
        name: "one".to_owned(),
        from: at(1800),
        until: Some(at(5400)),
        terms: Terms::Instances {
            covers: Covers::Group("general".into()),
            count: 2,
            price: 0.12,
        },
    }];
    let done = run(recording, vec![node("general", 0, None)], |_| {});
    let costs = balanced(&done);
    near(costs.paid[0], 0.2);
    near(costs.paid[2], 0.12);
    near(costs.unused, 0.12);
}

#[test]
fn a_group_is_crowded_while_more_is_used_than_there_is() {
    let done = run(hours(1), vec![node("general", 0, None)], |meter| {
        meter.placed(0, 0, 0, (3.0, 4.0), false, at(0));
        for minute in 1..=60 {
            let cores = if minute <= 20 { 5.0 } else { 3.0 };
            meter.used(0, at(60 * minute), SimDuration::from_secs(60), (cores, 4.0));
        }
    });
    let costs = balanced(&done);
    assert_eq!(costs.crowded, [(Arc::from("general"), 1200.0)]);
}

proptest! {
    /// Whatever comes and goes, and whatever is committed to.
    #[test]
    fn money_adds_up(
        warm_up in 0i64..4000,
        committed in prop::collection::vec((0u32..3, 0.0..0.3f64, prop::bool::ANY, 0i64..9000, 0i64..9000), 0..3),
        credit in prop_oneof![Just(0.0), 0.0..0.5f64],
        idle in prop_oneof![Just(IdleShare::Separate), Just(IdleShare::Weighted), Just(IdleShare::Even)],
        free in prop::bool::ANY,
        lives in prop::collection::vec((0usize..3, 0i64..7000, 0i64..7000, 0.0..0.5f64), 1..6),
        pods in prop::collection::vec((0usize..6, 0usize..3, 0i64..7200, 0i64..7200, 0.0..3.0f64, 0.0..9.0f64), 0..12),
        usage in prop::collection::vec((0usize..3, 0.0..9.0f64, 0.0..40.0f64), 120),
    ) {
        let mut recording = hours(2);
        recording.warm_up = SimDuration::from_secs(warm_up);
        recording.prices.cluster_hour = 0.1;
        recording.prices.credit = credit;
        recording.prices.idle = idle;
        recording.workloads = ["one", "two", "one"].map(|namespace| WorkloadRecord {
            namespace: namespace.into(),
            ..WorkloadRecord::default()
        }).into();
        recording.commitments = committed.iter().map(|(count, price, spend, from, length)| Commitment {
            name: String::new(),
            from: at(*from - 1000),
            until: (*length < 8000).then(|| at(*from - 1000 + *length)),
            terms: if *spend {
                Terms::Spend { rate: *price, discount: 0.3 }
            } else {
                Terms::Instances { covers: Covers::Group("a".into()), count: *count, price: *price }
            },
        }).collect();
        let nodes: Vec<NodeRecord> = lives.iter().map(|(group, from, length, price)| {
            let mut one = node(["a", "b", "spot"][*group], *from, Some(from + length));
            one.price_per_hour = *price;
            one.refunded = free && one.spot && *length < 3600;
            one
        }).collect();
        // What happens, by time.
        let mut events: Vec<(SimTime, u8, usize)> = Vec::new();
        for (slot, one) in nodes.iter().enumerate() {
            events.push((one.started, 0, slot));
            events.extend(one.ended.map(|ended| (ended, 4, slot)));
        }
        for (pod, one) in pods.iter().enumerate() {
            events.push((at(one.2.min(one.3)), 1, pod));
            events.push((at(one.2.max(one.3)), 3, pod));
        }
        for minute in 0..120 {
            events.push((at(60 * (minute as i64 + 1)), 2, minute));
        }
        events.sort_unstable();
        let mut meter = Meter::new(&recording, true);
        meter.knows(&recording.workloads);
        for (time, what, place) in events {
            match what {
                0 => meter.node_up(place, &nodes[place]),
                1 => meter.placed(place, pods[place].0, pods[place].1, (pods[place].4, pods[place].5), false, time),
                2 => {
                    let (workload, cores, gib) = usage[place];
                    meter.used(workload, time, SimDuration::from_secs(60), (cores, gib));
                }
                3 => { meter.left(place, time); }
                _ => meter.node_down(place, nodes[place].refunded, time),
            }
        }
        recording.nodes = nodes;
        recording.costs = meter.finish();
        prop_assert_eq!(check(&recording), Ok(()));
    }
}
