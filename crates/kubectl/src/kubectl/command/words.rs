//! A command line's words, as a shell would split them, with their places.
//!
//! No shell runs here: what a shell would do beyond quoting (pipes, variables, several
//! commands) is an error at its place. A here-document is kept as the standard input.

use std::ops::Range;

use super::ParseError;

/// A word without its quotes, and where it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) range: Range<usize>,
}

impl Word {
    pub(super) fn wrong(&self, message: impl Into<String>) -> ParseError {
        ParseError {
            range: self.range.clone(),
            message: message.into(),
            help: None,
        }
    }
}

/// What stands between `<<EOF` and `EOF`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HereDocument {
    pub(super) text: String,
    pub(super) range: Range<usize>,
}

/// A command line taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) words: Vec<Word>,
    pub(super) input: Option<HereDocument>,
}

/// Splits a command line. The text may hold one command and its here-document.
pub(super) fn split(text: &str) -> Result<Line, ParseError> {
    let mut scanner = Scanner { text, at: 0 };
    let (mut words, mut announced) = (Vec::new(), None);
    loop {
        scanner.skip_blanks();
        let start = scanner.at;
        match scanner.peek() {
            None => break,
            Some('\n') => {
                scanner.at += 1;
                if announced.is_some() || !words.is_empty() {
                    break;
                }
            }
            Some('#') => scanner.skip_line(),
            Some('<') if scanner.rest().starts_with("<<") && announced.is_none() => {
                announced = Some(scanner.announcement()?);
            }
            Some('|' | '&' | ';' | '<' | '>' | '(' | ')') => return Err(scanner.shell_syntax()),
            Some(_) => {
                let range = scanner.word()?;
                let raw = &text[range.clone()];
                let parts = shell_words::split(raw).map_err(|_| not_closed(start, raw))?;
                words.push(Word {
                    text: parts.concat(),
                    range,
                });
            }
        }
    }
    let input = announced
        .map(|announced| scanner.here_document(&announced))
        .transpose()?;
    scanner.nothing_more()?;
    Ok(Line { words, input })
}

fn not_closed(start: usize, raw: &str) -> ParseError {
    ParseError {
        range: start..start + raw.len(),
        message: "a quote is not closed".to_owned(),
        help: None,
    }
}

/// `<<EOF`, `<<'EOF'` or `<<-EOF`.
struct Announcement {
    range: Range<usize>,
    delimiter: String,
    quoted: bool,
    strip_tabs: bool,
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Passes over blanks and over line ends behind a backslash.
    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\r']);
            self.at += rest.len() - trimmed.len();
            match trimmed
                .strip_prefix("\\\n")
                .or_else(|| trimmed.strip_prefix("\\\r\n"))
            {
                Some(after) => self.at = self.text.len() - after.len(),
                None => return,
            }
        }
    }

    fn skip_line(&mut self) {
        self.at += self.rest().find('\n').unwrap_or(self.rest().len());
    }

    /// The word that begins here; ends before it are found with quotes in mind.
    fn word(&mut self) -> Result<Range<usize>, ParseError> {
        let start = self.at;
        let mut quote: Option<(char, usize)> = None;
        let mut chars = self.rest().char_indices().peekable();
        let mut end = self.text.len();
        while let Some((offset, c)) = chars.next() {
            let at = start + offset;
            let next = chars.peek().map(|(_, c)| *c);
            match (quote.map(|(quote, _)| quote), c) {
                (Some('\''), '\'') | (Some('"'), '"') => quote = None,
                (None | Some('"'), '\\') => {
                    chars.next();
                }
                (None | Some('"'), '$' | '`') if expands(c, next) => {
                    return Err(expansion(at, &self.text[at..]));
                }
                (None, '\'' | '"') => quote = Some((c, at)),
                (None, ' ' | '\t' | '\r' | '\n' | '|' | '&' | ';' | '<' | '>' | '(' | ')') => {
                    end = at;
                    break;
                }
                _ => {}
            }
        }
        if let Some((quote, at)) = quote {
            return Err(ParseError {
                range: at..self.text.len(),
                message: format!("the quote {quote} is not closed"),
                help: None,
            });
        }
        self.at = end;
        Ok(start..end)
    }

    fn announcement(&mut self) -> Result<Announcement, ParseError> {
        let start = self.at;
        self.at += 2;
        let strip_tabs = self.rest().starts_with('-');
        self.at += usize::from(strip_tabs);
        self.skip_blanks();
        let range = match self.peek() {
            None | Some('\n' | '|' | '&' | ';' | '<' | '>' | '(' | ')') => self.at..self.at,
            Some(_) => self.word()?,
        };
        let raw = &self.text[range.clone()];
        let delimiter = shell_words::split(raw)
            .map_err(|_| not_closed(range.start, raw))?
            .concat();
        if delimiter.is_empty() {
            return Err(ParseError {
                range: start..self.at,
                message: "`<<` needs the word that ends the here-document".to_owned(),
                help: Some("write for example `<<'EOF'`".to_owned()),
            });
        }
        Ok(Announcement {
            range: start..range.end,
            quoted: raw.contains(['\'', '"', '\\']),
            delimiter,
            strip_tabs,
        })
    }

    fn here_document(&mut self, announced: &Announcement) -> Result<HereDocument, ParseError> {
        let start = self.at;
        let mut text = String::new();
        while self.at < self.text.len() {
            let line_start = self.at;
            let line = self.rest().split_inclusive('\n').next().unwrap_or_default();
            self.at += line.len();
            let kept = if announced.strip_tabs {
                line.trim_start_matches('\t')
            } else {
                line
            };
            if kept.trim_end_matches(['\n', '\r']) == announced.delimiter {
                if !announced.quoted {
                    literal(&self.text[start..line_start], start)?;
                }
                return Ok(HereDocument {
                    text,
                    range: start..line_start,
                });
            }
            text.push_str(kept);
        }
        Err(ParseError {
            range: announced.range.clone(),
            message: "the here-document does not end".to_owned(),
            help: Some(format!(
                "its last line has to be `{}` alone, without blanks",
                announced.delimiter
            )),
        })
    }

    fn shell_syntax(&self) -> ParseError {
        let operators = |c: char| "|&;<>()".contains(c);
        let rest = self.rest();
        let length = rest.find(|c| !operators(c)).unwrap_or(rest.len());
        ParseError {
            range: self.at..self.at + length,
            message: format!("no shell runs here: `{}` has no meaning", &rest[..length]),
            help: Some("give one kubectl command, and further ones for themselves".to_owned()),
        }
    }

    /// Whatever is left has to be blank or a comment.
    fn nothing_more(&mut self) -> Result<(), ParseError> {
        loop {
            self.skip_blanks();
            match self.peek() {
                None => return Ok(()),
                Some('\n') => self.at += 1,
                Some('#') => self.skip_line(),
                Some(_) => {
                    let length = self.rest().find(char::is_whitespace);
                    return Err(ParseError {
                        range: self.at..self.at + length.unwrap_or(self.rest().len()),
                        message: "a second command begins here".to_owned(),
                        help: Some(
                            "give each command for itself; a line goes on if the one before \
                             it ends in a backslash"
                                .to_owned(),
                        ),
                    });
                }
            }
        }
    }
}

