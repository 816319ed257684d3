//! The log holds the cluster's whole history: folded to any time it gives the store of then.

use crate::shipped;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cluster_rig::{Rig, budget, deployment, job, nodes, resources, workload};
use nlsim::api::{Clock, Kind, Ledger, NodeId, ObjectId, PodId, Store, TerminationReason, Write};
use nlsim::autoscaler::vpa::WallClock;
use nlsim::cluster::spec::WorkloadKind;
use nlsim::controller::statefulset::StatefulSetSpec;
use nlsim::kubectl;
use nlsim::kubectl::print::{TableOptions, Timestamp, as_yaml, table};
use nlsim::sim::{SimTime, Stream, Streams};
use nlsim::units::Millicores;
use nlsim::world::Simulation;
use serde_json::Value;

const KINDS: [Kind; 8] = [
    Kind::Node,
    Kind::Pod,
    Kind::Deployment,
    Kind::ReplicaSet,
    Kind::StatefulSet,
    Kind::Job,
    Kind::PodDisruptionBudget,
    Kind::HorizontalPodAutoscaler,
];

/// What there is to see at a time.
#[derive(Debug, PartialEq)]
struct Seen {
    time: SimTime,
    objects: BTreeMap<Kind, Vec<Value>>,
    ledger: Ledger,
}

