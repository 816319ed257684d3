//! The columns of every table that a run writes: name, unit, type and meaning. The writers take
//! their headers from here, and `docs/outputs.md` shows the same tables.

use std::fmt::Write;

/// What the cells of a column are; a cell may also be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A floating-point number, always with a decimal point.
    Float,
    /// A whole number.
    Int,
    /// `true` or `false`.
    Bool,
    /// Text.
    Text,
}

impl Kind {
    /// Its name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Int => "integer",
            Self::Bool => "boolean",
            Self::Text => "text",
        }
    }
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name in the header.
    pub name: &'static str,
    /// Its unit; empty if it has none.
    pub unit: &'static str,
    /// Its type.
    pub kind: Kind,
    /// What a cell says.
    pub meaning: &'static str,
}

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// Its file.
    pub file: &'static str,
    /// What a row is.
    pub row: &'static str,
    /// The columns in order.
    pub columns: &'static [Column],
    /// Columns that stand behind these once for each metric, after its name and a dot.
    pub per_metric: &'static [Column],
    /// Columns behind those of metrics.
    pub rest: &'static [Column],
    /// Columns at the end of a run in which some service limits its rate.
    pub limited: &'static [Column],
}

const fn column(
    name: &'static str,
    unit: &'static str,
    kind: Kind,
    meaning: &'static str,
) -> Column {
    Column {
        name,
        unit,
        kind,
        meaning,
    }
}

const fn table(file: &'static str, row: &'static str, columns: &'static [Column]) -> Schema {
    Schema {
        file,
        row,
        columns,
        per_metric: &[],
        rest: &[],
        limited: &[],
    }
}

use Kind::{Bool, Float, Int, Text};

const NAMESPACE: Column = column("namespace", "", Text, "of the object");
const HPA: Column = column("hpa", "", Text, "name of the HPA; empty without one");
const WORKLOAD: Column = column("workload", "", Text, "`Kind/name` of what is scaled");

/// `timeseries.csv`.
pub const TIMESERIES: Schema = table(
    "timeseries.csv",
    "a service and a step",
    &[
        column(
            "time_s",
            "s",
            Float,
            "end of the step; a step that the end of the run cuts short has no row",
        ),
        NAMESPACE,
        column("service", "", Text, "name of the service"),
        WORKLOAD,
        HPA,
        column(
            "needed",
            "pods",
            Int,
            "pods that the load of the step needs at the HPA's target; empty if that is not known",
        ),
        column(
            "desired",
            "pods",
            Int,
            "the number that the HPA last wrote; empty without one",
        ),
        column("pending", "pods", Int, "not on a node yet"),
        column("starting", "pods", Int, "on a node, not running yet"),
        column("running", "pods", Int, "running, not ready"),
        column("ready", "pods", Int, "ready"),
        column("terminating", "pods", Int, "deleted, still there"),
        column(
            "offered_cores",
            "cores",
            Float,
            "requests that arrived × mean CPU per request, per second, plus declared usage, mean over the step",
        ),
        column(
            "used_cores",
            "cores",
            Float,
            "CPU that its pods used, mean over the step",
        ),
        column(
            "requested_cores",
            "cores",
            Float,
            "CPU that its ready pods request, sidecars and `spec.resources` included",
        ),
        column("utilization_pct", "%", Float, "used over requested"),
        column("memory_bytes", "bytes", Int, "held by all containers"),
        column(
            "in_service",
            "requests",
            Int,
            "in pods at that time, with a slot",
        ),
        column(
            "queued",
            "requests",
            Int,
            "in pods at that time, waiting for a slot",
        ),
        column("requests", "requests", Int, "arrived in the step"),
        column("ok", "requests", Int, "of these, answered with success"),
        column("failed", "requests", Int, "of these, ended without success"),
        column(
            "unanswered",
            "requests",
            Int,
            "of these, without an answer at the end of the run",
        ),
        column(
            "p50_ms",
            "ms",
            Float,
            "median latency of the successful ones; empty if there are none",
        ),
        column("p95_ms", "ms", Float, "its 95th percentile"),
        column("p99_ms", "ms", Float, "its 99th percentile"),
        column("max_ms", "ms", Float, "the longest"),
    ],
);

