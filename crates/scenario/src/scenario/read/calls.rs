//! `calls` of a `[[service]]`: what its requests ask of other services and of queues.

use super::destination::named_service;
use super::known::Known;
use super::queues::Queues;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::Node;
use crate::scenario::reader::{Reader, count, duration, number};
use crate::sim::SimDuration;
use crate::workload::spec::{
    BreakerSpec, CallSpec, CallTarget, Jitter, RetryBudgetSpec, ServerSpec,
};

/// The wait before the first retry.
const BACKOFF: SimDuration = SimDuration::from_millis(25);
/// Retries of a call at most.
const MOST_RETRIES: u32 = 100;

/// How often a request makes a call at most.
const MOST_TIMES: f64 = 1000.0;

/// Keys of calls that are answered.
const ONLY_OF_SERVICES: [&str; 10] = [
    "timeout",
    "retries",
    "backoff",
    "jitter",
    "retry_budget",
    "retry_budget_ttl",
    "retry_budget_min",
    "breaker",
    "connections",
    "optional",
];

/// `minRetriesPerSec` of Finagle's and Linkerd's budgets.
const BUDGET_MIN: u32 = 10;
/// Retries a second that are free at most.
const MOST_BUDGET_MIN: u32 = 1_000_000;
/// `ttl` of these.
const BUDGET_TTL: SimDuration = SimDuration::from_secs(10);

/// Reads the calls of services: the index and the list of each that states some.
pub(super) fn calls(
    stated: &[(usize, &[Node])],
    services: &mut [ServerSpec],
    known: &Known<'_>,
    queues: &Queues,
    diagnostics: &mut Diagnostics,
) {
    for (service, items) in stated {
        let inside = &known.workloads[services[*service].workload].namespace;
        let mut made: Vec<CallSpec> = Vec::new();
        for (place, item) in items.iter().enumerate() {
            let Some(mut table) = Reader::new(item, "a call", diagnostics) else {
                continue;
            };
            let to = target(&mut table, inside, services, known, queues, diagnostics);
            let call = call(&mut table, to, diagnostics);
            if place == 0 && call.as_ref().is_some_and(|call| call.parallel) {
                let title = "`mode = \"parallel\"` on the first call";
                let label = "there is no call before it that it could be made beside";
                diagnostics.error(table.key_span("mode"), title, label).help =
                    Some("state it on the calls after the first".to_owned());
            }
            table.finish("a call", diagnostics);
            let Some(call) = call else {
                continue;
            };
            if made.iter().any(|other| other.to == call.to) {
                let title = "two calls of a request to the same";
                diagnostics.error(item.span.first(), title, "is called already");
                continue;
            }
            made.push(call);
        }
        services[*service].calls = made;
    }
    for (service, items) in stated {
        let mut seen = vec![false; services.len()];
        if reaches(services, queues, *service, *service, &mut seen) {
            let title = format!("calls of `{}` come back to it", services[*service].name);
            let label = "calls in a circle never end";
            diagnostics.error(items[0].span.first(), title, label);
            return;
        }
    }
}

/// Whether calls lead from a service to another.
fn reaches(
    services: &[ServerSpec],
    queues: &Queues,
    from: usize,
    to: usize,
    seen: &mut Vec<bool>,
) -> bool {
    services[from].calls.iter().any(|call| {
        let next = match &call.to {
            CallTarget::Service(next) => std::slice::from_ref(next),
            CallTarget::Queue(queue) => queues.consumers(*queue),
        };
        next.iter().any(|&next| {
            let is_new = !std::mem::replace(&mut seen[next], true);
            next == to || (is_new && reaches(services, queues, next, to, seen))
        })
    })
}

/// What is called.
fn target(
    table: &mut Reader<'_>,
    inside: &str,
    services: &[ServerSpec],
    known: &Known<'_>,
    queues: &Queues,
    diagnostics: &mut Diagnostics,
) -> Option<CallTarget> {
    match (table.get("service"), table.get("queue")) {
        (Some(node), None) => {
            let service = named_service(node, Some(inside), known, services, diagnostics)?;
            let name = &services[service].name;
            queues.refuse_requests((service, name), node.span, diagnostics);
            Some(CallTarget::Service(service))
        }
        (None, Some(node)) => {
            for key in ONLY_OF_SERVICES {
                if table.get(key).is_some() {
                    let title = format!("`{key}` does not go with `queue`");
                    let label = "a message is produced at once";
                    diagnostics.error(table.key_span(key), title, label);
                }
            }
            let queue = queues.find("queue", node, diagnostics)?;
            Some(CallTarget::Queue(queue))
        }
        _ => {
            let title = "a call is made to one service or one queue";
            let span = table.span().first();
            diagnostics
                .error(span, title, "give either `service` or `queue`")
                .help = Some("for example `{ service = \"api\", timeout = \"1s\" }`".to_owned());
            None
        }
    }
}

