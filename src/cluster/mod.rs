//! Nodes, pods and the controllers that create, place and delete pods.

pub mod spec;
