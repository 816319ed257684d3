//! `kubectl drain`: one node after the other, its pods at once; evictions are tried again every
//! five seconds where a budget refuses them, and each pod is waited for.
//!
//! Upstream: kubectl's `pkg/drain` and `pkg/cmd/drain`.

use std::collections::VecDeque;

use super::act::Printed;
use super::{Event, Simulation};
use crate::api::{Kind, LocalVolume, ObjectId, Pod, PodId};
use crate::controller::disruption::EvictionError;
use crate::kubectl::command::{Drain, DryRun};
use crate::sim::{SimDuration, SimTime};

/// How long kubectl waits before it asks again.
const RETRY: SimDuration = SimDuration::from_secs(5);
/// How often it looks whether a pod is gone.
const POLL: SimDuration = SimDuration::from_secs(1);

/// A drain under way.
#[derive(Debug, Clone)]
pub(super) struct Draining {
    command: Drain,
    /// Its place in the recording.
    action: usize,
    node: String,
    /// Nodes whose turn has not come.
    rest: VecDeque<String>,
    pods: Vec<Leaving>,
    /// When kubectl gives this node up.
    until: Option<SimTime>,
    /// What went wrong with pods of the node.
    errors: Vec<String>,
    /// Nodes that could not be drained, and why.
    failed: Vec<(String, Vec<String>)>,
}

/// A pod that has to leave.
#[derive(Debug, Clone)]
struct Leaving {
    pod: PodId,
    namespace: String,
    name: String,
    /// Whether its eviction is granted.
    granted: bool,
    /// When kubectl looks at it next.
    next: SimTime,
}

