//! Indexes over pods: by workload, by label selector.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use rustc_hash::{FxBuildHasher, FxHashMap};

use super::LabelSelector;
use super::meta::{Kind, Labels, ObjectId};
use super::pod::{Pod, PodId, PodPhase};
use crate::sim::{Arena, work};

/// A workload's entry: the place of its kind, namespace and name in the order of appearance.
/// It stays when the object goes and comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkloadId(pub u32);

impl WorkloadId {
    /// The same as a place in lists.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Pods by stage of their life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Not on a node yet.
    pub pending: u32,
    /// On a node, not running yet.
    pub starting: u32,
    /// Running, not ready.
    pub running: u32,
    /// Ready.
    pub ready: u32,
    /// Deleted, still there.
    pub terminating: u32,
}

impl Counts {
    /// The counter in which a pod belongs; none once it has ended by itself.
    pub(super) fn of(&mut self, pod: &Pod) -> Option<&mut u32> {
        Some(match pod.phase {
            _ if pod.removed || pod.orphaned => return None,
            _ if pod.is_deleting() => &mut self.terminating,
            PodPhase::Succeeded | PodPhase::Failed => return None,
            _ if pod.node.is_none() => &mut self.pending,
            PodPhase::Pending => &mut self.starting,
            PodPhase::Running if pod.ready => &mut self.ready,
            PodPhase::Running => &mut self.running,
        })
    }

    /// Pods that are not deleted: what `status.replicas` counts.
    pub fn replicas(&self) -> u32 {
        self.pending + self.starting + self.running + self.ready
    }
}

/// A workload at the top of its pods' owners, with its pods.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkloadEntry {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Its object, while that exists.
    pub object: Option<ObjectId>,
    /// Its pods, oldest first, deleted and released ones included until they are gone.
    pub pods: Vec<PodId>,
    /// Pods by stage, without those that were released.
    pub counts: Counts,
    /// The slots of the nodes with pods of it, in order, and how many, without those being
    /// deleted and those released: for spreading, and for the order in which a ReplicaSet deletes.
    pub nodes: Vec<(u32, u32)>,
}

/// A namespace's pods that a label selector matches.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// The namespace.
    pub namespace: Arc<str>,
    /// The selector; an empty one matches all pods.
    pub selector: Arc<LabelSelector>,
    /// The pods, by name.
    pub members: Vec<PodId>,
}

/// The place of a selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SelectionId(pub u32);

/// All selections.
#[derive(Debug, Clone, Default)]
pub(super) struct Selections {
    all: Vec<Selection>,
    /// The selections that match a set of labels, by the set's address. The set is kept alive
    /// here, so that the address stays its own.
    of_labels: FxHashMap<usize, (Arc<Labels>, Arc<[SelectionId]>)>,
    /// The place of each, by namespace and selector.
    places: BTreeMap<(Arc<str>, Arc<LabelSelector>), SelectionId>,
    /// Those by a label that their pods have, and those that name none.
    by_label: ByLabel,
    without_labels: Vec<u32>,
    /// All pods, those with the same labels together; none if they have changed since.
    alike: Option<AllAlike>,
}

/// Places in a list, by a hash of namespace, key and value: among them are those with this label.
type ByLabel = FxHashMap<u64, Vec<u32>>;

fn hash_of(namespace: &str, label: (&String, &String)) -> u64 {
    FxBuildHasher.hash_one((namespace, label))
}

/// All pods, those with the same labels together.
#[derive(Debug, Clone, Default)]
struct AllAlike {
    all: Vec<Alike>,
    by_label: ByLabel,
}

/// Pods that share their namespace and their labels.
#[derive(Debug, Clone)]
struct Alike {
    namespace: Arc<str>,
    labels: Arc<Labels>,
    pods: Vec<PodId>,
}

/// Puts pods that share their labels together.
fn alike(pods: &Arena<Pod>) -> AllAlike {
    let AllAlike {
        mut all,
        mut by_label,
    } = AllAlike::default();
    let mut places = FxHashMap::default();
    for (id, pod) in pods.iter() {
        let (namespace, labels) = (&pod.meta.namespace, &pod.meta.labels);
        let key = (
            Arc::as_ptr(labels) as usize,
            Arc::as_ptr(namespace).cast::<u8>() as usize,
        );
        let place = *places.entry(key).or_insert_with(|| {
            for label in &**labels {
                let known: &mut Vec<u32> = by_label.entry(hash_of(namespace, label)).or_default();
                known.push(all.len() as u32);
            }
            all.push(Alike {
                namespace: Arc::clone(namespace),
                labels: Arc::clone(labels),
                pods: Vec::new(),
            });
            all.len() - 1
        });
        all[place].pods.push(id);
    }
    AllAlike { all, by_label }
}

impl AllAlike {
    /// Those in a namespace that a selector matches.
    fn selected<'a>(
        &'a self,
        namespace: &'a str,
        selector: &'a LabelSelector,
    ) -> impl Iterator<Item = &'a Alike> {
        let with_one = selector.labels.iter().next().map(|label| {
            let known = self.by_label.get(&hash_of(namespace, label));
            let mut places = known.cloned().unwrap_or_default();
            places.dedup();
            places
        });
        let all = || (0..self.all.len() as u32).collect();
        let places = with_one.unwrap_or_else(all).into_iter();
        let found = places.map(|place| &self.all[place as usize]);
        found.filter(move |one| *one.namespace == *namespace && selector.matches(&one.labels))
    }
}

impl Selections {
    pub(super) fn get(&self, id: SelectionId) -> &Selection {
        &self.all[id.0 as usize]
    }

