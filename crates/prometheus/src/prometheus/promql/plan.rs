//! From the parser's tree to ours, with the column of whatever is wrong or outside.

use std::cell::Cell;
use std::time::{Duration, SystemTime};

use promql_parser::label::{Labels as ParsedLabels, MatchOp, Matchers};
use promql_parser::parser::token::{self, TokenType};
use promql_parser::parser::{self as upstream, AtModifier, LabelModifier, Offset};
use promql_parser::parser::{BinModifier, VectorMatchCardinality};

use super::ast::{
    Aggregator, At, Binary, Cardinality, Expr, Grouping, Kind, Matching, Operator, Selector,
    Subquery, When,
};
use super::functions::Function;
use super::spelled::{Spelled, Written, unspelled};
use super::{EVALUATION_INTERVAL, column};
use crate::prometheus::labels::{METRIC_NAME, Matcher};

/// A query that cannot be read, or that lies outside of what is evaluated here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: parse error: {message}")]
pub struct ParseError {
    /// The line, from 1.
    pub line: usize,
    /// Where in its line, in bytes from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// Whether Prometheus would read it: what is not evaluated here is no mistake of the query.
    pub is_unsupported: bool,
}

impl ParseError {
    /// A mistake at a byte of the query.
    pub(super) fn at(text: &str, byte: usize, message: impl Into<String>) -> Self {
        let before = &text[..byte];
        Self {
            line: before.matches('\n').count() + 1,
            column: byte - before.rfind('\n').map_or(0, |end| end + 1) + 1,
            message: message.into(),
            is_unsupported: false,
        }
    }
}

/// Reads a query.
pub(super) fn plan(text: &str) -> Result<Expr, ParseError> {
    let spelled = Spelled::new(text);
    let mistake = spelled.mistake();
    match upstream::parse(&spelled.whole()) {
        Ok(tree) => {
            if let Some(mistake) = mistake {
                return Err(mistake);
            }
            let signs = Cell::new(0);
            Planner { spelled, signs }.expression(tree)
        }
        Err(message) => {
            let failure = column::of_failure(&spelled, message);
            let place = |error: &ParseError| (error.line, error.column);
            Err(match mistake {
                Some(mistake) if place(&mistake) <= place(&failure) => mistake,
                _ => failure,
            })
        }
    }
}

struct Planner<'a> {
    spelled: Spelled<'a>,
    /// How many signs were met: the tree has them in the order of the text.
    signs: Cell<usize>,
}

