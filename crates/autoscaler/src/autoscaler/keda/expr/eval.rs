//! Runs a checked expression.

use std::collections::BTreeMap;

use super::ast::{ENV, Kind, Node};
use super::calls;
use super::value::{self, Value};

/// Upstream's memory budget: the elements of all arrays that a run makes must stay below it.
const BUDGET: u64 = 1_000_000;

type Evaluated = Result<Value, String>;

/// What one predicate sees.
struct Scope {
    item: Value,
    index: i64,
    accumulator: Value,
}

/// The values of names, variables and enclosing predicates.
pub(super) struct Machine<'a> {
    values: &'a BTreeMap<String, Value>,
    variables: Vec<(String, Value)>,
    scopes: Vec<Scope>,
    /// Elements of the arrays made so far.
    memory: u64,
}

impl<'a> Machine<'a> {
    pub(super) const fn new(values: &'a BTreeMap<String, Value>) -> Self {
        Self {
            values,
            variables: Vec::new(),
            scopes: Vec::new(),
            memory: 0,
        }
    }

    /// `memGrow`.
    fn grow(&mut self, elements: u64) -> Result<(), String> {
        self.memory = self.memory.saturating_add(elements);
        if self.memory >= BUDGET {
            return Err("memory budget exceeded".to_owned());
        }
        Ok(())
    }

    pub(super) fn run(&mut self, node: &Node) -> Evaluated {
        Ok(match &node.kind {
            Kind::Nil => Value::Nil,
            Kind::Bool(bool) => Value::Bool(*bool),
            Kind::Int(int) => Value::Int(*int),
            Kind::Float(float) => Value::Float(*float),
            Kind::Text(text) => Value::Text(text.clone()),
            Kind::Name(name) => self.name(name),
            Kind::Unary(operator, inner) => {
                let inner = self.run(inner)?;
                return unary(operator, inner);
            }
            Kind::Binary(operator, left, right) => return self.binary(operator, left, right),
            Kind::Conditional(condition, then, otherwise) => {
                let taken = self.run(condition)?.to_bool()?;
                return self.run(if taken { then } else { otherwise });
            }
            Kind::Array(nodes) => {
                let values: Result<Vec<_>, _> = nodes.iter().map(|node| self.run(node)).collect();
                let values = values?;
                // One of literals alone is made when the expression is compiled.
                if !nodes.iter().all(|node| node.kind.is_literal()) {
                    self.grow(values.len() as u64)?;
                }
                Value::Array(values)
            }
            Kind::Index(array, index) => {
                let array = self.run(array)?;
                let index = self.run(index)?;
                return fetch(&array, &index);
            }
            Kind::Slice(array, from, to) => {
                let array = self.run(array)?;
                let mut bound = |node: &Option<Box<Node>>, default: i64| match node {
                    Some(node) => self.run(node)?.to_int(),
                    None => Ok(default),
                };
                let from = bound(from, 0)?;
                let to = bound(to, i64::MAX)?;
                return slice(&array, from, to);
            }
            Kind::Call(name, arguments) => return self.call(name, arguments),
            Kind::Pointer(name) => match (self.scopes.last(), name.as_str()) {
                (Some(scope), "acc") => scope.accumulator.clone(),
                (Some(scope), "index") => Value::Int(scope.index),
                (Some(scope), _) => scope.item.clone(),
                (None, _) => Value::Nil,
            },
            Kind::Let(name, value, body) => {
                let value = self.run(value)?;
                self.variables.push((name.clone(), value));
                let body = self.run(body);
                self.variables.pop();
                return body;
            }
            Kind::Sequence(nodes) => {
                let mut last = Value::Nil;
                for node in nodes {
                    last = self.run(node)?;
                }
                last
            }
        })
    }

    fn name(&self, name: &str) -> Value {
        if let Some(field) = name.strip_prefix(ENV) {
            let field = field.trim_start_matches(['?', '.']);
            return self.values.get(field).cloned().unwrap_or(Value::Nil);
        }
        let variable = self.variables.iter().rev().find(|(known, _)| known == name);
        variable
            .map(|(_, value)| value)
            .or_else(|| self.values.get(name))
            .cloned()
            .unwrap_or(Value::Nil)
    }

    fn binary(&mut self, operator: &str, left: &Node, right: &Node) -> Evaluated {
        let left = self.run(left)?;
        match operator {
            "&&" | "and" if !left.to_bool()? => return Ok(left),
            "||" | "or" if left.to_bool()? => return Ok(left),
            "??" if left != Value::Nil => return Ok(left),
            _ => {}
        }
        let right = self.run(right)?;
        match operator {
            "&&" | "and" | "||" | "or" | "??" => Ok(right),
            "==" => Ok(Value::Bool(value::equal(&left, &right))),
            "!=" => Ok(Value::Bool(!value::equal(&left, &right))),
            "<" | "<=" | ">" | ">=" => value::compare(operator, &left, &right).map(Value::Bool),
            "/" => value::divide(&left, &right),
            "%" => value::modulo(&left, &right),
            "**" | "^" => value::power(&left, &right),
            "in" => match &right {
                Value::Array(items) => Ok(Value::Bool(
                    items.iter().any(|item| value::equal(item, &left)),
                )),
                Value::Nil => Ok(Value::Bool(false)),
                other => Err(format!(
                    "operator \"in\" not defined on {}",
                    other.type_name()
                )),
            },
            ".." => {
                let (from, to) = (left.to_int()?, right.to_int()?);
                let size = i128::from(to) - i128::from(from) + 1;
                self.grow(u64::try_from(size.max(0)).unwrap_or(u64::MAX))?;
                Ok(Value::Array((from..=to).map(Value::Int).collect()))
            }
            _ => value::arithmetic(operator, &left, &right),
        }
    }

