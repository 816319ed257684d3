//! What the API server takes is taken: autoscalers without a target, several on one workload.

mod files;

use files::Memory;
use nlsim::record::Detail;
use nlsim::scenario::{Built, Loaded};
use nlsim::world;

const API: &str = include_str!("bad/base/api.yaml");

fn of(manifest: &str) -> Built {
    let mut files = Memory::default();
    let scenario = "name = \"s\"\nmanifests = [\"m.yaml\"]\nsimulation.duration = \"10m\"\n";
    files.put("s.toml", scenario);
    files.put("m.yaml", &format!("{API}---\n{manifest}"));
    Loaded::load("s.toml", &files)
        .and_then(|loaded| loaded.build(&[]))
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

fn hpa(name: &str, version: &str, target: &str) -> String {
    let (kind, target) = target.split_once('/').expect("Kind/name");
    format!(
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: {name}}}\nspec:\n  scaleTargetRef: {{apiVersion: {version}, kind: {kind}, name: {target}}}\n  maxReplicas: 10\n---\n"
    )
}

fn vpa(name: &str, mode: &str, target: &str) -> String {
    format!(
        "apiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\nmetadata: {{name: {name}}}\nspec:\n  targetRef: {{apiVersion: apps/v1, kind: Deployment, name: {target}}}\n  updatePolicy: {{updateMode: \"{mode}\"}}\n---\n"
    )
}

/// The titles of the warnings.
fn warned(built: &Built) -> Vec<&str> {
    let list = built.warnings.list.iter();
    list.map(|one| one.title.as_str()).collect()
}

#[test]
fn an_hpa_finds_its_target_by_group_kind_and_name() {
    let text = [
        hpa("rollout", "argoproj.io/v1alpha1", "Rollout/web"),
        hpa("absent", "apps/v1", "Deployment/web"),
        hpa("group", "example.com/v1", "Deployment/api"),
        hpa("old", "apps/v1beta2", "Deployment/api"),
    ];
    let built = of(&text.concat());
    let targets: Vec<_> = built.scenario.hpas.iter().map(|hpa| hpa.workload).collect();
    assert_eq!(targets, [None, None, None, Some(0)]);
    let target = &built.scenario.hpas[0].target;
    assert_eq!(target.api_version, "argoproj.io/v1alpha1");
    assert_eq!(
        (target.group(), target.to_string().as_str()),
        ("argoproj.io", "Rollout/web")
    );
    let stops = warned(&built)
        .iter()
        .filter(|w| w.contains("FailedGetScale"))
        .count();
    assert_eq!(stops, 3, "{:?}", warned(&built));
}

#[test]
fn hpas_that_share_pods_are_both_kept_and_told_of() {
    let built = of(&[
        hpa("one", "apps/v1", "Deployment/api"),
        hpa("two", "apps/v1", "Deployment/api"),
    ]
    .concat());
    assert_eq!(built.scenario.hpas.len(), 2);
    assert_eq!(
        warned(&built),
        ["two HPAs select pods of api: one and two; both stop with AmbiguousSelector"]
    );
    let finished = world::run(&built.scenario, 1, Detail::Summary, |_| true).expect("a run");
    let counts = &finished.recording.workloads[0].counts;
    let counts = counts.at(built.scenario.simulation.end());
    assert_eq!(counts.map(|counts| counts.ready), Some(2));
}

#[test]
fn of_several_vpas_the_first_by_name_acts_unless_it_is_off() {
    let built = of(&[vpa("b", "Recreate", "api"), vpa("a", "Off", "api")].concat());
    assert_eq!((built.scenario.vpas.len(), warned(&built).len()), (2, 0));
    let built = of(&[vpa("b", "Recreate", "api"), vpa("a", "Initial", "api")].concat());
    assert_eq!(
        warned(&built),
        ["two VPAs act on api: b and a; only a changes its pods"]
    );
    let built = of(&vpa("c", "Off", "web"));
    assert_eq!(built.scenario.vpas[0].workload, None);
    assert!(warned(&built)[0].ends_with("it recommends nothing (ConfigUnsupported)"));
}
