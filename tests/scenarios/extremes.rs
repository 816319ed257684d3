//! Numbers that no one means: durations of centuries, rates of nearly nothing. Each is refused at
//! its place or the run goes on; nothing overflows, and nothing that long is laid out in memory.

use crate::files::Memory;
use nlsim::record::Detail;
use nlsim::scenario::Loaded;
use nlsim::world;

const LENGTHS: [&str; 3] = ["2562047h47m16.854775807s", "9223372036s", "40000d"];

/// Reads and runs a scenario; an error of either is what the user would be told.
fn run(service: &str, tables: &str) -> Result<(), String> {
    let mut files = Memory::default();
    files.put("web.yaml", WEB);
    let scenario = format!(
        "name = \"s\"\nmanifests = [\"web.yaml\"]\nsimulation.duration = \"5m\"\n\n\
         [[service]]\nworkload = \"Deployment/web\"\n{service}\n\n{tables}\n"
    );
    files.put("scenario.toml", &scenario);
    let built = Loaded::load("scenario.toml", &files).and_then(|loaded| loaded.build(&[]));
    let built = match built {
        Ok(built) => built,
        Err(problems) => {
            let text = problems.render(false);
            let has_place = text.contains("scenario.toml:") || text.contains("web.yaml:");
            assert!(has_place, "{scenario}{text}");
            return Err(text);
        }
    };
    let finished = world::run(&built.scenario, 1, Detail::Full, |_| true);
    if let Err(error) = finished {
        panic!("{scenario}{error}");
    }
    Ok(())
}

const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: web
        resources: {requests: {cpu: 100m}, limits: {memory: 1Gi}}
        readinessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 5}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 5
  metrics:
  - type: External
    external: {metric: {name: m}, target: {type: Value, value: 5}}
";
const LOAD: &str = "[[load]]\npoisson = { rate = 2 }";

#[test]
fn durations_of_centuries_in_a_service_are_saturated_or_refused() {
    let mut taken = 0;
    for line in [
        "startup = { ready = \"@\" }",
        "startup = { image_pull = \"@\" }",
        "startup = { container_start = \"@\" }",
        "startup = { shutdown = \"@\" }",
        "request.timeout = \"@\"",
        "request.wait = \"@\"",
        "request.cpu = \"@\"",
        "usage = { cpu = [[\"0s\", \"1\"], [\"@\", \"2\"]] }",
        "usage = { cpu = [[\"0s\", \"1\"]], period = \"@\" }",
    ] {
        for length in LENGTHS {
            taken += usize::from(run(&line.replace('@', length), LOAD).is_ok());
        }
    }
    assert!(taken > 10, "{taken} are simulated");
}

#[test]
fn durations_of_centuries_in_other_tables_are_saturated_or_refused() {
    let mut taken = 0;
    for table in [
        "[[load]]\nat = \"@\"\npoisson = { rate = 2 }",
        "[[load]]\nuntil = \"@\"\npoisson = { rate = 2 }",
        "[[load]]\nramp = { from = 1, to = 5, over = \"@\" }",
        "[[load]]\nspike = { base = 1, peak = 5, at = \"@\", rise = \"@\", hold = \"@\", fall = \"@\" }",
        "[[load]]\nsteps = [[\"0s\", 1], [\"@\", 5]]",
        "[[load]]\ndiurnal = { mean = 2, amplitude = 1, period = \"@\" }",
        "[[load]]\ndiurnal = { mean = 2, amplitude = 1, peak_at = \"@\" }",
        "[[load]]\npoisson = { rate = 2 }\ntimeout = \"@\"",
        "[[load]]\ncommand = \"hey -z @ -q 1e-300 -c 2 http://web/\"",
        "[[load]]\ncommand = \"hey -z 10s -q 1e300 -c 2 http://web/\"",
        "[[load]]\ncommand = \"ab -n 50 -s 4294967295 http://web/\"",
        "[[load]]\ncommand = \"hey -n 60\"\noverhead = \"@\"",
        "[[fault]]\nat = \"1m\"\nfor = \"@\"\ndown = \"metrics-server\"",
        "[[fault]]\nat = \"1m\"\nfor = \"@\"\nimage_pull = \"@\"",
        "[[fault]]\nat = \"@\"\nimage_pull = 1e300",
        "[[action]]\nat = \"@\"\nkubectl = \"kubectl scale deploy web --replicas=3\"",
        "[[action]]\nat = \"1m\"\nkubectl = \"kubectl drain node-1 --timeout=@ --grace-period=2147483647\"",
        "[controllers.hpa]\nsync-period = \"@\"",
        "[controllers.hpa]\ndownscale-stabilization = \"@\"\ncpu-initialization-period = \"@\"",
        "[controllers.metrics-server]\nmetric-resolution = \"@\"",
        "[controllers.kubelet]\nhousekeeping-interval = \"@\"\nmax-housekeeping-interval = \"@\"",
        "[controllers.kubelet]\npleg-relist-period = \"@\"\nmax-container-restart-period = \"@\"\npod-removal-delay = \"@\"",
        "[controllers.kubelet]\nfirst-sample-delay = \"@\"",
        "[controllers.kube-apiserver]\nlatency = \"@\"",
        "[controllers.kube-proxy]\nendpoints-delay = \"@\"",
        "[controllers.scheduler]\ntime-per-pod = \"@\"",
        "[controllers.kube-controller-manager]\nsync-delay = \"@\"",
        "[pricing]\nminimum = \"@\"",
        "[slo]\nlatency_p99 = \"@\"",
        "[[metric]]\nname = \"m\"\ntype = \"external\"\nseries = [[\"0s\", 1], [\"@\", 2]]\ndelay = \"@\"",
        "[[metric]]\nname = \"m\"\ntype = \"external\"\nservice = \"web\"\ncounter = \"requests_per_second\"\nwindow = \"@\"",
    ] {
        for length in LENGTHS {
            let service = "request = { cpu = \"5ms\" }";
            taken += usize::from(run(service, &table.replace('@', length)).is_ok());
        }
    }
    assert!(taken > 40, "{taken} are simulated");
}

#[test]
fn amounts_beyond_any_machine_are_saturated_or_refused() {
    let mut taken = 0;
    for line in [
        "memory.base = \"@\"",
        "memory.growth_per_hour = \"@\"",
        "memory.per_request = \"@\"",
        "memory.per_request = { dist = \"lognormal\", mean = \"1Gi\", cv = 1e200 }",
        "memory.per_request = { dist = \"pareto\", mean = \"@\", shape = 1.0000001 }",
        "memory.retained_per_request = \"@\"",
        "background_cpu = \"@\"",
        "usage = { cpu = \"@\", memory = \"@\" }",
        "usage = { cpu = \"1\", cpu_noise_cv = 1e200 }",
        "startup.cpu = \"@\"",
        "slots = 4294967295\nbacklog = 4294967295",
        "request.cpu = { dist = \"gamma\", mean = \"5ms\", cv = 1e200 }",
        "request.cpu = { dist = \"gamma\", mean = \"5ms\", cv = 1e-200 }",
        "request.cpu = { dist = \"lognormal\", mean = \"290y\", cv = 1e9 }",
        "request.cpu = { dist = \"exponential\", mean = \"100000d\" }",
        "request.wait = { dist = \"uniform\", low = \"0s\", high = \"100000d\" }",
    ] {
        for amount in ["1Pi", "10k", "9223372036854775807", "1e28", "9Ei"] {
            taken += usize::from(run(&line.replace('@', amount), LOAD).is_ok());
        }
    }
    assert!(taken > 10, "{taken} are simulated");
}
