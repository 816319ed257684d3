//! The static types of an expression, as expr's checker finds them before anything runs.

mod functions;

use std::collections::BTreeSet;

use functions::function;

use super::ast::{ENV, Fault, Kind, Node};
use super::builtins;
use super::parser::outside;

/// What is known of a value before running.
#[derive(Debug, Clone, PartialEq)]
enum Type {
    /// Anything.
    Unknown,
    Nil,
    Bool,
    Int,
    Float,
    Text,
    Array(Box<Type>),
}

type Checked = Result<Type, Fault>;

/// Refuses what the language refuses while it compiles.
pub(super) fn check(root: &Node, names: &BTreeSet<String>) -> Result<(), Fault> {
    let mut checker = Checker {
        names,
        variables: Vec::new(),
        scopes: Vec::new(),
    };
    checker.visit(root).map(|_| ())
}

struct Checker<'a> {
    names: &'a BTreeSet<String>,
    variables: Vec<(String, Type)>,
    /// The element of each enclosing predicate's array, and the name of its function.
    scopes: Vec<(Type, String)>,
}

impl Type {
    const fn name(&self) -> &'static str {
        match self {
            Self::Unknown | Self::Nil => "unknown",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "float64",
            Self::Text => "string",
            Self::Array(_) => "[]interface {}",
        }
    }

    const fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Float)
    }

    /// Whether one side is of the kind and the other may be.
    fn maybe(&self, other: &Self, kind: impl Fn(&Self) -> bool) -> bool {
        let may = |side: &Self| *side == Self::Unknown || kind(side);
        (*self == Self::Unknown || *other == Self::Unknown) && may(self) && may(other)
    }

    fn comparable(&self, other: &Self) -> bool {
        let free = |side: &Self| matches!(side, Self::Unknown | Self::Nil);
        free(self) || free(other) || self.is_number() && other.is_number() || self.assignable(other)
    }

    fn assignable(&self, to: &Self) -> bool {
        match (self, to) {
            (Self::Nil | Self::Array(_), Self::Array(_)) => true,
            (Self::Unknown | Self::Nil, _) => false,
            _ => self == to,
        }
    }

    fn array(self) -> Self {
        Self::Array(Box::new(self))
    }

    fn element(&self) -> Self {
        match self {
            Self::Array(element) => (**element).clone(),
            _ => Self::Unknown,
        }
    }
}

