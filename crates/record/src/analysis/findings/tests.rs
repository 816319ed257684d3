//! Each rule finds what it is there for, and nothing where all is well.

use super::*;
use crate::record::fold::Folds;
use crate::record::{
    Amounts, Counts, Curve, DisruptionKind, DisruptionRecord, HeldBy, Objective, Outcome, VpaBand,
    VpaContainerRecord, VpaRecord, VpaRow, Window, WorkloadRecord,
};
use crate::sim::{SimDuration, SimTime};

fn found(recording: &Recording) -> Vec<Finding> {
    findings(
        recording,
        &Folds::of(recording),
        &Labels::of(recording),
        &[],
    )
}

fn row(request: f64, target: Option<f64>) -> VpaRow {
    let amounts = |cpu| Amounts {
        cpu: Some(cpu),
        memory: None,
    };
    VpaRow {
        request: amounts(request),
        recommendation: target.map(|target| VpaBand {
            lower: amounts(0.1),
            target: amounts(target),
            upper: amounts(3.0),
            ..VpaBand::default()
        }),
        ..VpaRow::default()
    }
}

fn recording(mode: &'static str, rows: Vec<VpaRow>) -> Recording {
    Recording {
        duration: SimDuration::from_secs(7200),
        workloads: vec![WorkloadRecord {
            kind: "Deployment".into(),
            name: "api".to_owned(),
            ..WorkloadRecord::default()
        }],
        vpas: vec![VpaRecord {
            name: "api-vpa".to_owned(),
            mode,
            containers: vec![VpaContainerRecord {
                name: "api".to_owned(),
                rows,
                at_end: None,
            }],
            ..VpaRecord::default()
        }],
        ..Recording::default()
    }
}

fn happened(recording: &mut Recording, seconds: &[i64], kind: DisruptionKind) {
    recording
        .disruptions
        .extend(seconds.iter().map(|second| DisruptionRecord {
            time: SimTime::from_secs(*second),
            workload: 0,
            vpa: (kind != DisruptionKind::OomKill).then_some(0),
            kind,
        }));
}

#[test]
fn nothing_is_found_where_all_is_well() {
    let mut recording = recording("Recreate", vec![row(0.5, Some(0.6))]);
    happened(&mut recording, &[60, 120], DisruptionKind::Eviction);
    assert_eq!(found(&recording), []);
}

#[test]
fn an_hpa_that_reacts_to_changed_requests_is_told() {
    let rows = vec![row(0.5, Some(0.8)), row(0.8, Some(0.8))];
    let mut recording = recording("Recreate", rows);
    happened(&mut recording, &[600], DisruptionKind::Eviction);
    recording.hpas.push(HpaRecord {
        name: "api-hpa".to_owned(),
        metric_names: vec!["cpu".to_owned()],
        desired: Curve::from_steps(vec![
            (SimTime::ZERO, 3),
            (SimTime::from_secs(700), 2),
            (SimTime::from_secs(5000), 3),
        ]),
        ..HpaRecord::default()
    });
    let told = found(&recording);
    assert_eq!(told.len(), 1);
    assert_eq!(
        told[0].text,
        "changed the cpu request from 500m to 800m (pods evicted or resized: 1) while HPA api-hpa divides by it: 1 of its 2 rescales came within 10 minutes of such a change. Leave cpu to one of the two"
    );
    recording.vpas[0].mode = "Off";
    assert_eq!(found(&recording), []);
    recording.vpas[0].mode = "Recreate";
    recording.hpas[0].metric_names = vec!["requests_per_second".to_owned()];
    assert_eq!(found(&recording), []);
}

#[test]
fn a_budget_that_blocks_is_told() {
    let mut recording = recording("Recreate", vec![row(0.5, Some(0.6))]);
    happened(
        &mut recording,
        &[60, 120, 180],
        DisruptionKind::EvictionRefused,
    );
    let told = found(&recording);
    assert_eq!(told.len(), 1);
    assert!(
        told[0]
            .text
            .starts_with("a PodDisruptionBudget refused 3 of 3 evictions")
    );
}

