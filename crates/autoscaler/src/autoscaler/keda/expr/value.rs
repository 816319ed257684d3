//! Run-time values and their arithmetic, as Go's `any` behaves in expr's helpers.

use std::cmp::Ordering;

/// What an expression evaluates to.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `nil`.
    Nil,
    /// A boolean.
    Bool(bool),
    /// Go's `int`.
    Int(i64),
    /// Go's `float64`.
    Float(f64),
    /// A text literal.
    Text(String),
    /// An array of any values.
    Array(Vec<Value>),
}

impl Value {
    /// The type's name in Go's `%T`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Array(_) => "[]interface {}",
        }
    }

    /// The number as a float, if it is one.
    pub(super) fn number(&self) -> Option<f64> {
        match *self {
            Self::Int(int) => Some(int as f64),
            Self::Float(float) => Some(float),
            _ => None,
        }
    }

    /// Go's conversion to `int`: floats lose what stands behind the point.
    pub(super) fn to_int(&self) -> Result<i64, String> {
        match *self {
            Self::Int(int) => Ok(int),
            Self::Float(float) => Ok(go_int(float)),
            _ => Err(format!("invalid operation: int({})", self.type_name())),
        }
    }

    /// The value as a boolean; anything else is Go's failed type assertion.
    pub(super) fn to_bool(&self) -> Result<bool, String> {
        match *self {
            Self::Bool(bool) => Ok(bool),
            _ => Err(format!(
                "interface conversion: interface {{}} is {}, not bool",
                match self {
                    Self::Nil => "nil",
                    other => other.type_name(),
                }
            )),
        }
    }
}

/// Go's `int(x)` on amd64: what does not fit becomes the smallest number.
pub(crate) fn go_int(float: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&float) {
        float as i64
    } else {
        i64::MIN
    }
}

fn mismatch(operator: &str, left: &Value, right: &Value) -> String {
    format!(
        "invalid operation: {} {operator} {}",
        left.type_name(),
        right.type_name()
    )
}

/// `+ - *`: two integers stay integers and wrap; anything with a float is a float.
pub(super) fn arithmetic(operator: &str, left: &Value, right: &Value) -> Result<Value, String> {
    if let (Value::Int(left), Value::Int(right)) = (left, right) {
        return Ok(Value::Int(match operator {
            "+" => left.wrapping_add(*right),
            "-" => left.wrapping_sub(*right),
            _ => left.wrapping_mul(*right),
        }));
    }
    if let (Some(left), Some(right)) = (left.number(), right.number()) {
        return Ok(Value::Float(match operator {
            "+" => left + right,
            "-" => left - right,
            _ => left * right,
        }));
    }
    match (operator, left, right) {
        ("+", Value::Text(left), Value::Text(right)) => Ok(Value::Text(format!("{left}{right}"))),
        _ => Err(mismatch(operator, left, right)),
    }
}

/// `/`: always a float.
pub(super) fn divide(left: &Value, right: &Value) -> Result<Value, String> {
    match (left.number(), right.number()) {
        (Some(left), Some(right)) => Ok(Value::Float(left / right)),
        _ => Err(mismatch("/", left, right)),
    }
}

/// `%`: integers only.
pub(super) fn modulo(left: &Value, right: &Value) -> Result<Value, String> {
    match (left, right) {
        (Value::Int(_), Value::Int(0)) => Err("runtime error: integer divide by zero".to_owned()),
        (Value::Int(left), Value::Int(right)) => Ok(Value::Int(left.wrapping_rem(*right))),
        _ => Err(mismatch("%", left, right)),
    }
}

/// `**` and `^`: always a float.
pub(super) fn power(left: &Value, right: &Value) -> Result<Value, String> {
    let float = |value: &Value| {
        value
            .number()
            .ok_or_else(|| format!("invalid operation: float({})", value.type_name()))
    };
    Ok(Value::Float(go_power(float(left)?, float(right)?)))
}

/// Go's `math.Pow`: whole powers by squaring, so that no bit differs.
fn go_power(base: f64, exponent: f64) -> f64 {
    let whole = exponent.abs().trunc();
    let mut part = exponent.abs() - whole;
    if !base.is_normal() || !exponent.is_normal() || whole >= 1e9 || (part != 0.0 && base < 0.0) {
        return base.powf(exponent);
    }
    if exponent.abs() == 0.5 {
        let root = base.sqrt();
        return if exponent > 0.0 { root } else { 1.0 / root };
    }
    let mut times = whole as u64;
    let (mut mantissa, mut scale) = (1.0, 0_i64);
    if part != 0.0 {
        if part > 0.5 {
            part -= 1.0;
            times += 1;
        }
        mantissa = (part * base.ln()).exp();
    }
    // The base as a number in [0.5, 1) and a power of two.
    let bits = base.to_bits();
    let mut power = ((bits >> 52) & 0x7ff) as i64 - 1022;
    let mut factor = f64::from_bits((bits & !(0x7ff << 52)) | (1022 << 52));
    while times != 0 {
        if power.abs() > 1 << 12 {
            scale += power;
            break;
        }
        if times & 1 == 1 {
            mantissa *= factor;
            scale += power;
        }
        factor *= factor;
        power <<= 1;
        if factor < 0.5 {
            factor += factor;
            power -= 1;
        }
        times >>= 1;
    }
    if exponent < 0.0 {
        mantissa = 1.0 / mantissa;
        scale = -scale;
    }
    // Two steps, so that neither leaves the range on the way.
    let half = scale.clamp(-2000, 2000) / 2;
    let rest = scale.clamp(-2000, 2000) - half;
    mantissa * 2.0_f64.powi(half as i32) * 2.0_f64.powi(rest as i32)
}

/// `==`.
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => left == right,
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| equal(left, right))
        }
        _ => match (left.number(), right.number()) {
            (Some(left), Some(right)) => left == right,
            _ => left == right,
        },
    }
}

/// `<`, `<=`, `>` or `>=`.
pub(super) fn compare(operator: &str, left: &Value, right: &Value) -> Result<bool, String> {
    let order = match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        _ => match (left.number(), right.number()) {
            (Some(left), Some(right)) => left.partial_cmp(&right),
            _ => return Err(mismatch(operator, left, right)),
        },
    };
    Ok(match operator {
        "<" => order == Some(Ordering::Less),
        "<=" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        ">" => order == Some(Ordering::Greater),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    })
}
