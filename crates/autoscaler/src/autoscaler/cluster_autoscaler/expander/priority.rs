//! Highest priority in the ConfigMap `cluster-autoscaler-priority-expander`.
//!
//! Source: `expander/priority/priority.go`.

use super::{ExpanderContext, ExpansionOption};
use crate::autoscaler::cluster_autoscaler::events::{Events, Involved};

pub(super) fn best(
    options: &[ExpansionOption],
    among: &[usize],
    context: &ExpanderContext<'_>,
    events: &mut Events,
) -> Vec<usize> {
    let priorities = match context.priorities {
        None => return among.to_vec(),
        Some(Ok(priorities)) => priorities,
        Some(Err(problem)) => {
            let reason = "PriorityConfigMapInvalid";
            let message = problem.to_owned();
            events.warning(context.now, reason, Involved::Priorities, message);
            return among.to_vec();
        }
    };
    let mut highest = -1;
    let mut best = Vec::new();
    for index in among {
        let name = &context.groups[options[*index].group.index()].name;
        let mut found = false;
        for (priority, patterns) in priorities {
            if !patterns.iter().any(|pattern| pattern.is_match(name)) {
                continue;
            }
            found = true;
            if *priority < highest {
                continue;
            }
            if *priority > highest {
                highest = *priority;
                best.clear();
            }
            best.push(*index);
        }
        if !found {
            let message = format!(
                "Priority expander: node group {name} not found in priority expander configuration. The group won't be used."
            );
            let reason = "PriorityConfigMapNotMatchedGroup";
            events.warning(context.now, reason, Involved::Priorities, message);
        }
    }
    if best.is_empty() {
        let message = "Priority expander: no priorities info found for any of the expansion options. No options filtered.";
        let reason = "PriorityConfigMapNoGroupMatched";
        events.warning(context.now, reason, Involved::Priorities, message);
        return among.to_vec();
    }
    best
}
