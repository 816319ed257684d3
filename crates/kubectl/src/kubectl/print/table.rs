//! Tables: columns as wide as their widest cell, three blanks between them.
//!
//! Upstream: cli-runtime's `pkg/printers/tableprinter.go`, and the tab writer that it prints
//! through, which remembers the widths of a watch.

/// A table to print.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows of as many cells.
    pub rows: Vec<Vec<String>>,
}

/// The widths of a table that goes on, as that of `kubectl get -w`: columns grow and never
/// shrink.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Widths(Vec<usize>);

/// Blanks between columns.
const PADDING: usize = 3;
/// What a column and its padding take at least.
const LEAST: usize = 6;

impl Table {
    /// The table as text, with its head unless `no_headers`.
    pub fn text(&self, no_headers: bool) -> String {
        self.next(no_headers, &mut Widths::default())
    }

    /// The table as text, with the widths of what was printed before.
    pub fn next(&self, no_headers: bool, widths: &mut Widths) -> String {
        let head: Vec<String> = self
            .columns
            .iter()
            .map(|name| name.to_uppercase())
            .collect();
        let mut lines: Vec<Vec<String>> = Vec::with_capacity(self.rows.len() + 1);
        if !no_headers {
            lines.push(head);
        }
        lines.extend(
            self.rows
                .iter()
                .map(|row| row.iter().map(|cell| one_line(cell)).collect()),
        );
        for line in &lines {
            widths.0.resize(widths.0.len().max(line.len()), LEAST);
            for (width, cell) in widths.0.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count() + PADDING);
            }
        }
        let mut text = String::new();
        for line in &lines {
            let last = line.len().saturating_sub(1);
            for (at, (cell, width)) in line.iter().zip(&widths.0).enumerate() {
                text.push_str(cell);
                if at < last {
                    let blanks = width - cell.chars().count();
                    text.extend(std::iter::repeat_n(' ', blanks));
                }
            }
            text.push('\n');
        }
        text
    }
}

/// A cell ends with its first line.
fn one_line(cell: &str) -> String {
    match cell.find(['\n', '\r', '\u{c}']) {
        Some(end) => format!("{}...", &cell[..end]),
        None => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[&[&str]]) -> Table {
        let row = |row: &&[&str]| row.iter().map(|cell| (*cell).to_owned()).collect();
        Table {
            columns: vec!["Name".into(), "B".into(), "Age".into()],
            rows: rows.iter().map(row).collect(),
        }
    }

    #[test]
    fn a_watch_keeps_its_widths() {
        let mut widths = Widths::default();
        let first = table(&[&["web", "1", "5s"]]).next(false, &mut widths);
        assert_eq!(first, "NAME   B     AGE\nweb    1     5s\n");
        let longer = table(&[&["web-longer", "x", "6s"]]).next(true, &mut widths);
        assert_eq!(longer, "web-longer   x     6s\n");
        let then = table(&[&["web", "2", "7s"]]).next(true, &mut widths);
        assert_eq!(then, "web          2     7s\n");
    }

    #[test]
    fn cells_are_cut_at_line_ends() {
        assert_eq!(
            table(&[&["a\nb", "", "1s"]]).text(true),
            "a...         1s\n"
        );
    }
}
