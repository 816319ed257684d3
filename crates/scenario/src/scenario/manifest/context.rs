//! The context of a document's reader: places of paths, and diagnostics.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::{Node, Span, parse_path};
use crate::scenario::yaml::unfilled;

/// The label of a place whose problem is in the API server's words.
pub(in crate::scenario) const REFUSED: &str = "the API server refuses this";

/// Longest name of an object (`DNS1123SubdomainMaxLength`).
const LONGEST_NAME: usize = 253;

/// The context of a document's reader.
pub(in crate::scenario) struct Context<'a> {
    pub(in crate::scenario) document: &'a Node,
    pub(in crate::scenario) diagnostics: &'a mut Diagnostics,
}

impl Context<'_> {
    /// Reports a problem at a path of the document.
    pub(in crate::scenario) fn error(
        &mut self,
        path: &str,
        message: impl Into<String>,
        help: Option<&str>,
    ) {
        let span = self.span(path);
        let help = self.unfilled(span).or(help);
        self.diagnostics
            .error(span, message.into(), path.to_owned())
            .help = help.map(str::to_owned);
    }

    /// Reports what the API server refuses at a path of the document, in its own words.
    pub(in crate::scenario) fn refuse(
        &mut self,
        path: &str,
        words: impl fmt::Display,
        help: Option<&str>,
    ) {
        self.refuse_at(path, path, words, help);
    }

    /// As [`Self::refuse`], where the API server knows the field by another path.
    pub(in crate::scenario) fn refuse_at(
        &mut self,
        place: &str,
        path: &str,
        words: impl fmt::Display,
        help: Option<&str>,
    ) {
        let span = self.span(place);
        let help = self.unfilled(span).or(help);
        self.diagnostics
            .error(span, format!("{path}: {words}"), REFUSED)
            .help = help.map(str::to_owned);
    }

    /// Warns at a path of the document.
    pub(in crate::scenario) fn warning(
        &mut self,
        path: &str,
        message: impl Into<String>,
        help: &str,
    ) {
        let span = self.span(path);
        self.diagnostics
            .warning(span, message.into(), path.to_owned())
            .help = Some(help.to_owned());
    }

    /// Where a path is: the value, or the key of what is missing in it or is several lines long.
    fn span(&self, path: &str) -> Span {
        let (mut node, mut key) = (self.document, None);
        let steps = parse_path(path);
        for (index, step) in steps.iter().enumerate() {
            let Some(child) = node.child(step) else {
                return key.unwrap_or(node.span.first());
            };
            key = node.key_of(step);
            node = child;
            if index + 1 == steps.len() && !self.is_long(node) {
                return node.span;
            }
        }
        key.unwrap_or(node.span.first())
    }

    /// What to do if a variable stands there.
    fn unfilled(&self, span: Span) -> Option<&'static str> {
        let file = self.diagnostics.files.get(span.file)?;
        unfilled(file.text.get(span.start..span.end)?)
    }

    fn is_long(&self, node: &Node) -> bool {
        let text = self.diagnostics.files.get(node.span.file);
        text.and_then(|file| file.text.get(node.span.start..node.span.end))
            .is_some_and(|text| text.contains('\n'))
    }

    /// `metadata.name`, which every object needs, and its namespace.
    pub(super) fn identity(&mut self, metadata: ObjectMeta) -> (String, String) {
        let name = metadata.name.unwrap_or_default();
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
        let edge = |c: char| !matches!(c, '-' | '.');
        if name.is_empty() {
            let help = Some("add `name: …` under `metadata:`");
            self.error("metadata.name", "the object has no name", help);
        } else if name.len() > LONGEST_NAME {
            let message = format!("a name of {} characters is too long", name.len());
            let help = Some("must be no more than 253 characters");
            self.error("metadata.name", message, help);
        } else if !name.chars().all(fits) || !name.starts_with(edge) || !name.ends_with(edge) {
            let message = format!("\"{name}\" is not a valid name");
            let help =
                Some("lower-case letters, digits, `-` and `.`, a letter or digit at both ends");
            self.error("metadata.name", message, help);
        }
        let namespace = metadata.namespace.unwrap_or_else(|| "default".to_owned());
        (name, namespace)
    }
}
