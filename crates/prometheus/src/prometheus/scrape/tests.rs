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
fn a_series_that_states_its_times_ends_by_the_lookback_alone() {
    let mut head = head("usage or up");
    let mut a = target("a");
    let usage = |at| Exposed {
        name: "usage",
        labels: &[],
        value: 1.0,
        at: Some(at),
    };
    scrape(&mut head, &mut a, 10, &[usage(5)]);
    scrape(&mut head, &mut a, 15_000, &[]);
    assert_eq!(values(&mut head, "usage", 15_000), [1.0]);
    scrape(&mut head, &mut a, 30_000, &[usage(20_000)]);
    a.retire(&mut head, 45_000);
    assert_eq!(values(&mut head, "up", 45_000), [0.0; 0]);
    assert_eq!(values(&mut head, "usage", 45_000), [1.0]);
    assert_eq!(values(&mut head, "usage", 20_000 + LOOKBACK), [0.0; 0]);
}

#[test]
fn series_are_found_again_in_whatever_order_they_come() {
    let mut head = head("n");
    let mut a = target("a");
    let names = ["0", "1", "2", "3", "4", "5", "6", "7"];
    let orders: [&[usize]; 5] = [
        &[0, 1, 2, 3],
        &[4, 0, 5, 1, 2, 3],
        &[3, 5, 4, 6],
        &[0, 6, 3, 7, 4],
        &[7, 4, 0, 6, 3],
    ];
    for (at, order) in (0..).zip(orders) {
        a.begin(&mut head, at * 1_000);
        for place in order {
            let sample = Exposed {
                name: "n",
                labels: &[("of", names[*place])],
                value: *place as f64,
                at: None,
            };
            a.expose(&mut head, &sample);
        }
        a.end(&mut head, true);
        let mut expected: Vec<f64> = order.iter().map(|place| *place as f64).collect();
        expected.sort_unstable_by(f64::total_cmp);
        assert_eq!(values(&mut head, "sort(n)", at * 1_000), expected);
        for place in order {
            let one = format!("n{{of=\"{place}\"}}");
            assert_eq!(values(&mut head, &one, at * 1_000), [*place as f64]);
        }
    }
    // Each began once; that one ended in between makes no second.
    assert_eq!(head.storage().len(), names.len());
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
