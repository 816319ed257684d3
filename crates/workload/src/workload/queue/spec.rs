//! Parameters of queues and of their workers, as the scenario states them.

use crate::sim::SimDuration;

/// A queue, and how its workers work.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueSpec {
    /// Name, unique in the scenario: the queue's, list's or topic's.
    pub name: String,
    /// What kind of broker holds it.
    pub kind: QueueKind,
    /// How long a message is held back after it was produced (`DelaySeconds` of SQS).
    pub delay: SimDuration,
    /// A message that was delivered so often and comes back is dead-lettered (`maxReceiveCount` of
    /// SQS's redrive policy); never if absent.
    pub max_deliveries: Option<u32>,
    /// The service whose pods consume it: its index in the scenario's services.
    pub service: usize,
    /// How those work.
    pub worker: WorkerSpec,
    /// Other services whose pods consume it in the same way, with so many tasks at a time.
    pub others: Vec<(usize, u32)>,
    /// The loads that produce into it, by their indices in the scenario.
    pub producers: Vec<usize>,
}

/// Kinds of brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueKind {
    /// A queue of RabbitMQ: unacknowledged messages come back when their connection closes.
    RabbitMq,
    /// A list of Redis under Celery: unacknowledged messages come back after a time.
    Redis {
        /// `visibility_timeout` of the transport.
        visibility: SimDuration,
    },
    /// A standard queue of SQS: received messages come back after a time.
    Sqs {
        /// `VisibilityTimeout`.
        visibility: SimDuration,
    },
    /// A topic of Kafka with one consumer group.
    Kafka {
        /// Partitions.
        partitions: u32,
    },
}

impl QueueKind {
    /// Its name in scenarios and outputs.
    pub fn name(self) -> &'static str {
        match self {
            Self::RabbitMq => "rabbitmq",
            Self::Redis { .. } => "redis",
            Self::Sqs { .. } => "sqs",
            Self::Kafka { .. } => "kafka",
        }
    }

    /// After what time an unacknowledged message comes back, if it does so by itself.
    pub fn visibility(self) -> Option<SimDuration> {
        match self {
            Self::Redis { visibility } | Self::Sqs { visibility } => Some(visibility),
            Self::RabbitMq | Self::Kafka { .. } => None,
        }
    }

    /// Whether it is Celery's worker that holds a message until it is to be tried again.
    pub fn workers_hold_retries(self) -> bool {
        matches!(self, Self::RabbitMq | Self::Redis { .. })
    }

    /// Its partitions, if it has some.
    pub fn partitions(self) -> Option<u32> {
        match self {
            Self::Kafka { partitions } => Some(partitions),
            _ => None,
        }
    }
}

/// How a worker works; the defaults are Celery's, and the Kafka client's.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerSpec {
    /// Tasks at a time per pod (`worker_concurrency`).
    pub concurrency: u32,
    /// Messages taken beforehand, as a multiple of the concurrency (`worker_prefetch_multiplier`);
    /// as many as there are if 0.
    pub prefetch_multiplier: u32,
    /// When a message is acknowledged.
    pub acknowledge: Acknowledge,
    /// The share of tasks that fail, from 0 to 1.
    pub failure_rate: f64,
    /// How often a task that failed is tried again.
    pub max_retries: u32,
    /// How long after a failure that happens (`default_retry_delay`).
    pub retry_delay: SimDuration,
    /// Kafka: how often offsets are committed (`auto.commit.interval.ms`); after each message if 0.
    pub commit_interval: SimDuration,
    /// Kafka: when a silent member is put out of its group (`session.timeout.ms`).
    pub session_timeout: SimDuration,
    /// Kafka: how long a member may work on a record before it leaves its group
    /// (`max.poll.interval.ms`).
    pub max_poll_interval: SimDuration,
    /// Kafka: how long a rebalance takes at least, from a member's coming or going to the new
    /// assignment.
    pub rebalance: SimDuration,
}

impl Default for WorkerSpec {
    fn default() -> Self {
        Self {
            concurrency: 1,
            prefetch_multiplier: 4,
            acknowledge: Acknowledge::default(),
            failure_rate: 0.0,
            max_retries: 3,
            retry_delay: SimDuration::from_secs(180),
            commit_interval: SimDuration::from_secs(5),
            session_timeout: SimDuration::from_secs(45),
            max_poll_interval: SimDuration::from_secs(300),
            rebalance: SimDuration::from_secs(3),
        }
    }
}

/// When a worker acknowledges a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Acknowledge {
    /// Before its task begins: a killed worker loses it.
    #[default]
    Early,
    /// After its task (`task_acks_late`): a killed worker's comes back.
    Late,
}
