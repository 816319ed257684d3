//! Workers by their places: those that are there by the slots of their servers, and those whose machines
//! are gone without the broker's notice.

use std::collections::VecDeque;

use crate::sim::{Key, SimDuration, SimTime};
use crate::workload::server::Server;

/// RabbitMQ's `heartbeat`: it looks so often whether anything has come over a connection.
const HEARTBEAT: SimDuration = SimDuration::from_secs(60);
/// It closes a connection when so many looks in a row find nothing.
const MISSED: i64 = 2;
/// Places from here on are of workers whose machines are gone.
const SILENT: u32 = 1 << 31;

/// A worker.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    pub(super) server: Key<Server>,
    pub(super) slots: u32,
    pub(super) running: u32,
    /// Deliveries whose tasks have not begun.
    pub(super) reserved: VecDeque<u32>,
    pub(super) taking: bool,
    /// Its machine is gone, and the broker has not noticed: it is handed messages, and does nothing.
    pub(super) silent: bool,
    /// Whether it is in the list of those that take messages.
    pub(super) listed: bool,
    /// When it connected.
    pub(super) since: SimTime,
}

impl Worker {
    pub(super) fn new(server: Key<Server>, slots: u32, since: SimTime) -> Self {
        Self {
            server,
            slots: slots.max(1),
            running: 0,
            reserved: VecDeque::new(),
            taking: true,
            silent: false,
            listed: false,
            since,
        }
    }

    /// Whether it begins a task that it has.
    pub(super) fn begins(&self) -> bool {
        self.running < self.slots && self.taking && !self.silent
    }

    /// When a broker that looks whether something has come notices a loss at this time: what had come
    /// before is found by the first look after it.
    fn missed_at(&self, lost: SimTime) -> SimTime {
        let passed = lost.0 - self.since.0;
        let looks = passed.div_euclid(HEARTBEAT.0) + 1 + MISSED;
        self.since + SimDuration(looks * HEARTBEAT.0)
    }
}

/// All workers.
#[derive(Debug, Clone, Default)]
pub(super) struct Workers {
    /// By the slots of their servers.
    there: Vec<Option<Worker>>,
    /// When the broker notices that they are gone.
    silent: Vec<Option<(SimTime, Worker)>>,
}

impl Workers {
    /// A worker comes. Returns its place, unless it is there already.
    pub(super) fn add(&mut self, worker: Worker) -> Option<u32> {
        let place = worker.server.slot();
        if self.there.len() <= place {
            self.there.resize(place + 1, None);
        }
        let free = self.there[place].is_none();
        free.then(|| {
            self.there[place] = Some(worker);
            place as u32
        })
    }

    /// A worker that is there.
    pub(super) fn of(&mut self, server: Key<Server>) -> Option<&mut Worker> {
        let worker = self.there.get_mut(server.slot())?.as_mut()?;
        (worker.server == server).then_some(worker)
    }

    /// A worker whose machine is gone without notice.
    pub(super) fn silent_of(&mut self, server: Key<Server>) -> Option<&mut Worker> {
        let mut silent = self.silent.iter_mut().flatten();
        let found = silent.find(|(_, one)| one.server == server);
        found.map(|(_, one)| one)
    }

    pub(super) fn get(&self, place: u32) -> Option<&Worker> {
        match place.checked_sub(SILENT) {
            None => self.there.get(place as usize)?.as_ref(),
            Some(place) => self
                .silent
                .get(place as usize)?
                .as_ref()
                .map(|(_, one)| one),
        }
    }

    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut Worker> {
        match place.checked_sub(SILENT) {
            None => self.there.get_mut(place as usize)?.as_mut(),
            Some(place) => {
                let silent = self.silent.get_mut(place as usize)?.as_mut();
                silent.map(|(_, one)| one)
            }
        }
    }

    /// A worker is gone.
    pub(super) fn remove(&mut self, server: Key<Server>) -> Option<Worker> {
        self.of(server)?;
        self.there[server.slot()].take()
    }

    /// A worker is gone with its machine, and the broker does not notice yet. Returns its new place.
    pub(super) fn vanish(&mut self, server: Key<Server>, now: SimTime) -> Option<u32> {
        let mut worker = self.remove(server)?;
        worker.silent = true;
        worker.listed = false;
        let noticed = worker.missed_at(now);
        self.silent.push(Some((noticed, worker)));
        Some(SILENT + self.silent.len() as u32 - 1)
    }

    /// When the broker notices the next time that one is gone.
    pub(super) fn next_noticed(&self) -> Option<SimTime> {
        let silent = self.silent.iter().flatten();
        silent.map(|(at, _)| *at).min()
    }

    /// Takes out one whose loss the broker has noticed by now.
    pub(super) fn take_noticed(&mut self, now: SimTime) -> Option<Worker> {
        let is_due =
            |one: &&mut Option<(SimTime, Worker)>| one.as_ref().is_some_and(|(at, _)| *at <= now);
        let found = self.silent.iter_mut().find(is_due)?.take();
        if self.silent.iter().all(Option::is_none) {
            self.silent.clear();
        }
        found.map(|(_, one)| one)
    }

    /// All that are connected as far as the broker knows.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Worker> {
        let silent = self.silent.iter().flatten().map(|(_, one)| one);
        self.there.iter().flatten().chain(silent)
    }
}
