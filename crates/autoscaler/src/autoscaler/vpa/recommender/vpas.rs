//! The VPAs of a [`ClusterState`]: which aggregates they use, what they say of aggregation, and
//! what is concluded for them.
//!
//! Follows `AddOrUpdateVpa` and `DeleteVpa` of `pkg/recommender/model/cluster.go`,
//! `UpdateFromPolicy` of `aggregate_container_state.go` and
//! `pkg/recommender/checkpoint/checkpoint_writer.go`.

use std::sync::Arc;

use super::aggregates::SlotKey;
use super::aggregation::Tuning;
use super::checkpoint::{Checkpoint, CheckpointError};
use super::cluster_state::{ClusterState, LabelSet, VpaKey};
use super::usage_summary::UsageSummary;
use super::vpa::{Status, Vpa};
use crate::autoscaler::vpa::{Recommendation, VpaSpec};
use crate::sim::SimTime;

impl ClusterState {
    /// Adds a VPA; `selects` tells for each label set known so far whether the VPA selects it
    /// (`AddOrUpdateVpa`). After a change of its selector a VPA has to be removed and added, with
    /// the status that it had.
    pub fn add_vpa(
        &mut self,
        spec: VpaSpec,
        status: Status,
        selects: impl Fn(LabelSet) -> bool,
    ) -> VpaKey {
        let key = self.vpas.insert(Vpa::new(spec, status));
        let mut slots: Vec<SlotKey> = Vec::new();
        for (labels, labelled) in &mut self.aggregates.labels {
            if selects(*labels) {
                labelled.selected_by.push(key);
                slots.extend(&labelled.slots);
                if let Some(vpa) = self.vpas.get_mut(key) {
                    vpa.pods += labelled.pods;
                }
            }
        }
        slots.sort_unstable();
        for slot in slots {
            self.link(key, slot);
        }
        key
    }

    /// Takes over a changed VPA; history stays. False if it is not known.
    pub fn set_vpa_spec(&mut self, key: VpaKey, spec: VpaSpec) -> bool {
        let Some(vpa) = self.vpas.get_mut(key) else {
            return false;
        };
        vpa.spec = spec;
        let slots: Vec<SlotKey> = vpa.slots().collect();
        for slot in slots {
            self.tune(key, slot);
        }
        true
    }

    /// Forgets a VPA, but no usage (`DeleteVpa`), and returns the status that it had; none if it
    /// is not known.
    pub fn remove_vpa(&mut self, key: VpaKey) -> Option<Status> {
        for labelled in self.aggregates.labels.values_mut() {
            labelled.selected_by.retain(|vpa| *vpa != key);
        }
        let vpa = self.vpas.remove(key)?;
        for slot in vpa.slots() {
            self.tune(key, slot);
        }
        Some(vpa.into_status())
    }

    /// Says why a VPA's target cannot be scaled, or that it can.
    pub fn set_unsupported(&mut self, key: VpaKey, reason: Option<String>, now: SimTime) {
        if let Some(vpa) = self.vpas.get_mut(key) {
            vpa.set_unsupported(reason, now);
        }
    }

    /// A VPA.
    pub fn vpa(&self, key: VpaKey) -> Option<&Vpa> {
        self.vpas.get(key)
    }

    /// Computes a VPA's recommendations, by container name, and its conditions; none if it is
    /// not known.
    pub fn recommend(&mut self, vpa: VpaKey, now: SimTime) -> &[Recommendation] {
        self.aggregates.tick(now);
        let Some(vpa) = self.vpas.get_mut(vpa) else {
            return &[];
        };
        vpa.merge(&mut self.aggregates);
        vpa.recommend(&self.estimator, &self.flags, now);
        vpa.recommendations()
    }

    /// What is known of all containers that a VPA selects, by name, the current windows
    /// included.
    pub fn usage(&mut self, vpa: VpaKey) -> Vec<UsageSummary> {
        let Some(vpa) = self.vpas.get_mut(vpa) else {
            return Vec::new();
        };
        vpa.merge(&mut self.aggregates);
        vpa.usage()
    }

    /// Checkpoints of all containers that a VPA selects, by name. The current windows' memory
    /// peaks are not in them, because the windows begin anew after a restart
    /// (`buildAggregateContainerStateMap`).
    pub fn checkpoints(&mut self, key: VpaKey, now: SimTime) -> Vec<Checkpoint> {
        self.aggregates.tick(now);
        let Some(vpa) = self.vpas.get_mut(key) else {
            return Vec::new();
        };
        vpa.merge(&mut self.aggregates);
        for (_, pod) in self.pods.iter() {
            let labelled = self.aggregates.labels.get(&pod.labels);
            if !labelled.is_some_and(|labelled| labelled.selected_by.contains(&key)) {
                continue;
            }
            for container in &pod.containers {
                if self.aggregates.exists(container.destination.slot) {
                    vpa.subtract_current_peak(&container.name, &container.state, now);
                }
            }
        }
        vpa.checkpoints()
    }

    /// Loads the checkpoint of a VPA's container in place of an earlier one. An error leaves
    /// all as it was.
    pub fn load_checkpoint(
        &mut self,
        vpa: VpaKey,
        checkpoint: &Checkpoint,
        now: SimTime,
    ) -> Result<(), CheckpointError> {
        self.aggregates.tick(now);
        let initial = checkpoint.load(&self.aggregates.config, now)?;
        if let Some(vpa) = self.vpas.get_mut(vpa) {
            vpa.set_initial(&checkpoint.container_name, initial, &self.aggregates);
        }
        Ok(())
    }

    /// Lets a VPA use a slot's aggregate.
    pub(super) fn link(&mut self, key: VpaKey, slot: SlotKey) {
        let known = self.aggregates.slots.get(slot);
        if let (Some(vpa), Some(known)) = (self.vpas.get_mut(key), known) {
            vpa.link(&known.name, slot, &self.aggregates);
            self.tune(key, slot);
        }
    }

    /// Takes over what a VPA's policy says of aggregation. An aggregate hears of several VPAs
    /// the last one that said anything, and keeps to it; a new one begins with what all of
    /// them say now.
    fn tune(&mut self, key: VpaKey, slot: SlotKey) {
        if !self.gates.per_vpa_config {
            return;
        }
        let vpas = &self.vpas;
        let tune = |vpa: VpaKey, name: &str, tuning: &mut Tuning| {
            if let Some(policy) = vpas.get(vpa).and_then(|vpa| vpa.spec.policy(name)) {
                tuning.update(policy);
            }
        };
        let mut fresh = self.aggregates.config.tuning;
        let Some(known) = self.aggregates.slots.get_mut(slot) else {
            return;
        };
        if let Some(labelled) = self.aggregates.labels.get(&known.labels) {
            for vpa in &labelled.selected_by {
                tune(*vpa, &known.name, &mut fresh);
            }
        }
        known.tuning = fresh;
        let name = Arc::clone(&known.name);
        if let Some(state) = self.aggregates.existing(slot) {
            tune(key, &name, &mut state.tuning);
        }
    }
}