impl Checker<'_> {
    fn visit(&mut self, node: &Node) -> Checked {
        Ok(match &node.kind {
            Kind::Nil => Type::Nil,
            Kind::Bool(_) => Type::Bool,
            Kind::Int(_) => Type::Int,
            Kind::Float(_) => Type::Float,
            Kind::Text(_) => Type::Text,
            Kind::Name(name) => return self.name(node, name),
            Kind::Unary(operator, inner) => return self.unary(node, operator, inner),
            Kind::Binary(operator, left, right) => {
                let (left_type, right_type) = (self.visit(left)?, self.visit(right)?);
                let found = binary(node.at, operator, &left_type, &right_type)?;
                // Arithmetic of integer literals is done at once.
                if operator == "%" && right.kind == Kind::Int(0) && is_constant(left) {
                    return Fault::new(node.at, "integer divide by zero");
                }
                return Ok(found);
            }
            Kind::Conditional(condition, then, otherwise) => {
                return self.conditional(condition, then, otherwise);
            }
            Kind::Array(nodes) => {
                let mut types = Vec::new();
                for node in nodes {
                    types.push(self.visit(node)?);
                }
                let last = types.last().cloned().unwrap_or(Type::Unknown);
                let kind = |of: &Type| std::mem::discriminant(of);
                if types.iter().all(|one| kind(one) == kind(&last)) {
                    last.array()
                } else {
                    Type::Unknown.array()
                }
            }
            Kind::Index(array, index) => return self.index(node, array, index),
            Kind::Slice(array, from, to) => {
                let of = self.visit(array)?;
                if !matches!(of, Type::Unknown | Type::Array(_) | Type::Text) {
                    return Fault::new(node.at, format!("cannot slice {}", of.name()));
                }
                for bound in [from, to].into_iter().flatten() {
                    let bound_type = self.visit(bound)?;
                    if !matches!(bound_type, Type::Int | Type::Unknown) {
                        let message = format!("non-integer slice index {}", bound_type.name());
                        return Fault::new(bound.at, message);
                    }
                }
                of
            }
            Kind::Call(name, arguments) => return self.call(node, name, arguments),
            Kind::Pointer(name) => return self.pointer(node, name),
            Kind::Let(name, value, body) => return self.declaration(node, name, value, body),
            Kind::Sequence(nodes) => {
                let mut last = Type::Unknown;
                for node in nodes {
                    last = self.visit(node)?;
                }
                last
            }
        })
    }

    fn name(&self, node: &Node, name: &str) -> Checked {
        if let Some(field) = name.strip_prefix(ENV) {
            let is_known = |field: &str| self.names.contains(field);
            return match (field.strip_prefix("?."), field.strip_prefix('.')) {
                (Some(field), _) if !is_known(field) => Ok(Type::Unknown),
                (_, Some(field)) if !is_known(field) => {
                    Fault::new(node.at, format!("unknown name {field}"))
                }
                (None, None) => Fault::new(node.at, outside("$env as a whole")),
                _ => Ok(Type::Float),
            };
        }
        if let Some((_, of)) = self.variables.iter().rev().find(|(known, _)| known == name) {
            return Ok(of.clone());
        }
        if self.names.contains(name) {
            return Ok(Type::Float);
        }
        Fault::new(node.at, format!("unknown name {name}"))
    }

    fn declaration(&mut self, node: &Node, name: &str, value: &Node, body: &Node) -> Checked {
        if self.names.contains(name) {
            return Fault::new(node.at, format!("cannot redeclare {name}"));
        }
        if builtins::is_taken(name) {
            return Fault::new(node.at, format!("cannot redeclare builtin {name}"));
        }
        if self.variables.iter().any(|(known, _)| known == name) {
            return Fault::new(node.at, format!("cannot redeclare variable {name}"));
        }
        let of = self.visit(value)?;
        self.variables.push((name.to_owned(), of));
        let body = self.visit(body);
        self.variables.pop();
        body
    }

    fn unary(&mut self, node: &Node, operator: &str, inner: &Node) -> Checked {
        let of = self.visit(inner)?;
        match operator {
            "!" | "not" if matches!(of, Type::Bool | Type::Unknown) => Ok(Type::Bool),
            "+" | "-" if of.is_number() || of == Type::Unknown => Ok(of),
            _ => Fault::new(
                node.at,
                format!(
                    "invalid operation: {operator} (mismatched type {})",
                    of.name()
                ),
            ),
        }
    }

    fn conditional(&mut self, condition: &Node, then: &Node, otherwise: &Node) -> Checked {
        let of = self.visit(condition)?;
        if !matches!(of, Type::Bool | Type::Unknown) {
            return Fault::new(
                condition.at,
                format!("non-bool expression (type {}) used as condition", of.name()),
            );
        }
        let then = self.visit(then)?;
        let otherwise = self.visit(otherwise)?;
        Ok(match (&then, &otherwise) {
            (Type::Nil, _) => otherwise,
            (_, Type::Nil) => then,
            (Type::Array(left), Type::Array(right)) if left != right => Type::Unknown.array(),
            _ if then.assignable(&otherwise) => then,
            _ => Type::Unknown,
        })
    }

    fn index(&mut self, node: &Node, array: &Node, index: &Node) -> Checked {
        let of = self.visit(array)?;
        let by = self.visit(index)?;
        match of {
            Type::Unknown => Ok(Type::Unknown),
            Type::Array(_) if matches!(by, Type::Int | Type::Unknown) => Ok(of.element()),
            Type::Array(_) => Fault::new(
                index.at,
                format!(
                    "array elements can only be selected using an integer (got {})",
                    by.name()
                ),
            ),
            _ => Fault::new(
                node.at,
                format!("type {}[{}] is undefined", of.name(), by.name()),
            ),
        }
    }

    fn pointer(&self, node: &Node, name: &str) -> Checked {
        let Some((element, function)) = self.scopes.last() else {
            return Fault::new(node.at, "cannot use pointer accessor outside predicate");
        };
        match (name, function.as_str()) {
            ("", _) => Ok(element.clone()),
            ("acc", "reduce") => Ok(Type::Unknown),
            ("index", "reduce" | "map") => Ok(Type::Int),
            _ => Fault::new(node.at, format!("unknown pointer #{name}")),
        }
    }

    fn call(&mut self, node: &Node, name: &str, arguments: &[Node]) -> Checked {
        if matches!(
            builtins::find(name),
            Some(builtins::Builtin::Predicate { .. })
        ) {
            return self.predicate(name, arguments);
        }
        let mut types = Vec::new();
        for argument in arguments {
            types.push(self.visit(argument)?);
        }
        if builtins::is_bitwise(name) {
            return functions::bitwise(node, name, arguments, &types);
        }
        if name == "get" {
            return functions::get(node, arguments, &types);
        }
        function(name, &types).or_else(|message| Fault::new(node.at, message))
    }

    fn predicate(&mut self, name: &str, arguments: &[Node]) -> Checked {
        let array = self.visit(&arguments[0])?;
        if !matches!(array, Type::Array(_) | Type::Unknown) {
            return Fault::new(
                arguments[0].at,
                format!("builtin {name} takes only array (got {})", array.name()),
            );
        }
        let element = array.element();
        let Some(predicate) = arguments.get(1) else {
            return Ok(if name == "count" { Type::Int } else { element });
        };
        self.scopes.push((element.clone(), name.to_owned()));
        let found = self.visit(predicate);
        self.scopes.pop();
        let found = found?;
        if let Some(third) = arguments.get(2) {
            let of = self.visit(third)?;
            if name == "sortBy" && !matches!(of, Type::Text | Type::Unknown) {
                let given = of.name();
                let message = format!("sortBy order argument must be a string (got {given})");
                return Fault::new(third.at, message);
            }
        }
        if found == Type::Nil {
            return Fault::new(
                predicate.at,
                "predicate should has one input and one output param",
            );
        }
        let wants_bool = !matches!(name, "map" | "sum" | "reduce" | "sortBy");
        if wants_bool && !matches!(found, Type::Bool | Type::Unknown) {
            return Fault::new(
                predicate.at,
                format!("predicate should return boolean (got {})", found.name()),
            );
        }
        Ok(match name {
            "filter" | "sortBy" => element.array(),
            "map" => found.array(),
            "sum" | "reduce" => found,
            "find" | "findLast" => element,
            "count" | "findIndex" | "findLastIndex" => Type::Int,
            _ => Type::Bool,
        })
    }
}

