//! What exporters show of queues: RabbitMQ's own plugin, redis_exporter, kafka_exporter and
//! kminion, exporters of CloudWatch, and celery-exporter, each under its own names.

use super::samples::Samples;
use crate::prometheus::scrape::{Exposed, Wanted};
use crate::workload::queue::spec::{QueueKind, QueueSpec};
use crate::workload::queue::{PartitionReading, Readings};

/// A queue as it is now.
pub(super) struct Seen<'v> {
    spec: &'v QueueSpec,
    /// The consumer group of a topic.
    group: &'v str,
    read: Readings,
}

/// A family of metrics of queues.
type Family = (&'static str, fn(&Seen<'_>, &mut Samples<'_>));

/// An exporter: the job and the port of its target, what it shows.
#[derive(Debug)]
pub(super) struct Exporter {
    pub(super) job: &'static str,
    pub(super) port: u16,
    sees: fn(QueueKind) -> bool,
    families: &'static [Family],
}

pub(super) static EXPORTERS: [Exporter; 6] = [
    Exporter {
        job: "rabbitmq",
        port: 15_692,
        sees: |kind| kind == QueueKind::RabbitMq,
        families: RABBITMQ,
    },
    Exporter {
        job: "redis-exporter",
        port: 9121,
        sees: |kind| matches!(kind, QueueKind::Redis { .. }),
        families: REDIS,
    },
    Exporter {
        job: "kafka-exporter",
        port: 9308,
        sees: |kind| matches!(kind, QueueKind::Kafka { .. }),
        families: KAFKA,
    },
    Exporter {
        job: "kminion",
        port: 8080,
        sees: |kind| matches!(kind, QueueKind::Kafka { .. }),
        families: KMINION,
    },
    Exporter {
        job: "cloudwatch-exporter",
        port: 9106,
        sees: |kind| matches!(kind, QueueKind::Sqs { .. }),
        families: CLOUDWATCH,
    },
    Exporter {
        job: "celery-exporter",
        port: 9808,
        sees: |kind| kind.workers_hold_retries(),
        families: CELERY,
    },
];

impl Exporter {
    /// Whether there is anything that it shows and that somebody asks for.
    pub(super) fn is_asked(&self, queues: &[QueueSpec], wanted: &Wanted) -> bool {
        let asks = || self.families.iter().any(|(name, _)| wanted.may_take(name));
        queues.iter().any(|queue| (self.sees)(queue.kind)) && asks()
    }

    /// Whether it shows a queue.
    pub(super) fn sees(&self, queue: &QueueSpec) -> bool {
        (self.sees)(queue.kind)
    }

    /// What it shows of a queue; `group` is the topic's consumer group.
    pub(super) fn expose(
        &self,
        spec: &QueueSpec,
        group: &str,
        read: Readings,
        out: &mut dyn FnMut(&Exposed),
    ) {
        let seen = Seen { spec, group, read };
        for (name, show) in self.families {
            show(&seen, &mut Samples::new(name, &[], out));
        }
    }
}

/// A number of a queue of RabbitMQ.
fn of_vhost(q: &Seen<'_>, value: u64, out: &mut Samples<'_>) {
    out.labelled(&[("queue", &q.spec.name), ("vhost", "/")], value as f64);
}

/// What was published into a queue of RabbitMQ: over the default exchange, as Celery does, and one
/// channel.
fn of_channel(q: &Seen<'_>, out: &mut Samples<'_>) {
    let labels = [
        ("channel", "<0.1.0>"),
        ("queue_vhost", "/"),
        ("queue", &q.spec.name),
        ("exchange_vhost", "/"),
        ("exchange", ""),
    ];
    out.labelled(&labels, q.read.counts.published as f64);
}

macro_rules! rabbitmq {
    ($($name:literal $value:expr,)*) => {
        &[
            ("rabbitmq_queue_messages_published_total", of_channel),
            ("rabbitmq_detailed_queue_messages_published_total", of_channel),
            $(
                (concat!("rabbitmq_queue_", $name), |q, out| of_vhost(q, $value(&q.read), out)),
                (concat!("rabbitmq_detailed_queue_", $name), |q, out| of_vhost(q, $value(&q.read), out)),
            )*
        ]
    };
}

const RABBITMQ: &[Family] = rabbitmq! {
    "messages_ready" |read: &Readings| read.ready,
    "messages_unacked" |read: &Readings| read.unacked,
    // As rabbitmq_exporter calls it.
    "messages_unacknowledged" |read: &Readings| read.unacked,
    "messages" Readings::messages,
    "consumers" |read: &Readings| u64::from(read.consumers),
    "messages_delivered_ack_total" |read: &Readings| read.counts.delivered,
    "messages_redelivered_total" |read: &Readings| read.counts.redelivered,
};

const REDIS: &[Family] = &[("redis_key_size", |q, out| {
    // A list that is empty is no key.
    if q.read.ready > 0 {
        out.labelled(&[("db", "db0"), ("key", &q.spec.name)], q.read.ready as f64);
    }
})];

/// A number of each partition of a topic, with what else the exporter labels it by.
fn each(
    q: &Seen<'_>,
    out: &mut Samples<'_>,
    [partition, topic]: [&str; 2],
    group: Option<&str>,
    value: impl Fn(&PartitionReading) -> Option<f64>,
) {
    for (number, read) in q.read.partitions.iter().enumerate() {
        if let Some(value) = value(read) {
            let number = number.to_string();
            let own = [(partition, number.as_str()), (topic, &q.spec.name)];
            match group {
                None => out.labelled(&own, value),
                Some(label) => out.labelled(&[own[0], own[1], (label, q.group)], value),
            }
        }
    }
}

/// Whether the group has committed an offset of any partition.
fn has_committed(q: &Seen<'_>) -> bool {
    q.read.partitions.iter().any(|one| one.committed.is_some())
}

/// What a partition lags by, as far as something is committed.
fn lag(read: &PartitionReading) -> Option<u64> {
    read.committed.map(|committed| read.latest - committed)
}

/// The sum over the partitions of which something is committed.
fn sum(q: &Seen<'_>, of: impl Fn(&PartitionReading) -> Option<u64>) -> f64 {
    q.read.partitions.iter().filter_map(of).sum::<u64>() as f64
}

/// kafka_exporter: -1 stands for what was never committed.
const KAFKA: &[Family] = &[
    ("kafka_topic_partitions", |q, out| {
        out.labelled(&[("topic", &q.spec.name)], q.read.partitions.len() as f64);
    }),
    ("kafka_topic_partition_current_offset", |q, out| {
        each(q, out, ["partition", "topic"], None, |one| {
            Some(one.latest as f64)
        });
    }),
    ("kafka_topic_partition_oldest_offset", |q, out| {
        each(q, out, ["partition", "topic"], None, |_| Some(0.0));
    }),
    ("kafka_consumergroup_current_offset", |q, out| {
        if has_committed(q) {
            each(
                q,
                out,
                ["partition", "topic"],
                Some("consumergroup"),
                |one| Some(one.committed.map_or(-1.0, |offset| offset as f64)),
            );
        }
    }),
    ("kafka_consumergroup_current_offset_sum", |q, out| {
        if has_committed(q) {
            let offset = |one: &PartitionReading| one.committed.map_or(-1.0, |at| at as f64);
            let sum = q.read.partitions.iter().map(offset).sum();
            out.labelled(&[("consumergroup", q.group), ("topic", &q.spec.name)], sum);
        }
    }),
    ("kafka_consumergroup_lag", |q, out| {
        if has_committed(q) {
            each(
                q,
                out,
                ["partition", "topic"],
                Some("consumergroup"),
                |one| Some(lag(one).map_or(-1.0, |lag| lag as f64)),
            );
        }
    }),
    ("kafka_consumergroup_lag_sum", |q, out| {
        if has_committed(q) {
            let labels = [("consumergroup", q.group), ("topic", &*q.spec.name)];
            out.labelled(&labels, sum(q, lag));
        }
    }),
    ("kafka_consumergroup_members", |q, out| {
        out.labelled(&[("consumergroup", q.group)], q.read.consumers.into());
    }),
];

const KMINION: &[Family] = &[
    ("kminion_kafka_topic_partition_high_water_mark", |q, out| {
        each(q, out, ["partition_id", "topic_name"], None, |one| {
            Some(one.latest as f64)
        });
    }),
    ("kminion_kafka_topic_high_water_mark_sum", |q, out| {
        let labels = [("topic_name", &*q.spec.name)];
        out.labelled(&labels, sum(q, |one| Some(one.latest)));
    }),
    (
        "kminion_kafka_consumer_group_topic_partition_lag",
        |q, out| {
            each(
                q,
                out,
                ["partition_id", "topic_name"],
                Some("group_id"),
                |one| lag(one).map(|lag| lag as f64),
            );
        },
    ),
    ("kminion_kafka_consumer_group_topic_lag", |q, out| {
        if has_committed(q) {
            let labels = [("group_id", q.group), ("topic_name", &*q.spec.name)];
            out.labelled(&labels, sum(q, lag));
        }
    }),
    ("kminion_kafka_consumer_group_topic_offset_sum", |q, out| {
        if has_committed(q) {
            let labels = [("group_id", q.group), ("topic_name", &*q.spec.name)];
            out.labelled(&labels, sum(q, |one| one.committed));
        }
    }),
    ("kminion_kafka_consumer_group_members", |q, out| {
        out.labelled(&[("group_id", q.group)], q.read.consumers.into());
    }),
];

macro_rules! cloudwatch {
    ($($name:literal $value:expr,)*) => {
        &[
            $(
                (concat!("aws_sqs_", $name, "_average"), |q, out| of_sqs(q, $value(&q.read), out)),
                (concat!("aws_sqs_", $name, "_maximum"), |q, out| of_sqs(q, $value(&q.read), out)),
                (concat!("aws_sqs_", $name, "_minimum"), |q, out| of_sqs(q, $value(&q.read), out)),
                (concat!("aws_sqs_", $name, "_sum"), |q, out| of_sqs(q, $value(&q.read), out)),
            )*
        ]
    };
}

/// A number of a queue of SQS, under the labels of cloudwatch_exporter and of YACE.
fn of_sqs(q: &Seen<'_>, value: f64, out: &mut Samples<'_>) {
    let name = q.spec.name.as_str();
    out.labelled(
        &[("dimension_QueueName", name), ("queue_name", name)],
        value,
    );
}

/// One reading stands for its minute: all statistics have its value.
const CLOUDWATCH: &[Family] = cloudwatch! {
    "approximate_number_of_messages_visible" |read: &Readings| read.ready as f64,
    "approximate_number_of_messages_not_visible" |read: &Readings| read.unacked as f64,
    "approximate_number_of_messages_delayed" |read: &Readings| read.delayed as f64,
    "approximate_age_of_oldest_message"
        |read: &Readings| read.oldest.map_or(0.0, |age| age.as_secs_f64().floor()),
};

/// A number of a queue of Celery.
fn of_celery(q: &Seen<'_>, value: f64, out: &mut Samples<'_>) {
    out.labelled(&[("queue_name", &q.spec.name)], value);
}

const CELERY: &[Family] = &[
    ("celery_queue_length", |q, out| {
        of_celery(q, q.read.ready as f64, out);
    }),
    ("celery_active_consumer_count", |q, out| {
        // Only an AMQP broker tells it.
        if q.spec.kind == QueueKind::RabbitMq {
            of_celery(q, q.read.consumers.into(), out);
        }
    }),
    ("celery_active_worker_count", |q, out| {
        of_celery(q, q.read.consumers.into(), out);
    }),
    ("celery_active_process_count", |q, out| {
        of_celery(q, q.read.slots.into(), out);
    }),
];
