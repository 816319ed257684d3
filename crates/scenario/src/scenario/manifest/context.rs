//! The context of a document's reader: places of paths, and diagnostics.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::names;
use super::selector::check_labels;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::{Node, Span, parse_path};
use crate::scenario::yaml::unfilled;

/// The label of a place whose problem is in the API server's words.
pub(in crate::scenario) const REFUSED: &str = "the API server refuses this";

/// All annotations of an object together (`TotalAnnotationSizeLimitB`).
const MOST_ANNOTATIONS: usize = 256 << 10;

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
        let path = &*self.own(path);
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
        let (place, path) = (self.own(place), self.own(path));
        let span = self.span(&place);
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
        let path = &*self.own(path);
        let span = self.span(path);
        self.diagnostics
            .warning(span, message.into(), path.to_owned())
            .help = Some(help.to_owned());
    }

    /// A path as the document has it: a pod has itself what is a template's elsewhere.
    fn own<'p>(&self, path: &'p str) -> Cow<'p, str> {
        let is_pod = self.document.get("kind").and_then(Node::text) == Some("Pod");
        match path.strip_prefix("spec.template.").filter(|_| is_pod) {
            Some(rest) if rest.starts_with("spec") || rest.starts_with("metadata") => rest.into(),
            Some(rest) => format!("metadata.{rest}").into(),
            None => path.into(),
        }
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

    /// Reports what is wrong with a text at a path.
    pub(super) fn refuse_text(&mut self, path: &str, text: &str, wrong: names::Wrong) {
        for words in wrong {
            self.refuse(path, format!("Invalid value: {text:?}: {words}"), None);
        }
    }

    /// `metadata.name`, which every object needs, and its namespace; a name is a subdomain, as of
    /// most kinds.
    pub(super) fn identity(&mut self, metadata: ObjectMeta) -> (String, String) {
        self.identity_by(metadata, names::subdomain)
    }

    /// As [`Self::identity`], of a kind with a rule of its own for names.
    pub(super) fn identity_by(
        &mut self,
        metadata: ObjectMeta,
        rule: fn(&str) -> names::Wrong,
    ) -> (String, String) {
        let name = metadata.name.unwrap_or_default();
        if name.is_empty() {
            let help = Some("add `name: …` under `metadata:`");
            let words = "Required value: name or generateName is required";
            self.refuse("metadata.name", words, help);
        } else {
            self.refuse_text("metadata.name", &name, rule(&name));
        }
        let labels = metadata.labels.unwrap_or_default();
        check_labels(&labels, ("metadata.labels", "metadata.labels"), self);
        let annotations = metadata.annotations.unwrap_or_default();
        self.check_annotations(
            &annotations,
            ("metadata.annotations", "metadata.annotations"),
        );
        let namespace = metadata.namespace.unwrap_or_else(|| "default".to_owned());
        (name, namespace)
    }

    /// Annotations as the API server takes them; it knows them by the second path
    /// (`ValidateAnnotations`).
    pub(super) fn check_annotations(
        &mut self,
        annotations: &BTreeMap<String, String>,
        (place, path): (&str, &str),
    ) {
        for key in annotations.keys() {
            for words in names::qualified(&key.to_lowercase()) {
                let words = format!("Invalid value: {key:?}: {words}");
                self.refuse_at(&format!("{place}[{key}]"), path, words, None);
            }
        }
        let size: usize = annotations
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        if size > MOST_ANNOTATIONS {
            let words = format!("Too long: may not be more than {MOST_ANNOTATIONS} bytes");
            self.refuse_at(place, path, words, None);
        }
    }
}
