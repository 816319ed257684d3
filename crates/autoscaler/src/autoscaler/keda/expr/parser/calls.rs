//! Calls: plain arguments, and predicates over the elements of an array.

use super::super::ast::{ENV, Fault, Kind, Node};
use super::super::builtins::{self, Builtin};
use super::super::lexer::{Token, TokenKind};
use super::{Parsed, Parser, outside};

impl Parser {
    /// Expressions with commas between and perhaps one behind, to the closing bracket.
    pub(super) fn list(&mut self, close: &str, mut nodes: Vec<Node>) -> Result<Vec<Node>, Fault> {
        let mut first = true;
        while !self.is_bracket(close) {
            if !first {
                self.expect(TokenKind::Operator, ",")?;
                if self.is_bracket(close) {
                    break;
                }
            }
            first = false;
            nodes.push(self.expression(0)?);
        }
        self.expect(TokenKind::Bracket, close)?;
        Ok(nodes)
    }

    pub(super) fn call(&mut self, name: Token, piped: Vec<Node>) -> Parsed {
        let arguments = match builtins::find(&name.text) {
            Some(Builtin::Function) => {
                self.expect(TokenKind::Bracket, "(")?;
                self.list(")", piped)?
            }
            Some(Builtin::Predicate { required, most }) => {
                self.predicate_arguments(piped, required, most)?
            }
            None if builtins::is_elsewhere(&name.text) => {
                return Fault::new(name.at, outside(&name.text));
            }
            None => return Fault::new(name.at, format!("unknown name {}", name.text)),
        };
        // The only use of all names together that is of a number.
        if let ("get", [of, field]) = (name.text.as_str(), arguments.as_slice())
            && let (Kind::Name(env), Kind::Text(field)) = (&of.kind, &field.kind)
            && env == ENV
        {
            return self.node(name.at, Kind::Name(format!("{ENV}?.{field}")));
        }
        self.node(name.at, Kind::Call(name.text, arguments))
    }

    /// The array, the predicate and what may follow.
    fn predicate_arguments(
        &mut self,
        mut arguments: Vec<Node>,
        required: usize,
        most: usize,
    ) -> Result<Vec<Node>, Fault> {
        self.expect(TokenKind::Bracket, "(")?;
        let piped = arguments.len();
        for position in piped..most {
            if self.is_bracket(")") {
                if position >= required {
                    break;
                }
                let at = self.current().at;
                return Fault::new(at, format!("expected at least {} arguments", most - piped));
            }
            if position > piped {
                self.expect(TokenKind::Operator, ",")?;
            }
            arguments.push(if position == 1 {
                self.predicate()?
            } else {
                self.expression(0)?
            });
        }
        if self.is_operator(",") {
            self.advance();
        }
        self.expect(TokenKind::Bracket, ")")?;
        Ok(arguments)
    }

    fn predicate(&mut self) -> Parsed {
        self.predicates += 1;
        let node = if self.is_bracket("{") {
            self.block()?
        } else {
            let node = self.expression(0)?;
            if self.is_operator(";") {
                let at = self.current().at;
                return Fault::new(at, "wrap predicate with brackets { and }");
            }
            node
        };
        self.predicates -= 1;
        // Upstream has a node for the predicate, too.
        self.count()?;
        Ok(node)
    }
}
