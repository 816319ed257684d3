//! Every parser of what users write, on texts that are nearly right: corpora of `tests/fuzz` with
//! random edits. Nothing panics, overflows or hangs; what is refused says why.
//! `PROPTEST_CASES=10000 cargo test --test scenarios fuzz_parsers` looks further.

use std::fs;

use crate::files::Memory;
use nlsim::autoscaler::vpa::WallClock;
use nlsim::autoscaler::vpa::recommender::history::Checkpoints;
use nlsim::record::Detail;
use nlsim::scenario::Loaded;
use nlsim::sim::SimDuration;
use nlsim::units::Quantity;
use nlsim::{conformance, kubectl, load, world};
use proptest::prelude::*;
use proptest::sample::Index;

fn corpus(name: &str) -> String {
    fs::read_to_string(format!("tests/fuzz/{name}")).expect("the corpus is there")
}

/// An edit of a text: so many characters from a place on are replaced.
#[derive(Debug, Clone)]
struct Edit {
    place: Index,
    length: usize,
    new: String,
}

fn edit() -> impl Strategy<Value = Edit> {
    let tokens = prop::sample::select(vec![
        "",
        "",
        "0",
        "-1",
        "9223372036854775807",
        "1e300",
        "-",
        "\"",
        "'",
        "\n",
        "  ",
        ":",
        "{",
        "}",
        "[",
        "]",
        ",",
        "=",
        "null",
        "\u{fffd}",
        "ß",
        "99999999h",
        "1Ei",
        ".",
        "/",
        "%",
        "---\n",
        "\t",
        "&a ",
        "*a",
        "|",
        "#",
        "nan",
        "inf",
        "true",
        "2147483648",
        "0x1F",
        "~",
        "\\",
    ]);
    let new = prop_oneof![4 => tokens.prop_map(str::to_owned), 1 => "\\PC{0,6}"];
    (any::<Index>(), 0usize..12, new).prop_map(|(place, length, new)| Edit { place, length, new })
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    prop::collection::vec(edit(), 0..6)
}

fn edited(text: &str, edits: &[Edit]) -> String {
    let mut text: Vec<char> = text.chars().collect();
    for edit in edits {
        let from = edit.place.index(text.len() + 1);
        let to = (from + edit.length).min(text.len());
        text.splice(from..to, edit.new.chars());
    }
    text.into_iter().collect()
}

/// A line of a corpus with edits.
fn line(name: &'static str) -> impl Strategy<Value = String> {
    let lines: Vec<String> = corpus(name).lines().map(str::to_owned).collect();
    (prop::sample::select(lines), edits()).prop_map(|(line, edits)| edited(&line, &edits))
}

/// A corpus with edits.
fn whole(name: &'static str) -> impl Strategy<Value = String> {
    edits().prop_map(move |edits| edited(&corpus(name), &edits))
}

/// Reads a scenario of these files and simulates a minute of it.
fn read(files: &[(&str, &str)], set: &[(String, String)]) {
    let mut memory = Memory::default();
    memory.put("scenario.toml", corpus("scenario.toml"));
    memory.put("m.yaml", corpus("manifests.yaml"));
    for (name, text) in files {
        memory.put(name, text);
    }
    let built = Loaded::load("scenario.toml", &memory).and_then(|loaded| loaded.build(set));
    match built {
        Ok(built) => {
            let mut scenario = built.scenario;
            let minute = SimDuration::from_secs(60);
            scenario.simulation.duration = scenario.simulation.duration.min(minute);
            scenario.simulation.warm_up = SimDuration::ZERO;
            let mut steps = 0;
            // Large clusters and loads are read, but not simulated to the end.
            let run = world::run(&scenario, 1, Detail::Summary, |_| {
                steps += 1;
                steps < 20
            });
            if let Err(error @ world::RunError::Broken(..)) = run {
                panic!("{error}");
            }
        }
        Err(problems) => assert!(!problems.render(false).is_empty()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(
        std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(48)
    ) })]

    #[test]
    fn durations_and_quantities(duration in line("durations.txt"), quantity in line("quantities.txt")) {
        if let Ok(span) = duration.parse::<SimDuration>() {
            prop_assert_eq!(span.to_string().parse::<SimDuration>(), Ok(span));
        }
        if let Ok(amount) = quantity.parse::<Quantity>() {
            prop_assert_eq!(amount.to_string().parse::<Quantity>(), Ok(amount));
            let _ = (amount.as_f64(), amount.milli_value(), amount.value());
        }
    }

    #[test]
    fn command_lines_of_load_tools(command in line("load_commands.txt")) {
        let _ = (load::command_line::parse(&command), load::command_line::parse_wget_loop(&command));
    }

    #[test]
    fn command_lines_of_kubectl(command in line("kubectl_commands.txt")) {
        let _ = kubectl::command::parse(&command);
    }

    #[test]
    fn scenarios(text in whole("scenario.toml")) {
        read(&[("scenario.toml", &text)], &[]);
    }

    #[test]
    fn manifests(text in whole("manifests.yaml")) {
        read(&[("m.yaml", &text)], &[]);
    }

    #[test]
    fn commands_in_a_scenario(command in line("kubectl_commands.txt"), tool in line("load_commands.txt")) {
        let tables = format!(
            "{}\n[[action]]\nat = \"1s\"\nkubectl = {}\n[[load]]\nname = \"t\"\nservice = \"web\"\ncommand = {}\n",
            corpus("scenario.toml"), toml::Value::from(command), toml::Value::from(tool)
        );
        read(&[("scenario.toml", &tables)], &[]);
    }

    #[test]
    fn traces(text in whole("trace.csv"), options in line("trace.csv")) {
        let head = corpus("scenario.toml").replace("poisson = { rate = 5 }", "trace = { file = \"t.csv\" }");
        read(&[("scenario.toml", &head), ("t.csv", &text)], &[]);
        let head = head.replace("\"t.csv\"", &format!("\"t.csv\", linear = true, max_gap = \"10s\", rate = {}", toml::Value::from(options)));
        read(&[("scenario.toml", &head), ("t.csv", &text)], &[]);
    }

    #[test]
    fn checkpoints(text in whole("checkpoints.json")) {
        let _ = Checkpoints::from_json(&text, WallClock::default());
    }

    #[test]
    fn replaced_values(assignment in line("set_paths.txt")) {
        if let Some((path, value)) = assignment.split_once('=') {
            read(&[], &[(path.to_owned(), value.to_owned())]);
        }
    }

    #[test]
    fn recordings(text in line("recordings.jsonl"), kind in any::<Index>()) {
        let kinds: Vec<&str> = conformance::kinds().collect();
        let _ = conformance::replay(kinds[kind.index(kinds.len())], &text);
    }
}
