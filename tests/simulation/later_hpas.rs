//! HPAs that are made during the run: the controller looks at them a period after that.

use nlsim::autoscaler::hpa::Status;
use nlsim::scenario::{InMemory, Loaded, Scenario};
use nlsim::sim::SimTime;
use nlsim::world::Simulation;

fn scenario(controllers: &str) -> Scenario {
    let manifest = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: 'web:1', resources: {requests: {cpu: 100m}}}]}
";
    let toml = format!(
        r#"
name = "later"
manifests = "all.yaml"
[simulation]
duration = "10m"
[controllers]
{controllers}
[[node_group]]
name = "n"
count = 1
cpu = 4
memory = "8Gi"
[[service]]
workload = "Deployment/web"
"#
    );
    let files = InMemory::new([("s.toml", toml.as_str()), ("all.yaml", manifest)]);
    let built = Loaded::load("s.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = built.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    built.scenario
}

/// When the status of the only HPA is first written, in steps of a tenth of a second.
fn first_sync(cluster: &mut Simulation<'_>) -> Option<f64> {
    let from = cluster.now().0;
    (1..1000).find_map(|tenths| {
        let time = SimTime(from + tenths * 100_000_000);
        cluster.step_until(time).expect("no endless loop");
        let hpa = cluster.store().hpas().next()?.1;
        (*hpa.status != Status::default()).then(|| time.as_secs_f64())
    })
}

#[test]
fn the_first_sync_comes_a_period_after_the_creation() {
    let autoscale = "kubectl autoscale deploy web --min=2 --max=10 --cpu=70%";
    for (controllers, period) in [("", 15.0), ("hpa.sync-period = \"40s\"", 40.0)] {
        let scenario = scenario(controllers);
        let mut cluster = Simulation::new(&scenario, 1);
        let begin = SimTime::from_secs(103);
        cluster.step_until(begin).expect("no endless loop");
        cluster.kubectl(autoscale).expect("a command line");
        let first = first_sync(&mut cluster).expect("a sync");
        let expected = 103.0 + period;
        assert!((expected..expected + 0.11).contains(&first), "{first}");
        // One that is made anew under its name waits for a whole period again.
        cluster
            .kubectl("kubectl delete hpa web")
            .expect("a command line");
        let gone = SimTime(cluster.now().0 + 100_000_000_000);
        cluster.step_until(gone).expect("no endless loop");
        cluster.kubectl(autoscale).expect("a command line");
        let again = first_sync(&mut cluster).expect("a sync");
        let expected = gone.as_secs_f64() + period;
        assert!((expected..expected + 0.11).contains(&again), "{again}");
    }
}
