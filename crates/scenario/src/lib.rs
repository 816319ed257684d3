//! What the user wrote, validated into one model.
//!
//! A part of `nlsim`, whose front page says how the parts fit together.

pub mod scenario;

use nlsim_autoscaler::autoscaler;
use nlsim_cluster::{api, cluster, controller, metrics};
use nlsim_core::{sim, units};
use nlsim_kubectl::kubectl;
use nlsim_prometheus::prometheus;
use nlsim_workload::{load, workload};
