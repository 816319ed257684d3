//! One Deployment with a toy ReplicaSet controller: pods are created and deleted at once, become
//! ready after given delays, and linger for a given time when deleted.

use nlsim::controller::deployment::{
    Condition, ConditionType, Deployment, DeploymentSpec, DeploymentSpecInput, DeploymentStatus,
    IntOrPercent, NewReplicaSet, ReplicaSet, ReplicaSetStatus, Requeue, Step, Undo, UndoError,
    rollout_undo, sync,
};
use nlsim::sim::{SimDuration, SimTime};

/// A Deployment `web` whose template is a number: version 1 is `web-v1`.
pub(crate) struct Rig {
    pub(crate) now: SimTime,
    pub(crate) spec: DeploymentSpec,
    pub(crate) template: u32,
    pub(crate) revision: Option<i64>,
    pub(crate) status: DeploymentStatus,
    /// Sizes as they changed (`v1 10>8`), creations with no pod (`v2 0`) and deletions (`-v1`).
    pub(crate) sizes: Vec<String>,
    /// Messages of events.
    pub(crate) events: Vec<String>,
    /// Time from creation to readiness, taken in turns.
    pub(crate) ready_after: Vec<SimDuration>,
    /// The version whose pods never become ready.
    pub(crate) broken: Option<u32>,
    /// How long a deleted pod goes on.
    pub(crate) pre_stop: SimDuration,
    generation: i64,
    created_pods: usize,
    wake: Option<SimTime>,
    pub(crate) sets: Vec<Set>,
}

/// A ReplicaSet with its pods.
pub(crate) struct Set {
    pub(crate) name: String,
    template: u32,
    created: SimTime,
    pub(crate) size: NewReplicaSet,
    pub(crate) history: String,
    pods: Vec<Pod>,
    observed: bool,
}

struct Pod {
    ready_at: SimTime,
    ends_at: Option<SimTime>,
}

impl Pod {
    fn is_ready(&self, now: SimTime) -> bool {
        self.ends_at.is_none() && self.ready_at <= now
    }

    fn available_at(&self, min_ready_seconds: i32) -> SimTime {
        if min_ready_seconds == 0 {
            return self.ready_at;
        }
        // The condition's time counts in whole seconds.
        self.ready_at.truncate_to_second() + SimDuration::from_secs(min_ready_seconds.into())
    }
}

impl Rig {
    /// A Deployment at version 1, before its first sync.
    pub(crate) fn new(input: DeploymentSpecInput) -> Self {
        Self {
            now: SimTime::ZERO,
            spec: input.into(),
            template: 1,
            revision: None,
            status: DeploymentStatus::default(),
            sizes: Vec::new(),
            events: Vec::new(),
            ready_after: vec![SimDuration::from_secs(5)],
            broken: None,
            pre_stop: SimDuration::ZERO,
            generation: 1,
            created_pods: 0,
            wake: None,
            sets: Vec::new(),
        }
    }

    /// A Deployment whose first roll-out is done; the record begins after it.
    pub(crate) fn rolled_out(input: DeploymentSpecInput) -> Self {
        let mut rig = Self::new(input);
        rig.run_for(60);
        rig.forget();
        rig
    }

    /// Forgets the record.
    pub(crate) fn forget(&mut self) {
        self.sizes.clear();
        self.events.clear();
    }

