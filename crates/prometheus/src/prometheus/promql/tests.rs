//! Queries, what they answer and how they are refused.

use super::*;
use crate::prometheus::labels::METRIC_NAME;
use crate::prometheus::storage::stale_marker;

fn storage() -> Storage {
    let mut storage = Storage::new(3_600_000);
    for (pod, ends) in [("a", false), ("b", true)] {
        let labels = [
            (METRIC_NAME, "requests_total"),
            ("job", "api"),
            ("pod", pod),
        ];
        let id = storage.series(&Labels::new(labels));
        for t in 0..=20 {
            storage.append(id, t * 15_000, (t * 30) as f64).unwrap();
        }
        if ends {
            storage.append(id, 310_000, stale_marker()).unwrap();
        }
    }
    storage
}

fn ask(query: &str, at: i64) -> String {
    let value = match Query::parse(query) {
        Err(error) => return error.to_string(),
        Ok(query) => query.instant(&storage(), at),
    };
    match value {
        Err(error) => error.to_string(),
        Ok(Value::Vector(vector)) => vector
            .iter()
            .map(|sample| format!("{} {}", sample.labels, sample.value))
            .collect::<Vec<_>>()
            .join("; "),
        Ok(Value::Scalar(number)) => number.to_string(),
        Ok(other) => format!("{other:?}"),
    }
}

#[test]
fn a_sample_stands_for_less_than_the_lookback_and_until_it_is_stale() {
    let count = |at| ask("count(requests_total) or vector(0)", at);
    assert_eq!(count(300_000), "{} 2");
    assert_eq!(count(309_999), "{} 2");
    assert_eq!(count(310_000), "{} 1");
    assert_eq!(count(599_999), "{} 1");
    assert_eq!(count(600_000), "{} 0");
}

#[test]
fn offset_and_at_move_where_a_selector_looks() {
    let one = |query: &str| ask(&format!("sum({query})"), 300_000);
    assert_eq!(one("requests_total offset 1m"), "{} 960");
    assert_eq!(one("requests_total @ 60"), "{} 240");
    assert_eq!(one("requests_total @ 60 offset 15s"), "{} 180");
    assert_eq!(one("requests_total @ end() offset 5m"), "{} 0");
    assert_eq!(ask("sum(requests_total offset -1m)", 240_000), "{} 1200");
}

#[test]
fn a_subquery_steps_at_multiples_of_its_step_after_its_left_edge() {
    let count = |query: &str, at| ask(&format!("max(count_over_time({query}))"), at);
    assert_eq!(count("requests_total[1m:15s]", 300_000), "{} 4");
    assert_eq!(count("requests_total[1m:15s]", 307_000), "{} 4");
    assert_eq!(count("requests_total[2m:]", 300_000), "{} 2");
    assert_eq!(count("requests_total[61s:15s]", 300_000), "{} 5");
}

#[test]
fn a_failure_says_where() {
    for (query, expected) in [
        ("sum(rate(requests_total[5m])", "1:29: parse error: "),
        ("sum(x) by (job", "1:15: parse error: "),
        ("x{a=1}", "1:5: parse error: "),
        ("x + + )", "1:7: parse error: "),
        ("x[5m] offset", "1:13: parse error: "),
        (
            "x + foo(y)",
            "1:5: parse error: unknown function with name 'foo'",
        ),
        (
            "1 + info(x)",
            "1:5: parse error: function info() is not supported",
        ),
        (
            "sum(limitk(2, x))",
            "1:5: parse error: limitk() is not supported",
        ),
        ("x{a=~\"[\"}", "1:3: parse error: error parsing regexp: "),
        ("rate(x)", "1:1: parse error: expected type matrix"),
    ] {
        let got = ask(query, 0);
        assert!(got.starts_with(expected), "{query}: {got}");
    }
}

#[test]
fn what_is_not_evaluated_here_is_no_mistake_of_the_query() {
    let unsupported = |query: &str| Query::parse(query).unwrap_err().is_unsupported;
    assert!(unsupported("1 + info(x)") && unsupported("sum(limitk(2, x))"));
    assert!(!unsupported("foo(x)") && !unsupported("sum(x") && !unsupported("x[0s]"));
}

