//! Image pulls: so many at a time, and what becomes of those that fail (`images/image_manager.go`,
//! `images/puller.go` of `pkg/kubelet`).

use super::events::Pull;
use super::schedulable::next_status;
use super::{Event, Images, Kubelet};
use crate::api::{Context, NodeId, ObjectId, Pod, PodId, PodPhase, PodWrite, Store, Write};
use crate::sim::{SimDuration, SimTime};
use crate::units::Bytes;

/// How long a registry takes to say that it does not have an image.
const REFUSAL: SimDuration = SimDuration::from_secs(1);
/// The first back-off of an image that cannot be pulled, and the longest.
const BACK_OFF: [SimDuration; 2] = [SimDuration::from_secs(10), SimDuration::from_secs(300)];
/// From a sync that failed to the next one (`backOffPeriod`), without its jitter.
const LOOKS: SimDuration = SimDuration::from_secs(10);

/// The pull of a pod's image.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pulling {
    /// How long it takes.
    takes: SimDuration,
    /// From there to the running containers.
    starts_in: SimDuration,
    /// The image's size, if it is known.
    size: Option<Bytes>,
    /// Whether it is that of a running pod, whose first container gets another image.
    pub(super) again: bool,
    /// How often it has failed.
    failures: u32,
    /// Until when it is not tried again.
    until: SimTime,
}

impl Images {
    /// A pull begins: says when it is over. So many are under way at most.
    fn pull(&mut self, now: SimTime, takes: SimDuration, at_a_time: Option<u32>) -> SimTime {
        let Some(lanes) = at_a_time else {
            return now + takes;
        };
        if self.pulls_until.len() < lanes as usize {
            self.pulls_until.push(now);
        }
        let Some(lane) = self.pulls_until.iter_mut().min() else {
            return now + takes;
        };
        *lane = (*lane).max(now) + takes;
        *lane
    }
}

pub(super) fn first_image(pod: &Pod) -> &str {
    let first = pod.template.containers.first();
    first.map_or("", |one| one.image.as_str())
}

/// An image's whole name, as the container runtime has it.
fn reference(image: &str) -> String {
    let (first, has_more) = match image.split_once('/') {
        Some((first, _)) => (first, true),
        None => (image, false),
    };
    let is_registry = has_more && (first.contains(['.', ':']) || first == "localhost");
    let prefix = match (is_registry, has_more) {
        (true, _) => "",
        (false, true) => "docker.io/",
        (false, false) => "docker.io/library/",
    };
    let name = image.rsplit('/').next().unwrap_or(image);
    let tag = if name.contains([':', '@']) {
        ""
    } else {
        ":latest"
    };
    format!("{prefix}{image}{tag}")
}

impl Kubelet {
    /// What nodes of each group pull in a second.
    pub fn set_bandwidths(&mut self, bandwidths: Vec<Bytes>) {
        self.bandwidths = bandwidths;
    }

    /// The same of nodes of one group more.
    pub fn add_bandwidth(&mut self, bandwidth: Bytes) {
        self.bandwidths.push(bandwidth);
    }

    /// How long an image of a known size takes.
    pub(super) fn pull_of(
        &self,
        size: Option<Bytes>,
        node: NodeId,
        store: &Store,
    ) -> Option<SimDuration> {
        let group = store.find_node(node)?.group;
        let bandwidth = self.bandwidths.get(group)?.0.max(1);
        size.map(|size| SimDuration::from_secs_f64(size.0 as f64 / bandwidth as f64))
    }

    /// From now on these images cannot be pulled.
    pub fn fail_pulls(&mut self, images: Vec<String>) {
        self.failing = images;
    }

    /// A pod's image is to be pulled, which takes so long, and its containers start so long after.
    pub(super) fn begin_pull(
        &mut self,
        id: PodId,
        (takes, starts_in, size): (SimDuration, SimDuration, Option<Bytes>),
        context: &mut Context<'_, Event>,
    ) {
        let worker = self.worker(id);
        worker.pulling = Pulling {
            takes,
            starts_in,
            size,
            again: worker.pulling.again,
            ..Pulling::default()
        };
        let run = worker.run;
        self.pull(id, run, context);
    }

