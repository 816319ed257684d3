//! Node groups with room for every pod, with all HPAs at their largest.

use super::keda::Scaled;
use super::survey::{Seen, Survey};
use super::{NodeGuess, NodeShape};
use crate::cluster::prices::PriceTable;
use crate::cluster::spec::{ContainerSpec, Labels, PodTemplate, WorkloadKind, WorkloadSpec};

/// Types that are tried, the smallest first.
const TYPES: [&str; 2] = ["m5.xlarge", "m5.2xlarge"];
/// Pods that a node takes, at most.
const MOST_PODS: i64 = 100;
/// More nodes than this are not worth guessing; the pods that do not fit stay pending.
const MOST_NODES: f64 = 1000.0;

/// CPU in millicores, memory in bytes.
#[derive(Debug, Clone, Copy)]
struct Room {
    cpu: i64,
    memory: i64,
}

/// The pods of a workload at its largest.
struct Pods {
    number: i64,
    each: Room,
}

pub(super) fn guess(survey: &Survey) -> Vec<NodeGuess> {
    let mut groups: Vec<(Labels, Vec<Pods>)> = Vec::new();
    let workloads = survey.workloads.iter().map(|seen| (&seen.spec, pods(seen)));
    let jobs = survey
        .jobs
        .iter()
        .map(|spec| (spec, pods_of_job(spec, survey)));
    for (spec, own) in workloads.chain(jobs) {
        let mut selector = spec.template.node_selector.clone();
        selector.retain(|key, value| !is_everywhere(key, value));
        match groups.iter_mut().find(|group| group.0 == selector) {
            Some(group) => group.1.push(own),
            None => groups.push((selector, vec![own])),
        }
    }
    if groups.is_empty() {
        groups.push((Labels::new(), Vec::new()));
    }
    let number = groups.len();
    let name = |place: usize| match number {
        1 => "nodes".to_owned(),
        _ => format!("nodes-{}", place + 1),
    };
    (groups.into_iter().enumerate())
        .map(|(place, (labels, pods))| {
            let daemons = daemons(survey, &labels);
            group(name(place), &labels, &pods, daemons)
        })
        .collect()
}

/// What DaemonSets request on each node of a group.
fn daemons(survey: &Survey, labels: &Labels) -> Room {
    let mut sum = Room { cpu: 0, memory: 0 };
    for spec in &survey.daemons {
        let mut selector = spec.template.node_selector.iter();
        let fits = |(key, value): (&String, &String)| {
            is_everywhere(key, value) || labels.get(key) == Some(value)
        };
        if selector.all(fits) {
            let each = room_of(&spec.template);
            sum.cpu += each.cpu;
            sum.memory += each.memory;
        }
    }
    sum
}

/// Whether the nodes of every guessed group have a label.
fn is_everywhere(key: &str, value: &str) -> bool {
    let name = key.trim_start_matches("beta.");
    matches!(
        (name, value),
        ("kubernetes.io/os", "linux") | ("kubernetes.io/arch", "amd64")
    )
}

fn pods(seen: &Seen) -> Pods {
    let largest = seen.hpa.as_ref().map_or(0, |(_, spec)| spec.max_replicas);
    Pods {
        number: i64::from(largest.max(seen.spec.replicas)),
        each: room_of(&seen.spec.template),
    }
}

/// The pods of a Job, of one Job of a CronJob, or of all Jobs of a ScaledJob.
fn pods_of_job(spec: &WorkloadSpec, survey: &Survey) -> Pods {
    let number = match &spec.kind {
        WorkloadKind::ScaledJob(job) => {
            let is_own = |one: &&Scaled| one.is_job(&spec.namespace, &spec.name);
            let scaled = survey.scaled.iter().find(is_own);
            let jobs = scaled.map_or(0, |scaled| scaled.bounds.1);
            jobs.saturating_mul(job.parallelism)
        }
        WorkloadKind::Job(spec) => spec.parallelism,
        WorkloadKind::CronJob(spec) => spec.job.parallelism,
        _ => spec.replicas,
    };
    Pods {
        number: i64::from(number),
        each: room_of(&spec.template),
    }
}

