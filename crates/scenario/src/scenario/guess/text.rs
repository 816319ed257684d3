//! A guess as the scenario file that a person would write.

use std::fmt::Write as _;

use super::{
    DURATION, Demand, Guess, LoadGuess, MetricGuess, MetricOf, NodeGuess, NodeShape, QueueGuess,
    ServiceGuess, SourceGuess, TriggerGuess,
};
use crate::sim::SimDuration;
use crate::units::Bytes;

/// A scenario that names manifests and nothing else.
pub(super) fn bare(name: &str, manifests: &[String]) -> String {
    format!(
        "name = {}\nmanifests = {}\n\n[simulation]\nduration = \"{}\"\n",
        quoted(name),
        list(manifests),
        time(DURATION)
    )
}

/// What stands at the top: how each kind of guess is replaced.
const HEAD: &str = "\
# A first scenario, guessed from the manifests; it runs as it is. Replace what is marked
# `guess` with what you measured:
#   request.cpu    CPU used over requests served, both from the same minutes
#   memory.base    `kubectl top pod` at a quiet time
#   usage.cpu      sum(rate(container_cpu_usage_seconds_total[5m])) over a day
#   diurnal        mean and peak of a day's requests; or `trace = { file = \"rates.csv\" }`,
#                  or a command line of `hey` or `ab`
#   series         the metric's values over a day
#   instance_type  kubectl get nodes -L node.kubernetes.io/instance-type
# docs/scenario.md has every key.

";

/// The whole scenario.
pub(super) fn whole(guess: &Guess, manifests: &[String]) -> String {
    let mut text = String::from(HEAD);
    let duration = format!("duration = \"{}\"", time(DURATION));
    let marked = format!("{duration}   # guess: a day, compressed; it is busiest in the middle");
    text += &bare(&guess.name, manifests).replace(&duration, &marked);
    for group in &guess.nodes {
        nodes(&mut text, group);
    }
    for one in &guess.services {
        service(&mut text, one);
    }
    for metric in &guess.metrics {
        of_metric(&mut text, metric);
    }
    for trigger in &guess.triggers {
        of_trigger(&mut text, trigger);
    }
    text
}

/// Lines into memory, which always takes them.
macro_rules! line {
    ($text:expr, $($part:tt)*) => {{
        let _ = writeln!($text, $($part)*);
    }};
}

fn nodes(text: &mut String, group: &NodeGuess) {
    let number = group.pods;
    let pods = if number == 1 { "pod" } else { "pods" };
    line!(
        text,
        "\n# guess: room for {number} {pods}, all workloads at their largest."
    );
    line!(text, "[[node_group]]");
    line!(text, "name = {}", quoted(&group.name));
    match group.shape {
        NodeShape::Instance(name) => line!(text, "instance_type = \"{name}\""),
        NodeShape::Own { cores, gib } => {
            line!(text, "cpu = {cores}");
            line!(text, "memory = \"{gib}Gi\"");
        }
    }
    line!(text, "count = {}", group.count);
    if !group.labels.is_empty() {
        line!(text, "labels = {}", table(&group.labels));
    }
}

fn service(text: &mut String, one: &ServiceGuess) {
    let behind = match one.behind.as_slice() {
        [] => "no Service is in front of it".to_owned(),
        [name] => format!("behind the Service {name}"),
        names => format!("behind the Services {}", names.join(", ")),
    };
    let idle = match one.demand {
        Demand::None => "; with neither an entry nor an autoscaler it gets no load",
        _ => "",
    };
    if let Demand::Queue(guess) = &one.demand {
        queue(text, guess);
    }
    line!(text, "\n# {}: {behind}{idle}.", one.workload);
    line!(text, "[[service]]");
    line!(text, "workload = {}", quoted(&one.workload));
    if let Some(name) = &one.name {
        line!(text, "name = {}", quoted(name));
    }
    if let Some(container) = &one.container {
        line!(text, "container = {}", quoted(container));
    }
    if let Demand::Job { request_cpu, .. } | Demand::Load(LoadGuess { request_cpu, .. }) =
        &one.demand
    {
        line!(text, "request = {{ cpu = \"{request_cpu}\" }}   # guess");
    }
    if let Demand::Queue(guess) = &one.demand {
        let QueueGuess { cpu, wait, .. } = guess;
        line!(text, "consumes = {}", quoted(&guess.name));
        line!(
            text,
            "request = {{ cpu = \"{cpu}\", wait = \"{wait}\" }}   # guess: a task takes a second"
        );
    }
    if let Some((base, why)) = &one.memory {
        line!(
            text,
            "memory = {{ base = \"{}\" }}   # guess: {why}",
            memory(*base)
        );
    }
    match &one.demand {
        Demand::None => {}
        Demand::Job { name, .. } => line!(text, "# The Job {name} sends it requests."),
        Demand::Load(guess) => load(text, one.called(), guess),
        Demand::Queue(guess) => {
            let name = quoted(&guess.name);
            let to = format!("name = {name}\nqueue = {name}");
            let wave = (guess.mean, guess.amplitude);
            wave_of(text, &to, ("messages", &guess.why), wave);
        }
        Demand::Usage { cpu, why } => {
            line!(text, "# guess: CPU of all pods together ({why}).");
            let cores = |cores: f64| format!("\"{}m\"", (cores * 1000.0).round());
            line!(text, "usage.cpu = {}", curve(cpu, cores));
        }
    }
}

