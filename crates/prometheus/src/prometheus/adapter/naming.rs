//! A rule ready for use: which series it is for, what they are called, and the queries of their
//! metrics (`pkg/naming/metric_namer.go`, `metrics_query.go`).

use std::collections::BTreeMap;

use super::config::{Filter, GroupResource, ResourceMapping, Rule};
use super::resources::{Converter, Kinds};
use super::selector::{Requirement, matcher, matchers};
use super::template::{Data, Template, Value};
use crate::prometheus::labels::{Labels, METRIC_NAME, quoted};
use crate::prometheus::re2::Pattern;

/// A query template with the labels that it may ask for.
#[derive(Debug, Clone)]
pub(super) struct MetricsQuery {
    template: Template,
    pub(super) converter: Converter,
    namespaced: bool,
}

impl MetricsQuery {
    pub(super) fn new(
        text: &str,
        mapping: &ResourceMapping,
        converter: Converter,
    ) -> Result<Self, String> {
        let template = Template::parse("metrics-query", text).map_err(|error| {
            let text = quoted(text);
            format!("unable to parse metrics query template {text}: {error}")
        })?;
        Ok(Self {
            template,
            converter,
            namespaced: mapping.namespaced.unwrap_or(true),
        })
    }

    /// The query for objects of a kind, by their names; more labels to group by come last.
    pub(super) fn of_objects(
        &self,
        kinds: &Kinds,
        series: &str,
        objects: Objects,
        selector: &[Requirement],
        group_by: &[&str],
    ) -> Result<String, String> {
        let (mut expressions, mut by_name) = self.matchers(kinds, objects.namespace, selector)?;
        let label = self.converter.label(objects.kind, kinds)?;
        let names = objects.names.join("|");
        let sign = if objects.names.len() > 1 { "=~" } else { "=" };
        expressions.push(matcher(&label, sign, &names));
        by_name.insert(label.clone(), names);
        let mut groups = vec![label];
        groups.extend(group_by.iter().map(|&label| label.to_owned()));
        self.fill(series, &expressions, by_name, groups)
    }

    /// The query of an external metric.
    fn external(
        &self,
        kinds: &Kinds,
        series: &str,
        namespace: &str,
        selector: &[Requirement],
    ) -> Result<String, String> {
        let namespace = if self.namespaced { namespace } else { "" };
        let (expressions, by_name) = self.matchers(kinds, namespace, selector)?;
        self.fill(series, &expressions, by_name, Vec::new())
    }

    /// The selector's matchers and then the namespace's.
    fn matchers(
        &self,
        kinds: &Kinds,
        namespace: &str,
        selector: &[Requirement],
    ) -> Result<(Vec<String>, BTreeMap<String, String>), String> {
        let mut requirements = selector.to_vec();
        if !namespace.is_empty() {
            let label = self
                .converter
                .label(&GroupResource::core("namespaces"), kinds)?;
            requirements.push(Requirement::equals(&label, namespace));
        }
        matchers(&requirements)
    }

    fn fill(
        &self,
        series: &str,
        expressions: &[String],
        by_name: BTreeMap<String, String>,
        groups: Vec<String>,
    ) -> Result<String, String> {
        let query = self.template.execute(&Data {
            type_name: "naming.queryTemplateArgs",
            fields: vec![
                ("Series", Value::Text(series.to_owned())),
                ("LabelMatchers", Value::Text(expressions.join(","))),
                ("LabelValuesByName", Value::Map(by_name)),
                ("GroupBy", Value::Text(groups.join(","))),
                ("GroupBySlice", Value::List(groups)),
            ],
        })?;
        if query.is_empty() {
            return Err("empty query produced by metrics query template".to_owned());
        }
        Ok(query)
    }
}

/// Objects of one kind; without a namespace, the kind lies in none.
#[derive(Debug, Clone, Copy)]
pub struct Objects<'a> {
    /// Their kind, as the API server names it.
    pub kind: &'a GroupResource,
    /// Where they lie, empty for kinds that lie in no namespace.
    pub namespace: &'a str,
    /// Their names.
    pub names: &'a [String],
}

/// A filter of names.
#[derive(Debug, Clone)]
struct NameFilter {
    pattern: Pattern,
    wanted: bool,
}

