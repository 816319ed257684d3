//! Text whose cells end with tabs, aligned.
//!
//! Upstream: Go's `text/tabwriter`: a column is a run of lines that have a cell in it that a tab
//! ends; the last cell of a line belongs to none.

use std::iter::repeat_n;

/// Aligns lines: columns are as wide as their widest cell and the `padding`, and `least` at least.
pub(super) fn align(text: &str, least: usize, padding: usize) -> String {
    let lines: Vec<Vec<&str>> = text
        .split_terminator('\n')
        .map(|line| line.split('\t').collect())
        .collect();
    let mut widths = vec![Vec::new(); lines.len()];
    measure(&lines, 0, (least, padding), &mut widths);
    let mut aligned = String::with_capacity(text.len() * 2);
    for (line, widths) in lines.iter().zip(&widths) {
        for (at, cell) in line.iter().enumerate() {
            aligned.push_str(cell);
            if let Some(width) = widths.get(at) {
                aligned.extend(repeat_n(' ', width.saturating_sub(cell.chars().count())));
            }
        }
        aligned.push('\n');
    }
    aligned
}

/// Finds the runs of lines with a column, and in each of them those of the next column.
fn measure(
    lines: &[Vec<&str>],
    column: usize,
    (least, padding): (usize, usize),
    widths: &mut [Vec<usize>],
) {
    let has = |line: &Vec<&str>| column + 1 < line.len();
    let mut at = 0;
    while at < lines.len() {
        let run = lines[at..].iter().take_while(|line| has(line)).count();
        let end = at + run;
        let cells = lines[at..end].iter().map(|line| line[column]);
        let width = cells.map(|cell| cell.chars().count() + padding).max();
        for line in &mut widths[at..end] {
            line.push(width.unwrap_or_default().max(least));
        }
        if run > 0 {
            let inner = &mut widths[at..end];
            measure(&lines[at..end], column + 1, (least, padding), inner);
        }
        at = end + usize::from(run == 0);
    }
}

#[cfg(test)]
mod tests {
    use super::align;

    #[test]
    fn a_line_without_a_cell_ends_its_column() {
        let text = "a:\t1\nlonger:\t2\nno cell\nb:\t3\n";
        assert_eq!(
            align(text, 0, 2),
            "a:       1\nlonger:  2\nno cell\nb:  3\n"
        );
    }

    #[test]
    fn columns_end_where_lines_have_none_of_them() {
        let text = "a\tb\tc\nlong\tx\nd\twide\te\n";
        assert_eq!(align(text, 0, 1), "a    b c\nlong x\nd    wide e\n");
        assert_eq!(align("a\t\tb\t\n", 4, 1), "a       b   \n");
        assert_eq!(align("", 4, 1), "");
    }
}
