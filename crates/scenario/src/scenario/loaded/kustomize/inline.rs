//! YAML within a text of a kustomization: `patch: |`.

use crate::scenario::diagnostic::{Diagnostics, SourceFile};
use crate::scenario::node::{Node, Span};
use crate::scenario::yaml;

/// The documents of a text that stands at `node`, placed where they are written.
pub(super) fn documents(node: &Node, text: &str, diagnostics: &mut Diagnostics) -> Vec<Node> {
    let Some(source) = diagnostics.files.get(node.span.file) else {
        return Vec::new();
    };
    let places = Places::of(&source.text, node.span, text);
    let (file, told) = (diagnostics.files.len(), diagnostics.list.len());
    diagnostics.files.push(SourceFile {
        path: source.path.clone(),
        text: text.into(),
    });
    let mut documents = yaml::parse(file, diagnostics).documents;
    diagnostics.files.pop();
    for document in &mut documents {
        document.move_places(&|span| places.outside(span));
    }
    for one in &mut diagnostics.list[told..] {
        one.span = one.span.map(|span| places.outside(span));
    }
    documents
}

/// From the bytes of a text to those of the file that it is written in.
struct Places {
    whole: Span,
    /// For each line of the text, where it begins, and where that is in the file; empty if not
    /// known.
    lines: Vec<(usize, usize)>,
}

impl Places {
    /// A block scalar keeps its lines; any other text has one place.
    fn of(source: &str, whole: Span, text: &str) -> Self {
        let mut lines = Vec::new();
        let written = source.get(whole.start..whole.end).unwrap_or_default();
        if written.starts_with('|')
            && let Some(head) = written.find('\n')
        {
            let (mut at, mut place) = (0, whole.start + head + 1);
            for (line, own) in text
                .split_inclusive('\n')
                .zip(written[head + 1..].split_inclusive('\n'))
            {
                let line_end = own.trim_end_matches(['\r', '\n']);
                let inner = line.trim_end_matches('\n');
                if !line_end.ends_with(inner) {
                    lines.clear();
                    break;
                }
                lines.push((at, place + line_end.len() - inner.len()));
                at += line.len();
                place += own.len();
            }
        }
        Self { whole, lines }
    }

    fn outside(&self, span: Span) -> Span {
        let place = |at: usize| {
            let line = self.lines.iter().rev().find(|(start, _)| *start <= at)?;
            Some((line.1 + at - line.0).min(self.whole.end))
        };
        match (place(span.start), place(span.end)) {
            (Some(start), Some(end)) => Span {
                start,
                end: end.max(start),
                ..self.whole
            },
            _ => self.whole,
        }
    }
}
