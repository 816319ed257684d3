//! From tokens to a tree: expr's precedence climbing.

mod calls;
mod literals;

use literals::number;

use super::ast::{Fault, Kind, Node};
use super::lexer::{Token, TokenKind, tokens};

type Parsed = Result<Node, Fault>;

/// Parses a whole expression.
pub(super) fn parse(source: &str) -> Parsed {
    let mut parser = Parser {
        tokens: tokens(source)?,
        next: 0,
        predicates: 0,
    };
    let node = parser.sequence()?;
    match parser.current().kind {
        TokenKind::End => Ok(node),
        _ => parser.unexpected(),
    }
}

/// Precedence of a binary operator and whether it leans to the right.
fn binary(operator: &str) -> Option<(u32, bool)> {
    Some(match operator {
        "|" => (0, false),
        "or" | "||" => (10, false),
        "and" | "&&" => (15, false),
        "==" | "!=" | "<" | ">" | ">=" | "<=" | "in" | "matches" | "contains" | "startsWith"
        | "endsWith" => (20, false),
        ".." => (25, false),
        "+" | "-" => (30, false),
        "*" | "/" | "%" => (60, false),
        "**" | "^" => (100, true),
        "??" => (500, false),
        _ => return None,
    })
}

fn unary(operator: &str) -> Option<u32> {
    match operator {
        "not" | "!" => Some(50),
        "-" | "+" => Some(90),
        _ => None,
    }
}

fn is_comparison(operator: &str) -> bool {
    matches!(operator, "<" | ">" | "<=" | ">=")
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    /// How many predicates enclose the current place.
    predicates: usize,
}

