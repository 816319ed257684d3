//! Least CPU and memory left over, as shares of the nodes' capacity.
//!
//! Source: `expander/waste/waste.go`.

use super::{ExpanderContext, ExpansionOption};

pub(super) fn best(
    options: &[ExpansionOption],
    among: &[usize],
    context: &ExpanderContext<'_>,
) -> Vec<usize> {
    let mut least = 0.0;
    let mut best = Vec::new();
    for index in among {
        let option = &options[*index];
        let Some(shape) = (context.shape)(option.group) else {
            continue;
        };
        let cpu = shape.capacity.cpu.0.saturating_mul(option.nodes);
        let memory = shape.capacity.memory.0.saturating_mul(option.nodes);
        let wasted_cpu = (cpu - option.requested.cpu.0) as f64 / cpu as f64;
        let wasted_memory = (memory - option.requested.memory.0) as f64 / memory as f64;
        let score = wasted_cpu + wasted_memory;
        if best.is_empty() || score < least {
            least = score;
            best = vec![*index];
        } else if score == least {
            best.push(*index);
        }
    }
    best
}
