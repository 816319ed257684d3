//! The labels of pods, numbered for the recommender, which aggregates usage by them.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::api::Labels;
use crate::autoscaler::vpa::recommender::{LabelSet, PodKey};

/// A pod as the recommender knows it.
#[derive(Debug, Clone)]
pub(in crate::world) struct KnownPod {
    pub(super) key: PodKey,
    /// The labels that it had in the recommender's last pass.
    pub(super) labels: Arc<Labels>,
}

/// A pod that is gone since the recommender's last pass, which knows it by its name still.
#[derive(Debug, Clone)]
pub(super) struct GonePod {
    pub(super) key: PodKey,
    pub(super) namespace: Arc<str>,
    pub(super) name: Arc<str>,
}

/// All namespaces and labels that pods have had.
#[derive(Debug, Clone, Default)]
pub(super) struct LabelSets {
    numbers: FxHashMap<(Arc<str>, Arc<Labels>), LabelSet>,
    all: Vec<(Arc<str>, Arc<Labels>)>,
}

impl LabelSets {
    /// The number of a namespace and labels.
    pub(super) fn number(&mut self, namespace: &Arc<str>, labels: &Arc<Labels>) -> LabelSet {
        let key = (Arc::clone(namespace), Arc::clone(labels));
        let next = self.all.len() as LabelSet;
        *self.numbers.entry(key).or_insert_with_key(|key| {
            self.all.push(key.clone());
            next
        })
    }

    /// The namespace and the labels of a number.
    pub(super) fn get(&self, number: LabelSet) -> Option<(&Arc<str>, &Arc<Labels>)> {
        let found = self.all.get(number as usize);
        found.map(|(namespace, labels)| (namespace, labels))
    }
}
