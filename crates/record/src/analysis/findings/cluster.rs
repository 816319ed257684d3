//! What is found of nodes, roll-outs and budgets.

use std::collections::BTreeMap;

use super::{Finding, Severity};
use crate::record::cost::by_its_life;
use crate::record::{BlockedRecord, HpaRecord, Labels, Recording, RolloutRecord};
use crate::sim::{SimDuration, SimTime};
use crate::units::Usd;

/// From this part of a group's node-hours on, nodes without pods are told of.
const EMPTY: f64 = 0.25;
/// From this many seconds of them on.
const EMPTY_FOR: f64 = 600.0;
/// From this many times the replicas on, a roll-out has driven its HPA.
const DRIVEN: f64 = 1.5;
const SECOND: i64 = 1_000_000_000;
/// Times that are listed.
const MOST_TIMES: usize = 3;

fn finding(severity: Severity, subject: String, text: String) -> Finding {
    Finding {
        severity,
        subject,
        text,
    }
}

/// A time in whole seconds.
fn clock(time: SimTime) -> SimTime {
    SimTime(time.0.div_euclid(SECOND) * SECOND)
}

fn plural(count: u64, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

/// Pods that waited for a node: how many, when, why, and how many the nodes hold.
pub(super) fn waited(recording: &Recording, workload: usize) -> Option<String> {
    let wait = recording.episodes.waits.get(workload)?.as_ref()?;
    let end = SimTime::ZERO + recording.duration;
    let until = wait
        .until
        .map_or("the end".to_owned(), |until| clock(until).to_string());
    let held = wait.of.saturating_sub(wait.waiting);
    let hpa = (recording.hpas.iter()).find(|hpa| hpa.workload == workload);
    let most = hpa.map(|hpa| hpa.most_at(wait.from));
    let of = most.filter(|most| i64::from(*most) > i64::from(held));
    let of = of.map_or(String::new(), |most| {
        format!(" of its maxReplicas of {most}")
    });
    let hold = match recording.node_autoscaler {
        Some(_) => "then the nodes held",
        None => "the nodes hold",
    };
    let text = format!(
        "up to {} of {} pods were Pending at a time, some of them for {} from {} to {until} at the longest: {}; {hold} {held}{of}",
        wait.waiting,
        wait.of,
        SimDuration((wait.length(end).0 + SECOND / 2).div_euclid(SECOND) * SECOND),
        clock(wait.from),
        wait.why,
    );
    Some(text)
}

/// What roll-outs did.
pub(super) fn rollouts(recording: &Recording, labels: &Labels) -> Vec<Finding> {
    let mut found = Vec::new();
    for rollout in &recording.episodes.rollouts {
        let label = &labels.workloads[rollout.workload];
        let hpa = (recording.hpas.iter()).find(|hpa| hpa.workload == rollout.workload);
        found.extend(stuck(rollout, label));
        if let Some(hpa) = hpa {
            found.extend(driven(rollout, label));
            found.extend(beyond(rollout, hpa, label));
        }
    }
    found
}

fn stuck(rollout: &RolloutRecord, label: &str) -> Option<Finding> {
    let (since, message) = rollout.stuck.as_ref()?;
    // Of a first one that never was complete it is not known when it began.
    let from = if rollout.from < *since {
        format!(" of {}", clock(rollout.from))
    } else {
        String::new()
    };
    let since = clock(*since);
    let message = message.trim_end_matches('.');
    let text = match rollout.until {
        Some(until) if rollout.replaced => format!(
            "its roll-out{from} was stuck from {since} on ({message}) and never completed: that of another ReplicaSet took its place, complete at {}",
            clock(until)
        ),
        Some(until) => {
            let moved = (rollout.moved).map_or(String::new(), |moved| {
                format!(" until it moved again at {}", clock(moved))
            });
            format!(
                "its roll-out{from} was stuck from {since}{} ({message}): it was complete at {}",
                if moved.is_empty() { " on" } else { &moved },
                clock(until)
            )
        }
        None => format!(
            "its roll-out{from} has been stuck since {since}: {message} (ProgressDeadlineExceeded). Nothing rolls it back by itself: kubectl rollout undo",
        ),
    };
    Some(finding(Severity::Warning, label.to_owned(), text))
}

fn until(rollout: &RolloutRecord) -> String {
    (rollout.until).map_or("the end".to_owned(), |until| clock(until).to_string())
}

/// A roll-out that drove its HPA up: pods that start burn CPU, and those that are left take all
/// of the load.
fn driven(rollout: &RolloutRecord, label: &str) -> Option<Finding> {
    let (before, after) = (rollout.replicas, rollout.most_replicas);
    (f64::from(after) >= DRIVEN * f64::from(before.max(1))).then(|| {
        let text = format!(
            "while it rolled out from {} to {} its HPA went from {before} to {after} replicas. Roll out off the peak, or with a smaller maxUnavailable",
            clock(rollout.from),
            until(rollout)
        );
        finding(Severity::Warning, label.to_owned(), text)
    })
}

/// Pods of old and new ReplicaSets above what the HPA allows.
fn beyond(rollout: &RolloutRecord, hpa: &HpaRecord, label: &str) -> Option<Finding> {
    let (most, time) = rollout.most_pods;
    let allowed = hpa.most_at(time);
    let time = clock(time);
    (i64::from(most) > i64::from(allowed)).then(|| {
        let text = format!(
            "roll-out and HPA together reached {most} of {allowed} pods at {time}: maxSurge comes on top of maxReplicas",
        );
        finding(Severity::Info, label.to_owned(), text)
    })
}

/// Drains that budgets stopped.
pub(super) fn blocked(recording: &Recording) -> Vec<Finding> {
    let one = |one: &BlockedRecord| {
        let refused = plural(one.refused, "eviction", "evictions");
        let text = format!(
            "blocked {refused} of the drain of {} from {} to {}",
            one.node,
            clock(one.from),
            clock(one.last)
        );
        let subject = format!("PodDisruptionBudget/{}", one.budget);
        finding(Severity::Warning, subject, text)
    };
    let blocked = &recording.episodes.blocked;
    let drains = blocked.iter().filter(|one| one.refused > 0).map(one);
    drains.chain(kept(blocked)).collect()
}

/// Budgets for which the node autoscaler left nodes that were not needed.
fn kept(blocked: &[BlockedRecord]) -> impl Iterator<Item = Finding> {
    let mut budgets: BTreeMap<(&str, &str), Vec<&BlockedRecord>> = BTreeMap::new();
    for one in blocked.iter().filter(|one| one.refused == 0) {
        let key = (&*one.namespace, one.budget.as_str());
        budgets.entry(key).or_default().push(one);
    }
    budgets.into_iter().map(|((_, budget), nodes)| {
        let mut names: Vec<&str> = nodes.iter().map(|one| one.node.as_str()).collect();
        names.sort_unstable();
        let from = nodes.iter().map(|one| one.from).min();
        let last = nodes.iter().map(|one| one.last).max();
        let text = format!(
            "blocked the scale-down of {} ({}) from {} to {}",
            plural(names.len() as u64, "node", "nodes"),
            names.join(", "),
            clock(from.unwrap_or(SimTime::ZERO)),
            clock(last.unwrap_or(SimTime::ZERO)),
        );
        finding(
            Severity::Info,
            format!("PodDisruptionBudget/{budget}"),
            text,
        )
    })
}

/// Workloads that spot nodes left with too few ready pods: none, fewer than their HPA's `minReplicas`, or
/// less than half.
pub(super) fn struck(recording: &Recording, labels: &Labels) -> Vec<Finding> {
    let found = recording.episodes.struck.iter().filter_map(|one| {
        let (before, lowest) = one.ready;
        let mut hpas = recording.hpas.iter();
        let hpa = hpas.find(|hpa| hpa.workload == one.workload);
        let least = hpa.map_or(0, |hpa| hpa.bounds.0);
        let too_few = i64::from(lowest) < i64::from(least) || lowest == 0 || 2 * lowest < before;
        if !too_few {
            return None;
        }
        let of = match hpa {
            Some(_) if i64::from(lowest) < i64::from(least) => {
                format!(", fewer than its minReplicas of {least}")
            }
            _ => String::new(),
        };
        let back = match one.back {
            Some(back) => format!("all were back at {}", clock(back)),
            None => "they were not all back a quarter of an hour later".to_owned(),
        };
        let text = format!(
            "the notice of spot nodes at {} left it {lowest} of {before} ready pods at {}{of}; {back}. Spread its pods over nodes, or keep some on demand",
            clock(one.from),
            clock(one.lowest_at),
        );
        let label = labels.workloads[one.workload].clone();
        Some(finding(Severity::Warning, label, text))
    });
    found.collect()
}

/// Spot nodes that were taken back, and what the group saved all the same.
pub(super) fn interruptions(recording: &Recording) -> Vec<Finding> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, one) in recording.interruptions.iter().enumerate() {
        groups.entry(&one.group).or_default().push(place);
    }
    let found = groups.into_iter().map(|(group, places)| {
        let all = || places.iter().map(|place| &recording.interruptions[*place]);
        let times: Vec<String> = all()
            .take(MOST_TIMES)
            .map(|one| clock(one.time).to_string())
            .collect();
        let more = if places.len() > MOST_TIMES {
            ", …"
        } else {
            ""
        };
        let evicted: u64 = all().map(|one| one.evicted).sum();
        let killed: u64 = all().map(|one| one.killed).sum();
        let killed = if killed == 0 {
            String::new()
        } else {
            format!(", {killed} pods were killed at the end of the notice")
        };
        let (paid, listed) = (recording.nodes.iter())
            .filter(|node| node.group == group)
            .map(|node| {
                let paid = if node.refunded {
                    0.0
                } else {
                    by_its_life(node, recording)
                };
                let listed = crate::record::NodeRecord {
                    price_per_hour: node.list_price,
                    prices: [].into(),
                    ..node.clone()
                };
                (paid, by_its_life(&listed, recording))
            })
            .fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let saved = if listed > paid {
            format!(
                ". Its nodes cost {}, {} less than on demand",
                Usd(paid),
                Usd(listed - paid)
            )
        } else {
            String::new()
        };
        let own = recording.nodes.iter().filter(|node| node.group == group);
        let free = own.filter(|node| node.refunded).count() as u64;
        let free = if free == 0 {
            String::new()
        } else {
            let nodes = plural(free, "of them costs", "of them cost");
            format!(". {nodes} nothing: taken in the first hour")
        };
        let text = format!(
            "{} taken back ({}{more}): {} had to leave{killed}{saved}{free}",
            plural(places.len() as u64, "spot node was", "spot nodes were"),
            times.join(", "),
            plural(evicted, "pod", "pods"),
        );
        finding(Severity::Info, format!("node group {group}"), text)
    });
    found.collect()
}