/// What a pod requests.
fn room_of(template: &PodTemplate) -> Room {
    let sidecars = template
        .init_containers
        .iter()
        .filter(|one| one.restartable);
    let running = || template.containers.iter().chain(sidecars.clone());
    let sum = |amount: fn(&ContainerSpec) -> Option<i64>| running().filter_map(amount).sum();
    let cpu = sum(|one| one.cpu_request.map(|cpu| cpu.0));
    let memory = sum(|one| one.memory_request.map(|memory| memory.0));
    Room {
        cpu: template.pod_cpu_request.map_or(cpu, |stated| stated.0),
        memory: template
            .pod_memory_request
            .map_or(memory, |stated| stated.0),
    }
}

fn group(name: String, labels: &Labels, pods: &[Pods], daemons: Room) -> NodeGuess {
    let largest = Room {
        cpu: pods.iter().map(|one| one.each.cpu).max().unwrap_or(0),
        memory: pods.iter().map(|one| one.each.memory).max().unwrap_or(0),
    };
    let wanted = labels
        .iter()
        .find(|(key, _)| key.ends_with("/instance-type"))
        .map(|(_, value)| value.as_str());
    let types = wanted.iter().chain(&TYPES).filter_map(|name| {
        let known = PriceTable::built_in().instance_type(name)?;
        let room = Room {
            cpu: known.cpu.0 - daemons.cpu,
            memory: known.memory.0 - daemons.memory,
        };
        Some((NodeShape::Instance(&known.name), room))
    });
    let mut roomy = types.filter(|(_, room)| per_node(*room, largest) > 0);
    let (shape, room) = roomy.next().unwrap_or_else(|| {
        let cores = (largest.cpu + daemons.cpu + 999) / 1000;
        let gib = ((largest.memory + daemons.memory) >> 30) + 1;
        // No machine has less than 2 GiB a core, or more than 8.
        let (cores, gib) = (cores.max((gib + 7) / 8), gib.max(2 * cores));
        let room = Room {
            cpu: cores * 1000 - daemons.cpu,
            memory: (gib << 30) - daemons.memory,
        };
        (NodeShape::Own { cores, gib }, room)
    });
    let needed = |one: &Pods| one.number as f64 / per_node(room, one.each) as f64;
    // One more for what does not fit together, and for pods that replace others.
    let nodes = pods.iter().map(needed).sum::<f64>().ceil() + 1.0;
    NodeGuess {
        name,
        shape,
        count: nodes.min(MOST_NODES) as u32,
        labels: labels.clone().into_iter().collect(),
        pods: pods.iter().map(|one| one.number.max(0) as u64).sum(),
    }
}

/// How many pods of a size a node takes.
fn per_node(room: Room, each: Room) -> i64 {
    let fit = |room: i64, each: i64| if each > 0 { room / each } else { MOST_PODS };
    let number = fit(room.cpu, each.cpu).min(fit(room.memory, each.memory));
    number.min(MOST_PODS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: i64 = 1 << 30;
    const NONE: Room = Room { cpu: 0, memory: 0 };

    fn of(number: i64, cpu: i64, memory: i64) -> Pods {
        let each = Room { cpu, memory };
        Pods { number, each }
    }

    #[test]
    fn a_group_has_room_for_all_pods_and_one_node_to_spare() {
        let made = group("a".to_owned(), &Labels::new(), &[of(16, 1000, GIB)], NONE);
        assert_eq!(made.shape, NodeShape::Instance("m5.xlarge"));
        assert_eq!((made.count, made.pods), (5, 16));
        // Without requests the number of pods counts.
        let made = group("a".to_owned(), &Labels::new(), &[of(150, 0, 0)], NONE);
        assert_eq!(made.count, 3);
    }

    #[test]
    fn a_large_pod_gets_a_node_that_holds_it() {
        let made = group("a".to_owned(), &Labels::new(), &[of(2, 6000, GIB)], NONE);
        assert_eq!(made.shape, NodeShape::Instance("m5.2xlarge"));
        let made = group(
            "a".to_owned(),
            &Labels::new(),
            &[of(2, 15_500, 100 * GIB)],
            NONE,
        );
        let own = NodeShape::Own {
            cores: 16,
            gib: 101,
        };
        assert_eq!((made.shape, made.count), (own, 3));
        // One that says nothing of CPU needs a core all the same.
        let made = group("a".to_owned(), &Labels::new(), &[of(1, 0, 40 * GIB)], NONE);
        assert_eq!(made.shape, NodeShape::Own { cores: 6, gib: 41 });
    }
}
