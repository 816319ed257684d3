//! What a run costs, counted in values that it looks at, grows as its size does: four times the
//! pods, HPAs or hours cost four times as much. A scan where a look-up belongs fails here.

use std::fmt::Write as _;

use crate::files::Memory;
use nlsim::analysis::Summary;
use nlsim::record::Detail;
use nlsim::scenario::Loaded;
use nlsim::sim::work;
use nlsim::world;

/// What is measured: services with declared usage, each behind an HPA.
#[derive(Debug, Clone, Copy)]
struct Size {
    groups: usize,
    /// Pods of each.
    pods: usize,
    nodes: usize,
    minutes: usize,
    /// Seconds from one change of the usage, and of the replicas with it, to the next; 0 if it
    /// stays.
    wave: usize,
    /// Whether Prometheus scrapes the kubelets.
    scraped: bool,
    /// Whether the Cluster Autoscaler looks after the nodes, which are all too full to go.
    autoscaled: bool,
}

const SMALL: Size = Size {
    groups: 2,
    pods: 10,
    nodes: 20,
    minutes: 15,
    wave: 200,
    scraped: false,
    autoscaled: false,
};

fn manifests(size: Size) -> String {
    let mut text = String::new();
    for group in 0..size.groups {
        let _ = write!(
            text,
            "---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web-{group}}}
spec:
  replicas: {pods}
  selector: {{matchLabels: {{app: web-{group}}}}}
  template:
    metadata: {{labels: {{app: web-{group}}}}}
    spec:
      containers:
      - name: web
        image: web
        resources: {{requests: {{cpu: 100m, memory: 64Mi}}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: web-{group}}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: web-{group}}}
  minReplicas: {half}
  maxReplicas: {most}
  behavior: {{scaleDown: {{stabilizationWindowSeconds: 0}}}}
  metrics:
  - type: Resource
    resource: {{name: cpu, target: {{type: Utilization, averageUtilization: 60}}}}
",
            pods = size.pods,
            half = size.pods / 2,
            most = size.pods * 2,
        );
    }
    text
}

fn scenario(size: Size) -> String {
    let mut text = format!(
        "name = \"growth\"\nmanifests = [\"all.yaml\"]\nsimulation.duration = \"{}m\"\n\n\
         [[node_group]]\ncount = {}\ncpu = \"64\"\nmemory = \"256Gi\"\nmax_pods = 250\n",
        size.minutes, size.nodes
    );
    if size.autoscaled {
        let most = size.nodes + 10;
        let _ = write!(
            text,
            "min = 1\nmax = {most}\ndaemonsets = {{ cpu = \"40\", memory = \"1Gi\" }}\n"
        );
    }
    if size.scraped {
        text += "[prometheus]\nscrape_interval = \"5s\"\n\
                 queries = [\"container_memory_working_set_bytes\"]\n";
    }
    for group in 0..size.groups {
        let percent = if size.wave > 0 { [90, 30] } else { [60, 60] };
        let [high, low] = percent.map(|percent| size.pods * percent);
        let (wave, period) = (size.wave.max(1), size.wave.max(1) * 2);
        let _ = write!(
            text,
            "\n[[service]]\nworkload = \"Deployment/web-{group}\"\n\
             usage = {{ cpu = [[\"0s\", \"{high}m\"], [\"{wave}s\", \"{low}m\"]], memory = \"50Mi\", period = \"{period}s\" }}\n"
        );
    }
    text
}