    /// The selection of this namespace and selector; made if it is not there.
    pub(super) fn find_or_add(
        &mut self,
        namespace: &str,
        selector: &Arc<LabelSelector>,
        pods: &Arena<Pod>,
    ) -> SelectionId {
        let key = (Arc::from(namespace), Arc::clone(selector));
        if let Some(known) = self.places.get(&key) {
            return *known;
        }
        let groups = self.alike.get_or_insert_with(|| alike(pods));
        let selected = groups.selected(namespace, selector);
        let selected = selected.flat_map(|one| one.pods.iter().copied());
        let mut members: Vec<(PodId, &Pod)> = selected
            .filter_map(|id| Some((id, pods.get(id)?)))
            .collect();
        members.sort_by(|a, b| a.1.name().cmp(b.1.name()).then(a.0.cmp(&b.0)));
        self.all.push(Selection {
            namespace: namespace.into(),
            selector: Arc::clone(selector),
            members: members.into_iter().map(|(id, _)| id).collect(),
        });
        self.of_labels.clear();
        let id = SelectionId(self.all.len() as u32 - 1);
        match selector.labels.iter().next() {
            Some(label) => {
                let known = self.by_label.entry(hash_of(namespace, label));
                known.or_default().push(id.0);
            }
            None => self.without_labels.push(id.0),
        }
        self.places.insert(key, id);
        id
    }

    /// Pods, or the labels of some, are others from now on.
    pub(super) fn pods_changed(&mut self) {
        self.alike = None;
    }

    /// The selections that match a pod. Labels that others share are remembered.
    pub(super) fn of(&mut self, pod: &Pod) -> Arc<[SelectionId]> {
        if let Some(known) = self.known(pod) {
            return Arc::clone(known);
        }
        let found = self.search(pod);
        let labels = &pod.meta.labels;
        if Arc::strong_count(labels) > 1 {
            let entry = (Arc::clone(labels), Arc::clone(&found));
            self.of_labels.insert(Arc::as_ptr(labels) as usize, entry);
        }
        found
    }

    /// The selections that match a pod.
    pub(super) fn matching(&self, pod: &Pod) -> Arc<[SelectionId]> {
        self.known(pod).map_or_else(|| self.search(pod), Arc::clone)
    }

    fn known(&self, pod: &Pod) -> Option<&Arc<[SelectionId]>> {
        let address = Arc::as_ptr(&pod.meta.labels) as usize;
        self.of_labels.get(&address).map(|(_, known)| known)
    }

    fn search(&self, pod: &Pod) -> Arc<[SelectionId]> {
        let (namespace, labels) = (&pod.meta.namespace, &pod.meta.labels);
        let of_label = |label| self.by_label.get(&hash_of(namespace, label));
        let mut among = self.without_labels.clone();
        among.extend(labels.iter().filter_map(of_label).flatten());
        among.sort_unstable();
        among.dedup();
        work::count(among.len());
        let matches = |place: &u32| {
            let one = &self.all[*place as usize];
            one.namespace == *namespace && one.selector.matches(labels)
        };
        let matching = among.into_iter().filter(matches);
        matching.map(SelectionId).collect()
    }

    pub(super) fn add(&mut self, id: PodId, selections: &[SelectionId], pods: &Arena<Pod>) {
        for selection in selections {
            let members = &mut self.all[selection.0 as usize].members;
            if let Err(place) = members.binary_search_by(|other| by_name(pods, *other, id)) {
                members.insert(place, id);
            }
        }
    }

    pub(super) fn remove(&mut self, id: PodId, selections: &[SelectionId], pods: &Arena<Pod>) {
        for selection in selections {
            let members = &mut self.all[selection.0 as usize].members;
            if let Ok(place) = members.binary_search_by(|other| by_name(pods, *other, id)) {
                members.remove(place);
            }
        }
    }
}

fn by_name(pods: &Arena<Pod>, a: PodId, b: PodId) -> Ordering {
    let name = |id| pods.get(id).map(Pod::name);
    name(a).cmp(&name(b)).then(a.cmp(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{ObjectMeta, PodTemplate, Store, Uid, Write};
    use crate::sim::SimTime;

    fn labels(app: usize) -> Labels {
        Labels::from_iter([("app".into(), app.to_string())])
    }

    /// Also where selectors came after the pods.
    #[test]
    fn of_pods_with_the_same_labels_one_is_held_against_all_selectors() {
        let (now, mut store) = (SimTime::ZERO, Store::default());
        store.commit(
            now,
            Write::Workload(Kind::ReplicaSet, "a".into(), "r".into()),
        );
        let shared = Arc::new(labels(7));
        let mut create = |place| {
            let mut meta = ObjectMeta::new("a", &format!("p-{place}"), Uid(place), now);
            meta.labels = Arc::clone(&shared);
            let pod = Pod::new(meta, WorkloadId(0), Arc::new(PodTemplate::default()));
            match store.commit(now, Write::CreatePod(Box::new(pod))) {
                Some(ObjectId::Pod(id)) => id,
                other => unreachable!("{other:?}"),
            }
        };
        let pods: Vec<PodId> = (0..100).map(&mut create).collect();
        let select = |app| {
            let selector = LabelSelector {
                labels: labels(app),
                expressions: Vec::new(),
            };
            store.select("a", &Arc::new(selector))
        };
        let selections: Vec<SelectionId> = (0..50).map(select).collect();
        assert_eq!(store.selection(selections[7]).members.len(), pods.len());
        work::take();
        for pod in &pods {
            store.commit(now, Write::RemovePod(*pod));
        }
        assert_eq!(store.selection(selections[7]).members, []);
        // Each pod is looked at a few times, selectors once.
        let looked_at = work::take();
        assert!(looked_at < 100 * 30, "{looked_at}");
    }
}
