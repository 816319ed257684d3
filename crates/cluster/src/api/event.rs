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
    /// Where the sentence ends among those of the sink.
    end: usize,
}

/// Gathers events in order, if anybody wants them: sweeps need none.
#[derive(Debug, Clone, Default)]
pub struct EventSink {
    events: Vec<ObjectEvent>,
    /// Their sentences, one behind the other.
    sentences: String,
    wanted: bool,
}

impl EventSink {
    /// A sink that keeps events, or that drops them.
    pub fn new(wanted: bool) -> Self {
        Self {
            wanted,
            ..Self::default()
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

    /// Adds an event of type Normal whose sentence is these parts, one behind the other.
    pub fn normal_of(&mut self, object: ObjectId, reason: &'static str, parts: &[&str]) {
        if self.wanted {
            for part in parts {
                self.sentences.push_str(part);
            }
            self.push(object, EventKind::Normal, Cow::Borrowed(reason));
        }
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
            self.sentences.push_str(&message());
            self.push(object, kind, reason.into());
        }
    }

    /// Adds an event whose sentence is there already.
    fn push(&mut self, object: ObjectId, kind: EventKind, reason: Cow<'static, str>) {
        self.events.push(ObjectEvent {
            object,
            kind,
            reason,
            end: self.sentences.len(),
        });
    }

    /// Whether events are kept.
    pub fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Takes the events gathered so far, in order, and tells each with its sentence.
    pub fn take_each(&mut self, mut tell: impl FnMut(&ObjectEvent, &str)) {
        let mut from = 0;
        for event in self.events.drain(..) {
            tell(
                &event,
                self.sentences.get(from..event.end).unwrap_or_default(),
            );
            from = event.end;
        }
        self.sentences.clear();
    }
}
