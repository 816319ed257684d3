//! What the simulated tools print, beside what the real ones printed.

use std::slice;

use crate::traffic_rig::{Rig, ab, hey, limits, load, profile, service};
use nlsim::load::spec::{Arrivals, Generator, Shape};
use nlsim::sim::{Dist, SimDuration, SimTime};
use nlsim::workload::spec::ServerSpec;

/// One pod of `slots` that waits.
fn pod(slots: u32, backlog: Option<u32>, wait: Dist) -> ServerSpec {
    let mut spec = service();
    (spec.slots, spec.backlog, spec.request.wait) = (Some(slots), backlog, wait);
    spec
}

fn printed(pod: &ServerSpec, generator: Generator) -> String {
    let mut rig = Rig::new(slice::from_ref(pod), &[load(generator)], 1);
    rig.serve(limits(None));
    rig.run();
    rig.report().to_string()
}

fn exponential() -> Dist {
    Dist::exponential(0.0205).unwrap()
}

fn paced(seconds: i64, rate: f64, workers: u32) -> Generator {
    let mut tool = hey(0, workers);
    tool.duration = Some(SimDuration::from_secs(seconds));
    tool.rate_per_worker = Some(rate);
    Generator::Hey(tool)
}

/// The text with every number, bar and width of a gap taken out.
fn skeleton(text: &str) -> Vec<String> {
    let line = |line: &str| {
        let mut out = String::new();
        for c in line.chars() {
            let c = match c {
                '0'..='9' | '.' => '#',
                '■' => continue,
                ' ' => ' ',
                other => other,
            };
            if !((c == '#' || c == ' ') && out.ends_with(c)) {
                out.push(c);
            }
        }
        out
    };
    text.lines().map(line).collect()
}

#[test]
fn reports_have_the_layout_of_the_real_tools() {
    let constant = Dist::constant(0.0207).unwrap();
    for (real, pod, generator) in [
        (
            include_str!("../golden/load/raw/ab-const20-c20-s4.txt"),
            pod(4, None, constant.clone()),
            Generator::Ab(ab(2000, 20)),
        ),
        (
            include_str!("../golden/load/raw/ab-exp20-c100-s16.txt"),
            pod(16, None, exponential()),
            Generator::Ab(ab(8000, 100)),
        ),
        (
            include_str!("../golden/load/raw/ab-const20-c50-s4-q8-503.txt"),
            pod(4, Some(8), constant.clone()),
            Generator::Ab(ab(6000, 50)),
        ),
        (
            include_str!("../golden/load/raw/hey-q5-c10-const20-s4.txt"),
            pod(4, None, constant),
            paced(10, 5.0, 10),
        ),
        (
            include_str!("../golden/load/raw/hey-q10-c20-exp20-s4.txt"),
            pod(4, None, exponential()),
            paced(10, 10.0, 20),
        ),
    ] {
        let simulated = printed(&pod, generator);
        assert_eq!(skeleton(&simulated), skeleton(real), "\n{simulated}");
    }
}

#[test]
fn ab_prints() {
    insta::assert_snapshot!(printed(
        &pod(16, None, exponential()),
        Generator::Ab(ab(8000, 100))
    ));
}

#[test]
fn ab_prints_failures() {
    let spec = pod(4, Some(8), Dist::constant(0.0205).unwrap());
    insta::assert_snapshot!(printed(&spec, Generator::Ab(ab(6000, 50))));
}

#[test]
fn hey_prints() {
    insta::assert_snapshot!(printed(&pod(4, None, exponential()), paced(10, 10.0, 20)));
}

#[test]
fn hey_prints_errors() {
    let mut tool = hey(100, 10);
    tool.timeout = Some(SimDuration::from_millis(45));
    let spec = pod(2, Some(6), exponential());
    insta::assert_snapshot!(printed(&spec, Generator::Hey(tool)));
}

#[test]
fn hey_prints_what_few_and_no_answers_make() {
    // With ten answers the walk over them ends at 90 %.
    let few = pod(4, None, Dist::constant(0.02).unwrap());
    let few = printed(&few, Generator::Hey(hey(10, 5)));
    // As measured: nobody listens.
    let mut rig = Rig::new(
        slice::from_ref(&service()),
        &[load(Generator::Hey(hey(20, 5)))],
        1,
    );
    rig.run();
    insta::assert_snapshot!(format!("{few}{}", rig.report()));
}

#[test]
fn what_a_profile_prints_is_at_most_80_wide() {
    let spec = pod(10, None, Dist::constant(3_000.0).unwrap());
    let load = load(profile(Shape::Constant { rate: 0.001 }, Arrivals::Even));
    let mut rig = Rig::new(&[spec], &[load], 1);
    rig.serve(limits(None));
    rig.run_until(SimTime::from_secs(1_000_000));
    let printed = rig.report().to_string();
    assert!(printed.contains("3000000.0"), "{printed}");
    assert!(
        printed.lines().all(|line| line.chars().count() <= 80),
        "{printed}"
    );
}

#[test]
fn a_profile_prints() {
    let shape = Shape::Constant { rate: 150.0 };
    let mut rig = Rig::new(
        &[pod(4, Some(2), exponential())],
        &[load(profile(shape, Arrivals::Poisson))],
        1,
    );
    rig.serve(limits(None));
    rig.run_until(SimTime::from_secs(20));
    insta::assert_snapshot!(rig.report());
}