    /// The pod, if its image is still wanted.
    fn waits<'a>(
        &mut self,
        id: PodId,
        run: u16,
        context: &'a Context<'_, Event>,
    ) -> Option<&'a Pod> {
        let worker = self.worker(id);
        let (same, again) = (worker.run == run, worker.pulling.again);
        let waits =
            |pod: &&Pod| (pod.phase == PodPhase::Pending || again) && pod.is_active() && same;
        context.store.pod(id).filter(waits)
    }

    /// The image of a pod's first container is pulled, unless the node has it.
    pub(super) fn pull(&mut self, id: PodId, run: u16, context: &mut Context<'_, Event>) {
        let Some(pod) = self.waits(id, run, context) else {
            return;
        };
        let Some(node) = pod.node else { return };
        let name = first_image(pod).to_owned();
        let image = self.image(&name);
        let (now, at_a_time) = (context.now, self.config.image_pulls);
        let Pulling {
            takes,
            starts_in,
            size,
            ..
        } = self.worker(id).pulling;
        let message = || format!("Pulling image \"{name}\"");
        let fails = self.failing.contains(&name);
        let images = self.images_of(node);
        if images.present_at.len() <= image {
            images.present_at.resize(image + 1, None);
        }
        let pulled = if let Some(time) = images.present_at[image] {
            time.max(now)
        } else if fails {
            context.events.normal(ObjectId::Pod(id), "Pulling", message);
            context.after(REFUSAL, Event::PullFailed(id, run));
            return;
        } else {
            let pulled = images.pull(now, takes, at_a_time);
            images.present_at[image] = Some(pulled);
            self.will_tell(node, (image, size), pulled, context);
            context.events.normal(ObjectId::Pod(id), "Pulling", message);
            self.worker(id).pull = Some(Pull {
                took: takes,
                size: size.unwrap_or_default(),
                with_wait: pulled - now,
            });
            pulled
        };
        if self.worker(id).pulling.again {
            context.at(pulled, Event::Restart(id, 0));
        } else {
            context.at(pulled + starts_in, Event::Start(id, run));
        }
    }

    /// A node will have an image: its status shows it from the next one on, if its size is known.
    fn will_tell(
        &mut self,
        node: NodeId,
        (image, size): (usize, Option<Bytes>),
        from: SimTime,
        context: &mut Context<'_, Event>,
    ) {
        if let Some(size) = size
            && let Some(there) = context.store.find_node(node)
        {
            let at = next_status(there.name(), from);
            self.images_of(node).untold.push((image, size));
            context.at(at, Event::PostImages(node));
        }
    }

    /// A node's status shows the images that have been pulled since the last one.
    pub(super) fn post_images(&mut self, node: NodeId, context: &mut Context<'_, Event>) {
        if self.silent.contains_key(&node) || context.store.find_node(node).is_none() {
            return;
        }
        let now = context.now;
        let images = self.images_of(node);
        let present = &images.present_at;
        let is_there =
            |(image, _): &mut (usize, Bytes)| present[*image].is_some_and(|at| at <= now);
        let told: Vec<(usize, Bytes)> = images.untold.extract_if(.., is_there).collect();
        for (image, size) in told {
            let name = self.images.get_index(image).map(|name| reference(name));
            context.commit(Write::Image(node, name.unwrap_or_default().into(), size));
        }
    }

    /// A node has had the image of a pod since then.
    pub fn settle_image<E>(
        &mut self,
        id: PodId,
        node: NodeId,
        since: SimTime,
        context: &mut Context<'_, E>,
    ) {
        let Some(pod) = context.store.pod(id) else {
            return;
        };
        let size = self.startup_of(pod).image_size;
        let name = first_image(pod).to_owned();
        let image = self.image(&name);
        let present = &mut self.images_of(node).present_at;
        if present.len() <= image {
            present.resize(image + 1, None);
        }
        let is_known = present[image].replace(since).is_some();
        if let Some(size) = size.filter(|_| !is_known) {
            context.commit(Write::Image(node, reference(&name).into(), size));
        }
    }

    /// The registry does not have an image.
    pub(super) fn pull_failed(&mut self, id: PodId, run: u16, context: &mut Context<'_, Event>) {
        let Some(pod) = self.waits(id, run, context) else {
            return;
        };
        let (name, object) = (first_image(pod).to_owned(), ObjectId::Pod(id));
        let message = || {
            let reference = reference(&name);
            format!(
                "Failed to pull image \"{name}\": rpc error: code = NotFound desc = failed to pull and unpack image \"{reference}\": failed to resolve reference \"{reference}\": {reference}: not found"
            )
        };
        context.events.warning(object, "Failed", message);
        let message = || "Error: ErrImagePull".to_owned();
        context.events.warning(object, "Failed", message);
        context.write_pod(id, PodWrite::Waiting("ErrImagePull"));
        let now = context.now;
        let pulling = &mut self.worker(id).pulling;
        let [first, longest] = BACK_OFF;
        let waits = (first * (1 << pulling.failures.min(10))).min(longest);
        pulling.failures += 1;
        pulling.until = now + waits;
        // The sandbox that has just started has the pod synced again at the next relist.
        let next = if pulling.failures == 1 {
            let part = context.draws.unit(id);
            SimDuration((self.config.pleg_relist.0 as f64 * part) as i64)
        } else {
            Self::next_look(id, context)
        };
        context.after(next, Event::LookAtPull(id, run));
    }

    pub(super) fn next_look(id: PodId, context: &mut Context<'_, Event>) -> SimDuration {
        let part = context.draws.unit(id);
        SimDuration::from_secs_f64(LOOKS.as_secs_f64() * (1.0 + 0.5 * part))
    }

    /// A sync of a pod whose image could not be pulled.
    pub(super) fn look_at_pull(&mut self, id: PodId, run: u16, context: &mut Context<'_, Event>) {
        let Some(pod) = self.waits(id, run, context) else {
            return;
        };
        let (name, object) = (first_image(pod).to_owned(), ObjectId::Pod(id));
        if context.now >= self.worker(id).pulling.until {
            self.pull(id, run, context);
            return;
        }
        let message = || format!("Back-off pulling image \"{name}\"");
        context.events.normal(object, "BackOff", message);
        let message = || "Error: ImagePullBackOff".to_owned();
        context.events.warning(object, "Failed", message);
        context.write_pod(id, PodWrite::Waiting("ImagePullBackOff"));
        let next = Self::next_look(id, context);
        context.after(next, Event::LookAtPull(id, run));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_named_as_the_runtime_names_them() {
        assert_eq!(reference("app"), "docker.io/library/app:latest");
        assert_eq!(reference("neurolake/api:2"), "docker.io/neurolake/api:2");
        assert_eq!(reference("ghcr.io/a/b:1"), "ghcr.io/a/b:1");
        assert_eq!(reference("localhost/a"), "localhost/a:latest");
    }

    #[test]
    fn so_many_pulls_are_under_way_at_a_time() {
        let ends = |at_a_time| {
            let mut images = Images::default();
            [10, 10, 5].map(|takes| {
                let takes = SimDuration::from_secs(takes);
                let end = images.pull(SimTime::from_secs(100), takes, at_a_time);
                end.as_secs_f64()
            })
        };
        assert_eq!(ends(Some(1)), [110.0, 120.0, 125.0]);
        assert_eq!(ends(Some(2)), [110.0, 110.0, 115.0]);
        assert_eq!(ends(None), [110.0, 110.0, 105.0]);
    }
}
