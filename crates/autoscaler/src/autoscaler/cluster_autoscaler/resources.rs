//! Amounts of what nodes have and pods ask for.

use crate::units::{Bytes, Millicores};

/// CPU, memory and the rest, of a node or a pod.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resources {
    /// CPU.
    pub cpu: Millicores,
    /// Memory.
    pub memory: Bytes,
    /// Places for pods: a node's limit. What a pod asks for has 0 here.
    pub pods: i64,
    /// Extended resources: [`GPUS`], then others in the driver's own order; missing ones are 0.
    pub extended: Vec<i64>,
}

/// The extended resources that are GPUs, in the order in which a node's is looked for
/// (`GPUVendorResourceNames`): they have the first places in [`Resources::extended`].
pub const GPUS: [&str; 5] = [
    "nvidia.com/gpu",
    "habana.ai/gaudi",
    "gpu.intel.com/xe",
    "amd.com/gpu",
    "microsoft.com/directx",
];

impl Resources {
    /// The place of the GPUs that there are, if there are any (`DetectNodeGPUResourceName`).
    pub fn gpu(&self) -> Option<usize> {
        (0..GPUS.len()).find(|place| self.extended(*place) > 0)
    }

    /// CPU in millicores and memory in bytes, nothing else.
    pub const fn new(cpu: Millicores, memory: Bytes) -> Self {
        Self {
            cpu,
            memory,
            pods: 0,
            extended: Vec::new(),
        }
    }

    /// Adds a pod's requests to what a node has given away.
    pub fn take(&mut self, pod: &Self) {
        self.cpu += pod.cpu;
        self.memory += pod.memory;
        self.pods += 1;
        if self.extended.len() < pod.extended.len() {
            self.extended.resize(pod.extended.len(), 0);
        }
        for (mine, more) in self.extended.iter_mut().zip(&pod.extended) {
            *mine += more;
        }
    }

    /// Takes a pod's requests back.
    pub fn give_back(&mut self, pod: &Self) {
        self.cpu -= pod.cpu;
        self.memory -= pod.memory;
        self.pods -= 1;
        for (mine, less) in self.extended.iter_mut().zip(&pod.extended) {
            *mine -= less;
        }
    }

    /// The amount of an extended resource.
    pub fn extended(&self, index: usize) -> i64 {
        self.extended.get(index).copied().unwrap_or(0)
    }
}
