//! Reads tables of the scenario: every key is asked for by name, what was not asked for is
//! unknown, and every problem is kept with its place.

use super::diagnostic::Diagnostics;
use super::node::{KeyNode, Node, Span, Value};
use super::suggest::advice;
use crate::sim::{SimDuration, SimTime};
use crate::units::{Bytes, Millicores, Quantity};

/// A table being read.
pub(super) struct Reader<'a> {
    span: Span,
    entries: &'a [(KeyNode, Node)],
    asked: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    /// Begins to read a table.
    pub(super) fn new(node: &'a Node, what: &str, diagnostics: &mut Diagnostics) -> Option<Self> {
        let Value::Table(entries) = &node.value else {
            let title = format!("{what} must be a table");
            diagnostics.error(node.span, title, format!("this is {}", node.value.kind()));
            return None;
        };
        Some(Self {
            span: node.span,
            entries,
            asked: Vec::new(),
        })
    }

    pub(super) fn span(&self) -> Span {
        self.span
    }

    /// The value of a key.
    pub(super) fn get(&mut self, key: &'static str) -> Option<&'a Node> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.entries
            .iter()
            .find(|(name, _)| name.name == key)
            .map(|(_, node)| node)
    }

    /// Takes keys for known without reading them.
    pub(super) fn ask(&mut self, keys: &[&'static str]) {
        self.asked.extend(keys);
    }

    /// Where a key stands, or what has replaced its value; the table if it is not there.
    pub(super) fn key_span(&self, key: &str) -> Span {
        let mut entries = self.entries.iter();
        let found = entries.find(|(name, _)| name.name == key);
        found.map_or(self.span, |(name, value)| {
            if value.span.file == name.span.file {
                name.span
            } else {
                value.span
            }
        })
    }

    /// Reports the keys that nobody asked for.
    pub(super) fn finish(self, what: &str, diagnostics: &mut Diagnostics) {
        for (key, _) in self.entries {
            if !self.asked.contains(&key.name.as_str()) {
                let title = format!("unknown key `{}` in {what}", key.name);
                diagnostics.error(key.span, title, "not known here").help =
                    Some(advice(&key.name, &self.asked));
            }
        }
    }

    /// Reads a key with a converter; a value that is wrong is reported with what would be right.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        diagnostics: &mut Diagnostics,
        convert: impl FnOnce(&'a Node) -> Result<T, String>,
    ) -> Option<T> {
        let node = self.get(key)?;
        convert(node)
            .map_err(|problem| wrong(key, node, problem, diagnostics))
            .ok()
    }

    /// Says that a key is missing.
    pub(super) fn missing(
        &self,
        key: &str,
        what: &str,
        example: &str,
        diagnostics: &mut Diagnostics,
    ) {
        let title = format!("`{key}` is missing in {what}");
        diagnostics
            .error(self.span.first(), title, format!("needs `{key}`"))
            .help = Some(format!("for example `{example}`"));
    }

    pub(super) fn text(
        &mut self,
        key: &'static str,
        diagnostics: &mut Diagnostics,
    ) -> Option<&'a str> {
        self.read(key, diagnostics, |node| {
            node.text().ok_or_else(|| expected("a string", node))
        })
    }

    pub(super) fn number(
        &mut self,
        key: &'static str,
        diagnostics: &mut Diagnostics,
    ) -> Option<f64> {
        self.read(key, diagnostics, number)
    }

    pub(super) fn count(
        &mut self,
        key: &'static str,
        diagnostics: &mut Diagnostics,
    ) -> Option<u32> {
        self.read(key, diagnostics, count)
    }

    pub(super) fn boolean(
        &mut self,
        key: &'static str,
        diagnostics: &mut Diagnostics,
    ) -> Option<bool> {
        self.read(key, diagnostics, |node| match node.value {
            Value::Bool(value) => Ok(value),
            _ => Err(expected("`true` or `false`", node)),
        })
    }

    pub(super) fn duration(
        &mut self,
        key: &'static str,
        diagnostics: &mut Diagnostics,
    ) -> Option<SimDuration> {
        self.read(key, diagnostics, duration)
    }

    pub(super) fn time(
        &mut self,
        key: &'static str,
        diagnostics: &mut Diagnostics,
    ) -> Option<SimTime> {
        self.duration(key, diagnostics)
            .map(|offset| SimTime::ZERO + offset)
    }

    pub(super) fn millicores(
        &mut self,
        key: &'static str,
        diagnostics: &mut Diagnostics,
    ) -> Option<Millicores> {
        self.read(key, diagnostics, |node| {
            cores(node).map(|q| Millicores(q.milli_value()))
        })
    }

    pub(super) fn bytes(
        &mut self,
        key: &'static str,
        diagnostics: &mut Diagnostics,
    ) -> Option<Bytes> {
        self.read(key, diagnostics, |node| {
            memory(node).map(|q| Bytes(q.value()))
        })
    }

    /// One of a few words.
    pub(super) fn one_of(
        &mut self,
        key: &'static str,
        words: &'static [&'static str],
        diagnostics: &mut Diagnostics,
    ) -> Option<&'static str> {
        self.read(key, diagnostics, |node| {
            let text = node.text().ok_or_else(|| expected("a string", node))?;
            let found = words.iter().find(|word| **word == text);
            found
                .copied()
                .ok_or_else(|| format!("unknown value \"{text}\"; {}", advice(text, words)))
        })
    }

    /// The items of a list.
    pub(super) fn list(&mut self, key: &'static str, diagnostics: &mut Diagnostics) -> &'a [Node] {
        let items = self.read(key, diagnostics, |node| match &node.value {
            Value::List(items) => Ok(items.as_slice()),
            _ => Err(expected("a list", node)),
        });
        items.unwrap_or_default()
    }
}

