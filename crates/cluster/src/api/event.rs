//! Events as `kubectl get events` shows them, before they are recorded.

use std::borrow::Cow;

use super::meta::ObjectId;

/// An event's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// All is well.
    Normal,
    /// Something is wrong.
    Warning,
}

impl EventKind {
    /// The type as Kubernetes spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectEvent {
    /// The object that it is about.
    pub object: ObjectId,
    /// Its type.
    pub kind: EventKind,
    /// The reason, one word.
    pub reason: Cow<'static, str>,
    /// The sentence.
    pub message: String,
}

/// Gathers events in order, if anybody wants them: sweeps need none.
#[derive(Debug, Clone, Default)]
pub struct EventSink {
    events: Vec<ObjectEvent>,
    wanted: bool,
}

impl EventSink {
    /// A sink that keeps events, or that drops them.
    pub fn new(wanted: bool) -> Self {
        Self {
            events: Vec::new(),
            wanted,
        }
    }

    /// Adds an event of type Normal; the sentence is only made where events are wanted.
    pub fn normal(
        &mut self,
        object: ObjectId,
        reason: impl Into<Cow<'static, str>>,
        message: impl FnOnce() -> String,
    ) {
        self.add(object, EventKind::Normal, reason, message);
    }

    /// Adds an event of type Warning; the sentence is only made where events are wanted.
    pub fn warning(
        &mut self,
        object: ObjectId,
        reason: impl Into<Cow<'static, str>>,
        message: impl FnOnce() -> String,
    ) {
        self.add(object, EventKind::Warning, reason, message);
    }

    /// Adds an event; the sentence is only made where events are wanted.
    pub fn add(
        &mut self,
        object: ObjectId,
        kind: EventKind,
        reason: impl Into<Cow<'static, str>>,
        message: impl FnOnce() -> String,
    ) {
        if self.wanted {
            self.events.push(ObjectEvent {
                object,
                kind,
                reason: reason.into(),
                message: message(),
            });
        }
    }

    /// Whether events are kept.
    pub fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Takes the events gathered so far, in order.
    pub fn drain(&mut self) -> std::vec::Drain<'_, ObjectEvent> {
        self.events.drain(..)
    }
}