/// Groups whose pods used more than their nodes have.
pub(super) fn crowded(recording: &Recording) -> Vec<Finding> {
    let mut groups: BTreeMap<&str, f64> = BTreeMap::new();
    for (group, seconds) in &recording.costs.crowded {
        *groups.entry(group).or_default() += seconds;
    }
    let found = groups.into_iter().map(|(group, seconds)| {
        let text = format!(
            "for {} more was requested and used of its nodes than they have for pods: those who did share what they cost, and nothing of them is idle",
            SimDuration::from_secs_f64(seconds)
        );
        finding(Severity::Info, format!("node group {group}"), text)
    });
    found.collect()
}

/// Nodes that nobody needed.
pub(super) fn empty(recording: &Recording) -> Vec<Finding> {
    let end = SimTime::ZERO + recording.duration;
    let start = SimTime::ZERO + recording.warm_up;
    let mut groups: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for (group, seconds, cost) in &recording.costs.empty {
        let sum = groups.entry(group).or_default();
        sum.0 += seconds;
        sum.1 += cost;
    }
    let found = groups.into_iter().filter_map(|(group, (seconds, cost))| {
        let nodes = recording.nodes.iter().filter(|node| node.group == group);
        let all: f64 = nodes
            .map(|node| {
                let until = node.ended.unwrap_or(end).min(end);
                (until - node.started.max(start)).as_secs_f64().max(0.0)
            })
            .sum();
        (seconds >= EMPTY_FOR && seconds >= EMPTY * all).then(|| {
            let text = format!(
                "{:.0}% of its {:.1} node-hours ran no pods but those of DaemonSets ({})",
                100.0 * seconds / all,
                all / 3600.0,
                Usd(cost)
            );
            finding(Severity::Info, format!("node group {group}"), text)
        })
    });
    found.collect()
}