impl Simulation<'_> {
    /// Evicts the pods of nodes that were cordoned.
    pub(super) fn drain(
        &mut self,
        nodes: Vec<String>,
        command: &Drain,
        dry_run: DryRun,
        printed: &mut Printed,
        now: SimTime,
    ) {
        let exists = |name: &String| self.store.find(Kind::Node, "", name).is_some();
        let mut draining = Draining {
            command: command.clone(),
            action: self.recorder.recording.actions.len(),
            node: String::new(),
            rest: nodes.into_iter().filter(exists).collect(),
            pods: Vec::new(),
            until: None,
            errors: Vec::new(),
            failed: Vec::new(),
        };
        self.next_node(&mut draining, dry_run, printed, now);
        self.go_on(draining, None, now);
    }

    /// The time has come to look at the pods of a drain again.
    pub(super) fn continue_drain(&mut self, index: usize, now: SimTime) {
        let Some(mut draining) = self.drains[index].take() else {
            return;
        };
        let mut printed = Printed::default();
        self.look_at_leaving(&mut draining, &mut printed, now);
        if draining.pods.is_empty() {
            self.end_node(&mut draining, &mut printed);
            self.next_node(&mut draining, DryRun::None, &mut printed, now);
        }
        let action = draining.action;
        let is_over = draining.pods.is_empty();
        self.go_on(draining, Some(index), now);
        let Some(action) = self.recorder.recording.actions.get_mut(action) else {
            return;
        };
        action.failed |= printed.failed;
        action.printed.extend_from_slice(&printed.lines);
        if is_over {
            let message = format!("{} → {}", action.command, printed.lines.join("; "));
            self.tell_of_command(message, printed.failed, now);
        }
    }

    /// Keeps a drain until its next pod is due, if any is left.
    fn go_on(&mut self, draining: Draining, index: Option<usize>, now: SimTime) {
        let Some(next) = draining.pods.iter().map(|pod| pod.next).min() else {
            return;
        };
        let index = index.unwrap_or_else(|| {
            self.drains.push(None);
            self.drains.len() - 1
        });
        self.drains[index] = Some(draining);
        let event = Event::Drain(index as u32);
        self.queue.schedule(next.max(now), event);
    }

    /// Begins with nodes until one has pods that are waited for.
    fn next_node(
        &mut self,
        draining: &mut Draining,
        dry_run: DryRun,
        printed: &mut Printed,
        now: SimTime,
    ) {
        let suffix = match dry_run {
            DryRun::None => "",
            DryRun::Client => " (dry run)",
            DryRun::Server => " (server dry run)",
        };
        while let Some(name) = draining.rest.pop_front() {
            let (pods, warnings, errors) = self.to_leave(&name, &draining.command, now);
            draining.node.clone_from(&name);
            draining.until = draining.command.timeout.map(|limit| now + limit);
            if !errors.is_empty() {
                fail(draining, errors, printed);
                continue;
            }
            if !warnings.is_empty() {
                printed.out(format!("Warning: {}", warnings.join("; ")));
            }
            if dry_run != DryRun::None {
                for pod in pods {
                    let Leaving {
                        namespace, name, ..
                    } = pod;
                    printed.out(format!("evicting pod {namespace}/{name}{suffix}"));
                }
                printed.out(format!("node/{name} drained{suffix}"));
                continue;
            }
            draining.pods = pods;
            if draining.command.disable_eviction {
                for pod in &mut draining.pods {
                    self.delete_pod(pod.pod, draining.command.grace_period, now);
                    (pod.granted, pod.next) = (true, now + POLL);
                }
            } else {
                self.look_at_leaving(draining, printed, now);
            }
            if !draining.pods.is_empty() {
                return;
            }
            self.end_node(draining, printed);
        }
        conclude(&draining.failed, printed);
    }

    /// The pods of a node that are to go, warnings, and errors (`GetPodsForDeletion`).
    fn to_leave(
        &self,
        node: &str,
        command: &Drain,
        now: SimTime,
    ) -> (Vec<Leaving>, Vec<String>, Vec<String>) {
        let Some(ObjectId::Node(id)) = self.store.find(Kind::Node, "", node) else {
            return Default::default();
        };
        let is_selected = |pod: &Pod| {
            let labels = || serde_json::json!({"metadata": {"labels": &*pod.meta.labels}});
            command.pods.0.is_empty() || command.pods.matches(&labels())
        };
        let is_there = |pod: &Pod| {
            let age = pod.meta.deletion.map(|deletion| now.since(deletion));
            let is_old = |longest| age.is_some_and(|age| age > longest);
            pod.scheduled.is_some()
                && pod.node == Some(id)
                && !pod.removed
                && is_selected(pod)
                && !command.skip_wait_for_delete.is_some_and(is_old)
        };
        let there = self.store.pods().filter(|(_, pod)| is_there(pod));
        let mut there: Vec<(PodId, &Pod)> = there.collect();
        there.sort_by_key(|(_, pod)| (&pod.meta.namespace, &pod.meta.name));
        let mut pods = Vec::new();
        let (mut of_daemons, mut bare, mut local) = (Vec::new(), Vec::new(), Vec::new());
        let mut kept_bare = Vec::new();
        for (id, pod) in there {
            let name = format!("{}/{}", pod.meta.namespace, pod.name());
            if !pod.has_ended() {
                match pod.meta.owner {
                    Some(ObjectId::DaemonSet(_)) => {
                        of_daemons.push(name);
                        continue;
                    }
                    _ if has_empty_dir(pod) && !command.delete_empty_dir_data => {
                        local.push(name);
                        continue;
                    }
                    None if !command.force => {
                        bare.push(name);
                        continue;
                    }
                    None => kept_bare.push(name),
                    Some(_) => {}
                }
            }
            pods.push(Leaving {
                pod: id,
                namespace: pod.meta.namespace.to_string(),
                name: pod.name().to_owned(),
                granted: false,
                next: now,
            });
        }
        let named = |what: &str, names: &[String]| {
            (!names.is_empty()).then(|| format!("{what}: {}", names.join(", ")))
        };
        let ignored = if command.ignore_daemon_sets {
            named(
                "ignoring DaemonSet-managed Pods",
                &std::mem::take(&mut of_daemons),
            )
        } else {
            None
        };
        let forced = named("deleting Pods that declare no controller", &kept_bare);
        let errors = [
            named(
                "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore)",
                &of_daemons,
            ),
            named(
                "cannot delete Pods that declare no controller (use --force to override)",
                &bare,
            ),
            named(
                "cannot delete Pods with local storage (use --delete-emptydir-data to override)",
                &local,
            ),
        ];
        let warnings = [ignored, forced].into_iter().flatten().collect();
        (pods, warnings, errors.into_iter().flatten().collect())
    }

    /// Looks at the pods that are due; those that are done with leave the list.
    fn look_at_leaving(&mut self, draining: &mut Draining, printed: &mut Printed, now: SimTime) {
        let pods = std::mem::take(&mut draining.pods);
        for mut pod in pods {
            if pod.next > now {
                draining.pods.push(pod);
                continue;
            }
            match self.look_at_pod(&mut pod, draining, printed, now) {
                Ok(false) => draining.pods.push(pod),
                Ok(true) => {}
                // Without evictions all pods of a node are waited for together.
                Err(error) if draining.errors.contains(&error) => {}
                Err(error) => draining.errors.push(error),
            }
        }
    }

    /// Asks for a pod's eviction, or looks whether it is gone; whether it is done with.
    fn look_at_pod(
        &mut self,
        leaving: &mut Leaving,
        draining: &Draining,
        printed: &mut Printed,
        now: SimTime,
    ) -> Result<bool, String> {
        let (namespace, name) = (leaving.namespace.clone(), leaving.name.clone());
        let is_late = draining.until.is_some_and(|until| now >= until);
        let limit = draining.command.timeout.unwrap_or_default();
        if !leaving.granted {
            printed.out(format!("evicting pod {namespace}/{name}"));
            let wrong = format!("error when evicting pods/{name:?} -n {namespace:?}");
            if is_late {
                return Err(format!("{wrong}: global timeout reached: {limit}"));
            }
            match self.call_eviction(leaving.pod, now) {
                Ok(()) => {
                    self.shorten_grace(leaving.pod, draining.command.grace_period, now);
                    leaving.granted = true;
                }
                Err(EvictionError::NotFound) => return Ok(true),
                Err(refusal @ EvictionError::TooManyRequests) => {
                    self.note_refusal(leaving.pod, now);
                    printed.out(format!("{wrong} (will retry after 5s): {refusal}"));
                    leaving.next = now + RETRY;
                    return Ok(false);
                }
                Err(refusal @ EvictionError::SeveralBudgets) => {
                    return Err(format!("{wrong}: {refusal}"));
                }
            }
        }
        let pod = self.store.pod(leaving.pod).filter(|pod| !pod.removed);
        let Some(pod) = pod else {
            let done = if draining.command.disable_eviction {
                "deleted"
            } else {
                "evicted"
            };
            printed.out(format!("pod/{name} {done}"));
            return Ok(true);
        };
        let age = pod.meta.deletion.map(|deletion| now.since(deletion));
        if let (Some(age), Some(longest)) = (age, draining.command.skip_wait_for_delete)
            && age > longest
        {
            printed.out(format!(
                "pod {name:?} has DeletionTimestamp older than {} seconds, skipping",
                longest.as_secs_f64()
            ));
            return Ok(true);
        }
        if is_late {
            let why = "context deadline exceeded";
            return Err(if draining.command.disable_eviction {
                why.to_owned()
            } else {
                format!(
                    "error when waiting for pod {name:?} in namespace {namespace:?} to terminate: \
                     {why}"
                )
            });
        }
        leaving.next = now + POLL;
        Ok(false)
    }

    /// All pods of a node have gone, or cannot go.
    fn end_node(&self, draining: &mut Draining, printed: &mut Printed) {
        let errors = std::mem::take(&mut draining.errors);
        if errors.is_empty() {
            printed.out(format!("node/{} drained", draining.node));
            return;
        }
        let (pods, ..) = self.to_leave(&draining.node, &draining.command, self.now());
        if !pods.is_empty() {
            printed.out(format!(
                "There are pending pods in node {:?} when an error occurred: {}",
                draining.node,
                aggregate(&errors)
            ));
            let names = pods.iter().map(|pod| format!("pod/{}", pod.name));
            printed.lines.extend(names);
        }
        fail(draining, errors, printed);
    }
}

