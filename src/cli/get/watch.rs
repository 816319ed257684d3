//! `--watch`: a row whenever an object changes, as `kubectl get -w` prints them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::asked::{Asked, Objects};
use super::clock;
use super::printer::Printer;
use crate::api::{Change, Kind, ObjectId, Store};
use crate::cli::exit::CliError;
use crate::scenario::Scenario;
use crate::world::{EventObjects, Simulation};

/// Goes on to the end of the scenario and prints what changes.
pub(super) fn watch(
    asked: &Asked,
    simulation: &mut Simulation<'_>,
    scenario: &Scenario,
    printer: &mut Printer<'_>,
    stop: &AtomicBool,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let end = scenario.simulation.end();
    let mut watched = match asked.of {
        Objects::Events => {
            let mut events = EventObjects::default();
            events.take(simulation.recording().events.iter());
            Watched::Events(events, simulation.recording().events.len())
        }
        Objects::ConfigMaps => {
            Watched::ConfigMaps(simulation.config_maps(clock(scenario, simulation.now())))
        }
        Objects::Karpenter => {
            let objects = simulation.karpenter_objects(asked.kind.kind);
            Watched::Karpenter(asked.kind.kind, objects.unwrap_or_default())
        }
        Objects::Stored(kind) => {
            let store = simulation.store();
            let clock = clock(scenario, simulation.now());
            let seen = store.ids(kind, None).into_iter();
            let seen = seen.filter_map(|id| Some((id, store.view(id, clock)?)));
            Watched::Stored(kind, seen.collect())
        }
    };
    simulation.watch();
    while let Some(now) = simulation.step(end)? {
        if stop.load(Ordering::Relaxed) {
            return Err(CliError::Interrupted);
        }
        let changes = simulation.watched();
        let clock = clock(scenario, now);
        let mut news = match &mut watched {
            Watched::Events(events, taken) => {
                let recorded = &simulation.recording().events;
                let changed = events.take(recorded.since(*taken));
                *taken = recorded.len();
                changed
                    .into_iter()
                    .map(|place| events.view(place, clock))
                    .collect()
            }
            Watched::ConfigMaps(seen) => {
                let now = simulation.config_maps(clock);
                let changed = *seen != now;
                seen.clone_from(&now);
                if changed { now } else { Vec::new() }
            }
            Watched::Karpenter(kind, seen) => {
                let now = simulation.karpenter_objects(kind).unwrap_or_default();
                let before = std::mem::replace(seen, now);
                news_of(&before, seen)
            }
            Watched::Stored(kind, seen) => {
                let store = simulation.store();
                let touched = touched(*kind, changes.iter().map(|(_, change)| change), store);
                changed(touched, seen, |id| store.view(id, clock))
            }
        };
        news.retain(|object| asked.includes(object));
        if !news.is_empty() {
            printer.print(news, clock, out)?;
        }
    }
    Ok(())
}

/// What is watched, as it was last seen.
enum Watched {
    /// The events, and how many of the recorded ones are among them.
    Events(EventObjects, usize),
    /// ConfigMaps.
    ConfigMaps(Vec<Value>),
    /// Objects of a kind of Karpenter's.
    Karpenter(&'static str, Vec<Value>),
    /// Objects of the store.
    Stored(Kind, BTreeMap<ObjectId, Value>),
}

/// Objects that are other than they were, and those that are gone as they were last.
fn news_of(before: &[Value], now: &[Value]) -> Vec<Value> {
    let is_in = |object: &Value, list: &[Value]| {
        let mut names = list.iter().map(|one| &one["metadata"]["name"]);
        names.any(|name| *name == object["metadata"]["name"])
    };
    let changed = now.iter().filter(|object| !before.contains(object));
    let gone = before.iter().filter(|object| !is_in(object, now));
    changed.chain(gone).cloned().collect()
}

/// The objects of a kind that changes may have changed: their own, and what counts pods.
fn touched<'a>(
    kind: Kind,
    changes: impl Iterator<Item = &'a Change>,
    store: &Store,
) -> BTreeSet<ObjectId> {
    let counts_pods = matches!(
        kind,
        Kind::ReplicaSet
            | Kind::StatefulSet
            | Kind::DaemonSet
            | Kind::Job
            | Kind::PodDisruptionBudget
    );
    let mut touched = BTreeSet::new();
    let mut pods = false;
    for change in changes {
        let of = change.object.kind();
        if of == kind {
            touched.insert(change.object);
        }
        pods |= of == Kind::Pod;
    }
    if pods && counts_pods {
        touched.extend(store.all(kind));
    }
    touched
}

/// The objects that are other than they were; those that are gone as they were last.
fn changed(
    touched: BTreeSet<ObjectId>,
    seen: &mut BTreeMap<ObjectId, Value>,
    view: impl Fn(ObjectId) -> Option<Value>,
) -> Vec<Value> {
    let mut changed = Vec::new();
    for id in touched {
        match view(id) {
            Some(now) if seen.get(&id) == Some(&now) => {}
            Some(now) => {
                changed.push(now.clone());
                seen.insert(id, now);
            }
            None => changed.extend(seen.remove(&id)),
        }
    }
    changed
}
