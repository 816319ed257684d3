//! The flags of a case.

use std::collections::BTreeMap;

use serde_json::Value;

use super::input::LimitsJson;
use crate::autoscaler::cluster_autoscaler::{OptionError, Options};

/// Flags that bound how long upstream computes or calls; under a fake clock both take no time.
const BOUNDS_OF_REAL_TIME: &[&str] = &[
    "max-binpacking-time",
    "max-bulk-soft-taint-time",
    "max-nodegroup-binpacking-duration",
    "scale-down-simulation-timeout",
];

/// The flags as far as they are known, and what is wrong with the others.
pub(super) fn options(
    limits: &LimitsJson,
    flags: &BTreeMap<String, Value>,
) -> (Options, Vec<OptionError>) {
    let mut options = Options::default();
    let LimitsJson {
        cores_min,
        cores_max,
        memory_gib_min,
        memory_gib_max,
    } = limits;
    let mut errors = Vec::new();
    let mut set = |flag: &str, value: &str| {
        if BOUNDS_OF_REAL_TIME.contains(&flag) {
            return;
        }
        if let Err(error) = options.set(flag, value) {
            // Durations stand as seconds.
            if options.set(flag, &format!("{value}s")).is_err() {
                errors.push(error);
            }
        }
    };
    set("cores-total", &format!("{cores_min}:{cores_max}"));
    set(
        "memory-total",
        &format!("{memory_gib_min}:{memory_gib_max}"),
    );
    for (flag, value) in flags {
        match value {
            Value::String(text) => set(flag, text),
            other => set(flag, &other.to_string()),
        }
    }
    (options, errors)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sim::SimDuration;

    #[test]
    fn what_is_wrong_with_a_flag_leaves_the_others_alone() {
        let limits = LimitsJson {
            cores_min: 0,
            cores_max: 8,
            memory_gib_min: 0,
            memory_gib_max: 8,
        };
        let flags = [
            ("max-binpacking-time", json!("1s")),
            ("max-nodes-total", json!("many")),
            ("no-such-flag", json!(true)),
            ("scale-down-unneeded-time", json!(90)),
        ];
        let flags = flags
            .into_iter()
            .map(|(flag, value)| (flag.to_owned(), value))
            .collect();
        let (options, errors) = options(&limits, &flags);
        assert_eq!(options.cores_total.max, 8);
        assert_eq!(options.scale_down_unneeded_time, SimDuration::from_secs(90));
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            errors,
            [
                "--max-nodes-total: \"many\" is not a whole number",
                "unknown flag --no-such-flag"
            ]
        );
    }
}
