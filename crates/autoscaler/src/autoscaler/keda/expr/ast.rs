//! The syntax tree and the place of a fault in it.

/// A node and where it stands, in characters from the start.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Name(String),
    /// `-`, `+`, `!` or `not`.
    Unary(String, Box<Node>),
    Binary(String, Box<Node>, Box<Node>),
    Conditional(Box<Node>, Box<Node>, Box<Node>),
    Array(Vec<Node>),
    Index(Box<Node>, Box<Node>),
    Slice(Box<Node>, Option<Box<Node>>, Option<Box<Node>>),
    /// A function; a predicate argument is the plain expression.
    Call(String, Vec<Node>),
    /// `#`, `#acc` or `#index`.
    Pointer(String),
    Let(String, Box<Node>, Box<Node>),
    Sequence(Vec<Node>),
}

impl Node {
    pub(super) const fn new(at: usize, kind: Kind) -> Self {
        Self { at, kind }
    }
}

/// An error of compiling and its place, in characters from the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new<T>(at: usize, message: impl Into<String>) -> Result<T, Self> {
        Err(Self {
            at,
            message: message.into(),
        })
    }

    /// The message with line and column, both counted from 1.
    pub(super) fn bind(self, source: &str) -> String {
        let before: Vec<char> = source.chars().take(self.at).collect();
        let line = before.iter().filter(|c| **c == '\n').count() + 1;
        let column = before.iter().rev().take_while(|c| **c != '\n').count() + 1;
        format!("{} ({line}:{column})", self.message)
    }
}