impl Planner<'_> {
    /// What is wrong, at the first place where the word stands.
    fn wrong(&self, word: &str, message: impl Into<String>) -> ParseError {
        let text = self.spelled.text;
        ParseError::at(text, column::of_word(text, word), message)
    }

    /// What lies outside of what is evaluated here, at the first place where the word stands.
    fn outside(&self, word: &str, what: &str) -> ParseError {
        ParseError {
            is_unsupported: true,
            ..self.wrong(word, format!("{what} is not supported"))
        }
    }

    fn expression(&self, tree: upstream::Expr) -> Result<Expr, ParseError> {
        use upstream::Expr as Tree;
        Ok(match tree {
            Tree::Paren(paren) => self.expression(*paren.expr)?,
            Tree::NumberLiteral(number) => Expr::Number(number.val),
            Tree::StringLiteral(text) => Expr::Text(text.val),
            Tree::VectorSelector(selector) => Expr::Vector(self.selector(selector)?),
            Tree::MatrixSelector(matrix) => {
                Expr::Matrix(self.selector(matrix.vs)?, self.stretch(matrix.range)?)
            }
            Tree::Subquery(subquery) => Expr::Subquery(Subquery {
                when: when(subquery.at.as_ref(), subquery.offset.as_ref()),
                range: self.stretch(subquery.range)?,
                step: match subquery.step {
                    Some(step) => self.stretch(step)?,
                    None => EVALUATION_INTERVAL,
                },
                inner: Box::new(self.expression(*subquery.expr)?),
            }),
            Tree::Unary(unary) => {
                let index = self.signs.replace(self.signs.get() + 1);
                let is_plus = self.spelled.pluses.get(index) == Some(&true);
                match self.expression(*unary.expr)? {
                    Expr::Number(number) if is_plus => Expr::Number(number),
                    Expr::Number(number) => Expr::Number(-number),
                    inner if is_plus => Expr::Plus(Box::new(inner)),
                    inner => Expr::Negate(Box::new(inner)),
                }
            }
            Tree::Call(call) => {
                let name = call.func.name;
                let Some(function) = Function::named(name) else {
                    return Err(self.outside(name, &format!("function {name}()")));
                };
                let arguments: Result<_, _> = call
                    .args
                    .args
                    .into_iter()
                    .map(|argument| self.expression(*argument))
                    .collect();
                Expr::Call(function, arguments?)
            }
            Tree::Aggregate(aggregate) => self.aggregate(aggregate)?,
            Tree::Binary(binary) => self.binary(binary)?,
            Tree::Extension(_) => return Err(self.outside("", "an extension")),
        })
    }

    /// A range or a step in milliseconds, at least one.
    fn stretch(&self, duration: Duration) -> Result<i64, ParseError> {
        match millis(duration) {
            0 => Err(self.wrong("[", "duration must be greater than 0")),
            millis => Ok(millis),
        }
    }

    fn selector(&self, selector: upstream::VectorSelector) -> Result<Selector, ParseError> {
        let mut matchers = self.matchers(&selector.matchers)?;
        if let Some(name) = selector.name {
            matchers.push(Matcher::equal(METRIC_NAME, unspelled(&name)));
        }
        Ok(Selector {
            matchers,
            when: when(selector.at.as_ref(), selector.offset.as_ref()),
        })
    }

    fn matchers(&self, matchers: &Matchers) -> Result<Vec<Matcher>, ParseError> {
        if !matchers.or_matchers.is_empty() {
            return Err(self.wrong("or", "unexpected \"or\" in label matching"));
        }
        matchers
            .matchers
            .iter()
            .map(|matcher| {
                let (name, value) = (matcher.name.clone(), matcher.value.as_str());
                let written = || {
                    let place = value.trim_end_matches('|').parse::<usize>().ok();
                    let written = place.and_then(|place| self.spelled.patterns.get(place));
                    written.ok_or_else(|| self.wrong(&matcher.name, "unexpected pattern"))
                };
                Ok(match matcher.op {
                    MatchOp::Equal => Matcher::equal(name, value),
                    MatchOp::NotEqual => Matcher::not_equal(name, value),
                    MatchOp::Re(_) => {
                        let Written { text, pattern } = written()?;
                        Matcher::of_pattern(name, text, pattern.clone(), true)
                    }
                    MatchOp::NotRe(_) => {
                        let Written { text, pattern } = written()?;
                        Matcher::of_pattern(name, text, pattern.clone(), false)
                    }
                })
            })
            .collect()
    }

    fn aggregate(&self, aggregate: upstream::AggregateExpr) -> Result<Expr, ParseError> {
        let Some(aggregator) = aggregator(aggregate.op) else {
            let word = aggregate.op.to_string();
            return Err(self.outside(&word, &format!("{word}()")));
        };
        let (without, labels) = match aggregate.modifier {
            None => (false, Vec::new()),
            Some(LabelModifier::Include(names)) => (false, as_written(&names)),
            Some(LabelModifier::Exclude(names)) => (true, as_written(&names)),
        };
        let parameter = aggregate
            .param
            .map(|parameter| self.expression(*parameter))
            .transpose()?;
        Ok(Expr::Aggregate {
            aggregator,
            grouping: Grouping { without, labels },
            parameter: parameter.map(Box::new),
            inner: Box::new(self.expression(*aggregate.expr)?),
        })
    }

    fn binary(&self, binary: upstream::BinaryExpr) -> Result<Expr, ParseError> {
        let Some(operator) = operator(binary.op) else {
            let word = binary.op.to_string();
            return Err(self.outside(&word, &format!("operator {word}")));
        };
        let modifier = binary.modifier.unwrap_or_default();
        if modifier.fill_values.lhs.is_some() || modifier.fill_values.rhs.is_some() {
            let word = ["fill_left", "fill_right", "fill"]
                .into_iter()
                .find(|word| column::has_word(self.spelled.text, word))
                .unwrap_or("fill");
            return Err(self.wrong(
                word,
                "binop fill modifiers are experimental and not enabled",
            ));
        }
        let (left, right) = (self.expression(*binary.lhs)?, self.expression(*binary.rhs)?);
        if operator.is_set() && (left.kind() != Kind::Vector || right.kind() != Kind::Vector) {
            let word = binary.op.to_string();
            let message = format!("set operator {word:?} not allowed in binary scalar expression");
            return Err(self.wrong(&word, message));
        }
        Ok(Expr::Binary(Box::new(Binary {
            operator,
            left,
            right,
            return_bool: modifier.return_bool,
            matching: matching(modifier),
        })))
    }
}

