//! Kinds `keda_*`: tables printed by functions of KEDA, generated HPAs and whole scale loops.

mod cron;
mod fallback;
mod hpa;
mod loops;
mod scale_loop;
mod scaled_job;
mod scaling_modifiers;
mod triggers;

pub(super) use cron::replay as cron;
pub(super) use fallback::replay as fallback;
pub(super) use hpa::replay as hpa;
pub(super) use loops::replay as loops;
pub(super) use scale_loop::replay as scale_loop;
pub(super) use scaled_job::replay as scaled_job;
pub(super) use scaling_modifiers::replay as scaling_modifiers;
pub(super) use triggers::replay as triggers;

use super::table::close;

/// Whether two numbers agree, or both are missing.
fn agree(expected: Option<f64>, got: Option<f64>) -> bool {
    match (expected, got) {
        (Some(expected), Some(got)) => close(expected, got),
        (expected, got) => expected.is_none() && got.is_none(),
    }
}
