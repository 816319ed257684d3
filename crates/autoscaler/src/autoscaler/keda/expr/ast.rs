//! The syntax tree and the place of a fault in it.

/// A node and where it stands, in characters from the start.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) at: usize,
    /// Nodes on the longest way down, with this one.
    pub(super) height: usize,
    /// Nodes below it, with this one.
    pub(super) size: usize,
    pub(super) kind: Kind,
}

/// The name of all names together; one of them follows behind `.` or, if there may be none of
/// that name, behind `?.`.
pub(super) const ENV: &str = "$env";

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

impl Kind {
    fn children(&self) -> Vec<&Node> {
        match self {
            Self::Unary(_, inner) => vec![inner.as_ref()],
            Self::Binary(_, left, right) => vec![left.as_ref(), right.as_ref()],
            Self::Index(array, index) => vec![array.as_ref(), index.as_ref()],
            Self::Let(_, value, body) => vec![value.as_ref(), body.as_ref()],
            Self::Conditional(condition, then, otherwise) => {
                vec![condition.as_ref(), then.as_ref(), otherwise.as_ref()]
            }
            Self::Slice(array, from, to) => {
                let bounds = [from, to].into_iter().flatten();
                std::iter::once(array)
                    .chain(bounds)
                    .map(Box::as_ref)
                    .collect()
            }
            Self::Array(nodes) | Self::Call(_, nodes) | Self::Sequence(nodes) => {
                nodes.iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether it is written out, so that nothing remains to be calculated.
    pub(super) const fn is_literal(&self) -> bool {
        matches!(
            self,
            Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Text(_)
        )
    }
}

impl Node {
    pub(super) fn new(at: usize, kind: Kind) -> Self {
        let (mut height, mut size) = (0, 0);
        for child in kind.children() {
            height = child.height.max(height);
            size += child.size;
        }
        Self {
            at,
            height: height + 1,
            size: size + 1,
            kind,
        }
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