/// Labels' names as they were written.
fn as_written(names: &ParsedLabels) -> Vec<String> {
    let names = names.labels.iter();
    names.map(|name| unspelled(name).to_owned()).collect()
}

fn matching(modifier: BinModifier) -> Matching {
    let (cardinality, include) = match modifier.card {
        VectorMatchCardinality::ManyToOne(labels) => (Cardinality::ManyToOne, as_written(&labels)),
        VectorMatchCardinality::OneToMany(labels) => (Cardinality::OneToMany, as_written(&labels)),
        VectorMatchCardinality::OneToOne | VectorMatchCardinality::ManyToMany => {
            (Cardinality::OneToOne, Vec::new())
        }
    };
    let (on, labels) = match modifier.matching {
        None => (false, Vec::new()),
        Some(LabelModifier::Include(labels)) => (true, as_written(&labels)),
        Some(LabelModifier::Exclude(labels)) => (false, as_written(&labels)),
    };
    Matching {
        on,
        labels,
        cardinality,
        include,
    }
}

/// Milliseconds, so few that sums of them are still numbers.
fn millis(duration: Duration) -> i64 {
    duration.as_millis().min(1 << 61) as i64
}

fn when(at: Option<&AtModifier>, offset: Option<&Offset>) -> When {
    When {
        at: at.map(|at| match at {
            AtModifier::Start | AtModifier::End => At::Query,
            AtModifier::At(time) => At::Time(match time.duration_since(SystemTime::UNIX_EPOCH) {
                Ok(after) => millis(after),
                Err(before) => -millis(before.duration()),
            }),
        }),
        offset: match offset {
            None => 0,
            Some(Offset::Pos(back)) => millis(*back),
            Some(Offset::Neg(ahead)) => -millis(*ahead),
        },
    }
}

fn aggregator(token: TokenType) -> Option<Aggregator> {
    Some(match token.id() {
        token::T_SUM => Aggregator::Sum,
        token::T_AVG => Aggregator::Avg,
        token::T_MIN => Aggregator::Min,
        token::T_MAX => Aggregator::Max,
        token::T_COUNT => Aggregator::Count,
        token::T_GROUP => Aggregator::Group,
        token::T_STDDEV => Aggregator::Stddev,
        token::T_STDVAR => Aggregator::Stdvar,
        token::T_TOPK => Aggregator::Topk,
        token::T_BOTTOMK => Aggregator::Bottomk,
        token::T_QUANTILE => Aggregator::Quantile,
        token::T_COUNT_VALUES => Aggregator::CountValues,
        _ => return None,
    })
}

fn operator(token: TokenType) -> Option<Operator> {
    Some(match token.id() {
        token::T_ADD => Operator::Add,
        token::T_SUB => Operator::Sub,
        token::T_MUL => Operator::Mul,
        token::T_DIV => Operator::Div,
        token::T_MOD => Operator::Mod,
        token::T_POW => Operator::Pow,
        token::T_ATAN2 => Operator::Atan2,
        token::T_EQLC => Operator::Equal,
        token::T_NEQ => Operator::NotEqual,
        token::T_GTR => Operator::Greater,
        token::T_GTE => Operator::GreaterEqual,
        token::T_LSS => Operator::Less,
        token::T_LTE => Operator::LessEqual,
        token::T_LAND => Operator::And,
        token::T_LOR => Operator::Or,
        token::T_LUNLESS => Operator::Unless,
        _ => return None,
    })
}
