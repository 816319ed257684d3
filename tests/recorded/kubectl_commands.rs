//! Every command line that was typed at a real control plane parses; those that need a shell
//! are refused at the place where they do.

use std::fs;
use std::ops::Range;

use nlsim::kubectl::command::{Command, File, Targets, parse};
use serde_json::Value;

const PATH: &str = "tests/golden/kubectl/commands.jsonl";

/// The recorded command lines; what was on the standard input follows as a here-document.
fn recorded() -> Vec<String> {
    let text = fs::read_to_string(PATH).expect("the recorded command lines");
    text.lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).expect("a line of JSON");
            let command = line["cmd"].as_str().expect("a command").to_owned();
            match line["stdin"].as_str() {
                Some(input) => format!("{command} <<'EOF'\n{input}\nEOF\n"),
                None => command,
            }
        })
        .collect()
}

#[test]
fn typed_commands_parse_or_are_refused_where_they_need_a_shell() {
    let (mut parsed, mut refused) = (0, Vec::new());
    for text in recorded() {
        match parse(&text) {
            Ok(_) => parsed += 1,
            Err(error) => {
                let Range { start, end } = error.range;
                refused.push(format!("{:.40} … {}", &text[start..end], error.message));
            }
        }
    }
    assert_eq!(parsed, 208);
    insta::assert_snapshot!(refused.join("\n"));
}

#[test]
fn manifests_on_the_standard_input_are_kept_with_their_place() {
    let mut manifests = 0;
    for text in recorded().iter().filter(|text| text.contains("-f -")) {
        let Command::Apply(files) = parse(text).expect("a command").command else {
            panic!("only `apply` read the standard input");
        };
        let [
            File::Here {
                text: manifest,
                range,
            },
        ] = files.as_slice()
        else {
            panic!("one manifest: {files:?}");
        };
        assert_eq!(&text[range.clone()], manifest);
        serde_json::from_str::<Value>(manifest).expect("the recorded manifests are JSON");
        manifests += 1;
    }
    assert_eq!(manifests, 13);
}

#[test]
fn named_objects_stand_where_they_were_typed() {
    for text in recorded() {
        let Ok(line) = parse(&text) else { continue };
        let Some(Targets::Named(objects)) = line.command.targets() else {
            continue;
        };
        for object in objects {
            let typed = &text[object.range.clone()];
            let name = typed.rsplit('/').next().unwrap_or(typed);
            assert_eq!(name, object.name, "{text}");
        }
    }
}
