//! Tokens of the expression language.

use super::ast::Fault;

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Identifier,
    Number,
    Text,
    Operator,
    Bracket,
    End,
}

/// A token and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) text: String,
    pub(super) at: usize,
}

impl Token {
    pub(super) fn is(&self, kind: TokenKind, text: &str) -> bool {
        self.kind == kind && self.text == text
    }

    /// How the language's messages name the token.
    pub(super) fn describe(&self) -> String {
        let kind = match self.kind {
            TokenKind::Identifier => "Identifier",
            TokenKind::Number => "Number",
            TokenKind::Text => "String",
            TokenKind::Operator => "Operator",
            TokenKind::Bracket => "Bracket",
            TokenKind::End => return "EOF".to_owned(),
        };
        format!("{kind}({:?})", self.text)
    }
}

struct Lexer {
    input: Vec<char>,
    next: usize,
}

/// All tokens, the last one being the end.
pub(super) fn tokens(source: &str) -> Result<Vec<Token>, Fault> {
    let mut lexer = Lexer {
        input: source.chars().collect(),
        next: 0,
    };
    let mut tokens = Vec::new();
    while lexer.skip_blank()? {
        let at = lexer.next;
        let (kind, text) = lexer.token()?;
        tokens.push(Token { kind, text, at });
    }
    tokens.push(Token {
        kind: TokenKind::End,
        text: String::new(),
        at: lexer.next,
    });
    Ok(tokens)
}

const fn is_word(c: char) -> bool {
    c == '_' || c == '$' || c.is_ascii_alphanumeric() || !c.is_ascii()
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.input.get(self.next + ahead).copied()
    }

    /// Skips white space and comments; false at the end.
    fn skip_blank(&mut self) -> Result<bool, Fault> {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(c), _) if c.is_whitespace() => self.next += 1,
                (Some('/'), Some('/')) => {
                    while self.peek(0).is_some_and(|c| c != '\n') {
                        self.next += 1;
                    }
                }
                (Some('/'), Some('*')) => {
                    let rest = &self.input[self.next + 2..];
                    match rest.windows(2).position(|pair| pair == ['*', '/']) {
                        Some(length) => self.next += length + 4,
                        None => return Fault::new(self.next, "unclosed comment"),
                    }
                }
                (next, _) => return Ok(next.is_some()),
            }
        }
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut word = String::new();
        while let Some(c) = self.peek(0).filter(|c| wanted(*c)) {
            word.push(c);
            self.next += 1;
        }
        word
    }

    fn token(&mut self) -> Result<(TokenKind, String), Fault> {
        let Some(first) = self.peek(0) else {
            return Ok((TokenKind::End, String::new()));
        };
        match first {
            '0'..='9' => self.number(),
            '.' if self.peek(1).is_some_and(|c| c.is_ascii_digit()) => self.number(),
            '\'' | '"' | '`' => self.quoted(first),
            '(' | '[' | '{' | ')' | ']' | '}' => {
                self.next += 1;
                Ok((TokenKind::Bracket, first.to_string()))
            }
            c if is_word(c) => {
                let word = self.take_while(is_word);
                let operator = matches!(
                    word.as_str(),
                    "not"
                        | "in"
                        | "or"
                        | "and"
                        | "matches"
                        | "contains"
                        | "startsWith"
                        | "endsWith"
                        | "let"
                        | "if"
                        | "else"
                );
                Ok(if operator {
                    (TokenKind::Operator, word)
                } else {
                    (TokenKind::Identifier, word)
                })
            }
            c => {
                let second = match c {
                    '?' => ".?",
                    '|' => "|",
                    ':' => ":",
                    '&' | '!' | '=' | '*' | '<' | '>' => "&=*",
                    '.' => ".",
                    '/' | '#' | ',' | ';' | '%' | '+' | '-' | '^' => "",
                    _ => {
                        let code = u32::from(c);
                        return Fault::new(
                            self.next,
                            format!("unrecognized character: U+{code:04X} '{c}'"),
                        );
                    }
                };
                self.next += 1;
                let mut operator = c.to_string();
                if let Some(c) = self.peek(0).filter(|c| second.contains(*c)) {
                    operator.push(c);
                    self.next += 1;
                }
                Ok((TokenKind::Operator, operator))
            }
        }
    }

    fn number(&mut self) -> Result<(TokenKind, String), Fault> {
        let at = self.next;
        let mut text = String::new();
        let mut radix = 10;
        if self.peek(0) == Some('0') {
            radix = match self.peek(1) {
                Some('x' | 'X') => 16,
                Some('o' | 'O') => 8,
                Some('b' | 'B') => 2,
                _ => 10,
            };
            if radix != 10 {
                text.extend(&self.input[at..at + 2]);
                self.next += 2;
            }
        }
        let digit = |c: char| c == '_' || c.is_digit(radix);
        text.push_str(&self.take_while(digit));
        // Two points after a number are the range operator.
        if self.peek(0) == Some('.') && self.peek(1) != Some('.') {
            text.push('.');
            self.next += 1;
            text.push_str(&self.take_while(digit));
        }
        if self.peek(0) != Some('.') && matches!(self.peek(0), Some('e' | 'E')) {
            text.push('e');
            self.next += 1;
            if let Some(sign) = self.peek(0).filter(|c| matches!(c, '+' | '-')) {
                text.push(sign);
                self.next += 1;
            }
            text.push_str(&self.take_while(digit));
        }
        match self.peek(0).filter(|c| is_word(*c)) {
            Some(next) => Fault::new(
                at,
                format!("bad number syntax: {:?}", format!("{text}{next}")),
            ),
            None => Ok((TokenKind::Number, text)),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<(TokenKind, String), Fault> {
        let at = self.next;
        self.next += 1;
        let mut text = String::new();
        while let Some(c) = self.peek(0) {
            self.next += 1;
            match c {
                c if c == quote => return Ok((TokenKind::Text, text)),
                '\\' if quote != '`' => {
                    let Some(escaped) = self.peek(0) else { break };
                    self.next += 1;
                    text.push(match escaped {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        c if c == quote || c == '\\' => c,
                        _ => return Fault::new(at, "unable to unescape string"),
                    });
                }
                c => text.push(c),
            }
        }
        Fault::new(at, "literal not terminated")
    }
}
