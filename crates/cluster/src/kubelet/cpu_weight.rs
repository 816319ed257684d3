//! From a CPU request to a weight of the kernel's scheduler.

use crate::cluster::spec::CpuWeightModel;
use crate::units::Millicores;

/// The weight of a container with this request (no request counts as 2 shares).
///
/// Shares follow `MilliCPUToShares` of `pkg/kubelet/cm`; the two mappings to cgroup v2 are
/// those of older and of current opencontainers/cgroups.
pub fn cpu_weight(request: Option<Millicores>, model: CpuWeightModel) -> u32 {
    let shares = request.map_or(2, |request| (request.0 * 1024 / 1000).clamp(2, 262_144));
    match model {
        CpuWeightModel::Shares => shares as u32,
        CpuWeightModel::V2Old => (1 + (shares - 2) * 9999 / 262_142) as u32,
        CpuWeightModel::V2New => {
            let l = (shares as f64).log2();
            let exponent = (l * l + 125.0 * l) / 612.0 - 7.0 / 34.0;
            (10f64.powf(exponent).ceil() as u32).clamp(1, 10_000)
        }
    }
}
