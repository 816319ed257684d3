//! A query as it is evaluated: brackets gone, numbers in milliseconds, functions known.

use super::functions::Function;
use crate::prometheus::labels::Matcher;

/// What an expression is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar,
    Text,
    Vector,
    Matrix,
}

/// Where in time a selector or a subquery looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct When {
    /// `@`: the time instead of the evaluation's.
    pub(super) at: Option<At>,
    /// `offset`, milliseconds.
    pub(super) offset: i64,
}

/// The argument of `@`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// A time, milliseconds.
    Time(i64),
    /// `start()` or `end()`: of an instant query, its time.
    Query,
}

/// The series that a selector asks for.
#[derive(Debug, Clone)]
pub(super) struct Selector {
    pub(super) matchers: Vec<Matcher>,
    pub(super) when: When,
}

/// An expression over an earlier stretch of time.
#[derive(Debug, Clone)]
pub(super) struct Subquery {
    pub(super) inner: Box<Expr>,
    pub(super) range: i64,
    pub(super) step: i64,
    pub(super) when: When,
}

/// `by` or `without`.
#[derive(Debug, Clone)]
pub(super) struct Grouping {
    pub(super) without: bool,
    pub(super) labels: Vec<String>,
}

/// What a group of series becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aggregator {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    Quantile,
    CountValues,
}

/// Operators between two expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    And,
    Or,
    Unless,
}

impl Operator {
    pub(super) fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }

    pub(super) fn is_comparison(self) -> bool {
        use Operator::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
        matches!(
            self,
            Equal | NotEqual | Greater | GreaterEqual | Less | LessEqual
        )
    }
}

/// How many series of either side meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cardinality {
    OneToOne,
    /// `group_left`.
    ManyToOne,
    /// `group_right`.
    OneToMany,
}

/// Which series of two sides belong together.
#[derive(Debug, Clone)]
pub(super) struct Matching {
    /// `on` (true) or `ignoring`.
    pub(super) on: bool,
    pub(super) labels: Vec<String>,
    pub(super) cardinality: Cardinality,
    /// Labels that `group_left` or `group_right` takes from the side of one.
    pub(super) include: Vec<String>,
}

/// Two expressions and what is done with them.
#[derive(Debug, Clone)]
pub(super) struct Binary {
    pub(super) operator: Operator,
    pub(super) left: Expr,
    pub(super) right: Expr,
    pub(super) matching: Matching,
    pub(super) return_bool: bool,
}

/// An expression.
#[derive(Debug, Clone)]
pub(super) enum Expr {
    Number(f64),
    Text(String),
    Vector(Selector),
    Matrix(Selector, i64),
    Subquery(Subquery),
    Call(Function, Vec<Expr>),
    Aggregate {
        aggregator: Aggregator,
        grouping: Grouping,
        parameter: Option<Box<Expr>>,
        inner: Box<Expr>,
    },
    Binary(Box<Binary>),
    Negate(Box<Expr>),
    /// With a `+`, which leaves it as it is but is no selector.
    Plus(Box<Expr>),
}

impl Expr {
    /// The text of a text, which the parser asks for where one is needed.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Number(_) => Kind::Scalar,
            Self::Text(_) => Kind::Text,
            Self::Vector(_) | Self::Aggregate { .. } => Kind::Vector,
            Self::Matrix(..) | Self::Subquery(_) => Kind::Matrix,
            Self::Call(function, _) => function.kind(),
            Self::Negate(inner) | Self::Plus(inner) => inner.kind(),
            Self::Binary(binary) => match (binary.left.kind(), binary.right.kind()) {
                (Kind::Scalar, Kind::Scalar) => Kind::Scalar,
                _ => Kind::Vector,
            },
        }
    }
}
