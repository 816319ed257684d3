//! What is wrong with the user's files: place, problem, advice.

use std::fmt::Write as _;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::node::Span;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The scenario cannot run.
    Error,
    /// It can, but probably not as meant.
    Warning,
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
    /// Its text.
    pub text: String,
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

    /// Whether anything forbids to run.
    pub fn has_errors(&self) -> bool {
        self.list
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Everything as text, in the order of the files, with colours if wanted.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let mut order: Vec<&Diagnostic> = self.list.iter().collect();
        order.sort_by_key(|diagnostic| {
            (
                diagnostic.severity,
                diagnostic
                    .span
                    .map_or((0, 0), |span| (span.file, span.start)),
            )
        });
        order.dedup();
        let mut text = String::new();
        for diagnostic in order {
            let level = match diagnostic.severity {
                Severity::Error => Level::ERROR,
                Severity::Warning => Level::WARNING,
            };
            let title = level.primary_title(diagnostic.title.as_str());
            let mut group = match diagnostic.span {
                Some(span) => {
                    let file = &self.files[span.file];
                    let range = clamp(span, &file.text);
                    let annotation = AnnotationKind::Primary
                        .span(range)
                        .label(diagnostic.label.as_str());
                    title.element(
                        Snippet::source(file.text.as_str())
                            .path(file.path.as_str())
                            .annotation(annotation),
                    )
                }
                None => Group::with_title(title),
            };
            if let Some(help) = &diagnostic.help {
                group = group.element(Level::HELP.message(help.as_str()));
            }
            let _ = writeln!(text, "{}\n", renderer.render(&[group]));
        }
        text.truncate(text.trim_end().len());
        text
    }
}

/// A range inside the text, on character boundaries, of at least one character and within
/// one line.
fn clamp(span: Span, text: &str) -> std::ops::Range<usize> {
    let mut start = span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let line_end = text[start..]
        .find('\n')
        .map_or(text.len(), |offset| start + offset);
    let mut end = span.end.clamp(start, line_end);
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end.max(start)
}
