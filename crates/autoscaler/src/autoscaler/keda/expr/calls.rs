//! The functions without a predicate.

use super::builtins::is_bitwise;
use super::value::{self, Value, go_int};
use crate::autoscaler::go_sort;

type Evaluated = Result<Value, String>;

/// Calls a plain function.
pub(super) fn function(name: &str, arguments: Vec<Value>) -> Evaluated {
    match name {
        "max" | "min" => return extreme(name, &arguments),
        "mean" | "median" => return middle(name, &arguments),
        "concat" => {
            let mut all = Vec::new();
            for argument in arguments {
                all.extend(array("concat", argument)?);
            }
            return Ok(Value::Array(all));
        }
        _ => {}
    }
    let mut rest = arguments.into_iter();
    let Some(first) = rest.next() else {
        return Err(format!("not enough arguments to call {name}"));
    };
    match name {
        "abs" => match first {
            Value::Int(int) => Ok(Value::Int(int.wrapping_abs())),
            Value::Float(float) => Ok(Value::Float(if float < 0.0 { -float } else { float })),
            other => invalid(name, &other),
        },
        "ceil" => rounded(name, &first, f64::ceil),
        "floor" => rounded(name, &first, f64::floor),
        "round" => rounded(name, &first, f64::round),
        "int" => int(&first),
        "float" => float(&first),
        "len" => match first {
            Value::Array(items) => Ok(Value::Int(items.len() as i64)),
            Value::Text(text) => Ok(Value::Int(text.chars().count() as i64)),
            other => invalid(name, &other),
        },
        "count" => {
            let items = array("count", first)?;
            let mut true_ones = 0;
            for item in items {
                true_ones += i64::from(item.to_bool()?);
            }
            Ok(Value::Int(true_ones))
        }
        "sum" => sum(&array("sum", first)?),
        "first" => Ok(match first {
            Value::Array(items) => items.first().cloned().unwrap_or(Value::Nil),
            _ => Value::Nil,
        }),
        "last" => Ok(match first {
            Value::Array(items) => items.last().cloned().unwrap_or(Value::Nil),
            _ => Value::Nil,
        }),
        "take" => {
            let mut items = array("take from", first)?;
            let count = rest.next().unwrap_or(Value::Nil).to_int()?;
            let count =
                usize::try_from(count).map_err(|_| "slice bounds out of range".to_owned())?;
            items.truncate(count);
            Ok(Value::Array(items))
        }
        "reverse" => {
            let mut items = array("reverse", first)?;
            items.reverse();
            Ok(Value::Array(items))
        }
        "uniq" => {
            let mut unique: Vec<Value> = Vec::new();
            for item in array("uniq", first)? {
                if !unique.iter().any(|known| value::equal(&item, known)) {
                    unique.push(item);
                }
            }
            Ok(Value::Array(unique))
        }
        "flatten" => {
            let mut flat = Vec::new();
            flatten(array("flatten", first)?, &mut flat);
            Ok(Value::Array(flat))
        }
        "sort" => sort(array("sort", first)?, rest.next()),
        "get" => get(&first, &rest.next().unwrap_or(Value::Nil)),
        _ if is_bitwise(name) => bitwise(name, &first, rest.next().as_ref()),
        _ => Err(format!("unknown builtin {name}")),
    }
}

/// An element, or nil if there is none.
fn get(from: &Value, index: &Value) -> Evaluated {
    let Value::Array(items) = from else {
        return Ok(Value::Nil);
    };
    let index = index.to_int()?;
    let index = if index < 0 {
        index + items.len() as i64
    } else {
        index
    };
    let found = usize::try_from(index).ok().and_then(|at| items.get(at));
    Ok(found.cloned().unwrap_or(Value::Nil))
}

fn bitwise(name: &str, first: &Value, second: Option<&Value>) -> Evaluated {
    let int = |value: &Value| match value {
        Value::Int(int) => Ok(*int),
        other => Err(format!(
            "cannot use {} as argument (type int) to call {name}",
            other.type_name()
        )),
    };
    let x = int(first)?;
    let y = second.map_or(Ok(0), int)?;
    let shift = || match u32::try_from(y) {
        Ok(bits) => Ok(bits),
        Err(_) if y > 0 => Ok(u32::MAX),
        Err(_) => Err(format!(
            "invalid operation: negative shift count {y} (type int)"
        )),
    };
    Ok(Value::Int(match name {
        "bitand" => x & y,
        "bitor" => x | y,
        "bitxor" => x ^ y,
        "bitnand" => x & !y,
        "bitshl" => x.checked_shl(shift()?).unwrap_or(0),
        "bitshr" => x >> shift()?.min(63),
        "bitushr" => {
            let bits = x.cast_unsigned().checked_shr(shift()?);
            bits.unwrap_or(0).cast_signed()
        }
        _ => !x,
    }))
}

/// The items in the order of their keys, as Go's unstable sort leaves them.
pub(super) fn sort_by(items: Vec<Value>, keys: Vec<Value>, order: Option<Value>) -> Evaluated {
    let descending = match order {
        None => false,
        Some(Value::Text(order)) if order == "asc" => false,
        Some(Value::Text(order)) if order == "desc" => true,
        Some(_) => return Err("unknown order, use asc or desc".to_owned()),
    };
    for pair in keys.windows(2) {
        value::compare("<", &pair[0], &pair[1])?;
    }
    let mut pairs: Vec<(Value, Value)> = keys.into_iter().zip(items).collect();
    go_sort::sort_by(&mut pairs, |(left, _), (right, _)| {
        let (left, right) = if descending {
            (right, left)
        } else {
            (left, right)
        };
        value::compare("<", left, right).unwrap_or(false)
    });
    Ok(Value::Array(
        pairs.into_iter().map(|(_, item)| item).collect(),
    ))
}

