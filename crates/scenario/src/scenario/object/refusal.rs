//! Why the API server refuses an object, in its words and kubectl's.

use std::fmt;

use crate::scenario::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::scenario::manifest::{REFUSED, UNKNOWN_FIELD, WRONG_VALUE};

/// Why the API server refuses an object. Its text is what kubectl prints.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Refusal {
    /// The reason of the API server's answer.
    pub reason: RefusalReason,
    /// `apiVersion` of the object.
    pub api_version: String,
    /// `kind` of the object.
    pub kind: String,
    /// `metadata.name` of the object.
    pub name: String,
    /// What is wrong: `spec.maxReplicas: Invalid value: 0: must be greater than 0`.
    pub causes: Vec<String>,
}

/// The reason of a refusal (`metav1.StatusReason`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalReason {
    /// A value that the kind's validation refuses: 422.
    Invalid,
    /// A document that does not fit the kind's type: 400.
    BadRequest,
    /// A kind that the API server does not serve, or that is not simulated: 404.
    NotFound,
}

impl Refusal {
    /// The refusal that the errors of a reading amount to; none if there is no error.
    pub(super) fn of(
        (api_version, kind, name): (&str, &str, &str),
        diagnostics: &Diagnostics,
    ) -> Option<Self> {
        let errors = diagnostics.list.iter();
        let errors = errors.filter(|one| one.severity == Severity::Error);
        let errors: Vec<&Diagnostic> = errors.collect();
        if errors.is_empty() {
            return None;
        }
        // A document that cannot be decoded is not validated.
        let misfits: Vec<String> = errors.iter().filter_map(|one| misfit(one)).collect();
        let (reason, mut causes) = if misfits.is_empty() {
            let causes = errors.iter().map(|one| cause(one));
            (RefusalReason::Invalid, causes.collect())
        } else {
            (RefusalReason::BadRequest, misfits)
        };
        if kind == "HorizontalPodAutoscaler" {
            causes.sort_by_key(|cause| rank(cause));
        }
        causes.dedup();
        Some(Self {
            reason,
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            causes,
        })
    }
}

/// A field or a value that the type does not have.
fn misfit(one: &Diagnostic) -> Option<String> {
    if one.label == UNKNOWN_FIELD {
        // Quoted with backticks here, with quotes there.
        return Some(one.title.replace('`', "\""));
    }
    let path = one.title.strip_prefix(WRONG_VALUE)?;
    Some(format!("{}: {}", path.trim_matches('`'), one.label))
}

fn cause(one: &Diagnostic) -> String {
    match one.label.as_str() {
        REFUSED => one.title.clone(),
        path => format!("{path}: {}", one.title),
    }
}

/// The order in which an HPA is validated.
fn rank(cause: &str) -> usize {
    const ORDER: [&str; 6] = [
        "metadata",
        "spec.minReplicas",
        "spec.maxReplicas",
        "spec.scaleTargetRef",
        "spec.metrics[",
        "spec.metrics",
    ];
    let place = ORDER.iter().position(|field| cause.starts_with(field));
    place.unwrap_or(ORDER.len())
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (version, kind) = (&self.api_version, &self.kind);
        match self.reason {
            RefusalReason::Invalid => {
                write!(f, "The {kind} \"{}\" is invalid: ", self.name)?;
                match self.causes.as_slice() {
                    [cause] => f.write_str(cause),
                    causes => causes.iter().try_for_each(|cause| write!(f, "\n* {cause}")),
                }
            }
            RefusalReason::BadRequest => {
                let version = version.rsplit('/').next().unwrap_or_default();
                let strict = self
                    .causes
                    .iter()
                    .all(|cause| cause.starts_with("unknown field"));
                let begins = if strict {
                    "strict decoding error: "
                } else {
                    ""
                };
                write!(
                    f,
                    "Error from server (BadRequest): {kind} in version \"{version}\" cannot be handled as a {kind}: {begins}{}",
                    self.causes.join(", ")
                )
            }
            RefusalReason::NotFound => write!(
                f,
                "resource mapping not found for name: \"{}\": no matches for kind \"{kind}\" in version \"{version}\"",
                self.name
            ),
        }
    }
}
