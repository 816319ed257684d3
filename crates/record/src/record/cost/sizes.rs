//! What serverless pods are billed for: providers round what pods request up to sizes of their own.

/// Who bills pods by their requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PodSizes {
    /// What they request, as long as they exist.
    #[default]
    AsRequested,
    /// AWS Fargate for EKS.
    Fargate,
    /// GKE Autopilot, in steps of a quarter of a core.
    Autopilot,
    /// GKE Autopilot on clusters whose pods may burst: without steps, from less on.
    AutopilotBursting,
}

impl PodSizes {
    /// Whether a pod is billed from when it has a node, where its image is pulled, not from its
    /// creation.
    pub fn from_its_node(self) -> bool {
        self != Self::AsRequested
    }

    /// Whether containers that request nothing get something (Autopilot's default requests, which it
    /// applies container by container).
    pub fn adds_for_containers(self) -> bool {
        matches!(self, Self::Autopilot | Self::AutopilotBursting)
    }

    /// Cores and GiB that a pod is billed for which requests these.
    pub fn billed(self, class: ComputeClass, cores: f64, gib: f64) -> (f64, f64) {
        match self {
            Self::AsRequested => (cores, gib),
            Self::Fargate => fargate(cores, gib),
            Self::Autopilot => autopilot(class, (0.25, 0.5), true, cores, gib),
            Self::AutopilotBursting => {
                let least = (0.05, 52.0 / 1024.0);
                autopilot(
                    class,
                    least,
                    class != ComputeClass::GeneralPurpose,
                    cores,
                    gib,
                )
            }
        }
    }
}

/// Cores and GiB that Autopilot gives a container that requests neither; what requests one of both gets
/// the other by the pod's share of memory by CPU.
pub const CONTAINER_DEFAULT: (f64, f64) = (0.5, 2.0);
/// The same of a DaemonSet's container.
pub const DAEMON_SET_DEFAULT: (f64, f64) = (0.05, 100.0 / 1024.0);

/// The node selector by which a pod asks for a compute class of GKE.
pub const CLASS_LABEL: &str = "cloud.google.com/compute-class";

/// A compute class of GKE Autopilot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ComputeClass {
    /// That of pods which ask for none.
    #[default]
    GeneralPurpose,
    /// `Balanced`.
    Balanced,
    /// `Scale-Out`.
    ScaleOut,
    /// Any other, whose pods are billed for what they request.
    Other,
}