#[test]
fn a_vpa_without_recommendation_and_one_that_is_not_heeded_are_told() {
    let told = found(&recording("Off", vec![row(0.5, None)]));
    assert_eq!(
        told[0].text,
        "never had a recommendation: no usage of its pods was seen"
    );
    let mut off = recording("Off", vec![row(0.5, Some(0.2))]);
    off.vpas[0].hold(HeldBy::Off, 3, true);
    let told = found(&off);
    assert_eq!(
        told[0].text,
        "container api requests 500m of cpu, 200m is recommended (-60%): the mode is Off"
    );
    assert_eq!(told[0].severity, Severity::Info);
    // The reason that held most, unless that is being where one should be.
    let mut acts = recording("Recreate", vec![row(0.5, Some(0.3))]);
    acts.vpas[0].hold(HeldBy::AtTarget, 9, true);
    acts.vpas[0].hold(HeldBy::Young(SimDuration::from_secs(43_200)), 2, true);
    assert!(found(&acts)[0].text.ends_with(
        "(-40%): that is within its bounds of 100m to 3000m, and pods younger than 12h0m0s are then left alone"
    ));
    acts.vpas[0].hold(HeldBy::EvictionRequirements, 3, true);
    assert!(
        found(&acts)[0]
            .text
            .ends_with(": its evictionRequirements allow no such change")
    );
}

#[test]
fn what_held_at_last_is_told_though_pods_were_changed_before() {
    let mut acted = recording("Recreate", vec![row(0.5, Some(0.6))]);
    acted.duration = SimDuration::from_secs(4000);
    happened(&mut acted, &[60], DisruptionKind::Eviction);
    acted.vpas[0].hold(HeldBy::Young(SimDuration::from_secs(43_200)), 9, false);
    acted.vpas[0].hold(HeldBy::UpdaterDown, 2, true);
    assert!(
        found(&acted)[0]
            .text
            .ends_with("(+20%): vpa-updater was down")
    );
    // A container that requests the rest at the end.
    acted.vpas[0].containers[0].at_end = Some(Amounts {
        cpu: Some(0.6),
        memory: None,
    });
    assert_eq!(found(&acted), []);
    acted.vpas[0].containers[0].at_end = None;
    happened(&mut acted, &[3001], DisruptionKind::Eviction);
    assert_eq!(found(&acted), []);
    // It has all that it may have.
    let mut capped = recording("Recreate", vec![row(0.5, Some(0.6))]);
    capped.vpas[0].hold(HeldBy::LimitRange, 9, true);
    let told = found(&capped);
    assert!(
        told[0]
            .text
            .ends_with("the LimitRange caps what new pods may request")
    );
}

#[test]
fn evictions_that_change_nothing_are_told() {
    let mut recording = recording("Recreate", vec![row(0.5, Some(0.6))]);
    happened(&mut recording, &[60, 120, 180], DisruptionKind::Eviction);
    recording.vpas[0].evictions_in_vain = 3;
    let text = &found(&recording)[0].text;
    assert!(text.starts_with("evicted pods that came back with the same requests (3 of 3"));
    assert!(text.ends_with("was the admission controller running?"));
    recording.vpas.push(VpaRecord {
        name: "older".to_owned(),
        mode: "Initial",
        ..VpaRecord::default()
    });
    recording.vpas[0].overruled_by = Some(1);
    assert!(
        found(&recording)[0]
            .text
            .contains("VPA older sets the requests of new pods")
    );
}

#[test]
fn more_failures_than_the_objective_allows_are_told() {
    let mut window = Window {
        issued: 1000,
        ..Window::default()
    };
    window.ended[1] = 10;
    let mut recording = Recording {
        services: vec![ServiceRecord {
            name: "api".to_owned(),
            objective: Objective {
                error_rate: 0.01,
                ..Objective::default()
            },
            windows: vec![window],
            ..ServiceRecord::default()
        }],
        ..Recording::default()
    };
    assert_eq!(found(&recording), []);
    recording.services[0].windows[0].ended[1] = 25;
    assert_eq!(
        found(&recording)[0].text,
        "2.50% of its requests failed (25 of 1,000), the objective allows 1%"
    );
}

