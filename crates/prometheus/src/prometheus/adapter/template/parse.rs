//! From a template's text to its nodes.

use super::lex::{Piece, Token, Wrong, pieces};
use super::{Node, Operand, OperandKind, Pipeline, Value};

const FUNCTIONS: [&str; 13] = [
    "index", "printf", "print", "len", "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not",
];

/// Words of Go's templates that no rule is known to use.
const OUTSIDE: [&str; 12] = [
    "block", "break", "call", "continue", "define", "html", "js", "nil", "println", "slice",
    "template", "urlquery",
];

struct Parser {
    pieces: Vec<Piece>,
    at: usize,
    end: usize,
    variables: Vec<String>,
}

/// How a list of nodes ended.
enum Ending {
    Eof,
    End,
    Else(Option<Node>),
}

pub(super) fn parse(text: &str) -> Result<Vec<Node>, Wrong> {
    let mut parser = Parser {
        pieces: pieces(text)?,
        at: 0,
        end: text.len(),
        variables: Vec::new(),
    };
    match parser.list()? {
        (nodes, Ending::Eof) => Ok(nodes),
        (_, Ending::End) => Err((parser.place(), "unexpected {{end}}".to_owned())),
        (_, Ending::Else(_)) => Err((parser.place(), "unexpected {{else}}".to_owned())),
    }
}

impl Parser {
    fn place(&self) -> usize {
        match self.pieces.get(self.at.saturating_sub(1)) {
            Some(Piece::Action(_, place)) => *place,
            _ => self.end,
        }
    }

