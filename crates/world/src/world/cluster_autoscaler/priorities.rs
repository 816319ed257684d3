//! The ConfigMap of the expander `priority`: it is read anew at each choice, so that a change counts from
//! the next one on.

use super::super::Simulation;
use super::view::Priorities;
use crate::scenario::PriorityExpanderObject;
use crate::scenario::model::GroupPriorities;

/// Regular expressions that are ready to be asked; they were read before.
pub(super) fn compiled(read: &Result<GroupPriorities, String>) -> Result<Priorities, String> {
    let pattern = |text: &String| regex_lite::Regex::new(text).ok();
    let list = |(priority, patterns): &(i64, Vec<String>)| {
        (*priority, patterns.iter().filter_map(pattern).collect())
    };
    let read = read.as_ref().map_err(String::clone)?;
    Ok(read.iter().map(list).collect())
}

impl Simulation<'_> {
    /// The ConfigMap is created or changed.
    pub(in crate::world) fn put_priority_expander(&mut self, map: &PriorityExpanderObject) {
        if let Some(autoscaler) = self.cluster_autoscaler.as_mut().filter(|_| map.is_seen()) {
            autoscaler.view.priorities = Some(compiled(&map.priorities));
        }
    }

    /// A ConfigMap is deleted.
    pub(in crate::world) fn drop_config_map(&mut self, kind: &str, namespace: &str, name: &str) {
        let is_it = kind == "ConfigMap"
            && (namespace, name)
                == (
                    PriorityExpanderObject::NAMESPACE,
                    PriorityExpanderObject::NAME,
                );
        if let Some(autoscaler) = self.cluster_autoscaler.as_mut().filter(|_| is_it) {
            autoscaler.view.priorities = None;
        }
    }
}
