//! Fewest nodes. Source: `expander/leastnodes/leastnodes.go`.

use super::ExpansionOption;

pub(super) fn best(options: &[ExpansionOption], among: &[usize]) -> Vec<usize> {
    let nodes = |index: &usize| options[*index].nodes;
    let some = among.iter().filter(|index| nodes(index) > 0);
    let least = some.clone().map(nodes).min();
    some.copied()
        .filter(|index| Some(nodes(index)) == least)
        .collect()
}
