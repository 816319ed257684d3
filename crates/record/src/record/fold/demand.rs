//! Demand: the least number of replicas that would meet the target at the load of an instant.

use super::super::hpas::{HpaRecord, HpaSpecRecord};
use super::super::recording::{Recording, Sample};

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

/// A CPU target and what a pod is at it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cpu {
    /// u*, in percent.
    pub(super) target: f64,
    /// c, the CPU request of a pod as the template has it, in cores.
    pub(super) request: f64,
    /// b, the CPU of a pod that serves no request, in cores: background and sidecars.
    pub(super) background: f64,
    /// Whether a VPA changes the request.
    pub(super) under_vpa: bool,
}

/// How the demand on an HPA's workload is worked out.
///
/// d(t) = clamp(ceil(W / (u* × c - b)), min, max) with the offered work W in cores, where there is
/// a CPU target; ceil(R / r*) with R requests per second and a target r* of a pod, where it scales on
/// their rate; the larger of the two where there are both. Of others, what their metrics ask for
/// at syncs.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Demand {
    pub(super) bounds: (i32, i32),
    pub(super) cpu: Option<Cpu>,
    /// What a pod is at any CPU target, where a service with a CPU request is loaded.
    pub(super) pod: Option<Cpu>,
    /// r*, in requests per second.
    pub(super) rate: Option<f64>,
    /// The part of its target that a pod uses without requests, b / (u* × c), at the last sample.
    idle: f64,
    /// Whether a service is loaded.
    pub(super) has_service: bool,
}

impl Demand {
    pub(super) fn of(recording: &Recording, hpa: &HpaRecord) -> Self {
        let workload = recording.workloads.get(hpa.workload);
        let (request, background) = workload.map_or((0.0, 0.0), |workload| {
            (workload.cpu_request, workload.cpu_background)
        });
        let mut services = recording.services.iter();
        let has_service = services.any(|service| service.workload == hpa.workload);
        let pod = (request > 0.0 && has_service).then(|| Cpu {
            target: 0.0,
            request,
            background,
            under_vpa: (recording.vpas.iter()).any(|vpa| vpa.workload == hpa.workload),
        });
        Self {
            bounds: hpa.bounds,
            cpu: at_target(pod, hpa.cpu_target),
            pod,
            rate: None,
            idle: 0.0,
            has_service,
        }
    }

    /// The HPA's spec is this from now on.
    pub(super) fn respec(&mut self, spec: &HpaSpecRecord) {
        self.bounds = spec.bounds;
        self.cpu = at_target(self.pod, spec.cpu_target);
        self.rate = spec.rate_target.filter(|_| self.has_service);
    }

    /// Whether it is read off metrics at syncs.
    pub(super) fn is_measured(self) -> bool {
        self.cpu.is_none() && self.rate.is_none()
    }

    /// What so many replicas, right on the target, mean within the bounds. The HPA does nothing
    /// while its metric is at most `up` above the target and at most `down` below it, both as
    /// shares of the target.
    pub(super) fn need(self, replicas: f64, (up, down): (f64, f64)) -> Need {
        let bounds = self.bounds;
        let needed = clamp(replicas, bounds);
        // What requests use of all targets; the rest of each pod's use does not go with them.
        let work = replicas * (1.0 - self.idle);
        let most = (work / (1.0 - down.max(0.0) - self.idle).max(0.01) + NOISE).floor();
        Need {
            least: clamp(work / (1.0 + up.max(0.0) - self.idle), bounds),
            needed,
            most: clamp(most, bounds).max(needed),
        }
    }

    /// The replicas that a sample's step needs with so many ready pods; `offered` are the cores and
    /// `issued` the requests per second of all services over the pods. A fraction is part of a pod.
    /// Not known where pods without requests are on the target already.
    pub(super) fn offered(
        &mut self,
        sample: &Sample,
        (offered, issued): (f64, f64),
        ready: f64,
    ) -> Option<f64> {
        self.idle = 0.0;
        let by_cpu = self.cpu.and_then(|cpu| {
            let requested = if cpu.under_vpa && ready > 0.0 && sample.cpu_requested > 0.0 {
                sample.cpu_requested / ready
            } else {
                cpu.request
            };
            let target = cpu.target / 100.0 * requested;
            let per_replica = target - cpu.background;
            (per_replica > 0.0).then(|| (offered / per_replica, cpu.background / target))
        });
        let by_rate = self.rate.map(|target| (issued / target, 0.0));
        let by_both = by_cpu.into_iter().chain(by_rate);
        let (replicas, idle) = by_both.reduce(|a, b| if b.0 > a.0 { b } else { a })?;
        self.idle = idle;
        Some(replicas)
    }
}

