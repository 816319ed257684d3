//! A slab with generational keys: a key of something removed never finds its successor.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use super::work;

/// A key into an [`Arena`]: slot and generation, 8 bytes, `Copy`.
pub struct Key<T> {
    slot: u32,
    generation: u32,
    of: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    /// The slot number. Slots are reused; use it to index side tables of live values only.
    #[inline]
    pub fn slot(self) -> usize {
        self.slot as usize
    }
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> PartialEq for Key<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.slot, self.generation) == (other.slot, other.generation)
    }
}

impl<T> Eq for Key<T> {}

impl<T> PartialOrd for Key<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Key<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.slot, self.generation).cmp(&(other.slot, other.generation))
    }
}

impl<T> Hash for Key<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.slot, self.generation).hash(state);
    }
}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}v{}", self.slot, self.generation)
    }
}

#[derive(Debug, Clone)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

/// Values in slots that are reused, found by generational keys in constant time.
#[derive(Debug, Clone)]
pub struct Arena<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Arena<T> {
    /// Stores a value and returns its key.
    pub fn insert(&mut self, value: T) -> Key<T> {
        if let Some(slot) = self.free.pop() {
            let entry = &mut self.slots[slot as usize];
            entry.value = Some(value);
            return Key {
                slot,
                generation: entry.generation,
                of: PhantomData,
            };
        }
        let slot = u32::try_from(self.slots.len()).expect("fewer than 2^32 values live at once");
        self.slots.push(Slot {
            generation: 0,
            value: Some(value),
        });
        Key {
            slot,
            generation: 0,
            of: PhantomData,
        }
    }

    /// Takes the value out; `None` if the key is stale.
    pub fn remove(&mut self, key: Key<T>) -> Option<T> {
        let entry = self.slots.get_mut(key.slot())?;
        if entry.generation != key.generation {
            return None;
        }
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(key.slot);
        Some(value)
    }

    /// The value; `None` if the key is stale.
    #[inline]
    pub fn get(&self, key: Key<T>) -> Option<&T> {
        work::count(1);
        let entry = self.slots.get(key.slot())?;
        if entry.generation == key.generation {
            entry.value.as_ref()
        } else {
            None
        }
    }

    /// The value, to change; `None` if the key is stale.
    #[inline]
    pub fn get_mut(&mut self, key: Key<T>) -> Option<&mut T> {
        work::count(1);
        let entry = self.slots.get_mut(key.slot())?;
        if entry.generation == key.generation {
            entry.value.as_mut()
        } else {
            None
        }
    }

    /// The live value in a slot, whatever its generation.
    #[inline]
    pub fn at(&self, slot: usize) -> Option<&T> {
        work::count(1);
        self.slots.get(slot)?.value.as_ref()
    }

    /// The live value in a slot, to change.
    #[inline]
    pub fn at_mut(&mut self, slot: usize) -> Option<&mut T> {
        work::count(1);
        self.slots.get_mut(slot)?.value.as_mut()
    }

    /// The key of the live value in a slot.
    #[inline]
    pub fn key_at(&self, slot: usize) -> Option<Key<T>> {
        let entry = self.slots.get(slot)?;
        entry.value.as_ref().map(|_| Key {
            slot: slot as u32,
            generation: entry.generation,
            of: PhantomData,
        })
    }

    /// All live values with their keys, in slot order (which is reuse order, not age).
    pub fn iter(&self) -> impl Iterator<Item = (Key<T>, &T)> {
        self.slots.iter().enumerate().filter_map(|(slot, entry)| {
            work::count(1);
            let key = Key {
                slot: slot as u32,
                generation: entry.generation,
                of: PhantomData,
            };
            entry.value.as_ref().map(|value| (key, value))
        })
    }

    /// All live values, to change, in slot order.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().filter_map(|slot| {
            work::count(1);
            slot.value.as_mut()
        })
    }

    /// How many slots there are, the free ones included.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// How many values are live.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether nothing is live.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_key_finds_nothing() {
        let mut arena = Arena::default();
        let old = arena.insert("old");
        assert_eq!(arena.remove(old), Some("old"));
        let new = arena.insert("new");
        assert_eq!(new.slot(), old.slot());
        assert_eq!(arena.get(old), None);
        assert_eq!(arena.remove(old), None);
        assert_eq!(arena.get(new), Some(&"new"));
        assert_eq!(arena.at(new.slot()), Some(&"new"));
        assert_eq!(arena.key_at(new.slot()), Some(new));
        assert_eq!(arena.len(), 1);
    }
}
