//! A shell's script as tokens: words, operators, redirections. What stands in `$(…)` or
//! backquotes is part of its word.

use super::{CommandError, Word};

/// A part of a script.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// Its text without quotes, and its place.
    pub(super) word: Word,
}

/// What a part of a script is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word; quoted ones are no keywords.
    Word {
        /// Whether some of it is in quotes.
        quoted: bool,
    },
    /// `;` (as is the end of a line), `&&`, `||`, `|`, `&`, `(`, `)`.
    Operator,
    /// A redirection with its target.
    Redirection,
}

impl Token {
    /// Whether it is this keyword or operator.
    pub(super) fn is(&self, text: &str) -> bool {
        self.kind != Kind::Word { quoted: true }
            && self.kind != Kind::Redirection
            && self.word.text == text
    }
}

struct Lexer<'a> {
    script: &'a str,
    at: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.script[self.at..]
    }

    fn take(&mut self, prefix: &str) -> bool {
        let found = self.rest().starts_with(prefix);
        if found {
            self.at += prefix.len();
        }
        found
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Blanks, lines that go on and comments.
    fn skip(&mut self) {
        loop {
            let blanks = self.rest().len()
                - self
                    .rest()
                    .trim_start_matches(|c: char| c.is_whitespace() && c != '\n')
                    .len();
            self.at += blanks;
            if self.take("\\\n") {
                continue;
            }
            if self.rest().starts_with('#') {
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
                continue;
            }
            return;
        }
    }

    fn operator(&mut self) -> Option<&'static str> {
        let all = ["&&", "||", "&", "|", ";", "\n", "(", ")"];
        let found = all.into_iter().find(|one| self.rest().starts_with(one))?;
        self.at += found.len();
        Some(if found == "\n" { ";" } else { found })
    }

    /// `>`, `2>&1`, `&>`, `<`; whether a target is to follow.
    fn redirection(&mut self) -> Option<bool> {
        let rest = self.rest();
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let after = rest[digits..].strip_prefix('&').filter(|_| digits == 0);
        let after = after.filter(|after| after.starts_with('>'));
        let after = after.unwrap_or(&rest[digits..]);
        let signs = after.len() - after.trim_start_matches(['>', '<']).len();
        if signs == 0 {
            return None;
        }
        let after = &after[signs..];
        let to = after.strip_prefix('&').map(|to| {
            let number = |c: char| c.is_ascii_digit() || c == '-';
            to.len() - to.trim_start_matches(number).len()
        });
        let end = self.script.len() - after.len();
        self.at = end + to.map_or(0, |digits| 1 + digits);
        Some(to.is_none())
    }

    /// The rest of `$(…)` or of what a quote opens.
    fn until(&mut self, open: Option<char>, close: char, text: &mut String) -> bool {
        let mut depth = 1;
        while let Some(next) = self.next() {
            if next == close {
                depth -= 1;
                if depth == 0 {
                    return true;
                }
            } else if Some(next) == open {
                depth += 1;
            }
            text.push(next);
        }
        false
    }

    fn word(&mut self) -> Result<Token, CommandError> {
        let (start, mut text, mut quoted) = (self.at, String::new(), false);
        let mut closed = true;
        while let Some(next) = self.rest().chars().next() {
            if next.is_whitespace() || ";&|()<>".contains(next) {
                break;
            }
            self.at += next.len_utf8();
            match next {
                '\'' | '"' => {
                    quoted = true;
                    closed &= self.until(None, next, &mut text);
                }
                '`' => {
                    text.push('`');
                    closed &= self.until(None, '`', &mut text);
                    text.push('`');
                }
                '$' if self.take("(") => {
                    text.push_str("$(");
                    closed &= self.until(Some('('), ')', &mut text);
                    text.push(')');
                }
                '\\' => text.extend(self.next().filter(|next| *next != '\n')),
                next => text.push(next),
            }
        }
        let word = Word {
            text,
            start,
            end: self.at,
        };
        if !closed {
            return Err(word.wrong("what is opened here is not closed"));
        }
        Ok(Token {
            kind: Kind::Word { quoted },
            word,
        })
    }
}

/// The tokens of a script that begins at this byte of a command line.
pub(super) fn tokens(command: &str, start: usize) -> Result<Vec<Token>, CommandError> {
    let mut lexer = Lexer {
        script: command,
        at: start,
    };
    let mut found = Vec::new();
    loop {
        lexer.skip();
        let start = lexer.at;
        if lexer.rest().is_empty() {
            return Ok(found);
        }
        if let Some(has_target) = lexer.redirection() {
            if has_target {
                lexer.skip();
                lexer.word()?;
            }
            let (text, end) = (command[start..lexer.at].to_owned(), lexer.at);
            found.push(Token {
                kind: Kind::Redirection,
                word: Word { text, start, end },
            });
        } else if let Some(operator) = lexer.operator() {
            let (text, end) = (operator.to_owned(), lexer.at);
            found.push(Token {
                kind: Kind::Operator,
                word: Word { text, start, end },
            });
        } else {
            found.push(lexer.word()?);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_falls_into_its_words() {
        let script = "while :; do\n wget -qO- 'http://a/ b' >/dev/null 2>&1 & # x; y\n seq $(f (1) ) \\\n 2\ndone";
        let shown = tokens(script, 0).expect("it is closed");
        let shown: Vec<String> = (shown.iter())
            .map(|token| match token.kind {
                Kind::Word { quoted: true } => format!("'{}'", token.word.text),
                Kind::Word { .. } => token.word.text.clone(),
                Kind::Operator => format!("[{}]", token.word.text),
                Kind::Redirection => format!("<{}>", token.word.text),
            })
            .collect();
        let expected = "while : [;] do [;] wget -qO- 'http://a/ b' <>/dev/null> <2>&1> [&] [;] seq $(f (1) ) 2 [;] done";
        assert_eq!(shown.join(" "), expected);
        assert!(tokens("echo 'a", 0).is_err());
        assert!(tokens("echo $(a", 0).is_err());
        assert_eq!(tokens("a >", 0).map(|all| all.len()), Ok(2));
    }
}
