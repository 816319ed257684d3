//! Holds for every chart: texts neither overlap nor leave the canvas, bytes repeat, and every input
//! is drawn.

use std::io::Cursor;

use proptest::prelude::*;
use tiny_skia::{Pixmap, Transform};

use super::scene::{Label, Shape};
use super::*;

fn texts(scene: &Scene) -> Vec<&Label> {
    let shapes = scene.items.iter().map(|(shape, _)| shape);
    shapes
        .filter_map(|shape| match shape {
            Shape::Text(label) => Some(label),
            _ => None,
        })
        .collect()
}

/// Texts that leave the canvas or meet another.
fn misplaced(scene: &Scene) -> Vec<String> {
    let texts = texts(scene);
    let mut found = Vec::new();
    for (place, label) in texts.iter().enumerate() {
        let [left, top, right, bottom] = label.bounds();
        if left < 0.0 || top < 0.0 || right > scene.width || bottom > scene.height {
            found.push(format!("{:?} leaves the canvas", label.text));
        }
        for other in &texts[place + 1..] {
            let [l, t, r, b] = other.bounds();
            if left < r && l < right && top < b && t < bottom {
                found.push(format!("{:?} meets {:?}", label.text, other.text));
            }
        }
    }
    found
}

fn well_placed(chart: &impl Chart) -> Scene {
    let scene = chart.scene(&Theme::LIGHT);
    assert_eq!(misplaced(&scene), Vec::<String>::new());
    assert_drawn_as_by_resvg(&scene);
    scene
}

/// A picture is, pixel for pixel, what resvg makes of the document.
fn assert_drawn_as_by_resvg(scene: &Scene) {
    let document = svg::write(scene, svg::Texts::Outlined).expect("a document");
    let options = resvg::usvg::Options::default();
    let tree = resvg::usvg::Tree::from_str(&document, &options).expect("a tree");
    let ours = picture::draw(scene).expect("a picture");
    let mut theirs = Pixmap::new(ours.width(), ours.height()).expect("pixels");
    let scale = picture::scale(tree.size().height());
    let transform = Transform::from_scale(scale, scale);
    resvg::render(&tree, transform, &mut theirs.as_mut());
    let pixels = ours.pixels().iter().zip(theirs.pixels());
    let differ = pixels.filter(|(one, other)| one != other).count();
    assert_eq!(differ, 0, "pixels of {}", scene.name);
    assert!(ours.pixels().iter().all(|pixel| pixel.alpha() == 255));
}

fn spans() -> Vec<LoadSpan> {
    let span = |from: f64, to: f64, label: &str| LoadSpan {
        from,
        to,
        label: label.to_owned(),
    };
    vec![
        span(
            300.0,
            318.0,
            "ab -n 10000 -c 100 http://neurolake-api/api/health",
        ),
        span(
            600.0,
            900.0,
            "hey -z 5m -q 100 http://neurolake-api/api/health",
        ),
        span(2400.0, 3600.0, "Job/load-generator"),
        span(
            7000.0,
            7200.0,
            "hey -z 20m -c 50 http://neurolake-api/api/health?x=<&>",
        ),
    ]
}

fn stairs(values: &[f64], end: f64) -> Points {
    let step = end / values.len() as f64;
    let values = values.iter().enumerate();
    values.map(|(i, value)| (i as f64 * step, *value)).collect()
}

fn replicas() -> ReplicasChart {
    let desired = stairs(&[3.0, 6.0, 10.0, 7.0, 4.0, 3.0], 7200.0);
    let marks = desired.windows(2).map(|pair| Mark {
        time: pair[1].0,
        kind: if pair[1].1 > pair[0].1 {
            MarkKind::ScaledUp
        } else {
            MarkKind::ScaledDown
        },
        label: format!("{}→{}", pair[0].1, pair[1].1),
        tooltip: "New size; reason: cpu resource utilization above target".to_owned(),
    });
    let events = marks.collect();
    ReplicasChart {
        title: "neurolake-api: 3 to 10 replicas".to_owned(),
        subtitle: "HorizontalPodAutoscaler/neurolake-api-hpa".to_owned(),
        duration: 7200.0,
        start: None,
        ready: desired
            .iter()
            .map(|(time, value)| (time + 30.0, *value))
            .collect(),
        current: desired.clone(),
        needed: Vec::new(),
        desired,
        bounds: Some((3.0, 10.0)),
        metrics: vec![MetricPanel {
            name: "CPU utilization".to_owned(),
            unit: Unit::Percent,
            points: stairs(&[12.0, 210.0, 64.0, 55.0, 20.0], 7200.0),
            target: Some(60.0),
            tolerance: 0.1,
        }],
        events,
        load_spans: spans(),
    }
}

