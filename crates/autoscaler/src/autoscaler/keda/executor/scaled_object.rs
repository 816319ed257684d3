//! `RequestScale`: between zero or idle and the minimum, the HPA doing the rest.

use std::collections::BTreeMap;

use super::super::conditions::{ConditionStatus, ConditionType, Conditions};
use super::super::events::{ACTIVATED, ACTIVATION_FAILED, DEACTIVATED, DEACTIVATION_FAILED, Event};
use super::super::scaled_object::ScaledObject;
use super::super::status::Status;
use crate::sim::{SimDuration, SimTime};

const DEFAULT_COOLDOWN_S: i64 = 300;

/// The scale target as the executor finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its wanted replicas, or why they cannot be read.
    pub replicas: Result<i32, String>,
    /// How many of its pods are running and ready, or why nobody knows.
    pub ready_replicas: Result<i32, String>,
    /// Why its scale could not be written, if so.
    pub write_error: Option<String>,
    /// Why there is nothing to scale, if so.
    pub missing: Option<NoTarget>,
}

/// Why a reference leads to nothing that can be scaled, in the API server's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoTarget {
    /// Nobody knows the kind.
    UnknownKind(String),
    /// No such object.
    NotFound(String),
    /// An object without the subresource `scale`.
    NoScale(String),
}

impl NoTarget {
    /// The API server's words.
    pub fn words(&self) -> &str {
        let (Self::UnknownKind(words) | Self::NotFound(words) | Self::NoScale(words)) = self;
        words
    }
}

impl Target {
    /// A target that can be read and written.
    pub const fn with_replicas(replicas: i32, ready_replicas: i32) -> Self {
        Self {
            replicas: Ok(replicas),
            ready_replicas: Ok(ready_replicas),
            write_error: None,
            missing: None,
        }
    }
}

/// The HPA's condition `ScalingActive`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HpaHealth {
    /// Whether it is `True`.
    pub scaling_active: bool,
    /// Its reason.
    pub reason: String,
    /// Its message.
    pub message: String,
}

/// What a poll found out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Activity {
    /// Whether the object is active.
    pub active: bool,
    /// Whether a trigger failed.
    pub error: bool,
    /// Names of the metrics whose triggers are active.
    pub active_triggers: Vec<String>,
    /// The metric of a push scaler that activates between polls.
    pub pushed_metric: Option<String>,
}

/// What is to be done and told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScaleResult {
    /// Conditions to set.
    pub conditions: Conditions,
    /// Replicas to set on the target.
    pub set_replicas: Option<i32>,
    /// The new time of last activity.
    pub last_active_time: Option<SimTime>,
    /// Activity of each metric.
    pub triggers_activity: BTreeMap<String, bool>,
    /// Events, in order.
    pub events: Vec<Event>,
    /// Why nothing was done.
    pub error: Option<String>,
}

struct Request<'a> {
    object: &'a ScaledObject,
    status: &'a Status,
    created: SimTime,
    target: &'a Target,
    now: SimTime,
    result: ScaleResult,
}

/// Decides about one poll. `created` is the object's creation time.
pub fn request_scale(
    object: &ScaledObject,
    status: &Status,
    created: SimTime,
    target: &Target,
    hpa: Option<&HpaHealth>,
    activity: &Activity,
    now: SimTime,
) -> ScaleResult {
    let mut result = ScaleResult {
        triggers_activity: triggers_activity(status, activity),
        ..ScaleResult::default()
    };
    result.conditions.set(
        ConditionType::Ready,
        ConditionStatus::True,
        "ScaledObjectReady",
        "ScaledObject is defined correctly and is ready for scaling",
    );
    let replicas = match &target.replicas {
        Ok(replicas) => *replicas,
        Err(error) => {
            let what = "getting current replicas count for ScaleTarget";
            result.conditions.set(
                ConditionType::Ready,
                ConditionStatus::False,
                "ErrorGettingCurrentReplicas",
                format!("Error {what}: {error}"),
            );
            result.error = Some(format!("error {what}: {error}"));
            return result;
        }
    };
    if object.is_paused() {
        result.conditions.set(
            ConditionType::Paused,
            ConditionStatus::True,
            "ScaledObjectPaused",
            "ScaledObject is paused",
        );
        return result;
    }
    let mut request = Request {
        object,
        status,
        created,
        target,
        now,
        result,
    };
    if activity.active || object.forces_activation() {
        request.active(replicas, activity);
    } else {
        request.inactive(replicas, activity.error);
    }
    if let Some(hpa) = hpa.filter(|_| !status.hpa_name.is_empty()) {
        request.hpa_health(hpa);
    }
    request.result
}

/// `getTriggersActivity`.
fn triggers_activity(status: &Status, activity: &Activity) -> BTreeMap<String, bool> {
    let is_active = |name: &String| activity.active_triggers.contains(name);
    let mut known = BTreeMap::new();
    if let Some(pushed) = &activity.pushed_metric {
        known.clone_from(&status.triggers_activity);
        known.insert(pushed.clone(), is_active(pushed));
    } else {
        let names = status.external_metric_names.iter();
        known.extend(names.map(|name| (name.clone(), is_active(name))));
    }
    known
}

