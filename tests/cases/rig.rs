//! Runs a case and reads what it wrote.

#![allow(dead_code, reason = "each file of cases uses its own part")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// The input folder of a case.
pub(crate) fn input(case: &str) -> PathBuf {
    PathBuf::from("tests/cases/inputs").join(case)
}

/// What a run of the binary left behind.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    place: TempDir,
}

/// `nlsim run` of the case's `scenario.toml` with further arguments.
pub(crate) fn run(case: &str, arguments: &[&str]) -> Ran {
    run_scenario(&input(case).join("scenario.toml"), arguments)
}

/// `nlsim run` of a scenario with further arguments.
pub(crate) fn run_scenario(scenario: &std::path::Path, arguments: &[&str]) -> Ran {
    let place = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new(env!("CARGO_BIN_EXE_nlsim"))
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR_FORCE")
        .arg("run")
        .arg(scenario)
        .arg("--out")
        .arg(place.path().join("out"))
        .args(arguments)
        .output()
        .expect("the binary runs");
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        place,
    }
}

impl Ran {
    /// The run itself, if it ended well.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self
    }

    /// The folder of results.
    pub(crate) fn out(&self) -> PathBuf {
        self.place.path().join("out")
    }

    /// A file of the results.
    pub(crate) fn file(&self, name: &str) -> String {
        fs::read_to_string(self.out().join(name)).expect("the run writes this file")
    }

    /// The rows of a CSV file, each a map from column to cell.
    pub(crate) fn rows(&self, name: &str) -> Vec<BTreeMap<String, String>> {
        let text = self.file(name);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        reader
            .deserialize()
            .map(|row| row.expect("a row of CSV"))
            .collect()
    }

    /// `summary.json`.
    pub(crate) fn summary(&self) -> serde_json::Value {
        serde_json::from_str(&self.file("summary.json")).expect("JSON")
    }

    /// A figure of the whole run, by its name.
    pub(crate) fn figure(&self, name: &str) -> f64 {
        let summary = self.summary();
        summary["metrics"][name]
            .as_f64()
            .unwrap_or_else(|| panic!("no figure {name}: {summary}"))
    }
}
