//! Containers whose usage is known are measured when a scrape reads them: everything is as if each
//! measurement were an event.

use crate::files::{Folder, Memory};
use nlsim::analysis::Summary;
use nlsim::output;
use nlsim::record::{Detail, Recording};
use nlsim::scenario::{FileProvider, Loaded};
use nlsim::world;
use proptest::prelude::*;
use proptest::sample::select;

fn bytes(recording: &Recording) -> Vec<Vec<u8>> {
    let summary = Summary::of(recording);
    let mut files = vec![Vec::new(); 5];
    output::write_timeseries(recording, &summary, &mut files[0]).unwrap();
    output::write_events(recording, &mut files[1]).unwrap();
    output::write_decisions(recording, &mut files[2]).unwrap();
    output::write_summary_csv("s", 1, &summary, &mut files[3]).unwrap();
    output::write_vpas(recording, &mut files[4]).unwrap();
    files
}

/// Runs a scenario in both ways; returns how many events fewer the one has, and its decisions.
fn compare(name: &str, files: &impl FileProvider, duration: &str) -> (u64, usize) {
    let loaded = Loaded::load(name, files);
    let loaded = loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let replaced = [("simulation.duration".to_owned(), duration.to_owned())];
    let built = loaded.build(&replaced);
    let mut scenario = built
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)))
        .scenario;
    let mut runs = [false, true].map(|events| {
        scenario.controllers.metrics.housekeeping_events = events;
        let finished = world::run(&scenario, 3, Detail::Full, |_| true);
        finished.unwrap_or_else(|error| panic!("{error}"))
    });
    let fewer = runs[1].events - runs[0].events;
    let [read, event] = runs.each_mut().map(|run| bytes(&run.recording));
    for (read, event) in read.iter().zip(&event) {
        let texts = [read, event].map(|bytes| String::from_utf8_lossy(bytes));
        let [read, event] = texts.each_ref().map(|text| text.lines());
        for (read, event) in read.zip(event) {
            assert_eq!(read, event);
        }
        assert_eq!(texts[0].len(), texts[1].len());
    }
    (fewer, runs[0].recording.decisions.len())
}

#[test]
fn shipped_scenarios_go_on_as_if_measurements_were_events() {
    let folder = Folder("scenarios".into());
    for name in ["neurolake", "flapping-patched", "vpa-memory-leak"] {
        compare(&format!("{name}.toml"), &folder, "40m");
    }
}

/// A workload, its service and its HPA.
#[derive(Debug)]
struct Group {
    replicas: u32,
    limit: &'static str,
    cpu: [u32; 3],
    memory: [u32; 2],
    period: u32,
    noise: &'static str,
    split: &'static str,
    sidecar: bool,
    startup: &'static str,
    target: u32,
}

fn group() -> impl Strategy<Value = Group> {
    let figures = (
        1..6u32,
        prop::array::uniform3(0..1500u32),
        prop::array::uniform2(1..90u32),
        60..500u32,
        20..90u32,
    );
    let words = (
        select(vec!["", "limits: {cpu: 150m, memory: 80Mi}"]),
        select(vec!["0", "0.4"]),
        select(vec!["total", "per-pod"]),
        select(vec!["0", "300m"]),
        any::<bool>(),
    );
    let made = |(figures, words)| {
        let (replicas, cpu, memory, period, target) = figures;
        let (limit, noise, split, startup, sidecar) = words;
        Group {
            replicas,
            limit,
            cpu,
            memory,
            period,
            noise,
            split,
            sidecar,
            startup,
            target,
        }
    };
    (figures, words).prop_map(made)
}

impl Group {
    fn manifest(&self, name: &str) -> String {
        let (replicas, limit, target) = (self.replicas, self.limit, self.target);
        let sidecar = if self.sidecar {
            "        - {name: idle, image: y:1, resources: {requests: {cpu: 10m}}}\n"
        } else {
            ""
        };
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {replicas}\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      containers:\n        - {{name: c, image: x:1, resources: {{requests: {{cpu: 100m, memory: 64Mi}}, {limit}}}}}\n{sidecar}---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: {name}}}\nspec:\n  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}}}\n  minReplicas: 1\n  maxReplicas: 12\n  metrics:\n    - {{type: Resource, resource: {{name: cpu, target: {{type: Utilization, averageUtilization: {target}}}}}}}\n    - {{type: Resource, resource: {{name: memory, target: {{type: Utilization, averageUtilization: 90}}}}}}\n  behavior: {{scaleDown: {{stabilizationWindowSeconds: 30}}}}\n"
        )
    }

    fn service(&self, name: &str) -> String {
        let [a, b, c] = self.cpu;
        let [low, high] = self.memory;
        let (period, noise, split, startup) = (self.period, self.noise, self.split, self.startup);
        format!(
            "[[service]]\nworkload = \"Deployment/{name}\"\nstartup.cpu = \"{startup}\"\nusage = {{ cpu = [[\"0s\", \"{a}m\"], [\"17s\", \"{b}m\"], [\"{}s\", \"{c}m\"]], memory = [[\"0s\", \"{low}Mi\"], [\"41s\", \"{high}Mi\"]], period = \"{period}s\", cpu_noise_cv = {noise}, split = \"{split}\" }}\n",
            period - 9
        )
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn random_histories_go_on_as_if_measurements_were_events(
        groups in prop::collection::vec(group(), 1..4),
        node in select(vec!["1", "4"]),
        fault in select(vec!["", "[[fault]]\nat = \"5m\"\nfor = \"2m\"\ndown = \"metrics-server\"\n", "[[fault]]\nat = \"4m\"\nnode = \"n-1\"\n"]),
    ) {
        let mut toml = format!(
            "name = \"s\"\nmanifests = [\"m.yaml\"]\n[simulation]\nduration = \"1h\"\n[[node_group]]\nname = \"n\"\ncount = 3\ncpu = \"{node}\"\nmemory = \"16Gi\"\n{fault}"
        );
        let mut manifests = Vec::new();
        for (place, group) in groups.iter().enumerate() {
            let name = format!("g{place}");
            toml.push_str(&group.service(&name));
            manifests.push(group.manifest(&name));
        }
        let mut files = Memory::default();
        files.put("s.toml", toml);
        files.put("m.yaml", manifests.join("---\n"));
        let (fewer, decisions) = compare("s.toml", &files, "20m");
        prop_assert!(fewer > 0 && decisions > 0);
    }
}