    fn call(&mut self, name: &str, arguments: &[Node]) -> Evaluated {
        let predicate = match (super::builtins::find(name), arguments) {
            (Some(super::builtins::Builtin::Predicate { .. }), [array, predicate, rest @ ..]) => {
                Some((array, predicate, rest.first()))
            }
            _ => None,
        };
        let Some((array, predicate, initial)) = predicate else {
            let values: Result<Vec<_>, _> = arguments.iter().map(|node| self.run(node)).collect();
            let value = calls::function(name, values?)?;
            if let ("reverse" | "concat" | "flatten" | "sort", Value::Array(items)) = (name, &value)
            {
                self.grow(items.len() as u64)?;
            }
            return Ok(value);
        };
        let items = match self.run(array)? {
            Value::Array(items) => items,
            other => {
                return Err(format!(
                    "invalid argument for len (type {})",
                    other.type_name()
                ));
            }
        };
        match name {
            "reduce" => self.reduce(items, predicate, initial),
            "sortBy" => {
                let order = initial.map(|order| self.run(order)).transpose()?;
                let keys = self.map(items.clone(), predicate)?;
                self.grow(items.len() as u64)?;
                calls::sort_by(items, keys, order)
            }
            "sum" | "map" => {
                let mapped = self.map(items, predicate)?;
                if name == "map" {
                    self.grow(mapped.len() as u64)?;
                    Ok(Value::Array(mapped))
                } else {
                    calls::sum(&mapped)
                }
            }
            _ => self.select(name, items, predicate),
        }
    }

    fn with_item(&mut self, predicate: &Node, item: Value, index: usize, acc: Value) -> Evaluated {
        self.scopes.push(Scope {
            item,
            index: index as i64,
            accumulator: acc,
        });
        let found = self.run(predicate);
        self.scopes.pop();
        found
    }

    fn map(&mut self, items: Vec<Value>, predicate: &Node) -> Result<Vec<Value>, String> {
        let each = items.into_iter().enumerate();
        each.map(|(index, item)| self.with_item(predicate, item, index, Value::Nil))
            .collect()
    }

    fn reduce(&mut self, items: Vec<Value>, predicate: &Node, initial: Option<&Node>) -> Evaluated {
        let mut each = items.into_iter().enumerate();
        let mut accumulator = match initial {
            Some(initial) => self.run(initial)?,
            None => match each.next() {
                Some((_, first)) => first,
                None => return Err("reduce of empty array with no initial value".to_owned()),
            },
        };
        for (index, item) in each {
            accumulator = self.with_item(predicate, item, index, accumulator)?;
        }
        Ok(accumulator)
    }

    /// The functions whose predicate is a condition.
    fn select(&mut self, name: &str, items: Vec<Value>, predicate: &Node) -> Evaluated {
        let backwards = matches!(name, "findLast" | "findLastIndex");
        let mut order: Vec<(usize, Value)> = items.into_iter().enumerate().collect();
        if backwards {
            order.reverse();
        }
        let mut matching = Vec::new();
        let mut others = false;
        for (index, item) in order {
            let holds = self
                .with_item(predicate, item.clone(), index, Value::Nil)?
                .to_bool()?;
            others |= !holds;
            if holds {
                matching.push((index, item));
            }
            let decided = match name {
                "all" => others,
                "any" | "none" | "find" | "findLast" | "findIndex" | "findLastIndex" => holds,
                _ => false,
            };
            if decided {
                break;
            }
        }
        let first = matching.first();
        Ok(match name {
            "all" => Value::Bool(!others),
            "any" => Value::Bool(first.is_some()),
            "none" => Value::Bool(first.is_none()),
            "one" => Value::Bool(matching.len() == 1),
            "count" => Value::Int(matching.len() as i64),
            "filter" => {
                self.grow(matching.len() as u64)?;
                Value::Array(matching.into_iter().map(|(_, item)| item).collect())
            }
            "find" | "findLast" => first.map_or(Value::Nil, |(_, item)| item.clone()),
            _ => first.map_or(Value::Nil, |(index, _)| Value::Int(*index as i64)),
        })
    }
}

fn unary(operator: &str, inner: Value) -> Evaluated {
    match (operator, inner) {
        ("!" | "not", inner) => Ok(Value::Bool(!inner.to_bool()?)),
        ("+", inner) => Ok(inner),
        (_, Value::Int(int)) => Ok(Value::Int(int.wrapping_neg())),
        (_, Value::Float(float)) => Ok(Value::Float(-float)),
        (_, inner) => Err(format!("invalid operation: - {}", inner.type_name())),
    }
}

/// One element; a negative index counts from the end.
fn fetch(array: &Value, index: &Value) -> Evaluated {
    let Value::Array(items) = array else {
        return Err(format!("cannot fetch from {}", array.type_name()));
    };
    let length = items.len() as i64;
    let mut index = index.to_int()?;
    if index < 0 {
        index += length;
    }
    usize::try_from(index)
        .ok()
        .and_then(|index| items.get(index))
        .cloned()
        .ok_or_else(|| format!("index out of range: {index} (array length is {length})"))
}

/// A part of an array; bounds beyond it are cut.
fn slice(array: &Value, from: i64, to: i64) -> Evaluated {
    let Value::Array(items) = array else {
        return Err(format!("cannot slice {}", array.type_name()));
    };
    let length = items.len() as i64;
    let bound = |bound: i64| {
        let bound = if bound < 0 { bound + length } else { bound };
        bound.clamp(0, length) as usize
    };
    let to = bound(to);
    let from = bound(from).min(to);
    Ok(Value::Array(items[from..to].to_vec()))
}
