//! `[[queue]]`, and what a service that consumes one states.

use super::position;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::{Node, Span, Value};
use crate::scenario::reader::{Reader, count, duration, number, wrong};
use crate::sim::SimDuration;
use crate::workload::queue::spec::{Acknowledge, QueueKind, QueueSpec, WorkerSpec};
use crate::workload::spec::ServerSpec;

/// `visibility_timeout` of Celery's Redis transport.
const REDIS_VISIBILITY: SimDuration = SimDuration::from_secs(3600);
/// `VisibilityTimeout` of a new queue of SQS.
const SQS_VISIBILITY: SimDuration = SimDuration::from_secs(30);
/// `DelaySeconds` of SQS at most.
const SQS_MOST_DELAY: SimDuration = SimDuration::from_secs(900);
/// `VisibilityTimeout` of SQS at most.
const SQS_MOST_VISIBILITY: SimDuration = SimDuration::from_secs(12 * 3600);
/// `maxReceiveCount` of SQS at most.
const SQS_MOST_DELIVERIES: u32 = 1000;
/// Retries at most of tasks that take no time and are tried again at once.
const MOST_AT_ONCE: u32 = 1000;
/// Partitions of a topic at most.
pub(in crate::scenario) const MOST_PARTITIONS: u32 = 10_000;

/// The queues as stated, and who consumes each.
#[derive(Default)]
pub(super) struct Queues {
    specs: Vec<QueueSpec>,
    spans: Vec<Span>,
    consumers: Vec<Vec<usize>>,
    /// Where the first consumer of each states `max_retries`.
    retries: Vec<Option<Span>>,
    /// Whether every `[[queue]]` could be read.
    complete: bool,
}