/// `decisions.csv`.
pub const DECISIONS: Schema = Schema {
    file: "decisions.csv",
    row: "a sync of an HPA",
    columns: &[
        column("time_s", "s", Float, "time of the sync"),
        NAMESPACE,
        HPA,
        WORKLOAD,
        column("current", "pods", Int, "replicas before"),
    ],
    per_metric: &[
        column("value", "", Float, "as the HPA shows it"),
        column("target", "", Float, "as the HPA shows it"),
        column("ratio", "", Float, "value over target"),
        column(
            "adjusted_ratio",
            "",
            Float,
            "after unready and missing pods are counted in",
        ),
        column("ready_pods", "pods", Int, "counted as ready"),
        column("unready_pods", "pods", Int, "not ready"),
        column("missing_pods", "pods", Int, "without a value"),
        column("ignored_pods", "pods", Int, "ignored"),
        column("proposal", "pods", Int, "replicas that the metric proposes"),
        column("error", "", Text, "why it proposes none"),
    ],
    rest: &[
        column("raw", "pods", Int, "the largest proposal"),
        column("stabilized", "pods", Int, "after the stabilization windows"),
        column("limited", "pods", Int, "after policies and bounds"),
        column("desired", "pods", Int, "replicas after"),
        column("written", "", Bool, "whether the scale was changed"),
        column("reason", "", Text, "why the number changed"),
        column(
            "able_to_scale",
            "",
            Text,
            "reason of the condition AbleToScale",
        ),
        column(
            "scaling_active",
            "",
            Text,
            "reason of the condition ScalingActive",
        ),
        column(
            "scaling_limited",
            "",
            Text,
            "reason of the condition ScalingLimited",
        ),
    ],
    limited: &[],
};

/// `events.csv`.
pub const EVENTS: Schema = table(
    "events.csv",
    "an event, as `kubectl get events` shows it",
    &[
        column("time_s", "s", Float, "when"),
        column("type", "", Text, "`Normal` or `Warning`"),
        column(
            "reason",
            "",
            Text,
            "one word; `Command` for a command of `[[action]]`",
        ),
        column(
            "namespace",
            "",
            Text,
            "of the object; a load that is not a Job has none",
        ),
        column("object", "", Text, "`Kind/name`"),
        column(
            "message",
            "",
            Text,
            "the sentence, or what a command printed",
        ),
        column("count", "", Int, "how often the event was reported"),
    ],
);

/// `load.csv`.
pub const LOADS: Schema = Schema {
    limited: &[column(
        "status_429",
        "requests",
        Int,
        "turned away by a rate limit; only where some service has one",
    )],
    ..table(
        "load.csv",
        "a load",
        &[
            column("load", "", Text, "its name"),
            column("tool", "", Text, "`ab`, `hey`, `wget` or `profile`"),
            column("namespace", "", Text, "of the service"),
            column("service", "", Text, "where it goes"),
            column("started_s", "s", Float, "its start"),
            column(
                "ended_s",
                "s",
                Float,
                "its end; empty: still at work when the run ended",
            ),
            column(
                "seconds",
                "s",
                Float,
                "between the two, by the tool's clock",
            ),
            column("sent", "requests", Int, "sent in the whole run"),
            column(
                "unanswered",
                "requests",
                Int,
                "of these, without an answer at the end of the run",
            ),
            column(
                "requests",
                "requests",
                Int,
                "those of which the tool knows the end",
            ),
            column("ok", "requests", Int, "answered with success"),
            column("status_503", "requests", Int, "turned away"),
            column(
                "status_504",
                "requests",
                Int,
                "ended by the server's time limit",
            ),
            column("timeout", "requests", Int, "given up by the client"),
            column("refused", "requests", Int, "no pod took the connection"),
            column("reset", "requests", Int, "the connection broke"),
            column(
                "requests_per_second",
                "1/s",
                Float,
                "as the tool computes it",
            ),
            column(
                "min_ms",
                "ms",
                Float,
                "of requests with an answer, by the tool's clock",
            ),
            column("mean_ms", "ms", Float, "likewise"),
            column("max_ms", "ms", Float, "likewise"),
            column(
                "p10_ms",
                "ms",
                Float,
                "a percentile that the tool prints, by its rule; empty if it does not",
            ),
            column("p25_ms", "ms", Float, "likewise"),
            column("p50_ms", "ms", Float, "likewise"),
            column("p66_ms", "ms", Float, "likewise"),
            column("p75_ms", "ms", Float, "likewise"),
            column("p80_ms", "ms", Float, "likewise"),
            column("p90_ms", "ms", Float, "likewise"),
            column("p95_ms", "ms", Float, "likewise"),
            column("p98_ms", "ms", Float, "likewise"),
            column("p99_ms", "ms", Float, "likewise"),
            column("p100_ms", "ms", Float, "likewise"),
        ],
    )
};

