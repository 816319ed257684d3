//! The lag of a consumer group over partitions, and how it is cut to what consumers can use.

use std::collections::BTreeMap;

/// A topic of a consumer group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KafkaTopic {
    /// Its name.
    pub name: String,
    /// Its partitions.
    pub partitions: Vec<KafkaPartition>,
}

/// A partition's offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KafkaPartition {
    /// Its number.
    pub id: i32,
    /// The offset that the next message gets.
    pub latest: i64,
    /// The group's committed offset; -1 if it has none.
    pub committed: i64,
}

/// The rules of counting.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "the trigger's parameters, under their own names"
)]
pub(super) struct LagRules {
    pub(super) lag_threshold: i64,
    pub(super) earliest: bool,
    pub(super) allow_idle_consumers: bool,
    pub(super) exclude_persistent_lag: bool,
    pub(super) scale_to_zero_on_invalid_offset: bool,
    pub(super) limit_to_partitions_with_lag: bool,
    pub(super) ensure_even_distribution_of_partitions: bool,
}

type Offsets = BTreeMap<(String, i32), i64>;

/// The lag to scale by, and the whole lag that decides about activity.
pub(super) fn total_lag(
    rules: &LagRules,
    topics: &[KafkaTopic],
    previous: &mut Offsets,
) -> (i64, i64) {
    let (mut total, mut with_persistent) = (0, 0);
    let (mut partitions, mut partitions_with_lag) = (0, 0);
    for topic in topics {
        for partition in &topic.partitions {
            let (lag, whole) = partition_lag(rules, &topic.name, *partition, previous);
            total += lag;
            with_persistent += whole;
            partitions_with_lag += i64::from(lag > 0);
        }
        partitions += topic.partitions.len() as i64;
    }
    let threshold = rules.lag_threshold;
    if !rules.allow_idle_consumers
        || rules.limit_to_partitions_with_lag
        || rules.ensure_even_distribution_of_partitions
    {
        if rules.ensure_even_distribution_of_partitions {
            total = even_consumers(total, partitions, threshold) * threshold;
        }
        let most = if rules.limit_to_partitions_with_lag {
            partitions_with_lag
        } else {
            partitions
        };
        if total / threshold > most {
            total = most * threshold;
        }
    }
    (total, with_persistent)
}

/// A partition's lag for scaling and for activity.
fn partition_lag(
    rules: &LagRules,
    topic: &str,
    partition: KafkaPartition,
    previous: &mut Offsets,
) -> (i64, i64) {
    if partition.committed == -1 {
        let lag = match (rules.scale_to_zero_on_invalid_offset, rules.earliest) {
            (true, _) => 0,
            (false, true) => partition.latest,
            (false, false) => 1,
        };
        return (lag, lag);
    }
    let lag = partition.latest - partition.committed;
    if rules.exclude_persistent_lag {
        let key = (topic.to_owned(), partition.id);
        if previous.insert(key, partition.committed) == Some(partition.committed) {
            return (0, lag);
        }
    }
    (lag, lag)
}

/// The smallest divisor of the partitions that takes the lag; all of them if none does.
fn even_consumers(lag: i64, partitions: i64, threshold: i64) -> i64 {
    (1..=partitions)
        .find(|count| partitions % count == 0 && count * threshold >= lag)
        .unwrap_or(partitions)
}
