//! The static types of plain functions.

use super::super::ast::{Fault, Node};
use super::{Checked, Type};

/// The type of a function of bits.
pub(super) fn bitwise(node: &Node, name: &str, arguments: &[Node], types: &[Type]) -> Checked {
    let wanted = if name == "bitnot" { 1 } else { 2 };
    if types.len() != wanted {
        let how = if types.len() < wanted {
            "not enough"
        } else {
            "too many"
        };
        return Fault::new(node.at, format!("{how} arguments to call {name}"));
    }
    for (argument, of) in arguments.iter().zip(types) {
        if !matches!(of, Type::Int | Type::Unknown) {
            let given = if *of == Type::Nil { "nil" } else { of.name() };
            let message = format!("cannot use {given} as argument (type int) to call {name} ");
            return Fault::new(argument.at, message);
        }
    }
    Ok(Type::Int)
}

/// The type of an element that may not be there.
pub(super) fn get(node: &Node, arguments: &[Node], types: &[Type]) -> Checked {
    let [of, by] = types else {
        let count = types.len();
        let message = format!("invalid number of arguments (expected 2, got {count})");
        return Fault::new(node.at, message);
    };
    match of {
        Type::Unknown => Ok(Type::Unknown),
        Type::Array(_) if matches!(by, Type::Int | Type::Unknown) => Ok(of.element()),
        Type::Array(_) => {
            let message = format!("non-integer slice index {}", by.name());
            Fault::new(arguments[1].at, message)
        }
        _ => {
            let message = format!("type {} does not support indexing", of.name());
            Fault::new(arguments[0].at, message)
        }
    }
}

/// The type of a plain function's result, or why it cannot be called so.
pub(super) fn function(name: &str, types: &[Type]) -> Result<Type, String> {
    let one = || match types {
        [one] => Ok(one),
        _ => Err(format!(
            "invalid number of arguments (expected 1, got {})",
            types.len()
        )),
    };
    let invalid = |of: &Type| {
        let given = if *of == Type::Nil {
            "%!s(<nil>)"
        } else {
            of.name()
        };
        Err(format!("invalid argument for {name} (type {given})"))
    };
    let is_array = |of: &Type| matches!(of, Type::Array(_) | Type::Unknown);
    match name {
        "abs" | "ceil" | "floor" | "round" => match one()? {
            of if !of.is_number() && *of != Type::Unknown => invalid(of),
            of if name == "abs" => Ok(of.clone()),
            _ => Ok(Type::Float),
        },
        "int" | "float" => match one()? {
            of @ (Type::Nil | Type::Bool | Type::Array(_)) => invalid(of),
            _ if name == "int" => Ok(Type::Int),
            _ => Ok(Type::Float),
        },
        "len" => match one()? {
            Type::Array(_) | Type::Text | Type::Unknown => Ok(Type::Int),
            of => invalid(of),
        },
        "max" | "min" | "mean" | "median" => {
            let Some(first) = types.first() else {
                return Err(format!("not enough arguments to call {name}"));
            };
            for of in types {
                match of {
                    Type::Unknown | Type::Array(_) => return Ok(Type::Unknown),
                    of if of.is_number() => {}
                    of => return invalid(of),
                }
            }
            Ok(first.clone())
        }
        "first" | "last" => match one()? {
            of if is_array(of) => Ok(Type::Unknown),
            of => Err(format!("cannot get {name} element from {}", of.name())),
        },
        "take" => match types {
            [array, _] if !is_array(array) => Err(format!("cannot take from {}", array.name())),
            [_, Type::Int | Type::Unknown] => Ok(Type::Unknown.array()),
            [_, count] => Err(format!("cannot take {} elements", count.name())),
            _ => Err(format!(
                "invalid number of arguments (expected 2, got {})",
                types.len()
            )),
        },
        "concat" if types.is_empty() => {
            Err("invalid number of arguments (expected at least 1, got 0)".to_owned())
        }
        "concat" => match types.iter().find(|of| !is_array(of)) {
            Some(of) => Err(format!("cannot concat {}", of.name())),
            None => Ok(Type::Unknown.array()),
        },
        "sort" => match types {
            [array] | [array, Type::Text | Type::Unknown] if is_array(array) => {
                Ok(Type::Unknown.array())
            }
            [] => Err("not enough arguments to call sort".to_owned()),
            [_, _, _, ..] => Err("too many arguments to call sort".to_owned()),
            [of, ..] => Err(format!(
                "cannot use {} as argument (type []interface {{}}) to call sort ",
                of.name()
            )),
        },
        _ => match one()? {
            of if is_array(of) => Ok(Type::Unknown.array()),
            of => Err(format!("cannot {name} {}", of.name())),
        },
    }
}
