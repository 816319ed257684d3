//! `[[load]]`: command lines, Jobs, declared profiles.

use super::Known;
use super::services::number_curve;
use crate::cluster::spec::WorkloadKind;
use crate::load::WGET_PROCESS_COST;
use crate::load::command_line;
use crate::load::spec::{Arrivals, Generator, LoadSpec, ProfileSpec, Shape, Url, WgetJobSpec};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::{Node, Span};
use crate::scenario::reader::Reader;
use crate::scenario::suggest::nearest;
use crate::sim::{Dist, SimDuration, SimTime};
use crate::workload::spec::ServiceSpec;

const GENERATORS: &[&str] = &[
    "command", "manifest", "constant", "poisson", "ramp", "steps", "spike", "diurnal", "trace",
];

pub(super) fn loads(
    root: &mut Reader<'_>,
    known: &mut Known<'_>,
    services: &[ServiceSpec],
    diagnostics: &mut Diagnostics,
) -> Vec<LoadSpec> {
    let mut made: Vec<LoadSpec> = Vec::new();
    for (index, item) in root.list("load", diagnostics).iter().enumerate() {
        let Some(mut table) = Reader::new(item, "`load`", diagnostics) else {
            continue;
        };
        let load = load(&mut table, index, known, services, diagnostics);
        table.finish("`load`", diagnostics);
        if let Some(load) = load {
            push(&mut made, load, item.span, diagnostics);
        }
    }
    // Jobs of wget loops among the manifests are loads from the start on.
    for workload in 0..known.workloads.len() {
        let taken = made.iter().any(
            |load| matches!(&load.generator, Generator::WgetJob(job) if job.workload == workload),
        );
        let spec = &known.workloads[workload];
        let document = known.manifests.workloads[workload].document;
        if taken
            || !matches!(spec.kind, WorkloadKind::Job { .. })
            || known.documents[document].load.is_some()
        {
            continue;
        }
        let name = spec.name.clone();
        let span = known.nodes[document].span;
        let load = wget_job(
            workload,
            span,
            &name,
            (SimTime::ZERO, None),
            known,
            services,
            diagnostics,
        );
        made.extend(load);
    }
    made
}

fn push(made: &mut Vec<LoadSpec>, mut load: LoadSpec, span: Span, diagnostics: &mut Diagnostics) {
    let base = load.name.clone();
    let mut number = 2;
    while made.iter().any(|other| other.name == load.name) {
        load.name = format!("{base}-{number}");
        number += 1;
    }
    if load.until.is_some_and(|until| until <= load.at) {
        diagnostics.error(
            span,
            "the load ends before it begins",
            "`until` must be after `at`",
        );
    }
    made.push(load);
}

