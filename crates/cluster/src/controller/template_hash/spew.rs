//! What spew writes of a value with `%#v`, without methods, addresses and capacities, and with the keys of maps in
//! order: each type in parentheses before its value, but for items of lists and maps.
//!
//! Values are JSON: what is not there is Go's zero value. Controllers read objects as protocol
//! buffers, which tell empty lists and maps not from missing ones.
//!
//! Upstream: `k8s.io/utils/dump` (`ForHash`), `github.com/davecgh/go-spew/spew/format.go`.

use std::fmt::{Result, Write};

use serde_json::Value;

use super::go_types::{Definition, definition};
use super::quantity;

/// A pod template.
pub(super) fn template(out: &mut impl Write, value: &Value) -> Result {
    typed(out, "v1.PodTemplateSpec", value)
}

/// A value with its type before it.
fn typed(out: &mut impl Write, of: &str, value: &Value) -> Result {
    write!(out, "({of})")?;
    match of.strip_prefix('*') {
        Some(_) if value.is_null() => out.write_str("<nil>"),
        Some(target) => bare(out, target, value),
        None => bare(out, of, value),
    }
}

/// A value without its type.
fn bare(out: &mut impl Write, of: &str, value: &Value) -> Result {
    if let Some(item) = of.strip_prefix("[]") {
        return list(out, item, value);
    }
    if let Some((_, item)) = of.strip_prefix("map[").and_then(|of| of.split_once(']')) {
        return map(out, item, value);
    }
    match of {
        "string" => out.write_str(value.as_str().unwrap_or_default()),
        "bool" => write!(out, "{}", value.as_bool().unwrap_or_default()),
        "int32" | "int64" => write!(out, "{}", value.as_i64().unwrap_or_default()),
        "resource.Quantity" => quantity::bare(out, value),
        "intstr.IntOrString" => int_or_string(out, value),
        // Templates have no times.
        "v1.Time" => out
            .write_str("{Time:(time.Time){wall:(uint64)0 ext:(int64)0 loc:(*time.Location)<nil>}}"),
        _ => match definition(of) {
            Some(Definition::Named(of)) => bare(out, of, value),
            Some(Definition::Struct(fields)) => {
                out.write_char('{')?;
                for (place, field) in fields.iter().enumerate() {
                    if place > 0 {
                        out.write_char(' ')?;
                    }
                    write!(out, "{}:", field.name)?;
                    let json = field.json.as_ref();
                    typed(
                        out,
                        field.of,
                        json.map_or(value, |name| &value[name.as_str()]),
                    )?;
                }
                out.write_char('}')
            }
            None => Ok(()),
        },
    }
}

fn list(out: &mut impl Write, item: &str, value: &Value) -> Result {
    let Some(items) = value.as_array().filter(|items| !items.is_empty()) else {
        return out.write_str("<nil>");
    };
    out.write_char('[')?;
    for (place, value) in items.iter().enumerate() {
        if place > 0 {
            out.write_char(' ')?;
        }
        bare(out, item, value)?;
    }
    out.write_char(']')
}

fn map(out: &mut impl Write, item: &str, value: &Value) -> Result {
    let Some(entries) = value.as_object().filter(|entries| !entries.is_empty()) else {
        return out.write_str("<nil>");
    };
    let mut entries: Vec<(&String, &Value)> = entries.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    out.write_str("map[")?;
    for (place, (key, value)) in entries.into_iter().enumerate() {
        if place > 0 {
            out.write_char(' ')?;
        }
        write!(out, "{key}:")?;
        bare(out, item, value)?;
    }
    out.write_char(']')
}

fn int_or_string(out: &mut impl Write, value: &Value) -> Result {
    let text = value.as_str().unwrap_or_default();
    let number = value.as_i64().unwrap_or_default();
    let kind = u8::from(value.is_string());
    write!(
        out,
        "{{Type:(intstr.Type){kind} IntVal:(int32){number} StrVal:(string){text}}}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(of: &str, value: &Value) -> String {
        let mut text = String::new();
        typed(&mut text, of, value).expect("a String takes everything");
        text
    }

    #[test]
    fn types_stand_before_values_but_for_items() {
        assert_eq!(text("*int64", &Value::Null), "(*int64)<nil>");
        assert_eq!(text("*int64", &json!(30)), "(*int64)30");
        assert_eq!(text("[]string", &json!([])), "([]string)<nil>");
        assert_eq!(text("[]string", &json!(["a", "b"])), "([]string)[a b]");
        assert_eq!(
            text("map[string]string", &json!({"b": "2", "a": "1"})),
            "(map[string]string)map[a:1 b:2]"
        );
        assert_eq!(
            text(
                "[]v1.EnvVar",
                &json!([{"name": "A", "value": "1"}, {"name": "B"}])
            ),
            "([]v1.EnvVar)[{Name:(string)A Value:(string)1 ValueFrom:(*v1.EnvVarSource)<nil>} \
             {Name:(string)B Value:(string) ValueFrom:(*v1.EnvVarSource)<nil>}]"
        );
        assert_eq!(
            text("*v1.TCPSocketAction", &json!({"port": "http"})),
            "(*v1.TCPSocketAction){Port:(intstr.IntOrString){Type:(intstr.Type)1 IntVal:(int32)0 \
             StrVal:(string)http} Host:(string)}"
        );
    }

    #[test]
    fn fields_of_a_struct_within_stand_among_the_others_in_json() {
        let probe = json!({"exec": {"command": ["true"]}, "periodSeconds": 2});
        let text = text("*v1.Probe", &probe);
        let begin = "(*v1.Probe){ProbeHandler:(v1.ProbeHandler){Exec:(*v1.ExecAction){Command:([]string)[true]} HTTPGet:(*v1.HTTPGetAction)<nil>";
        assert!(text.starts_with(begin), "{text}");
        assert!(text.contains(" PeriodSeconds:(int32)2 "), "{text}");
    }
}