fn load(text: &mut String, service: &str, guess: &LoadGuess) {
    let name = quoted(service);
    let to = format!("name = {name}\nservice = {name}");
    let wave = (guess.mean, guess.amplitude);
    wave_of(text, &to, ("requests", &guess.why), wave);
}

fn wave_of(text: &mut String, to: &str, (what, why): (&str, &str), (mean, amplitude): (f64, f64)) {
    line!(text, "\n[[load]]\n{to}");
    line!(text, "# guess: {what} a second ({why}).");
    let (period, peak) = (time(DURATION), time(SimDuration(DURATION.0 / 2)));
    line!(
        text,
        "diurnal = {{ mean = {mean}, amplitude = {amplitude}, period = \"{period}\", peak_at = \"{peak}\" }}"
    );
}

fn queue(text: &mut String, guess: &QueueGuess) {
    line!(text, "\n# What a trigger of KEDA looks at.\n[[queue]]");
    line!(text, "name = {}", quoted(&guess.name));
    line!(text, "kind = \"{}\"", guess.kind.name());
    if let Some(partitions) = guess.partitions {
        line!(
            text,
            "partitions = {partitions}   # guess: one for each replica"
        );
    }
}

fn of_trigger(text: &mut String, guess: &TriggerGuess) {
    let (place, kind) = (guess.trigger, &guess.kind);
    line!(
        text,
        "\n# What trigger {place} of {} looks at, of the type {kind}.",
        guess.who
    );
    line!(text, "[[trigger_source]]");
    line!(text, "{} = {}", guess.key, quoted(&guess.object));
    line!(text, "trigger = {place}");
    if let SourceGuess::Series(points) = &guess.source {
        line!(text, "# guess: around the target.");
        let values = curve(points, |value| value.to_string());
        line!(text, "series = {values}");
    }
}

fn of_metric(text: &mut String, metric: &MetricGuess) {
    line!(text, "\n# What the {} asks for.", metric.hpa);
    line!(text, "[[metric]]");
    line!(text, "name = {}", quoted(&metric.name));
    match &metric.of {
        MetricOf::Pods(workload) => {
            line!(text, "type = \"pods\"");
            line!(text, "workload = {}", quoted(workload));
        }
        MetricOf::Object(kind, name) => {
            line!(text, "type = \"object\"");
            line!(
                text,
                "object = {{ kind = {}, name = {} }}",
                quoted(kind),
                quoted(name)
            );
        }
        MetricOf::External => line!(text, "type = \"external\""),
    }
    if !metric.labels.is_empty() {
        line!(text, "labels = {}", table(&metric.labels));
    }
    match &metric.source {
        SourceGuess::Requests(service) => {
            line!(text, "# guess: the requests of its pods.");
            line!(text, "service = {}", quoted(service));
            line!(text, "counter = \"requests_per_second\"");
        }
        SourceGuess::Series(points) => {
            line!(text, "# guess: around the target.");
            line!(
                text,
                "series = {}",
                curve(points, |value| value.to_string())
            );
        }
    }
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
    match items.as_slice() {
        [one] => format!("[{one}]"),
        several => format!("[\n  {},\n]", several.join(",\n  ")),
    }
}

fn table(entries: &[(String, String)]) -> String {
    let entry = |(key, value): &(String, String)| format!("{} = {}", quoted(key), quoted(value));
    let entries: Vec<String> = entries.iter().map(entry).collect();
    format!("{{ {} }}", entries.join(", "))
}

/// A curve, four points on a line.
fn curve(points: &[(SimDuration, f64)], value: impl Fn(f64) -> String) -> String {
    let point =
        |(at, amount): &(SimDuration, f64)| format!("[\"{}\", {}]", time(*at), value(*amount));
    let points: Vec<String> = points.iter().map(point).collect();
    let lines: Vec<String> = points.chunks(4).map(|line| line.join(", ")).collect();
    format!("[\n  {},\n]", lines.join(",\n  "))
}

/// A time without its empty parts: `2h`, `1h10m`.
fn time(time: SimDuration) -> String {
    let text = time.to_string();
    let text = match text.strip_suffix("m0s") {
        Some(minutes) => format!("{minutes}m"),
        None => text,
    };
    match text.strip_suffix("h0m") {
        Some(hours) => format!("{hours}h"),
        None => text,
    }
}

/// Memory in the largest unit that holds it whole.
pub(super) fn memory(amount: Bytes) -> String {
    for (shift, unit) in [(20, "Mi"), (10, "Ki")] {
        if amount.0 % (1 << shift) == 0 {
            return format!("{}{unit}", amount.0 >> shift);
        }
    }
    amount.0.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_no_empty_parts() {
        let times = [0, 600, 3600, 4200, 7200, 90].map(|s| time(SimDuration::from_secs(s)));
        assert_eq!(times, ["0s", "10m", "1h", "1h10m", "2h", "1m30s"]);
    }
}