fn has_empty_dir(pod: &Pod) -> bool {
    let mut volumes = pod.template.volumes.iter();
    volumes.any(|(_, volume)| *volume != LocalVolume::HostPath)
}

/// A node cannot be drained.
fn fail(draining: &mut Draining, errors: Vec<String>, printed: &mut Printed) {
    let node = draining.node.clone();
    printed.error(format!(
        "error: unable to drain node {node:?} due to error: {}, continuing command...",
        aggregate(&errors)
    ));
    draining.failed.push((node, errors));
}

/// Several errors in one line, as Go's `Aggregate` prints them.
fn aggregate(errors: &[String]) -> String {
    match errors {
        [one] => one.clone(),
        all => format!("[{}]", all.join(", ")),
    }
}

/// What kubectl prints in the end, if nodes could not be drained.
fn conclude(failed: &[(String, Vec<String>)], printed: &mut Printed) {
    if failed.is_empty() {
        return;
    }
    printed.out("There are pending nodes to be drained:");
    let names = failed.iter().map(|(node, _)| format!(" {node}"));
    printed.lines.extend(names);
    match failed {
        [(_, errors)] => printed.lines.extend_from_slice(errors),
        all => {
            let each = all.iter().map(|(_, errors)| aggregate(errors));
            printed.lines.extend(each);
        }
    }
}
