//! YAML as `sigs.k8s.io/yaml` writes it: keys sorted, lists not indented, long texts folded.
//! No crate makes the same choices of quotes and line ends, so that they are made here.
//!
//! Upstream: `sigs.k8s.io/yaml/goyaml.v2`, `emitterc.go`, `sorter.go`.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::scalar::{Style, is_printable, style};

/// Behind this column a text goes on in the next line, at its next blank.
const BEST_WIDTH: usize = 80;
/// Blanks per level.
const INDENT: usize = 2;

/// Writes a value as a document.
pub fn write(value: &Value) -> String {
    let mut writer = Writer {
        text: String::new(),
        column: 0,
    };
    match value {
        Value::Object(object) if !object.is_empty() => writer.object(object, 0),
        Value::Array(items) if !items.is_empty() => writer.array(items, 0),
        scalar => {
            writer.scalar(scalar, INDENT);
            writer.end_line();
        }
    }
    writer.text
}

struct Writer {
    text: String,
    column: usize,
}

impl Writer {
    fn put(&mut self, text: &str) {
        self.text.push_str(text);
        self.column += text.chars().count();
    }

    fn end_line(&mut self) {
        if self.column > 0 {
            self.text.push('\n');
            self.column = 0;
        }
    }

    fn begin_line(&mut self, indent: usize) {
        self.end_line();
        self.put(&" ".repeat(indent));
    }

    /// The entries of an object, of which the first may stand behind a `- `.
    fn object(&mut self, object: &Map<String, Value>, indent: usize) {
        let mut entries: Vec<(&String, &Value)> = object.iter().collect();
        entries.sort_by(|a, b| natural_order(a.0, b.0));
        for (at, (key, value)) in entries.into_iter().enumerate() {
            if at > 0 || self.column != indent {
                self.begin_line(indent);
            }
            self.key(key);
            self.put(":");
            match value {
                Value::Object(object) if !object.is_empty() => {
                    self.begin_line(indent + INDENT);
                    self.object(object, indent + INDENT);
                }
                Value::Array(items) if !items.is_empty() => self.array(items, indent),
                scalar => {
                    self.put(" ");
                    self.scalar(scalar, indent + INDENT);
                }
            }
        }
        self.end_line();
    }

    fn array(&mut self, items: &[Value], indent: usize) {
        for item in items {
            if self.column != indent || indent == 0 {
                self.begin_line(indent);
            }
            self.put("- ");
            match item {
                Value::Object(object) if !object.is_empty() => {
                    self.object(object, indent + INDENT);
                }
                Value::Array(items) if !items.is_empty() => self.array(items, indent + INDENT),
                scalar => self.scalar(scalar, indent + INDENT),
            }
        }
        self.end_line();
    }

