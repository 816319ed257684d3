//! The cloud that the nodes come from: groups of equal instances that are asked for, launched,
//! registered and deleted, or that fail.
//!
//! A stand-in for what the Cluster Autoscaler calls a cloud provider, in the manner of AWS' and
//! Google's groups: a request raises the target and makes instances at once, which come up by
//! themselves; deleting an instance lowers the target; the target alone is never lowered below
//! the instances that there are. Instances are numbered over all groups and never forgotten:
//! whoever knows a number asks for the rest.

mod instance;
mod spot;
#[cfg(test)]
mod tests;

pub use instance::{Instance, InstanceId, Stage};

use crate::cluster::spec::{FailureReason, NodeGroupSpec};
use crate::sim::{SimDuration, SimTime, Stream, Streams};

/// From the request to the launch, and to the node's registration, as shares of the time from
/// the request to Ready.
const LAUNCHED: f64 = 0.15;
const REGISTERED: f64 = 0.85;
/// From the request to the provider's report that an instance cannot be had.
const REFUSED_AFTER: SimDuration = SimDuration::from_secs(5);
/// From the call to the end of the machine: the operating system shuts down.
const SHUTDOWN: SimDuration = SimDuration::from_secs(30);

/// What becomes of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The machine runs, and is paid for.
    Launched(InstanceId),
    /// Its kubelet registers the node.
    Registers(InstanceId),
    /// The node becomes Ready.
    Ready(InstanceId),
    /// The provider reports that it cannot be had.
    Refused(InstanceId),
    /// The machine is gone.
    Terminated(InstanceId),
    /// The node's object goes after it.
    NodeGoes(InstanceId),
    /// Spot instances of a group are taken back, at a time that is stated.
    Interruption(u32),
    /// The same at a time that is drawn.
    RandomInterruption(u32),
    /// The provider will take an instance back, and says so.
    Notice(InstanceId),
    /// It recommends to leave an instance.
    Rebalance(InstanceId),
    /// The pods of an instance are evicted that budgets have kept.
    Drains(InstanceId),
    /// Agents have taken the startup taints off a node.
    Untainted(InstanceId),
    /// The provider takes it.
    Reclaimed(InstanceId),
}

/// Events of a request, with their times.
pub type Agenda = Vec<(SimTime, Event)>;

/// A group's own state.
#[derive(Debug, Clone)]
struct Group {
    spec: NodeGroupSpec,
    target: i64,
    /// Instances that there are, in the order of their making.
    instances: Vec<InstanceId>,
    /// The first group of its name: groups that share it number their nodes together.
    family: usize,
    /// The number in the name of the next node.
    next: u32,
    /// Delays of each instance, by its number in the group.
    streams: Streams,
    /// Which requests fail.
    failures: Stream,
    /// When spot nodes are taken back, and which.
    interruptions: Stream,
}

/// All groups and instances.
#[derive(Debug, Clone)]
pub struct Cloud {
    groups: Vec<Group>,
    instances: Vec<Instance>,
    streams: Streams,
}

impl Cloud {
    /// The groups of a cluster, with the instances of the start.
    pub fn new(specs: &[NodeGroupSpec], streams: Streams) -> Self {
        let mut cloud = Self {
            groups: Vec::new(),
            instances: Vec::new(),
            streams: streams.of("cloud"),
        };
        for spec in specs {
            let group = cloud.add_group(spec.clone());
            for _ in 0..spec.count {
                let id = cloud.make(group, SimTime::ZERO);
                cloud.instances[id.index()].stage = Stage::Running;
            }
        }
        cloud
    }

    /// A group more, without instances; answers its number.
    pub fn add_group(&mut self, spec: NodeGroupSpec) -> usize {
        let own = self.streams.of(&spec.name);
        let mut others = self.groups.iter();
        let family = others.position(|other| other.spec.name == spec.name);
        let number = self.groups.len();
        self.groups.push(Group {
            target: i64::from(spec.count),
            spec,
            instances: Vec::new(),
            family: family.unwrap_or(number),
            next: 1,
            streams: own,
            failures: own.stream("failures"),
            interruptions: own.stream("interruptions"),
        });
        number
    }

    /// What the nodes of each group are like, by number.
    pub fn specs(&self) -> impl Iterator<Item = &NodeGroupSpec> {
        self.groups.iter().map(|group| &group.spec)
    }

    /// The instance with this number.
    pub fn instance(&self, id: InstanceId) -> &Instance {
        &self.instances[id.index()]
    }

    /// Notes what an instance is to others.
    pub fn instance_mut(&mut self, id: InstanceId) -> &mut Instance {
        &mut self.instances[id.index()]
    }

    /// All instances that have ever been, by their numbers.
    pub fn all(&self) -> &[Instance] {
        &self.instances
    }

