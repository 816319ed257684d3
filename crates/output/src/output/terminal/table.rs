//! A table of a given width: the first column is a name, the others are numbers.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const BAD: Style = AnsiColor::Red.on_default();
pub(super) const CAUTION: Style = AnsiColor::Yellow.on_default().bold();

/// A cell, and whether it stands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    text: String,
    is_bad: bool,
}

impl Cell {
    /// A cell that stands out if what it says is bad.
    pub(super) fn bad_if(text: String, is_bad: bool) -> Self {
        Self { text, is_bad }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self {
            text,
            is_bad: false,
        }
    }
}

/// The first column is a name and takes what is left, the others are numbers.
pub(super) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<Cell>>,
    /// Columns that may be left out where the table would be too wide, the first one first.
    dispensable: &'static [&'static str],
}

impl Table {
    pub(super) fn new<'a>(header: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            header: header.into_iter().map(str::to_owned).collect(),
            rows: Vec::new(),
            dispensable: &[],
        }
    }

    /// Leaves these columns out where the table would be too wide, the first one first.
    pub(super) fn without(self, dispensable: &'static [&'static str]) -> Self {
        Self {
            dispensable,
            ..self
        }
    }

    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.header.len());
        self.rows.push(cells);
    }

    /// The columns, one behind the other.
    fn widths(&self) -> Vec<usize> {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].width());
            let header = self.header[column].chars().count();
            cells.max().unwrap_or(0).max(header)
        };
        (0..self.header.len()).map(width).collect()
    }

    /// Leaves out what has to be for the other columns to fit.
    fn narrow(&mut self, width: usize) {
        for name in self.dispensable {
            let needed = self.header[0].chars().count() + numbers(&self.widths());
            if needed <= width {
                return;
            }
            if let Some(column) = self.header.iter().position(|header| header == name) {
                self.header.remove(column);
                for row in &mut self.rows {
                    row.remove(column);
                }
            }
        }
    }

    pub(super) fn write(mut self, out: &mut impl Write, width: usize) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        self.narrow(width);
        let widths = self.widths();
        let numbers = numbers(&widths);
        let name = widths[0]
            .min(width.saturating_sub(numbers))
            .max(self.header[0].chars().count());
        let header: Vec<Cell> = self.header.iter().cloned().map(Cell::from).collect();
        writeln!(out)?;
        let mut line = padded(&header, name, &widths[1..]);
        line.truncate(line.trim_end().len());
        writeln!(out, "{BOLD}{line}{BOLD:#}")?;
        for row in &self.rows {
            let mut row = row.clone();
            if row[0].width() > name {
                // A long name stands above its figures.
                writeln!(out, "{}", ending(&row[0].text, width))?;
                row[0].text.clear();
            }
            let line = padded(&row, name, &widths[1..]);
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// The width of all columns but the first, with the gaps before them.
fn numbers(widths: &[usize]) -> usize {
    widths[1..].iter().map(|width| width + 2).sum()
}

/// The cells of a row in columns, names to the left and numbers to the right.
fn padded(row: &[Cell], name: usize, widths: &[usize]) -> String {
    let mut line = row[0].text.clone();
    line.push_str(&" ".repeat(name.saturating_sub(row[0].width())));
    for (cell, width) in row[1..].iter().zip(widths) {
        line.push_str(&" ".repeat(width - cell.width() + 2));
        if cell.is_bad {
            let styled = format!("{BAD}{}{BAD:#}", cell.text);
            line.push_str(&styled);
        } else {
            line.push_str(&cell.text);
        }
    }
    line
}

/// The text, or its end: the ends of names tell them apart.
pub(super) fn ending(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let end: String = text.chars().skip(length + 1 - width).collect();
    format!("…{end}")
}

/// The text in lines of at most this many characters, broken at spaces; `Kind/name`, where it
/// is too long for a line, after the slash.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let parts = text.split(' ').flat_map(|word| {
        let long = word.chars().count() > width;
        let slash = word.find('/').filter(|_| long);
        let (kind, name) = word.split_at(slash.map_or(0, |slash| slash + 1));
        [kind, name].into_iter().filter(|part| !part.is_empty())
    });
    for word in parts {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last > 0 && last + 1 + word.chars().count() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_of_objects_break_after_their_kind() {
        let name = "n".repeat(63);
        let text = format!("HorizontalPodAutoscaler/{name}: stood at its maxReplicas of 4 / 5.");
        let lines = wrapped(&text, 78);
        assert_eq!(lines[0], "HorizontalPodAutoscaler/");
        assert!(lines.iter().all(|line| line.chars().count() <= 78));
        assert_eq!(
            wrapped("Deployment/web: a/b c", 78),
            ["Deployment/web: a/b c"]
        );
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let written = |width| {
            let mut table = Table::new(["load", "tool", "failed"]).without(&["tool"]);
            let row = ["a", "wget", "1"].map(|cell| Cell::from(cell.to_owned()));
            table.row(row.into());
            let mut out = Vec::new();
            table.write(&mut out, width).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert!(written(18).contains("wget"));
        assert!(!written(17).contains("wget") && written(17).contains("failed"));
    }

    #[test]
    fn a_name_has_the_width_that_the_numbers_leave() {
        let written = |width| {
            let mut table = Table::new(["HPA", "up"]);
            table.row(vec![
                "neurolake-api".to_owned().into(),
                "12".to_owned().into(),
            ]);
            table.row(vec!["web".to_owned().into(), "3".to_owned().into()]);
            let mut out = Vec::new();
            table.write(&mut out, width).unwrap();
            let text = String::from_utf8(out).unwrap();
            text.replace(&format!("{BOLD}"), "")
                .replace(&format!("{BOLD:#}"), "")
        };
        assert_eq!(
            written(80),
            "\nHPA            up\nneurolake-api  12\nweb             3\n"
        );
        assert_eq!(
            written(14),
            "\nHPA         up\nneurolake-api\n            12\nweb          3\n"
        );
    }
}