    /// A scalar or an empty collection; `indent` is where its further lines begin.
    fn scalar(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Object(_) => self.put("{}"),
            Value::Array(_) => self.put("[]"),
            Value::String(text) => match style(text, false) {
                Style::Plain => self.folded(text, indent, false),
                Style::Single => {
                    self.put("'");
                    self.folded(&text.replace('\'', "''"), indent, true);
                    self.put("'");
                }
                Style::Double => self.double_quoted(text, Some(indent)),
                Style::Literal => self.literal(text, indent),
            },
            other => self.put(&other.to_string()),
        }
    }

    fn key(&mut self, key: &str) {
        match style(key, true) {
            Style::Plain => self.put(key),
            Style::Single => self.put(&format!("'{}'", key.replace('\'', "''"))),
            Style::Double | Style::Literal => self.double_quoted(key, None),
        }
    }

    /// Text that goes on in the next line at blanks behind the best width, unless there are
    /// several.
    fn folded(&mut self, text: &str, indent: usize, quoted: bool) {
        let mut previous = None;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let next = chars.peek();
            let single = c == ' ' && previous != Some(' ') && next != Some(&' ');
            let inside = !quoted || (previous.is_some() && next.is_some());
            if single && inside && self.column > BEST_WIDTH {
                self.begin_line(indent);
            } else {
                self.text.push(c);
                self.column += 1;
            }
            previous = Some(c);
        }
    }

    /// Text in double quotes; without an indent it stays on its line.
    fn double_quoted(&mut self, text: &str, indent: Option<usize>) {
        self.put("\"");
        let mut previous = None;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let next = chars.peek().copied();
            let inside = previous.is_some() && next.is_some();
            match (c, indent) {
                (' ', Some(indent))
                    if inside && previous != Some(' ') && self.column > BEST_WIDTH =>
                {
                    self.begin_line(indent);
                    if next == Some(' ') {
                        self.put("\\");
                    }
                }
                _ => self.escaped(c),
            }
            previous = Some(c);
        }
        self.put("\"");
    }

    fn escaped(&mut self, c: char) {
        let short = match c {
            '\0' => "\\0",
            '\u{7}' => "\\a",
            '\u{8}' => "\\b",
            '\t' => "\\t",
            '\n' => "\\n",
            '\u{b}' => "\\v",
            '\u{c}' => "\\f",
            '\r' => "\\r",
            '\u{1b}' => "\\e",
            '"' => "\\\"",
            '\\' => "\\\\",
            '\u{85}' => "\\N",
            '\u{2028}' => "\\L",
            '\u{2029}' => "\\P",
            c if is_printable(c) => return self.put(c.encode_utf8(&mut [0; 4])),
            c => {
                let code = u32::from(c);
                return self.put(&match code {
                    ..0x100 => format!("\\x{code:02X}"),
                    0x100..0x1_0000 => format!("\\u{code:04X}"),
                    _ => format!("\\U{code:08X}"),
                });
            }
        };
        self.put(short);
    }

    /// `|`, and the text's lines.
    fn literal(&mut self, text: &str, indent: usize) {
        self.put("|");
        if text.starts_with([' ', '\n']) {
            self.put("2");
        }
        if !text.ends_with('\n') {
            self.put("-");
        } else if text == "\n" || text.ends_with("\n\n") {
            self.put("+");
        }
        self.text.push('\n');
        for line in text.split_inclusive('\n') {
            if line != "\n" {
                self.text.push_str(&" ".repeat(indent));
            }
            self.text.push_str(line);
        }
        self.column = usize::from(!text.ends_with('\n'));
    }
}

/// Letters by code, numbers by their size: `a2` before `a10` (`keyList.Less`).
fn natural_order(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let differs = a.iter().zip(&b).position(|(a, b)| a != b);
    let Some(at) = differs else {
        return a.len().cmp(&b.len());
    };
    let after_digits = at > 0 && a[at - 1].is_numeric();
    match (a[at].is_alphabetic(), b[at].is_alphabetic()) {
        (true, true) => return a[at].cmp(&b[at]),
        (true, false) if after_digits => return Ordering::Less,
        (false, true) if after_digits => return Ordering::Greater,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let zero = a[at] == '0' || b[at] == '0';
    let leading = a[..at].iter().rev().take_while(|c| c.is_ascii_digit());
    let begun = zero && leading.clone().any(|c| *c != '0');
    let number = |text: &[char]| {
        let digits: Vec<char> = text[at..]
            .iter()
            .copied()
            .take_while(char::is_ascii_digit)
            .collect();
        let value = digits.iter().fold(u64::from(begun), |value, digit| {
            value
                .saturating_mul(10)
                .saturating_add(u64::from(digit.to_digit(10).unwrap_or(0)))
        });
        (value, digits.len())
    };
    number(&a).cmp(&number(&b)).then(a[at].cmp(&b[at]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_look_as_kubectl_prints_them() {
        let value = json!({
            "b": [{"x": 1, "a": ["p", "q"]}, [1, [2]], {}, "s", null],
            "a10": true, "a2": 1.5, "empty": {}, "none": [],
            "text": "line\n\n  more\n", "kept": "a\n\n", "cut": "a\nb",
            "tab": "a\tb", "": "x: y",
        });
        assert_eq!(
            write(&value),
            "\"\": 'x: y'\na2: 1.5\na10: true\nb:\n- a:\n  - p\n  - q\n  x: 1\n- - 1\n  - - 2\n\
             - {}\n- s\n- null\ncut: |-\n  a\n  b\nempty: {}\nkept: |+\n  a\n\nnone: []\n\
             tab: \"a\\tb\"\ntext: |\n  line\n\n    more\n"
        );
    }

    #[test]
    fn long_texts_go_on_in_the_next_line() {
        let words = "word ".repeat(20);
        let written = write(&json!({"a": {"b": words.trim_end()}}));
        let lines: Vec<&str> = written.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[1], format!("  b: {}word", "word ".repeat(15)));
        assert_eq!(lines[2], "    word word word word");
    }
}
