//! ImageLocality: which of a pod's images nodes have (`plugins/imagelocality`).
//!
//! Nodes name images in full, as the container runtime does; pods that leave out the registry find
//! none, as upstream has it.

use std::borrow::Cow;

use super::score::{image_locality, scaled_image_score};
use crate::api::{NodeImage, PodTemplate, Store};

/// The images of a pod that some node has, with what each is worth.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted<'a> {
    images: Vec<(&'a NodeImage, i64)>,
    containers: usize,
}

/// An image's name with its tag (`normalizedImageName`).
fn normalized(name: &str) -> Cow<'_, str> {
    let name_alone = name.rfind('/').map_or(name, |slash| &name[slash..]);
    if name_alone.contains(':') {
        name.into()
    } else {
        format!("{name}:latest").into()
    }
}

impl<'a> Wanted<'a> {
    /// What a pod of a template finds.
    pub(super) fn new(template: &PodTemplate, store: &'a Store) -> Self {
        if !store.has_node_images() {
            return Self::default();
        }
        let containers = template.init_containers.iter().chain(&template.containers);
        let nodes = store.node_count();
        let images = containers.clone().filter_map(|one| {
            let image = store.node_image(&normalized(&one.image))?;
            let scaled = scaled_image_score(image.size.0, image.nodes, nodes);
            Some((image, scaled))
        });
        Self {
            images: images.collect(),
            containers: containers.count(),
        }
    }

    /// Whether no node has any.
    pub(super) fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// The score of the node in a slot.
    pub(super) fn score(&self, slot: usize) -> i64 {
        if self.images.is_empty() {
            return 0;
        }
        let there = self.images.iter().filter(|(image, _)| image.is_on(slot));
        image_locality(there.map(|(_, scaled)| scaled).sum(), self.containers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_the_tag_that_they_leave_out() {
        for (name, full) in [
            ("app", "app:latest"),
            ("app:1", "app:1"),
            ("host:5000/app", "host:5000/app:latest"),
            ("host:5000/app:2", "host:5000/app:2"),
        ] {
            assert_eq!(normalized(name), full);
        }
    }

    /// The cases of upstream's own test of the plugin, worked out by its formula.
    #[test]
    fn images_count_by_their_sizes_and_by_how_many_nodes_have_them() {
        let mib = |mib: i64| mib << 20;
        // 40 MiB on one of two nodes is below the least; 250 MiB on both is not.
        assert_eq!(image_locality(scaled_image_score(mib(40), 1, 2), 1), 0);
        let both = scaled_image_score(mib(250), 2, 2);
        assert_eq!(both, mib(250));
        assert_eq!(image_locality(both, 1), 100 * (250 - 23) / (1000 - 23));
        let one = scaled_image_score(mib(250), 1, 2);
        assert_eq!(image_locality(one, 1), 100 * (125 - 23) / (1000 - 23));
        // Of two containers twice as much counts, and no more.
        assert_eq!(image_locality(mib(4000), 2), 100);
        assert_eq!(
            image_locality(mib(1000), 2),
            100 * (1000 - 23) / (2000 - 23)
        );
        assert_eq!(image_locality(0, 3), 0);
    }
}