impl Request<'_> {
    fn set(&mut self, kind: ConditionType, status: ConditionStatus, reason: &str, message: &str) {
        self.result.conditions.set(kind, status, reason, message);
    }

    fn active(&mut self, replicas: i32, activity: &Activity) {
        let message = if self.object.forces_activation() {
            "Scaling is performed because activation is being forced by annotation"
        } else {
            "Scaling is performed because triggers are active"
        };
        self.set(
            ConditionType::Active,
            ConditionStatus::True,
            "ScalerActive",
            message,
        );
        let spec = &self.object.spec;
        let below_min = replicas < spec.min_replica_count.unwrap_or(0);
        if spec.idle_replica_count.is_some() && below_min || replicas == 0 {
            self.scale_from_zero_or_idle(replicas, &activity.active_triggers);
        } else if activity.error {
            self.set(
                ConditionType::Ready,
                ConditionStatus::Unknown,
                "PartialTriggerError",
                "Some triggers defined in ScaledObject are not working correctly",
            );
        } else {
            self.result.last_active_time = Some(self.now.truncate_to_second());
        }
    }

    fn inactive(&mut self, replicas: i32, error: bool) {
        self.not_active();
        let spec = &self.object.spec;
        let min = spec.min_replica_count.unwrap_or(0);
        let fallback = spec.fallback.as_ref().map(|fallback| fallback.replicas);
        match (error, fallback, spec.idle_replica_count) {
            // The HPA shall reach the fallback's replicas, which it cannot from zero.
            (true, Some(fallback), _) if fallback != 0 => {}
            (true, None, _) => self.set(
                ConditionType::Ready,
                ConditionStatus::False,
                "TriggerError",
                "Triggers defined in ScaledObject are not working correctly",
            ),
            (_, _, Some(idle)) if replicas > idle => self.scale_to_zero_or_idle(replicas),
            _ if replicas > 0 && min == 0 => self.scale_to_zero_or_idle(replicas),
            (_, _, None) if replicas < min && self.target.write_error.is_none() => {
                self.result.set_replicas = Some(min);
            }
            _ => {}
        }
    }

    fn not_active(&mut self) {
        self.set(
            ConditionType::Active,
            ConditionStatus::False,
            "ScalerNotActive",
            "Scaling is not performed because triggers are not active",
        );
    }

    /// `Deployment default/web from 3 to 0`, as events name what happened.
    fn change(&self, from: i32, to: i32) -> String {
        format!(
            "{} {}/{} from {from} to {to}",
            self.status.scale_target_kind,
            self.object.metadata.namespace(),
            self.object.spec.scale_target_ref.name,
        )
    }

    fn scale_to_zero_or_idle(&mut self, replicas: i32) {
        if self.object.pauses_scale_in() {
            return;
        }
        let spec = &self.object.spec;
        let seconds = |period: Option<i32>, default| {
            SimDuration::from_secs(period.map_or(default, i64::from))
        };
        let over = match self.status.last_active_time {
            None => self.created + seconds(spec.initial_cooldown_period, 0),
            Some(last) => last + seconds(spec.cooldown_period, DEFAULT_COOLDOWN_S),
        };
        if over >= self.now {
            self.set(
                ConditionType::Active,
                ConditionStatus::False,
                "ScalerCooldown",
                "Scaler cooling down because triggers are not active",
            );
            return;
        }
        let to = spec
            .idle_replica_count
            .unwrap_or_else(|| spec.min_replica_count.unwrap_or(0));
        let event = if self.target.write_error.is_none() {
            self.result.set_replicas = Some(to);
            Event::normal(
                DEACTIVATED,
                format!("Deactivated {}", self.change(replicas, to)),
            )
        } else {
            let change = self.change(replicas, to);
            Event::warning(
                DEACTIVATION_FAILED,
                format!("Failed to deactivate {change}"),
            )
        };
        self.result.events.push(event);
    }

    fn scale_from_zero_or_idle(&mut self, replicas: i32, active_triggers: &[String]) {
        if self.object.pauses_scale_out() {
            return;
        }
        let to = self.object.hpa_min_replicas();
        let change = self.change(replicas, to);
        if self.target.write_error.is_some() {
            let message = format!("Failed to scale {change}");
            self.result
                .events
                .push(Event::warning(ACTIVATION_FAILED, message));
            return;
        }
        self.result.set_replicas = Some(to);
        let message = if self.object.forces_activation() {
            format!("Scaled {change}, caused by forced activation annotation")
        } else {
            format!(
                "Scaled {change}, triggered by {}",
                active_triggers.join(";")
            )
        };
        self.result.events.push(Event::normal(ACTIVATED, message));
        self.result.last_active_time = Some(self.now.truncate_to_second());
    }

    /// `checkHPAHealth`.
    fn hpa_health(&mut self, hpa: &HpaHealth) {
        let (status, reason, message) = if hpa.scaling_active {
            (
                ConditionStatus::True,
                "HPAActive",
                "HPA is actively scaling".to_owned(),
            )
        } else if hpa.reason == "ScalingDisabled" {
            (
                ConditionStatus::True,
                "ScalingDisabled",
                hpa.message.clone(),
            )
        } else {
            let reason = if hpa.reason.is_empty() {
                "HPAMetricsUnavailable"
            } else {
                &hpa.reason
            };
            let message = format!("HPA is not actively scaling: {}", hpa.message);
            (ConditionStatus::False, reason, message)
        };
        self.set(ConditionType::HpaActive, status, reason, &message);
    }
}