/// Values looked at in a run of this size, its figures included.
fn work_of(size: Size, detail: Detail) -> u64 {
    let mut files = Memory::default();
    files.put("all.yaml", manifests(size));
    files.put("scenario.toml", scenario(size));
    let loaded = Loaded::load("scenario.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    work::take();
    let simulation = match detail {
        // Somebody may look: statuses are kept.
        Detail::Full => world::Simulation::new(&built.scenario, 7),
        Detail::Summary => world::Simulation::with_detail(&built.scenario, 7, detail),
    };
    let finished = simulation.finish().expect("it ends");
    let figures = Summary::of(&finished.recording).values;
    assert!(!figures.is_empty());
    work::take()
}

/// How many times as much a run costs that is four times as large in one way.
fn growth(detail: Detail, larger: impl Fn(usize) -> Size) -> f64 {
    work_of(larger(4), detail) as f64 / work_of(larger(1), detail) as f64
}

/// A step above four: what is done once a run, and randomness, stay below it.
const LINEAR: f64 = 4.4;

/// Pods that stay.
#[test]
fn cost_grows_with_the_pods_of_a_service() {
    let growth = growth(Detail::Summary, |times| Size {
        groups: 1,
        pods: 25 * times,
        wave: 0,
        ..SMALL
    });
    assert!(growth < LINEAR, "{growth}");
}

/// A declared total is shared among all endpoints at once, each time that one comes or goes. Above
/// four lie the syncs of ReplicaSets, which go through their pods as upstream's do; with a share
/// set for each endpoint it was 7.3.
#[test]
fn cost_grows_with_the_pods_of_a_service_that_come_and_go() {
    let growth = growth(Detail::Summary, |times| Size {
        groups: 1,
        pods: 25 * times,
        ..SMALL
    });
    assert!(growth < 5.0, "{growth}");
}

#[test]
fn cost_grows_with_the_services() {
    let growth = growth(Detail::Summary, |times| Size {
        groups: 4 * times,
        ..SMALL
    });
    assert!(growth < LINEAR, "{growth}");
}

/// With statuses and events: Deployments that wait for their pods do not poll for them, also where
/// their last progress is further back than its deadline of ten minutes.
#[test]
fn so_it_does_at_full_detail() {
    let growth = growth(Detail::Full, |times| Size {
        groups: 20 * times,
        minutes: 45,
        wave: 700,
        ..SMALL
    });
    assert!(growth < LINEAR, "{growth}");
}

#[test]
fn cost_grows_with_the_time() {
    let growth = growth(Detail::Summary, |times| Size {
        minutes: 30 * times,
        ..SMALL
    });
    assert!(growth < LINEAR, "{growth}");
}

/// Idle nodes cost next to nothing.
#[test]
fn cost_hardly_grows_with_the_nodes() {
    let growth = growth(Detail::Summary, |times| Size {
        nodes: 50 * times,
        ..SMALL
    });
    assert!(growth < 1.5, "{growth}");
}

/// A kubelet is asked for its own pods.
#[test]
fn cost_of_scrapes_grows_with_the_pods_and_not_with_the_nodes_too() {
    let growth = growth(Detail::Summary, |times| Size {
        nodes: 5 * times,
        wave: 0,
        scraped: true,
        ..SMALL
    });
    assert!(growth < 1.5, "{growth}");
}

/// The Cluster Autoscaler's loops look at what has changed: 90 of them over nodes that stay as they
/// are cost little more than the reading of the cloud's instances every two minutes.
#[test]
fn a_loop_of_the_cluster_autoscaler_looks_at_nodes_that_change() {
    let looked_at = |nodes: usize, autoscaled: bool| {
        let size = Size {
            nodes,
            wave: 0,
            autoscaled,
            ..SMALL
        };
        work_of(size, Detail::Summary)
    };
    let of_loops = |nodes: usize| looked_at(nodes, true) - looked_at(nodes, false);
    let more = of_loops(800) - of_loops(200);
    // All nodes once, and eight readings of the instances, in 90 loops.
    assert!(more < 600 * 40, "{more}");
}

/// Scrapes and syncs pass over pods that use the same as before.
#[test]
fn an_hour_in_which_nothing_changes_costs_the_same_for_any_pods() {
    let hour = |pods: usize| {
        let [short, long] = [20, 80].map(|minutes| {
            let size = Size {
                pods,
                minutes,
                wave: 0,
                ..SMALL
            };
            work_of(size, Detail::Summary)
        });
        long - short
    };
    let growth = hour(100) as f64 / hour(25) as f64;
    assert!(growth < 1.2, "{growth}");
}
