//! `interruption` of a `[[node_group]]`: how the provider takes spot nodes back.

use crate::cluster::spec::{InterruptionSpec, OnRebalance, SpotHandler};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::{Node, Value};
use crate::scenario::reader::{self, Reader, expected, number};
use crate::scenario::suggest::advice;
use crate::sim::{SimDuration, SimTime};

/// What AWS gives; Google Cloud and Azure give 30 s.
const NOTICE: SimDuration = SimDuration::from_secs(120);
/// Hours of a month, as prices count them.
const MONTH: f64 = 730.0;

/// The names of all groups, as they will be.
pub(super) fn names(items: &[Node]) -> Vec<String> {
    let name = |(place, item): (usize, &Node)| {
        let Value::Table(entries) = &item.value else {
            return String::new();
        };
        let own = entries.iter().find(|(key, _)| key.name == "name");
        let own = own.and_then(|(_, node)| node.text());
        own.map_or_else(|| format!("group-{}", place + 1), str::to_owned)
    };
    items.iter().enumerate().map(name).collect()
}

pub(super) fn interruption(
    group: &mut Reader<'_>,
    names: &[String],
    diagnostics: &mut Diagnostics,
) -> Option<InterruptionSpec> {
    let node = group.get("interruption")?;
    let spot = group.get("spot").map(|node| &node.value);
    if !matches!(spot, Some(Value::Bool(true))) {
        let title = "nodes on demand are not taken back";
        let span = group.key_span("interruption");
        diagnostics
            .error(span, title, "of a group without `spot = true`")
            .help = Some("a `[[fault]]` with `node` loses any node".to_owned());
    }
    let mut table = Reader::new(node, "`interruption`", diagnostics)?;
    let hazard = hazard(&mut table, diagnostics);
    let times = table.read("at", diagnostics, times);
    let correlated = table.read("correlated", diagnostics, |node| match number(node)? {
        0.0 => Err("then no node is taken".to_owned()),
        chance if chance <= 1.0 => Ok(chance),
        chance => Err(format!(
            "{chance} is not a chance: expected above 0 up to 1"
        )),
    });
    let notice = table.duration("notice", diagnostics).unwrap_or(NOTICE);
    let fallback = table.read("fallback", diagnostics, |node| {
        let text = node.text().ok_or_else(|| expected("a string", node))?;
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        let place = known.iter().position(|name| *name == text);
        place.ok_or_else(|| format!("no node group `{text}`; {}", advice(text, &known)))
    });
    let (max_lifetime, free_first_hour) = terms(&mut table, notice, diagnostics);
    let handler = table.one_of("handler", &SpotHandler::NAMES, diagnostics);
    let rebalance = table.duration("rebalance", diagnostics);
    let on_rebalance = table.one_of("on_rebalance", &OnRebalance::NAMES, diagnostics);
    early(&mut table, rebalance, times.as_deref(), diagnostics);
    let given = ["rate", "monthly", "at", "max_lifetime"].map(|key| table.get(key).is_some());
    if given == [false; 4] {
        let span = table.span().first();
        let title = "it is not said when nodes are taken back";
        diagnostics.error(span, title, "this does nothing").help =
            Some("write `rate = 0.05` (an hour), `monthly = 0.05`, `at = [\"10m\"]` or `max_lifetime = \"24h\"`".to_owned());
    }
    table.finish("`interruption`", diagnostics);
    Some(InterruptionSpec {
        hazard: hazard.unwrap_or(0.0),
        times: times.unwrap_or_default(),
        correlated,
        notice,
        max_lifetime,
        free_first_hour,
        fallback,
        handler: handler.and_then(SpotHandler::from_name).unwrap_or_default(),
        rebalance,
        on_rebalance: (on_rebalance.and_then(OnRebalance::from_name)).unwrap_or_default(),
    })
}

/// The same for single nodes, whatever group they are of.
pub(super) fn of_nodes(node: &Node, diagnostics: &mut Diagnostics) -> Option<InterruptionSpec> {
    let mut table = Reader::new(node, "`interruption`", diagnostics)?;
    let hazard = hazard(&mut table, diagnostics);
    let notice = table.duration("notice", diagnostics).unwrap_or(NOTICE);
    let (max_lifetime, free_first_hour) = terms(&mut table, notice, diagnostics);
    let rebalance = table.duration("rebalance", diagnostics);
    if hazard.is_none() && table.get("max_lifetime").is_none() {
        let span = table.span().first();
        let title = "it is not said when nodes are taken back";
        diagnostics.error(span, title, "this does nothing").help = Some(
            "write `rate = 0.05` (an hour), `monthly = 0.05` or `max_lifetime = \"24h\"`"
                .to_owned(),
        );
    }
    table.finish("`interruption`", diagnostics);
    Some(InterruptionSpec {
        hazard: hazard.unwrap_or(0.0),
        times: Vec::new(),
        correlated: None,
        notice,
        max_lifetime,
        free_first_hour,
        fallback: None,
        handler: SpotHandler::default(),
        rebalance,
        on_rebalance: OnRebalance::Nothing,
    })
}

/// What is wrong with a recommendation.
fn early(
    table: &mut Reader<'_>,
    rebalance: Option<SimDuration>,
    times: Option<&[SimTime]>,
    diagnostics: &mut Diagnostics,
) {
    let Some(lead) = rebalance else {
        if table.get("on_rebalance").is_some() {
            let title = "`on_rebalance` without `rebalance`";
            let label = "no recommendation comes";
            diagnostics.error(table.key_span("on_rebalance"), title, label);
        }
        return;
    };
    let mut times = times.unwrap_or_default().iter();
    if let Some(time) = times.find(|time| **time < SimTime::ZERO + lead) {
        let title = format!("a recommendation {lead} before {time} comes before the start");
        let label = "must not be longer than the times of `at`";
        diagnostics.error(table.key_span("rebalance"), title, label);
    }
}

/// How long a machine lives at most, and whether one that is taken in its first hour is free.
fn terms(
    table: &mut Reader<'_>,
    notice: SimDuration,
    diagnostics: &mut Diagnostics,
) -> (Option<SimDuration>, bool) {
    let longest = table.read(
        "max_lifetime",
        diagnostics,
        |node| match reader::duration(node)? {
            life if life <= notice => Err(format!("must be longer than the notice of {notice}")),
            life => Ok(life),
        },
    );
    let is_free = table.boolean("free_first_hour", diagnostics);
    (longest, is_free.unwrap_or(false))
}

/// Interruptions an hour.
fn hazard(table: &mut Reader<'_>, diagnostics: &mut Diagnostics) -> Option<f64> {
    let rate = table.number("rate", diagnostics);
    let monthly = table.read("monthly", diagnostics, |node| match number(node)? {
        part if part < 1.0 => Ok(-(1.0 - part).ln() / MONTH),
        part => Err(format!(
            "{part} is not a part of the nodes: write 0.05 for 5 %"
        )),
    });
    if ["rate", "monthly"]
        .iter()
        .all(|key| table.get(key).is_some())
    {
        let title = "an interruption has either a `rate` or a `monthly` frequency";
        let span = table.key_span("monthly");
        diagnostics.error(span, title, "the second of them");
    }
    rate.or(monthly)
}

/// One time, or a list of them.
fn times(node: &Node) -> Result<Vec<SimTime>, String> {
    let items = match &node.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let time = |item: &Node| reader::duration(item).map(|offset| SimTime::ZERO + offset);
    items.iter().map(time).collect()
}
