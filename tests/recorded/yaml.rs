//! YAML against kubectl's own library: the YAML test suite, and what manifests are like.

use crate::common;
use nlsim::kubectl::yaml::{documents, parse, to_json};
use serde_json::Value;

/// Where libyaml and its port in Go differ, and ours is libyaml.
const DIFFERENT: [&str; 7] = [
    // `\/` and `\'` in quotes.
    "3UYS", "HRE5", // `?` in a flow list, a comma behind a colon or a tag.
    "JR7V", "4ABK", "U99R", "WZ62", // Binary data, which is no text here.
    "565N",
];

/// The documents of a text, up to the first that cannot be read, and whether it is read whole.
fn read(text: &str) -> (Vec<Value>, bool) {
    let mut read = Vec::new();
    for part in documents(text) {
        let Ok(part) = part else {
            return (read, false);
        };
        let json = part.json.then(|| serde_json::from_str(part.text).ok());
        let yaml = || {
            let document = parse(part.text).ok()?;
            document.root.as_ref().map_or(Ok(Value::Null), to_json).ok()
        };
        match json.flatten().or_else(yaml) {
            Some(Value::Null) => {}
            Some(value) => read.push(value),
            None => return (read, false),
        }
    }
    (read, true)
}

fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => ours == theirs,
    }
}

#[test]
fn every_text_is_read_as_by_kubectl() {
    let recorded = common::golden("yaml/kubectl.jsonl.gz");
    let (mut cases, mut different) = (0, Vec::new());
    for line in recorded.lines() {
        let case: Value = serde_json::from_str(line).expect("JSON");
        let text = case["text"].as_str().expect("a text");
        let name = case["case"].as_str().expect("a name");
        let theirs = case["documents"].as_array().expect("a list").iter();
        let theirs: Vec<&Value> = theirs.filter(|one| !one.is_null()).collect();
        let (ours, whole) = read(text);
        let equal = ours.len() == theirs.len()
            && ours.iter().zip(&theirs).all(|(a, b)| same(a, b))
            && whole == case.get("error").is_none();
        cases += 1;
        if !equal && !DIFFERENT.contains(&name) {
            let ours = Value::from(ours);
            different.push(format!(
                "{name}: {text:?}\n  {ours} {whole}\n  {theirs:?} {:?}",
                case["error"]
            ));
        }
        if equal && DIFFERENT.contains(&name) {
            different.push(format!("{name} is the same now"));
        }
    }
    assert!(cases > 470, "{cases}");
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn keys_that_stand_twice_are_found() {
    let doubles = |text: &str| {
        let found = parse(text).expect("YAML").doubles.into_iter();
        found.map(|key| key.name).collect::<Vec<_>>()
    };
    assert_eq!(doubles("a: 1\nb: 2\na: 3\n"), ["a"]);
    assert_eq!(doubles("a: &x {b: 1}\nc:\n  <<: *x\n  b: 2\n"), [""; 0]);
    let keys: Vec<String> = (0..100_000).map(|key| format!("k{key}: 1\n")).collect();
    let many = keys.concat();
    assert_eq!(doubles(&many), [""; 0]);
    assert_eq!(doubles(&format!("{many}k99999: 2\n")), ["k99999"]);
}