    /// Changes the spec or the template, then syncs until nothing more happens at once.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Self)) {
        change(self);
        self.generation += 1;
        self.settle();
    }

    /// `kubectl set image`.
    pub(crate) fn set_image(&mut self, version: u32) {
        self.change(|rig| rig.template = version);
    }

    /// `kubectl scale`.
    pub(crate) fn scale(&mut self, replicas: i32) {
        self.change(|rig| rig.spec.replicas = replicas);
    }

    /// `kubectl rollout undo`.
    pub(crate) fn undo(&mut self, to_revision: i64) -> Result<Undo, UndoError> {
        let (deployment, sets) = self.view();
        let undo = rollout_undo(&deployment, &sets, to_revision)?;
        if let Undo::RolledBack { key } = undo {
            let version = self.sets[key].template;
            self.set_image(version);
        }
        Ok(undo)
    }

    /// Lets time pass.
    pub(crate) fn run_for(&mut self, seconds: i64) {
        let end = self.now + SimDuration::from_secs(seconds);
        self.settle();
        while let Some(next) = self.next_change().filter(|next| *next <= end) {
            self.now = next;
            self.settle();
        }
        self.now = end;
    }

    /// What was recorded since the last call.
    pub(crate) fn take_sizes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.sizes)
    }

    pub(crate) fn condition(&self, kind: ConditionType) -> &Condition {
        let found = self.status.condition(kind);
        found.expect("the condition is set")
    }

    pub(crate) fn set(&self, name: &str) -> &Set {
        let found = self.sets.iter().find(|set| set.name == name);
        found.expect("the ReplicaSet is there")
    }

    /// Revisions of all ReplicaSets, as `kubectl rollout history` lists them.
    pub(crate) fn revisions(&self) -> Vec<i64> {
        let mut revisions: Vec<_> = self.sets.iter().map(|set| set.size.revision).collect();
        revisions.sort_unstable();
        revisions
    }

    fn next_change(&self) -> Option<SimTime> {
        let pods = self.sets.iter().flat_map(|set| {
            set.pods.iter().flat_map(|pod| match pod.ends_at {
                Some(end) => [end, end],
                None => [pod.ready_at, pod.available_at(self.spec.min_ready_seconds)],
            })
        });
        let next = pods.chain(self.wake).filter(|at| *at > self.now).min();
        next.filter(|at| *at < SimTime::MAX)
    }

    fn settle(&mut self) {
        for _ in 0..100 {
            self.control_replica_sets();
            if !self.sync() {
                return;
            }
        }
        panic!("no end of syncs: {:?}", self.sizes);
    }

    /// One sync; says whether another one follows at once.
    pub(crate) fn sync(&mut self) -> bool {
        let (deployment, sets) = self.view();
        let outcome = sync(&deployment, &sets, self.now);
        self.wake = match outcome.requeue {
            Requeue::After(span) => Some(self.now + span),
            Requeue::RateLimited | Requeue::No => None,
        };
        let mut written = false;
        let mut deleted = Vec::new();
        for step in outcome.steps {
            written |= !matches!(step, Step::Event(_));
            match step {
                Step::CreateReplicaSet(size) => self.create(size),
                Step::ScaleReplicaSet {
                    key,
                    from,
                    to,
                    desired_replicas,
                    max_replicas,
                } => {
                    let set = &mut self.sets[key];
                    assert_eq!(set.size.replicas, from);
                    set.size.replicas = to;
                    set.size.desired_replicas = desired_replicas;
                    set.size.max_replicas = max_replicas;
                    if from != to {
                        self.sizes.push(format!("v{} {from}>{to}", set.template));
                    }
                }
                Step::AnnotateReplicaSet {
                    key,
                    revision,
                    revision_history,
                    ..
                } => {
                    let set = &mut self.sets[key];
                    set.size.revision = revision;
                    set.size.min_ready_seconds = self.spec.min_ready_seconds;
                    set.history = revision_history.unwrap_or(set.history.clone());
                }
                Step::DeleteReplicaSet { key } => deleted.push(key),
                Step::UpdateStatus { status, revision } => {
                    self.status = status;
                    self.revision = revision;
                }
                Step::Event(event) => self.events.push(event.message),
            }
        }
        deleted.sort_unstable();
        for key in deleted.into_iter().rev() {
            let gone = self.sets.remove(key);
            self.sizes.push(format!("-v{}", gone.template));
        }
        written
    }

    fn create(&mut self, size: NewReplicaSet) {
        let (version, replicas) = (self.template, size.replicas);
        self.sizes.push(match replicas {
            0 => format!("v{version} 0"),
            _ => format!("v{version} 0>{replicas}"),
        });
        self.sets.push(Set {
            name: size.name.clone(),
            template: version,
            created: self.now.truncate_to_second(),
            size,
            history: String::new(),
            pods: Vec::new(),
            observed: false,
        });
    }

    /// The toy ReplicaSet controller: as many pods as the size says, unready ones go first.
    pub(crate) fn control_replica_sets(&mut self) {
        let now = self.now;
        for set in &mut self.sets {
            set.observed = true;
            set.pods
                .retain(|pod| pod.ends_at.is_none_or(|end| end > now));
            let size = set.size.replicas as usize;
            let mut living = set.pods.iter().filter(|pod| pod.ends_at.is_none()).count();
            while living < size {
                let delay = self.ready_after[self.created_pods % self.ready_after.len()];
                let ready_at = match self.broken {
                    Some(version) if version == set.template => SimTime::MAX,
                    _ => now + delay,
                };
                set.pods.push(Pod {
                    ready_at,
                    ends_at: None,
                });
                self.created_pods += 1;
                living += 1;
            }
            set.pods
                .sort_by_key(|pod| (pod.ends_at, std::cmp::Reverse(pod.ready_at)));
            for pod in set.pods.iter_mut().take(living - size) {
                pod.ends_at = Some(now + self.pre_stop);
            }
            set.pods
                .retain(|pod| pod.ends_at.is_none_or(|end| end > now));
        }
    }

    /// What the controller sees.
    pub(crate) fn view(&self) -> (Deployment<'_>, Vec<ReplicaSet<'_>>) {
        let deployment = Deployment {
            name: "web",
            generation: self.generation,
            deleting: false,
            template_hash: HASHES[self.template as usize],
            revision: self.revision,
            spec: self.spec,
            status: &self.status,
        };
        let sets = self.sets.iter().enumerate();
        (
            deployment,
            sets.map(|(key, set)| self.view_of(key, set)).collect(),
        )
    }

    fn view_of<'a>(&'a self, key: usize, set: &'a Set) -> ReplicaSet<'a> {
        let count =
            |is: &dyn Fn(&Pod) -> bool| set.pods.iter().filter(|pod| is(pod)).count() as i32;
        let min_ready = set.size.min_ready_seconds;
        ReplicaSet {
            key,
            name: &set.name,
            created: set.created,
            deleting: false,
            has_deployments_template: set.template == self.template,
            has_deployments_annotations: true,
            revision: Some(set.size.revision),
            revision_history: &set.history,
            desired_replicas: Some(set.size.desired_replicas),
            max_replicas: Some(set.size.max_replicas),
            replicas: set.size.replicas,
            min_ready_seconds: min_ready,
            unfinished_pods: set.pods.len() as i32,
            status: ReplicaSetStatus {
                never_observed: !set.observed,
                behind_spec: !set.observed,
                replicas: count(&|pod| pod.ends_at.is_none()),
                ready_replicas: count(&|pod| pod.is_ready(self.now)),
                available_replicas: count(&|pod| {
                    pod.is_ready(self.now) && pod.available_at(min_ready) <= self.now
                }),
                terminating_replicas: set.observed.then(|| count(&|pod| pod.ends_at.is_some())),
                replica_failure: None,
            },
        }
    }
}

const HASHES: [&str; 8] = ["v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7"];

/// A spec of so many replicas with the default fenceposts.
pub(crate) fn replicas(replicas: i32) -> DeploymentSpecInput {
    DeploymentSpecInput {
        replicas: Some(replicas),
        ..DeploymentSpecInput::default()
    }
}

/// A spec with fenceposts in pods.
pub(crate) fn fenced(count: i32, surge: i32, unavailable: i32) -> DeploymentSpecInput {
    DeploymentSpecInput {
        max_surge: Some(IntOrPercent::Int(surge)),
        max_unavailable: Some(IntOrPercent::Int(unavailable)),
        ..replicas(count)
    }
}

pub(crate) fn millis(count: i64) -> SimDuration {
    SimDuration::from_millis(count)
}
