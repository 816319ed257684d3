//! Creating and deleting pods on behalf of controllers (`RealPodControl` of
//! `pkg/controller/controller_utils.go`): names, UIDs, the draws of their lives.

use std::sync::Arc;

use crate::api::{
    ContainerSpec, ContainerStatus, Context, DaemonSet, Labels, NodeId, ObjectId, ObjectMeta, Pod,
    PodId, PodPhase, PodTemplate, PodWrite, Readiness, Store, Uid, WorkloadEntry, WorkloadId,
    Write,
};
use crate::controller::job::PodIndex;
use crate::controller::statefulset::RevisionKey;
use crate::sim::{SimDuration, SimTime, Stream, Streams, fingerprint};

/// Kubernetes' alphabet for generated names.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// Letters of a suffix that the API server generates.
const SUFFIX: usize = 5;

fn random_suffix(stream: &mut Stream, length: usize) -> String {
    let mut suffix = String::with_capacity(length);
    suffix.extend((0..length).map(|_| char::from(random_letter(stream))));
    suffix
}

fn random_letter(stream: &mut Stream) -> u8 {
    ALPHABET[stream.below(ALPHABET.len())]
}

/// A generated name: the owner's, cut so that the name is a label of a host, and a suffix
/// (`pkg/controller`, `GetPodsPrefix`; `apiserver/pkg/storage/names/generate.go`).
fn generate_name(owner: &str, suffix: [u8; SUFFIX]) -> Arc<str> {
    const LONGEST: usize = 63 - SUFFIX;
    // Put together in place: names are most of what pods allocate.
    let mut name = [b'-'; LONGEST + SUFFIX];
    let kept = owner.len().min(LONGEST);
    name[..kept].copy_from_slice(&owner.as_bytes()[..kept]);
    let base = (owner.len() + 1).min(LONGEST);
    name[base..base + SUFFIX].copy_from_slice(&suffix);
    let name = str::from_utf8(&name[..base + SUFFIX]);
    name.unwrap_or(owner).into()
}

/// A name that the API server generates: what it begins with and five signs.
pub fn generated_name(begins: &str, stream: &mut Stream) -> String {
    format!("{begins}{}", random_suffix(stream, SUFFIX))
}

/// The hash in the name of a ControllerRevision.
pub fn revision_hash(of: &str) -> String {
    let mut rest = fingerprint(of.as_bytes());
    let sign = |_| {
        let place = rest as usize % ALPHABET.len();
        rest /= ALPHABET.len() as u64;
        char::from(ALPHABET[place])
    };
    (0..10).map(sign).collect()
}

/// A workload's draws.
#[derive(Debug, Clone)]
struct Draws {
    /// Its streams, named by its kind, namespace and name.
    own: Streams,
    /// Draws of names and UIDs.
    stream: Stream,
    /// `pod-template-hash` of its first template.
    template_hash: String,
    /// Pods created so far.
    created: u64,
}

/// An owner's parameters of a new pod.
#[derive(Debug, Clone)]
struct NewPod {
    workload: WorkloadId,
    template: Arc<PodTemplate>,
    labels: Arc<Labels>,
    /// The owner's name: generated names begin with it.
    base: Arc<str>,
    /// Whether the pod is named by its ordinal.
    by_ordinal: bool,
}

impl NewPod {
    fn of(owner: ObjectId, place: Place, store: &Store) -> Option<Self> {
        Some(match owner {
            ObjectId::ReplicaSet(id) => {
                let set = store.replica_set(id)?;
                Self {
                    workload: set.workload,
                    template: Arc::clone(&set.template),
                    labels: Arc::clone(&set.pod_labels),
                    base: Arc::clone(&set.meta.name),
                    by_ordinal: false,
                }
            }
            ObjectId::StatefulSet(id) => {
                let set = store.stateful_set(id)?;
                let Place {
                    ordinal, revision, ..
                } = place;
                let key = revision.unwrap_or_else(|| set.template_key());
                let known = set.revisions.iter().find(|one| one.key == key);
                let template = known.map_or(&set.template, |known| &known.template);
                let mut labels = template.labels.clone();
                labels.insert(DaemonSet::HASH.to_owned(), set.revision_name(key));
                let name = format!("{}-{ordinal}", set.meta.name);
                labels.insert("statefulset.kubernetes.io/pod-name".to_owned(), name);
                let index = ordinal.to_string();
                labels.insert("apps.kubernetes.io/pod-index".to_owned(), index);
                Self {
                    workload: set.workload,
                    template: Arc::clone(template),
                    labels: Arc::new(labels),
                    base: Arc::clone(&set.meta.name),
                    by_ordinal: true,
                }
            }
            ObjectId::DaemonSet(id) => {
                let set = store.daemon_set(id)?;
                let mut labels = set.template.labels.clone();
                let generation = set.template_generation.to_string();
                labels.insert(DaemonSet::HASH.to_owned(), set.hash(set.template_key()));
                labels.insert(DaemonSet::GENERATION.to_owned(), generation);
                Self {
                    workload: set.workload,
                    template: Arc::clone(&set.template),
                    labels: Arc::new(labels),
                    base: Arc::clone(&set.meta.name),
                    by_ordinal: false,
                }
            }
            ObjectId::Job(id) => {
                let job = store.job(id)?;
                let mut labels = Arc::clone(&job.pod_labels);
                let mut base = Arc::clone(&job.meta.name);
                if let Some(place) = place.index {
                    let index = place.index.to_string();
                    Arc::make_mut(&mut labels).insert(Pod::COMPLETION_INDEX.to_owned(), index);
                    base = place.base(&base).into();
                }
                Self {
                    workload: job.workload,
                    template: Arc::clone(&job.template),
                    labels,
                    base,
                    by_ordinal: false,
                }
            }
            _ => return None,
        })
    }
}

