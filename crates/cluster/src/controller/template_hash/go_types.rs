//! The fields of `v1.PodTemplateSpec` and of all types in it, in the order of Kubernetes 1.36.2
//! (`staging/src/k8s.io/api/core/v1/types.go`), as `go_types.txt` lists them: `NAME = TYPE` is another name of a type;
//! the name of a struct stands alone, its fields below it, each with its type and, where it is not the
//! field's with a small initial, its name in JSON (`-` where the fields stand among the others).

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A field of a struct.
pub(super) struct Field {
    pub(super) name: &'static str,
    /// Its type as Go names it.
    pub(super) of: &'static str,
    /// Its name in JSON; `None` where its own fields stand among the others.
    pub(super) json: Option<String>,
}

/// What a type's name stands for.
pub(super) enum Definition {
    Struct(Vec<Field>),
    Named(&'static str),
}

static TYPES: LazyLock<BTreeMap<&'static str, Definition>> =
    LazyLock::new(|| read(include_str!("go_types.txt")));

/// What a name stands for; nothing of names that Go has itself.
pub(super) fn definition(name: &str) -> Option<&'static Definition> {
    TYPES.get(name)
}

fn read(text: &'static str) -> BTreeMap<&'static str, Definition> {
    let mut types = BTreeMap::new();
    let mut last = "";
    for line in text.lines() {
        if let Some((name, of)) = line.split_once(" = ") {
            types.insert(name, Definition::Named(of));
        } else if let Some(field) = line.strip_prefix("  ") {
            let mut words = field.split(' ');
            let (Some(name), Some(of)) = (words.next(), words.next()) else {
                continue;
            };
            let json = match words.next() {
                Some("-") => None,
                Some(json) => Some(json.to_owned()),
                None => Some(small_initial(name)),
            };
            if let Some(Definition::Struct(fields)) = types.get_mut(last) {
                fields.push(Field { name, of, json });
            }
        } else {
            last = line;
            types.insert(line, Definition::Struct(Vec::new()));
        }
    }
    types
}

fn small_initial(name: &str) -> String {
    let (initial, rest) = name.split_at(1);
    initial.to_lowercase() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_in_the_table_is_known() {
        const OWN: [&str; 8] = [
            "bool",
            "int32",
            "int64",
            "intstr.IntOrString",
            "resource.Quantity",
            "string",
            "v1.ManagedFieldsEntry",
            "v1.Time",
        ];
        let known = |of: &str| {
            let of = of.trim_start_matches(['*', '[', ']']);
            let of = of.strip_prefix("map").unwrap_or(of);
            let parts = of.split(['[', ']']).filter(|part| !part.is_empty());
            for part in parts {
                assert!(definition(part).is_some() || OWN.contains(&part), "{part}");
            }
        };
        let (mut structs, mut fields) = (0, 0);
        for one in TYPES.values() {
            match one {
                Definition::Named(of) => known(of),
                Definition::Struct(all) => {
                    structs += 1;
                    fields += all.len();
                    for field in all {
                        known(field.of);
                    }
                }
            }
        }
        assert_eq!((structs, fields), (112, 512));
    }
}
