//! One StatefulSet whose pods become ready after a delay and linger for a while when deleted.

use nlsim::controller::statefulset::{
    ControllerRevision, Pod, PodPhase, RevisionKey, StatefulSet, StatefulSetSpec,
    StatefulSetSpecInput, StatefulSetStatus, Step, Undo, UndoError, rollout_undo, sync,
};
use nlsim::sim::{SimDuration, SimTime};

/// A StatefulSet `db` whose template is a number.
pub(crate) struct Rig {
    pub(crate) now: SimTime,
    pub(crate) spec: StatefulSetSpec,
    pub(crate) template: usize,
    pub(crate) status: StatefulSetStatus,
    pub(crate) revisions: Vec<ControllerRevision>,
    /// Creations (`+2@1`: ordinal 2 of version 1) and deletions (`-2`).
    pub(crate) log: Vec<String>,
    /// Messages of events.
    pub(crate) events: Vec<String>,
    /// Time from creation to readiness.
    pub(crate) ready_after: SimDuration,
    /// How long a deleted pod goes on.
    pub(crate) ends_after: SimDuration,
    /// The version whose pods never become ready.
    pub(crate) broken: Option<usize>,
    generation: i64,
    pods: Vec<Running>,
    created: usize,
    wake: Option<SimTime>,
}

struct Running {
    key: usize,
    ordinal: i32,
    version: usize,
    ready_at: SimTime,
    ends_at: Option<SimTime>,
}

impl Rig {
    /// A StatefulSet of version 1 before its first sync.
    pub(crate) fn new(input: StatefulSetSpecInput) -> Self {
        Self {
            now: SimTime::ZERO,
            spec: input.into(),
            template: 1,
            status: StatefulSetStatus::default(),
            revisions: Vec::new(),
            log: Vec::new(),
            events: Vec::new(),
            ready_after: SimDuration::from_millis(5_200),
            ends_after: SimDuration::from_millis(700),
            broken: None,
            generation: 1,
            pods: Vec::new(),
            created: 0,
            wake: None,
        }
    }

    /// A StatefulSet whose pods are all ready; the record begins after it.
    pub(crate) fn ready(input: StatefulSetSpecInput) -> Self {
        let mut rig = Self::new(input);
        rig.run_for(100);
        rig.log.clear();
        rig
    }

    /// Changes the spec or the template, then syncs until nothing more happens at once.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Self)) {
        change(self);
        self.generation += 1;
        self.settle();
    }

    /// `kubectl set image`.
    pub(crate) fn set_image(&mut self, version: usize) {
        self.change(|rig| rig.template = version);
    }

    /// `kubectl scale`.
    pub(crate) fn scale(&mut self, replicas: i32) {
        self.change(|rig| rig.spec.replicas = replicas);
    }

    /// `kubectl rollout undo`.
    pub(crate) fn undo(&mut self, to_revision: i64) -> Result<Undo, UndoError> {
        let undo = rollout_undo(&self.view(), &self.revisions, to_revision)?;
        if let Undo::RolledBack { key } = undo {
            self.set_image(key.0);
        }
        Ok(undo)
    }

    /// `kubectl delete pod`.
    pub(crate) fn delete(&mut self, ordinals: &[i32]) {
        let end = Some(self.now + self.ends_after);
        for pod in &mut self.pods {
            if ordinals.contains(&pod.ordinal) {
                pod.ends_at = pod.ends_at.or(end);
            }
        }
        self.settle();
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

    /// Versions of the pods by ordinal.
    pub(crate) fn versions(&self) -> Vec<(i32, usize)> {
        let pods = self.pods.iter().map(|pod| (pod.ordinal, pod.version));
        let mut versions: Vec<_> = pods.collect();
        versions.sort_unstable();
        versions
    }

    pub(crate) fn take_log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    pub(crate) fn view(&self) -> StatefulSet<'_> {
        StatefulSet {
            name: "db",
            generation: self.generation,
            deleting: false,
            template: RevisionKey(self.template),
            spec: self.spec,
            status: &self.status,
        }
    }

    fn next_change(&self) -> Option<SimTime> {
        let pods = self.pods.iter();
        let next = pods
            .map(|pod| pod.ends_at.unwrap_or(pod.ready_at))
            .chain(self.wake)
            .filter(|at| *at > self.now)
            .min();
        next.filter(|at| *at < SimTime::MAX)
    }

    fn settle(&mut self) {
        for _ in 0..100 {
            let now = self.now;
            self.pods
                .retain(|pod| pod.ends_at.is_none_or(|end| end > now));
            if !self.sync() {
                return;
            }
        }
        panic!("no end of syncs: {:?}", self.log);
    }

    /// One sync; says whether another one follows at once.
    fn sync(&mut self) -> bool {
        let now = self.now;
        let pods: Vec<Pod> = self.pods.iter().map(|pod| view_of(pod, now)).collect();
        let outcome = sync(&self.view(), &self.revisions, &pods, now);
        self.wake = outcome.requeue_after.map(|span| now + span);
        let mut written = false;
        for step in outcome.steps {
            written |= !matches!(step, Step::Event(_));
            match step {
                Step::CreateRevision { key, revision } => {
                    let created = now;
                    self.revisions.push(ControllerRevision {
                        key,
                        revision,
                        created,
                    });
                }
                Step::RenumberRevision { key, revision } => {
                    let mut all = self.revisions.iter_mut();
                    let found = all.find(|found| found.key == key);
                    found.expect("it is there").revision = revision;
                }
                Step::DeleteRevision { key } => self.revisions.retain(|found| found.key != key),
                Step::CreatePod { ordinal, revision } => self.create(ordinal, revision.0),
                Step::DeletePod { key } => {
                    let mut all = self.pods.iter_mut();
                    let pod = all.find(|pod| pod.key == key).expect("it is there");
                    pod.ends_at = Some(now + self.ends_after);
                    self.log.push(format!("-{}", pod.ordinal));
                }
                Step::UpdateStatus(status) => self.status = status,
                Step::Event(event) => self.events.push(event.message),
            }
        }
        written
    }

    fn create(&mut self, ordinal: i32, version: usize) {
        assert!(self.pods.iter().all(|pod| pod.ordinal != ordinal));
        let ready_at = if self.broken == Some(version) {
            SimTime::MAX
        } else {
            self.now + self.ready_after
        };
        self.pods.push(Running {
            key: self.created,
            ordinal,
            version,
            ready_at,
            ends_at: None,
        });
        self.created += 1;
        self.log.push(format!("+{ordinal}@{version}"));
    }
}

fn view_of(pod: &Running, now: SimTime) -> Pod {
    Pod {
        key: pod.key,
        ordinal: pod.ordinal,
        revision: RevisionKey(pod.version),
        phase: PodPhase::Running,
        ready_since: (pod.ready_at <= now).then(|| pod.ready_at.truncate_to_second()),
        terminating: pod.ends_at.is_some(),
    }
}