fn latency() -> LatencyChart {
    let window = |i: u32| LatencyWindow {
        start: f64::from(i) * 15.0,
        requests: 1500.0,
        latency_ms: [20.0, if i == 40 { 4000.0 } else { 60.0 }, 90.0],
        slo_ms: if i == 40 { 4000.0 } else { 60.0 },
        failures: vec![if i == 40 { 17.0 } else { 0.0 }, 0.0, 0.0, 0.0, 0.0],
    };
    LatencyChart {
        title: "Latency".to_owned(),
        subtitle: String::new(),
        duration: 7200.0,
        start: None,
        step: 15.0,
        windows: (0..480).map(window).collect(),
        failure_kinds: LatencyWindow::recorded_kinds(),
        slo: Some(LatencySlo {
            percentile: 95.0,
            limit_ms: 500.0,
        }),
        load_spans: spans(),
    }
}

#[test]
fn the_replicas_chart_says_what_an_incident_review_asks_for() {
    let chart = replicas();
    well_placed(&chart);
    let svg = chart.svg().expect("it can be drawn");
    for wanted in [
        "neurolake-api: 3 to 10 replicas",
        "max 10",
        "min 3",
        "target 60 %",
        "3→6",
        "10→7",
        "1h30m",
        "Job/load-generator",
        "<title>New size; reason: cpu resource utilization above target</title>",
        "font-family=\"DejaVu Sans, Verdana, sans-serif\"",
        "stroke-dasharray",
        "?x=&lt;&amp;&gt;",
    ] {
        assert!(svg.contains(wanted), "{wanted}");
    }
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert_eq!(svg.matches("<g").count(), svg.matches("</g>").count());
}

#[test]
fn the_latency_chart_marks_missed_objectives_and_names_failures() {
    let scene = well_placed(&latency());
    let said: Vec<&str> = texts(&scene)
        .iter()
        .map(|label| label.text.as_str())
        .collect();
    for wanted in [
        "p95 ≤ 500 ms",
        "objective missed",
        "rejected 503",
        "per 15s",
        "1 s",
    ] {
        assert!(said.contains(&wanted), "{wanted} in {said:?}");
    }
    assert!(
        !said.contains(&"timeout"),
        "what did not happen needs no legend"
    );
}

#[test]
fn the_other_charts_keep_their_texts_apart() {
    well_placed(&PodStatesChart {
        title: "pods".to_owned(),
        duration: 7200.0,
        states: vec![(
            0.0,
            PodStates {
                ready: 3.0,
                pending: 2.0,
                ..PodStates::default()
            },
        )],
        desired: vec![(0.0, 5.0)],
        nodes: vec![(0.0, 3.0), (600.0, 4.0)],
        load_spans: spans(),
        ..PodStatesChart::default()
    });
    well_placed(&CostChart {
        title: "cost".to_owned(),
        duration: 7200.0,
        costs: ["nodes", "requests"]
            .map(|name| CostSeries {
                name: name.to_owned(),
                rate: vec![(0.0, 0.576)],
                cumulative: Points::new(),
            })
            .into(),
        idle_share: vec![(0.0, 40.0)],
        load_spans: spans(),
        ..CostChart::default()
    });
    let resource = |name: &str, unit: Unit, scale: f64| ResourcePanel {
        name: name.to_owned(),
        unit,
        usage: vec![(
            "p95 over pods".to_owned(),
            stairs(&[0.2 * scale, 0.5 * scale], 7200.0),
        )],
        request: vec![(0.0, 0.25 * scale), (3000.0, 0.5 * scale)],
        limit: vec![(0.0, scale)],
        recommendation: vec![(60.0, [0.3 * scale, 0.5 * scale, 90.0 * scale])],
    };
    well_placed(&UsageChart {
        title: "usage".to_owned(),
        duration: 7200.0,
        resources: vec![
            resource("CPU", Unit::Cores, 1.0),
            resource("Memory", Unit::Bytes, 1_073_741_824.0),
        ],
        marks: vec![Mark {
            time: 3000.0,
            kind: MarkKind::Evicted,
            label: "worker-1".to_owned(),
            tooltip: String::new(),
        }],
        ..UsageChart::default()
    });
}

