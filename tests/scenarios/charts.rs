//! `--charts`: which charts a run writes.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A minute of `count` Deployments, of which the third is the largest.
fn scenario(folder: &Path, count: usize) {
    let (mut manifests, mut services) = (String::new(), String::new());
    for place in 0..count {
        let replicas = if place == 2 { 9 } else { 1 };
        write!(
            manifests,
            "---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web{place}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web{place}}}}}
  template:
    metadata: {{labels: {{app: web{place}}}}}
    spec: {{containers: [{{name: c, image: x, resources: {{requests: {{cpu: 100m, memory: 64Mi}}}}}}]}}
"
        )
        .expect("strings take every text");
        write!(
            services,
            "[[service]]\nworkload = \"Deployment/web{place}\"\nusage = {{ cpu = \"50m\", memory = \"32Mi\" }}\n"
        )
        .expect("strings take every text");
    }
    let scenario = format!(
        "name = \"many\"\nmanifests = [\"m.yaml\"]\n[simulation]\nduration = \"1m\"\n\
         [[node_group]]\ncount = 4\ncpu = \"16\"\nmemory = \"64Gi\"\nmax_pods = 110\nprice = 1.0\n{services}"
    );
    fs::write(folder.join("m.yaml"), manifests).expect("manifests");
    fs::write(folder.join("s.toml"), scenario).expect("a scenario");
}

/// The files in `charts/` after a run of so many Deployments with these arguments.
fn charts(count: usize, arguments: &[&str]) -> Vec<String> {
    let place = TempDir::new().expect("a temporary folder");
    scenario(place.path(), count);
    let out = place.path().join("out");
    let ran = Command::new(env!("CARGO_BIN_EXE_nlsim"))
        .args(["run", "-q"])
        .args(arguments)
        .arg(place.path().join("s.toml"))
        .arg("--out")
        .arg(&out)
        .output()
        .expect("the binary runs");
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let Ok(entries) = fs::read_dir(out.join("charts")) else {
        return Vec::new();
    };
    let name = |entry: std::io::Result<fs::DirEntry>| {
        let name = entry.expect("an entry").file_name();
        name.into_string().expect("UTF-8")
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

#[test]
fn charts_come_in_the_formats_that_are_asked_for() {
    assert_eq!(
        charts(1, &[]),
        ["cost.png", "cost.svg", "pods-web0.png", "pods-web0.svg"]
    );
    assert_eq!(
        charts(1, &["--charts", "svg"]),
        ["cost.svg", "pods-web0.svg"]
    );
    assert_eq!(
        charts(1, &["--charts", "png"]),
        ["cost.png", "pods-web0.png"]
    );
    assert_eq!(charts(1, &["--charts", "none"]), Vec::<String>::new());
}

#[test]
fn of_many_workloads_the_worst_get_charts_and_all_are_on_one_sheet() {
    let some = charts(14, &["--charts", "svg"]);
    assert!(some.contains(&"contact-sheet.svg".to_owned()), "{some:?}");
    assert!(some.contains(&"pods-web2.svg".to_owned()), "{some:?}");
    let pods = |all: &[String]| all.iter().filter(|name| name.starts_with("pods-")).count();
    assert_eq!(pods(&some), 12);
    let all = charts(14, &["--charts", "all"]);
    assert_eq!(pods(&all), 28);
    assert!(all.contains(&"contact-sheet.png".to_owned()), "{all:?}");
}
