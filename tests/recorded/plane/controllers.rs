//! The ReplicaSet controller's client, and readiness.

use nlsim::record::{PodRecord, Recording};

use super::rig::{Plane, Told, one_deployment, run, small};

/// When a workload's pods were created and became ready after that, in seconds.
fn pods(recording: &Recording) -> Vec<(f64, f64)> {
    let of = |pod: &PodRecord| {
        let ready = pod.ready.map_or(f64::NAN, |time| {
            (time - pod.started.expect("it has started")).as_secs_f64()
        });
        (pod.created.as_secs_f64(), ready)
    };
    recording.pods.iter().map(of).collect()
}

/// The ReplicaSet controller's client (20 calls a second, a burst of 30) pays for its events and
/// statuses too: from 2 to 25 pods took 0.66 s beside others, from 2 to 100 took 3.7 s.
#[test]
fn the_client_of_the_replica_set_controller_pays_for_its_events_too() {
    let toml = one_deployment(
        "[[action]]\nat = \"60s\"\nkubectl = \"kubectl scale deployment many --replicas=100\"\n\
         [controllers.hpa]\nfirst-sync = \"110s\"",
    );
    let manifest = small("many", 1).replace("replicas: 1", "replicas: 2");
    let took = |recording: &Recording, name: &str, from: f64, pods: usize| {
        let of = |pod: &&PodRecord| {
            pod.name.starts_with(name) && (from..from + 15.0).contains(&pod.created.as_secs_f64())
        };
        let times = recording.pods.iter().filter(of);
        let mut times: Vec<f64> = times.map(|pod| pod.created.as_secs_f64()).collect();
        times.sort_by(f64::total_cmp);
        assert_eq!(times.len(), pods);
        // From the write of the scale to the first call: 8 to 50 ms.
        assert!((0.008..0.06).contains(&(times[0] - from)), "{}", times[0]);
        times[pods - 1] - times[0]
    };
    let alone = took(&run(&toml, &manifest, 1), "many-", 60.0, 98);
    assert!((3.4..4.1).contains(&alone), "98 pods took {alone} s");
    let plane = Plane::read();
    let recording = run(&plane.scenario(Told::EachSync, 1), &plane.manifest, 1);
    let beside_others = took(&recording, "burst-", 196.789, 23);
    assert!(
        (0.4..0.9).contains(&beside_others),
        "23 pods took {beside_others} s"
    );
}

/// Recorded of 82 pods without and 20 with a probe, in 1.36; up to 1.35 from the source.
#[test]
fn readiness_follows_the_probes_of_each_release() {
    let probed = |initial: u32| {
        small("web", 1).replace("replicas: 1", "replicas: 50").replace(
            "{name: main, image: \"main:1\",",
            &format!(
                "{{name: main, image: \"main:1\", readinessProbe: {{exec: {{command: [\"true\"]}}, \
                 initialDelaySeconds: {initial}, periodSeconds: 10}},"
            ),
        )
    };
    let bare = small("web", 1).replace("replicas: 1", "replicas: 50");
    // Of an application that answers after so long, ready within this range.
    let cases = [
        ("1.36", &bare, "800ms", 0.0..0.05),
        ("1.35", &bare, "800ms", 0.0..1.05),
        ("1.36", &probed(0), "0s", 0.0..0.06),
        ("1.36", &probed(0), "1s", 10.0..11.05),
        ("1.36", &probed(5), "0s", 10.0..11.05),
        ("1.36", &probed(0), "12s", 20.0..21.05),
        ("1.35", &probed(0), "0s", 0.0..1.05),
        ("1.35", &probed(0), "800ms", 0.8..2.05),
    ];
    for (release, manifest, ready, range) in cases {
        let toml = one_deployment(&format!(
            "[[service]]\nworkload = \"Deployment/web\"\nstartup.ready = \"{ready}\"\n\
             [controllers.hpa]\nfirst-sync = \"110s\""
        ));
        let toml = format!("kubernetes = \"{release}\"\n{toml}");
        let recording = run(&toml, manifest, 1);
        let readiness: Vec<f64> = pods(&recording).into_iter().map(|pod| pod.1).collect();
        assert_eq!(readiness.len(), 50);
        for after in readiness {
            assert!(
                range.contains(&after),
                "{release} {ready} {range:?}: {after}"
            );
        }
    }
}
