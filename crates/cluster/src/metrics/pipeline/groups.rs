//! Sums over pods that are always read together, kept up to date by what changes.
//!
//! An HPA whose pods have all run for long needs no more of them than what they use in all. So a
//! scrape adds up what it changes, and a sync reads one sum.

/// In no group.
const NONE: u32 = u32::MAX;

/// CPU and memory of a pod, in thousandths; none if it has no rate.
type Values = Option<[i64; 2]>;

/// The pods that are added up under one number.
#[derive(Debug, Clone, Default)]
struct Group {
    /// CPU and memory of those that have a rate. Sums wrap, as those of the HPA controller do.
    sums: [i64; 2],
    /// How many have one.
    rated: usize,
    /// Their slots; some may be in other groups by now.
    slots: Vec<u32>,
}

/// Which pods are added up, and what they come to.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups {
    groups: Vec<Group>,
    /// By slot of the pod.
    of: Vec<u32>,
}

impl Groups {
    /// Whether the pod in a slot is added up.
    #[inline]
    pub(super) fn counts(&self, slot: usize) -> bool {
        self.of.get(slot).is_some_and(|group| *group != NONE)
    }

    /// The values of the pod in a slot have changed.
    #[inline]
    pub(super) fn replace(&mut self, slot: usize, before: Values, after: Values) {
        let group = self.of.get(slot).copied().unwrap_or(NONE);
        if let Some(group) = self.groups.get_mut(group as usize) {
            group.count(before, after);
        }
    }

    /// The pod in a slot is in this group from now on, and in no other.
    pub(super) fn join(&mut self, group: usize, slot: usize, rate: impl Fn(usize) -> Values) {
        let values = rate(slot);
        self.replace(slot, values, None);
        if self.of.len() <= slot {
            self.of.resize(slot + 1, NONE);
        }
        self.of[slot] = group as u32;
        self.groups[group].slots.push(slot as u32);
        self.replace(slot, None, values);
    }

    /// The pod in a slot, whose values no longer count, is in no group.
    pub(super) fn leave(&mut self, slot: usize) {
        if let Some(group) = self.of.get_mut(slot) {
            *group = NONE;
        }
    }

    /// A group is empty from now on.
    pub(super) fn clear(&mut self, group: usize, rate: impl Fn(usize) -> Values) {
        if self.groups.len() <= group {
            self.groups.resize_with(group + 1, Group::default);
        }
        for slot in std::mem::take(&mut self.groups[group].slots) {
            if self.of[slot as usize] == group as u32 {
                self.replace(slot as usize, rate(slot as usize), None);
                self.leave(slot as usize);
            }
        }
    }

    /// The sums of a group, if so many have a rate.
    #[inline]
    pub(super) fn sum(&self, group: usize, count: usize) -> Option<[i64; 2]> {
        let group = self.groups.get(group)?;
        (group.rated == count).then_some(group.sums)
    }
}

impl Group {
    #[inline]
    fn count(&mut self, before: Values, after: Values) {
        let value = |values: Values| values.unwrap_or_default();
        let (old, new) = (value(before), value(after));
        for ((sum, old), new) in self.sums.iter_mut().zip(old).zip(new) {
            *sum = sum.wrapping_sub(old).wrapping_add(new);
        }
        self.rated = self.rated + usize::from(after.is_some()) - usize::from(before.is_some());
    }
}