#[test]
fn the_charts_of_sweeps_keep_their_texts_apart() {
    let names = |count: u32, unit: &str| (0..count).map(|i| format!("{i}{unit}")).collect();
    let map = |columns: u32, rows: u32| HeatMap {
        title: "Flaps per hour".to_owned(),
        x_label: "averageUtilization".to_owned(),
        x_values: names(columns, " %"),
        y_label: "stabilizationWindowSeconds".to_owned(),
        y_values: names(rows, "m"),
        value_label: "flaps per hour".to_owned(),
        values: (0..rows)
            .map(|y| {
                (0..columns)
                    .map(|x| f64::from(x) * 1.1 + f64::from(y))
                    .collect()
            })
            .collect(),
        best: Best::Lowest,
        ..HeatMap::default()
    };
    let scene = well_placed(&map(5, 4));
    assert!(
        texts(&scene).iter().any(|label| label.text == "7.4"),
        "cells show their figure"
    );
    well_placed(&map(60, 90));
    well_placed(&LineChart {
        title: "Missed objectives".to_owned(),
        x_label: "behavior.scaleDown.stabilizationWindowSeconds".to_owned(),
        x_names: names(40, " seconds"),
        y_unit: Unit::Percent,
        series: (0..9)
            .map(|i| LineSeries {
                name: format!("variant {i} of the autoscaler"),
                points: (0..40).map(|x| (f64::from(x), f64::from(x + i))).collect(),
                spread: (0..40)
                    .map(|x| (f64::from(x), f64::from(x + 2 * i)))
                    .collect(),
            })
            .collect(),
        references: vec![("goal".to_owned(), 10.0)],
        ..LineChart::default()
    });
    well_placed(&ParetoChart {
        title: "Cost against missed objectives".to_owned(),
        points: (0..50)
            .map(|i| ParetoPoint {
                label: format!("target {i} %"),
                x: 1.0 + f64::from(i * 7 % 50),
                y: 50.0 / (1.0 + f64::from(i * 7 % 50)),
            })
            .collect(),
        ..ParetoChart::default()
    });
}

#[test]
fn the_same_chart_gives_the_same_bytes() {
    let chart = latency();
    assert_eq!(chart.svg(), chart.svg());
    let draw = || chart.scene(&Theme::LIGHT).png();
    let picture = draw().expect("it can be drawn");
    assert_eq!(Ok(&picture), draw().as_ref());
    let mut decoder = png::Decoder::new(Cursor::new(&picture))
        .read_info()
        .expect("a valid PNG");
    let mut pixels = vec![0; decoder.output_buffer_size().expect("a size that fits")];
    let decoded = decoder.next_frame(&mut pixels).expect("a whole picture");
    let scene = chart.scene(&Theme::LIGHT);
    assert_eq!(decoded.width, 2 * scene.width as u32);
    assert_eq!(decoded.height, 2 * scene.height as u32);
    let has = |color: Color| pixels.chunks(3).any(|pixel| pixel == color.rgb);
    assert!(has(Theme::LIGHT.paper) && has(Theme::LIGHT.blue()));
}

#[test]
fn a_dark_chart_is_light_on_dark() {
    let scene = replicas().scene(&Theme::DARK);
    assert_drawn_as_by_resvg(&scene);
    let svg = scene.svg().expect("it can be drawn");
    assert!(svg.contains("fill=\"#12161C\"") && svg.contains("fill=\"#ECEFF3\""));
    assert!(!svg.contains("#FFFFFF"));
}

#[test]
fn a_long_run_does_not_make_a_large_file() {
    let mut chart = latency();
    let more = |i: u32| LatencyWindow {
        start: f64::from(i) * 15.0,
        ..chart.windows[(i % 480) as usize].clone()
    };
    chart.windows = (0..40_320).map(more).collect();
    chart.duration = 7.0 * 86_400.0;
    let svg = chart.svg().expect("it can be drawn");
    assert!(svg.len() < 600_000, "{} bytes", svg.len());
}

/// Numbers that are hard to draw.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(1e300),
        Just(-1e300),
        Just(1e-300),
        Just(-3.0),
        0.0..10.0,
        0.0..1e9,
    ]
}

fn points() -> impl Strategy<Value = Points> {
    prop::collection::vec((number(), number()), 0..6)
}

