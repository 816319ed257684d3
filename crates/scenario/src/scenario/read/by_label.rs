//! Objects by the labels of their pods: what a selector matches is found without a look at all.

use rustc_hash::FxHashMap;

use super::may_be_added;
use crate::api::Labels;

/// The places of objects, by namespace, key and value.
pub(super) struct ByLabel<'a> {
    places: FxHashMap<[&'a str; 3], Vec<usize>>,
    count: usize,
}

impl<'a> ByLabel<'a> {
    /// Of objects in these namespaces whose pods have these labels.
    pub(super) fn new(all: impl Iterator<Item = (&'a str, &'a Labels)>) -> Self {
        let (mut places, mut count) = (FxHashMap::<_, Vec<usize>>::default(), 0);
        for (place, (namespace, labels)) in all.enumerate() {
            for (key, value) in labels {
                let of = [namespace, key.as_str(), value.as_str()];
                places.entry(of).or_default().push(place);
            }
            count = place + 1;
        }
        Self { places, count }
    }

    /// Places, ascending, among which are all whose pods have these labels, controllers' included.
    pub(super) fn among(&self, namespace: &str, wanted: &Labels) -> Vec<usize> {
        let stated = wanted.iter().find(|(key, _)| !may_be_added(key));
        match stated {
            None => (0..self.count).collect(),
            Some((key, value)) => {
                let found = self.places.get(&[namespace, key.as_str(), value.as_str()]);
                found.cloned().unwrap_or_default()
            }
        }
    }
}