#[test]
fn fractions_of_classic_histograms_are_of_edition_3() {
    let mut storage = Storage::new(3_600_000);
    for (bound, count) in [("1", 4.0), ("2", 8.0), ("+Inf", 10.0)] {
        let labels = [
            (METRIC_NAME, "seconds_bucket"),
            ("job", "api"),
            ("le", bound),
        ];
        let id = storage.series(&Labels::new(labels));
        storage.append(id, 0, count).unwrap();
    }
    let query = Query::parse("histogram_fraction(0, 1.5, seconds_bucket)").unwrap();
    let of = |edition| query.instant_of(edition, &storage, 0);
    let share = Sample {
        labels: Labels::new([("job", "api")]),
        value: 0.6,
    };
    assert_eq!(of(Edition::Three), Ok(Value::Vector(vec![share])));
    assert_eq!(of(Edition::Two), Ok(Value::Vector(Vec::new())));
}

#[test]
fn vectors_that_do_not_meet_one_to_one_are_refused_in_prometheus_words() {
    assert_eq!(
        ask("requests_total + on(job) requests_total", 300_000),
        "found duplicate series for the match group {job=\"api\"} on the right hand-side of \
         the operation: [{__name__=\"requests_total\", job=\"api\", pod=\"a\"}, \
         {__name__=\"requests_total\", job=\"api\", pod=\"b\"}];many-to-many matching not \
         allowed: matching labels must be unique on one side"
    );
    assert_eq!(
        ask(
            "requests_total + on(job) sum by (job) (requests_total)",
            300_000
        ),
        "multiple matches for labels: many-to-one matching must be explicit \
         (group_left/group_right)"
    );
    assert_eq!(
        ask(
            "label_replace(requests_total, \"pod\", \"x\", \"\", \"\")",
            300_000
        ),
        "vector cannot contain metrics with the same labelset"
    );
}

/// The line, column and message, or the answer.
fn check(rows: &[(&str, &str)]) {
    for (query, expected) in rows {
        assert_eq!(&ask(query, 300_000), expected, "{query}");
    }
}

