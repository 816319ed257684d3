//! Which pod goes first when a node runs out of memory.
//!
//! Upstream: `pkg/kubelet/eviction/helpers.go`, `rankMemoryPressure`: pods that use more than they
//! request, lower priorities, the largest use beyond the request; before all of them those without
//! samples.

use std::cmp::Reverse;

use crate::units::Bytes;

/// What the kubelet knows of a pod when it ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryUse {
    /// `spec.priority`.
    pub priority: i32,
    /// Requests of all containers.
    pub request: Bytes,
    /// Working set of all containers; unknown without samples.
    pub working_set: Option<Bytes>,
}

/// Places of pods in the order in which they are evicted. Equal ones keep their order.
pub fn memory_eviction_order(pods: &[MemoryUse]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..pods.len()).collect();
    order.sort_by_key(|place| {
        let pod = &pods[*place];
        let Some(used) = pod.working_set else {
            return (false, false, pod.priority, Reverse(Bytes::ZERO));
        };
        let within = used <= pod.request;
        (true, within, pod.priority, Reverse(used - pod.request))
    });
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(priority: i32, request: i64, working_set: Option<i64>) -> MemoryUse {
        MemoryUse {
            priority,
            request: Bytes(request),
            working_set: working_set.map(Bytes),
        }
    }

    #[test]
    fn use_beyond_the_request_comes_first_then_priority_then_how_much() {
        let pods = [
            pod(0, 100, Some(90)),
            pod(1000, 100, Some(300)),
            pod(0, 100, Some(150)),
            pod(0, 100, Some(200)),
            pod(-10, 100, Some(10)),
            // Just what is requested is not more than that.
            pod(-10, 100, Some(100)),
            pod(2000, 100, None),
            pod(1000, 900, None),
        ];
        assert_eq!(memory_eviction_order(&pods), [7, 6, 3, 2, 1, 5, 4, 0]);
    }
}
