//! Demand: the least number of replicas that would meet the target at the load of an instant.

use super::super::recording::{HpaRecord, HpaSpecRecord, Recording, Sample};

/// Rounding noise that does not make up a replica.
const NOISE: f64 = 1e-9;

/// Replicas that the load needs, and how many more or fewer the HPA's tolerance lets stand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Need {
    /// Fewer are too few.
    pub least: f64,
    /// The least number that meets the target.
    pub needed: f64,
    /// More are too many.
    pub most: f64,
}

impl Need {
    /// Of a demand that is not known.
    pub const UNKNOWN: Self = Self::exact(f64::NAN);
    /// Of nothing.
    pub const NOTHING: Self = Self::exact(0.0);

    /// Without tolerance.
    pub const fn exact(needed: f64) -> Self {
        Self {
            least: needed,
            needed,
            most: needed,
        }
    }

    /// Whether the demand is known.
    pub fn is_known(&self) -> bool {
        !self.needed.is_nan()
    }
}

/// How the demand on an HPA's workload is worked out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Demand {
    /// d(t) = clamp(ceil(W / (u* × c)), min, max) with the offered work W in cores, the CPU target
    /// u* and the CPU request c of a pod.
    Offered {
        bounds: (i32, i32),
        /// u*, in percent.
        target: f64,
        /// c as the template has it, in cores.
        request: f64,
        /// Whether a VPA changes it.
        under_vpa: bool,
    },
    /// What its metrics ask for: ceil(replicas × value / target), the largest of them; for HPAs
    /// without a CPU target.
    Metrics { bounds: (i32, i32) },
}

impl Demand {
    pub(super) fn of(recording: &Recording, hpa: &HpaRecord) -> Self {
        let bounds = hpa.bounds;
        let workload = recording.workloads.get(hpa.workload);
        let request = workload.map_or(0.0, |workload| workload.cpu_request);
        let mut services = recording.services.iter();
        let has_service = services.any(|service| service.workload == hpa.workload);
        match hpa.cpu_target {
            Some(target) if request > 0.0 && has_service => Self::Offered {
                bounds,
                target,
                request,
                under_vpa: (recording.vpas.iter()).any(|vpa| vpa.workload == hpa.workload),
            },
            _ => Self::Metrics { bounds },
        }
    }

    /// The HPA's spec is this from now on.
    pub(super) fn respec(&mut self, spec: &HpaSpecRecord) {
        match self {
            Self::Offered { bounds, target, .. } => {
                *bounds = spec.bounds;
                *target = spec.cpu_target.unwrap_or(*target);
            }
            Self::Metrics { bounds } => *bounds = spec.bounds,
        }
    }

    /// Whether it is read off metrics at syncs.
    pub(super) fn is_measured(self) -> bool {
        matches!(self, Self::Metrics { .. })
    }

    /// What so many replicas, right on the target, mean within the bounds. The HPA does nothing
    /// while its metric is at most `up` above the target and at most `down` below it, both as
    /// shares of the target.
    pub(super) fn need(self, replicas: f64, (up, down): (f64, f64)) -> Need {
        let (Self::Offered { bounds, .. } | Self::Metrics { bounds }) = self;
        let needed = clamp(replicas, bounds);
        let most = (replicas / (1.0 - down.clamp(0.0, 0.99)) + NOISE).floor();
        Need {
            least: clamp(replicas / (1.0 + up.max(0.0)), bounds),
            needed,
            most: clamp(most, bounds).max(needed),
        }
    }

    /// The replicas that a sample's step needs, with so many cores offered in all and so many ready
    /// pods; a fraction is part of a pod.
    pub(super) fn offered(self, sample: &Sample, offered: f64, ready: f64) -> Option<f64> {
        let Self::Offered {
            target,
            request,
            under_vpa,
            ..
        } = self
        else {
            return None;
        };
        let requested = if under_vpa && ready > 0.0 && sample.cpu_requested > 0.0 {
            sample.cpu_requested / ready
        } else {
            request
        };
        let per_replica = target / 100.0 * requested;
        Some(offered / per_replica)
    }

    /// The replicas needed from a sync on that saw this part of the target with so many replicas.
    pub(super) fn measured(self, replicas: f64, ratio: f64) -> Option<f64> {
        match self {
            Self::Metrics { .. } => Some(replicas * ratio),
            Self::Offered { .. } => None,
        }
    }
}

fn clamp(replicas: f64, (min, max): (i32, i32)) -> f64 {
    (replicas - NOISE)
        .ceil()
        .clamp(f64::from(min), f64::from(max.max(min)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demand_is_offered_work_over_what_a_replica_takes_at_its_target() {
        let demand = |under_vpa| Demand::Offered {
            bounds: (2, 8),
            target: 50.0,
            request: 0.5,
            under_vpa,
        };
        let of = |cores| {
            let replicas = demand(false).offered(&Sample::default(), cores, 1.0);
            replicas.map(|replicas| demand(false).need(replicas, (0.0, 0.0)).needed)
        };
        assert_eq!(
            [0.0, 1.0, 1.01, 99.0].map(of),
            [2.0, 4.0, 5.0, 8.0].map(Some)
        );
        let changed = Sample {
            cpu_requested: 3.0,
            ..Sample::default()
        };
        assert_eq!(demand(true).offered(&changed, 3.0, 3.0), Some(6.0));
        assert_eq!(demand(true).measured(2.0, 3.0), None);
    }

    #[test]
    fn without_a_cpu_target_the_metrics_decide() {
        let demand = Demand::Metrics { bounds: (1, 20) };
        assert_eq!(demand.measured(2.0, 30.0 / 10.0), Some(6.0));
        assert_eq!(demand.need(60.0, (0.1, 0.1)), Need::exact(20.0));
    }

    #[test]
    fn the_tolerance_lets_more_and_fewer_replicas_stand() {
        let demand = Demand::Metrics { bounds: (2, 30) };
        let need = |replicas| {
            let Need {
                least,
                needed,
                most,
            } = demand.need(replicas, (0.1, 0.1));
            [least, needed, most]
        };
        // 10.5 replicas on the target: 10 are 5 % above it, 11 are 5 % below, 12 are too many.
        assert_eq!(need(10.5), [10.0, 11.0, 11.0]);
        assert_eq!(need(20.0), [19.0, 20.0, 22.0]);
        assert_eq!(need(1.0), [2.0, 2.0, 2.0]);
        assert_eq!(need(99.0), [30.0, 30.0, 30.0]);
    }
}
