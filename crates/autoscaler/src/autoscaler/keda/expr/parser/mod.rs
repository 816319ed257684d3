//! From tokens to a tree: expr's precedence climbing.

mod calls;
mod literals;

use literals::number;

use super::NOT_SIMULATED;
use super::ast::{ENV, Fault, Kind, Node};
use super::lexer::{Token, TokenKind, tokens};

type Parsed = Result<Node, Fault>;

/// Upstream's `DefaultMaxNodes`.
const MOST_NODES: usize = 10_000;

/// Upstream has no limit of its own here; Go's stack grows, this one does not.
const DEEPEST: usize = 250;

/// A tree this high, a long sum for one, can still be walked.
const HIGHEST: usize = 1000;

/// Parses a whole expression.
pub(super) fn parse(source: &str) -> Parsed {
    let mut parser = Parser {
        tokens: tokens(source)?,
        next: 0,
        predicates: 0,
        depth: 0,
        nodes: 0,
        copied: 0,
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
    /// How many expressions enclose the current place.
    depth: usize,
    /// Nodes made, as upstream counts them.
    nodes: usize,
    /// Nodes that stand twice in the tree; upstream refers to the same one again.
    copied: usize,
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

    /// Counts a node: upstream's `checkNodeLimit`.
    fn count(&mut self) -> Result<(), Fault> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            let at = self.current().at;
            let message = "compilation failed: expression exceeds maximum allowed nodes";
            return Fault::new(at, message);
        }
        Ok(())
    }

    fn node(&mut self, at: usize, kind: Kind) -> Parsed {
        self.count()?;
        self.uncounted(at, kind)
    }

    fn uncounted(&self, at: usize, kind: Kind) -> Parsed {
        let node = Node::new(at, kind);
        if node.height > HIGHEST {
            return self.too_deep();
        }
        Ok(node)
    }

    fn copy(&mut self, node: &Node) -> Parsed {
        self.copied += node.size;
        if self.copied > MOST_NODES {
            return self.too_deep();
        }
        Ok(node.clone())
    }

    fn too_deep<T>(&self) -> Result<T, Fault> {
        Fault::new(self.current().at, "the expression is nested too deep")
    }

    /// Parses what may hold another one of its kind.
    fn nested(&mut self, parse: impl FnOnce(&mut Self) -> Parsed) -> Parsed {
        if self.depth >= DEEPEST {
            return self.too_deep();
        }
        self.depth += 1;
        let node = parse(self);
        self.depth -= 1;
        node
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
        self.node(at, Kind::Sequence(nodes))
    }

    fn expression(&mut self, precedence: u32) -> Parsed {
        self.nested(|parser| parser.operators(precedence))
    }

    fn operators(&mut self, precedence: u32) -> Parsed {
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
                left = self.join(&operator, left, right)?;
                if let Some(at) = not {
                    left = self.node(at, Kind::Unary("not".to_owned(), Box::new(left)))?;
                }
            }
            previous = operator.text;
        }
        if precedence == 0 {
            return self.conditional(left);
        }
        Ok(left)
    }

    fn join(&mut self, operator: &Token, left: Node, right: Node) -> Parsed {
        let kind = Kind::Binary(operator.text.clone(), Box::new(left), Box::new(right));
        self.node(operator.at, kind)
    }

    /// `a < b < c` is `a < b && b < c`.
    fn comparison(&mut self, mut left: Node, mut operator: Token, strength: u32) -> Parsed {
        let mut whole: Option<Node> = None;
        loop {
            let right = self.expression(strength + 1)?;
            let copy = self.copy(&right)?;
            let node = self.join(&operator, left, copy)?;
            whole = Some(match whole {
                None => node,
                Some(before) => {
                    let both = Kind::Binary("&&".to_owned(), Box::new(before), Box::new(node));
                    self.node(operator.at, both)?
                }
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
        let kind = Kind::Let(name.text, Box::new(value), Box::new(body));
        self.node(name.at, kind)
    }

    fn if_else(&mut self) -> Parsed {
        let at = self.advance().at;
        let condition = self.expression(0)?;
        let then = self.block()?;
        self.expect(TokenKind::Operator, "else")?;
        let otherwise = if self.is_operator("if") {
            self.nested(Self::if_else)?
        } else {
            self.block()?
        };
        // Upstream does not count this one.
        self.uncounted(at, conditional(condition, then, otherwise))
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
                self.copy(&node)?
            } else {
                self.expression(0)?
            };
            self.expect(TokenKind::Operator, ":")?;
            let otherwise = self.expression(0)?;
            node = self.node(node.at, conditional(node, then, otherwise))?;
        }
        Ok(node)
    }

    fn primary(&mut self) -> Parsed {
        let token = self.current().clone();
        if token.kind == TokenKind::Operator {
            if let Some(strength) = unary(&token.text) {
                self.advance();
                let inner = Box::new(self.expression(strength)?);
                let node = self.node(token.at, Kind::Unary(token.text, inner))?;
                return self.postfix(node);
            }
            if self.predicates > 0 && token.text == "#" {
                self.advance();
                let mut name = String::new();
                if self.current().kind == TokenKind::Identifier && self.current().at == token.at + 1
                {
                    name = self.advance().text;
                }
                let node = self.node(token.at, Kind::Pointer(name))?;
                return self.postfix(node);
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
                    "true" => return self.node(token.at, Kind::Bool(true)),
                    "false" => return self.node(token.at, Kind::Bool(false)),
                    "nil" => return self.node(token.at, Kind::Nil),
                    _ if self.is_bracket("(") => {
                        let call = self.call(token, Vec::new())?;
                        return self.postfix(call);
                    }
                    _ => Kind::Name(token.text),
                }
            }
            TokenKind::Number => {
                self.advance();
                return self.node(token.at, number(&token)?);
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
        let node = self.node(token.at, kind)?;
        self.postfix(node)
    }

    fn postfix(&mut self, mut node: Node) -> Parsed {
        loop {
            let token = self.current().clone();
            let is_env = node.kind == Kind::Name(ENV.to_owned());
            if token.kind == TokenKind::Operator && matches!(token.text.as_str(), "." | "?.") {
                if !is_env {
                    return Fault::new(token.at, outside("a field"));
                }
                self.advance();
                let field = self.identifier()?;
                let name = format!("{ENV}{}{}", token.text, field.text);
                node = self.node(token.at, Kind::Name(name))?;
                continue;
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
                Some(index) if !self.is_operator(":") => match index.kind {
                    Kind::Text(field) if is_env => Kind::Name(format!("{ENV}.{field}")),
                    _ => Kind::Index(Box::new(node), index),
                },
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
            node = self.node(token.at, kind)?;
        }
    }
}

/// The message about a part of the language that is not there.
pub(super) fn outside(what: &str) -> String {
    let where_to = "outside the numeric part of the expression language";
    format!("{what} {NOT_SIMULATED}: it is {where_to}")
}

fn conditional(condition: Node, then: Node, otherwise: Node) -> Kind {
    Kind::Conditional(Box::new(condition), Box::new(then), Box::new(otherwise))
}