impl NameFilter {
    fn new(filter: &Filter) -> Result<Self, String> {
        let Filter { is, is_not } = filter;
        let (text, wanted) = match (is.is_empty(), is_not.is_empty()) {
            (false, false) => {
                let (is, is_not) = (quoted(is), quoted(is_not));
                return Err(format!(
                    "cannot have both an `is` ({is}) and `isNot` ({is_not}) expression in a \
                     single filter"
                ));
            }
            (true, true) => {
                return Err("must have either an `is` or `isNot` expression in a filter".to_owned());
            }
            (false, true) => (is, true),
            (true, false) => (is_not, false),
        };
        let pattern = Pattern::anywhere(text).map_err(|error| {
            let text = quoted(text);
            format!("unable to compile series filter {text}: {error}")
        })?;
        Ok(Self { pattern, wanted })
    }
}

/// A rule ready for use.
#[derive(Debug, Clone)]
pub(super) struct Namer {
    /// The selector of its series.
    pub(super) series_query: String,
    filters: Vec<NameFilter>,
    matches: Pattern,
    name: String,
    query: MetricsQuery,
}

impl Namer {
    pub(super) fn new(rule: &Rule, kinds: &Kinds) -> Result<Self, String> {
        let series = quoted(&rule.series_query);
        let converter = Converter::new(&rule.resources, kinds)?;
        let query = MetricsQuery::new(&rule.metrics_query, &rule.resources, converter).map_err(
            |error| {
                format!(
                    "unable to construct metrics query associated with series query {series}: \
                     {error}"
                )
            },
        )?;
        let mut filters = Vec::new();
        for filter in &rule.series_filters {
            filters.push(NameFilter::new(filter).map_err(|error| {
                format!(
                    "unable to generate series name filter associated with series query \
                     {series}: {error}"
                )
            })?);
        }
        let pattern = &rule.name.matches;
        if !pattern.is_empty() {
            let filter = Filter {
                is: pattern.clone(),
                is_not: String::new(),
            };
            filters.push(NameFilter::new(&filter).map_err(|error| {
                format!(
                    "unable to generate series name filter from name rules associated with series \
                     query {series}: {error}"
                )
            })?);
        }
        let text = if pattern.is_empty() { ".*" } else { pattern };
        let pattern = quoted(pattern);
        let matches = Pattern::anywhere(text).map_err(|error| {
            format!(
                "unable to compile series name match expression {pattern} associated with series \
                 query {series}: {error}"
            )
        })?;
        let name = match (rule.name.name.as_str(), matches.group_names().len()) {
            ("", 1) => "$0",
            ("", 2) => "$1",
            ("", _) => {
                return Err(format!(
                    "must specify an 'as' value for name matcher {pattern} associated with \
                     series query {series}"
                ));
            }
            (name, _) => name,
        };
        Ok(Self {
            series_query: rule.series_query.clone(),
            filters,
            name: name.to_owned(),
            matches,
            query,
        })
    }

    /// Whether the rule is for a series that its selector selects.
    pub(super) fn takes(&self, labels: &Labels) -> bool {
        let name = labels.get(METRIC_NAME);
        self.filters
            .iter()
            .all(|filter| filter.pattern.is_match(name) == filter.wanted)
    }

    /// What a series' metric is called.
    pub(super) fn metric_name(&self, labels: &Labels) -> Option<String> {
        self.matches.expand(labels.get(METRIC_NAME), &self.name)
    }

    /// The kinds that a series' labels name, and whether it lies in a namespace.
    pub(super) fn kinds_of(&self, labels: &Labels, kinds: &Kinds) -> (Vec<GroupResource>, bool) {
        self.query
            .converter
            .kinds_of(&labels.drop(&[METRIC_NAME]), kinds)
    }

    /// The label that names objects of a kind.
    pub(super) fn label(&self, kind: &GroupResource, kinds: &Kinds) -> Result<String, String> {
        self.query.converter.label(kind, kinds)
    }

    /// The query of a metric of objects.
    pub(super) fn query(
        &self,
        kinds: &Kinds,
        series: &str,
        objects: Objects,
        selector: &[Requirement],
    ) -> Result<String, String> {
        self.query.of_objects(kinds, series, objects, selector, &[])
    }