/// `scaling_steps.csv`.
pub const SCALING_STEPS: Schema = table(
    "scaling_steps.csv",
    "a step up of the load",
    &[
        NAMESPACE,
        HPA,
        column("time_s", "s", Float, "when the load steps up"),
        column("ready_before", "pods", Int, "ready at that time"),
        column("demand", "pods", Int, "needed from then on"),
        column(
            "t_first_decision_s",
            "s",
            Float,
            "from the step to the first larger number; empty: it never came, here as below",
        ),
        column(
            "t_full_decision_s",
            "s",
            Float,
            "to a number that the tolerance lets stand for the demand",
        ),
        column(
            "t_ready_s",
            "s",
            Float,
            "to as many ready pods: enough for the HPA to rest",
        ),
        column(
            "t_recover_s",
            "s",
            Float,
            "to utilization within the tolerance for a minute, once the HPA has seen the step",
        ),
        column("overshoot", "pods", Int, "most ready pods above the demand"),
        column(
            "metric_lag_s",
            "s",
            Float,
            "part of the time until ready: until a sync saw a metric above its target",
        ),
        column(
            "decision_s",
            "s",
            Float,
            "then, until the HPA wrote the number",
        ),
        column(
            "creation_s",
            "s",
            Float,
            "then, until the last pod needed was there",
        ),
        column("scheduling_s", "s", Float, "then, until it had a node"),
        column(
            "container_start_s",
            "s",
            Float,
            "then, until its container ran",
        ),
        column("readiness_s", "s", Float, "then, until it was ready"),
    ],
);

/// `vpa.csv`.
pub const VPAS: Schema = table(
    "vpa.csv",
    "a pass of the recommender and a container",
    &[
        column("time_s", "s", Float, "time of the pass"),
        NAMESPACE,
        column("vpa", "", Text, "name of the VPA"),
        WORKLOAD,
        column("container", "", Text, "name of the container"),
        column("running", "containers", Int, "that the amounts are over"),
        column(
            "cpu_lower_cores",
            "cores",
            Float,
            "lower bound, as the VPA's status shows it",
        ),
        column("cpu_target_cores", "cores", Float, "target, likewise"),
        column("cpu_upper_cores", "cores", Float, "upper bound, likewise"),
        column(
            "cpu_uncapped_cores",
            "cores",
            Float,
            "uncapped target, likewise",
        ),
        column("cpu_request_cores", "cores", Float, "mean request in force"),
        column("cpu_limit_cores", "cores", Float, "mean limit in force"),
        column(
            "cpu_usage_p50_cores",
            "cores",
            Float,
            "usage over the running containers as metrics-server shows it: median",
        ),
        column("cpu_usage_p95_cores", "cores", Float, "its 95th percentile"),
        column("cpu_usage_max_cores", "cores", Float, "the largest"),
        column("memory_lower_bytes", "bytes", Int, "the same of memory"),
        column("memory_target_bytes", "bytes", Int, "likewise"),
        column("memory_upper_bytes", "bytes", Int, "likewise"),
        column("memory_uncapped_bytes", "bytes", Int, "likewise"),
        column("memory_request_bytes", "bytes", Int, "likewise"),
        column("memory_limit_bytes", "bytes", Int, "likewise"),
        column("memory_usage_p50_bytes", "bytes", Int, "likewise"),
        column("memory_usage_p95_bytes", "bytes", Int, "likewise"),
        column("memory_usage_max_bytes", "bytes", Int, "likewise"),
    ],
);

/// `queues.csv`.
pub const QUEUES: Schema = table(
    "queues.csv",
    "a queue and a step",
    &[
        column("time_s", "s", Float, "end of the step"),
        column("queue", "", Text, "name of the queue"),
        column("kind", "", Text, "kind of broker"),
        column("service", "", Text, "the service that consumes it"),
        column("ready", "messages", Int, "wait for a worker"),
        column(
            "unacked",
            "messages",
            Int,
            "held by workers that have not acknowledged them; of `rabbitmq` and `redis` also retries that wait for their time",
        ),
        column(
            "delayed",
            "messages",
            Int,
            "held back by the broker: new ones with a delay, of `sqs` also retries",
        ),
        column("running", "tasks", Int, "tasks that run"),
        column("consumers", "workers", Int, "workers that consume"),
        column("lag", "messages", Int, "lag of a topic's group; else empty"),
        column(
            "oldest_s",
            "s",
            Float,
            "age of the oldest message that waits (of SQS: that is not deleted); empty if there is none",
        ),
        column("produced", "messages", Int, "since the start of the run"),
        column("delivered", "messages", Int, "likewise, each time anew"),
        column("done", "messages", Int, "likewise"),
        column("dead_lettered", "messages", Int, "likewise: given up"),
        column("lost", "messages", Int, "likewise: with killed workers"),
        column(
            "redelivered",
            "messages",
            Int,
            "likewise: delivered before, without a failure of their task",
        ),
        column("retried", "tasks", Int, "likewise: failed, tried again"),
        column("duplicates", "tasks", Int, "likewise: done once more"),
    ],
);

