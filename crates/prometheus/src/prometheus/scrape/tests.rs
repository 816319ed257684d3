use super::*;

fn head(query: &str) -> Head {
    let mut head = Head::new(Edition::Three);
    head.want(|wanted| wanted.add_query(&Query::parse(query).unwrap()));
    head
}

fn target(pod: &str) -> Target {
    let labels = [("job", "api"), ("pod", pod)];
    Target::new(
        labels
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
    )
}

fn requests(value: f64, code: &'static str) -> Exposed<'static> {
    let labels: &[(&str, &str)] = match code {
        "200" => &[("code", "200")],
        _ => &[("code", "503")],
    };
    Exposed {
        name: "requests_total",
        labels,
        value,
        at: None,
    }
}

fn scrape(head: &mut Head, target: &mut Target, at: i64, samples: &[Exposed]) {
    target.begin(head, at);
    for sample in samples {
        target.expose(head, sample);
    }
    target.end(head, !samples.is_empty());
}

fn values(head: &mut Head, query: &str, at: i64) -> Vec<f64> {
    match head.query(query, at) {
        Ok(Value::Vector(vector)) => vector.iter().map(|one| one.value).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_series_that_are_asked_for_are_kept_and_the_answer_is_the_same() {
    let mut head = head("requests_total{code=\"200\"}");
    let mut a = target("a");
    scrape(
        &mut head,
        &mut a,
        0,
        &[requests(1.0, "200"), requests(7.0, "503")],
    );
    assert_eq!(values(&mut head, "requests_total", 0), [1.0]);
    assert_eq!(head.storage().len(), 1);
    // What is asked for later is kept from then on.
    head.want(|wanted| wanted.add_query(&Query::parse("up + requests_total").unwrap()));
    scrape(
        &mut head,
        &mut a,
        10,
        &[requests(2.0, "200"), requests(8.0, "503")],
    );
    assert_eq!(values(&mut head, "sort(requests_total)", 10), [2.0, 8.0]);
    assert_eq!(values(&mut head, "up", 10), [1.0]);
}

#[test]
fn a_series_ends_with_the_first_scrape_that_lacks_it() {
    let mut head = head("requests_total or up");
    let mut a = target("a");
    scrape(
        &mut head,
        &mut a,
        0,
        &[requests(1.0, "200"), requests(7.0, "503")],
    );
    scrape(&mut head, &mut a, 15_000, &[requests(2.0, "200")]);
    assert_eq!(values(&mut head, "requests_total", 15_000), [2.0]);
    // Nobody listens: everything ends but `up`.
    scrape(&mut head, &mut a, 30_000, &[]);
    assert_eq!(values(&mut head, "requests_total", 30_000), [0.0; 0]);
    assert_eq!(values(&mut head, "up", 30_000), [0.0]);
    scrape(&mut head, &mut a, 45_000, &[requests(0.0, "200")]);
    assert_eq!(values(&mut head, "requests_total", 45_000), [0.0]);
    // The counter began anew: no request is lost in between.
    assert_eq!(
        values(
            &mut head,
            "resets(requests_total{code=\"200\"}[1m])",
            45_000
        ),
        [1.0]
    );
    a.retire(&mut head, 60_000);
    assert_eq!(values(&mut head, "up or requests_total", 60_000), [0.0; 0]);
}

#[test]
fn labels_of_the_target_win_and_the_others_are_kept() {
    let mut head = head("{job=\"api\"}");
    let mut a = target("a");
    let clash = Exposed {
        name: "x",
        labels: &[("pod", "b")],
        value: 1.0,
        at: Some(5),
    };
    scrape(&mut head, &mut a, 10, &[clash]);
    assert_eq!(
        values(&mut head, "x{pod=\"a\",exported_pod=\"b\"}", 5),
        [1.0]
    );
}

#[test]
fn targets_are_spread_over_the_interval_and_keep_their_place() {
    let mut places: Vec<i64> = (0..100)
        .map(|pod| offset(&format!("10.0.0.{pod}:80"), 7, 15_000, 0))
        .collect();
    assert!(places.iter().all(|place| (0..15_000).contains(place)));
    for (pod, place) in (0..).zip(&places) {
        let name = format!("10.0.0.{pod}:80");
        assert_eq!(offset(&name, 7, 15_000, place + 1), place + 15_000);
        assert_eq!(offset(&name, 7, 15_000, -40_000).rem_euclid(15_000), *place);
    }
    places.sort_unstable();
    let mean = places.iter().sum::<i64>() / 100;
    assert!((5_500..9_500).contains(&mean), "{mean}");
    assert!(places[10] < 3_500 && places[90] > 11_500);
}

#[test]
fn a_query_that_is_wrong_says_where() {
    let mut head = head("up");
    assert!(matches!(head.query("sum(", 0), Err(QueryError::Parse(_))));
    assert_eq!(head.query("1 + 1", 0), Ok(Value::Scalar(2.0)));
}
