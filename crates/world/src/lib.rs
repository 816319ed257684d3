//! The driver: a cluster with a clock, and everything that happens in it.
//!
//! A part of `nlsim`, whose front page says how the parts fit together.

pub mod world;

use nlsim_autoscaler::autoscaler;
use nlsim_cluster::{api, cloud, cluster, controller, kubelet, metrics, scheduler};
use nlsim_core::{sim, units};
use nlsim_kubectl::kubectl;
use nlsim_prometheus::prometheus;
use nlsim_record::record;
use nlsim_scenario::scenario;
use nlsim_workload::{load, workload};
