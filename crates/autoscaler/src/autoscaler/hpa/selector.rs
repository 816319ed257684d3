//! Whether a scale's selector parses, and the words in which upstream refuses it
//! (`labels.Parse` of apimachinery).

/// Checks a selector's syntax.
pub(super) fn check(selector: &str) -> Result<(), String> {
    let mut parser = Parser {
        tokens: lex(selector),
        at: 0,
    };
    parser.requirements()
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    End,
    Comma,
    Open,
    Close,
    Not,
    Operator(String),
    Word(String),
}

impl Token {
    fn literal(&self) -> &str {
        match self {
            Self::End => "",
            Self::Comma => ",",
            Self::Open => "(",
            Self::Close => ")",
            Self::Not => "!",
            Self::Operator(text) | Self::Word(text) => text,
        }
    }
}

fn lex(text: &str) -> Vec<Token> {
    let is_symbol = |c: char| matches!(c, '=' | '!' | '(' | ')' | ',' | '>' | '<');
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = if is_symbol(first) {
            let operators = ["==", "!=", "=", "!", "(", ")", ",", ">", "<"];
            operators
                .iter()
                .find(|op| rest.starts_with(**op))
                .map_or(1, |op| op.len())
        } else {
            rest.find(|c: char| is_symbol(c) || c.is_whitespace())
                .unwrap_or(rest.len())
        };
        let (token, tail) = rest.split_at(end);
        tokens.push(match token {
            "," => Token::Comma,
            "(" => Token::Open,
            ")" => Token::Close,
            "!" => Token::Not,
            "=" | "==" | "!=" | ">" | "<" | "in" | "notin" => Token::Operator(token.to_owned()),
            _ => Token::Word(token.to_owned()),
        });
        rest = tail.trim_start();
    }
    tokens
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    /// The next token; where a value may stand, `in` and `notin` are words.
    fn peek(&self, values: bool) -> Token {
        match self.tokens.get(self.at) {
            Some(Token::Operator(word)) if values && (word == "in" || word == "notin") => {
                Token::Word(word.clone())
            }
            Some(token) => token.clone(),
            None => Token::End,
        }
    }

    fn next(&mut self, values: bool) -> Token {
        let token = self.peek(values);
        self.at += 1;
        token
    }

    fn requirements(&mut self) -> Result<(), String> {
        loop {
            match self.peek(true) {
                Token::Word(_) | Token::Not => {
                    self.requirement()
                        .map_err(|error| format!("unable to parse requirement: {error}"))?;
                    match self.next(true) {
                        Token::End => return Ok(()),
                        Token::Comma => {
                            let token = self.peek(true);
                            if !matches!(token, Token::Word(_) | Token::Not) {
                                return Err(format!(
                                    "found '{}', expected: identifier after ','",
                                    token.literal()
                                ));
                            }
                        }
                        token => {
                            return Err(format!(
                                "found '{}', expected: ',' or 'end of string'",
                                token.literal()
                            ));
                        }
                    }
                }
                Token::End => return Ok(()),
                token => {
                    return Err(format!(
                        "found '{}', expected: !, identifier, or 'end of string'",
                        token.literal()
                    ));
                }
            }
        }
    }

    fn requirement(&mut self) -> Result<(), String> {
        let mut token = self.next(true);
        let negated = token == Token::Not;
        if negated {
            token = self.next(true);
        }
        if !matches!(token, Token::Word(_)) {
            return Err(format!("found '{}', expected: identifier", token.literal()));
        }
        if negated || matches!(self.peek(true), Token::End | Token::Comma) {
            return Ok(());
        }
        match self.next(false) {
            Token::Operator(word) if word == "in" || word == "notin" => self.value_list(),
            Token::Operator(_) => self.exact_value(),
            token => Err(format!(
                "found '{}', expected: in, notin, =, ==, !=, gt, lt",
                token.literal()
            )),
        }
    }

    fn exact_value(&mut self) -> Result<(), String> {
        if matches!(self.peek(true), Token::End | Token::Comma) {
            return Ok(());
        }
        match self.next(true) {
            Token::Word(_) => Ok(()),
            token => Err(format!("found '{}', expected: identifier", token.literal())),
        }
    }

    fn value_list(&mut self) -> Result<(), String> {
        let token = self.next(true);
        if token != Token::Open {
            return Err(format!("found '{}' expected: '('", token.literal()));
        }
        match self.peek(true) {
            Token::Word(_) | Token::Comma => {
                self.identifiers()?;
                match self.next(true) {
                    Token::Close => Ok(()),
                    token => Err(format!("found '{}', expected: ')'", token.literal())),
                }
            }
            Token::Close => {
                self.at += 1;
                Ok(())
            }
            token => Err(format!(
                "found '{}', expected: ',', ')' or identifier",
                token.literal()
            )),
        }
    }

    fn identifiers(&mut self) -> Result<(), String> {
        loop {
            match self.next(true) {
                Token::Word(_) => match self.peek(true) {
                    Token::Comma => {}
                    Token::Close => return Ok(()),
                    token => {
                        return Err(format!("found '{}', expected: ',' or ')'", token.literal()));
                    }
                },
                Token::Comma => match self.peek(true) {
                    Token::Close => return Ok(()),
                    Token::Comma => self.at += 1,
                    _ => {}
                },
                token => {
                    return Err(format!(
                        "found '{}', expected: ',', or identifier",
                        token.literal()
                    ));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn good_selectors_parse() {
        for good in [
            "app=web",
            "app in (a, b),!x",
            "tier!=db,env notin (dev)",
            "a",
            "app==web",
            "n>3",
            "in=out",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn bad_selectors_are_refused_in_upstreams_words() {
        let error = |text| check(text).expect_err("a bad selector");
        assert_eq!(
            error("app in (web"),
            "unable to parse requirement: found '', expected: ',' or ')'"
        );
        assert_eq!(
            error("app=web,"),
            "found '', expected: identifier after ','"
        );
        assert_eq!(
            error("=web"),
            "found '=', expected: !, identifier, or 'end of string'"
        );
        assert_eq!(
            error("app in web"),
            "unable to parse requirement: found 'web' expected: '('"
        );
    }
}