fn call(
    table: &mut Reader<'_>,
    to: Option<CallTarget>,
    diagnostics: &mut Diagnostics,
) -> Option<CallSpec> {
    let share = |node: &Node| match number(node)? {
        share if (0.0..=1.0).contains(&share) => Ok(share),
        share => Err(format!("{share} is no share: must be from 0 to 1")),
    };
    let positive = |node: &Node| match count(node)? {
        0 => Err("must be at least 1".to_owned()),
        count => Ok(count),
    };
    let probability = table.read("probability", diagnostics, share).unwrap_or(1.0);
    let times = table.read("times", diagnostics, |node| match number(node)? {
        times if (1.0..=MOST_TIMES).contains(&times) => Ok(times),
        times => Err(format!(
            "{times} is not from 1 to {MOST_TIMES}: for fewer than one there is `probability`"
        )),
    });
    let mode = table.one_of("mode", &["sequence", "parallel"], diagnostics);
    let timeout = table.read("timeout", diagnostics, |node| match duration(node)? {
        SimDuration::ZERO => Err("nothing is answered in no time: leave it out".to_owned()),
        timeout => Ok(timeout),
    });
    let retries = table.read("retries", diagnostics, |node| match count(node)? {
        retries if retries > MOST_RETRIES => Err(format!("must be at most {MOST_RETRIES}")),
        retries => Ok(retries),
    });
    let backoff = table.duration("backoff", diagnostics).unwrap_or(BACKOFF);
    let jitter = match table.one_of("jitter", &["none", "envoy", "grpc"], diagnostics) {
        Some("envoy") => Jitter::Envoy,
        Some("grpc") => Jitter::Grpc,
        _ => Jitter::None,
    };
    let retry_budget = retry_budget(table, diagnostics);
    let breaker = table.get("breaker");
    let breaker = breaker.and_then(|node| {
        let mut table = Reader::new(node, "`breaker`", diagnostics)?;
        let failures = table.read("failures", diagnostics, positive);
        let open_for = table.duration("open_for", diagnostics);
        table.finish("`breaker`", diagnostics);
        Some(BreakerSpec {
            failures: failures.unwrap_or(5),
            open_for: open_for.unwrap_or(SimDuration::from_secs(30)),
        })
    });
    let connections = table.read("connections", diagnostics, positive);
    let optional = table.boolean("optional", diagnostics).unwrap_or(false);
    for key in ["retry_budget_ttl", "retry_budget_min"] {
        if table.get(key).is_some() && table.get("retry_budget").is_none() {
            let title = format!("`{key}` without `retry_budget`");
            diagnostics.error(table.key_span(key), title, "retries are free without one");
        }
    }
    for key in ["backoff", "jitter", "retry_budget"] {
        if table.get(key).is_some() && table.get("retries").is_none() {
            let title = format!("`{key}` without `retries`");
            diagnostics.error(table.key_span(key), title, "nothing is tried again");
        }
    }
    Some(CallSpec {
        to: to?,
        probability,
        times: times.unwrap_or(1.0),
        parallel: mode == Some("parallel"),
        timeout,
        retries: retries.unwrap_or(0),
        backoff,
        jitter,
        retry_budget,
        breaker,
        connections,
        optional,
    })
}

/// What retries may cost.
fn retry_budget(table: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> Option<RetryBudgetSpec> {
    let share = table.read("retry_budget", diagnostics, |node| match number(node)? {
        share if (0.0..=1.0).contains(&share) => Ok(share),
        share => Err(format!("{share} is no share: must be from 0 to 1")),
    });
    let ttl = table.read("retry_budget_ttl", diagnostics, |node| {
        match duration(node)? {
            ttl if (1..=60).contains(&(ttl.0 / 1_000_000_000)) => Ok(ttl),
            _ => Err("must be from 1s to 60s".to_owned()),
        }
    });
    let per_second = table.read("retry_budget_min", diagnostics, |node| match count(node)? {
        count if count > MOST_BUDGET_MIN => Err(format!("must be at most {MOST_BUDGET_MIN}")),
        count => Ok(count),
    });
    Some(RetryBudgetSpec {
        share: share?,
        per_second: per_second.unwrap_or(BUDGET_MIN),
        ttl: ttl.unwrap_or(BUDGET_TTL),
    })
}