/// Whether a node consists of integer literals.
fn is_constant(node: &Node) -> bool {
    match &node.kind {
        Kind::Int(_) => true,
        Kind::Unary(operator, inner) => operator != "!" && operator != "not" && is_constant(inner),
        Kind::Binary(operator, left, right) => {
            matches!(operator.as_str(), "+" | "-" | "*" | "%")
                && is_constant(left)
                && is_constant(right)
        }
        _ => false,
    }
}

fn binary(at: usize, operator: &str, left: &Type, right: &Type) -> Checked {
    let both = |kind: fn(&Type) -> bool| kind(left) && kind(right);
    let number = Type::is_number;
    let integer: fn(&Type) -> bool = |of| *of == Type::Int;
    let text: fn(&Type) -> bool = |of| *of == Type::Text;
    let bool: fn(&Type) -> bool = |of| *of == Type::Bool;
    let found = match operator {
        "==" | "!=" if left.comparable(right) => Some(Type::Bool),
        "or" | "||" | "and" | "&&" if both(bool) || left.maybe(right, bool) => Some(Type::Bool),
        "<" | ">" | ">=" | "<="
            if both(number)
                || both(text)
                || left.maybe(right, number)
                || left.maybe(right, text) =>
        {
            Some(Type::Bool)
        }
        "+" | "-" | "*" if both(number) => Some(if both(integer) {
            Type::Int
        } else {
            Type::Float
        }),
        "+" if both(text) => Some(Type::Text),
        "+" if left.maybe(right, text) => Some(Type::Unknown),
        "+" | "-" | "*" if left.maybe(right, number) => Some(Type::Unknown),
        "/" | "**" | "^" if both(number) || left.maybe(right, number) => Some(Type::Float),
        "%" if both(integer) || left.maybe(right, integer) => Some(Type::Int),
        ".." if both(integer) || left.maybe(right, integer) => Some(Type::Int.array()),
        "in" => match right {
            Type::Array(element) if left.comparable(element) => Some(Type::Bool),
            Type::Array(element) => {
                let message = format!(
                    "cannot use {} as type {} in array",
                    left.name(),
                    element.name()
                );
                return Fault::new(at, message);
            }
            Type::Unknown => Some(Type::Bool),
            _ => None,
        },
        "??" => Some(match (left, right) {
            (Type::Nil, _) => right.clone(),
            (_, Type::Nil) => left.clone(),
            _ if right.assignable(left) => left.clone(),
            _ => Type::Unknown,
        }),
        "matches" | "contains" | "startsWith" | "endsWith" => {
            let message =
                format!("{operator} is outside the numeric part of the expression language");
            return Fault::new(at, message);
        }
        _ => None,
    };
    found.map_or_else(
        || {
            Fault::new(
                at,
                format!(
                    "invalid operation: {operator} (mismatched types {} and {})",
                    left.name(),
                    right.name()
                ),
            )
        },
        Ok,
    )
}