#[test]
fn requests_beyond_a_rate_limit_are_told() {
    let mut window = Window {
        issued: 1000,
        ..Window::default()
    };
    window.ended[Outcome::Limited429 as usize] = 25;
    let recording = Recording {
        services: vec![ServiceRecord {
            objective: Objective {
                error_rate: 0.05,
                ..Objective::default()
            },
            windows: vec![window],
            ..ServiceRecord::default()
        }],
        ..Recording::default()
    };
    let told = found(&recording);
    assert_eq!(told.len(), 1, "{told:?}");
    let text =
        "25 of its 1,000 requests came beyond the rate limits of its pods and got 429 (2.50%)";
    assert!(told[0].text.starts_with(text), "{}", told[0].text);
}

#[test]
fn pods_that_pinned_connections_pass_by_are_told_once_per_service() {
    let mut recording = recording("Off", vec![row(0.5, Some(0.5))]);
    recording.services.push(ServiceRecord::default());
    recording.services[0].passed_by = 16;
    let told = found(&recording);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].subject, "Deployment/api");
    assert!(
        told[0]
            .text
            .starts_with("16 pods were ready but got no requests")
    );
    recording.services[0].passed_by = 1;
    assert!(found(&recording)[0].text.starts_with("1 pod was ready"));
}

#[test]
fn requests_that_came_too_early_are_told() {
    let mut recording = recording("Off", vec![row(0.5, Some(0.5))]);
    recording.services.push(ServiceRecord::default());
    assert_eq!(found(&recording), []);
    recording.services[0].too_early = 7;
    let told = found(&recording);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].subject, "Deployment/api");
    assert!(told[0].text.contains("and refused them (7 in all)"));
    assert!(told[0].text.ends_with("Add a readinessProbe"));
}

#[test]
fn a_metric_above_its_target_at_max_replicas_is_told() {
    let hpa = |value| HpaRecord {
        name: "api-hpa".to_owned(),
        bounds: (1, 4),
        desired: Curve::from_steps(vec![(SimTime::ZERO, 4)]),
        metric_names: vec!["cpu".to_owned()],
        metric_targets: vec![70.0],
        tolerance: 0.1,
        metric_values: vec![Curve::from_steps(vec![
            (SimTime::ZERO, value),
            (SimTime::from_secs(1800), 60.0),
        ])],
        ..HpaRecord::default()
    };
    let mut recording = recording("Off", vec![row(0.5, Some(0.51))]);
    recording.hpas = vec![hpa(76.0)];
    assert_eq!(found(&recording), []);
    recording.hpas = vec![hpa(95.0)];
    assert_eq!(
        found(&recording)[0].text,
        "stood at its maxReplicas of 4 with cpu above the target for 25% of the time"
    );
}

#[test]
fn pods_without_room_are_told() {
    let mut recording = recording("Off", vec![row(0.5, Some(0.51))]);
    let counts = |pending| Counts {
        pending,
        ..Counts::default()
    };
    let steps = |second| {
        let end = SimTime::from_secs(second);
        vec![(SimTime::from_secs(600), counts(3)), (end, counts(0))]
    };
    recording.workloads[0].counts = Curve::from_steps(steps(630));
    assert_eq!(found(&recording), []);
    recording.workloads[0].counts = Curve::from_steps(steps(1200));
    assert_eq!(
        found(&recording)[0].text,
        "up to 3 pods waited for a node, for 10 min in all: the nodes cannot hold what is asked for"
    );
    recording.workloads[0].unmet_selector = Some("disk=ssd".to_owned());
    assert_eq!(
        found(&recording)[0].text,
        "up to 3 pods waited for a node, for 10 min in all: no node group has the labels of their nodeSelector, disk=ssd"
    );
}

#[test]
fn repeated_kills_are_told() {
    let mut recording = recording("Recreate", vec![row(0.5, Some(0.51))]);
    happened(&mut recording, &[60, 120], DisruptionKind::OomKill);
    assert_eq!(found(&recording), []);
    happened(&mut recording, &[180], DisruptionKind::OomKill);
    let told = found(&recording);
    assert_eq!(told[0].subject, "Deployment/api");
    assert!(told[0].text.contains("killed 3 times"));
}
