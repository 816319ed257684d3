//! Diagnostics of the user's files: place, problem, help.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use rustc_hash::FxHashMap;

use super::node::Span;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The scenario cannot run.
    Error,
    /// The run goes on, but probably not as meant.
    Warning,
    /// How something was understood that can be meant in two ways; told in one line.
    Note,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Where; `None` if no file is concerned.
    pub span: Option<Span>,
    /// What is wrong, as a title.
    pub title: String,
    /// What is wrong at this very place.
    pub label: String,
    /// What would be right.
    pub help: Option<String>,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path as the user would write it.
    pub path: String,
    /// Its text; bytes that are no text are replaced.
    pub text: Arc<str>,
}

/// Problems and the files that they are about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    /// The problems.
    pub list: Vec<Diagnostic>,
    /// The files.
    pub files: Vec<SourceFile>,
}

impl Diagnostics {
    /// Adds an error.
    pub fn error(
        &mut self,
        span: Span,
        title: impl Into<String>,
        label: impl Into<String>,
    ) -> &mut Diagnostic {
        self.add(Severity::Error, Some(span), title.into(), label.into())
    }

    /// Adds a warning.
    pub fn warning(
        &mut self,
        span: Span,
        title: impl Into<String>,
        label: impl Into<String>,
    ) -> &mut Diagnostic {
        self.add(Severity::Warning, Some(span), title.into(), label.into())
    }

    /// Adds a note.
    pub fn note(&mut self, span: Span, title: impl Into<String>) {
        self.add(Severity::Note, Some(span), title.into(), String::new());
    }

    /// Adds an error that is at no place of a file.
    pub fn general(&mut self, title: impl Into<String>) -> &mut Diagnostic {
        self.add(Severity::Error, None, title.into(), String::new())
    }

    fn add(
        &mut self,
        severity: Severity,
        span: Option<Span>,
        title: String,
        label: String,
    ) -> &mut Diagnostic {
        self.list.push(Diagnostic {
            severity,
            span,
            title,
            label,
            help: None,
        });
        let last = self.list.len() - 1;
        &mut self.list[last]
    }

    /// Whether there is any error.
    pub fn has_errors(&self) -> bool {
        self.list
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Everything as text: errors first, in the order of the files, with colours if wanted.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let mut order: Vec<&Diagnostic> = self.list.iter().collect();
        order.sort_by_key(|diagnostic| {
            let place = diagnostic.span.map(|span| (span.file, span.start));
            (diagnostic.severity, place)
        });
        order.dedup();
        let order = together(&order);
        let mut text = String::new();
        for (diagnostic, alike) in order.iter().take(MOST_SHOWN) {
            let _ = writeln!(text, "{}", self.render_one(diagnostic, &renderer));
            if *alike > 0 {
                let _ = writeln!(text, "… and {alike} more like it");
            }
            text.push('\n');
        }
        if order.len() > MOST_SHOWN {
            let _ = writeln!(text, "… and {} more", order.len() - MOST_SHOWN);
        }
        text.truncate(text.trim_end().len());
        text
    }

    fn render_one(&self, diagnostic: &Diagnostic, renderer: &Renderer) -> String {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => {
                let note = Level::NOTE.primary_title(diagnostic.title.as_str());
                return renderer.render(&[Group::with_title(note)]);
            }
        };
        let title = level.primary_title(diagnostic.title.as_str());
        let place = diagnostic
            .span
            .and_then(|span| Some((self.files.get(span.file)?, span)));
        let mut group = match place {
            Some((file, span)) => {
                let excerpt = Excerpt::of(span, &file.text);
                let annotation = AnnotationKind::Primary
                    .span(excerpt.range)
                    .label(diagnostic.label.as_str());
                let snippet = Snippet::source(excerpt.line)
                    .line_start(excerpt.number)
                    .path(file.path.as_str())
                    .annotation(annotation);
                title.element(snippet)
            }
            None => Group::with_title(title),
        };
        if let Some(help) = &diagnostic.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }
}

/// So many equal problems are shown one by one.
const MOST_ALIKE: usize = 5;

/// Each problem with the number of those like it; of many equal ones the first.
fn together<'a>(order: &[&'a Diagnostic]) -> Vec<(&'a Diagnostic, usize)> {
    let alike = |one: &'a Diagnostic| {
        let words = (one.title.as_str(), one.label.as_str(), one.help.as_deref());
        (one.severity, words)
    };
    let mut counts = FxHashMap::default();
    for one in order {
        *counts.entry(alike(one)).or_insert(0_usize) += 1;
    }
    let mut made = Vec::new();
    for one in order {
        match counts.get_mut(&alike(one)) {
            // Shown with the first.
            Some(0) => {}
            Some(count) if *count > MOST_ALIKE => {
                made.push((*one, *count - 1));
                *count = 0;
            }
            _ => made.push((*one, 0)),
        }
    }
    made
}

/// Problems shown at most.
const MOST_SHOWN: usize = 100;

/// The line on which a range begins.
struct Excerpt<'a> {
    line: &'a str,
    /// Its number, from 1.
    number: usize,
    /// The range within the line.
    range: Range<usize>,
}

impl<'a> Excerpt<'a> {
    fn of(span: Span, text: &'a str) -> Self {
        let floor = |mut at: usize| {
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = floor(span.start.min(text.len()));
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..]
            .find('\n')
            .map_or(text.len(), |offset| start + offset);
        let line = text[line_start..line_end].trim_end_matches('\r');
        let end = floor(span.end.clamp(start, line_end)).max(start);
        Self {
            line,
            number: 1 + text[..line_start].matches('\n').count(),
            range: (start - line_start).min(line.len())..(end - line_start).min(line.len()),
        }
    }
}
