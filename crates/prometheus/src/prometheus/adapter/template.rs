//! Go's `text/template` as far as rules use it: text, fields, variables, `index`, `printf`,
//! comparisons, `if`, `range` and `with`, between `<<` and `>>`.

mod execute;
mod functions;
mod lex;
mod parse;

use std::collections::BTreeMap;

/// A value of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    Bool(bool),
    List(Vec<String>),
    Map(BTreeMap<String, String>),
    /// What a map has under a key that it lacks.
    Missing,
}

/// What a template is executed with: a struct of Go.
#[derive(Debug, Clone)]
pub(super) struct Data {
    /// Its type, for errors.
    pub(super) type_name: &'static str,
    pub(super) fields: Vec<(&'static str, Value)>,
}

/// A parsed template.
#[derive(Debug, Clone)]
pub(super) struct Template {
    name: &'static str,
    text: String,
    nodes: Vec<Node>,
}

/// A part of a template.
#[derive(Debug, Clone)]
enum Node {
    Text(String),
    /// Its value is written.
    Action(Pipeline),
    If(Pipeline, Vec<Node>, Vec<Node>),
    With(Pipeline, Vec<Node>, Vec<Node>),
    Range(Pipeline, Vec<Node>, Vec<Node>),
}

/// Commands, each handing its value to the next as the last argument.
#[derive(Debug, Clone)]
struct Pipeline {
    /// Variables that the value is bound to.
    variables: Vec<String>,
    commands: Vec<Vec<Operand>>,
}

/// A word of a command, with its place in the text.
#[derive(Debug, Clone)]
struct Operand {
    place: usize,
    kind: OperandKind,
}

#[derive(Debug, Clone)]
enum OperandKind {
    /// `.` and what follows: fields.
    Dot(Vec<String>),
    /// `$name` and what follows; the name is empty for the data itself.
    Variable(String, Vec<String>),
    Function(String),
    Literal(Value),
    Group(Box<Pipeline>),
}

impl Template {
    /// Parses a template; the error is Go's.
    pub(super) fn parse(name: &'static str, text: &str) -> Result<Self, String> {
        let nodes = parse::parse(text).map_err(|(place, message)| {
            format!("template: {name}:{}: {message}", line(text, place))
        })?;
        Ok(Self {
            name,
            text: text.to_owned(),
            nodes,
        })
    }

    /// Fills the template; the error is Go's.
    pub(super) fn execute(&self, data: &Data) -> Result<String, String> {
        execute::execute(&self.nodes, data).map_err(|(place, word, message)| {
            let (name, text) = (self.name, &self.text);
            // Go counts columns from 0.
            let column = place - text[..place].rfind('\n').map_or(0, |newline| newline + 1);
            format!(
                "template: {name}:{}:{column}: executing {name:?} at <{word}>: {message}",
                line(text, place)
            )
        })
    }
}

fn line(text: &str, place: usize) -> usize {
    text[..place.min(text.len())].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, String> {
        let map = BTreeMap::from([("queue".to_owned(), "a|b".to_owned())]);
        let list = vec!["pod".to_owned(), "container".to_owned()];
        Template::parse("metrics-query", text)?.execute(&Data {
            type_name: "naming.queryTemplateArgs",
            fields: vec![
                ("Series", Value::Text("x_total".to_owned())),
                ("LabelValuesByName", Value::Map(map)),
                ("GroupBySlice", Value::List(list)),
            ],
        })
    }

    #[test]
    fn fields_are_written() {
        assert_eq!(
            filled("sum(<<.Series>>{a=\"b\"})").unwrap(),
            "sum(x_total{a=\"b\"})"
        );
        assert_eq!(filled("a <<- .Series ->> b").unwrap(), "ax_totalb");
        assert_eq!(filled("<</* nothing */>>x").unwrap(), "x");
        assert_eq!(filled("<<.GroupBySlice>>").unwrap(), "[pod container]");
        assert_eq!(filled("<<.LabelValuesByName>>").unwrap(), "map[queue:a|b]");
    }

    #[test]
    fn values_by_label_have_two_ways_to_be_missing() {
        assert_eq!(filled("<<.LabelValuesByName.queue>>").unwrap(), "a|b");
        assert_eq!(
            filled("<<.LabelValuesByName.other>>").unwrap(),
            "<no value>"
        );
        assert_eq!(
            filled("<<index .LabelValuesByName \"other\">>").unwrap(),
            ""
        );
        assert_eq!(filled("<<index .GroupBySlice 1>>").unwrap(), "container");
    }

    #[test]
    fn ranges_conditions_and_variables() {
        assert_eq!(
            filled("<<range $i, $l := .GroupBySlice>><<if $i>>,<<end>><<$l>><<end>>").unwrap(),
            "pod,container"
        );
        assert_eq!(
            filled("<<range .GroupBySlice>><<.>>=<<$.Series>>;<<end>>").unwrap(),
            "pod=x_total;container=x_total;"
        );
        assert_eq!(
            filled("<<if eq .Series \"x_total\" \"y\">>a<<else if true>>b<<else>>c<<end>>")
                .unwrap(),
            "a"
        );
        assert_eq!(
            filled("<<with .LabelValuesByName.queue>><<. | printf \"%q\">><<else>>-<<end>>")
                .unwrap(),
            "\"a|b\""
        );
        assert_eq!(filled("<<$x := len .GroupBySlice>><<$x>>").unwrap(), "2");
        assert_eq!(
            filled("<<if and (ne .Series \"\") (not false)>>y<<end>>").unwrap(),
            "y"
        );
    }

    #[test]
    fn what_is_wrong_is_told_in_gos_words() {
        assert_eq!(
            filled("a<<.Foo>>").unwrap_err(),
            "template: metrics-query:1:3: executing \"metrics-query\" at <.Foo>: can't evaluate \
             field Foo in type naming.queryTemplateArgs"
        );
        assert_eq!(
            filled("<<foo .Series>>").unwrap_err(),
            "template: metrics-query:1: function \"foo\" not defined"
        );
        assert_eq!(
            filled("<<.Series").unwrap_err(),
            "template: metrics-query:1: unclosed action"
        );
        assert_eq!(
            filled("<<if .Series>>x").unwrap_err(),
            "template: metrics-query:1: unexpected EOF"
        );
        assert_eq!(
            filled("<<end>>").unwrap_err(),
            "template: metrics-query:1: unexpected {{end}}"
        );
        assert_eq!(
            filled("x\ny<<.Series.Foo>>").unwrap_err(),
            "template: metrics-query:2:10: executing \"metrics-query\" at <.Series.Foo>: can't \
             evaluate field Foo in type string"
        );
        assert_eq!(
            filled("<<index .GroupBySlice 5>>").unwrap_err(),
            "template: metrics-query:1:2: executing \"metrics-query\" at <index .GroupBySlice 5>: \
             error calling index: index out of range: 5"
        );
        assert_eq!(
            filled("<<.Series}>>").unwrap_err(),
            "template: metrics-query:1: bad character U+007D '}'"
        );
        assert_eq!(
            filled("<<$y>>").unwrap_err(),
            "template: metrics-query:1: undefined variable \"$y\""
        );
    }
}
