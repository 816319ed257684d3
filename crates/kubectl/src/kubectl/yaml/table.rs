//! A table being filled: keys as JSON has them, merge keys, keys that are given twice.
//!
//! Upstream: `mapping`, `merge` of `go.yaml.in/yaml/v2` `decode.go`; `convertToJSONableObject` of
//! `sigs.k8s.io/yaml`.

use rustc_hash::FxHashMap;

use super::tree::{Key, Node, Value};

/// Tables with more entries than this are searched by an index.
const FEW: usize = 16;

#[derive(Default)]
pub(super) struct Table {
    entries: Vec<Entry>,
    /// Places of the entries by key, once they are more than a few.
    index: FxHashMap<String, usize>,
    next: Next,
}

struct Entry {
    key: Key,
    node: Node,
    /// Whether a merge key brought it.
    merged: bool,
}

/// What comes next.
#[derive(Default)]
enum Next {
    #[default]
    Key,
    Value(Key),
    /// The value of `<<`.
    Merge,
}

impl Table {
    /// Whether a key comes next.
    pub(super) fn takes_key(&self) -> bool {
        matches!(self.next, Next::Key)
    }

    /// Takes the key `<<`.
    pub(super) fn merge_key(&mut self) {
        self.next = Next::Merge;
    }

    /// Takes the next key or value; the error says why it cannot be one.
    pub(super) fn add(
        &mut self,
        node: Node,
        place: (usize, usize),
        doubles: &mut Vec<Key>,
    ) -> Result<(), String> {
        match std::mem::take(&mut self.next) {
            Next::Key => {
                let name = key(&node.value)?;
                self.next = Next::Value(Key {
                    start: place.0,
                    end: place.1,
                    name,
                });
            }
            Next::Value(key) => {
                if let Some(double) = self.put(key, node, false) {
                    doubles.push(double);
                }
            }
            Next::Merge => self.merge(node)?,
        }
        Ok(())
    }

    pub(super) fn into_entries(self) -> Vec<(Key, Node)> {
        let entries = self.entries.into_iter();
        entries.map(|entry| (entry.key, entry.node)).collect()
    }

    fn find(&self, name: &str) -> Option<usize> {
        if self.entries.len() <= FEW {
            return self.entries.iter().position(|entry| entry.key.name == name);
        }
        self.index.get(name).copied()
    }

    /// Sets a key: what was there before is replaced. Gives the key if it was written twice.
    fn put(&mut self, key: Key, node: Node, merged: bool) -> Option<Key> {
        if let Some(place) = self.find(&key.name) {
            let entry = &mut self.entries[place];
            let double = (!merged && !entry.merged).then(|| key.clone());
            *entry = Entry { key, node, merged };
            return double;
        }
        if self.entries.len() == FEW {
            let places = self.entries.iter().enumerate();
            self.index = places
                .map(|(place, entry)| (entry.key.name.clone(), place))
                .collect();
        }
        if self.entries.len() >= FEW {
            self.index.insert(key.name.clone(), self.entries.len());
        }
        self.entries.push(Entry { key, node, merged });
        None
    }

    /// Adds the entries of a table, or of a list's tables, of which earlier ones take precedence.
    /// As upstream does, they replace what stands before the merge key.
    fn merge(&mut self, node: Node) -> Result<(), String> {
        let tables = match node.value {
            Value::List(items) => items,
            _ => vec![node],
        };
        for table in tables.into_iter().rev() {
            let Value::Table(entries) = table.value else {
                return Err("map merge requires map or sequence of maps as the value".to_owned());
            };
            for (key, node) in entries {
                self.put(key, node, true);
            }
        }
        Ok(())
    }
}

/// A key as JSON has it.
fn key(value: &Value) -> Result<String, String> {
    Ok(match value {
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) if number.is_nan() => ".nan".to_owned(),
        Value::Float(number) if number.is_infinite() => {
            if *number > 0.0 { ".inf" } else { "-.inf" }.to_owned()
        }
        Value::Float(number) => (*number as f32).to_string(),
        Value::Text(text) => text.clone(),
        Value::Null | Value::List(_) | Value::Table(_) => {
            return Err(format!("a key is a text, this is {}", value.kind()));
        }
    })
}
