//! What controllers can see: kubelet and metrics-server sampling, and the metrics APIs.

pub mod spec;