/// What tells a new pod from others of its owner.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// Of a StatefulSet's pod.
    ordinal: u32,
    /// Of a StatefulSet's pod; that of the template for `None`.
    revision: Option<RevisionKey>,
    /// Of a DaemonSet's pod.
    pinned: Option<NodeId>,
    /// Of an Indexed Job's pod.
    index: Option<PodIndex>,
}

/// Makes pods, their names and their draws.
#[derive(Debug, Clone)]
pub struct PodControl {
    streams: Streams,
    workloads: Vec<Option<Draws>>,
}

impl PodControl {
    /// Draws from the streams of a run.
    pub fn new(streams: Streams) -> Self {
        Self {
            streams,
            workloads: Vec::new(),
        }
    }

    fn draws(&mut self, id: WorkloadId, entry: &WorkloadEntry) -> &mut Draws {
        if self.workloads.len() <= id.index() {
            self.workloads.resize(id.index() + 1, None);
        }
        let streams = self.streams;
        self.workloads[id.index()].get_or_insert_with(|| {
            let kind = streams.of("cluster").of(&entry.kind.to_string());
            let own = kind.of(&entry.namespace).of(&entry.name);
            let mut stream = own.begin();
            Draws {
                template_hash: random_suffix(&mut stream, 10),
                own,
                stream,
                created: 0,
            }
        })
    }

    /// `pod-template-hash` of a Deployment's template: of the first, or of the one that is
    /// created as this revision.
    pub fn template_hash(
        &mut self,
        id: WorkloadId,
        entry: &WorkloadEntry,
        revision: i64,
    ) -> String {
        let draws = self.draws(id, entry);
        if revision <= 1 {
            return draws.template_hash.clone();
        }
        let mut stream = draws.own.of("template").nth(revision as u64);
        random_suffix(&mut stream, 10)
    }

    /// A UID for an object of a workload.
    pub fn uid(&self, what: &str) -> Uid {
        draw_uid(&mut self.streams.of("uid").stream(what))
    }

    /// Creates a pod object for its owner. The ordinal is that of a StatefulSet's pod.
    pub fn create<E>(
        &mut self,
        owner: ObjectId,
        ordinal: u32,
        created: SimTime,
        context: &mut Context<'_, E>,
    ) -> Option<PodId> {
        let place = Place {
            ordinal,
            ..Place::default()
        };
        self.make(owner, place, created, context)
    }

    /// Creates a pod object of a StatefulSet's revision.
    pub fn create_of<E>(
        &mut self,
        owner: ObjectId,
        (ordinal, revision): (u32, RevisionKey),
        context: &mut Context<'_, E>,
    ) -> Option<PodId> {
        let place = Place {
            ordinal,
            revision: Some(revision),
            ..Place::default()
        };
        let created = context.now;
        self.make(owner, place, created, context)
    }

    /// Creates a pod object that belongs on a node.
    pub fn create_on<E>(
        &mut self,
        owner: ObjectId,
        node: NodeId,
        created: SimTime,
        context: &mut Context<'_, E>,
    ) -> Option<PodId> {
        let place = Place {
            pinned: Some(node),
            ..Place::default()
        };
        self.make(owner, place, created, context)
    }

    /// Creates a pod object of a Job, with an index if that is an Indexed one.
    pub(super) fn create_indexed<E>(
        &mut self,
        owner: ObjectId,
        index: Option<PodIndex>,
        context: &mut Context<'_, E>,
    ) -> Option<PodId> {
        let place = Place {
            index,
            ..Place::default()
        };
        let created = context.now;
        self.make(owner, place, created, context)
    }

    /// Creates a pod that nobody owns: a workload of its own.
    pub fn create_bare<E>(
        &mut self,
        workload: WorkloadId,
        template: &Arc<PodTemplate>,
        created: SimTime,
        context: &mut Context<'_, E>,
    ) -> Option<PodId> {
        let entry = context.store.workload(workload);
        let (namespace, name) = (Arc::clone(&entry.namespace), Arc::clone(&entry.name));
        let draws = self.draws(workload, entry);
        let uid = draw_uid(&mut draws.stream);
        let stream = draws.own.of("pod").nth(draws.created);
        draws.created += 1;
        let meta = ObjectMeta {
            labels: Arc::new(template.labels.clone()),
            annotations: Arc::clone(&template.annotations),
            ..ObjectMeta::named(namespace, name, uid, created)
        };
        let pod = Pod::new(meta, workload, Arc::clone(template));
        insert(pod, created, stream, context)
    }

