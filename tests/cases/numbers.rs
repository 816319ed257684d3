//! Figures, tables and findings that people rely on.

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
    let ran = run("overload", &[]).ok();
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
    for part in ["no answer", "never answered (99", "119,995"] {
        assert!(ran.stdout.contains(part), "{}", ran.stdout);
    }
}

#[test]
fn an_hpa_that_fails_at_every_sync_says_why() {
    let ran = run("every-metric-fails", &[]).ok();
    let found = findings(&ran, "HorizontalPodAutoscaler/web");
    assert!(found[0].contains("every one of its 79 syncs"), "{found:?}");
    assert!(found[0].contains("FailedGetResourceMetric"), "{found:?}");
}

#[test]
fn a_load_that_sends_nothing_is_found() {
    let ran = run("overload", &["--set", "load[0].at=1h"]).ok();
    let found = findings(&ran, "load/poisson");
    assert!(found[0].contains("starts at 1h0m0s"), "{found:?}");
}
