//! What the kubelet reports of a container that starts (`kuberuntime_container.go`,
//! `images/image_manager.go`).

use super::{Event, Kubelet};
use crate::api::{ContainerSpec, Context, ObjectId, PodId};
use crate::sim::SimDuration;
use crate::units::Bytes;

/// An image's size, 0 if it is not known, and how long its pull took, alone and with the wait for other pulls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pull {
    pub size: Bytes,
    pub took: SimDuration,
    pub with_wait: SimDuration,
}

impl Kubelet {
    /// Reports that a container of a pod has started: with the image that was pulled for it, or one
    /// that the node had.
    pub(super) fn report_start(
        &self,
        id: PodId,
        spec: &ContainerSpec,
        pull: Option<Pull>,
        context: &mut Context<'_, Event>,
    ) {
        let object = ObjectId::Pod(id);
        let (name, image) = (&spec.name, &spec.image);
        let since_136 = self.config.pleg_on_demand_relist;
        let pulled = || match pull {
            Some(Pull {
                size,
                took,
                with_wait,
            }) => {
                let millis = |time: SimDuration| SimDuration(time.0 / 1_000_000 * 1_000_000);
                let (took, with_wait) = (millis(took), millis(with_wait));
                format!(
                    "Successfully pulled image \"{image}\" in {took} ({with_wait} including waiting). Image size: {} bytes.",
                    size.0
                )
            }
            None if since_136 => format!(
                "Container image \"{image}\" already present on machine and can be accessed by the pod"
            ),
            None => format!("Container image \"{image}\" already present on machine"),
        };
        context.events.normal(object, "Pulled", pulled);
        let created = || {
            if since_136 {
                "Container created".to_owned()
            } else {
                format!("Created container: {name}")
            }
        };
        context.events.normal(object, "Created", created);
        let started = || {
            if since_136 {
                "Container started".to_owned()
            } else {
                format!("Started container {name}")
            }
        };
        context.events.normal(object, "Started", started);
    }
}
