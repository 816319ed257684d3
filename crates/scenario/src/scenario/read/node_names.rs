//! Nodes by their names, which come from their groups: `GROUP-N`, counted from 1.

use crate::cluster::spec::NodeGroupSpec;
use crate::scenario::model::NodeName;
use crate::scenario::suggest;

/// Names that are suggested per group, at most.
const MOST_NAMES: u32 = 20;

/// The node of a name.
pub(super) fn find(name: &str, groups: &[NodeGroupSpec]) -> Option<NodeName> {
    let (of, number) = name.rsplit_once('-')?;
    let group = groups.iter().position(|group| group.name == of)?;
    let number: u32 = number.parse().ok().filter(|number| *number > 0)?;
    // A group that is scaled goes on counting.
    let counts = number <= groups[group].count || groups[group].scaling.bounds.is_some();
    let exists = counts && name == format!("{of}-{number}");
    exists.then(|| NodeName {
        name: name.to_owned(),
        group,
        number: number - 1,
    })
}

/// What to write instead of a name that no node has.
pub(super) fn advice(name: &str, groups: &[NodeGroupSpec]) -> String {
    let names: Vec<String> = groups
        .iter()
        .flat_map(|group| (1..=group.count.min(MOST_NAMES)).map(|n| format!("{}-{n}", group.name)))
        .collect();
    // `general-7` of three nodes is not meant to be `general-1`.
    let group = name.rsplit_once('-').map(|(group, _)| group);
    match groups.iter().find(|one| Some(one.name.as_str()) == group) {
        Some(one) if one.count == 1 => format!("the only node of the group is {}-1", one.name),
        Some(one) => format!("its nodes are {0}-1 to {0}-{1}", one.name, one.count),
        None => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            suggest::advice(name, &names)
        }
    }
}
