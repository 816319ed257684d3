//! From a template's nodes to text.

use super::functions::{call, text, truth, type_of};
use super::{Data, Node, Operand, OperandKind, Pipeline, Value};
use crate::prometheus::labels::quoted;

/// What is wrong: the place, the word there and the message.
type Wrong = (usize, String, String);

/// What `.` stands for: the data or a value.
#[derive(Debug, Clone)]
enum Dot {
    Data,
    Value(Value),
}

impl Dot {
    fn text(&self) -> String {
        match self {
            // A struct of Go, which nobody writes.
            Self::Data => "{}".to_owned(),
            Self::Value(value) => text(value),
        }
    }

    fn truth(&self) -> bool {
        match self {
            Self::Data => true,
            Self::Value(value) => truth(value),
        }
    }
}

struct Executor<'a> {
    data: &'a Data,
    variables: Vec<(String, Dot)>,
    out: String,
}

pub(super) fn execute(nodes: &[Node], data: &Data) -> Result<String, Wrong> {
    let mut executor = Executor {
        data,
        variables: Vec::new(),
        out: String::new(),
    };
    executor.nodes(nodes, &Dot::Data)?;
    Ok(executor.out)
}

impl Executor<'_> {
    fn nodes(&mut self, nodes: &[Node], dot: &Dot) -> Result<(), Wrong> {
        for node in nodes {
            let known = self.variables.len();
            match node {
                Node::Text(text) => self.out.push_str(text),
                Node::Action(pipeline) => {
                    let value = self.pipeline(pipeline, dot)?;
                    if pipeline.variables.is_empty() {
                        self.out.push_str(&value.text());
                    }
                    // A variable lives to the end of what surrounds it.
                    continue;
                }
                Node::If(pipeline, then, otherwise) => {
                    let value = self.pipeline(pipeline, dot)?;
                    self.nodes(if value.truth() { then } else { otherwise }, dot)?;
                }
                Node::With(pipeline, then, otherwise) => {
                    let value = self.pipeline(pipeline, dot)?;
                    if value.truth() {
                        self.nodes(then, &value)?;
                    } else {
                        self.nodes(otherwise, dot)?;
                    }
                }
                Node::Range(pipeline, body, otherwise) => {
                    self.range(pipeline, body, otherwise, dot)?;
                }
            }
            self.variables.truncate(known);
        }
        Ok(())
    }

    fn range(
        &mut self,
        pipeline: &Pipeline,
        body: &[Node],
        otherwise: &[Node],
        dot: &Dot,
    ) -> Result<(), Wrong> {
        let known = self.variables.len();
        let value = self.pipeline(pipeline, dot)?;
        let items: Vec<(Value, Value)> = match value {
            Dot::Value(Value::List(list)) => list
                .into_iter()
                .enumerate()
                .map(|(index, item)| (Value::Number(index as i64), Value::Text(item)))
                .collect(),
            Dot::Value(Value::Map(map)) => map
                .into_iter()
                .map(|(key, item)| (Value::Text(key), Value::Text(item)))
                .collect(),
            Dot::Value(Value::Missing) => Vec::new(),
            other => {
                let first = &pipeline.commands[0][0];
                let message = format!("range can't iterate over {}", other.text());
                return Err(wrong(first, message));
            }
        };
        if items.is_empty() {
            return self.nodes(otherwise, dot);
        }
        for (key, item) in items {
            self.variables.truncate(known);
            match pipeline.variables.as_slice() {
                [] => {}
                [one] => self.bind(one, item.clone()),
                [first, second, ..] => {
                    self.bind(first, key);
                    self.bind(second, item.clone());
                }
            }
            self.nodes(body, &Dot::Value(item))?;
        }
        Ok(())
    }

    fn bind(&mut self, name: &str, value: Value) {
        self.variables.push((name.to_owned(), Dot::Value(value)));
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Dot) -> Result<Dot, Wrong> {
        let mut value = None;
        for command in &pipeline.commands {
            value = Some(self.command(command, value, dot)?);
        }
        let value = value.unwrap_or(Dot::Value(Value::Missing));
        for name in &pipeline.variables {
            self.variables.push((name.clone(), value.clone()));
        }
        Ok(value)
    }

    fn command(
        &mut self,
        command: &[Operand],
        piped: Option<Dot>,
        dot: &Dot,
    ) -> Result<Dot, Wrong> {
        let first = &command[0];
        let OperandKind::Function(name) = &first.kind else {
            if command.len() > 1 || piped.is_some() {
                let message = match &first.kind {
                    OperandKind::Dot(path) if !path.is_empty() => {
                        let field = &path[path.len() - 1];
                        format!("{field} has arguments but cannot be invoked as function")
                    }
                    _ => format!("can't give argument to non-function {}", word(first)),
                };
                return Err(wrong(first, message));
            }
            return self.operand(first, dot);
        };
        let mut arguments = Vec::new();
        for operand in &command[1..] {
            arguments.push(self.operand(operand, dot)?);
        }
        arguments.extend(piped);
        let values: Vec<Value> = arguments
            .into_iter()
            .map(|argument| match argument {
                Dot::Value(value) => value,
                Dot::Data => Value::Missing,
            })
            .collect();
        call(name, &values).map(Dot::Value).map_err(|message| {
            let words: Vec<String> = command.iter().map(word).collect();
            (first.place, words.join(" "), message)
        })
    }

    fn operand(&mut self, operand: &Operand, dot: &Dot) -> Result<Dot, Wrong> {
        let (value, path) = match &operand.kind {
            OperandKind::Literal(value) => return Ok(Dot::Value(value.clone())),
            OperandKind::Group(pipeline) => return self.pipeline(pipeline, dot),
            OperandKind::Function(name) => {
                return call(name, &[])
                    .map(Dot::Value)
                    .map_err(|message| wrong(operand, message));
            }
            OperandKind::Dot(path) => (dot.clone(), path),
            OperandKind::Variable(name, path) if name.is_empty() => (Dot::Data, path),
            OperandKind::Variable(name, path) => {
                let bound = self.variables.iter().rev().find(|(known, _)| known == name);
                let value = bound.map_or(Dot::Value(Value::Missing), |(_, value)| value.clone());
                (value, path)
            }
        };
        path.iter().try_fold(value, |value, field| {
            self.field(value, field)
                .map_err(|message| wrong(operand, message))
        })
    }

    fn field(&self, value: Dot, field: &str) -> Result<Dot, String> {
        let of_type = |name: &str| format!("can't evaluate field {field} in type {name}");
        match value {
            Dot::Data => {
                let found = self.data.fields.iter().find(|(name, _)| *name == field);
                found
                    .map(|(_, value)| Dot::Value(value.clone()))
                    .ok_or_else(|| of_type(self.data.type_name))
            }
            Dot::Value(Value::Map(map)) => Ok(Dot::Value(
                map.get(field)
                    .map_or(Value::Missing, |item| Value::Text(item.clone())),
            )),
            Dot::Value(Value::Missing) => {
                Err(format!("nil data; no entry for key {}", quoted(field)))
            }
            Dot::Value(other) => Err(of_type(type_of(&other))),
        }
    }
}

fn wrong(operand: &Operand, message: String) -> Wrong {
    // Of several fields, Go remembers where the second one stands.
    let place = match &operand.kind {
        OperandKind::Dot(path) if path.len() > 1 => operand.place + 1 + path[0].len(),
        OperandKind::Variable(name, path) if !path.is_empty() => operand.place + 1 + name.len(),
        _ => operand.place,
    };
    (place, word(operand), message)
}

/// A word as Go's errors show it.
fn word(operand: &Operand) -> String {
    match &operand.kind {
        OperandKind::Dot(path) => format!(".{}", path.join(".")),
        OperandKind::Variable(name, path) if path.is_empty() => format!("${name}"),
        OperandKind::Variable(name, path) => format!("${name}.{}", path.join(".")),
        OperandKind::Function(name) => name.clone(),
        OperandKind::Literal(Value::Text(text)) => quoted(text),
        OperandKind::Literal(value) => text(value),
        OperandKind::Group(_) => "(…)".to_owned(),
    }
}
