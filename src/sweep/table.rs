//! The best points of a sweep as a table of a given width.

use std::io::{self, Write};

use super::label::labels;
use super::number::short;
use super::{PointSummary, Results};

/// Which points are best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// Those with the lowest mean.
    Lowest,
    /// Those with the highest mean.
    Highest,
}

/// Widest column header.
const HEADER: usize = 26;

/// Writes the best points, which were ranked by the first of these metrics (places in
/// [`Results::metrics`]); of the others, as many as fit into lines of `room` characters.
pub fn write_best(
    out: &mut impl Write,
    room: usize,
    results: &Results,
    metrics: &[usize],
    goal: Goal,
) -> io::Result<()> {
    let Some((&first, others)) = metrics.split_first() else {
        return Ok(());
    };
    let shown = results.best.as_slice();
    let paths: Vec<&str> = results.paths.iter().map(String::as_str).collect();
    let mut columns = vec![column("point", shown, |point| point.point.to_string())];
    for (place, label) in labels(&paths).iter().enumerate() {
        columns.push(column(label, shown, |point| point.values[place].clone()));
    }
    for &metric in std::iter::once(&first).chain(others) {
        let cell = |point: &PointSummary| with_error(point, metric);
        let next = column(&results.metrics[metric], shown, cell);
        if metric != first && width(&columns) + 2 + next.width > room {
            break;
        }
        columns.push(next);
    }
    let goal = match goal {
        Goal::Lowest => "lowest",
        Goal::Highest => "highest",
    };
    let name = &results.metrics[first];
    let (shown_count, total) = (shown.len(), results.total);
    writeln!(
        out,
        "Best {shown_count} of {total} points, {goal} {name} first (mean ± standard error)"
    )?;
    let mean = |point: &PointSummary| point.statistics[first].mean;
    let best = shown.first().map_or(f64::NAN, mean);
    let ties = shown.iter().take_while(|point| mean(point) == best).count();
    if ties > 1 {
        let more = if ties == shown_count && ties < total as usize {
            " or more"
        } else {
            ""
        };
        writeln!(out, "{ties}{more} are equally good.")?;
    }
    for row in 0..=shown_count {
        let mut line = String::new();
        for column in &columns {
            let cell = &column.cells[row];
            let padding = column.width - cell.chars().count();
            line.push_str(&" ".repeat(padding + if line.is_empty() { 0 } else { 2 }));
            line.push_str(cell);
        }
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn with_error(point: &PointSummary, metric: usize) -> String {
    let statistics = point.statistics[metric];
    let mean = short(statistics.mean);
    if statistics.standard_error > 0.0 {
        format!(
            "{mean} ± {}",
            short(super::number::significant(statistics.standard_error, 2))
        )
    } else {
        mean
    }
}

struct Column {
    width: usize,
    cells: Vec<String>,
}

fn column(header: &str, points: &[PointSummary], cell: impl Fn(&PointSummary) -> String) -> Column {
    let mut cells = vec![shortened(header)];
    cells.extend(points.iter().map(|point| shortened(&cell(point))));
    let width = cells
        .iter()
        .map(|cell| cell.chars().count())
        .max()
        .unwrap_or(0);
    Column { width, cells }
}

fn width(columns: &[Column]) -> usize {
    columns
        .iter()
        .map(|column| column.width + 2)
        .sum::<usize>()
        .saturating_sub(2)
}

/// The text, or its end: the ends of names tell them apart.
fn shortened(text: &str) -> String {
    let length = text.chars().count();
    if length <= HEADER {
        return text.to_owned();
    }
    let end: String = text.chars().skip(length - HEADER + 1).collect();
    format!("…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::Statistics;

    fn results() -> Results {
        let point = |number: u64, target: &str, cost: [f64; 2]| PointSummary {
            point: number,
            values: vec![target.to_owned(), "300".to_owned()],
            statistics: vec![
                Statistics::of([f64::from(number as u32) * 100.0]),
                Statistics::of(cost),
                Statistics::of([0.1]),
                Statistics::of([]),
            ],
        };
        Results {
            paths: vec![
                "HorizontalPodAutoscaler/api:spec.target.averageUtilization".to_owned(),
                "HorizontalPodAutoscaler/api:spec.behavior.scaleDown.stabilizationWindowSeconds"
                    .to_owned(),
            ],
            metrics: ["requests.failed", "cost.total", "slo.violations", "none"]
                .map(str::to_owned)
                .to_vec(),
            best: vec![
                point(1, "60", [2.0, 2.001]),
                point(2, "70", [2.5, 2.75]),
                point(0, "50", [3.0, 3.1]),
            ],
            total: 4,
            ..Results::default()
        }
    }

    #[test]
    fn the_best_points_fit_a_terminal() {
        let mut text = Vec::new();
        write_best(&mut text, 80, &results(), &[1, 0, 2, 3], Goal::Lowest).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_wide_terminal_shows_more_and_ties_are_told() {
        let mut results = results();
        results.best[1].statistics[1] = results.best[0].statistics[1];
        let written = |width| {
            let mut text = Vec::new();
            write_best(&mut text, width, &results, &[1, 0, 2, 3], Goal::Lowest).unwrap();
            String::from_utf8(text).unwrap()
        };
        let widest = |text: &str| text.lines().map(|line| line.chars().count()).max();
        assert!(widest(&written(140)) > widest(&written(80)));
        assert!(written(80).contains("\n2 are equally good.\n"));
    }
}