/// The sum of an array; an empty one is the integer 0.
pub(super) fn sum(items: &[Value]) -> Evaluated {
    items.iter().try_fold(Value::Int(0), |sum, item| {
        value::arithmetic("+", item, &sum)
    })
}

fn invalid(name: &str, value: &Value) -> Evaluated {
    Err(format!(
        "invalid argument for {name} (type {})",
        value.type_name()
    ))
}

fn array(verb: &str, value: Value) -> Result<Vec<Value>, String> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(format!("cannot {verb} {}", other.type_name())),
    }
}

fn rounded(name: &str, value: &Value, round: impl Fn(f64) -> f64) -> Evaluated {
    value.number().map_or_else(
        || invalid(name, value),
        |number| Ok(Value::Float(round(number))),
    )
}

fn int(value: &Value) -> Evaluated {
    match value {
        Value::Int(int) => Ok(Value::Int(*int)),
        Value::Float(float) => Ok(Value::Int(go_int(*float))),
        Value::Text(text) => match text.parse() {
            Ok(int) => Ok(Value::Int(int)),
            Err(_) => Err(format!("invalid operation: int({text})")),
        },
        Value::Nil => Err("reflect: call of reflect.Value.Type on zero Value".to_owned()),
        other => Err(format!("invalid operation: int({})", other.type_name())),
    }
}

fn float(value: &Value) -> Evaluated {
    match value {
        Value::Text(text) => match text.parse() {
            Ok(float) => Ok(Value::Float(float)),
            Err(_) => Err(format!("invalid operation: float({text})")),
        },
        other => other
            .number()
            .map(Value::Float)
            .ok_or_else(|| format!("invalid operation: float({})", other.type_name())),
    }
}

/// The largest or smallest of numbers and arrays of them; nothing is nil.
fn extreme(name: &str, values: &[Value]) -> Evaluated {
    let replaces = if name == "max" { "<" } else { ">" };
    let mut best: Option<Value> = None;
    let mut offer = |candidate: Value| -> Result<(), String> {
        let better = match &best {
            None => true,
            Some(best) => value::compare(replaces, best, &candidate)?,
        };
        if better {
            best = Some(candidate);
        }
        Ok(())
    };
    for value in values {
        match value {
            Value::Array(items) => {
                if let [.., _] = items.as_slice() {
                    for item in items {
                        match item {
                            Value::Int(_) | Value::Float(_) => offer(item.clone())?,
                            Value::Array(_) => match extreme(name, std::slice::from_ref(item))? {
                                Value::Nil => {}
                                nested => offer(nested)?,
                            },
                            other => return invalid(name, other),
                        }
                    }
                }
            }
            Value::Int(_) | Value::Float(_) => offer(value.clone())?,
            _ if values.len() == 1 => return Ok(value.clone()),
            other => return invalid(name, other),
        }
    }
    Ok(best.unwrap_or(Value::Nil))
}

fn middle(name: &str, values: &[Value]) -> Evaluated {
    let mut numbers = Vec::new();
    collect(name, values, &mut numbers)?;
    if numbers.is_empty() {
        return Ok(Value::Float(0.0));
    }
    let count = numbers.len();
    if name == "mean" {
        return Ok(Value::Float(numbers.iter().sum::<f64>() / count as f64));
    }
    numbers.sort_by(f64::total_cmp);
    let half = count / 2;
    Ok(Value::Float(if count % 2 == 1 {
        numbers[half]
    } else {
        f64::midpoint(numbers[half - 1], numbers[half])
    }))
}

fn collect(name: &str, values: &[Value], numbers: &mut Vec<f64>) -> Result<(), String> {
    for value in values {
        match (value, value.number()) {
            (_, Some(number)) => numbers.push(number),
            (Value::Array(items), _) => collect(name, items, numbers)?,
            (other, _) => return invalid(name, other).map(|_| ()),
        }
    }
    Ok(())
}

fn flatten(items: Vec<Value>, flat: &mut Vec<Value>) {
    for item in items {
        match item {
            Value::Array(items) => flatten(items, flat),
            other => flat.push(other),
        }
    }
}

fn sort(mut items: Vec<Value>, order: Option<Value>) -> Evaluated {
    let descending = match order {
        None => false,
        Some(Value::Text(order)) if order == "asc" => false,
        Some(Value::Text(order)) if order == "desc" => true,
        Some(Value::Text(order)) => {
            return Err(format!("invalid order {order}, expected asc or desc"));
        }
        Some(other) => {
            return Err(format!(
                "sort order argument must be a string (got {})",
                other.type_name()
            ));
        }
    };
    if items.len() > 1 {
        for pair in items.windows(2) {
            value::compare("<", &pair[0], &pair[1])?;
        }
    }
    // One order for all of them, or sorting may panic: integers among floats count as floats,
    // and what is not a number stands at an end.
    let whole = items.iter().all(|item| matches!(item, Value::Int(_)));
    items.sort_by(|left, right| match (left, right) {
        (Value::Int(left), Value::Int(right)) if whole => left.cmp(right),
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        _ => {
            let (left, right) = (left.number(), right.number());
            let (left, right) = (left.unwrap_or(f64::NAN), right.unwrap_or(f64::NAN));
            let order = left.partial_cmp(&right);
            order.unwrap_or_else(|| left.total_cmp(&right))
        }
    });
    if descending {
        items.reverse();
    }
    Ok(Value::Array(items))
}