impl Seen {
    fn of(store: &Store, time: SimTime) -> Self {
        let clock = Clock {
            calendar: WallClock::default(),
            now: time,
        };
        let list = |kind| (kind, store.list(kind, None, clock));
        Self {
            time,
            objects: KINDS.map(list).into(),
            ledger: store.ledger(),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Value> {
        self.objects.values().flatten()
    }
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

/// Times in order, to the millisecond.
fn times(stream: &mut Stream, count: usize, seconds: usize) -> Vec<SimTime> {
    let mut millis: Vec<i64> = (0..count)
        .map(|_| stream.below(seconds * 1000) as i64)
        .collect();
    millis.sort_unstable();
    millis.into_iter().map(SimTime::from_millis).collect()
}

fn pick(stream: &mut Stream, store: &Store) -> Option<PodId> {
    let pods = store.ids(Kind::Pod, None);
    match pods.get(stream.below(pods.len().max(1)))? {
        ObjectId::Pod(pod) => Some(*pod),
        _ => None,
    }
}

/// An action on the cluster.
fn act(cluster: &mut Simulation<'_>, stream: &mut Stream) {
    let store = cluster.store();
    match stream.below(6) {
        0 | 1 => {
            let object = store.workloads()[stream.below(2)].object;
            let replicas = stream.below(12) as i32;
            cluster.commit(Write::Replicas(object.expect("it exists"), replicas));
        }
        2 => {
            let object = store.workloads()[stream.below(2)].object;
            let object = object.expect("it exists");
            let mut template = (**store.template(object).expect("a template")).clone();
            let cpu = Millicores(100 + 10 * stream.below(50) as i64);
            template.containers[0].cpu_request = Some(cpu);
            cluster.commit(Write::Template(object, Arc::new(template)));
        }
        3 => {
            let nodes: Vec<NodeId> = store.nodes().map(|(id, _)| id).collect();
            let node = nodes[stream.below(nodes.len())];
            let cordoned = store.node(node).unschedulable;
            cluster.commit(Write::Cordon(node, !cordoned));
        }
        what => {
            let Some(pod) = pick(stream, store) else {
                return;
            };
            match (what, stream.below(2)) {
                // The budget may refuse, and so may a pod that is going.
                (4, 0) => drop(cluster.evict(pod)),
                (4, _) => drop(cluster.resize(pod, &[resources(700)])),
                _ => cluster.exit(pod, 0, TerminationReason::OomKilled),
            }
        }
    }
}

/// Compares what was seen with what the log tells.
fn check(cluster: &Simulation<'_>, seen: &[Seen]) {
    let log = cluster.store().log().expect("the log is kept");
    for live in seen {
        let folded = log.at(live.time);
        folded.audit().expect("the books balance");
        let folded = Seen::of(&folded, live.time);
        for (kind, objects) in &live.objects {
            for (one, other) in objects.iter().zip(&folded.objects[kind]) {
                assert_eq!(one, other, "at {}", live.time);
            }
        }
        assert_eq!(*live, folded);
    }
}

/// What the versions of objects tell of their order.
fn check_versions(seen: &[Seen]) {
    let mut last: BTreeMap<String, (u64, i64)> = BTreeMap::new();
    for at in seen {
        let mut versions = BTreeSet::new();
        for object in at.all() {
            let version: u64 = text(object, "resourceVersion").parse().expect("a number");
            let generation = object["metadata"]["generation"].as_i64().unwrap_or(1);
            assert!(versions.insert(version), "{version} at {}", at.time);
            let uid = text(object, "uid").to_owned();
            if let Some(before) = last.insert(uid, (version, generation)) {
                assert!(before.0 <= version && before.1 <= generation, "{object}");
            }
        }
    }
}

/// The newest ReplicaSet of a Deployment has its revision, and every one has its own.
fn check_revisions(at: &Seen) {
    let revision = |object: &Value| -> i64 {
        let annotations = &object["metadata"]["annotations"];
        let revision = annotations["deployment.kubernetes.io/revision"].as_str();
        revision.map_or(0, |text| text.parse().expect("a number"))
    };
    for deployment in &at.objects[&Kind::Deployment] {
        let uid = &deployment["metadata"]["uid"];
        let owned = at.objects[&Kind::ReplicaSet].iter();
        let owned = owned.filter(|set| set["metadata"]["ownerReferences"][0]["uid"] == *uid);
        let revisions: Vec<i64> = owned.map(revision).collect();
        let own: BTreeSet<i64> = revisions.iter().copied().collect();
        assert_eq!(own.len(), revisions.len(), "{revisions:?}");
        assert_eq!(own.last(), Some(&revision(deployment)), "{}", at.time);
        assert!(!own.contains(&0));
    }
}

#[test]
fn the_log_gives_the_store_of_any_time() {
    let mut compared = 0;
    for seed in 0..12 {
        let workloads = [
            deployment(3),
            workload(
                WorkloadKind::StatefulSet(StatefulSetSpec {
                    is_parallel: true,
                    ..StatefulSetSpec::default()
                }),
                "db",
                2,
            ),
            job(3, 4, Some(400)),
        ];
        let mut cluster = Rig::new(&nodes(3, 4000), &workloads, &[budget(2)], seed).cluster;
        let mut stream = Streams::new(seed).stream("test");
        let mut seen = Vec::new();
        for time in times(&mut stream, 10, 700) {
            cluster.step_until(time).expect("no endless loop");
            act(&mut cluster, &mut stream);
            cluster.step_until(time).expect("no endless loop");
            seen.retain(|other: &Seen| other.time != time);
            seen.push(Seen::of(cluster.store(), time));
        }
        cluster
            .step_until(SimTime::from_secs(800))
            .expect("no endless loop");
        check(&cluster, &seen);
        check_versions(&seen);
        seen.iter().for_each(check_revisions);
        compared += seen.len();
    }
    assert!(compared >= 100, "{compared}");
}

#[test]
fn so_it_does_where_an_hpa_decides() {
    let scenario = shipped::load("php-apache");
    let mut cluster = Simulation::new(&scenario, 42);
    let mut stream = Streams::new(7).stream("test");
    let end = scenario.simulation.duration.as_secs_f64() as usize;
    let mut seen = Vec::new();
    for time in times(&mut stream, 40, end) {
        cluster.step_until(time).expect("no endless loop");
        seen.push(Seen::of(cluster.store(), time));
    }
    check(&cluster, &seen);
    check_versions(&seen);
    let hpas = |at: &Seen| at.objects[&Kind::HorizontalPodAutoscaler][0]["status"].clone();
    let desired: BTreeSet<i64> = (seen.iter())
        .map(|at| hpas(at)["desiredReplicas"].as_i64().expect("a number"))
        .collect();
    assert!(desired.len() > 2, "{desired:?}");
    insta::assert_snapshot!(
        "an_hpa",
        as_yaml(&seen[20].objects[&Kind::HorizontalPodAutoscaler], true)
    );
    let pods = &seen[20].objects[&Kind::Pod];
    insta::assert_snapshot!("a_pod", as_yaml(&pods[..1], true));
    let rest: Vec<Value> = [Kind::Deployment, Kind::ReplicaSet, Kind::Node]
        .into_iter()
        .filter_map(|kind| seen[20].objects[&kind].first().cloned())
        .collect();
    insta::assert_snapshot!("other_objects", as_yaml(&rest, false));
}

/// The cells of a kind's rows, as `kubectl get` prints them.
fn rows(rig: &Rig, kind: Kind) -> Vec<Vec<String>> {
    let now = rig.cluster.now();
    let calendar = WallClock::default();
    let objects = rig
        .cluster
        .store()
        .list(kind, None, Clock { calendar, now });
    let kind = kubectl::kind::Kind::of_kind(kind.name()).expect("a kind");
    let now = Timestamp(calendar.unix_start * 1_000_000_000 + now.0);
    table(kind, &objects, &TableOptions::default(), now).rows
}

/// READY, STATUS and RESTARTS of the newest pod.
fn newest(rig: &Rig) -> String {
    let name = |pod| rig.pod(pod).name().to_owned();
    let newest = rig.pods(0).last().copied().map(name);
    let rows = rows(rig, Kind::Pod).into_iter();
    let mut newest = rows.filter(|row| Some(&row[0]) == newest.as_ref());
    newest
        .next()
        .map_or_else(String::new, |row| row[1..4].join(" "))
}

#[test]
fn a_pods_status_follows_its_life() {
    let mut rig = Rig::new(&nodes(1, 4000), &[deployment(1)], &[budget(1)], 1);
    assert_eq!(newest(&rig), "1/1 Running 0");
    rig.scale(0, 2, 10);
    rig.run_until(11);
    assert_eq!(newest(&rig), "0/1 ContainerCreating 0");
    assert_eq!(rows(&rig, Kind::ReplicaSet)[0][1..4], ["2", "2", "1"]);
    rig.run_until(12);
    assert_eq!(newest(&rig), "0/1 Running 0");
    rig.run_until(60);
    assert_eq!(newest(&rig), "1/1 Running 0");
    assert_eq!(
        rows(&rig, Kind::PodDisruptionBudget)[0][1..4],
        ["1", "N/A", "1"]
    );
    let pod = rig.pods(0)[1];
    rig.exit(pod, TerminationReason::OomKilled, 700);
    rig.run_until(701);
    assert_eq!(newest(&rig), "0/1 Running 1 (1s ago)");
    rig.exit(pod, TerminationReason::OomKilled, 705);
    rig.run_until(706);
    assert_eq!(newest(&rig), "0/1 CrashLoopBackOff 1 (1s ago)");
    assert_eq!(rows(&rig, Kind::Deployment)[0][1..4], ["1/2", "2", "1"]);
    rig.run_until(800);
    rig.scale(0, 20, 800);
    rig.run_until(850);
    // Room for seven pods of 500m.
    assert_eq!(newest(&rig), "0/1 Pending 0");
    let clock = Clock {
        calendar: WallClock::default(),
        now: rig.cluster.now(),
    };
    let waiting = ObjectId::Pod(*rig.pods(0).last().expect("a pod"));
    let waiting = rig.cluster.store().view(waiting, clock).expect("it exists");
    assert_eq!(
        waiting["status"]["conditions"][0]["reason"],
        "Unschedulable"
    );
    assert_eq!(waiting["spec"]["nodeName"], Value::Null);
    rig.scale(0, 0, 900);
    rig.run_until(900);
    let pods = rows(&rig, Kind::Pod);
    rig.cluster
        .step_until(SimTime::from_millis(900_450))
        .expect("no endless loop");
    let going = rows(&rig, Kind::Pod);
    assert!(
        going.iter().any(|row| row[2] == "Terminating"),
        "{pods:?} {going:?}"
    );
    rig.run_until(1000);
    assert!(rows(&rig, Kind::Pod).is_empty());
}

#[test]
fn a_job_is_complete_or_has_failed_once_its_pods_have_ended() {
    let mut rig = Rig::new(&nodes(1, 8000), &[job(2, 6, None)], &[], 1);
    rig.run_until(20);
    assert_eq!(rows(&rig, Kind::Job)[0][1..4], ["Running", "0/2", "20s"]);
    for pod in rig.pods(0) {
        rig.exit(pod, TerminationReason::Completed, 30);
    }
    rig.run_until(60);
    assert_eq!(rows(&rig, Kind::Job)[0][1..4], ["Complete", "2/2", "31s"]);
    assert_eq!(newest(&rig), "0/1 Completed 0");
    let mut rig = Rig::new(&nodes(1, 8000), &[job(2, 0, None)], &[], 1);
    rig.run_until(20);
    let pod = rig.pods(0)[0];
    rig.exit(pod, TerminationReason::Error, 20);
    rig.run_until(120);
    assert_eq!(rows(&rig, Kind::Job)[0][1..3], ["Failed", "0/2"]);
    let statuses: BTreeSet<String> = (rows(&rig, Kind::Pod).into_iter())
        .map(|row| row[2].clone())
        .collect();
    assert_eq!(statuses, BTreeSet::from(["Error".to_owned()]));
}