/// A pod at a CPU target, if there are both.
fn at_target(pod: Option<Cpu>, target: Option<f64>) -> Option<Cpu> {
    target.and_then(|target| pod.map(|pod| Cpu { target, ..pod }))
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
        let demand = |under_vpa| Demand {
            bounds: (2, 8),
            cpu: Some(Cpu {
                target: 50.0,
                request: 0.5,
                background: 0.0,
                under_vpa,
            }),
            ..Demand::default()
        };
        let of = |cores| {
            let replicas = demand(false).offered(&Sample::default(), (cores, 0.0), 1.0);
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
        assert_eq!(demand(true).offered(&changed, (3.0, 0.0), 3.0), Some(6.0));
        // On a rate of requests as well, the larger of the two.
        let mut both = Demand {
            rate: Some(10.0),
            ..demand(false)
        };
        let mut of = |load| both.offered(&Sample::default(), load, 1.0);
        assert_eq!(of((1.0, 30.0)), Some(4.0));
        assert_eq!(of((1.0, 75.0)), Some(7.5));
    }

    #[test]
    fn what_pods_use_without_requests_is_part_of_their_target() {
        // A target of 100m, of which 50m are used without requests.
        let demand = |background| Demand {
            bounds: (1, 100),
            cpu: Some(Cpu {
                target: 50.0,
                request: 0.2,
                background,
                under_vpa: false,
            }),
            ..Demand::default()
        };
        let of = |background| {
            let mut demand = demand(background);
            let replicas = demand.offered(&Sample::default(), (1.0, 0.0), 1.0)?;
            let need = demand.need(replicas, (0.1, 0.1));
            Some([need.least, need.needed, need.most])
        };
        assert_eq!(of(0.0), Some([10.0, 10.0, 11.0]));
        // 17 pods use 1 core and 17 × 50m, 109 % of their target; 25 use 90 % of it.
        assert_eq!(of(0.05), Some([17.0, 20.0, 25.0]));
        assert_eq!(of(0.1), None);
    }

    #[test]
    fn without_a_target_of_what_is_offered_the_metrics_decide() {
        let mut demand = Demand {
            bounds: (1, 20),
            has_service: true,
            ..Demand::default()
        };
        assert!(demand.is_measured());
        assert_eq!(demand.offered(&Sample::default(), (9.0, 9.0), 1.0), None);
        assert_eq!(demand.need(60.0, (0.1, 0.1)), Need::exact(20.0));
        demand.respec(&HpaSpecRecord {
            bounds: (1, 5),
            rate_target: Some(10.0),
            ..HpaSpecRecord::default()
        });
        assert!(!demand.is_measured());
        assert_eq!(
            demand.offered(&Sample::default(), (0.0, 60.0), 1.0),
            Some(6.0)
        );
    }

    #[test]
    fn a_cpu_target_comes_and_goes_with_the_spec() {
        let pod = Cpu {
            target: 0.0,
            request: 0.5,
            background: 0.0,
            under_vpa: false,
        };
        let mut demand = Demand {
            pod: Some(pod),
            ..Demand::default()
        };
        assert!(demand.is_measured());
        let mut respec = |cpu_target| {
            demand.respec(&HpaSpecRecord {
                cpu_target,
                ..HpaSpecRecord::default()
            });
            demand.offered(&Sample::default(), (1.0, 0.0), 1.0)
        };
        assert_eq!(
            [Some(50.0), Some(25.0), None].map(&mut respec),
            [Some(4.0), Some(8.0), None]
        );
    }

    #[test]
    fn the_tolerance_lets_more_and_fewer_replicas_stand() {
        let demand = Demand {
            bounds: (2, 30),
            ..Demand::default()
        };
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
