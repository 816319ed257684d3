//! What KEDA's metrics server answers an HPA.

use crate::api::ObjectId;
use crate::scenario::model::Component;
use crate::sim::SimTime;
use crate::world::Simulation;

impl Simulation<'_> {
    /// Whether KEDA has anything to do.
    pub(in crate::world) fn has_scaled_objects(&self) -> bool {
        !self.keda.objects.is_empty()
    }

    /// The values of a metric of a ScaledObject in thousandths, or the error's text.
    pub(in crate::world) fn keda_answer(
        &mut self,
        namespace: &str,
        object: &str,
        metric: &str,
        now: SimTime,
    ) -> Result<Vec<i64>, String> {
        if self.is_down(Component::KedaMetricsApiserver, now) {
            return Err(format!(
                "the server is currently unable to handle the request (get {metric}.external.metrics.k8s.io)"
            ));
        }
        if self.keda.is_down {
            return Err(
                "timeout while waiting to establish gRPC connection to KEDA Metrics Service server"
                    .to_owned(),
            );
        }
        if object.is_empty() {
            return Err("scaledObject name is not specified".to_owned());
        }
        let failed = |why: String| {
            format!("rpc error: code = Unknown desc = error when getting metric values {why}")
        };
        let found = self.keda.objects.iter().position(|one| {
            *one.namespace == *namespace
                && *one.name == *object
                && self.store.scaled_object(one.id).is_some()
        });
        let Some(index) = found else {
            return Err(failed(format!(
                "ScaledObject.keda.sh \"{object}\" not found"
            )));
        };
        let mut events = Vec::new();
        let values = self.with_surroundings(index, now, |state, around| {
            state.metric(metric, around, &mut events)
        });
        let id = ObjectId::ScaledObject(self.keda.objects[index].id);
        self.tell_keda_events(id, &events);
        self.write_keda_status(index, now);
        let milli =
            |value: &crate::autoscaler::keda::MetricValue| value.value.quantity().milli_value();
        values
            .map(|values| values.iter().map(milli).collect())
            .map_err(failed)
    }
}
