//! The ConfigMap `cluster-autoscaler-status`, written at the start and after each loop where somebody asks for it.

use serde_json::{Value, json};

use super::super::Simulation;
use crate::api::Clock;
use crate::autoscaler::cluster_autoscaler::clusterstate::StatusConfigMap;
use crate::autoscaler::cluster_autoscaler::{Observation, StaticAutoscaler};
use crate::kubectl::yaml;
use crate::sim::SimTime;

/// What is written of a ConfigMap.
#[derive(Debug, Default)]
pub(super) struct Status {
    status: StatusConfigMap,
    /// When it was created, and the last text with its time.
    written: Option<(SimTime, String, String)>,
}

impl Status {
    /// Nothing is known of the cluster yet, or there is nothing to know.
    pub(super) fn initializing(&mut self, message: Option<&str>, clock: Clock) {
        let now = go_time(clock, clock.now);
        let text = yaml::write(&StatusConfigMap::initializing(message, &now));
        let created = self.written.take().map_or(clock.now, |(at, ..)| at);
        self.written = Some((created, now, text));
    }

    pub(super) fn write(&mut self, seen: &Observation<'_>, core: &StaticAutoscaler, clock: Clock) {
        let now = go_time(clock, seen.now);
        let time = |time: SimTime| clock.print(time);
        let status = (self.status).write(seen, core.options(), core.registry(), &time, &now);
        let text = yaml::write(&status);
        let created = self.written.take().map_or(seen.now, |(at, ..)| at);
        self.written = Some((created, now, text));
    }
}

/// A time as Go's `2006-01-02 15:04:05.999999999 -0700 MST` has it.
fn go_time(clock: Clock, time: SimTime) -> String {
    let seconds = clock.print(time).replace('T', " ");
    let nanos = time.0.rem_euclid(1_000_000_000);
    let fraction = format!(".{nanos:09}");
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    format!("{}{fraction} +0000 UTC", seconds.trim_end_matches('Z'))
}

impl Simulation<'_> {
    /// From here on, what the Cluster Autoscaler says of its state is kept.
    pub fn keep_config_maps(&mut self) {
        if let Some(autoscaler) = &mut self.cluster_autoscaler
            && autoscaler.status.is_none()
            && autoscaler.core.options().write_status_config_map
        {
            let mut status = Status::default();
            let calendar = autoscaler.calendar;
            if autoscaler.ended == SimTime::ZERO {
                // It is created when the Cluster Autoscaler starts.
                status.initializing(
                    None,
                    Clock {
                        calendar,
                        now: SimTime::ZERO,
                    },
                );
            }
            autoscaler.status = Some(status);
        }
    }

    /// The ConfigMaps that the control plane has written since [`Simulation::keep_config_maps`].
    pub fn config_maps(&self, clock: Clock) -> Vec<Value> {
        let autoscaler = self.cluster_autoscaler.as_ref();
        let status = autoscaler.and_then(|autoscaler| autoscaler.status.as_ref());
        let written = status.and_then(|status| status.written.as_ref());
        let name = autoscaler.map(|one| &*one.core.options().status_config_map_name);
        let view = |(created, now, text): &(SimTime, String, String)| {
            json!({
                "apiVersion": "v1",
                "data": {"status": text},
                "kind": "ConfigMap",
                "metadata": {
                    "annotations": {"cluster-autoscaler.kubernetes.io/last-updated": now},
                    "creationTimestamp": clock.print(*created),
                    "name": name,
                    "namespace": "kube-system",
                },
            })
        };
        written.into_iter().map(view).collect()
    }
}