fn load(
    table: &mut Reader<'_>,
    index: usize,
    known: &mut Known<'_>,
    services: &[ServiceSpec],
    diagnostics: &mut Diagnostics,
) -> Option<LoadSpec> {
    let name = table.text("name", diagnostics).map(str::to_owned);
    let at = table.time("at", diagnostics).unwrap_or(SimTime::ZERO);
    let until = table.time("until", diagnostics);
    let service_node = table.get("service");
    let arrivals = table.read("arrivals", diagnostics, |node| match node.text() {
        Some("poisson") => Ok(Arrivals::Poisson),
        Some("even") => Ok(Arrivals::Even),
        _ => Err("expected \"poisson\" or \"even\"".to_owned()),
    });
    let timeout = table.duration("timeout", diagnostics);
    let given: Vec<(&'static str, &Node)> = GENERATORS
        .iter()
        .filter_map(|key| table.get(key).map(|node| (*key, node)))
        .collect();
    let [(kind, node)] = given.as_slice() else {
        let label = match given.len() {
            0 => "none is given".to_owned(),
            _ => format!(
                "given: {}",
                given
                    .iter()
                    .map(|(key, _)| *key)
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        };
        let span = given.get(1).map_or(
            Span {
                end: table.span().start + 1,
                ..table.span()
            },
            |(key, _)| table.key_span(key),
        );
        diagnostics
            .error(span, "a load has exactly one generator", label)
            .help = Some(format!("one of {}", GENERATORS.join(", ")));
        return None;
    };
    match *kind {
        "command" => {
            let (generator, url) = command(node, diagnostics)?;
            let service = match service_node {
                Some(node) => named_service(node, services, diagnostics)?,
                None => service_of(&url, node.span, services, diagnostics)?,
            };
            let tool = if matches!(generator, Generator::Ab(_)) {
                "ab"
            } else {
                "hey"
            };
            Some(LoadSpec {
                name: name.unwrap_or_else(|| tool.to_owned()),
                service,
                at,
                until,
                generator,
            })
        }
        "manifest" => {
            let workload = known.manifests.workloads.iter().position(|object| {
                known.documents[object.document].load == Some(index)
                    && matches!(object.value.kind, WorkloadKind::Job { .. })
            });
            let Some(workload) = workload else {
                if !diagnostics.has_errors() {
                    diagnostics.error(
                        node.span,
                        "the manifest holds no Job",
                        "a load's manifest is a Job",
                    );
                }
                return None;
            };
            let name = name.unwrap_or_else(|| known.workloads[workload].name.clone());
            wget_job(
                workload,
                node.span,
                &name,
                (at, until),
                known,
                services,
                diagnostics,
            )
        }
        profile => {
            let shape = shape(profile, node, known, diagnostics)?;
            let default = if profile == "constant" {
                Arrivals::Even
            } else {
                Arrivals::Poisson
            };
            let generator = Generator::Profile(ProfileSpec {
                shape,
                arrivals: arrivals.unwrap_or(default),
                timeout,
            });
            let service = match (service_node, services) {
                (Some(node), _) => named_service(node, services, diagnostics)?,
                (None, [_]) => 0,
                (None, _) => {
                    table.missing("service", "`load`", "service = \"api\"", diagnostics);
                    return None;
                }
            };
            Some(LoadSpec {
                name: name.unwrap_or_else(|| profile.to_owned()),
                service,
                at,
                until,
                generator,
            })
        }
    }
}

fn command(node: &Node, diagnostics: &mut Diagnostics) -> Option<(Generator, Url)> {
    let Some(text) = node.text() else {
        diagnostics.error(
            node.span,
            "wrong value for `command`",
            "expected a command line as text",
        );
        return None;
    };
    match command_line::parse(text) {
        Ok(parsed) => {
            if !parsed.ignored.is_empty() {
                let title = format!(
                    "flags that do not shape the load are passed over: {}",
                    parsed.ignored.join(", ")
                );
                diagnostics.warning(node.span, title, "in this command line");
            }
            Some((parsed.generator, parsed.url))
        }
        Err(error) => {
            // The text begins after the opening quote.
            let start = node.span.start + 1;
            let span = Span {
                file: node.span.file,
                start: start + error.start,
                end: start + error.end,
            };
            diagnostics.error(span, "wrong command line", error.message);
            None
        }
    }
}

fn service_of(
    url: &Url,
    span: Span,
    services: &[ServiceSpec],
    diagnostics: &mut Diagnostics,
) -> Option<usize> {
    let found = services
        .iter()
        .position(|service| service.hosts.contains(&url.host));
    if found.is_none() && !diagnostics.has_errors() {
        let hosts: Vec<&str> = services
            .iter()
            .flat_map(|service| service.hosts.iter().map(String::as_str))
            .collect();
        let advice = match nearest(&url.host, hosts.iter().copied()) {
            Some(host) => format!("did you mean `{host}`?"),
            None if hosts.is_empty() => {
                "add a `[[service]]` for the workload that answers".to_owned()
            }
            None => format!(
                "known hosts: {}; or name the service with `service = \"…\"`",
                hosts.join(", ")
            ),
        };
        let title = format!("no service answers under the host `{}`", url.host);
        diagnostics.error(span, title, "this URL").help = Some(advice);
    }
    found
}

fn named_service(
    node: &Node,
    services: &[ServiceSpec],
    diagnostics: &mut Diagnostics,
) -> Option<usize> {
    let name = node.text().unwrap_or_default();
    let plain = name.rsplit('/').next().unwrap_or(name);
    let found = services
        .iter()
        .position(|service| service.name == name || service.hosts.iter().any(|host| host == plain));
    if found.is_none() && !diagnostics.has_errors() {
        let names: Vec<&str> = services
            .iter()
            .map(|service| service.name.as_str())
            .collect();
        let title = format!("no service `{name}`");
        diagnostics.error(node.span, title, "not found").help =
            Some(crate::scenario::suggest::advice(name, &names));
    }
    found
}

fn wget_job(
    workload: usize,
    span: Span,
    name: &str,
    (at, until): (SimTime, Option<SimTime>),
    known: &mut Known<'_>,
    services: &[ServiceSpec],
    diagnostics: &mut Diagnostics,
) -> Option<LoadSpec> {
    let spec = &mut known.workloads[workload];
    spec.created_at = at;
    spec.deleted_at = until;
    // A shell that was just started is at work at once.
    spec.startup.ready = Dist::Constant(0.0);
    let script = spec
        .template
        .containers
        .first()
        .map(|container| container.command.clone())
        .unwrap_or_default();
    let Some(found) = command_line::parse_wget_loop(&script) else {
        let title = format!("Job {} is no load that is known", spec.name);
        diagnostics.error(span, title, "its command holds no `wget URL`").help =
            Some("a load Job runs a loop such as `while true; do wget -q -O- http://service/; sleep 0.01; done`".to_owned());
        return None;
    };
    let service = service_of(&found.url, span, services, diagnostics)?;
    let generator = Generator::WgetJob(WgetJobSpec {
        workload,
        sleep: found.sleep,
        process_cost: Dist::Constant(WGET_PROCESS_COST),
        timeout: found.timeout,
        url: found.url,
    });
    Some(LoadSpec {
        name: name.to_owned(),
        service,
        at,
        until,
        generator,
    })
}

fn shape(
    kind: &str,
    node: &Node,
    known: &Known<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Shape> {
    let what = format!("`{kind}`");
    if kind == "steps" {
        let points = number_curve(kind, node, diagnostics);
        return Some(Shape::Steps(
            points
                .into_iter()
                .map(|(time, rate)| (time - SimTime::ZERO, rate))
                .collect(),
        ));
    }
    let mut table = Reader::new(node, &what, diagnostics)?;
    let mut need = |key: &'static str, diagnostics: &mut Diagnostics| {
        let has = table.get(key).is_some();
        let value = table.number(key, diagnostics);
        if !has {
            table.missing(key, &what, &format!("{key} = 50"), diagnostics);
        }
        value
    };
    let made = match kind {
        "constant" | "poisson" => need("rate", diagnostics).map(|rate| Shape::Constant { rate }),
        "ramp" => {
            let (from, to) = (need("from", diagnostics), need("to", diagnostics));
            let over = table
                .duration("over", diagnostics)
                .unwrap_or(SimDuration::from_secs(60));
            from.zip(to)
                .map(|(from, to)| Shape::Ramp { from, to, over })
        }
        "spike" => {
            let (base, peak) = (need("base", diagnostics), need("peak", diagnostics));
            let mut length = |key: &'static str, default: i64, diagnostics: &mut Diagnostics| {
                table
                    .duration(key, diagnostics)
                    .unwrap_or(SimDuration::from_secs(default))
            };
            let at = length("at", 0, diagnostics);
            let rise = length("rise", 0, diagnostics);
            let hold = length("hold", 60, diagnostics);
            let fall = length("fall", 0, diagnostics);
            base.zip(peak).map(|(base, peak)| Shape::Spike {
                base,
                peak,
                at,
                rise,
                hold,
                fall,
            })
        }
        "diurnal" => {
            let (mean, amplitude) = (need("mean", diagnostics), need("amplitude", diagnostics));
            let amplitude_span = table.key_span("amplitude");
            let period = table
                .duration("period", diagnostics)
                .unwrap_or(SimDuration::from_secs(86_400));
            let peak_at = table
                .duration("peak_at", diagnostics)
                .unwrap_or(SimDuration::from_secs(14 * 3600));
            let weekend = table.number("weekend", diagnostics).unwrap_or(1.0);
            if period < SimDuration::from_secs(1) {
                diagnostics.error(
                    table.key_span("period"),
                    "the period is too short",
                    "must be at least 1s",
                );
            }
            let both = mean.zip(amplitude);
            if both.is_some_and(|(mean, amplitude)| amplitude > mean) {
                diagnostics.error(
                    amplitude_span,
                    "the amplitude is above the mean",
                    "the rate would be negative",
                );
            }
            both.map(|(mean, amplitude)| Shape::Diurnal {
                mean,
                amplitude,
                period,
                peak_at,
                weekend,
            })
        }
        _ => {
            let file = table.get("file").and_then(Node::text);
            let linear = table.boolean("linear", diagnostics).unwrap_or(false);
            if file.is_none() {
                table.missing("file", &what, "file = \"rates.csv\"", diagnostics);
            }
            file.and_then(|file| known.traces.get(file))
                .map(|points| Shape::Trace {
                    points: points.clone(),
                    linear,
                })
        }
    };
    table.finish(&what, diagnostics);
    made
}

/// Reads a trace: rows of time (seconds or a duration) and rate; a heading is passed over.
pub(in crate::scenario) fn trace(
    text: &str,
    file: usize,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<(SimDuration, f64)>> {
    let mut points: Vec<(SimDuration, f64)> = Vec::new();
    let mut start = 0;
    let mut fine = true;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let span = Span {
            file,
            start,
            end: start + line.trim_end().len(),
        };
        start += line.len();
        let cells: Vec<&str> = line.trim().split(',').map(str::trim).collect();
        if cells == [""] || cells[0].starts_with('#') {
            continue;
        }
        let point = match cells.as_slice() {
            [time, rate] => parse_point(time, rate),
            _ => Err("expected two columns: time and rate".to_owned()),
        };
        match point {
            Err(_) if number == 0 => {}
            Err(problem) => {
                diagnostics.error(span, "wrong row in the trace", problem);
                fine = false;
            }
            Ok((time, _)) if points.last().is_some_and(|last| last.0 >= time) => {
                diagnostics.error(span, "wrong row in the trace", "times must ascend");
                fine = false;
            }
            Ok(point) => points.push(point),
        }
    }
    if points.is_empty() && fine {
        let span = Span {
            file,
            start: 0,
            end: 0,
        };
        diagnostics.error(
            span,
            "the trace has no rows",
            "expected rows of time and rate, for example `60,12.5`",
        );
        fine = false;
    }
    fine.then_some(points)
}

fn parse_point(time: &str, rate: &str) -> Result<(SimDuration, f64), String> {
    let offset = match time.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds >= 0.0 => SimDuration::from_secs_f64(seconds),
        Ok(_) => return Err(format!("the time {time} is not a number of at least 0")),
        Err(_) => time
            .parse()
            .map_err(|_| format!("\"{time}\" is no time: write seconds or a duration"))?,
    };
    match rate.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate >= 0.0 => Ok((offset, rate)),
        _ => Err(format!("the rate \"{rate}\" is not a number of at least 0")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_may_have_a_heading_and_durations() {
        let mut diagnostics = Diagnostics::default();
        let points = trace("time,rate\n0,1\n1m,2.5\n", 0, &mut diagnostics);
        assert_eq!(
            points,
            Some(vec![
                (SimDuration::ZERO, 1.0),
                (SimDuration::from_secs(60), 2.5)
            ])
        );
    }
}
