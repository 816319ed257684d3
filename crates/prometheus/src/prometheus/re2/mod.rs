//! Patterns as Go reads them, run by the `regex` crate.
//!
//! `syntax` turns Go's syntax into the crate's: `\d`, `\s`, `\w` and `\b` know ASCII only,
//! `\Q…\E` quotes, `\60` is octal, and a `{` that opens no repetition stands for itself.

mod class;
mod syntax;

use regex::{Captures, Regex, RegexBuilder};
use syntax::Translated;

/// A pattern that does not compile, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {reason}: `{pattern}`")]
pub struct BadPattern {
    /// What of the pattern does not compile.
    pub pattern: String,
    /// Why it does not compile.
    pub reason: String,
}

/// How much memory a compiled pattern may take: as good as any, as Go bounds repetitions instead.
const LARGEST: usize = 1 << 30;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
    /// The groups' names, the whole match first.
    names: Vec<Option<String>>,
}

impl Pattern {
    /// A pattern that covers the whole text, where `.` matches line ends too: Prometheus' matchers.
    pub fn anchored(pattern: &str) -> Result<Self, BadPattern> {
        // Read alone: a bracket too many must not close the wrapping.
        let mut translated = syntax::translate(pattern)?;
        translated.pattern = format!("^(?s:{})$", translated.pattern);
        Self::compile(pattern, translated)
    }

    /// The same where the pattern may close the wrapping and open it again: `label_replace`.
    pub fn wrapped(pattern: &str) -> Result<Self, BadPattern> {
        Self::anywhere(&format!("^(?s:{pattern})$"))
    }

    /// A pattern that may match anywhere, as Go's `regexp.Compile` takes it.
    pub fn anywhere(pattern: &str) -> Result<Self, BadPattern> {
        Self::compile(pattern, syntax::translate(pattern)?)
    }

    fn compile(pattern: &str, translated: Translated) -> Result<Self, BadPattern> {
        let regex = RegexBuilder::new(&translated.pattern)
            .size_limit(LARGEST)
            .nest_limit(10_000)
            .build()
            .map_err(|error| syntax::bad(&last_line(&error), pattern))?;
        Ok(Self {
            regex,
            names: translated.names,
        })
    }

    /// Whether it matches.
    pub fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The groups of the first match, put into a template with `$1`, `${1}` and `${name}`.
    pub fn expand(&self, text: &str, template: &str) -> Option<String> {
        let captures = self.regex.captures(text)?;
        let mut expanded = String::new();
        self.put(&captures, template, &mut expanded);
        Some(expanded)
    }

    /// All matches replaced by the template, as Go's `ReplaceAllString`.
    pub fn replace_all(&self, text: &str, template: &str) -> String {
        let replaced = self.regex.replace_all(text, |captures: &Captures<'_>| {
            let mut expanded = String::new();
            self.put(captures, template, &mut expanded);
            expanded
        });
        replaced.into_owned()
    }

    /// The groups' names in order, the whole match first.
    pub fn group_names(&self) -> Vec<Option<&str>> {
        self.names.iter().map(Option::as_deref).collect()
    }

    /// Puts a template with its groups, as Go's `Regexp.expand` does: a `$` that names nothing
    /// stands for itself, a group that is not there for nothing.
    fn put(&self, captures: &Captures<'_>, template: &str, expanded: &mut String) {
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('$') {
            expanded.push_str(before);
            rest = after;
            if let Some(after) = rest.strip_prefix('$') {
                expanded.push('$');
                rest = after;
            } else if let Some((name, after)) = group_of(rest) {
                rest = after;
                expanded.push_str(self.group(captures, name));
            } else {
                expanded.push('$');
            }
        }
        expanded.push_str(rest);
    }

    /// What a group matched, by its number or its name; of groups with one name, the first that
    /// matched.
    fn group<'t>(&self, captures: &Captures<'t>, name: &str) -> &'t str {
        let is_number = name.len() <= 8 && name.bytes().all(|byte| byte.is_ascii_digit());
        let found = if is_number && (name.len() == 1 || !name.starts_with('0')) {
            name.parse().ok().and_then(|number| captures.get(number))
        } else {
            let named = |index: &usize| self.names[*index].as_deref() == Some(name);
            let mut groups = (0..self.names.len()).filter(named);
            groups.find_map(|index| captures.get(index))
        };
        found.map_or("", |found| found.as_str())
    }
}

/// The name behind a `$`, as long as it can be or in braces, and what follows.
fn group_of(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('{');
    let begin = inside.unwrap_or(text);
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let end = begin.find(|c| !is_part(c)).unwrap_or(begin.len());
    let (name, rest) = begin.split_at(end);
    if name.is_empty() {
        return None;
    }
    let rest = match inside {
        None => rest,
        Some(_) => rest.strip_prefix('}')?,
    };
    Some((name, rest))
}