impl Parser {
    fn current(&self) -> &Token {
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn is(&self, kind: TokenKind, text: &str) -> bool {
        self.current().is(kind, text)
    }

    fn is_operator(&self, text: &str) -> bool {
        self.is(TokenKind::Operator, text)
    }

    fn is_bracket(&self, text: &str) -> bool {
        self.is(TokenKind::Bracket, text)
    }

    fn advance(&mut self) -> Token {
        let token = self.current().clone();
        self.next += 1;
        token
    }

    fn unexpected<T>(&self) -> Result<T, Fault> {
        let token = self.current();
        Fault::new(token.at, format!("unexpected token {}", token.describe()))
    }

    fn expect(&mut self, kind: TokenKind, text: &str) -> Result<(), Fault> {
        if !self.is(kind, text) {
            return self.unexpected();
        }
        self.advance();
        Ok(())
    }

    fn identifier(&mut self) -> Result<Token, Fault> {
        if self.current().kind == TokenKind::Identifier {
            Ok(self.advance())
        } else {
            self.unexpected()
        }
    }

    fn sequence(&mut self) -> Parsed {
        let first = self.expression(0)?;
        if !self.is_operator(";") {
            return Ok(first);
        }
        let at = first.at;
        let mut nodes = vec![first];
        while self.is_operator(";") {
            self.advance();
            if self.current().kind == TokenKind::End {
                break;
            }
            nodes.push(self.expression(0)?);
        }
        Ok(Node::new(at, Kind::Sequence(nodes)))
    }

    fn expression(&mut self, precedence: u32) -> Parsed {
        if precedence == 0 && self.is_operator("let") {
            return self.declaration();
        }
        if precedence == 0 && self.is_operator("if") {
            return self.if_else();
        }
        let mut left = self.primary()?;
        let mut previous = String::new();
        while self.current().kind == TokenKind::Operator {
            let mut operator = self.current().clone();
            let mut not = None;
            if operator.text == "not" {
                let follower = &self.tokens[(self.next + 1).min(self.tokens.len() - 1)];
                let negated = matches!(
                    follower.text.as_str(),
                    "contains" | "matches" | "startsWith" | "endsWith" | "in"
                );
                if !negated {
                    self.advance();
                    return self.unexpected();
                }
                not = Some(operator.at);
                operator = follower.clone();
            }
            let Some((strength, right_leaning)) =
                binary(&operator.text).filter(|(strength, _)| *strength >= precedence)
            else {
                break;
            };
            self.next += 1 + usize::from(not.is_some());
            if operator.text == "|" {
                let name = self.identifier()?;
                left = self.call(name, vec![left])?;
            } else if previous == "??" && operator.text != "??" {
                return Fault::new(
                    operator.at,
                    format!(
                        "Operator ({}) and coalesce expressions (??) cannot be mixed. Wrap either by parentheses.",
                        operator.text
                    ),
                );
            } else if is_comparison(&operator.text) {
                left = self.comparison(left, operator.clone(), strength)?;
            } else {
                let right = self.expression(strength + u32::from(!right_leaning))?;
                left = join(&operator, left, right);
                if let Some(at) = not {
                    left = Node::new(at, Kind::Unary("not".to_owned(), Box::new(left)));
                }
            }
            previous = operator.text;
        }
        if precedence == 0 {
            return self.conditional(left);
        }
        Ok(left)
    }

    /// `a < b < c` is `a < b && b < c`.
    fn comparison(&mut self, mut left: Node, mut operator: Token, strength: u32) -> Parsed {
        let mut whole: Option<Node> = None;
        loop {
            let right = self.expression(strength + 1)?;
            let node = join(&operator, left, right.clone());
            whole = Some(match whole {
                None => node,
                Some(before) => Node::new(
                    operator.at,
                    Kind::Binary("&&".to_owned(), Box::new(before), Box::new(node)),
                ),
            });
            left = right;
            let next = self.current();
            if next.kind != TokenKind::Operator || !is_comparison(&next.text) {
                break;
            }
            operator = self.advance();
        }
        whole.map_or_else(|| self.unexpected(), Ok)
    }

    fn declaration(&mut self) -> Parsed {
        self.advance();
        let name = self.identifier()?;
        self.expect(TokenKind::Operator, "=")?;
        let value = self.expression(0)?;
        self.expect(TokenKind::Operator, ";")?;
        let body = self.sequence()?;
        Ok(Node::new(
            name.at,
            Kind::Let(name.text, Box::new(value), Box::new(body)),
        ))
    }

    fn if_else(&mut self) -> Parsed {
        let at = self.advance().at;
        let condition = self.expression(0)?;
        let then = self.block()?;
        self.expect(TokenKind::Operator, "else")?;
        let otherwise = if self.is_operator("if") {
            self.if_else()?
        } else {
            self.block()?
        };
        Ok(conditional(at, condition, then, otherwise))
    }

    fn block(&mut self) -> Parsed {
        self.expect(TokenKind::Bracket, "{")?;
        let node = self.sequence()?;
        self.expect(TokenKind::Bracket, "}")?;
        Ok(node)
    }

    fn conditional(&mut self, mut node: Node) -> Parsed {
        while self.is_operator("?") {
            self.advance();
            let then = if self.is_operator(":") {
                node.clone()
            } else {
                self.expression(0)?
            };
            self.expect(TokenKind::Operator, ":")?;
            let otherwise = self.expression(0)?;
            node = conditional(node.at, node, then, otherwise);
        }
        Ok(node)
    }

    fn primary(&mut self) -> Parsed {
        let token = self.current().clone();
        if token.kind == TokenKind::Operator {
            if let Some(strength) = unary(&token.text) {
                self.advance();
                let inner = Box::new(self.expression(strength)?);
                return self.postfix(Node::new(token.at, Kind::Unary(token.text, inner)));
            }
            if self.predicates > 0 && token.text == "#" {
                self.advance();
                let mut name = String::new();
                if self.current().kind == TokenKind::Identifier && self.current().at == token.at + 1
                {
                    name = self.advance().text;
                }
                return self.postfix(Node::new(token.at, Kind::Pointer(name)));
            }
            if token.text == "::" {
                self.advance();
                let name = self.identifier()?;
                let call = self.call(name, Vec::new())?;
                return self.postfix(call);
            }
        }
        if token.is(TokenKind::Bracket, "(") {
            self.advance();
            let node = self.sequence()?;
            self.expect(TokenKind::Bracket, ")")?;
            return self.postfix(node);
        }
        self.secondary(token)
    }

    fn secondary(&mut self, token: Token) -> Parsed {
        let kind = match token.kind {
            TokenKind::Identifier => {
                self.advance();
                match token.text.as_str() {
                    "true" => return Ok(Node::new(token.at, Kind::Bool(true))),
                    "false" => return Ok(Node::new(token.at, Kind::Bool(false))),
                    "nil" => return Ok(Node::new(token.at, Kind::Nil)),
                    _ if self.is_bracket("(") => {
                        let call = self.call(token, Vec::new())?;
                        return self.postfix(call);
                    }
                    _ => Kind::Name(token.text),
                }
            }
            TokenKind::Number => {
                self.advance();
                return Ok(Node::new(token.at, number(&token)?));
            }
            TokenKind::Text => {
                self.advance();
                Kind::Text(token.text)
            }
            TokenKind::Bracket if token.text == "[" => {
                self.advance();
                Kind::Array(self.list("]", Vec::new())?)
            }
            TokenKind::Bracket if token.text == "{" => {
                return Fault::new(token.at, outside("a map"));
            }
            _ => return self.unexpected(),
        };
        self.postfix(Node::new(token.at, kind))
    }

    fn postfix(&mut self, mut node: Node) -> Parsed {
        loop {
            let token = self.current().clone();
            if token.kind == TokenKind::Operator && matches!(token.text.as_str(), "." | "?.") {
                return Fault::new(token.at, outside("a field"));
            }
            if !token.is(TokenKind::Bracket, "[") {
                return Ok(node);
            }
            self.advance();
            let from = if self.is_operator(":") {
                None
            } else {
                Some(Box::new(self.expression(0)?))
            };
            let kind = match from {
                Some(index) if !self.is_operator(":") => Kind::Index(Box::new(node), index),
                from => {
                    self.expect(TokenKind::Operator, ":")?;
                    let to = if self.is_bracket("]") {
                        None
                    } else {
                        Some(Box::new(self.expression(0)?))
                    };
                    Kind::Slice(Box::new(node), from, to)
                }
            };
            self.expect(TokenKind::Bracket, "]")?;
            node = Node::new(token.at, kind);
        }
    }
}

/// The message about a part of the language that is not there.
fn outside(what: &str) -> String {
    format!("{what} is outside the numeric part of the expression language")
}

fn join(operator: &Token, left: Node, right: Node) -> Node {
    Node::new(
        operator.at,
        Kind::Binary(operator.text.clone(), Box::new(left), Box::new(right)),
    )
}

fn conditional(at: usize, condition: Node, then: Node, otherwise: Node) -> Node {
    Node::new(
        at,
        Kind::Conditional(Box::new(condition), Box::new(then), Box::new(otherwise)),
    )
}
