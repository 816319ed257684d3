//! Which images nodes say that they have, and on how many nodes each is (the scheduler's
//! `ImageStateSummary`).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Store;
use crate::api::meta::ObjectId;
use crate::api::node::NodeId;
use crate::api::write::What;
use crate::units::Bytes;

/// An image that some node has.
#[derive(Debug, Clone, Default)]
pub struct NodeImage {
    /// Its size, as the last node says that has come to have it.
    pub size: Bytes,
    /// How many nodes have it.
    pub nodes: usize,
    /// Which of them, by slot, one bit each.
    slots: Vec<u64>,
}

impl NodeImage {
    /// Whether the node in a slot has it.
    pub fn is_on(&self, slot: usize) -> bool {
        let word = self.slots.get(slot / 64);
        word.is_some_and(|word| word >> (slot % 64) & 1 == 1)
    }

    fn put(&mut self, slot: usize, is_on: bool) {
        if self.is_on(slot) == is_on {
            return;
        }
        if self.slots.len() <= slot / 64 {
            self.slots.resize(slot / 64 + 1, 0);
        }
        self.slots[slot / 64] ^= 1 << (slot % 64);
        if is_on {
            self.nodes += 1;
        } else {
            self.nodes -= 1;
        }
    }
}

/// All of them, by name.
pub(super) type Images = BTreeMap<Arc<str>, NodeImage>;

impl Store {
    /// The images of these names that some node has.
    pub fn node_image(&self, name: &str) -> Option<&NodeImage> {
        self.images.get(name)
    }

    /// Whether nodes say anything about images.
    pub fn has_node_images(&self) -> bool {
        !self.images.is_empty()
    }

    pub(super) fn add_image(&mut self, id: NodeId, name: &Arc<str>, size: Bytes) -> ObjectId {
        if let Some(node) = self.nodes.get_mut(id) {
            let images = &mut node.images;
            if !images.iter().any(|(known, _)| known == name) {
                images.push((Arc::clone(name), size));
            }
            let image = self.images.entry(Arc::clone(name)).or_default();
            image.size = size;
            image.put(id.slot(), true);
        }
        self.wrote(ObjectId::Node(id), false, What::Status)
    }

    /// A node goes, and its images with it.
    pub(super) fn forget_images(&mut self, id: NodeId) {
        let Some(node) = self.nodes.get(id) else {
            return;
        };
        for (name, _) in &node.images {
            if let Some(image) = self.images.get_mut(name) {
                image.put(id.slot(), false);
                if image.nodes == 0 {
                    self.images.remove(name);
                }
            }
        }
    }
}