    /// The query of an external metric.
    pub(super) fn external_query(
        &self,
        kinds: &Kinds,
        series: &str,
        namespace: &str,
        selector: &[Requirement],
    ) -> Result<String, String> {
        self.query.external(kinds, series, namespace, selector)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(json: &str) -> Rule {
        serde_json::from_str(json).unwrap()
    }

    fn namer(json: &str) -> Result<Namer, String> {
        Namer::new(&rule(json), &Kinds::default())
    }

    fn series(name: &str) -> Labels {
        Labels::new([(METRIC_NAME, name)])
    }

    #[test]
    fn names_filter_and_rename() {
        let one = namer(
            r#"{"name": {"matches": "^(.*)_total$", "as": "${1}_per_second"},
                "seriesFilters": [{"isNot": "^container_"}]}"#,
        )
        .unwrap();
        assert!(one.takes(&series("a_total")));
        assert!(!one.takes(&series("container_total")) && !one.takes(&series("a")));
        let name = |namer: &Namer, of: &str| namer.metric_name(&series(of));
        assert_eq!(name(&one, "a_total").as_deref(), Some("a_per_second"));
        let group = namer(r#"{"name": {"matches": "^x_(.*)$"}}"#).unwrap();
        assert_eq!(name(&group, "x_y").as_deref(), Some("y"));
        let fixed = namer(r#"{"name": {"as": "fixed"}}"#).unwrap();
        assert_eq!(name(&fixed, "x_y").as_deref(), Some("fixed"));
        assert_eq!(name(&namer("{}").unwrap(), "x_y").as_deref(), Some("x_y"));
    }

    #[test]
    fn wrong_rules_are_told_in_the_adapters_words() {
        let error = |json: &str| namer(json).unwrap_err();
        assert_eq!(
            error(r#"{"seriesQuery": "a", "seriesFilters": [{}]}"#),
            "unable to generate series name filter associated with series query \"a\": must have \
             either an `is` or `isNot` expression in a filter"
        );
        assert_eq!(
            error(r#"{"seriesQuery": "a", "seriesFilters": [{"is": "x", "isNot": "y"}]}"#),
            "unable to generate series name filter associated with series query \"a\": cannot have \
             both an `is` (\"x\") and `isNot` (\"y\") expression in a single filter"
        );
        assert_eq!(
            error(r#"{"seriesQuery": "a", "name": {"matches": "(a)(b)"}}"#),
            "must specify an 'as' value for name matcher \"(a)(b)\" associated with series query \
             \"a\""
        );
        assert_eq!(
            error(r#"{"seriesQuery": "a", "metricsQuery": "<<.Series"}"#),
            "unable to construct metrics query associated with series query \"a\": unable to parse \
             metrics query template \"<<.Series\": template: metrics-query:1: unclosed action"
        );
        // Texts are quoted as Go quotes them.
        assert_eq!(
            error(r#"{"seriesQuery": "a\u0001", "name": {"matches": "(a)(b)"}}"#),
            r#"must specify an 'as' value for name matcher "(a)(b)" associated with series query "a\x01""#
        );
        assert!(serde_json::from_str::<Rule>(r#"{"seriesquery": "a"}"#).is_err());
    }

    #[test]
    fn queries_of_objects_and_external_ones() {
        let namer = namer(
            r#"{"resources": {"overrides": {"kubernetes_namespace": {"resource": "namespace"},
                "pod": {"resource": "pod"}}},
                "metricsQuery": "sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)"}"#,
        )
        .unwrap();
        let kinds = Kinds::default();
        let pods = GroupResource::core("pods");
        let query = |names: &[&str], selector: &[Requirement]| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            let objects = Objects {
                kind: &pods,
                namespace: "shop",
                names: &names,
            };
            namer.query(&kinds, "x", objects, selector).unwrap()
        };
        assert_eq!(
            query(&["a"], &[]),
            "sum(x{kubernetes_namespace=\"shop\",pod=\"a\"}) by (pod)"
        );
        assert_eq!(
            query(&["a", "b"], &[Requirement::equals("code", "200")]),
            "sum(x{code=\"200\",kubernetes_namespace=\"shop\",pod=~\"a|b\"}) by (pod)"
        );
        assert_eq!(
            namer.external_query(&kinds, "x", "shop", &[]).unwrap(),
            "sum(x{kubernetes_namespace=\"shop\"}) by ()"
        );
    }
}
