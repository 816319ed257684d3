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
        if let Some(pull) = pull {
            let message = || pulled(image, pull);
            context.events.normal(object, "Pulled", message);
        } else {
            let present = if since_136 {
                "\" already present on machine and can be accessed by the pod"
            } else {
                "\" already present on machine"
            };
            let sentence: [&str; 3] = ["Container image \"", image, present];
            context.events.normal_of(object, "Pulled", &sentence);
        }
        let [created, started]: [[&str; 2]; 2] = if since_136 {
            [["Container created", ""], ["Container started", ""]]
        } else {
            [["Created container: ", name], ["Started container ", name]]
        };
        context.events.normal_of(object, "Created", &created);
        context.events.normal_of(object, "Started", &started);
    }
}

fn pulled(image: &str, pull: Pull) -> String {
    let millis = |time: SimDuration| SimDuration(time.0 / 1_000_000 * 1_000_000);
    let (took, with_wait) = (millis(pull.took), millis(pull.with_wait));
    format!(
        "Successfully pulled image \"{image}\" in {took} ({with_wait} including waiting). Image size: {} bytes.",
        pull.size.0
    )
}
