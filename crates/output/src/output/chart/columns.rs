//! Curves that swing too often to be told apart: least, mean and largest value per column of a few
//! pixels. What a chart costs then does not grow with the length of the run.

/// Breadth of a column, in pixels.
const BREADTH: f64 = 8.0;

/// With less room for each swing, in pixels, they run into one another.
const SWING: f64 = 6.0;

/// The values of a curve within one column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Column {
    /// Its middle.
    pub(super) x: f64,
    pub(super) low: f64,
    pub(super) mean: f64,
    pub(super) high: f64,
}

/// The columns of a curve between `x` values 0 and `end` that are drawn over `width` pixels, if it
/// swings too often to be drawn as it is, in stretches without a gap. `is_steps`: each value holds
/// until the next.
pub(super) fn columns(
    points: &[(f64, f64)],
    end: f64,
    width: f64,
    is_steps: bool,
) -> Option<Vec<Vec<Column>>> {
    if swings(points) as f64 * SWING <= width {
        return None;
    }
    let breadth = breadth(end, width);
    let mut columns = Columns {
        breadth,
        open: None,
        closed: Vec::new(),
    };
    for (place, &(x, y)) in points.iter().enumerate() {
        if !is_steps {
            columns.add(x, y, 1.0);
            continue;
        }
        let next = points.get(place + 1).map_or(end, |next| next.0.min(end));
        let mut from = x.max(0.0);
        while from < next {
            let number = (from / breadth).floor();
            // The next column at least, whatever rounding does.
            let to = ((number + 1.0) * breadth)
                .max(from + breadth * 1e-9)
                .min(next);
            columns.add(from, y, to - from);
            from = to;
        }
    }
    columns.close();
    let is_next = |a: &Column, b: &Column| b.x - a.x < breadth * 1.5;
    let stretches = columns.closed.chunk_by(is_next);
    Some(stretches.map(|stretch| widened(stretch, breadth)).collect())
}

/// A stretch from the edge of its first column to that of its last.
fn widened(stretch: &[Column], breadth: f64) -> Vec<Column> {
    let mut wide = stretch.to_vec();
    if let [first, .., last] = &mut wide[..] {
        first.x -= breadth / 2.0;
        last.x += breadth / 2.0;
    }
    wide
}

/// The length of the x axis that a column stands for.
pub(super) fn breadth(end: f64, width: f64) -> f64 {
    end / (width / BREADTH).floor().max(1.0)
}

/// How often a curve turns round.
fn swings(points: &[(f64, f64)]) -> usize {
    let (mut rises, mut last, mut count) = (None, f64::NAN, 0);
    for &(_, value) in points {
        let is_rise = value > last;
        if is_rise || value < last {
            count += usize::from(rises.is_some_and(|rises| rises != is_rise));
            rises = Some(is_rise);
        }
        last = value;
    }
    count
}

struct Columns {
    breadth: f64,
    /// Number, sum of the weights, and what is known so far, with the sum for a mean.
    open: Option<(f64, f64, Column)>,
    closed: Vec<Column>,
}

impl Columns {
    fn add(&mut self, x: f64, value: f64, weight: f64) {
        if !value.is_finite() || !x.is_finite() || weight <= 0.0 {
            return;
        }
        let number = (x / self.breadth + 1e-6).floor();
        if self.open.is_some_and(|(open, ..)| open != number) {
            self.close();
        }
        let (_, weights, column) = self.open.get_or_insert_with(|| {
            let column = Column {
                x: (number + 0.5) * self.breadth,
                low: value,
                mean: 0.0,
                high: value,
            };
            (number, 0.0, column)
        });
        *weights += weight;
        column.low = column.low.min(value);
        column.mean += value * weight;
        column.high = column.high.max(value);
    }

    fn close(&mut self) {
        if let Some((_, weights, mut column)) = self.open.take() {
            column.mean /= weights;
            self.closed.push(column);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `count` values that go up and down within a hundred seconds.
    fn swinging(count: u32) -> Vec<(f64, f64)> {
        let length = 100.0 / f64::from(count);
        let value = |place: u32| if place.is_multiple_of(2) { 1.0 } else { 3.0 };
        (0..count)
            .map(|place| (f64::from(place) * length, value(place)))
            .collect()
    }

    #[test]
    fn few_swings_are_drawn_as_they_are() {
        assert_eq!(columns(&swinging(15), 100.0, 100.0, true), None);
        assert!(columns(&swinging(100), 100.0, 100.0, true).is_some());
    }

    #[test]
    fn a_column_has_extremes_and_the_mean_over_time() {
        for count in [1000, 100_000] {
            let found = columns(&swinging(count), 100.0, 100.0, true).unwrap();
            assert_eq!((found.len(), found[0].len()), (1, 12));
            for column in &found[0] {
                assert_eq!((column.low, column.high), (1.0, 3.0));
                assert!((column.mean - 2.0).abs() < 0.1, "{column:?}");
            }
        }
    }

    #[test]
    fn a_gap_stays_empty() {
        let mut points = swinging(1000);
        for (x, y) in &mut points {
            if (25.0..75.0).contains(x) {
                *y = f64::NAN;
            }
        }
        let found = columns(&points, 100.0, 100.0, true).unwrap();
        let lengths: Vec<usize> = found.iter().map(Vec::len).collect();
        assert_eq!(lengths, [3, 3]);
    }
}