#[test]
fn patterns_are_those_of_go() {
    check(&[
        (r#"count(requests_total{pod=~"\\x{61}|\\142"})"#, "{} 2"),
        (
            r#"count(requests_total{pod!~`[[a]`, job=~"\\Qapi\\E"})"#,
            "{} 1",
        ),
        (r#"count({__name__=~"requests_.*", pod!~".*"})"#, ""),
        (
            r#"x + y{a="b", pod=~"a**"}"#,
            "1:14: parse error: error parsing regexp: invalid nested repetition operator: `**`",
        ),
        (
            r#"{pod=~".*"}"#,
            "1:1: parse error: vector selector must contain at least one non-empty matcher",
        ),
        (
            r#"x{pod=~"("} + ("#,
            "1:3: parse error: error parsing regexp: missing closing ): `(`",
        ),
        (
            r#"count(label_replace(requests_total, "pod", "x$1$", "pod", "a)(.*"))"#,
            "{} 2",
        ),
    ]);
}

#[test]
fn durations_of_nothing_are_numbers_and_offsets_but_no_ranges() {
    check(&[
        ("sum(requests_total offset 0s) * 0s", "{} 0"),
        ("1h - 1h + 0ms", "0"),
        ("5000000000ms", "5000000"),
        ("x[0s]", "1:3: parse error: duration must be greater than 0"),
        (
            "x[5m:0]",
            "1:6: parse error: duration must be greater than 0",
        ),
        ("x[300y]", "1:3: parse error: duration out of range"),
        ("x offset 1e10", "1:10: parse error: duration out of range"),
        ("x offset -1e10", "1:10: parse error: duration out of range"),
        (
            "1m1h",
            "1:1: parse error: not a valid duration string: \"1m1h\"",
        ),
        (
            "y + x[1m] @ -1e19",
            "1:5: parse error: timestamp out of bounds for @ modifier: -10000000000000000000.000000",
        ),
        (
            "x @ Inf",
            "1:1: parse error: timestamp out of bounds for @ modifier: +Inf",
        ),
    ]);
}

#[test]
fn numbers_have_underscores_and_names_are_what_the_parser_reserves() {
    check(&[
        ("1_000 + 0x_F + 010 + 1e0_1", "1033"),
        ("-1e-3 ^ 2 * -Inf", "inf"),
        (
            "count by (anchored) (smoothed or step or requests_total)",
            "{} 2",
        ),
        ("anchored{smoothed=\"a\"} + on(step) smoothed", ""),
        (
            "sum(x[5m] anchored)",
            "1:5: parse error: anchored modifier is experimental and not enabled",
        ),
        (
            "y + x offset 1m offset 2m",
            "1:5: parse error: offset may not be set multiple times",
        ),
        (
            "sum(x{a=\"b\"}[1m] @ 5 offset 1m @ 2)",
            "1:5: parse error: @ <timestamp> may not be set multiple times",
        ),
    ]);
}

#[test]
fn a_plus_changes_nothing_but_what_is_a_selector() {
    check(&[
        ("sum(+requests_total) + +1 - -1", "{} 1202"),
        ("max(timestamp(requests_total @ 10))", "{} 0"),
        ("max(timestamp(+requests_total @ 10))", "{} 300"),
        ("absent(no{a=\"b\"})", "{a=\"b\"} 1"),
        ("absent(+no{a=\"b\"})", "{} 1"),
        (
            "requests_total * on(pod) +requests_total * 0 and on(pod) -requests_total{pod=\"a\"}",
            "{pod=\"a\"} 0",
        ),
        (
            "1 + +x[5m]",
            "1:5: parse error: unary expression only allowed on expressions of type scalar or \
             instant vector, got \"range vector\"",
        ),
        (
            "-\"a\"",
            "1:1: parse error: unary expression only allowed on expressions of type scalar or \
             instant vector, got \"string\"",
        ),
    ]);
}

#[test]
fn a_mistake_is_counted_from_its_line() {
    check(&[
        (
            "sum(\n  rate(x[0s])\n)",
            "2:10: parse error: duration must be greater than 0",
        ),
        (
            "1 +\n\n x{a=~\"é[\"}",
            "3:4: parse error: error parsing regexp: missing closing ]: `[`",
        ),
        (
            "\"é\" == [",
            "1:10: parse error: unexpected end of input inside brackets",
        ),
    ]);
}

#[test]
fn series_that_become_one_within_a_subquery() {
    let mut storage = Storage::new(3_600_000);
    for (name, start) in [("old_total", 0), ("new_total", 20)] {
        let id = storage.series(&Labels::new([(METRIC_NAME, name)]));
        for t in start..start + 10 {
            storage.append(id, t * 60_000, t as f64).unwrap();
        }
    }
    let of = |edition, query: &str| {
        let query = Query::parse(query).unwrap();
        query
            .instant_of(edition, &storage, 1_740_000)
            .map_err(|error| error.0)
    };
    let refused = Err("vector cannot contain metrics with the same labelset".to_owned());
    let both = "{__name__=~\"(old|new)_total\"}";
    for inner in [
        format!("increase({both}[2m])"),
        format!("avg_over_time({both}[2m])"),
    ] {
        let query = format!("count_over_time({inner}[30m:1m])");
        assert_eq!(of(Edition::Three, &query), refused);
    }
    let count = |value| {
        let labels = Labels::default();
        Ok(Value::Vector(vec![Sample { labels, value }]))
    };
    let negated = format!("count_over_time((-{both})[30m:1m])");
    assert_eq!(of(Edition::Three, &negated), count(24.0));
    assert_eq!(of(Edition::Two, &negated), refused);
    let named =
        format!("count_over_time(label_replace({both}, \"__name__\", \"\", \"\", \"\")[30m:1m])");
    assert_eq!(of(Edition::Three, &named), count(24.0));
    let absent = format!("count_over_time(absent_over_time({both}[1m])[30m:1m])");
    assert_eq!(of(Edition::Three, &absent), count(10.0));
}

#[test]
fn first_samples_and_functions_of_native_histograms() {
    check(&[
        (
            "first_over_time(requests_total{pod=\"a\"}[1m])",
            "{__name__=\"requests_total\", job=\"api\", pod=\"a\"} 510",
        ),
        (
            "histogram_avg(requests_total) or histogram_count(requests_total)",
            "",
        ),
        (
            "histogram_sum(requests_total) or histogram_stddev(requests_total)",
            "",
        ),
        ("histogram_stdvar(requests_total)", ""),
    ]);
}
