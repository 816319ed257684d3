//! A target: when it is scraped, and the series of its last scrape.

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};

use super::Head;
use crate::prometheus::labels::{Labels, METRIC_NAME};
use crate::prometheus::storage::{AppendError, SeriesId, stale_marker};

/// One sample as a target exposes it.
#[derive(Debug, Clone, Copy)]
pub struct Exposed<'a> {
    /// The metric's name.
    pub name: &'a str,
    /// Its labels besides the target's, always in the same order.
    pub labels: &'a [(&'a str, &'a str)],
    /// The value.
    pub value: f64,
    /// The time that it states for itself, milliseconds.
    pub at: Option<i64>,
}

/// From a time on, the first at which a target is scraped, milliseconds: each target has its own
/// place in the interval, by a hash of what it is.
pub fn offset(identity: &str, seed: u64, interval: i64, from: i64) -> i64 {
    let interval = interval.max(1);
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in identity.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    // The low bits of such a hash alone are not spread evenly.
    let mixed = (hash ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let place = ((mixed >> 16) % interval.unsigned_abs()) as i64;
    let begun = from - from.rem_euclid(interval) + place;
    if begun < from {
        begun + interval
    } else {
        begun
    }
}

/// A series of a target.
#[derive(Debug, Clone)]
struct Entry {
    name: String,
    own: Vec<(String, String)>,
    labels: Labels,
    /// None if nobody asks for it.
    id: Option<SeriesId>,
    /// The scrape that had it last.
    seen: u64,
    /// Whether its last sample stated its own time. Such a series ends by the lookback alone.
    states_time: bool,
    /// Of its name and its own labels.
    hash: u64,
}

/// The hash of a sample's name and labels.
fn hash_of(sample: &Exposed) -> u64 {
    let mut hasher = FxHasher::default();
    (sample.name, sample.labels).hash(&mut hasher);
    hasher.finish()
}

impl Entry {
    fn is(&self, sample: &Exposed) -> bool {
        self.name == sample.name
            && self.own.len() == sample.labels.len()
            && self
                .own
                .iter()
                .zip(sample.labels)
                .all(|((name, value), (other, its))| name == other && value == its)
    }
}

/// A target with its labels.
#[derive(Debug, Clone)]
pub struct Target {
    labels: Vec<(String, String)>,
    entries: Vec<Entry>,
    /// The entries' places by their hashes.
    places: FxHashMap<u64, Vec<usize>>,
    up: Entry,
    /// Where the next sample is expected.
    cursor: usize,
    scrapes: u64,
    at: i64,
    /// The changes of what is wanted that the entries know.
    changes: u64,
}

impl Target {
    /// A target that has not been scraped; labels of its samples that it names too stay as
    /// `exported_…`.
    pub fn new(labels: Vec<(String, String)>) -> Self {
        let up = Entry {
            name: "up".to_owned(),
            own: Vec::new(),
            labels: full("up", &[], &labels),
            id: None,
            seen: 0,
            states_time: false,
            hash: 0,
        };
        Self {
            labels,
            entries: Vec::new(),
            places: FxHashMap::default(),
            up,
            cursor: 0,
            scrapes: 0,
            at: 0,
            changes: u64::MAX,
        }
    }

    /// A scrape of a time, milliseconds, begins.
    pub fn begin(&mut self, head: &mut Head, at: i64) {
        self.scrapes += 1;
        (self.cursor, self.at) = (0, at);
        if self.changes != head.wanted.changes() {
            self.changes = head.wanted.changes();
            for entry in self.entries.iter_mut().chain([&mut self.up]) {
                entry.id = head
                    .wanted
                    .takes(&entry.labels)
                    .then(|| head.storage.series(&entry.labels));
            }
        }
    }

    /// The scrape has this sample.
    pub fn expose(&mut self, head: &mut Head, sample: &Exposed) {
        let place = self.place_of(head, sample);
        let entry = &mut self.entries[place];
        entry.seen = self.scrapes;
        entry.states_time = sample.at.is_some();
        append(head, entry, sample.at.unwrap_or(self.at), sample.value);
    }

    /// The place of a sample's series, made at the end if there is none; what is expected next is
    /// what follows a known one.
    fn place_of(&mut self, head: &mut Head, sample: &Exposed) -> usize {
        let expected = self.entries.get(self.cursor);
        if expected.is_some_and(|entry| entry.is(sample)) {
            self.cursor += 1;
            return self.cursor - 1;
        }
        let hash = hash_of(sample);
        let mut known = self.places.get(&hash).into_iter().flatten();
        if let Some(&place) = known.find(|place| self.entries[**place].is(sample)) {
            self.cursor = place + 1;
            return place;
        }
        let labels = full(sample.name, sample.labels, &self.labels);
        let id = head
            .wanted
            .takes(&labels)
            .then(|| head.storage.series(&labels));
        let own = sample.labels.iter();
        self.entries.push(Entry {
            name: sample.name.to_owned(),
            own: own
                .map(|&(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            labels,
            id,
            seen: 0,
            states_time: false,
            hash,
        });
        let place = self.entries.len() - 1;
        self.places.entry(hash).or_default().push(place);
        place
    }

    /// The scrape ends: series that it did not have end too. A failed one has none.
    pub fn end(&mut self, head: &mut Head, is_up: bool) {
        let (at, scrape) = (self.at, self.scrapes);
        let lacking = self.entries.iter_mut().filter(|one| one.seen != scrape);
        for entry in lacking.filter(|one| !one.states_time) {
            append(head, entry, at, stale_marker());
        }
        let before = self.entries.len();
        self.entries.retain(|entry| entry.seen == scrape);
        if self.entries.len() != before {
            self.places.clear();
            for (place, entry) in self.entries.iter().enumerate() {
                self.places.entry(entry.hash).or_default().push(place);
            }
        }
        self.up.seen = scrape;
        append(head, &mut self.up, at, f64::from(u8::from(is_up)));
    }

    /// The process that scraped is gone, and with it what it knew of the last scrape: nothing is
    /// left to be marked as ended.
    pub fn forget(&mut self) {
        self.entries.clear();
        self.places.clear();
        self.up.seen = 0;
    }

    /// The target is gone since this time, milliseconds: its series end, as with a scrape that
    /// lacks them all, and `up` too.
    pub fn retire(&mut self, head: &mut Head, at: i64) {
        let up = (self.up.seen > 0).then_some(&mut self.up);
        let all = self.entries.iter_mut().chain(up);
        for entry in all.filter(|one| !one.states_time) {
            append(head, entry, at, stale_marker());
        }
        self.entries.clear();
        self.places.clear();
    }
}

fn append(head: &mut Head, entry: &mut Entry, at: i64, value: f64) {
    let Some(id) = entry.id else { return };
    // One that was forgotten begins anew; others that are late are dropped, as there.
    if head.storage.append(id, at, value) == Err(AppendError::UnknownSeries) {
        let id = head.storage.series(&entry.labels);
        entry.id = Some(id);
        let _ = head.storage.append(id, at, value);
    }
}

/// A series' labels: its own and the target's, which win.
fn full(name: &str, own: &[(&str, &str)], target: &[(String, String)]) -> Labels {
    let clashes = |name: &str| {
        target
            .iter()
            .any(|(other, value)| other == name && !value.is_empty())
    };
    let own = own.iter().map(|&(name, value)| {
        let name = if clashes(name) {
            format!("exported_{name}")
        } else {
            name.to_owned()
        };
        (name, value.to_owned())
    });
    let name = (METRIC_NAME.to_owned(), name.to_owned());
    Labels::new(own.chain(target.iter().cloned()).chain([name]))
}
