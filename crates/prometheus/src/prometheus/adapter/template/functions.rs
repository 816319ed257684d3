//! The functions of templates, and values as they are written.

use std::fmt::Write as _;

use super::Value;
use crate::prometheus::labels::quoted;

/// A value as it is written.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(bool) => bool.to_string(),
        Value::List(list) => format!("[{}]", list.join(" ")),
        Value::Map(map) => {
            let entries: Vec<String> = map.iter().map(|(k, v)| format!("{k}:{v}")).collect();
            format!("map[{}]", entries.join(" "))
        }
        Value::Missing => "<no value>".to_owned(),
    }
}

/// Whether a value is neither zero nor empty.
pub(super) fn truth(value: &Value) -> bool {
    match value {
        Value::Text(text) => !text.is_empty(),
        Value::Number(number) => *number != 0,
        Value::Bool(bool) => *bool,
        Value::List(list) => !list.is_empty(),
        Value::Map(map) => !map.is_empty(),
        Value::Missing => false,
    }
}

/// A value's type in Go.
pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Text(_) => "string",
        Value::Number(_) => "int",
        Value::Bool(_) => "bool",
        Value::List(_) => "[]string",
        Value::Map(_) => "map[string]string",
        Value::Missing => "nil",
    }
}

/// Calls a function of Go's templates.
pub(super) fn call(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let few = || {
        let least = match name {
            "not" | "len" => "1",
            "ne" | "lt" | "le" | "gt" | "ge" => "2",
            _ => "at least 1",
        };
        format!(
            "wrong number of args for {name}: want {least} got {}",
            arguments.len()
        )
    };
    let first = arguments.first().ok_or_else(few)?;
    let comparable = |other: &Value| {
        let (one, two) = (type_of(first), type_of(other));
        if one == two {
            return Ok(());
        }
        Err(format!(
            "error calling {name}: incompatible types for comparison: {one} and {two}"
        ))
    };
    let order = || -> Result<std::cmp::Ordering, String> {
        let second = arguments.get(1).ok_or_else(few)?;
        comparable(second)?;
        match (first, second) {
            (Value::Number(a), Value::Number(b)) => Ok(a.cmp(b)),
            (Value::Text(a), Value::Text(b)) => Ok(a.cmp(b)),
            _ => Err(format!("error calling {name}: invalid type for comparison")),
        }
    };
    Ok(match name {
        "not" => Value::Bool(!truth(first)),
        "and" => pick(arguments, |value| !truth(value)),
        "or" => pick(arguments, truth),
        "eq" if arguments.len() < 2 => {
            return Err("error calling eq: missing argument for comparison".to_owned());
        }
        "eq" => {
            for other in &arguments[1..] {
                comparable(other)?;
                if other == first {
                    return Ok(Value::Bool(true));
                }
            }
            Value::Bool(false)
        }
        "ne" => {
            let second = arguments.get(1).ok_or_else(few)?;
            comparable(second)?;
            Value::Bool(second != first)
        }
        "lt" => Value::Bool(order()?.is_lt()),
        "le" => Value::Bool(order()?.is_le()),
        "gt" => Value::Bool(order()?.is_gt()),
        "ge" => Value::Bool(order()?.is_ge()),
        "len" => Value::Number(match first {
            Value::Text(text) => text.len() as i64,
            Value::List(list) => list.len() as i64,
            Value::Map(map) => map.len() as i64,
            other => return Err(format!("error calling len: len of type {}", type_of(other))),
        }),
        "index" => index(first, &arguments[1..])?,
        "printf" => Value::Text(printf(first, &arguments[1..])),
        "print" => Value::Text(arguments.iter().map(text).collect()),
        _ => return Err(format!("error calling {name}: not supported")),
    })
}

/// The first that decides, or the last.
fn pick(arguments: &[Value], decides: impl Fn(&Value) -> bool) -> Value {
    let last = arguments.len() - 1;
    let found = arguments.iter().position(decides).unwrap_or(last);
    arguments[found].clone()
}

fn index(value: &Value, keys: &[Value]) -> Result<Value, String> {
    match (value, keys) {
        (value, []) => Ok(value.clone()),
        // A key that a map lacks gives the type's zero value.
        (Value::Map(map), [Value::Text(key)]) => {
            Ok(Value::Text(map.get(key).cloned().unwrap_or_default()))
        }
        (Value::List(list), [Value::Number(at)]) => usize::try_from(*at)
            .ok()
            .and_then(|at| list.get(at))
            .map(|item| Value::Text(item.clone()))
            .ok_or_else(|| format!("error calling index: index out of range: {at}")),
        (Value::List(_), [key, ..]) => Err(format!(
            "error calling index: cannot index slice/array with type {}",
            type_of(key)
        )),
        (other, _) => Err(format!(
            "error calling index: can't index item of type {}",
            type_of(other)
        )),
    }
}

/// `%s`, `%v`, `%d` and `%q`.
fn printf(format: &Value, arguments: &[Value]) -> String {
    let format = text(format);
    let mut out = String::new();
    let mut rest = arguments.iter();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('%') => out.push('%'),
            Some(verb) => match rest.next() {
                Some(value) => {
                    let value = text(value);
                    out.push_str(&if verb == 'q' { quoted(&value) } else { value });
                }
                None => {
                    let _ = write!(out, "%!{verb}(MISSING)");
                }
            },
            None => out.push_str("%!(NOVERB)"),
        }
    }
    out
}
