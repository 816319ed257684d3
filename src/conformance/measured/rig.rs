//! A set-up in the simulator: one load, one server, no cluster.

use super::input::Case;
use crate::load::WGET_PROCESS_COST;
use crate::load::command_line;
use crate::load::report::LoadReport;
use crate::load::spec::{Generator, LoadSpec, WgetJobSpec};
use crate::record::NoRequests;
use crate::sim::{Dist, EventQueue, SimDuration, SimTime, Streams};
use crate::units::Millicores;
use crate::workload::spec::{RequestSpec, ServerSpec};
use crate::workload::{ServerLimits, Tier};
use crate::world::traffic::{Traffic, TrafficEvent};

/// What the recordings call the server.
const ADDRESS: &str = "http://127.0.0.1:18099/";

/// A set-up, ready to be simulated.
pub(super) struct SetUp {
    service: ServerSpec,
    load: LoadSpec,
    /// `wget` loops that run at once; zero for the tools.
    pub(super) loops: u32,
    /// When it is looked at, unless it ends by itself.
    observed: Option<SimTime>,
}

impl SetUp {
    pub(super) fn of(case: &Case) -> Result<Self, String> {
        if case.runs.is_empty() {
            return Err("no runs were measured".to_owned());
        }
        let command = case.command.replace("URL", ADDRESS);
        let (generator, loops, observed) = if command.contains(" x busybox ") {
            loops(&command)?
        } else {
            let parsed = command_line::parse(&command).map_err(|error| error.message)?;
            (parsed.generator, 0, None)
        };
        Ok(Self {
            service: ServerSpec {
                name: "server".to_owned(),
                request: RequestSpec {
                    wait: case.service_time()?,
                    ..RequestSpec::default()
                },
                slots: Some(case.server.slots),
                backlog: case.server.queue,
                ..ServerSpec::default()
            },
            load: LoadSpec {
                name: "load".to_owned(),
                service: 0,
                at: SimTime::ZERO,
                until: None,
                generator,
            },
            loops,
            observed,
        })
    }

    /// Whether the tool ends after a number of requests, not after a time.
    pub(super) fn counts_requests(&self) -> bool {
        match &self.load.generator {
            Generator::Ab(ab) => ab.time_limit.is_none(),
            Generator::Hey(hey) => hey.duration.is_none(),
            Generator::WgetJob(_) | Generator::Profile(_) => false,
        }
    }

    pub(super) fn simulate(&self, seed: u64) -> LoadReport {
        let (services, loads) = ([self.service.clone()], [self.load.clone()]);
        let mut traffic = Traffic::new(&services, &loads, &Streams::new(seed));
        let mut queue: EventQueue<TrafficEvent> = EventQueue::default();
        let node = traffic.add_node(Millicores(1000));
        traffic.start(&mut queue);
        let limits = ServerLimits {
            cpu_limit: None,
            cpu_weight: 100,
            memory_limit: None,
            tier: Tier::default(),
        };
        let server = traffic.add_server(0, node, limits, &mut queue);
        traffic.add_endpoint(server, &mut queue, &mut NoRequests);
        for client in 0..self.loops {
            traffic.start_client(0, client, &mut queue);
        }
        let end = self.observed.unwrap_or(SimTime::MAX);
        while traffic.step(end, &mut queue, &mut NoRequests).is_some() {}
        traffic.load_report(0, self.observed.unwrap_or(queue.now()))
    }
}

/// `K x busybox sh: SCRIPT, observed for TIME`.
fn loops(command: &str) -> Result<(Generator, u32, Option<SimTime>), String> {
    let (count, rest) = command.split_once(" x busybox ").unwrap_or(("", command));
    let count =
        (count.trim().parse()).map_err(|_| format!("`{count}` is not a number of loops"))?;
    let (script, time) = rest
        .rsplit_once("observed for ")
        .ok_or("it is not said for how long the loops were observed")?;
    let time: String = time.chars().filter(|c| !c.is_whitespace()).collect();
    let time: SimDuration = (time.parse()).map_err(|error| format!("`{time}`: {error}"))?;
    let script = script
        .trim()
        .trim_start_matches("sh:")
        .trim_end_matches(',');
    let found = command_line::parse_wget_loop(script)
        .map_err(|error| format!("`{script}`: {}", error.message))?
        .ok_or_else(|| format!("no loop of `wget` in `{script}`"))?;
    let job = WgetJobSpec {
        workload: 0,
        script: found.script,
        process_cost: Dist::Constant(WGET_PROCESS_COST),
        timeout: found.timeout,
        url: found.url,
    };
    Ok((Generator::WgetJob(job), count, Some(SimTime::ZERO + time)))
}