/// Reports a value that is wrong.
pub(super) fn wrong(key: &str, node: &Node, problem: String, diagnostics: &mut Diagnostics) {
    diagnostics.error(node.span, format!("wrong value for `{key}`"), problem);
}

/// "expected X, found Y".
pub(super) fn expected(what: &str, node: &Node) -> String {
    match node.value {
        Value::Float(value) if !value.is_finite() => format!("expected {what}, found {value}"),
        _ => format!("expected {what}, found {}", node.value.kind()),
    }
}

/// A finite number that is not negative.
pub(super) fn number(node: &Node) -> Result<f64, String> {
    let value = match &node.value {
        Value::Int(value) => *value as f64,
        Value::Float(value) => *value,
        _ => return Err(expected("a number", node)),
    };
    if value.is_finite() && value >= 0.0 {
        Ok(value)
    } else {
        Err(format!(
            "{value} is not allowed: expected a finite number of at least 0"
        ))
    }
}

pub(super) fn count(node: &Node) -> Result<u32, String> {
    match node.value {
        Value::Int(value) => u32::try_from(value)
            .map_err(|_| format!("{value} is out of range: expected 0 to {}", u32::MAX)),
        _ => Err(expected("a whole number", node)),
    }
}

/// A duration that is not negative.
pub(super) fn duration(node: &Node) -> Result<SimDuration, String> {
    let text = node.text().ok_or_else(|| {
        format!(
            "{}; write durations in quotes, for example \"90s\" or \"5m\"",
            expected("a duration", node)
        )
    })?;
    let span: SimDuration = text
        .parse()
        .map_err(|error: crate::sim::DurationError| error.to_string())?;
    if span < SimDuration::ZERO {
        Err(format!("{text} is negative: expected at least 0s"))
    } else {
        Ok(span)
    }
}

/// More cores than any machine or pod has; clocks of CPU time fit well below.
pub(super) const MOST_CORES: i128 = 10_000;
/// More bytes than any machine or pod has: a pebibyte.
pub(super) const MOST_BYTES: i128 = 1 << 50;

/// An amount of CPU.
pub(super) fn cores(node: &Node) -> Result<Quantity, String> {
    let amount = quantity(node)?;
    if amount.nanos() > MOST_CORES * 1_000_000_000 {
        let label = format!("{amount} cores are too many: at most {MOST_CORES}");
        return Err(label);
    }
    Ok(amount)
}

/// An amount of memory.
pub(super) fn memory(node: &Node) -> Result<Quantity, String> {
    let amount = quantity(node)?;
    if amount.nanos() > MOST_BYTES * 1_000_000_000 {
        return Err(format!("{amount} of memory is too much: at most 1Pi"));
    }
    Ok(amount)
}

/// A quantity that is not negative.
fn quantity(node: &Node) -> Result<Quantity, String> {
    let text = match &node.value {
        Value::Text(text) => text.clone(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) if number.is_finite() => number.to_string(),
        _ => return Err(expected("a quantity such as \"250m\" or \"512Mi\"", node)),
    };
    let quantity: Quantity = text
        .parse()
        .map_err(|error: crate::units::QuantityError| error.to_string())?;
    if quantity.nanos() < 0 {
        Err(format!("{text} is negative"))
    } else {
        Ok(quantity)
    }
}
