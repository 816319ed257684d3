//! Figures, tables and findings that people rely on.

use nlsim::output::schema::{Kind, TABLES};

use crate::rig::{Ran, run};

/// The texts of the findings about an object.
fn findings(ran: &Ran, subject: &str) -> Vec<String> {
    let summary = ran.summary();
    let all = summary["findings"].as_array().expect("a list");
    let of = all.iter().filter(|finding| finding["subject"] == subject);
    of.map(|finding| finding["text"].as_str().expect("text").to_owned())
        .collect()
}

#[test]
fn overload_never_looks_like_success() {
    // By default clients give up, and what they gave up has failed.
    let ran = run("overload", &[]).ok();
    let lost = ran.figure("failed") + ran.figure("unanswered");
    assert!(lost / ran.figure("requests") > 0.99, "{lost}");
    let found = findings(&ran, "service/web");
    assert!(found[0].contains("overloaded"), "{found:?}");

    let ran = run("overload", &["--set", "load[0].timeout=2h"]).ok();
    let (requests, unanswered) = (ran.figure("requests"), ran.figure("unanswered"));
    assert!(unanswered / requests > 0.99, "{unanswered} of {requests}");
    for name in ["service.web.unanswered", "load.poisson.unanswered"] {
        assert_eq!(ran.figure(name), unanswered, "{name}");
    }
    let load = &ran.rows("load.csv")[0];
    assert_eq!(load["unanswered"].parse(), Ok(unanswered));
    let rows = ran.rows("timeseries.csv");
    let rows = rows.iter().map(|row| row["unanswered"].parse::<f64>());
    assert_eq!(
        rows.map(|cell| cell.expect("a number")).sum::<f64>(),
        unanswered
    );
    let found = findings(&ran, "service/web");
    assert!(found[0].contains("never answered"), "{found:?}");
    assert!(found[0].contains("overloaded"), "{found:?}");
    for part in ["no answer", "never answered (99", "119,849"] {
        assert!(ran.stdout.contains(part), "{}", ran.stdout);
    }
}

#[test]
fn an_hpa_that_fails_at_every_sync_says_why() {
    let ran = run("every-metric-fails", &[]).ok();
    let found = findings(&ran, "HorizontalPodAutoscaler/web");
    assert!(found[0].contains("at all 80 syncs"), "{found:?}");
    assert!(found[0].contains("FailedGetResourceMetric"), "{found:?}");
}

#[test]
fn a_load_that_sends_nothing_is_found() {
    let ran = run("overload", &["--set", "load[0].at=1h"]).ok();
    let found = findings(&ran, "load/poisson");
    assert!(found[0].contains("starts at 1h0m0s"), "{found:?}");
}

#[test]
fn under_and_over_are_not_known_where_the_demand_is_not() {
    let ran = run("every-metric-fails", &[]).ok();
    let summary = ran.summary();
    for figure in ["tau_u_pct", "tau_o_pct", "theta_o_pct"] {
        assert!(
            summary["metrics"][format!("hpa.web.{figure}")].is_null(),
            "{figure}"
        );
    }
    assert!(
        ran.rows("timeseries.csv")
            .iter()
            .all(|row| row["needed"].is_empty())
    );
}

#[test]
fn cells_are_of_the_type_of_their_column() {
    let ran = run("two-namespaces", &["--pods", "--nodes"]).ok();
    let mut cells = 0;
    for schema in TABLES {
        if ["vpa.csv", "queues.csv", "calls.csv", "node-autoscaler.csv"].contains(&schema.file) {
            continue;
        }
        for row in ran.rows(schema.file) {
            for (name, cell) in row.iter().filter(|(_, cell)| !cell.is_empty()) {
                let column = schema.column(name).expect("a column of the schema");
                let fits = match column.kind {
                    Kind::Float => cell.contains('.') && cell.parse::<f64>().is_ok(),
                    Kind::Int => cell.parse::<i64>().is_ok(),
                    Kind::Bool => ["true", "false"].contains(&cell.as_str()),
                    Kind::Text => true,
                };
                assert!(
                    fits && !cell.starts_with("-0"),
                    "{}: {name} {cell}",
                    schema.file
                );
                cells += 1;
            }
        }
    }
    assert!(cells > 1000, "{cells}");
    let figures = ran.rows("summary.csv").remove(0);
    let names = ["scenario", "seed"];
    let figures = figures
        .iter()
        .filter(|(name, _)| !names.contains(&name.as_str()));
    for (name, cell) in figures.filter(|(_, cell)| !cell.is_empty()) {
        assert!(cell.contains('.'), "{name} {cell}");
    }
}

#[test]
fn two_objects_of_one_name_are_told_apart() {
    let ran = run("two-namespaces", &[]).ok();
    for row in ["\na/web", "\nb/web"] {
        assert_eq!(ran.stdout.matches(row).count(), 2, "{}", ran.stdout);
    }
    for (file, column) in [("timeseries.csv", "hpa"), ("decisions.csv", "workload")] {
        let rows = ran.rows(file);
        for namespace in ["a", "b"] {
            let mut of = rows.iter().filter(|row| row["namespace"] == namespace);
            assert!(of.any(|row| row[column].ends_with("web")), "{file}");
        }
    }
    for chart in ["replicas", "pods", "latency"] {
        for namespace in ["a", "b"] {
            let file = format!("charts/{chart}-{namespace}.web.svg");
            assert!(
                ran.file(&file).contains(&format!("{namespace}/web")),
                "{file}"
            );
        }
    }
    assert!(ran.figure("service.a/web.requests") > 0.0);
    let short = run(
        "two-namespaces",
        &["--set", "HorizontalPodAutoscaler/web:spec.maxReplicas=3"],
    );
    assert_eq!(short.code, Some(2));
    let both = "HorizontalPodAutoscaler/a/web, HorizontalPodAutoscaler/b/web";
    assert!(short.stderr.contains(both), "{}", short.stderr);
}
