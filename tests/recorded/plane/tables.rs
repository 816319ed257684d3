//! The tables that kubectl printed in the recorded run of 15 nodes, as far as no tie decides: which of
//! several equal nodes a pod is on, and the ends of names, are left out.
//!
//! Of what kubectl printed in that run no test compares: `top` and `describe hpa`, which print the scripted
//! usage to the millicore (the percentages of `get hpa` are compared here); `get events`, whose lines, a
//! thousand and more, hang on all ties at once (events are compared object by object in `disruption.rs`
//! and `bare_pods.rs`); the descriptions of the pods of `ts-hard` and `too-hpa`, and of `nf-sts` after its node
//! was lost, of which ties decide which pods they are. The lines of drains and of `rollout status` come while
//! other commands are typed: `disruption.rs` and `scheduling.rs` have them.

use std::collections::BTreeMap;

use super::texts::REPLAYED;

/// Objects of the start came within so many seconds there, at once here.
const APPLIED: f64 = 14.0;

/// What hangs on ties, or on what is not stated of the recorded run: rows that begin so, from a second
/// on, and why.
const UNDECIDED: [(&[&str], f64, &str); 8] = [
    (
        &["dr-", "ev-ok"],
        0.0,
        "which of a workload's pods are on the nodes that are drained, and which are evicted first",
    ),
    (
        &["rd "],
        0.0,
        "a command creates it: its demand is not stated",
    ),
    (
        &["too-hpa Deployment/too-hpa cpu: 5"],
        0.0,
        "a percent by the moments at which its pods became ready",
    ),
    (
        &["nf-up 0/1 "],
        158.0,
        "the pod that comes while n1 is dead has three equal nodes",
    ),
    (
        &["nf-low Deployment/", "nf-up Deployment/", "nf Deployment/"],
        190.0,
        "which pods are measured while a node is away hangs on where they are, and at 422 s a sync is 0.2 s before a scrape",
    ),
    (
        &["nf-sts-1 ", "nf-sts-2 "],
        480.0,
        "its pod was on the node that is lost next, or on the other",
    ),
    (
        &["nf-pdb ", "too-hpa 1/1 "],
        590.0,
        "so were two of its pods; which of equal pods a scale-down leaves",
    ),
    (
        &["nf ", "nf-def ", "nf-sts-0 ", "nf-up "],
        726.0,
        "the pod garbage collector's 20 s count from its own start",
    ),
];

/// A row without what is drawn: what it is about, and its age in seconds.
type Row = (String, f64);

/// An age as kubectl prints it, in seconds.
fn age(text: &str) -> f64 {
    let (mut seconds, mut number) = (0.0, 0.0);
    for letter in text.chars() {
        if let Some(digit) = letter.to_digit(10) {
            number = number * 10.0 + f64::from(digit);
            continue;
        }
        seconds += number
            * match letter {
                'h' => 3600.0,
                'm' => 60.0,
                _ => 1.0,
            };
        number = 0.0;
    }
    seconds
}

/// A pod's name without what is drawn of it.
fn workload(name: &str) -> &str {
    let parts: Vec<&str> = name.split('-').collect();
    let is_drawn = |part: &&str| {
        part.len() >= 5 && part.bytes().any(|byte| byte.is_ascii_digit())
            || part.len() == 5 && !part.bytes().any(|byte| b"aeiou".contains(&byte))
    };
    let drawn = parts.iter().rev().take_while(|part| is_drawn(part));
    let kept = parts.len() - drawn.count().min(parts.len() - 1);
    let length = parts[..kept]
        .iter()
        .map(|part| part.len() + 1)
        .sum::<usize>()
        - 1;
    &name[..length]
}

/// The rows of a table that was printed at this second.
fn rows((command, at): (&str, f64), lines: &[String]) -> Vec<Row> {
    let lines = lines.iter().flat_map(|text| text.lines());
    let rows = lines.filter(|line| !line.starts_with("NAME ") && !line.is_empty());
    let row = |line: &str| {
        let cells: Vec<&str> = line.split_whitespace().collect();
        if command.contains(" nodes") {
            let node = cells[0].replace('-', "");
            // Those of the recording had been there before the run began.
            return (format!("{node} {}", cells[1]), 0.0);
        }
        if command.contains(" pods") {
            let of = workload(cells[0]);
            // Of the pods around a node that fails it counts whether they are on it.
            let fails = if at < 480.0 { "n-1" } else { "n-2" };
            let node = cells[6].replace("n1", "n-1").replace("n2", "n-2");
            let node = if of.starts_with("nf") && node == fails {
                fails
            } else {
                ""
            };
            let what = format!("{of} {} {} {} {node}", cells[1], cells[2], cells[3]);
            return (what, age(cells[4]));
        }
        let (last, rest) = cells.split_last().expect("cells");
        (rest.join(" "), age(last))
    };
    rows.map(row).collect()
}

#[test]
fn tables_are_those_that_were_printed() {
    let mut differences: Vec<String> = Vec::new();
    let mut compared: BTreeMap<String, usize> = BTreeMap::new();
    for (step, printed) in REPLAYED.iter().filter(|(step, _)| step["rows"] == true) {
        let command = step["cmd"].as_str().expect("a command");
        let at = step["at"].as_f64().expect("a time");
        let expected = step["text"].as_str().expect("a text").to_owned();
        let group = |lines: &[String]| {
            let mut groups: BTreeMap<String, Vec<f64>> = BTreeMap::new();
            for (what, age) in rows((command, at), lines) {
                groups.entry(what).or_default().push(age);
            }
            for ages in groups.values_mut() {
                ages.sort_unstable_by(f64::total_cmp);
            }
            groups
        };
        let (ours, theirs) = (group(printed), group(&[expected]));
        let mut all: Vec<&String> = ours.keys().chain(theirs.keys()).collect();
        all.sort_unstable();
        all.dedup();
        for what in all {
            if UNDECIDED.iter().any(|(names, from, _)| {
                let mut names = names.iter();
                at >= *from && names.any(|name| what.starts_with(name))
            }) {
                continue;
            }
            let none = Vec::new();
            let of = |all: &BTreeMap<String, Vec<f64>>| all.get(what).unwrap_or(&none).clone();
            let (our, their) = (of(&ours), of(&theirs));
            let near = |(one, other): (&f64, &f64)| (one - other).abs() <= APPLIED;
            if our.len() != their.len() || !our.iter().zip(&their).all(near) {
                differences.push(format!(
                    "{command} at {at}: {what}: {our:?} instead of {their:?}"
                ));
            }
        }
        let words: Vec<&str> = command.split(' ').skip(1).take(2).collect();
        *compared.entry(words.join(" ")).or_default() += 1;
    }
    assert_eq!(differences.len(), 0, "{}", differences.join("\n"));
    let compared: Vec<String> = compared
        .iter()
        .map(|(what, count)| format!("{what}: {count}"))
        .collect();
    insta::assert_snapshot!(compared.join(", "), @"get deploy: 7, get hpa: 7, get nodes: 5, get pods: 14");
}
