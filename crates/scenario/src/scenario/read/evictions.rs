//! When the kubelet evicts pods: as its flags have it, or as a KubeletConfiguration.

use super::controllers::assign;
use crate::cluster::eviction::{Eviction, Threshold};
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::{Node, Value};
use crate::scenario::reader::{MOST_BYTES, Reader, expected, wrong};
use crate::sim::SimDuration;
use crate::units::{Bytes, Quantity};

/// The one signal that is modelled.
const MEMORY: &str = "memory.available";

/// The settings of the eviction manager.
pub(super) fn evictions(
    table: &mut Reader<'_>,
    eviction: &mut Eviction,
    diagnostics: &mut Diagnostics,
) {
    let hard = setting(
        table,
        ["eviction-hard", "evictionHard"],
        diagnostics,
        |node| of_memory(node, '<', amount),
    );
    if let Some((_, hard)) = hard {
        eviction.hard = hard.unwrap_or(Threshold::Quantity(Bytes::ZERO));
    }
    let soft = setting(
        table,
        ["eviction-soft", "evictionSoft"],
        diagnostics,
        |node| of_memory(node, '<', amount),
    );
    let names = ["eviction-soft-grace-period", "evictionSoftGracePeriod"];
    let grace = setting(table, names, diagnostics, |node| of_memory(node, '=', time));
    match (soft, grace) {
        (Some((_, Some(soft))), Some((_, grace))) => eviction.soft = Some((soft, grace)),
        (Some((key, Some(_))), None) if !is_stated(table, names) => {
            let title = "the kubelet does not start without a grace period for its soft threshold";
            let label = "add `eviction-soft-grace-period = \"memory.available=1m30s\"`";
            diagnostics.error(table.key_span(key), title, label);
        }
        (None, Some((key, _))) if !is_stated(table, ["eviction-soft", "evictionSoft"]) => {
            let title = "there is no soft threshold whose grace period this is";
            let label = "add `eviction-soft = \"memory.available<500Mi\"`";
            diagnostics.error(table.key_span(key), title, label);
        }
        _ => {}
    }
    let names = ["eviction-minimum-reclaim", "evictionMinimumReclaim"];
    let reclaim = setting(table, names, diagnostics, |node| {
        of_memory(node, '=', amount)
    });
    if let Some((_, reclaim)) = reclaim {
        eviction.minimum_reclaim = reclaim;
    }
    let names = ["eviction-max-pod-grace-period", "evictionMaxPodGracePeriod"];
    let longest = setting(table, names, diagnostics, crate::scenario::reader::count);
    let longest = longest.map(|(_, seconds)| SimDuration::from_secs(seconds.into()));
    assign(&mut eviction.max_pod_grace, longest);
    let names = [
        "eviction-pressure-transition-period",
        "evictionPressureTransitionPeriod",
    ];
    let lasts = setting(table, names, diagnostics, crate::scenario::reader::duration);
    assign(
        &mut eviction.pressure_transition,
        lasts.map(|(_, lasts)| lasts),
    );
}

fn is_stated(table: &mut Reader<'_>, names: [&'static str; 2]) -> bool {
    names.into_iter().any(|name| table.get(name).is_some())
}

/// A setting by the name of the flag or by that of the configuration's field, and under which of
/// them it stands.
fn setting<T>(
    table: &mut Reader<'_>,
    names: [&'static str; 2],
    diagnostics: &mut Diagnostics,
    read: impl Fn(&Node) -> Result<T, String>,
) -> Option<(&'static str, T)> {
    let [flag, field] = names.map(|name| table.get(name).map(|node| (name, node)));
    if let (Some((name, _)), Some((other, _))) = (flag, field) {
        let title = format!("`{name}` and `{other}` are one setting");
        diagnostics.error(table.key_span(other), title, "write one of them");
    }
    let (name, node) = flag.or(field)?;
    match read(node) {
        Ok(value) => Some((name, value)),
        Err(problem) => {
            wrong(name, node, problem, diagnostics);
            None
        }
    }
}

/// What a setting says of memory: a flag's text, `memory.available<100Mi`, or a map of signals.
fn of_memory<T>(
    node: &Node,
    sign: char,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, String> {
    let what = if sign == '<' { "threshold" } else { "setting" };
    let wanted = if sign == '<' {
        "write `memory.available<` and a quantity of memory".to_owned()
    } else {
        format!("write `{MEMORY}{sign}` and its value")
    };
    let modelled = |signal: &str| {
        if signal.trim() == MEMORY {
            return Ok(());
        }
        Err(format!(
            "`{signal}` is not modelled, only memory is; {wanted}"
        ))
    };
    if let Value::Table(entries) = &node.value {
        for (key, _) in entries {
            modelled(&key.name)?;
        }
        let value = entries.first().and_then(|(_, value)| value.scalar_text());
        return read(&value.ok_or_else(|| format!("no value of `{MEMORY}`; {wanted}"))?);
    }
    let text = node.text().ok_or_else(|| expected("a string", node))?;
    let (signal, value) = text
        .split_once(sign)
        .ok_or_else(|| format!("{text:?} is no eviction {what}; {wanted}"))?;
    modelled(signal)?;
    read(value.trim())
}

/// An amount of memory or a share of what the node has; none for 0 % and 100 %, which the kubelet
/// does not heed.
fn amount(text: &str) -> Result<Option<Threshold>, String> {
    let problem =
        || format!("{text:?} is no amount of memory; write `500Mi` or `10%`, for example");
    if let Some(percent) = text.strip_suffix('%') {
        let percent: f32 = percent.parse().map_err(|_| problem())?;
        if !(0.0..=100.0).contains(&percent) {
            return Err(format!("{text} is not between 0% and 100%"));
        }
        let counts = percent > 0.0 && percent < 100.0;
        return Ok(counts.then_some(Threshold::Share(percent / 100.0)));
    }
    let quantity: Quantity = text.parse().map_err(|_| problem())?;
    if quantity.nanos() < 0 || quantity.nanos() > MOST_BYTES * 1_000_000_000 {
        return Err(format!("{quantity} of memory is not between 0 and 1Pi"));
    }
    Ok(Some(Threshold::Quantity(Bytes(quantity.value()))))
}

fn time(text: &str) -> Result<SimDuration, String> {
    let time: SimDuration = text
        .parse()
        .map_err(|error: crate::sim::DurationError| error.to_string())?;
    if time < SimDuration::ZERO {
        return Err(format!("{text} is negative: expected at least 0s"));
    }
    Ok(time)
}
