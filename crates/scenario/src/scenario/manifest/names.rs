//! Names, keys and numbers that the API server judges by their form, and what it says of wrong ones.
//!
//! Upstream: apimachinery's `pkg/api/validate/content`, `pkg/util/validation/validation.go`.

/// Everything that is wrong with a text; nothing if it is right.
pub(super) type Wrong = Vec<String>;

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const KEY: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

/// `RegexError`.
fn pattern(words: &str, regex: &str, examples: &[&str]) -> String {
    let quoted: Vec<String> = examples.iter().map(|one| format!("'{one}', ")).collect();
    let examples = quoted.join(" or ");
    format!("{words} (e.g. {examples}regex used for validation is '{regex}')")
}

fn at_most(text: &str, bytes: usize) -> Option<String> {
    (text.len() > bytes).then(|| format!("must be no more than {bytes} bytes"))
}

fn is_label(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(edge) && text.ends_with(edge) && text.chars().all(|c| edge(c) || c == '-')
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

/// `IsDNS1123Label`.
pub(super) fn label(text: &str) -> Wrong {
    let mut wrong: Wrong = at_most(text, 63).into_iter().collect();
    if !is_label(text) {
        wrong.push(if is_subdomain(text) {
            "must not contain dots".to_owned()
        } else {
            let words = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
            pattern(words, LABEL, &["my-name", "123-abc"])
        });
    }
    wrong
}

/// `IsDNS1035Label`.
pub(super) fn label_1035(text: &str) -> Wrong {
    let mut wrong: Wrong = at_most(text, 63).into_iter().collect();
    if !is_label(text) || !text.starts_with(|c: char| c.is_ascii_lowercase()) {
        let words = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
        let regex = "[a-z]([-a-z0-9]*[a-z0-9])?";
        wrong.push(pattern(words, regex, &["my-name", "abc-123"]));
    }
    wrong
}

/// `IsDNS1123Subdomain`.
pub(super) fn subdomain(text: &str) -> Wrong {
    let mut wrong: Wrong = at_most(text, 253).into_iter().collect();
    if !is_subdomain(text) {
        let words = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
        wrong.push(pattern(words, SUBDOMAIN, &["example.com"]));
    }
    wrong
}

/// `IsPathSegmentName`.
pub(super) fn path_segment(text: &str) -> Wrong {
    if matches!(text, "." | "..") {
        return vec![format!("may not be '{text}'")];
    }
    let held = ["/", "%"].into_iter().filter(|part| text.contains(part));
    held.map(|part| format!("may not contain '{part}'"))
        .collect()
}

fn is_word(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    let fits = |c: char| edge(c) || matches!(c, '-' | '_' | '.');
    text.starts_with(edge) && text.ends_with(edge) && text.chars().all(fits)
}

/// `IsQualifiedName`: the key of a label.
pub(super) fn qualified(text: &str) -> Wrong {
    let words = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
    let shape = |words: &str| pattern(words, KEY, &["MyName", "my.name", "123-abc"]);
    let parts: Vec<&str> = text.split('/').collect();
    let mut wrong = Wrong::new();
    let name = match parts[..] {
        [name] => name,
        [prefix, name] => {
            if prefix.is_empty() {
                wrong.push("prefix part must be non-empty".to_owned());
            } else {
                let words = subdomain(prefix).into_iter();
                wrong.extend(words.map(|words| format!("prefix part {words}")));
            }
            name
        }
        _ => {
            let shape = shape(&format!("a valid label key {words}"));
            return vec![format!(
                "{shape} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        wrong.push("name part must be non-empty".to_owned());
    } else if let Some(long) = at_most(name, 63) {
        wrong.push(format!("name part {long}"));
    }
    if !is_word(name) {
        wrong.push(shape(&format!("name part {words}")));
    }
    wrong
}

/// `IsValidLabelValue`.
pub(super) fn label_value(text: &str) -> Wrong {
    let mut wrong: Wrong = at_most(text, 63).into_iter().collect();
    if !text.is_empty() && !is_word(text) {
        let words = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
        let regex = format!("({KEY})?");
        wrong.push(pattern(words, &regex, &["MyValue", "my_value", "12345"]));
    }
    wrong
}

/// `IsValidPortNum`.
pub(super) fn port(number: i32) -> Wrong {
    let range = "must be between 1 and 65535, inclusive";
    let wrong = !(1..=65535).contains(&number);
    wrong.then(|| range.to_owned()).into_iter().collect()
}

/// `IsValidPortName`.
pub(super) fn port_name(text: &str) -> Wrong {
    let mut wrong: Wrong = at_most(text, 15).into_iter().collect();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let rules = [
        (
            !text.is_empty() && text.chars().all(fits),
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
        ),
        (
            text.contains(|c: char| c.is_ascii_lowercase()),
            "must contain at least one letter (a-z)",
        ),
        (!text.contains("--"), "must not contain consecutive hyphens"),
        (
            !text.starts_with('-') && !text.ends_with('-'),
            "must not begin or end with a hyphen",
        ),
    ];
    let broken = rules.into_iter().filter(|(kept, _)| !kept);
    wrong.extend(broken.map(|(_, words)| words.to_owned()));
    wrong
}

/// `IsValidPercent`: the number before the sign, or what is wrong.
pub(super) fn percent(text: &str) -> Result<i32, String> {
    let number = text
        .strip_suffix('%')
        .filter(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()));
    // More than fits is more than any bound.
    number
        .map(|number| number.parse().unwrap_or(i32::MAX))
        .ok_or_else(|| {
            let words = "a valid percent string must be a numeric string followed by an ending '%'";
            pattern(words, "[0-9]+%", &["1%", "93%"])
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_judged_by_their_form() {
        type Rule = fn(&str) -> Wrong;
        let cases: [(Rule, &[&str], &[&str]); 7] = [
            (
                label,
                &["a", "1a", "a-b"],
                &["", "A", "-a", "a-", "a.b", "a_b"],
            ),
            (label_1035, &["a", "a1"], &["1a", "a.b", ""]),
            (
                subdomain,
                &["a.b", "1.a-b"],
                &["a..b", ".a", "a.", "A.b", "a.-b"],
            ),
            (path_segment, &["a b", "A", "..."], &[".", "..", "a/b", "%"]),
            (
                qualified,
                &["a", "A_b.c", "x.y/Z"],
                &["", "/a", "a/", "X/a", "a/b/c", "a b"],
            ),
            (label_value, &["", "a", "A_1"], &["-a", "a b", "ä"]),
            (
                port_name,
                &["http", "a-1"],
                &["", "80", "HTTP", "a--b", "-a", "sixteen-letters-"],
            ),
        ];
        for (rule, right, wrong) in cases {
            for text in right {
                assert_eq!(rule(text), Wrong::new(), "{text:?}");
            }
            for text in wrong {
                assert_ne!(rule(text), Wrong::new(), "{text:?}");
            }
        }
        let long = "a".repeat(64);
        assert_eq!(label(&long), ["must be no more than 63 bytes"]);
        assert_eq!(label("a.b"), ["must not contain dots"]);
        assert_eq!(
            label("A"),
            [
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
            ]
        );
    }

    #[test]
    fn a_percentage_has_no_sign_before_it() {
        assert_eq!(percent("5%"), Ok(5));
        assert_eq!(percent("99999999999%"), Ok(i32::MAX));
        for wrong in ["+5%", "-0%", "%", "5", "5 %", "0.5%"] {
            assert!(percent(wrong).is_err(), "{wrong}");
        }
    }
}