/// `calls.csv`.
pub const CALLS: Schema = Schema {
    limited: &[column(
        "limited_429",
        "calls",
        Int,
        "likewise: failed, as the last attempt came beyond the called pod's rate limit; only where some service has one",
    )],
    ..table(
        "calls.csv",
        "a way of calls and a step",
        &[
            column("time_s", "s", Float, "end of the step"),
            column("caller", "", Text, "the service that calls"),
            column(
                "called",
                "",
                Text,
                "the service or the queue that is called",
            ),
            column("calls", "calls", Int, "since the start of the run"),
            column(
                "first",
                "calls",
                Int,
                "likewise: those that would have been made without any retry, here or before",
            ),
            column("attempts", "requests", Int, "likewise: what was sent"),
            column("answered", "calls", Int, "likewise"),
            column(
                "rejected_503",
                "calls",
                Int,
                "likewise: failed, as the last attempt found a full backlog or failed with a call of its own",
            ),
            column(
                "timeout",
                "calls",
                Int,
                "likewise: was not answered in time",
            ),
            column("refused", "calls", Int, "likewise: no pod took it"),
            column("killed", "calls", Int, "likewise: the called pod ended"),
            column(
                "server_timeout_504",
                "calls",
                Int,
                "likewise: the called server's own limit ended it",
            ),
            column(
                "circuit_open",
                "calls",
                Int,
                "likewise: the circuit breaker was open",
            ),
            column(
                "no_connection",
                "calls",
                Int,
                "likewise: no connection became free in time",
            ),
            column(
                "caller_gone",
                "calls",
                Int,
                "likewise: the calling request or its pod ended first",
            ),
            column("retries", "attempts", Int, "likewise: after a failed one"),
            column(
                "unbudgeted",
                "calls",
                Int,
                "likewise: not tried again, as the budget was used up",
            ),
            column(
                "turned_away",
                "attempts",
                Int,
                "likewise: refused, as the called pod had its `max_connections`",
            ),
            column("opened", "times", Int, "likewise: circuit breakers opened"),
            column(
                "spent_s",
                "s",
                Float,
                "likewise: time from calls to their ends, added up",
            ),
            column("under_way", "calls", Int, "at that time"),
            column("waiting", "calls", Int, "of them: for a connection"),
            column(
                "connections",
                "connections",
                Int,
                "of pools, open at that time",
            ),
        ],
    )
};

/// `pods.csv`.
pub const PODS: Schema = table(
    "pods.csv",
    "a pod and its requests",
    &[
        NAMESPACE,
        WORKLOAD,
        column("pod", "", Text, "its name"),
        column(
            "from_s",
            "s",
            Float,
            "from when on it requests what it does: its creation, or a resize in place",
        ),
        column("to_s", "s", Float, "until when; empty: the end of the run"),
        column(
            "cpu_request_cores",
            "cores",
            Float,
            "CPU that it requests then",
        ),
        column(
            "memory_request_bytes",
            "bytes",
            Int,
            "memory that it requests then",
        ),
        column(
            "created_s",
            "s",
            Float,
            "its creation; pods that are there at the start have 0",
        ),
        column("scheduled_s", "s", Float, "when it got a node"),
        column("started_s", "s", Float, "when its first container ran"),
        column(
            "ready_s",
            "s",
            Float,
            "when it was ready for the first time",
        ),
        column("deleted_s", "s", Float, "when it was gone"),
    ],
);

/// `nodes.csv`.
pub const NODES: Schema = table(
    "nodes.csv",
    "a node",
    &[
        column("node", "", Text, "its name"),
        column("group", "", Text, "its group"),
        column("started_s", "s", Float, "when it was launched"),
        column(
            "ended_s",
            "s",
            Float,
            "when it was terminated; empty: the end of the run",
        ),
        column("cpu_cores", "cores", Float, "CPU for pods"),
        column("memory_bytes", "bytes", Int, "memory for pods"),
        column("price_per_hour", "$", Float, "its price"),
        column("spot", "", Bool, "whether it is a spot node"),
    ],
);