    /// The instances of a group that are not gone, oldest first.
    pub fn of_group(&self, group: usize) -> &[InstanceId] {
        &self.groups[group].instances
    }

    /// Random numbers of an instance's own, for one purpose.
    pub fn stream_of(&self, id: InstanceId, purpose: &str) -> Stream {
        let instance = self.instance(id);
        let own = self.groups[instance.group].streams.of(purpose);
        own.nth(u64::from(instance.number))
    }

    /// How many nodes a group shall have.
    pub fn target(&self, group: usize) -> i64 {
        self.groups[group].target
    }

    /// What the group's nodes are like.
    pub fn spec(&self, group: usize) -> &NodeGroupSpec {
        &self.groups[group].spec
    }

    fn make(&mut self, group: usize, now: SimTime) -> InstanceId {
        let id = InstanceId(self.instances.len() as u32);
        let family = self.groups[group].family;
        let first = &mut self.groups[family];
        let number = first.next;
        first.next += 1;
        let own = &mut self.groups[group];
        let name = format!("{}-{number}", own.spec.name);
        self.instances.push(Instance::new(group, number, name, now));
        own.instances.push(id);
        id
    }

    /// Asks for so many nodes more; answers what will happen when, or why the provider refuses.
    pub fn increase(&mut self, now: SimTime, group: usize, count: u32) -> Result<Agenda, String> {
        let own = &mut self.groups[group];
        let failure = own.spec.scaling.failure.clone();
        let failure = failure.filter(|failure| {
            let drawn = own.failures.unit();
            drawn < failure.share && failure.holds(now)
        });
        let reason = failure.map(|failure| failure.reason);
        if reason == Some(FailureReason::Throttled) {
            return Err(FailureReason::Throttled.message().to_owned());
        }
        own.target += i64::from(count);
        let mut agenda = Agenda::new();
        for _ in 0..count {
            let id = self.make(group, now);
            self.plan(id, reason, now, &mut agenda);
        }
        Ok(agenda)
    }

    /// When an instance comes up, if it does.
    fn plan(
        &self,
        id: InstanceId,
        failure: Option<FailureReason>,
        now: SimTime,
        agenda: &mut Agenda,
    ) {
        let instance = self.instance(id);
        let group = &self.groups[instance.group];
        let mut stream = group.streams.nth(u64::from(instance.number));
        let delay = group.spec.scaling.provisioning.sample(&mut stream);
        let part = |share: f64| now + SimDuration::from_secs_f64(delay * share);
        match failure {
            Some(FailureReason::NeverRegisters) => {
                agenda.push((part(LAUNCHED), Event::Launched(id)));
            }
            Some(_) => agenda.push((now + REFUSED_AFTER, Event::Refused(id))),
            None => agenda.extend([
                (part(LAUNCHED), Event::Launched(id)),
                (part(REGISTERED), Event::Registers(id)),
                (part(1.0), Event::Ready(id)),
            ]),
        }
    }

    /// The provider reports that an instance cannot be had.
    pub fn refuse(&mut self, id: InstanceId) {
        let reason = {
            let group = &self.groups[self.instance(id).group];
            group
                .spec
                .scaling
                .failure
                .as_ref()
                .map(|failure| failure.reason)
        };
        self.instance_mut(id).error = reason;
    }

    /// Lowers a group's target without deleting anything: only as far as instances are missing.
    pub fn decrease_target(&mut self, group: usize, count: i64) -> Result<(), String> {
        let own = &mut self.groups[group];
        let there = own.instances.len() as i64;
        if own.target - count < there {
            return Err(format!(
                "attempt to delete existing nodes targetSize:{} delta:{} existingNodes: {there}",
                own.target, -count
            ));
        }
        own.target -= count;
        Ok(())
    }

    /// Deletes an instance and lowers its group's target; answers what will happen when.
    pub fn delete(&mut self, now: SimTime, id: InstanceId) -> Agenda {
        let instance = &mut self.instances[id.index()];
        if matches!(instance.stage, Stage::Deleting | Stage::Gone) {
            return Agenda::new();
        }
        let group = &mut self.groups[instance.group];
        group.target -= 1;
        let ran = instance.stage == Stage::Running;
        instance.stage = Stage::Deleting;
        let end = if ran { now + SHUTDOWN } else { now };
        vec![(end, Event::Terminated(id))]
    }

    /// The machine runs: answers whether it does, or was deleted before.
    pub fn launch(&mut self, id: InstanceId) -> bool {
        let instance = &mut self.instances[id.index()];
        let is_new = instance.stage == Stage::Creating;
        if is_new {
            instance.stage = Stage::Running;
        }
        is_new
    }

    /// The machine is gone.
    pub fn terminate(&mut self, id: InstanceId) {
        let instance = &mut self.instances[id.index()];
        instance.stage = Stage::Gone;
        let group = &mut self.groups[instance.group];
        group.instances.retain(|other| *other != id);
    }
}