    fn make<E>(
        &mut self,
        owner: ObjectId,
        place: Place,
        created: SimTime,
        context: &mut Context<'_, E>,
    ) -> Option<PodId> {
        let Place {
            ordinal,
            pinned,
            index,
            ..
        } = place;
        let new = NewPod::of(owner, place, context.store)?;
        let entry = context.store.workload(new.workload);
        let namespace = Arc::clone(&entry.namespace);
        let draws = self.draws(new.workload, entry);
        // Drawn even if not needed: what follows does not depend on the kind.
        let suffix = [(); SUFFIX].map(|()| random_letter(&mut draws.stream));
        let name = if new.by_ordinal {
            format!("{}-{ordinal}", new.base).into()
        } else {
            generate_name(&new.base, suffix)
        };
        let uid = draw_uid(&mut draws.stream);
        let stream = draws.own.of("pod").nth(draws.created);
        draws.created += 1;
        let mut meta = ObjectMeta {
            labels: new.labels,
            owner: Some(owner),
            ..ObjectMeta::named(namespace, name, uid, created)
        };
        meta.annotations = Arc::clone(&new.template.annotations);
        if let Some(index) = index {
            Arc::make_mut(&mut meta.annotations).extend(index.annotations());
        }
        let pod = Pod {
            ordinal,
            pinned,
            ..Pod::new(meta, new.workload, new.template)
        };
        insert(pod, created, stream, context)
    }
}

fn draw_uid(stream: &mut Stream) -> Uid {
    Uid((stream.unit() * 2f64.powi(53)) as u64)
}

/// A pod is there from now on, with its own stream.
fn insert<E>(
    pod: Pod,
    created: SimTime,
    stream: Stream,
    context: &mut Context<'_, E>,
) -> Option<PodId> {
    let write = Write::CreatePod(Box::new(pod));
    let Some(ObjectId::Pod(id)) = context.store.commit(created, write) else {
        return None;
    };
    context.draws.add(id, stream);
    Some(id)
}

/// A delete call arrives at the API server: the pod gets its deletion timestamp. Without a grace
/// period its object goes at once (`BeforeDelete`).
pub fn delete_pod<E>(id: PodId, context: &mut Context<'_, E>) {
    let Some(pod) = context.store.pod(id).filter(|pod| !pod.is_deleting()) else {
        return;
    };
    let grace = pod.grace();
    let runs = pod.phase == PodPhase::Running || pod.runs();
    if grace <= SimDuration::ZERO {
        drop_pod(id, context);
        return;
    }
    let deadline = if runs {
        context.now + grace
    } else {
        context.now
    };
    context.write_pod(id, PodWrite::Delete { deadline });
}

/// A call for a pod's deletion states a grace period: one that is being deleted may get a shorter
/// one, or its object goes at once.
pub fn shorten_grace<E>(id: PodId, grace: SimDuration, context: &mut Context<'_, E>) {
    let Some(pod) = context.store.pod(id).filter(|pod| !pod.removed) else {
        return;
    };
    let deleting = pod.is_deleting();
    if deleting && grace <= SimDuration::ZERO {
        drop_pod(id, context);
    } else if !deleting || grace < pod.grace() {
        context.write_pod(id, PodWrite::Grace(grace));
    }
}

/// A pod's object goes at once, and its containers with it.
pub fn drop_pod<E>(id: PodId, context: &mut Context<'_, E>) {
    let Some(pod) = context.store.pod(id).filter(|pod| !pod.removed) else {
        return;
    };
    let (deleting, ended) = (pod.is_deleting(), pod.has_ended());
    let node = pod.node.and_then(|node| context.store.find_node(node));
    if !deleting && node.is_some_and(|node| node.readiness == Readiness::Ready) {
        let own = pod.template.containers.iter().zip(&pod.containers);
        let init = pod
            .template
            .init_containers
            .iter()
            .zip(&pod.init_containers);
        let runs =
            |(_, status): &(&ContainerSpec, &ContainerStatus)| status.running_since.is_some();
        for (spec, _) in own.chain(init).filter(runs) {
            let sentence: [&str; 2] = ["Stopping container ", &spec.name];
            let object = ObjectId::Pod(id);
            context.events.normal_of(object, "Killing", &sentence);
        }
    }
    if !deleting {
        let deadline = context.now;
        context.write_pod(id, PodWrite::Delete { deadline });
    }
    if !ended {
        context.write_pod(id, PodWrite::End(PodPhase::Failed));
    }
    context.commit(Write::RemovePod(id));
}

/// Pods of a workload that this object owns and that its controller counts.
pub(super) fn active_pods<E>(
    owner: ObjectId,
    workload: WorkloadId,
    context: &Context<'_, E>,
) -> Vec<PodId> {
    let store = &context.store;
    let counts = |id: &&PodId| {
        store
            .pod(**id)
            .is_some_and(|pod| pod.is_active() && pod.meta.owner == Some(owner))
    };
    store
        .workload(workload)
        .pods
        .iter()
        .filter(counts)
        .copied()
        .collect()
}