impl ComputeClass {
    /// Those with prices of their own.
    pub const NAMED: [&'static str; 3] = ["general-purpose", "Balanced", "Scale-Out"];

    /// What a node selector asks for.
    pub fn from_label(value: Option<&str>) -> Self {
        match value {
            None | Some("general-purpose") => Self::GeneralPurpose,
            Some("Balanced") => Self::Balanced,
            Some("Scale-Out") => Self::ScaleOut,
            Some(_) => Self::Other,
        }
    }
}

/// Noise of additions does not make a size larger.
const NOISE: f64 = 1e-9;

fn steps(amount: f64, step: f64) -> f64 {
    (amount / step - NOISE).ceil() * step
}

/// Cores, least and most GiB, and their steps.
const FARGATE: [(f64, f64, f64, f64); 7] = [
    (0.25, 0.5, 2.0, 1.0),
    (0.5, 1.0, 4.0, 1.0),
    (1.0, 2.0, 8.0, 1.0),
    (2.0, 4.0, 16.0, 1.0),
    (4.0, 8.0, 30.0, 1.0),
    (8.0, 16.0, 60.0, 4.0),
    (16.0, 32.0, 120.0, 8.0),
];
/// What Fargate adds for kubelet, kube-proxy and containerd.
const FARGATE_ADDS: f64 = 0.25;

/// The least size of Fargate that holds a pod; the largest where none does.
fn fargate(cores: f64, gib: f64) -> (f64, f64) {
    let gib = gib + FARGATE_ADDS;
    let fits = |(most, _, memory, _): &&(f64, f64, f64, f64)| {
        cores <= most + NOISE && gib <= memory + NOISE
    };
    let [.., largest] = FARGATE;
    let (cores, least, most, step) = *FARGATE.iter().find(fits).unwrap_or(&largest);
    let memory = if gib <= least + NOISE {
        least
    } else {
        steps(gib, step).clamp(least, most)
    };
    (cores, memory)
}

/// What Autopilot makes of a pod's requests: defaults, the least, steps of CPU, and a share of
/// memory by CPU within the class's bounds.
fn autopilot(
    class: ComputeClass,
    (least_cores, least_gib): (f64, f64),
    stepped: bool,
    cores: f64,
    gib: f64,
) -> (f64, f64) {
    let none = cores <= 0.0 && gib <= 0.0;
    let (cores, gib) = if none {
        CONTAINER_DEFAULT
    } else {
        (cores, gib)
    };
    let (low, high, least) = match class {
        ComputeClass::GeneralPurpose => (1.0, 6.5, (least_cores, least_gib)),
        ComputeClass::Balanced => (1.0, 8.0, (0.25, 0.5)),
        ComputeClass::ScaleOut => (4.0, 4.0, (0.25, 1.0)),
        ComputeClass::Other => return (cores, gib),
    };
    let cores = cores.max(least.0).max(gib / high);
    let cores = if stepped { steps(cores, 0.25) } else { cores };
    (cores, gib.max(least.1).max(cores * low))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fargate_rounds_up_to_its_sizes() {
        let billed = |cores, gib| PodSizes::Fargate.billed(ComputeClass::default(), cores, gib);
        // Without requests the smallest.
        assert_eq!(billed(0.0, 0.0), (0.25, 0.5));
        assert_eq!(billed(0.25, 0.25), (0.25, 0.5));
        assert_eq!(billed(0.25, 0.5), (0.25, 1.0));
        // The 256 MiB on top push a pod of 1 core and 8 GiB into the next size.
        assert_eq!(billed(1.0, 8.0), (2.0, 9.0));
        assert_eq!(billed(0.3, 1.0), (0.5, 2.0));
        assert_eq!(billed(8.0, 17.0), (8.0, 20.0));
        assert_eq!(billed(16.0, 40.0), (16.0, 48.0));
        assert_eq!(billed(20.0, 200.0), (16.0, 120.0));
    }

    #[test]
    fn autopilot_has_steps_and_shares_by_class() {
        let billed = |class, cores, gib| PodSizes::Autopilot.billed(class, cores, gib);
        let general = ComputeClass::GeneralPurpose;
        assert_eq!(billed(general, 0.0, 0.0), (0.5, 2.0));
        assert_eq!(billed(general, 0.1, 0.1), (0.25, 0.5));
        assert_eq!(billed(general, 0.3, 0.2), (0.5, 0.5));
        assert_eq!(billed(general, 1.0, 0.5), (1.0, 1.0));
        assert_eq!(billed(general, 0.25, 13.0), (2.0, 13.0));
        assert_eq!(billed(ComputeClass::Balanced, 0.25, 16.0), (2.0, 16.0));
        assert_eq!(billed(ComputeClass::ScaleOut, 0.5, 1.0), (0.5, 2.0));
        assert_eq!(billed(ComputeClass::ScaleOut, 0.25, 3.5), (1.0, 4.0));
        assert_eq!(billed(ComputeClass::Other, 0.3, 0.7), (0.3, 0.7));
        // One of both is stated: the other follows by the share.
        assert_eq!(billed(general, 0.0, 6.5), (1.0, 6.5));
        assert_eq!(billed(general, 2.0, 0.0), (2.0, 2.0));
        let bursting = PodSizes::AutopilotBursting.billed(general, 0.03, 0.2);
        assert_eq!(bursting, (0.05, 0.2));
    }

    proptest! {
        /// Nobody is billed for less than is requested, nor for less than a smaller pod, and what was
        /// rounded up once stays.
        #[test]
        fn sizes_only_grow(
            cores in 0.01..16.0f64, gib in 0.01..100.0f64,
            more in 0.0..2.0f64, place in 0_usize..3, class in 0_usize..3,
        ) {
            let all = [PodSizes::Fargate, PodSizes::Autopilot, PodSizes::AutopilotBursting];
            let sizes = all[place];
            let label = ComputeClass::NAMED[class];
            let class = ComputeClass::from_label(Some(label));
            let (billed, memory) = sizes.billed(class, cores, gib);
            prop_assert!(billed >= cores - 1e-9 && memory >= gib - 1e-9);
            let (next, above) = sizes.billed(class, cores + more, gib + more);
            prop_assert!(next >= billed - 1e-9 && above >= memory - 1e-9);
            if sizes != PodSizes::Fargate {
                let (again, same) = sizes.billed(class, billed, memory);
                prop_assert!((again - billed).abs() < 1e-6 && (same - memory).abs() < 1e-6);
            }
        }
    }
}
