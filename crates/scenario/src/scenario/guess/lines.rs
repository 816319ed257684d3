//! What was guessed, for the terminal.

use super::text::memory;
use super::{Demand, Guess, MetricOf, NodeGuess, NodeShape, ServiceGuess, SourceGuess};

pub(super) fn lines(guess: &Guess) -> Vec<String> {
    let nodes = guess.nodes.iter().map(nodes);
    let services = guess.services.iter().filter_map(service);
    let idle = idle(&guess.services);
    let metrics = guess.metrics.iter().map(|metric| {
        let of = match &metric.of {
            MetricOf::Pods(workload) => format!(" of {workload}"),
            MetricOf::Object(kind, name) => format!(" of {kind} {name}"),
            MetricOf::External => String::new(),
        };
        let from = match &metric.source {
            SourceGuess::Requests(service) => format!("requests a second of {service}"),
            SourceGuess::Series(_) => "a curve around the target".to_owned(),
        };
        format!("metric   {}{of}: {from}", metric.name)
    });
    let triggers = guess.triggers.iter().map(|one| {
        let (place, kind, who) = (one.trigger, &one.kind, &one.who);
        format!("trigger  {place} of {who}, {kind}: a curve around the target")
    });
    let all = services.chain(idle).chain(metrics).chain(triggers);
    all.chain(nodes).collect()
}

fn nodes(group: &NodeGuess) -> String {
    let shape = match group.shape {
        NodeShape::Instance(name) => name.to_owned(),
        NodeShape::Own { cores, gib } => format!("{cores} cores and {gib}Gi"),
    };
    let labels: Vec<String> = (group.labels.iter())
        .map(|(key, value)| format!(" {key}={value}"))
        .collect();
    let pods = if group.pods == 1 { "pod" } else { "pods" };
    format!(
        "nodes    {} × {shape}{}, room for {} {pods}",
        group.count,
        labels.join(""),
        group.pods
    )
}

fn service(one: &ServiceGuess) -> Option<String> {
    let held = match &one.memory {
        Some((base, _)) => format!(", {} of memory", memory(*base)),
        None => String::new(),
    };
    let (called, workload) = (one.called(), &one.workload);
    Some(match &one.demand {
        Demand::None => return None,
        Demand::Job { name, request_cpu } => format!(
            "service  {called}: {request_cpu} of CPU a request{held}; requests of the Job {name}"
        ),
        Demand::Load(load) => {
            let (low, high) = (load.mean - load.amplitude, load.mean + load.amplitude);
            let cpu = load.request_cpu;
            let why = &load.why;
            format!(
                "service  {called}: {} to {} requests a second ({why}), {cpu} of CPU each{held}",
                round(low),
                round(high)
            )
        }
        Demand::Queue(queue) => {
            let (low, high) = (queue.mean - queue.amplitude, queue.mean + queue.amplitude);
            let (name, kind, why) = (&queue.name, queue.kind.name(), &queue.why);
            format!(
                "queue    {name} of {kind}, consumed by {called}: {} to {} messages a second ({why}), {} of CPU in a second each{held}",
                round(low),
                round(high),
                queue.cpu
            )
        }
        Demand::Usage { cpu, why } => {
            let least = cpu
                .iter()
                .map(|point| point.1)
                .fold(f64::INFINITY, f64::min);
            let most = cpu.iter().map(|point| point.1).fold(0.0, f64::max);
            format!("usage    {workload}: {least:.2} to {most:.2} cores in all ({why}){held}")
        }
    })
}

/// Services that nothing calls, in one line.
fn idle(services: &[ServiceGuess]) -> Option<String> {
    let idle = services.iter().filter(|one| one.demand == Demand::None);
    let names: Vec<&str> = idle.map(ServiceGuess::called).collect();
    match names.as_slice() {
        [] => None,
        names => Some(format!(
            "idle     {}: no entry, no autoscaler",
            names.join(", ")
        )),
    }
}

/// A rate without digits that mean nothing.
fn round(rate: f64) -> f64 {
    (rate * 100.0).round() / 100.0
}
