//! What a node leaves to its pods.
//!
//! The reservations are those that the providers publish: Google's page on the resources of GKE
//! nodes, and the bootstrap of EKS's node image. None has been observed on nodes.

use crate::units::{Bytes, Millicores};

/// Memory that the kubelet keeps free (`evictionHard`).
const EVICTION: i64 = 100 << 20;
/// Memory that EKS reserves for any node, and for each pod that can be there.
const EKS_MEMORY: (i64, i64) = (255, 11);
/// Memory that GKE reserves on nodes of less than a GiB.
const GKE_SMALL: i64 = 255 << 20;

/// Who reserves how much of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reserved {
    /// Nothing.
    #[default]
    None,
    /// Google Kubernetes Engine.
    Gke,
    /// Amazon's Elastic Kubernetes Service.
    Eks,
}

/// CPU of the first core, of the second, of two more and of the rest, in ten-thousandths.
const CPU: [(i64, i64); 4] = [(1000, 600), (1000, 100), (2000, 50), (i64::MAX, 25)];
/// Memory of the first 4 GiB, of 4 more, of 8 more, of 112 more and of the rest, likewise.
const GKE_MEMORY: [(i64, i64); 5] = [
    (4 << 30, 2500),
    (4 << 30, 2000),
    (8 << 30, 1000),
    (112 << 30, 600),
    (i64::MAX, 200),
];

/// Ten-thousandths of the parts of an amount.
fn tiers(amount: i64, tiers: &[(i64, i64)]) -> i128 {
    let mut left = amount;
    tiers
        .iter()
        .map(|&(size, share)| {
            let part = left.min(size);
            left -= part;
            i128::from(part) * i128::from(share)
        })
        .sum()
}

/// An amount less its reserved ten-thousandths, rounded down.
fn less(amount: i64, reserved: i128) -> i64 {
    (i128::from(amount) * 10_000 - reserved).div_euclid(10_000) as i64
}

/// What is left for pods of a node's CPU and memory; `max_pods` is the kubelet's limit.
pub fn allocatable(
    cpu: Millicores,
    memory: Bytes,
    max_pods: u32,
    reserved: Reserved,
) -> (Millicores, Bytes) {
    let left = match reserved {
        Reserved::None => return (cpu, memory),
        Reserved::Gke if memory.0 < 1 << 30 => memory.0 - GKE_SMALL,
        Reserved::Gke => less(memory.0, tiers(memory.0, &GKE_MEMORY)),
        Reserved::Eks => memory.0 - ((EKS_MEMORY.0 + EKS_MEMORY.1 * i64::from(max_pods)) << 20),
    };
    (
        Millicores(less(cpu.0, tiers(cpu.0, &CPU))),
        Bytes((left - EVICTION).max(0)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_cores_leave_3920_millicores() {
        let memory = Bytes(16 << 30);
        let (cpu, _) = allocatable(Millicores(4000), memory, 110, Reserved::Gke);
        assert_eq!(cpu, Millicores(3920));
    }

    #[test]
    fn small_nodes_and_none_at_all() {
        let of = |cpu, memory, reserved| allocatable(Millicores(cpu), Bytes(memory), 110, reserved);
        let whole = (Millicores(4000), Bytes::GIB);
        assert_eq!(of(4000, 1 << 30, Reserved::None), whole);
        let (cpu, memory) = of(500, 512 << 20, Reserved::Gke);
        assert_eq!(
            (cpu, memory),
            (Millicores(470), Bytes((512 - 255 - 100) << 20))
        );
        assert_eq!(of(1000, 1 << 30, Reserved::Eks).1, Bytes::ZERO);
    }
}
