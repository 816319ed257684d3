//! Lines with levels of indentation, and the parts that all descriptions share.

use serde_json::Value;

use crate::kubectl::print::tabs::align;

/// Blanks between columns.
const PADDING: usize = 2;
/// An annotation that is longer has lines of its own, and longer lines are cut.
const LONGEST: usize = 140;
/// What `kubectl apply` leaves behind.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A description under way.
#[derive(Default)]
pub(super) struct Writer {
    done: String,
    open: String,
}

impl Writer {
    /// Adds text with its indentation before it; it ends where it says.
    pub(super) fn write(&mut self, level: usize, text: &str) {
        self.open.extend(std::iter::repeat_n("  ", level));
        // What would move a terminal's cursor is written out.
        self.open
            .push_str(&text.replace('\u{1b}', "^[").replace('\r', "\\r"));
    }

    /// Aligns what there is; what follows has columns of its own.
    pub(super) fn flush(&mut self) {
        self.done.push_str(&align(&self.open, 0, PADDING));
        self.open.clear();
    }

    pub(super) fn text(mut self) -> String {
        self.flush();
        self.done
    }

    /// The text as it was written, with its tabs.
    pub(super) fn unaligned(self) -> String {
        self.done + &self.open
    }

    /// A line of what is given, and not empty.
    pub(super) fn given(&mut self, level: usize, title: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.write(level, &format!("{title}:\t{value}\n"));
        }
    }

    /// Name, namespace, labels and annotations.
    pub(super) fn metadata(&mut self, object: &Value) {
        self.names(object);
        self.labels_and_annotations(object);
    }

    /// Name and namespace.
    pub(super) fn names(&mut self, object: &Value) {
        for (title, field) in [("Name", "name"), ("Namespace", "namespace")] {
            let value = object["metadata"][field].as_str().unwrap_or_default();
            self.write(0, &format!("{title}:\t{value}\n"));
        }
    }

    /// Labels and annotations.
    pub(super) fn labels_and_annotations(&mut self, object: &Value) {
        self.pairs("Labels", &object["metadata"]["labels"]);
        self.annotations("Annotations", &object["metadata"]["annotations"]);
    }

    /// Labels, one a line.
    pub(super) fn pairs(&mut self, title: &str, map: &Value) {
        self.list(title, &sorted(map), |(key, value)| format!("{key}={value}"));
    }

    /// Annotations, long ones in lines of their own.
    pub(super) fn annotations(&mut self, title: &str, map: &Value) {
        let mut pairs = sorted(map);
        pairs.retain(|(key, _)| *key != LAST_APPLIED);
        self.listed(title, &pairs, |writer, (key, value)| {
            writer.annotation(key, value);
        });
    }

    /// One item a line, all in the second column.
    pub(super) fn list<T>(&mut self, title: &str, items: &[T], line: impl Fn(&T) -> String) {
        self.listed(title, items, |writer, item| {
            writer.write(0, &format!("{}\n", line(item)));
        });
    }

    fn listed<T>(&mut self, title: &str, items: &[T], print: impl Fn(&mut Self, &T)) {
        self.write(0, &format!("{title}:\t"));
        if items.is_empty() {
            self.write(0, "<none>\n");
        }
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.write(0, "\t");
            }
            print(self, item);
        }
    }

    fn annotation(&mut self, key: &str, value: &str) {
        let value = value.strip_suffix('\n').unwrap_or(value);
        if value.len() + key.len() + 2 <= LONGEST && !value.contains('\n') {
            self.write(0, &format!("{key}: {value}\n"));
            return;
        }
        self.write(0, &format!("{key}:\n"));
        for line in value.split('\n') {
            let mut end = LONGEST - 2;
            if line.len() <= end {
                self.write(0, &format!("\t  {line}\n"));
                continue;
            }
            while !line.is_char_boundary(end) {
                end -= 1;
            }
            self.write(0, &format!("\t  {}...\n", &line[..end]));
        }
    }
}

fn sorted(map: &Value) -> Vec<(&str, &str)> {
    let mut pairs: Vec<(&str, &str)> = map
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.as_str(), value.as_str().unwrap_or_default()))
        .collect();
    pairs.sort_unstable();
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn labels_and_annotations_have_lines() {
        let mut writer = Writer::default();
        writer.metadata(&json!({"metadata": {
            "name": "web", "namespace": "shop",
            "labels": {"tier": "front", "app": "web"},
            "annotations": {
                LAST_APPLIED: "{}", "b": "2\n", "a": "first\nsecond", "c": "x".repeat(150),
            },
        }}));
        let cut = "x".repeat(138);
        assert_eq!(
            writer.text(),
            format!(
                "Name:         web\nNamespace:    shop\nLabels:       app=web\n              \
                 tier=front\nAnnotations:  a:\n                first\n                second\n\
                 \x20             b: 2\n              c:\n                {cut}...\n"
            )
        );
    }
}
