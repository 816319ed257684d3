//! Demand: the least number of replicas that would meet the target at the load of an instant.

use super::super::recording::{HpaRecord, HpaSpecRecord, Recording, Sample};

/// Rounding noise that does not make up a replica.
const NOISE: f64 = 1e-9;

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

    /// The demand of a sample's step, with so many cores offered in all and so many ready pods.
    pub(super) fn offered(self, sample: &Sample, offered: f64, ready: f64) -> Option<f64> {
        let Self::Offered {
            bounds,
            target,
            request,
            under_vpa,
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
        Some(clamp(offered / per_replica, bounds))
    }

    /// The demand from a sync on that saw this part of the target with so many replicas.
    pub(super) fn measured(self, replicas: f64, ratio: f64) -> Option<f64> {
        match self {
            Self::Metrics { bounds } => Some(clamp(replicas * ratio, bounds)),
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
        let of = |cores| demand(false).offered(&Sample::default(), cores, 1.0);
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
        assert_eq!(demand.measured(20.0, 3.0), Some(20.0));
    }
}
