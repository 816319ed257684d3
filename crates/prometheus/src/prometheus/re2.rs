//! Patterns by RE2's rules, run by the `regex` crate.
//!
//! The crate's syntax is RE2's but for what is said here: RE2's `\d`, `\s`, `\w` and `\b` know
//! ASCII only, `\Q…\E` quotes, `\C` is one byte, and a `{` that opens no repetition stands for itself.

use std::fmt::Write as _;

use regex::Regex;

/// A pattern that does not compile, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {reason}: `{pattern}`")]
pub struct BadPattern {
    /// The pattern as written.
    pub pattern: String,
    /// Why it does not compile.
    pub reason: String,
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// A pattern that covers the whole text, where `.` matches line ends too: Prometheus' matchers.
    pub fn anchored(pattern: &str) -> Result<Self, BadPattern> {
        Self::compile(pattern, |translated| format!("^(?s:{translated})$"))
    }

    /// A pattern that may match anywhere, as Go's `regexp.Compile` takes it.
    pub fn anywhere(pattern: &str) -> Result<Self, BadPattern> {
        Self::compile(pattern, str::to_owned)
    }

    fn compile(pattern: &str, wrap: impl Fn(&str) -> String) -> Result<Self, BadPattern> {
        let bad = |reason: String| {
            // Go shows an open class from its bracket on.
            let start = match reason.as_str() {
                "missing closing ]" => pattern.rfind('[').unwrap_or(0),
                _ => 0,
            };
            BadPattern {
                pattern: pattern[start..].to_owned(),
                reason,
            }
        };
        // Alone first: a bracket too many must not close the wrapping.
        let translated = translate(pattern);
        Regex::new(&translated).map_err(|error| bad(reason(&error)))?;
        Regex::new(&wrap(&translated))
            .map(Self)
            .map_err(|error| bad(reason(&error)))
    }

    /// Whether it matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// The groups of the first match, put into a template with `$1`, `${1}` and `${name}`.
    pub fn expand(&self, text: &str, template: &str) -> Option<String> {
        let captures = self.0.captures(text)?;
        let mut expanded = String::new();
        captures.expand(template, &mut expanded);
        Some(expanded)
    }

    /// All matches replaced by the template, as Go's `ReplaceAllString`.
    pub fn replace_all(&self, text: &str, template: &str) -> String {
        self.0.replace_all(text, template).into_owned()
    }

    /// The groups' names in order, the whole match first.
    pub fn group_names(&self) -> Vec<Option<&str>> {
        self.0.capture_names().collect()
    }
}

/// The last line of the crate's explanation, in Go's words where it has some.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    let last = last.trim_start_matches("error: ");
    let known = [
        ("unclosed group", "missing closing )"),
        ("unopened group", "unexpected )"),
        ("unclosed character class", "missing closing ]"),
        (
            "repetition operator missing expression",
            "missing argument to repetition operator",
        ),
    ];
    let found = known.iter().find(|(crates, _)| *crates == last);
    found.map_or(last, |(_, go)| go).to_owned()
}

/// RE2's syntax in the crate's.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    let mut in_class = false;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => rest = escape(rest, in_class, &mut out),
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                for first in ["^", "]"] {
                    if let Some(after) = rest.strip_prefix(first) {
                        rest = after;
                        out.push_str(if first == "]" { "\\]" } else { first });
                    }
                }
            }
            '[' if !rest.starts_with(':') => out.push_str("\\["),
            '[' => {
                let end = rest.find(":]").map_or(0, |end| end + 2);
                out.push('[');
                out.push_str(&rest[..end]);
                rest = &rest[end..];
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            // Set operations of the crate, plain characters in RE2.
            '&' | '~' if in_class => {
                out.push('\\');
                out.push(c);
            }
            '{' if !in_class && !is_repetition(rest) => out.push_str("\\{"),
            '}' if !in_class && !closes_repetition(&out) => out.push_str("\\}"),
            _ => out.push(c),
        }
    }
    out
}

/// Writes what follows a backslash, and returns what follows that.
fn escape<'a>(rest: &'a str, in_class: bool, out: &mut String) -> &'a str {
    let Some(c) = rest.chars().next() else {
        out.push('\\');
        return rest;
    };
    let after = &rest[c.len_utf8()..];
    let class = match c {
        'd' => "0-9",
        's' => "\\t\\n\\x0C\\r ",
        'w' => "0-9A-Za-z_",
        'D' if !in_class => "^0-9",
        'S' if !in_class => "^\\t\\n\\x0C\\r ",
        'W' if !in_class => "^0-9A-Za-z_",
        'b' | 'B' if !in_class => {
            let _ = write!(out, "(?-u:\\{c})");
            return after;
        }
        'C' if !in_class => {
            out.push_str("(?s:.)");
            return after;
        }
        'Q' if !in_class => {
            let end = after.find("\\E").unwrap_or(after.len());
            out.push_str(&regex::escape(&after[..end]));
            return after[end..].strip_prefix("\\E").unwrap_or("");
        }
        _ => {
            out.push('\\');
            out.push(c);
            return after;
        }
    };
    if in_class {
        out.push_str(class);
    } else {
        let _ = write!(out, "[{class}]");
    }
    after
}

/// Whether what follows a `{` makes it a repetition: `n}`, `n,}` or `n,m}`.
fn is_repetition(rest: &str) -> bool {
    let Some((inside, _)) = rest.split_once('}') else {
        return false;
    };
    let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !least.is_empty() && digits(least) && digits(most)
}

/// Whether a `}` belongs to an open `{`, also of a group `\p{…}` or `\x{…}`.
fn closes_repetition(out: &str) -> bool {
    let open = out.rfind('{');
    let escaped = open.is_some_and(|at| out[..at].ends_with('\\'));
    open > out.rfind('}') && !escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::anchored(pattern).unwrap().is_match(text)
    }

    #[test]
    fn classes_know_ascii_only() {
        assert!(matches(r"\d+\w[\d_]\s", "12a_ "));
        assert!(!matches(r"\d", "٣"));
        assert!(!matches(r"\w", "é"));
        assert!(matches(r"\W", "é"));
        assert!(matches(r"\pL", "é"));
    }

    #[test]
    fn braces_and_quotes_stand_for_themselves() {
        assert!(matches(r"a{b}", "a{b}"));
        assert!(matches(r"a{2}", "aa"));
        assert!(matches(r"a{2,}b{1,2}", "aaab"));
        assert!(matches(r"\Qa.b\E.", "a.bx"));
        assert!(!matches(r"\Qa.b\E", "axb"));
        assert!(matches(r"[]a]+", "a]"));
        assert!(matches(r"[a&&b]+", "&ab"));
        assert!(matches(r"[[:alpha:][]+", "a["));
        assert!(matches(r"\x{41}", "A"));
    }

    #[test]
    fn a_bracket_too_many_is_no_pattern() {
        let error = |pattern| Pattern::anchored(pattern).unwrap_err().to_string();
        assert_eq!(error("a)(b"), "error parsing regexp: unexpected ): `a)(b`");
        assert_eq!(error("(a"), "error parsing regexp: missing closing ): `(a`");
        assert_eq!(
            error("a[b"),
            "error parsing regexp: missing closing ]: `[b`"
        );
    }

    #[test]
    fn templates_name_groups() {
        let pattern = Pattern::anchored("(.*)_(?P<rest>.*)").unwrap();
        assert_eq!(
            pattern.expand("a_b", "$2-${1}-$rest-$$-$9").unwrap(),
            "b-a-b-$-"
        );
        assert_eq!(pattern.expand("ab", "$1"), None);
    }
}