/// Reads the queues.
pub(super) fn queues(root: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> Queues {
    let mut made = Queues {
        complete: true,
        ..Queues::default()
    };
    for item in root.list("queue", diagnostics) {
        let Some(mut table) = Reader::new(item, "`queue`", diagnostics) else {
            made.complete = false;
            continue;
        };
        let spec = queue(&mut table, diagnostics);
        let span = table.key_span("name");
        table.finish("`queue`", diagnostics);
        let Some(spec) = spec else {
            made.complete = false;
            continue;
        };
        if made.specs.iter().any(|other| other.name == spec.name) {
            let title = format!("a second queue called `{}`", spec.name);
            diagnostics.error(span, title, "names of queues differ");
            continue;
        }
        made.specs.push(spec);
        made.spans.push(span);
        made.consumers.push(Vec::new());
        made.retries.push(None);
    }
    made
}

fn queue(table: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> Option<QueueSpec> {
    const KINDS: &[&str] = &["rabbitmq", "redis", "sqs", "kafka"];
    if table.get("name").is_none() {
        table.missing("name", "`queue`", "name = \"default\"", diagnostics);
    }
    let name = table.text("name", diagnostics).map(str::to_owned);
    let stated = table.get("kind").is_some();
    let kind = table.one_of("kind", KINDS, diagnostics);
    let visibility = table.duration("visibility_timeout", diagnostics);
    let partitions = table.count("partitions", diagnostics);
    let delay = table.duration("delay", diagnostics).unwrap_or_default();
    let max_deliveries = table.count("max_deliveries", diagnostics);
    if stated && kind.is_none() {
        return None;
    }
    let kind = kind.unwrap_or("rabbitmq");
    let mut misplaced = |key: &'static str, label: &str| {
        if table.get(key).is_some() {
            let title = format!("`{key}` does not go with `kind = \"{kind}\"`");
            diagnostics.error(table.key_span(key), title, label);
        }
    };
    if !matches!(kind, "redis" | "sqs") {
        misplaced("visibility_timeout", "only `redis` and `sqs` have it");
    }
    if kind == "kafka" {
        misplaced("delay", "a topic holds nothing back");
        misplaced(
            "max_deliveries",
            "a topic delivers until the offset is committed",
        );
    } else {
        misplaced("partitions", "only `kafka` has them");
    }
    if kind == "redis" {
        let label = "neither Redis nor Celery counts deliveries of a list";
        misplaced("max_deliveries", label);
    }
    if kind == "sqs" {
        sqs_limits(table, diagnostics);
    }
    let too_few = max_deliveries == Some(0);
    if too_few {
        let title = "a message that is never delivered is never done";
        let span = table.key_span("max_deliveries");
        diagnostics.error(span, title, "must be at least 1");
    }
    if visibility.is_some_and(|visibility| visibility <= SimDuration::ZERO) {
        let title = "what is visible at once is delivered again and again";
        let span = table.key_span("visibility_timeout");
        diagnostics.error(span, title, "must be more than 0s");
    }
    let kind = match kind {
        "redis" => QueueKind::Redis {
            visibility: visibility.unwrap_or(REDIS_VISIBILITY),
        },
        "sqs" => QueueKind::Sqs {
            visibility: visibility.unwrap_or(SQS_VISIBILITY),
        },
        "kafka" => {
            let partitions = partitions.unwrap_or(1);
            if !(1..=MOST_PARTITIONS).contains(&partitions) {
                let title = format!("a topic of {partitions} partitions");
                let label = format!("must be from 1 to {MOST_PARTITIONS}");
                diagnostics.error(table.key_span("partitions"), title, label);
            }
            QueueKind::Kafka { partitions }
        }
        _ => QueueKind::RabbitMq,
    };
    Some(QueueSpec {
        name: name?,
        kind,
        delay,
        max_deliveries,
        service: 0,
        worker: WorkerSpec::default(),
        others: Vec::new(),
        producers: Vec::new(),
    })
}

/// Says what SQS would not accept.
fn sqs_limits(table: &mut Reader<'_>, diagnostics: &mut Diagnostics) {
    let second = SimDuration::from_secs(1);
    for (key, most, named) in [
        ("delay", SQS_MOST_DELAY, "15m"),
        ("visibility_timeout", SQS_MOST_VISIBILITY, "12h"),
    ] {
        let stated = table.get(key).and_then(|node| duration(node).ok());
        let title = match stated {
            Some(stated) if stated > most => format!("SQS has a `{key}` of {named} at most"),
            Some(stated) if stated.0 % second.0 != 0 => {
                format!("SQS has a `{key}` of whole seconds")
            }
            _ => continue,
        };
        let label = format!("must be whole seconds up to {named}");
        diagnostics.error(table.key_span(key), title, label);
    }
    let deliveries = table.get("max_deliveries").map(count);
    if matches!(deliveries, Some(Ok(many)) if many > SQS_MOST_DELIVERIES) {
        let title = format!("SQS has a `maxReceiveCount` of {SQS_MOST_DELIVERIES} at most");
        let label = format!("must be from 1 to {SQS_MOST_DELIVERIES}");
        diagnostics.error(table.key_span("max_deliveries"), title, label);
    }
}

impl Queues {
    /// The names, to look things up in.
    fn names(&self) -> Vec<&str> {
        self.specs.iter().map(|one| one.name.as_str()).collect()
    }

    /// The queue that a value names.
    pub(super) fn find(
        &self,
        key: &str,
        node: &Node,
        diagnostics: &mut Diagnostics,
    ) -> Option<usize> {
        match position(node, &self.names(), "queue") {
            Ok(place) => Some(place),
            Err(_) if !self.complete && node.text().is_some() => None,
            Err(problem) => {
                wrong(key, node, problem, diagnostics);
                None
            }
        }
    }

    /// The services that consume a queue.
    pub(super) fn consumers(&self, queue: usize) -> &[usize] {
        &self.consumers[queue]
    }

    /// Whether a service consumes a queue that another consumes, too, and was stated before it.
    pub(super) fn is_further(&self, service: usize) -> bool {
        self.consumers.iter().any(|all| {
            let place = all.iter().position(|one| *one == service);
            place.is_some_and(|place| place > 0)
        })
    }

    /// Says that a load sends requests to a service whose pods take messages only.
    pub(super) fn refuse_requests(
        &self,
        (service, name): (usize, &str),
        span: Span,
        diagnostics: &mut Diagnostics,
    ) {
        let consumed = self.consumers.iter().position(|all| all.contains(&service));
        if let Some(queue) = consumed {
            let title = format!("the service `{name}` consumes a queue");
            diagnostics
                .error(span, title, "its pods answer no requests")
                .help = Some(format!(
                "name the queue: `queue = \"{}\"`",
                self.specs[queue].name
            ));
        }
    }

    /// Whether the queue is a topic with partitions.
    pub(super) fn is_topic(&self, queue: usize) -> bool {
        self.specs[queue].kind.partitions().is_some()
    }

    /// A load produces into a queue.
    pub(super) fn produced_by(&mut self, queue: usize, load: usize) {
        self.specs[queue].producers.push(load);
    }

    /// Reads what a service says that `consumes`: a queue's name, or a table.
    pub(super) fn consume(
        &mut self,
        node: &Node,
        service: usize,
        slots: Option<u32>,
        diagnostics: &mut Diagnostics,
    ) {
        let mut worker = WorkerSpec {
            concurrency: slots.unwrap_or(1),
            ..WorkerSpec::default()
        };
        let queue = if matches!(node.value, Value::Table(_)) {
            let Some(mut table) = Reader::new(node, "`consumes`", diagnostics) else {
                return;
            };
            if table.get("queue").is_none() {
                table.missing("queue", "`consumes`", "queue = \"default\"", diagnostics);
            }
            let named = table.get("queue");
            let queue = named.and_then(|node| self.find("queue", node, diagnostics));
            let is_topic = queue.map(|queue| self.is_topic(queue));
            read_worker(&mut table, &mut worker, is_topic, diagnostics);
            table.finish("`consumes`", diagnostics);
            queue
        } else {
            self.find("consumes", node, diagnostics)
        };
        let Some(queue) = queue else {
            return;
        };
        // Members of a group commit what they have processed, unless told otherwise.
        if self.is_topic(queue) && node.get("acknowledge").is_none() {
            worker.acknowledge = Acknowledge::Late;
        }
        if self.consumers[queue].is_empty() {
            self.specs[queue].service = service;
            self.specs[queue].worker = worker;
            let stated = node.get("max_retries");
            self.retries[queue] = stated.map(|node| node.span);
        } else {
            let concurrency = worker.concurrency;
            let states_more = matches!(&node.value, Value::Table(entries) if entries.len() > 1);
            if states_more {
                let title = format!("a second service consumes `{}`", self.specs[queue].name);
                let label = "how workers of a queue work is stated in the first service";
                let help = format!("write `consumes = \"{}\"`", self.specs[queue].name);
                diagnostics.error(node.span, title, label).help = Some(help);
            }
            self.specs[queue].others.push((service, concurrency));
        }
        self.consumers[queue].push(service);
    }

    /// The queues, each with a consumer; `all_services` is whether every service could be read.
    pub(super) fn finish(
        self,
        all_services: bool,
        services: &[ServerSpec],
        diagnostics: &mut Diagnostics,
    ) -> Vec<QueueSpec> {
        if all_services {
            let consumed = self.consumers.iter().zip(&self.specs).zip(&self.retries);
            for ((_, spec), span) in consumed.filter(|((all, _), _)| !all.is_empty()) {
                let service = services.get(spec.service);
                if let Some(span) =
                    span.filter(|_| service.is_some_and(|one| is_endless(spec, one)))
                {
                    let title = "tasks that take no time are tried again at once, without end";
                    let label = format!("must be at most {MOST_AT_ONCE} here");
                    diagnostics.error(span, title, label).help = Some(
                        "or give them a `request` that takes time, or a `retry_delay`".to_owned(),
                    );
                }
            }
            for ((spec, span), consumer) in self.specs.iter().zip(self.spans).zip(&self.consumers) {
                if consumer.is_empty() {
                    let title = format!("nobody consumes the queue `{}`", spec.name);
                    diagnostics.error(span, title, "needs a consumer").help = Some(format!(
                        "write `consumes = \"{}\"` in the `[[service]]` of its workers",
                        spec.name
                    ));
                }
            }
        }
        self.specs
    }
}

/// Whether a message can be tried again and again at one instant.
fn is_endless(queue: &QueueSpec, service: &ServerSpec) -> bool {
    let (worker, request) = (&queue.worker, &service.request);
    let takes_time = request.cpu.mean() > 0.0 || request.wait.mean() > 0.0;
    let can_fail = worker.failure_rate > 0.0 || !service.calls.is_empty();
    let at_once = worker.retry_delay <= SimDuration::ZERO;
    worker.max_retries > MOST_AT_ONCE && at_once && can_fail && !takes_time
}

/// How the workers work, key by key.
fn read_worker(
    table: &mut Reader<'_>,
    worker: &mut WorkerSpec,
    is_topic: Option<bool>,
    diagnostics: &mut Diagnostics,
) {
    const TASKS: &[&str] = &["prefetch_multiplier"];
    const TOPICS: &[&str] = &[
        "commit_interval",
        "session_timeout",
        "max_poll_interval",
        "rebalance",
    ];
    const LATE: &[&str] = &["max_retries", "retry_delay", "commit_interval"];
    const KIND: &str = "this kind of queue";
    const EARLY: &str = "`acknowledge = \"early\"` on a topic";
    const MEMBER: &str = "a member takes the next record of each partition";
    const GONE: &str = "a record is committed before its task, and does not come again";
    if let Some(multiplier) = table.count("prefetch_multiplier", diagnostics) {
        worker.prefetch_multiplier = multiplier;
    }
    match table.one_of("acknowledge", &["early", "late"], diagnostics) {
        Some("late") => worker.acknowledge = Acknowledge::Late,
        Some("early") => worker.acknowledge = Acknowledge::Early,
        _ => {}
    }
    let share = |node: &Node| match number(node)? {
        share if (0.0..=1.0).contains(&share) => Ok(share),
        share => Err(format!("{share} is no share: must be from 0 to 1")),
    };
    if let Some(share) = table.read("failure_rate", diagnostics, share) {
        worker.failure_rate = share;
    }
    if let Some(retries) = table.count("max_retries", diagnostics) {
        worker.max_retries = retries;
    }
    for (key, target) in [
        ("retry_delay", &mut worker.retry_delay),
        ("commit_interval", &mut worker.commit_interval),
        ("session_timeout", &mut worker.session_timeout),
        ("max_poll_interval", &mut worker.max_poll_interval),
        ("rebalance", &mut worker.rebalance),
    ] {
        if let Some(duration) = table.duration(key, diagnostics) {
            *target = duration;
        }
    }
    if worker.max_poll_interval <= SimDuration::ZERO {
        let title = "a member that leaves at once does nothing";
        let span = table.key_span("max_poll_interval");
        diagnostics.error(span, title, "must be more than 0s");
    }
    let is_early = worker.acknowledge == Acknowledge::Early;
    let early = is_early && table.get("acknowledge").is_some();
    let misplaced: &[(&[&'static str], &str, &str)] = match is_topic {
        Some(true) if early => &[(TASKS, KIND, MEMBER), (LATE, EARLY, GONE)],
        Some(true) => &[(TASKS, KIND, MEMBER)],
        Some(false) => &[(TOPICS, KIND, "only consumers of a topic have it")],
        None => &[],
    };
    for (keys, partner, label) in misplaced {
        for key in *keys {
            if table.get(key).is_some() {
                let title = format!("`{key}` does not go with {partner}");
                diagnostics.error(table.key_span(key), title, *label);
            }
        }
    }
}