/// Names with signs that XML, the fonts or the layout could trip over.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,8}", "\\PC{0,12}", "[a-z\u{0}-\u{1f}<&>\"']{0,300}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_input_breaks_a_chart_over_time(
        duration in number(), a in points(), b in points(), bounds in (number(), number()),
        name in name(), times in prop::collection::vec((number(), number()), 0..8), size in number(),
    ) {
        let spans: Vec<LoadSpan> = times.iter()
            .map(|(from, to)| LoadSpan { from: *from, to: *to, label: name.clone() })
            .collect();
        let marks: Vec<Mark> = times.iter()
            .map(|(time, _)| Mark { time: *time, kind: MarkKind::OomKilled, label: name.clone(), tooltip: name.clone() })
            .collect();
        let (title, subtitle) = (name.clone(), name.clone());
        let replicas = ReplicasChart {
            title: title.clone(), subtitle: subtitle.clone(), duration, start: Some(1_767_258_000), desired: a.clone(), needed: a.clone(), current: b.clone(),
            ready: a.clone(), bounds: Some(bounds), events: marks.clone(), load_spans: spans.clone(),
            metrics: vec![MetricPanel { name: name.clone(), unit: Unit::Bytes, points: b.clone(), target: Some(size), tolerance: 0.1 }],
        };
        let pods = PodStatesChart {
            title: title.clone(), duration, nodes: b.clone(), desired: a.clone(), load_spans: spans.clone(),
            states: a.iter().map(|(time, n)| (*time, PodStates { ready: *n, terminating: *n, ..PodStates::default() })).collect(),
            ..PodStatesChart::default()
        };
        let latency = LatencyChart {
            title: title.clone(), duration, step: size, failure_kinds: vec![name.clone()], load_spans: spans.clone(),
            windows: a.iter().map(|(start, n)| LatencyWindow {
                start: *start, requests: *n, latency_ms: [*n, size, *start], slo_ms: *n, failures: vec![*n, size],
            }).collect(),
            slo: Some(LatencySlo { percentile: size, limit_ms: bounds.0 }),
            ..LatencyChart::default()
        };
        let cost = CostChart {
            title: title.clone(), duration, idle_share: b.clone(), load_spans: spans.clone(),
            costs: vec![CostSeries { name: name.clone(), rate: a.clone(), cumulative: Points::new() },
                CostSeries { name: name.clone(), rate: b.clone(), cumulative: a.clone() }],
            ..CostChart::default()
        };
        let usage = UsageChart {
            title, subtitle, duration, start: None, marks, load_spans: spans,
            resources: vec![ResourcePanel {
                name: name.clone(), unit: Unit::Cores, usage: vec![(name, a.clone())], request: b.clone(), limit: b.clone(),
                recommendation: a.iter().map(|(time, n)| (*time, [*n, size, bounds.1])).collect(),
            }],
        };
        let scenes = [replicas.scene(&Theme::LIGHT), pods.scene(&Theme::LIGHT), latency.scene(&Theme::LIGHT),
            cost.scene(&Theme::LIGHT), usage.scene(&Theme::LIGHT)];
        for scene in scenes {
            prop_assert_eq!(misplaced(&scene), Vec::<String>::new());
            prop_assert!(scene.svg().is_ok());
        }
    }

    #[test]
    fn no_input_breaks_a_chart_of_a_sweep(
        a in points(), rows in prop::collection::vec(prop::collection::vec(number(), 0..5), 0..5),
        names in prop::collection::vec(name(), 0..5), goal in number(),
    ) {
        let label = names.concat();
        let line = LineChart {
            title: label.clone(), x_label: label.clone(), y_label: label.clone(), x_names: names.clone(),
            series: vec![LineSeries { name: label.clone(), points: a.clone(), spread: a.clone() }, LineSeries::default()],
            references: vec![(label.clone(), goal)],
            ..LineChart::default()
        };
        let plain = LineChart { x_names: Vec::new(), x_unit: Unit::Dollars, ..line.clone() };
        let map = HeatMap {
            title: label.clone(), x_label: label.clone(), y_label: label.clone(), value_label: label.clone(),
            x_values: names.clone(), y_values: names, values: rows, best: Best::Highest, unit: Unit::Count,
            ..HeatMap::default()
        };
        let pareto = ParetoChart {
            title: label.clone(), x_label: label.clone(), y_label: label.clone(), x_unit: Unit::Bytes,
            points: a.iter().map(|(x, y)| ParetoPoint { label: label.clone(), x: *x, y: *y }).collect(),
            ..ParetoChart::default()
        };
        for scene in [line.scene(&Theme::LIGHT), plain.scene(&Theme::LIGHT), map.scene(&Theme::LIGHT), pareto.scene(&Theme::LIGHT)] {
            prop_assert_eq!(misplaced(&scene), Vec::<String>::new());
            prop_assert!(scene.svg().is_ok());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn no_input_breaks_a_picture(duration in number(), a in points(), b in points(), name in name()) {
        let chart = ReplicasChart {
            title: name, duration, desired: a, ready: b, load_spans: spans(), ..ReplicasChart::default()
        };
        prop_assert!(chart.scene(&Theme::LIGHT).png().is_ok());
    }
}
