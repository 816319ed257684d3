//! Objects printed in the format that was asked for, once or as a watch goes on.

use std::io::{self, Write};

use serde_json::Value;

use super::asked::Asked;
use super::{Args, Format};
use crate::api::Clock;
use crate::kubectl::kind::Kind;
use crate::kubectl::print::{
    TableOptions, Timestamp, Widths, as_json, as_names, as_yaml, sort_by, table,
};

/// Prints objects of one kind.
pub(super) struct Printer<'a> {
    kind: &'static Kind,
    format: Option<Format>,
    options: TableOptions,
    sort_by: Option<&'a str>,
    no_headers: bool,
    /// Whether objects stand by themselves, not in a list.
    single: bool,
    widths: Widths,
    has_printed: bool,
}

impl<'a> Printer<'a> {
    pub(super) fn new(args: &'a Args, asked: &Asked) -> Self {
        Self {
            kind: asked.kind,
            format: args.output,
            options: TableOptions {
                wide: args.output == Some(Format::Wide),
                with_namespace: args.all_namespaces,
                show_labels: args.show_labels,
                ..TableOptions::default()
            },
            sort_by: args.sort_by.as_deref(),
            no_headers: args.no_headers,
            single: args.watch || asked.name.is_some(),
            widths: Widths::default(),
            has_printed: false,
        }
    }

    /// Whether rows are printed.
    pub(super) fn is_table(&self) -> bool {
        matches!(self.format, None | Some(Format::Wide))
    }

    /// Prints objects; those that come later go on with the same table.
    pub(super) fn print(
        &mut self,
        mut objects: Vec<Value>,
        clock: Clock,
        out: &mut impl Write,
    ) -> io::Result<()> {
        if let Some(path) = self.sort_by {
            sort_by(&mut objects, path);
        }
        let first = !std::mem::replace(&mut self.has_printed, true);
        let text = match self.format {
            None | Some(Format::Wide) => {
                let start = clock.calendar.unix_start * 1_000_000_000;
                let now = Timestamp(start + clock.now.0);
                let table = table(self.kind, &objects, &self.options, now);
                table.next(self.no_headers || !first, &mut self.widths)
            }
            Some(Format::Name) => as_names(self.kind, &objects),
            Some(Format::Json) if self.single => objects
                .iter()
                .map(|one| as_json(std::slice::from_ref(one), true))
                .collect(),
            Some(Format::Yaml) if self.single => {
                let texts = objects.iter();
                let texts: Vec<String> = texts
                    .map(|one| as_yaml(std::slice::from_ref(one), true))
                    .collect();
                let before = if first { "" } else { "---\n" };
                format!("{before}{}", texts.join("---\n"))
            }
            Some(Format::Json) => as_json(&objects, false),
            Some(Format::Yaml) => as_yaml(&objects, false),
        };
        out.write_all(text.as_bytes())
    }
}
