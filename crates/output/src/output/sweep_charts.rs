//! `charts/` of a sweep: each figure over the parameters.

use super::chart::{Best, HeatMap, LineChart, LineSeries, ParetoChart, ParetoPoint, Unit};
use super::charts::{Named, draw, drawing};
use super::folder::{FolderError, OutputFolder};
use super::run::Charts;
use super::sweep_table::SweepTable;

/// A grid finer than this along one parameter is drawn as lines.
const MOST_CELLS: usize = 40;

/// Draws a heat map per figure over two parameters, or a line over one; and, however many
/// parameters there are, the first figure against each other one.
pub fn write_sweep_charts(
    folder: &OutputFolder,
    name: &str,
    table: &SweepTable,
    wanted: Charts,
) -> Result<(), FolderError> {
    if wanted == Charts::None {
        return Ok(());
    }
    let mut charts: Named = Vec::new();
    for (metric, figure) in table.metrics.iter().enumerate() {
        match grid(table) {
            Some(axes) if table.parameters.len() == 2 => {
                let chart = heat_map(name, table, metric, &axes);
                charts.push((figure.clone(), drawing(move || chart.clone())));
            }
            _ if table.parameters.len() == 1 => {
                let chart = drawing(move || line(name, table, metric));
                charts.push((figure.clone(), chart));
            }
            _ => {}
        }
    }
    for metric in 1..table.metrics.len() {
        let file = format!("{}-against-{}", table.metrics[metric], table.metrics[0]);
        charts.push((file, drawing(move || pareto(name, table, metric))));
    }
    draw(folder, &charts, wanted)
}

/// The unit that a figure's name tells.
fn unit(metric: &str) -> Unit {
    match metric {
        _ if metric.ends_with("_ms") => Unit::Milliseconds,
        _ if metric.ends_with("_s") => Unit::Seconds,
        _ if metric.ends_with("_pct") => Unit::Percent,
        _ if metric.ends_with("_cost") || metric.starts_with("cost.") => Unit::Dollars,
        _ => Unit::Number,
    }
}

fn seeds(table: &SweepTable) -> String {
    format!("means over the seeds · {} points", table.points.len())
}

/// The values of both parameters in the order in which they come.
fn grid(table: &SweepTable) -> Option<[Vec<String>; 2]> {
    let axis = |parameter: usize| {
        let mut values: Vec<String> = Vec::new();
        for point in &table.points {
            let value = point.values.get(parameter)?;
            if !values.contains(value) {
                values.push(value.clone());
            }
        }
        (values.len() <= MOST_CELLS).then_some(values)
    };
    Some([axis(0)?, axis(1)?])
}

fn heat_map(name: &str, table: &SweepTable, metric: usize, [x, y]: &[Vec<String>; 2]) -> HeatMap {
    let mut values = vec![vec![f64::NAN; x.len()]; y.len()];
    for point in &table.points {
        let column = x.iter().position(|value| *value == point.values[0]);
        let row = y.iter().position(|value| *value == point.values[1]);
        if let (Some(column), Some(row)) = (column, row) {
            values[row][column] = point.figures[metric][0];
        }
    }
    let label = &table.metrics[metric];
    HeatMap {
        title: format!("{name}: {label}"),
        subtitle: seeds(table),
        x_label: table.parameters[0].clone(),
        x_values: x.clone(),
        y_label: table.parameters[1].clone(),
        y_values: y.clone(),
        value_label: "mean".to_owned(),
        unit: unit(label),
        values,
        best: Best::Lowest,
    }
}

fn line(name: &str, table: &SweepTable, metric: usize) -> LineChart {
    let label = &table.metrics[metric];
    let numbers: Option<Vec<f64>> = (table.points.iter())
        .map(|point| point.values[0].parse().ok())
        .collect();
    let names: Vec<String> = match numbers {
        Some(_) => Vec::new(),
        None => table
            .points
            .iter()
            .map(|point| point.values[0].clone())
            .collect(),
    };
    let mut points: Vec<(f64, [f64; 3])> = (table.points.iter().enumerate())
        .map(|(place, point)| {
            let x = numbers
                .as_ref()
                .map_or(place as f64, |numbers| numbers[place]);
            (x, point.figures[metric])
        })
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let spread = points.iter().map(|(_, [_, low, high])| (*low, *high));
    LineChart {
        title: format!("{name}: {label}"),
        subtitle: format!("{}, band from the 5th to the 95th percentile", seeds(table)),
        x_label: table.parameters[0].clone(),
        x_names: names,
        y_label: label.clone(),
        y_unit: unit(label),
        series: vec![LineSeries {
            name: label.clone(),
            spread: spread.collect(),
            points: points.iter().map(|(x, [mean, ..])| (*x, *mean)).collect(),
        }],
        ..LineChart::default()
    }
}

fn pareto(name: &str, table: &SweepTable, metric: usize) -> ParetoChart {
    let (x, y) = (&table.metrics[0], &table.metrics[metric]);
    ParetoChart {
        title: format!("{name}: {y} against {x}"),
        subtitle: format!("{} · {}", seeds(table), table.parameters.join(", ")),
        x_label: x.clone(),
        x_unit: unit(x),
        y_label: y.clone(),
        y_unit: unit(y),
        points: (table.points.iter())
            .map(|point| ParetoPoint {
                label: point.values.join(", "),
                x: point.figures[0][0],
                y: point.figures[metric][0],
            })
            .collect(),
    }
}
