//! Commands that change nothing.

use super::Targets;
use crate::kubectl::jsonpath::JsonPath;
use crate::sim::SimDuration;

/// `wait`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The objects.
    pub targets: Targets,
    /// `--for`.
    pub conditions: Vec<WaitFor>,
    /// `--timeout`, 30 s unless told; zero looks once, a negative one waits for a week.
    pub timeout: SimDuration,
}

/// What `wait` waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitFor {
    /// `create`: that the object is there.
    Create,
    /// `delete`: that it is gone.
    Delete,
    /// `condition=NAME[=VALUE]`, VALUE being `True` unless told.
    Condition {
        /// The condition's type.
        name: String,
        /// Its status.
        status: String,
    },
    /// `jsonpath={…}[=VALUE]`.
    JsonPath {
        /// The expression.
        path: JsonPath,
        /// The value; any for `None`.
        value: Option<String>,
    },
}

/// `get`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are kubectl's flags")]
pub struct Get {
    /// What is listed.
    pub targets: Targets,
    /// `-w` or `--watch-only`: later changes too.
    pub watch: bool,
    /// `--watch-only`: nothing but changes.
    pub watch_only: bool,
    /// `--no-headers`.
    pub no_headers: bool,
    /// `--show-labels`: a column with them all.
    pub show_labels: bool,
    /// `--show-kind`, or more than one kind asked for: names with their kind.
    pub show_kind: bool,
    /// `-L`: a column for each of these labels.
    pub label_columns: Vec<String>,
    /// `--sort-by`: a JSONPath expression.
    pub sort_by: Option<String>,
    /// `--ignore-not-found`.
    pub ignore_not_found: bool,
}

/// `describe`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Describe {
    /// What is described.
    pub targets: Targets,
    /// `--show-events`; without it events are shown of a single object.
    pub show_events: Option<bool>,
    /// Whether the name may be what names begin with: `KIND NAME`.
    pub by_prefix: bool,
}

/// `top pods` and `top nodes`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are kubectl's flags")]
pub struct Top {
    /// Pods or nodes.
    pub targets: Targets,
    /// `--containers`: a line for each container.
    pub containers: bool,
    /// `--sort-by=cpu` or `memory`.
    pub sort_by: Option<TopSort>,
    /// `--no-headers`.
    pub no_headers: bool,
    /// `--sum`: a last line with the sum.
    pub sum: bool,
    /// `--show-capacity`: percentages of the nodes' capacity, not of what is allocatable.
    pub show_capacity: bool,
}

/// `--sort-by` of `top`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopSort {
    /// By CPU, largest first.
    Cpu,
    /// By memory, largest first.
    Memory,
}
