//! Most pods placed. Source: `expander/mostpods/mostpods.go`.

use super::ExpansionOption;

pub(super) fn best(options: &[ExpansionOption], among: &[usize]) -> Vec<usize> {
    let pods = |index: &usize| options[*index].pods.len();
    let most = among.iter().map(pods).max().unwrap_or(0);
    among
        .iter()
        .copied()
        .filter(|index| pods(index) == most)
        .collect()
}