/// Whether a shell would put something else in the place of what begins here.
fn expands(c: char, next: Option<char>) -> bool {
    c == '`' || next.is_some_and(|next| next.is_alphanumeric() || "({_'?@*#!".contains(next))
}

fn expansion(at: usize, rest: &str) -> ParseError {
    let length = match rest.as_bytes().get(1) {
        Some(b'(') => rest.rfind(')').map_or(rest.len(), |end| end + 1),
        _ => rest
            .find([' ', '\t', '\n', '"'])
            .unwrap_or(rest.len())
            .max(1),
    };
    ParseError {
        range: at..at + length,
        message: "no shell runs here that could put a value in this place".to_owned(),
        help: Some(
            "write the value, or put the text into single quotes to keep it as it is".into(),
        ),
    }
}

/// A here-document behind an unquoted word: a shell would look into it.
fn literal(body: &str, start: usize) -> Result<(), ParseError> {
    let mut chars = body.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' || (matches!(c, '$' | '`') && expands(c, chars.peek().map(|(_, c)| *c))) {
            return Err(ParseError {
                range: start + at..start + at + c.len_utf8(),
                message: format!("a shell would not leave this {c} as it is"),
                help: Some("quote the word behind `<<`, as in `<<'EOF'`".to_owned()),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        let line = split(text).expect("a command line");
        line.words.into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        assert_eq!(
            texts("kubectl patch  hpa x\t-p '{\"a\":\n {}}' --x=\"a b\\\"c\" d\\ e 'it'\"'\"'s'"),
            [
                "kubectl",
                "patch",
                "hpa",
                "x",
                "-p",
                "{\"a\":\n {}}",
                "--x=a b\"c",
                "d e",
                "it's"
            ]
        );
        assert_eq!(
            texts("\n k get \\\n  pods # all of them\n\n"),
            ["k", "get", "pods"]
        );
        assert_eq!(
            texts("k set image deploy/x *=y ''"),
            ["k", "set", "image", "deploy/x", "*=y", ""]
        );
        assert_eq!(
            texts("k label po x cost=5$"),
            ["k", "label", "po", "x", "cost=5$"]
        );
    }

    #[test]
    fn a_here_document_is_the_input() {
        let input = |text: &str| {
            split(text)
                .expect("a command line")
                .input
                .map(|here| here.text)
        };
        assert_eq!(
            input("kubectl apply -f - <<EOF -n x\na: 1\n  b\nEOF\n"),
            Some("a: 1\n  b\n".to_owned())
        );
        assert_eq!(
            input("k apply -f - <<-'E'\n\ta: $(X)\n\tE"),
            Some("a: $(X)\n".to_owned())
        );
        assert_eq!(input("k get pods"), None);
    }

    #[test]
    fn what_only_a_shell_can_do_is_refused_at_its_place() {
        for (text, place) in [
            ("kubectl get pods | head -1", "|"),
            ("kubectl get nodes; kubectl get pods", ";"),
            (
                "kubectl delete pod $(kubectl get pods -o name | head -1)",
                "$(kubectl get pods -o name | head -1)",
            ),
            ("kubectl delete pod \"$POD\" -n x", "$POD"),
            ("kubectl delete pod `x`", "`x`"),
            ("kubectl get pods > out.txt", ">"),
            ("kubectl get pods\nkubectl get hpa", "kubectl"),
            ("kubectl patch hpa x -p '{", "'{"),
            ("kubectl apply -f - <<EOF\na: 1\n", "<<EOF"),
            ("kubectl apply -f - <<\na: 1\n", "<<"),
            ("kubectl apply -f - <<EOF\na: $(X)\nEOF\n", "$"),
        ] {
            let error = split(text).expect_err("nothing a shell would do");
            assert_eq!(
                &text[error.range.clone()],
                place,
                "{text}: {}",
                error.message
            );
        }
    }
}
