//! How much of each pixel a shape covers, exactly.
//!
//! Signed areas left of each edge are accumulated per row and summed up, as font rasterizers
//! do (R. Levien, font-rs). Shapes that overlap are united if they turn the same way, which
//! [`Coverage::convex`] sees to.

/// The mask of one shape.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    width: usize,
    height: usize,
    left: i32,
    top: i32,
    /// Differences of coverage along each row.
    steps: Vec<f32>,
}

impl Coverage {
    /// Begins a shape within these bounds; the mask ends where the picture ends.
    pub(super) fn begin(&mut self, bounds: [f64; 4], size: (usize, usize)) {
        let clip = |value: f64, limit: usize| value.clamp(0.0, limit as f64);
        let [left, top, right, bottom] = bounds;
        self.left = clip(left, size.0).floor() as i32;
        self.top = clip(top, size.1).floor() as i32;
        self.width = (clip(right, size.0).ceil() as i32 - self.left).max(0) as usize;
        self.height = (clip(bottom, size.1).ceil() as i32 - self.top).max(0) as usize;
        self.steps.clear();
        self.steps.resize((self.width + 2) * self.height, 0.0);
    }

    /// Adds a polygon; it may turn either way.
    pub(super) fn polygon(&mut self, corners: &[(f64, f64)]) {
        for (place, &from) in corners.iter().enumerate() {
            let to = corners[(place + 1) % corners.len()];
            self.edge(from, to);
        }
    }

    /// Adds a convex polygon to the union of those added before.
    pub(super) fn convex(&mut self, corners: &mut [(f64, f64)]) {
        let turn: f64 = (0..corners.len())
            .map(|i| {
                let (a, b) = (corners[i], corners[(i + 1) % corners.len()]);
                a.0 * b.1 - b.0 * a.1
            })
            .sum();
        if turn < 0.0 {
            corners.reverse();
        }
        self.polygon(corners);
    }

    fn edge(&mut self, from: (f64, f64), to: (f64, f64)) {
        let shift = |(x, y): (f64, f64)| (x - f64::from(self.left), y - f64::from(self.top));
        let (from, to) = (shift(from), shift(to));
        if from.1 == to.1 || self.width == 0 {
            return;
        }
        let (sign, upper, lower) = if from.1 < to.1 {
            (1.0, from, to)
        } else {
            (-1.0, to, from)
        };
        let slope = (lower.0 - upper.0) / (lower.1 - upper.1);
        let first = upper.1.max(0.0).floor() as usize;
        let last = lower.1.min(self.height as f64).ceil() as usize;
        for row in first..last.min(self.height) {
            let y0 = upper.1.max(row as f64);
            let y1 = lower.1.min((row + 1) as f64);
            if y1 > y0 {
                let x0 = upper.0 + (y0 - upper.1) * slope;
                let x1 = upper.0 + (y1 - upper.1) * slope;
                self.row(row, x0.min(x1), x0.max(x1), sign * (y1 - y0));
            }
        }
    }

    /// Adds an edge that crosses a row from `x0` to `x1` over the height `rise`.
    fn row(&mut self, row: usize, x0: f64, x1: f64, rise: f64) {
        let limit = self.width as f64;
        let (x0, x1) = (x0.clamp(0.0, limit), x1.clamp(0.0, limit));
        let start = row * (self.width + 2);
        let steps = &mut self.steps[start..start + self.width + 2];
        let (first, last) = (x0.floor() as usize, x1.floor() as usize);
        if first == last {
            let share = f64::midpoint(x0, x1) - first as f64;
            steps[first] += (rise * (1.0 - share)) as f32;
            steps[first + 1] += (rise * share) as f32;
            return;
        }
        let per_pixel = rise / (x1 - x0);
        for column in first..=last {
            let from = x0.max(column as f64);
            let to = x1.min((column + 1) as f64);
            let part = per_pixel * (to - from);
            let share = f64::midpoint(from, to) - column as f64;
            steps[column] += (part * (1.0 - share)) as f32;
            steps[column + 1] += (part * share) as f32;
        }
    }

    /// Calls `cover` with runs of pixels that are covered alike: their first, how many they
    /// are, and the share. Stretches in which nothing changes are skipped at once.
    pub(super) fn for_each_run(&self, mut cover: impl FnMut((i32, i32), usize, f32)) {
        const BLOCK: usize = 16;
        for row in 0..self.height {
            let start = row * (self.width + 2);
            let steps = &self.steps[start..start + self.width];
            let y = self.top + row as i32;
            let mut sum = 0.0;
            for (block, steps) in steps.chunks(BLOCK).enumerate() {
                let x = self.left + (block * BLOCK) as i32;
                let same = steps.iter().fold(0, |bits, step| bits | step.to_bits()) == 0;
                let share = visible(sum);
                if same {
                    if share > 0.0 {
                        cover((x, y), steps.len(), share);
                    }
                    continue;
                }
                for (column, step) in steps.iter().enumerate() {
                    sum += step;
                    let share = visible(sum);
                    if share > 0.0 {
                        cover((x + column as i32, y), 1, share);
                    }
                }
            }
        }
    }
}

/// The share that a sum of steps stands for; what rounding leaves of nothing is nothing, and
/// what it leaves of all is all.
fn visible(sum: f32) -> f32 {
    match sum.abs() {
        share if share < 0.002 => 0.0,
        share if share > 0.998 => 1.0,
        share => share,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(bounds: [f64; 4], draw: impl FnOnce(&mut Coverage)) -> f64 {
        let mut coverage = Coverage::default();
        coverage.begin(bounds, (100, 100));
        draw(&mut coverage);
        let mut sum = 0.0;
        coverage.for_each_run(|_, count, share| sum += f64::from(share) * count as f64);
        sum
    }

    #[test]
    fn shares_sum_to_the_area() {
        let triangle = [(10.3, 5.2), (70.9, 33.3), (20.1, 60.7)];
        let area = ((60.6 * 55.5 - 9.8 * 28.1) / 2.0_f64).abs();
        let sum = total([10.0, 5.0, 71.0, 61.0], |mask| mask.polygon(&triangle));
        assert!((sum - area).abs() < 0.5, "{sum} against {area}");
    }

    #[test]
    fn overlapping_convex_shapes_are_united() {
        let sum = total([0.0, 0.0, 50.0, 50.0], |mask| {
            mask.convex(&mut [(0.0, 0.0), (20.0, 0.0), (20.0, 20.0), (0.0, 20.0)]);
            mask.convex(&mut [(10.0, 20.0), (30.0, 20.0), (30.0, 0.0), (10.0, 0.0)]);
        });
        assert!((sum - 600.0).abs() < 0.01, "{sum}");
    }

    #[test]
    fn what_lies_outside_the_picture_is_cut_off() {
        let square = [
            (-50.0, -50.0),
            (150.0, -50.0),
            (150.0, 150.0),
            (-50.0, 150.0),
        ];
        let sum = total([-50.0, -50.0, 150.0, 150.0], |mask| mask.polygon(&square));
        assert!((sum - 10_000.0).abs() < 0.5, "{sum}");
    }
}
