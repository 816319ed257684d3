//! Events of controllers about their objects.

/// An event about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its type.
    pub kind: EventType,
    /// Its reason, one word.
    pub reason: &'static str,
    /// The sentence.
    pub message: String,
}

/// The types of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventType {
    /// Type Normal.
    Normal,
    /// Something went wrong.
    Warning,
}
