//! What is asked of kubelets and of the resource metrics API.

use super::{ContainerId, MetricsNodeId, MetricsPodId, Pipeline, ScrapedNode, UsageSource};
use crate::metrics::server::{PodMetrics, Point};
use crate::sim::{SimDuration, SimTime};

impl Pipeline {
    /// cAdvisor's newest measurement of a container by now, as its kubelet exposes it.
    pub fn newest(
        &mut self,
        id: ContainerId,
        now: SimTime,
        usage: &mut impl UsageSource,
    ) -> Option<Point> {
        let rule = self.fresh_rule();
        let container = self.containers.get_mut(id)?;
        let slot = container.pod.slot();
        if let Some(Some(lone)) = self.lone.get_mut(slot)
            && lone.pod == container.pod
        {
            self.naps.look_at(slot);
            self.naps.wake(slot, lone, &self.config, rule);
            lone.catch_up(now, &self.config, usage);
            return lone.newest();
        }
        container.catch_up(now, &self.config, usage);
        container.samples.at(now).copied()
    }

    /// Whether the kubelet of a node does not answer.
    pub fn is_silent(&self, node: MetricsNodeId) -> bool {
        self.node(node).is_none_or(|node| node.is_silent)
    }

    /// Whether metrics-server has a rate of a node: of two scrapes in a row.
    pub fn has_rate(&self, node: MetricsNodeId) -> bool {
        self.node(node).is_some_and(|node| node.answers == 2)
    }

    fn node(&self, node: MetricsNodeId) -> Option<ScrapedNode> {
        self.nodes.get(node.0 as usize).copied().flatten()
    }

    /// A pod is about to be looked at: each look at one that scrapes pass over costs more.
    #[inline]
    pub fn look_at(&mut self, pod: MetricsPodId) {
        self.naps.look_at(pod.slot());
        self.wake(pod.slot());
    }

    /// What the resource metrics API returns for a pod of which one container is measured: end and
    /// length of the window, and its CPU and memory in thousandths; none if that has to be told by
    /// [`pod_metrics`](Self::pod_metrics).
    #[inline]
    pub fn usage_of_one(&mut self, pod: MetricsPodId) -> Option<(SimTime, SimDuration, [i64; 2])> {
        self.naps.look_at(pod.slot());
        self.wake(pod.slot());
        if let Some(lone) = self.lone.get(pod.slot())?
            && lone.pod == pod
        {
            return lone.usage();
        }
        let rate = self.rates.get(pod.slot())?.as_ref();
        let rate = rate.filter(|rate| rate.pod == pod)?;
        Some((rate.end, rate.window, rate.values))
    }

    /// From now on these pods, and no others, are added up under a number, as long as one container
    /// of each is measured.
    pub fn group(&mut self, group: usize, pods: impl Iterator<Item = MetricsPodId>) {
        let lone = &self.lone;
        let rate = |slot: usize| lone.get(slot)?.as_ref()?.rate();
        self.groups.clear(group, rate);
        for pod in pods {
            if self.pods.get(pod).is_some() {
                self.groups.join(group, pod.slot(), rate);
            }
        }
    }

    /// What the pods that are added up under a number use: CPU and memory in thousandths, as the HPA's
    /// client reads them; none unless the resource metrics API has so many of them.
    #[inline]
    pub fn usage_of_group(&self, group: usize, pods: usize) -> Option<[i64; 2]> {
        self.groups.sum(group, pods)
    }

    /// What the resource metrics API returns for a pod, written into `metrics`; false if it
    /// lists none.
    pub fn pod_metrics(&self, pod: MetricsPodId, metrics: &mut PodMetrics) -> bool {
        let lone = self.lone.get(pod.slot()).and_then(Option::as_ref);
        if let Some(lone) = lone.filter(|lone| lone.pod == pod) {
            let rule = self.fresh_rule();
            let awake = self.naps.awake(pod.slot(), lone, &self.config, rule);
            return awake.store().read(metrics);
        }
        self.pods
            .get(pod)
            .is_some_and(|pod| pod.store.read(metrics))
    }
}