/// `node-autoscaler.csv`.
pub const NODE_AUTOSCALER: Schema = table(
    "node-autoscaler.csv",
    "a decision of the node autoscaler",
    &[
        column("time_s", "s", Float, "when"),
        column(
            "action",
            "",
            Text,
            "`scale-up`, `scale-up-failed`, `no-scale-up`, `scale-down`, `scale-down-failed` or `unremovable`",
        ),
        column("group", "", Text, "the node group, if it is about one"),
        column("node", "", Text, "the node, if it is about one"),
        column("from", "nodes", Int, "the group's size before"),
        column("to", "nodes", Int, "the group's size after"),
        column(
            "pods",
            "pods",
            Int,
            "the pods that waited, or that have to move",
        ),
        column(
            "reason",
            "",
            Text,
            "why; told again only when it has changed",
        ),
    ],
);

/// `cost.csv`.
pub const COSTS: Schema = table(
    "cost.csv",
    "an hour, a node group, a way of paying and an owner",
    &[
        column("time_s", "s", Float, "begin of the hour"),
        column(
            "node_group",
            "",
            Text,
            "the group; empty of what belongs to no nodes",
        ),
        column(
            "purchase",
            "",
            Text,
            "`on-demand`, `spot` or `commitment`; empty of the cluster's fee and a credit",
        ),
        column("namespace", "", Text, "of the workload"),
        column(
            "owner",
            "",
            Text,
            "`Kind/name` of the workload that pays; `daemonsets`, `idle`, `unused commitment`, `cluster fee`, `credit`",
        ),
        column(
            "core_hours",
            "cores × h",
            Float,
            "the larger of what its pods request and use",
        ),
        column("gib_hours", "GiB × h", Float, "likewise"),
        column(
            "cpu_cost",
            "$",
            Float,
            "its part of the nodes' price for CPU",
        ),
        column("memory_cost", "$", Float, "for memory"),
        column(
            "cost",
            "$",
            Float,
            "both, a fee, or an unused commitment; a credit is below 0",
        ),
    ],
);

/// Every table with fixed columns.
pub const TABLES: [Schema; 12] = [
    TIMESERIES,
    DECISIONS,
    EVENTS,
    LOADS,
    SCALING_STEPS,
    VPAS,
    QUEUES,
    CALLS,
    PODS,
    NODES,
    NODE_AUTOSCALER,
    COSTS,
];

impl Schema {
    /// The names in the header; `metrics` are those of the HPAs.
    pub fn header(&self, metrics: &[&str]) -> Vec<String> {
        let names = |columns: &[Column]| -> Vec<String> {
            columns
                .iter()
                .map(|column| column.name.to_owned())
                .collect()
        };
        let mut header = names(self.columns);
        for metric in metrics {
            let columns = self.per_metric.iter();
            header.extend(columns.map(|column| format!("{metric}.{}", column.name)));
        }
        header.extend(names(self.rest));
        header
    }

    /// The names in the header of a table without metrics; with a rate limit it has a column more.
    pub fn header_with(&self, limits_rates: bool) -> Vec<String> {
        let mut header = self.header(&[]);
        let limited = self.limited.iter().filter(|_| limits_rates);
        header.extend(limited.map(|column| column.name.to_owned()));
        header
    }

    /// The column of this name in a header.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        let last = name.rsplit('.').next().unwrap_or(name);
        let mut plain = self.columns.iter().chain(self.rest).chain(self.limited);
        let of_metric = || self.per_metric.iter().find(|column| column.name == last);
        plain.find(|column| column.name == name).or_else(of_metric)
    }

    /// The table of its columns as Markdown.
    pub fn markdown(&self) -> String {
        let mut text =
            String::from("| column | unit | type | meaning |\n| --- | --- | --- | --- |\n");
        let metric = self.per_metric.iter().map(|column| ("METRIC.", column));
        let plain = |columns: &'static [Column]| columns.iter().map(|column| ("", column));
        let last = plain(self.rest).chain(plain(self.limited));
        for (before, column) in plain(self.columns).chain(metric).chain(last) {
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "| `{before}{}` | {} | {} | {} |",
                column.name,
                column.unit,
                column.kind.name(),
                column.meaning
            );
        }
        text
    }
}
