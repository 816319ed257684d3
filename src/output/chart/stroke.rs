//! Lines as shapes: dashes, and the outline of a line of some width.

use super::coverage::Coverage;
use super::scene::Point;

/// The pieces of a line that its dashes leave.
pub(super) fn dashes(points: &[Point], on: f64, off: f64) -> Vec<Vec<Point>> {
    let (mut pieces, mut piece) = (Vec::new(), Vec::new());
    let (mut drawing, mut left) = (true, on.max(0.1));
    piece.extend(points.first().copied());
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            if length <= left {
                left -= length;
                if drawing {
                    piece.push(to);
                }
                break;
            }
            let share = left / length;
            from = (
                from.0 + (to.0 - from.0) * share,
                from.1 + (to.1 - from.1) * share,
            );
            piece.push(from);
            if drawing {
                pieces.push(std::mem::take(&mut piece));
            }
            drawing = !drawing;
            left = if drawing { on.max(0.1) } else { off.max(0.1) };
            if !drawing {
                piece.clear();
            }
        }
    }
    if drawing && piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

/// Adds a line as a quadrilateral per segment and a mitre, or bevel, per joint. The pieces
/// touch without overlapping at the outer side, so that edges keep their softness.
pub(super) fn outline(mask: &mut Coverage, points: &[Point], half: f64) {
    let mut last: Option<Point> = None;
    for pair in points.windows(2) {
        let (p, q) = (pair[0], pair[1]);
        let length = (q.0 - p.0).hypot(q.1 - p.1);
        if length < 1e-9 {
            continue;
        }
        let normal = ((p.1 - q.1) / length * half, (q.0 - p.0) / length * half);
        mask.convex(&mut [
            (p.0 + normal.0, p.1 + normal.1),
            (q.0 + normal.0, q.1 + normal.1),
            (q.0 - normal.0, q.1 - normal.1),
            (p.0 - normal.0, p.1 - normal.1),
        ]);
        if let Some(before) = last {
            joint(mask, p, before, normal, half);
        }
        last = Some(normal);
    }
}

/// Fills the outer side of the joint at `p` between two segments with these normals.
fn joint(mask: &mut Coverage, p: Point, before: Point, after: Point, half: f64) {
    let turn = before.0 * after.1 - before.1 * after.0;
    if turn == 0.0 {
        return;
    }
    let side = if turn > 0.0 { -1.0 } else { 1.0 };
    let a = (p.0 + side * before.0, p.1 + side * before.1);
    let b = (p.0 + side * after.0, p.1 + side * after.1);
    let middle = (before.0 + after.0, before.1 + after.1);
    let square = middle.0 * middle.0 + middle.1 * middle.1;
    // The mitre's tip lies at 2 half² / |n1 + n2| from the joint: kept to 1.5 widths.
    let reach = 2.0 * half * half / square.max(1e-12);
    if reach * square.sqrt() <= 1.5 * half {
        let tip = (p.0 + side * middle.0 * reach, p.1 + side * middle.1 * reach);
        mask.convex(&mut [p, a, tip, b]);
    } else {
        mask.convex(&mut [p, a, b]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_go_around_corners() {
        let line = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)];
        let pieces = dashes(&line, 6.0, 3.0);
        assert_eq!(
            pieces,
            vec![
                vec![(0.0, 0.0), (6.0, 0.0)],
                vec![(9.0, 0.0), (10.0, 0.0), (10.0, 5.0)],
                vec![(10.0, 8.0), (10.0, 10.0)],
            ]
        );
    }

    #[test]
    fn a_line_covers_its_width_and_length() {
        let mut mask = Coverage::default();
        mask.begin([0.0, 0.0, 60.0, 60.0], (60, 60));
        outline(&mut mask, &[(10.0, 10.0), (40.0, 10.0), (40.0, 40.0)], 1.0);
        let mut sum = 0.0;
        mask.for_each_run(|_, count, share| sum += share * count as f32);
        // Two legs of 30 × 2, the corner's mitre, less where the legs overlap.
        assert!((sum - 120.0).abs() < 1.5, "{sum}");
    }
}