    /// Nodes up to `end`, `else` or the text's end.
    fn list(&mut self) -> Result<(Vec<Node>, Ending), Wrong> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.get(self.at) {
            self.at += 1;
            let (tokens, place) = match piece {
                Piece::Text(text) => {
                    if !text.is_empty() {
                        nodes.push(Node::Text(text.clone()));
                    }
                    continue;
                }
                Piece::Action(tokens, place) => (tokens.clone(), *place),
            };
            let keyword = match tokens.first() {
                Some((_, Token::Word(word))) => word.as_str(),
                _ => "",
            };
            match keyword {
                "end" => return Ok((nodes, Ending::End)),
                "else" => {
                    // `else if …` is a condition of its own that shares the end.
                    let nested = match tokens.get(1) {
                        None => None,
                        Some((_, Token::Word(word))) => {
                            Some(self.block(&word.clone(), &tokens[2..], place)?)
                        }
                        Some(_) => return Err((place, "unexpected token in {{else}}".to_owned())),
                    };
                    return Ok((nodes, Ending::Else(nested)));
                }
                "if" | "range" | "with" => {
                    let node = self.block(keyword, &tokens[1..], place)?;
                    nodes.push(node);
                }
                _ => {
                    let pipeline = self.pipeline(&tokens, place, "command")?;
                    nodes.push(Node::Action(pipeline));
                }
            }
        }
        Ok((nodes, Ending::Eof))
    }

    /// `if`, `range` or `with`, to its end.
    fn block(
        &mut self,
        keyword: &str,
        tokens: &[(usize, Token)],
        place: usize,
    ) -> Result<Node, Wrong> {
        let known = self.variables.len();
        let pipeline = self.pipeline(tokens, place, keyword)?;
        let (body, ending) = self.list()?;
        let otherwise = match ending {
            Ending::End => Vec::new(),
            Ending::Else(Some(nested)) => vec![nested],
            Ending::Else(None) => match self.list()? {
                (nodes, Ending::End) => nodes,
                (_, Ending::Else(_)) => {
                    return Err((self.place(), "expected end; found {{else}}".to_owned()));
                }
                (_, Ending::Eof) => return Err((self.end, "unexpected EOF".to_owned())),
            },
            Ending::Eof => return Err((self.end, "unexpected EOF".to_owned())),
        };
        self.variables.truncate(known);
        Ok(match keyword {
            "if" => Node::If(pipeline, body, otherwise),
            "with" => Node::With(pipeline, body, otherwise),
            "range" => Node::Range(pipeline, body, otherwise),
            other => return Err((place, format!("unexpected <{other}> in {{{{else}}}}"))),
        })
    }

    fn pipeline(
        &mut self,
        tokens: &[(usize, Token)],
        place: usize,
        context: &str,
    ) -> Result<Pipeline, Wrong> {
        let declare = tokens
            .iter()
            .position(|(_, token)| *token == Token::Declare);
        let mut variables = Vec::new();
        if let Some(declare) = declare {
            for (place, token) in &tokens[..declare] {
                match token {
                    Token::Word(word) if word.starts_with('$') => {
                        variables.push(word[1..].to_owned());
                    }
                    Token::Sign(',') => {}
                    _ => return Err((*place, "unexpected token in declaration".to_owned())),
                }
            }
        }
        let rest = &tokens[declare.map_or(0, |declare| declare + 1)..];
        let mut commands = vec![Vec::new()];
        let mut at = 0;
        while let Some((place, token)) = rest.get(at) {
            at += 1;
            let kind = match token {
                Token::Sign('|') => {
                    commands.push(Vec::new());
                    continue;
                }
                Token::Sign('(') => {
                    let close = closing_bracket(&rest[at..])
                        .ok_or((*place, "unclosed left paren".to_owned()))?;
                    let inner = rest[at..at + close].to_vec();
                    at += close + 1;
                    OperandKind::Group(Box::new(self.pipeline(
                        &inner,
                        *place,
                        "parenthesized pipeline",
                    )?))
                }
                Token::Text(text) => OperandKind::Literal(Value::Text(text.clone())),
                Token::Number(number) => OperandKind::Literal(Value::Number(*number)),
                Token::Word(word) => self.word(*place, word)?,
                Token::Sign(sign) => {
                    let message = format!("unexpected {:?} in {context}", sign.to_string());
                    return Err((*place, message));
                }
                Token::Declare => return Err((*place, "unexpected \":=\" in operand".to_owned())),
            };
            if let Some(command) = commands.last_mut() {
                command.push(Operand {
                    place: *place,
                    kind,
                });
            }
        }
        if commands.iter().any(Vec::is_empty) {
            return Err((place, format!("missing value for {context}")));
        }
        self.variables.extend(variables.iter().cloned());
        Ok(Pipeline {
            variables,
            commands,
        })
    }

    fn word(&self, place: usize, word: &str) -> Result<OperandKind, Wrong> {
        let fields = |text: &str| -> Vec<String> {
            let parts = text.split('.').filter(|part| !part.is_empty());
            parts.map(str::to_owned).collect()
        };
        if let Some(rest) = word.strip_prefix('.') {
            return Ok(OperandKind::Dot(fields(rest)));
        }
        if let Some(rest) = word.strip_prefix('$') {
            let (name, path) = rest.split_once('.').unwrap_or((rest, ""));
            if !name.is_empty() && !self.variables.iter().any(|known| known == name) {
                return Err((place, format!("undefined variable \"${name}\"")));
            }
            return Ok(OperandKind::Variable(name.to_owned(), fields(path)));
        }
        match word {
            "true" | "false" => Ok(OperandKind::Literal(Value::Bool(word == "true"))),
            _ if FUNCTIONS.contains(&word) => Ok(OperandKind::Function(word.to_owned())),
            _ if OUTSIDE.contains(&word) => Err((
                place,
                format!("{word:?} is not supported by this simulator"),
            )),
            _ => Err((place, format!("function {word:?} not defined"))),
        }
    }
}

/// How many tokens lie before the bracket that closes an opened one.
fn closing_bracket(tokens: &[(usize, Token)]) -> Option<usize> {
    let mut depth = 1;
    tokens.iter().position(|(_, token)| {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth -= 1,
            _ => {}
        }
        depth == 0
    })
}