/// The last line of the crate's explanation.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
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

    #[test]
    fn a_dollar_that_names_nothing_stands_for_itself() {
        let pattern = Pattern::anchored("(?P<n>a)(?P<n>b)?(c)?").unwrap();
        let rows = [
            ("$n", "a"),
            ("${n", "${n"),
            ("$", "$"),
            ("$-", "$-"),
            ("${}", "${}"),
            ("$1x", ""),
            ("${1}x", "ax"),
            ("$01", ""),
            ("$3|$4", "|"),
            ("$0$$0", "a$0"),
            ("$1é", ""),
        ];
        for (template, expected) in rows {
            assert_eq!(
                pattern.expand("a", template).unwrap(),
                expected,
                "{template}"
            );
        }
        let anywhere = Pattern::anywhere("a(b*)").unwrap();
        assert_eq!(anywhere.replace_all("abba", "<$1>"), "<bb><>");
    }

    #[test]
    fn escapes_and_classes_are_those_of_go() {
        assert!(matches(r"\60\060\x41\x{1F600}", "00A😀"));
        assert!(matches(r"\p{Greek}\pN\P{L}\p{^Lu}", "α1-a"));
        assert!(matches(r"[!--a]+", "!,-a"));
        assert!(matches(r"[a\-z!--]+", "a-z+"));
        assert!(matches(r"[^[]+", "ab]"));
        assert!(matches(r"[[a]pi", "[pi"));
        assert!(matches(r"[\D\d]\_\!", "x_!"));
        assert!(matches(r"[[:^alpha:]x]+", "1x"));
        assert!(matches(r"a{01}b{,2}", "a{01}b{,2}"));
        assert!(matches(r"\Q[a\Eb+\Q*", "[abb*"));
        assert!(matches(r"(?i:A)(?-s)(?U)b*(?P<1>c)", "abbc"));
        assert!(matches(r"a\Bb\b", "ab"));
        assert!(matches(r"(a(?i)+(?s)b)+", "aaBab"));
        assert!(matches(r"\w{1000}", &"a".repeat(1000)));
        assert!(matches(r"(.{10}){100}", &"é".repeat(1000)));
        assert!(!matches(r"\x{D800}|[\x{D800}]", "a"));
    }

    #[test]
    fn what_go_refuses_is_refused_in_its_words() {
        let rows = [
            ("a**", "invalid nested repetition operator: `**`"),
            ("a{1}{1}", "invalid nested repetition operator: `{1}{1}`"),
            ("a+?*?b", "invalid nested repetition operator: `+?*?`"),
            ("a{1001}", "invalid repeat count: `{1001}`"),
            ("a{2,1}", "invalid repeat count: `{2,1}`"),
            ("(a{100}){11}", "invalid repeat count: `{11}`"),
            ("(|*a)", "missing argument to repetition operator: `*`"),
            ("\\Q\\E+", "missing argument to repetition operator: `+`"),
            ("(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
            ("(?i-)a", "invalid or unsupported Perl syntax: `(?i-)`"),
            ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
            ("(?P<a b>c)", "invalid named capture: `(?P<a b>`"),
            ("(?<a.b>c)", "invalid named capture: `(?<a.b>`"),
            ("\\u0041", "invalid escape sequence: `\\u`"),
            ("\\U", "invalid escape sequence: `\\U`"),
            ("\\C", "invalid escape sequence: `\\C`"),
            ("(a)\\1", "invalid escape sequence: `\\1`"),
            ("\\x{110000}", "invalid escape sequence: `\\x{110000`"),
            ("a\\", "trailing backslash at end of expression: ``"),
            ("[z-a]", "invalid character class range: `z-a`"),
            ("[[:no:]]", "invalid character class range: `[:no:]`"),
            (
                "\\p{No_such}",
                "invalid character class range: `\\p{No_such}`",
            ),
            ("a[]b", "missing closing ]: `[]b`"),
        ];
        for (pattern, expected) in rows {
            let error = Pattern::anchored(pattern).unwrap_err().to_string();
            assert_eq!(error, format!("error parsing regexp: {expected}"));
        }
    }

    #[test]
    fn a_pattern_that_is_only_wrapped_may_close_the_wrapping() {
        assert!(Pattern::anchored("a)(.*").is_err());
        assert!(Pattern::wrapped("a)(.*").unwrap().is_match("ab"));
        assert!(Pattern::wrapped("a)").is_err());
        assert!(Pattern::wrapped("\\Qa").is_err());
    }
}
