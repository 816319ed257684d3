//! The real binary, as users run it.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

fn nlsim() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nlsim"));
    command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
}

/// Runs it in a terminal of 80 columns.
fn run(arguments: &[&str]) -> Output {
    let mut nlsim = nlsim();
    nlsim.env("COLUMNS", "80").args(arguments);
    nlsim.output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn place() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    names.sort();
    names
}

/// A scenario of a few simulated minutes beside its manifests.
fn small(folder: &Path, more: &str) -> PathBuf {
    fs::copy(
        "scenarios/manifests/php-apache.yaml",
        folder.join("web.yaml"),
    )
    .expect("a copy");
    let scenario = format!(
        r#"
name = "small"
manifests = ["web.yaml"]
[simulation]
duration = "8m"
[[node_group]]
name = "general"
instance_type = "m5.large"
count = 2
[[service]]
workload = "Deployment/php-apache"
request = {{ cpu = "50ms" }}
[[load]]
command = "ab -n 400 -c 4 http://php-apache/"
at = "1m"
{more}"#
    );
    let path = folder.join("small.toml");
    fs::write(&path, scenario).expect("a scenario");
    path
}

#[test]
fn a_run_with_a_vpa_writes_its_table_and_chart_and_says_what_it_found() {
    let place = place();
    let out = place.path().join("results");
    let folder = out.to_string_lossy();
    let ran = run(&["run", "scenarios/vpa-memory-leak.toml", "--out", &folder]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    let printed = text(&ran.stdout);
    let table = printed.rfind("vpa-memory-leak ·").expect("the title");
    let wide = printed[table..]
        .lines()
        .find(|line| line.chars().count() > 80);
    assert_eq!(wide, None);
    insta::assert_snapshot!(
        "vpa_terminal",
        &printed[table..].replace(&*folder, "results")
    );
    let rows = fs::read_to_string(out.join("vpa.csv")).expect("a table");
    // A row a minute for three hours, below the header.
    assert_eq!(rows.lines().count(), 181);
    let start: Vec<&str> = rows.lines().take(2).collect();
    insta::assert_snapshot!("vpa_csv", start.join("\n"));
    let charts = names(&out.join("charts"));
    assert!(
        charts.contains(&"vpa-reports-vpa-reports.svg".to_owned()),
        "{charts:?}"
    );
    let summary = fs::read_to_string(out.join("summary.json")).expect("a summary");
    let summary: serde_json::Value = serde_json::from_str(&summary).expect("JSON");
    assert_eq!(summary["metrics"]["evictions"], 5);
    assert_eq!(summary["metrics"]["oom_kills"], 35);
    assert!(summary["metrics"]["slack_gib_hours"].as_f64() > Some(0.0));
    assert_eq!(summary["findings"][0]["subject"], "Deployment/reports");
}

#[test]
fn a_sweep_reaches_flags_and_modes_of_a_vpa() {
    let place = place();
    let out = place.path().join("results");
    let folder = out.to_string_lossy();
    let scenario = "scenarios/neurolake-api-vpa.toml";
    let shorter = "simulation.duration=30h";
    let ran = run(&["sweep", scenario, "--out", &folder, "--set", shorter]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    let points = fs::read_to_string(out.join("points.csv")).expect("a table");
    let mut rows = csv::Reader::from_reader(points.as_bytes());
    let header = rows.headers().expect("a header").clone();
    let column = |name: &str| {
        let found = header.iter().position(|column| column == name);
        found.unwrap_or_else(|| panic!("no {name}"))
    };
    let (mode, evictions, target) = (
        column("VerticalPodAutoscaler/neurolake-api-vpa:spec.updatePolicy.updateMode"),
        column("evictions.mean"),
        column("vpa.neurolake-api-vpa.api.cpu_target_cores.mean"),
    );
    let mut targets: Vec<f64> = Vec::new();
    for row in rows.records() {
        let row = row.expect("a row");
        let number = |column: usize| row[column].parse::<f64>().expect("a number");
        assert_eq!(number(evictions) > 0.0, &row[mode] == "Auto", "{row:?}");
        if &row[mode] == "Off" {
            targets.push(number(target));
        }
    }
    // A higher percentile never recommends less.
    assert_eq!(targets.len(), 5);
    assert!(
        targets.is_sorted() && targets[0] < targets[4],
        "{targets:?}"
    );
    let charts = names(&out.join("charts"));
    assert!(charts.contains(&"evictions.svg".to_owned()), "{charts:?}");
}

#[test]
fn a_run_writes_everything_and_fits_a_terminal() {
    let place = place();
    let out = place.path().join("results");
    let ran = run(&[
        "run",
        "scenarios/neurolake-api.toml",
        "--out",
        &out.to_string_lossy(),
    ]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    let printed = text(&ran.stdout);
    assert!(printed.contains("This is ApacheBench"), "{printed}");
    assert!(printed.contains("Latency distribution:"), "{printed}");
    let table = printed.rfind("neurolake-api ·").expect("the title");
    let wide: Vec<&str> = printed[table..]
        .lines()
        .filter(|line| line.chars().count() > 80)
        .collect();
    assert!(wide.is_empty(), "{wide:?}");
    assert!(!printed.contains('\u{1b}'), "colours are for terminals");
    insta::assert_snapshot!("terminal", &printed[table..]);
    let files = [
        ".nlsim",
        "charts",
        "cost.csv",
        "decisions.csv",
        "events.csv",
        "load.csv",
        "scaling_steps.csv",
        "summary.csv",
        "summary.json",
        "timeseries.csv",
    ];
    assert_eq!(names(&out), files);
    let charts = names(&out.join("charts"));
    for chart in [
        "replicas-neurolake-api-hpa",
        "pods-neurolake-api",
        "latency-neurolake-api",
        "cost",
    ] {
        assert!(
            charts.contains(&format!("{chart}.svg")) && charts.contains(&format!("{chart}.png"))
        );
    }
    assert_eq!(names(place.path()), ["results"], "nothing else is left");
}

#[test]
fn a_log_has_room_for_every_column() {
    let place = place();
    let scenario = "scenarios/vpa-off-beside-hpa.toml";
    let mut logged = nlsim();
    logged.args(["run", scenario, "--charts", "none", "--out"]);
    let out = place.path().join("results");
    let logged = logged.arg(out).output().expect("the binary runs");
    let table = text(&logged.stdout);
    assert!(
        table.contains("p50 ms") && table.contains("CPU used"),
        "{table}"
    );
    let tables = table
        .split_once("vpa-off-beside-hpa ·")
        .expect("the title")
        .1;
    let widest = tables.lines().map(|line| line.chars().count()).max();
    assert!(widest > Some(80) && widest <= Some(120), "{table}");
}

#[test]
fn a_second_run_replaces_the_first_byte_for_byte() {
    let place = place();
    let scenario = small(place.path(), "");
    let read = |out: &Path| {
        names(out)
            .into_iter()
            .filter(|name| name != "charts")
            .map(|name| fs::read(out.join(name)).expect("a file"))
            .collect::<Vec<_>>()
    };
    let out = place.path().join("out");
    let arguments = [
        "run",
        &scenario.to_string_lossy(),
        "-q",
        "--out",
        &out.to_string_lossy(),
    ]
    .map(str::to_owned);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let first = run(&arguments);
    assert_eq!(
        (text(&first.stdout), text(&first.stderr)),
        (String::new(), String::new())
    );
    let before = read(&out);
    assert_eq!(run(&arguments).status.code(), Some(0));
    assert!(before == read(&out));
}

#[test]
fn mistakes_are_told_with_their_place_and_end_with_2() {
    let place = place();
    let scenario = small(place.path(), "[sweeep]\n");
    let path = scenario.to_string_lossy().into_owned();
    let out = place.path().join("out");
    let ran = run(&["run", &path, "--out", &out.to_string_lossy()]);
    assert_eq!(ran.status.code(), Some(2));
    let told = text(&ran.stderr);
    assert!(
        told.contains("small.toml:16:") && told.contains("did you mean `sweep`?"),
        "{told}"
    );
    assert!(!told.contains("panicked") && !out.exists());
    let absent = run(&["run", "no-such.toml"]);
    assert_eq!(absent.status.code(), Some(2));
    assert!(
        text(&absent.stderr).contains("no-such.toml"),
        "{}",
        text(&absent.stderr)
    );
    for wrong in [
        &["run"][..],
        &["rnu", "x"],
        &["run", "x", "--set", "novalue"],
    ] {
        assert_eq!(run(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn warnings_stand_apart_and_common_node_selectors_are_met() {
    let place = place();
    let scenario = small(place.path(), "");
    let manifest = fs::read_to_string(place.path().join("web.yaml")).expect("a copy");
    let selected = manifest.replacen(
        "      containers:",
        "      nodeSelector: {kubernetes.io/os: linux}\n      containers:",
        1,
    ) + "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web}\n";
    assert!(selected.contains("nodeSelector"));
    fs::write(place.path().join("web.yaml"), selected).expect("a manifest");
    let out = place.path().join("out");
    let ran = run(&[
        "run",
        &scenario.to_string_lossy(),
        "--out",
        &out.to_string_lossy(),
    ]);
    let told = text(&ran.stderr);
    assert_eq!(ran.status.code(), Some(0), "{told}");
    assert!(told.contains("this object\n\n"), "{told}");
    let printed = text(&ran.stdout);
    assert!(!printed.contains("waited for a node"), "{printed}");
}

#[test]
fn foreign_folders_are_not_touched() {
    let place = place();
    let scenario = small(place.path(), "");
    let out = place.path().join("mine");
    fs::create_dir(&out).expect("a folder");
    fs::write(out.join("thesis.txt"), "years").expect("a file");
    let ran = run(&[
        "run",
        &scenario.to_string_lossy(),
        "--out",
        &out.to_string_lossy(),
    ]);
    assert_eq!(ran.status.code(), Some(2));
    assert!(
        text(&ran.stderr).contains("was not written by nlsim"),
        "{}",
        text(&ran.stderr)
    );
    assert_eq!(names(&out), ["thesis.txt"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_ends_with_3() {
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("a full device");
    let ran = nlsim()
        .args([
            "conformance",
            "slow_start_batch",
            "tests/golden/substrate/slow_start_batch.json",
        ])
        .stdout(Stdio::from(full))
        .output()
        .expect("the binary runs");
    assert_eq!(ran.status.code(), Some(3), "{}", text(&ran.stderr));
    assert!(
        text(&ran.stderr).contains("No space left"),
        "{}",
        text(&ran.stderr)
    );
}

#[test]
#[cfg(target_os = "linux")]
fn errors_that_cannot_be_told_are_no_panic() {
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("a full device");
    let status = nlsim()
        .args(["run", "no-such.toml"])
        .stderr(Stdio::from(full))
        .status()
        .expect("the binary runs");
    assert_eq!(status.code(), Some(2));
}

#[test]
fn files_cannot_be_replaced_by_setting_their_names() {
    let place = place();
    fs::write(place.path().join("rates.csv"), "0,5\n").expect("a file");
    let trace = "[[load]]\ntrace = { file = \"rates.csv\" }\n";
    let scenario = small(place.path(), trace);
    let told = |set: &str| {
        let ran = run(&["run", &scenario.to_string_lossy(), "-q", "--set", set]);
        (ran.status.code(), text(&ran.stderr))
    };
    for set in [
        "manifests=[\"other.yaml\"]",
        "load[1].trace.file=other.csv",
        "load[1]={ trace = { file = \"other.csv\" } }",
        "load[1]={ manifest = \"other.yaml\" }",
    ] {
        let (code, told) = told(set);
        assert_eq!(code, Some(2), "{set}: {told}");
        assert!(told.contains("was not read"), "{set}: {told}");
    }
}

#[test]
fn a_closed_pipe_is_no_error_and_the_files_are_there() {
    let place = place();
    let scenario = small(place.path(), "");
    let out = place.path().join("out");
    let mut child = nlsim()
        .args([
            "run",
            &scenario.to_string_lossy(),
            "--out",
            &out.to_string_lossy(),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let mut told = String::new();
    let mut stderr = child.stderr.take().expect("piped");
    stderr.read_to_string(&mut told).expect("UTF-8");
    assert_eq!(child.wait().expect("it ends").code(), Some(0), "{told}");
    assert!(out.join("summary.json").exists());
}

#[test]
#[cfg(unix)]
fn an_interruption_leaves_nothing_behind() {
    let place = place();
    // Days of requests: it cannot be done before the signal.
    let scenario = small(place.path(), "[[load]]\npoisson = { rate = 4000 }\n");
    let out = place.path().join("sub/out");
    // Jobs of CI are ended by SIGTERM.
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let child = nlsim()
            .args([
                "run",
                &scenario.to_string_lossy(),
                "--out",
                &out.to_string_lossy(),
            ])
            .args(["--set", "simulation.duration=100h"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        // The folder for the results is there once the run has begun.
        while names_or_none(&place.path().join("sub")).is_empty() {
            std::thread::yield_now();
        }
        let id = child.id().to_string();
        // The handler is there before the folder: no signal kills before it can be removed.
        let ended = interrupted(child, signal, &id);
        assert_eq!(ended.status.code(), Some(code), "{}", text(&ended.stderr));
        assert!(text(&ended.stderr).contains("nothing was written"));
        assert!(names(&place.path().join("sub")).is_empty());
    }
}

#[cfg(unix)]
fn names_or_none(folder: &Path) -> Vec<String> {
    if folder.exists() {
        names(folder)
    } else {
        Vec::new()
    }
}

#[cfg(unix)]
fn interrupted(child: std::process::Child, signal: &str, id: &str) -> Output {
    let sent = Command::new("kill")
        .args([signal, id])
        .status()
        .expect("kill runs");
    assert!(sent.success());
    child.wait_with_output().expect("it ends")
}

#[test]
fn values_can_be_replaced_on_the_command_line() {
    let place = place();
    let scenario = small(place.path(), "");
    let out = place.path().join("out");
    let ran = run(&[
        "run",
        &scenario.to_string_lossy(),
        "--out",
        &out.to_string_lossy(),
        "--seed",
        "7",
        "--set",
        "HorizontalPodAutoscaler/php-apache:spec.maxReplicas=2",
        "--set",
        "simulation.duration=5m",
    ]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    assert!(
        text(&ran.stdout).contains("small · 5m0s simulated · seed 7"),
        "{}",
        text(&ran.stdout)
    );
    let summary: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("summary.json")).expect("a file")).expect("JSON");
    assert_eq!(summary["seed"], 7);
    assert_eq!(summary["metrics"]["hpa.php-apache.max_ready"], 2);
    let wrong = run(&[
        "run",
        &scenario.to_string_lossy(),
        "--set",
        "simulation.durration=5m",
    ]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        text(&wrong.stderr).contains("duration"),
        "{}",
        text(&wrong.stderr)
    );
}

#[test]
fn a_sweep_writes_a_row_per_run_and_charts() {
    let place = place();
    let scenario = small(
        place.path(),
        "[sweep]\nreplicates = 2\n[[sweep.parameter]]\npath = \"HorizontalPodAutoscaler/php-apache:spec.metrics[cpu].resource.target.averageUtilization\"\nvalues = [40, 60, 80]\n",
    );
    let out = place.path().join("out");
    let sweep = |threads: &str| {
        let ran = run(&[
            "sweep",
            &scenario.to_string_lossy(),
            "--out",
            &out.to_string_lossy(),
            "--threads",
            threads,
        ]);
        assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
        let printed = text(&ran.stdout);
        assert!(printed.contains("Best 3 of 3 points"), "{printed}");
        (
            printed,
            fs::read(out.join("results.csv")).expect("rows"),
            fs::read(out.join("points.csv")).expect("points"),
        )
    };
    let one = sweep("1");
    assert_eq!(text(&one.1).lines().count(), 7);
    assert_eq!(text(&one.2).lines().count(), 4);
    assert!(names(&out.join("charts")).contains(&"request_cost.svg".to_owned()));
    assert!(
        one == sweep("2") && one == sweep("4"),
        "threads change nothing"
    );
    let unknown = run(&[
        "sweep",
        &scenario.to_string_lossy(),
        "--out",
        &out.to_string_lossy(),
        "--best",
        "request_costs",
    ]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        text(&unknown.stderr).contains("did you mean `request_cost`?"),
        "{}",
        text(&unknown.stderr)
    );
    assert!(out.join("results.csv").exists(), "the last sweep's");
}

#[test]
fn a_sweep_is_tried_before_it_begins_also_with_values_set() {
    let place = place();
    let path = "HorizontalPodAutoscaler/php-apache:spec.maxReplica";
    let sweep = format!("[sweep]\n[[sweep.parameter]]\npath = \"{path}\"\nvalues = [3, 4]\n");
    let scenario = small(place.path(), &sweep);
    let ran = run(&[
        "sweep",
        &scenario.to_string_lossy(),
        "--out",
        &place.path().join("out").to_string_lossy(),
        "--set",
        "simulation.duration=1m",
    ]);
    let told = text(&ran.stderr);
    assert_eq!(ran.status.code(), Some(2), "{told}");
    assert!(told.contains("small.toml:18:8"), "{told}");
    assert!(told.contains("did you mean `maxReplicas`?"), "{told}");
    for threads in ["0", "-1", "100000"] {
        let path = scenario.to_string_lossy();
        let ran = run(&["sweep", &path, "--threads", threads]);
        assert_eq!(ran.status.code(), Some(2), "{threads}");
    }
}

#[test]
fn check_tells_what_does_not_hold_and_ends_with_1() {
    let place = place();
    let bounds = |max: u32, metric: &str| {
        format!(
            "[[assert]]\nmetric = \"{metric}\"\nmax = {max}\n[[assert]]\nmetric = \"requests\"\nequals = 400\n"
        )
    };
    let check = |more: &str| {
        let scenario = small(place.path(), more);
        // With this seed no pod goes while ab still sends.
        let ran = run(&["check", &scenario.to_string_lossy(), "--seed", "3"]);
        (ran.status.code(), text(&ran.stdout) + &text(&ran.stderr))
    };
    let (code, told) = check(&bounds(10, "hpa.php-apache.max_ready"));
    assert_eq!(code, Some(0), "{told}");
    let (code, told) = check(&bounds(1, "hpa.php-apache.max_ready"));
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains("FAIL  hpa.php-apache.max_ready") && told.contains("1 of 2 bounds hold"),
        "{told}"
    );
    let (code, told) = check(&bounds(1, "hpa.php-apache.max_raedy"));
    assert_eq!(code, Some(2), "{told}");
    assert!(
        told.contains("did you mean `hpa.php-apache.max_ready`"),
        "{told}"
    );
    assert!(told.contains("small.toml:17:10"), "{told}");
    let (code, told) = check("");
    assert_eq!(code, Some(2), "nothing to check");
    assert!(told.contains("small.toml:1:1"), "{told}");
    let scenario = small(place.path(), "");
    let ran = run(&["sweep", &scenario.to_string_lossy()]);
    assert_eq!(ran.status.code(), Some(2), "nothing to sweep");
    let told = text(&ran.stderr);
    assert!(
        told.contains("has no [sweep]") && told.contains("small.toml:1:1"),
        "{told}"
    );
}

#[test]
fn a_node_selector_that_no_node_satisfies_is_named() {
    let place = place();
    let scenario = small(place.path(), "");
    let manifest = place.path().join("web.yaml");
    let web = fs::read_to_string(&manifest).expect("a manifest");
    let pod = "    spec:\n      containers:";
    assert!(web.contains(pod), "{web}");
    let selecting = "    spec:\n      nodeSelector: {disk: ssd}\n      containers:";
    fs::write(&manifest, web.replacen(pod, selecting, 1)).expect("a manifest");
    let out = place.path().join("out");
    let ran = run(&[
        "run",
        &scenario.to_string_lossy(),
        "--out",
        &out.to_string_lossy(),
    ]);
    let told = text(&ran.stdout);
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        told.contains("no node group has the labels of their nodeSelector, disk=ssd"),
        "{told}"
    );
}

#[test]
fn conformance_counts_steps_and_shows_what_differs() {
    let good = run(&[
        "conformance",
        "rs_scale_down_ranking",
        "tests/golden/substrate/rs_scale_down_ranking.json.gz",
    ]);
    assert_eq!(good.status.code(), Some(0), "{}", text(&good.stderr));
    assert!(
        text(&good.stdout).contains("differ 0"),
        "{}",
        text(&good.stdout)
    );
    let place = place();
    let table =
        fs::read_to_string("tests/golden/substrate/slow_start_batch.json").expect("golden data");
    let changed = table.replacen("\"calls_made\":0", "\"calls_made\":7", 1);
    assert_ne!(changed, table);
    let path = place.path().join("slow_start_batch.json");
    fs::write(&path, changed).expect("a file");
    let bad = run(&["conformance", "slow_start_batch", &path.to_string_lossy()]);
    assert_eq!(bad.status.code(), Some(1), "{}", text(&bad.stderr));
    let told = text(&bad.stdout);
    assert!(
        told.contains("differ 1") && told.contains("expected") && told.contains("got"),
        "{told}"
    );
    let empty = place.path().join("empty.jsonl");
    fs::write(&empty, "").expect("a file");
    let nothing = run(&["conformance", "hpa", &empty.to_string_lossy()]);
    assert_eq!(nothing.status.code(), Some(2), "a file without cases");
    let unknown = run(&["conformance", "hpaa", "x"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        text(&unknown.stderr).contains("hpa"),
        "{}",
        text(&unknown.stderr)
    );
}

#[test]
fn a_summary_tells_what_it_was_made_of() {
    let place = place();
    let scenario = small(place.path(), "");
    let written = |scenario: &Path, out: &str| {
        let out = place.path().join(out);
        let ran = nlsim()
            .current_dir(place.path())
            .args(["run", "-q", &scenario.to_string_lossy(), "--seed", "7"])
            .args(["--set", "simulation.duration=2m", "--set"])
            .arg("HorizontalPodAutoscaler/php-apache:spec.maxReplicas=4")
            .args(["--out", &out.to_string_lossy()])
            .output()
            .expect("the binary runs");
        assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
        fs::read_to_string(out.join("summary.json")).expect("a summary")
    };
    let summary = written(&scenario, "a");
    let told: serde_json::Value = serde_json::from_str(&summary).expect("JSON");
    assert_eq!(told["schema"], 1);
    assert_eq!(told["nlsim"], env!("CARGO_PKG_VERSION"));
    assert_eq!(told["kubernetes"], "1.36");
    assert_eq!(told["seed"], 7);
    let files = &told["made_of"]["files"];
    assert_eq!(files[0]["path"], "small.toml");
    assert_eq!(files[1]["path"], "web.yaml");
    for (place, path) in [(0, scenario.clone()), (1, place.path().join("web.yaml"))] {
        let text = fs::read_to_string(path).expect("a text");
        assert_eq!(files[place]["bytes"], text.len());
        assert_eq!(files[place]["text"], text);
    }
    let set = &told["made_of"]["set"];
    assert_eq!(set[0]["path"], "simulation.duration");
    assert_eq!(set[1]["value"], "4");
    // Wherever the files are.
    assert!(
        !summary.contains(&*place.path().to_string_lossy()),
        "{summary}"
    );
    assert_eq!(written(Path::new("small.toml"), "b"), summary);
}

#[test]
fn what_prometheus_scrapes_is_written_for_a_backfill() {
    let folder = place();
    let scenario = small(folder.path(), "");
    let file = folder.path().join("samples");
    let arguments = [
        "export",
        "openmetrics",
        scenario.to_str().expect("UTF-8"),
        "-o",
        file.to_str().expect("UTF-8"),
    ];
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let written = fs::read_to_string(&file).expect("a file");
    assert!(written.ends_with("\n# EOF\n"));
    // Eight minutes of samples a minute apart, of each pod and of its kubelet.
    let of = |name: &str| {
        let lines = written.lines();
        lines.filter(|line| line.starts_with(name)).count()
    };
    assert_eq!(of("# TYPE http_requests_total unknown"), 1);
    let samples = of("http_requests_total{code=\"200\"");
    assert!(samples >= 8, "{samples}");
    assert_eq!(of("http_request_duration_seconds_bucket{"), samples * 12);
    assert!(of("container_cpu_usage_seconds_total{") >= 16);
    assert!(of("kube_deployment_status_replicas{") == 8);
}

#[test]
fn scenarios_are_compared_side_by_side() {
    let folders = [place(), place()];
    let paths = folders.each_ref().map(|one| small(one.path(), ""));
    let paths = paths.each_ref().map(|path| path.to_str().expect("UTF-8"));
    let metrics = [
        "--metric",
        "requests",
        "--metric",
        "scale_ups",
        "--set",
        "simulation.duration=4m",
    ];
    let output = run(&[&["compare", "-q"][..], &paths, &metrics].concat());
    let told = text(&output.stdout);
    let lines: Vec<Vec<&str>> = told
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines.len(), 3, "{told}");
    assert_eq!(lines[0], ["small", "small"]);
    assert_eq!((lines[1][0], lines[2][0]), ("requests", "scale_ups"));
    // The same scenario has the same figures.
    assert!(
        lines[1][1].parse::<f64>().is_ok_and(|one| one > 0.0),
        "{told}"
    );
    assert!(lines[1..].iter().all(|line| line[1] == line[2]), "{told}");
    let output = run(&["compare", "-q", paths[0], paths[1], "--metric", "scale_up"]);
    assert_eq!(output.status.code(), Some(2));
    let told = "error: --metric scale_up: there is no such metric: did you mean `scale_ups`?\n";
    assert_eq!(text(&output.stderr), told);
}
