//! Reconciles of a ScaledObject: `controllers/keda/scaledobject_controller.go`.

use super::conditions::{ConditionStatus, ConditionType, Conditions};
use super::events::{
    Event, SCALED_OBJECT_CHECK_FAILED, SCALED_OBJECT_DELETED, SCALED_OBJECT_PAUSED,
    SCALED_OBJECT_READY, SCALED_OBJECT_UNPAUSED, SCALED_OBJECT_UPDATE_FAILED, SCALERS_STARTED,
    SCALERS_STOPPED,
};
use super::executor::NoTarget;
use super::fallback::{COMPOSITE_METRIC, has_valid_fallback};
use super::handler::{Decision, HpaChange, ScaledObjectState, Surroundings};
use super::hpa::{hpa_metrics, hpa_name, new_hpa};
use super::scaled_object::check_replica_bounds;
use super::triggers::{combined_types, validate_triggers};

const READY: &str = "ScaledObject is defined correctly and is ready for scaling";
const PAUSED: &str = "ScaledObject is paused";

/// What failed, and why.
type Failure = (&'static str, String);

impl ScaledObjectState {
    /// One reconcile. If it starts a loop, a poll follows at this very instant.
    pub fn reconcile(&mut self, around: &mut Surroundings) -> Decision {
        let mut decision = Decision::default();
        let initialized = [
            ConditionType::Ready,
            ConditionType::Active,
            ConditionType::Fallback,
            ConditionType::Paused,
        ]
        .iter()
        .all(|kind| self.conditions().get(*kind).is_some());
        if self.status.conditions.is_none() || !initialized {
            self.status.conditions = Some(Conditions::initialized());
        }
        let mut conditions = self.conditions();
        match self.check(&mut conditions, around, &mut decision) {
            Err((what, why)) => {
                let message = format!("{what}: {why}");
                let failed = ConditionStatus::False;
                conditions.set(
                    ConditionType::Ready,
                    failed,
                    SCALED_OBJECT_CHECK_FAILED,
                    message.as_str(),
                );
                conditions.set(
                    ConditionType::Active,
                    ConditionStatus::Unknown,
                    "UnknownState",
                    "ScaledObject check failed",
                );
                decision
                    .events
                    .push(Event::warning(SCALED_OBJECT_CHECK_FAILED, message.clone()));
                decision.error = Some(message);
            }
            Ok(message) => {
                if conditions.status(ConditionType::Ready) != ConditionStatus::True {
                    let ready = "ScaledObject is ready for scaling";
                    decision
                        .events
                        .push(Event::normal(SCALED_OBJECT_READY, ready));
                }
                let ready = ConditionStatus::True;
                conditions.set(ConditionType::Ready, ready, "ScaledObjectReady", message);
            }
        }
        if !has_valid_fallback(&self.object) {
            conditions.set(
                ConditionType::Fallback,
                ConditionStatus::False,
                "NoFallbackFound",
                "No fallbacks are active on this scaled object",
            );
        }
        self.status.conditions = Some(conditions);
        decision
    }

    /// The object is deleted: the loop ends and, if it is wanted, the target gets back the
    /// replicas that it had when KEDA found it.
    pub fn finalize(&mut self) -> Decision {
        let mut decision = Decision::default();
        self.end_loop(&mut decision);
        let advanced = self.object.spec.advanced.as_ref();
        if advanced.is_some_and(|advanced| advanced.restore_to_original_replica_count) {
            decision.set_replicas = self.status.original_replica_count;
        }
        // The garbage collector deletes the HPA, unless that is nobody's any more.
        self.hpa = None;
        let message = "ScaledObject was deleted";
        decision
            .events
            .push(Event::warning(SCALED_OBJECT_DELETED, message));
        decision
    }

    /// `reconcileScaledObject`.
    fn check(
        &mut self,
        conditions: &mut Conditions,
        around: &mut Surroundings,
        decision: &mut Decision,
    ) -> Result<&'static str, Failure> {
        let was_paused = conditions.status(ConditionType::Paused) == ConditionStatus::True;
        let set = |conditions: &mut Conditions, status, reason, message| {
            conditions.set(ConditionType::Paused, status, reason, message);
        };
        if self.object.is_paused() {
            set(
                conditions,
                ConditionStatus::True,
                "ScaledObjectPaused",
                PAUSED,
            );
            if !was_paused {
                decision
                    .events
                    .push(Event::normal(SCALED_OBJECT_PAUSED, PAUSED));
            }
            return self.pause(around, decision);
        }
        if self.object.pauses_scale_in() || self.object.pauses_scale_out() {
            set(
                conditions,
                ConditionStatus::True,
                "ScaledObjectPaused",
                PAUSED,
            );
            if !was_paused {
                decision
                    .events
                    .push(Event::normal(SCALED_OBJECT_PAUSED, PAUSED));
            }
        } else if was_paused {
            let message = "pause annotation removed for ScaledObject";
            set(
                conditions,
                ConditionStatus::False,
                "ScaledObjectUnpaused",
                message,
            );
            decision
                .events
                .push(Event::normal(SCALED_OBJECT_UNPAUSED, message));
            self.status.paused_replica_count = None;
        }
        self.find_target(around, &mut decision.events)?;
        check_replica_bounds(&self.object).map_err(|why| {
            (
                "ScaledObject doesn't have correct Idle/Min/Max Replica Counts specification",
                why,
            )
        })?;
        validate_triggers(&self.object.spec.triggers).map_err(|why| {
            (
                "ScaledObject doesn't have correct triggers specification",
                why,
            )
        })?;
        let (triggers, authentications) = combined_types(&self.object.spec.triggers);
        self.status.triggers_types = triggers;
        self.status.authentications_types = authentications;
        let created = self.ensure_hpa(around, decision).map_err(|why| {
            (
                "failed to ensure HPA is correctly created for ScaledObject",
                why,
            )
        })?;
        if created || self.loop_generation != Some(self.object.metadata.generation) {
            if self.start_loop() {
                let message = "Started scalers watch";
                decision
                    .events
                    .push(Event::normal(SCALERS_STARTED, message));
            }
            decision.start_loop = true;
        }
        Ok(READY)
    }

    /// `handlePause`: no loop, no HPA, and the replicas that the annotation asks for.
    fn pause(
        &mut self,
        around: &Surroundings,
        decision: &mut Decision,
    ) -> Result<&'static str, Failure> {
        self.end_loop(decision);
        decision
            .hpa
            .extend(self.hpa.take().map(|hpa| HpaChange::Delete(hpa.name)));
        let scaling = "failed to scale target to paused replica count";
        let parsing = |why| {
            (
                scaling,
                format!("failed to parse paused replica count: {why}"),
            )
        };
        let paused = self.object.paused_replicas().map_err(parsing)?;
        if let Some(wanted) = paused {
            let reading = |why: &str| {
                (
                    scaling,
                    format!("failed to get scale for target resource: {why}"),
                )
            };
            match &around.target.missing {
                Some(NoTarget::UnknownKind(why)) => {
                    let parsing = "failed to parse Group, Version, Kind, Resource";
                    return Err((scaling, format!("{parsing}: {why}")));
                }
                Some(other) => return Err(reading(other.words())),
                None => {}
            }
            let current = around.target.replicas.as_ref();
            let current = current.map_err(|why| reading(why))?;
            if *current != wanted {
                // `ValidateScale` of the API server.
                let invalid = (wanted < 0).then(|| {
                    let name = &self.object.spec.scale_target_ref.name;
                    format!(
                        "Scale.autoscaling \"{name}\" is invalid: spec.replicas: Invalid value: \
                         {wanted}: must be greater than or equal to 0"
                    )
                });
                if let Some(why) = invalid.as_ref().or(around.target.write_error.as_ref()) {
                    return Err((scaling, format!("{scaling}: {why}")));
                }
                decision.set_replicas = Some(wanted);
            }
        }
        self.status.paused_replica_count = paused;
        Ok(PAUSED)
    }

    fn end_loop(&mut self, decision: &mut Decision) {
        if self.stop_loop() {
            decision.stop_loop = true;
            let message = "Stopped scalers watch";
            decision
                .events
                .push(Event::normal(SCALERS_STOPPED, message));
        }
    }

    /// Checks that the target is there, and notes what it is and had.
    fn find_target(
        &mut self,
        around: &Surroundings,
        events: &mut Vec<Event>,
    ) -> Result<(), Failure> {
        const WHAT: &str = "ScaledObject doesn't have correct scaleTargetRef specification";
        if self.object.spec.scale_target_ref.name.is_empty() {
            let why = "ScaledObject.spec.scaleTargetRef.name is missing".to_owned();
            return Err((WHAT, why));
        }
        let name = self.object.metadata.name.clone();
        self.object
            .metadata
            .labels
            .insert(super::OWNER_LABEL.to_owned(), name);
        let kind = self.object.spec.scale_target_ref.gvk();
        let known = self.status.scale_target_kind == kind;
        if !known || self.status.original_replica_count.is_none() {
            if let Some(missing) = &around.target.missing {
                let (reason, words) = match missing {
                    NoTarget::UnknownKind(why) => (SCALED_OBJECT_UPDATE_FAILED, why.as_str()),
                    NoTarget::NotFound(_) => {
                        (SCALED_OBJECT_CHECK_FAILED, "Target resource doesn't exist")
                    }
                    NoTarget::NoScale(_) => (
                        SCALED_OBJECT_CHECK_FAILED,
                        "Target resource doesn't expose /scale subresource",
                    ),
                };
                events.push(Event::warning(reason, words));
                return Err((WHAT, missing.words().to_owned()));
            }
            let replicas = around.target.replicas.clone().map_err(|why| (WHAT, why))?;
            self.status.scale_target_kind = kind;
            self.status.original_replica_count.get_or_insert(replicas);
        }
        Ok(())
    }

    /// `ensureHPAForScaledObjectExists`; true if one was created.
    fn ensure_hpa(
        &mut self,
        around: &mut Surroundings,
        decision: &mut Decision,
    ) -> Result<bool, String> {
        let name = hpa_name(&self.object);
        let renamed = self.hpa.as_ref().is_some_and(|found| found.name != name);
        if renamed {
            decision
                .hpa
                .extend(self.hpa.take().map(|hpa| HpaChange::Delete(hpa.name)));
        }
        let specs = self.metric_specs(around.sources, &mut decision.events)?;
        let metrics = hpa_metrics(&self.object, specs)?;
        self.status
            .health
            .retain(|name, _| metrics.external_names.contains(name));
        self.status.external_metric_names = metrics.external_names;
        self.status.resource_metric_names = metrics.resource_names;
        if metrics.composite {
            COMPOSITE_METRIC.clone_into(&mut self.status.composite_scaler_name);
        }
        let hpa = new_hpa(&self.object, &metrics.specs);
        let found = self.hpa.as_ref();
        let created = found.is_none();
        let change = match found {
            None => Some(HpaChange::Create(hpa.clone())),
            Some(found) if hpa.differs_from(found) => Some(HpaChange::Update(hpa.clone())),
            Some(_) => None,
        };
        if change.is_some() {
            around.sources.admit_hpa(&hpa, created)?;
        }
        decision.hpa.extend(change);
        self.status.hpa_name = name;
        self.hpa = Some(hpa);
        Ok(created)
    }
}
