//! Kinds of objects by the names that labels and rules have for them, and the labels that name
//! objects (`pkg/naming/resource_converter.go`, `lbl_res.go`).

use std::collections::BTreeMap;
use std::fmt;

use super::config::{GroupResource, ResourceMapping};
use super::template::{Data, Template, Value};
use crate::prometheus::labels::{Labels, quoted};
use crate::prometheus::re2::Pattern;

impl GroupResource {
    /// A kind of the core group.
    pub fn core(resource: &str) -> Self {
        Self {
            group: String::new(),
            resource: resource.to_owned(),
        }
    }

    /// Whether it is a kind that lies in no namespace, or is one, as far as the adapter knows.
    pub fn is_root(&self) -> bool {
        self.group.is_empty()
            && matches!(
                self.resource.as_str(),
                "namespaces" | "nodes" | "persistentvolumes"
            )
    }
}

impl fmt::Display for GroupResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.resource)?;
        if self.group.is_empty() {
            return Ok(());
        }
        write!(f, ".{}", self.group)
    }
}

/// The kinds that the API server knows: group, plural and singular.
#[derive(Debug, Clone)]
pub struct Kinds(Vec<(String, String, String)>);

/// Kinds of every cluster that series have labels for.
const BUILT_IN: &[(&str, &str, &str)] = &[
    ("", "configmaps", "configmap"),
    ("", "endpoints", "endpoints"),
    ("", "events", "event"),
    ("", "limitranges", "limitrange"),
    ("", "namespaces", "namespace"),
    ("", "nodes", "node"),
    ("", "persistentvolumeclaims", "persistentvolumeclaim"),
    ("", "persistentvolumes", "persistentvolume"),
    ("", "pods", "pod"),
    ("", "replicationcontrollers", "replicationcontroller"),
    ("", "resourcequotas", "resourcequota"),
    ("", "secrets", "secret"),
    ("", "serviceaccounts", "serviceaccount"),
    ("", "services", "service"),
    ("apps", "controllerrevisions", "controllerrevision"),
    ("apps", "daemonsets", "daemonset"),
    ("apps", "deployments", "deployment"),
    ("apps", "replicasets", "replicaset"),
    ("apps", "statefulsets", "statefulset"),
    (
        "autoscaling",
        "horizontalpodautoscalers",
        "horizontalpodautoscaler",
    ),
    ("batch", "cronjobs", "cronjob"),
    ("batch", "jobs", "job"),
    ("discovery.k8s.io", "endpointslices", "endpointslice"),
    ("networking.k8s.io", "ingressclasses", "ingressclass"),
    ("networking.k8s.io", "ingresses", "ingress"),
    ("networking.k8s.io", "networkpolicies", "networkpolicy"),
    ("policy", "poddisruptionbudgets", "poddisruptionbudget"),
    ("scheduling.k8s.io", "priorityclasses", "priorityclass"),
    ("storage.k8s.io", "storageclasses", "storageclass"),
];

impl Default for Kinds {
    fn default() -> Self {
        let owned = |&(group, plural, singular): &(&str, &str, &str)| {
            (group.to_owned(), plural.to_owned(), singular.to_owned())
        };
        Self(BUILT_IN.iter().map(owned).collect())
    }
}

impl Kinds {
    /// Adds a kind, for one of a CustomResourceDefinition.
    pub fn add(&mut self, group: &str, plural: &str, singular: &str) {
        let kind = (group.to_owned(), plural.to_owned(), singular.to_owned());
        self.0.push(kind);
    }

    /// The kind as the API server names it; an empty group is any, a part of a group's beginning
    /// is enough.
    pub fn normalized(&self, kind: &GroupResource) -> Result<GroupResource, String> {
        let wanted = kind.resource.to_lowercase();
        let named = || {
            self.0
                .iter()
                .filter(|(_, plural, singular)| *plural == wanted || *singular == wanted)
        };
        let exact = named().find(|(group, ..)| kind.group.is_empty() || *group == kind.group);
        exact
            .or_else(|| named().find(|(group, ..)| group.starts_with(&kind.group)))
            .map(|(group, plural, _)| GroupResource {
                group: group.clone(),
                resource: plural.clone(),
            })
            .ok_or_else(|| format!("no matches for {}/, Resource={wanted}", kind.group))
    }

    fn singular(&self, kind: &GroupResource) -> String {
        let found = self
            .0
            .iter()
            .find(|(_, plural, singular)| *plural == kind.resource || *singular == kind.resource);
        found.map_or_else(|| kind.resource.clone(), |(.., singular)| singular.clone())
    }
}

/// Labels to kinds and kinds to labels, for one rule.
#[derive(Debug, Clone)]
pub(super) struct Converter {
    by_label: BTreeMap<String, GroupResource>,
    by_kind: BTreeMap<GroupResource, String>,
    template: Option<LabelTemplate>,
}

#[derive(Debug, Clone)]
struct LabelTemplate {
    template: Template,
    pattern: Pattern,
}

fn label_data(group: &str, resource: &str) -> Data {
    Data {
        type_name: "schema.GroupResource",
        fields: vec![
            ("Group", Value::Text(group.to_owned())),
            ("Resource", Value::Text(resource.to_owned())),
        ],
    }
}

impl Converter {
    pub(super) fn new(mapping: &ResourceMapping, kinds: &Kinds) -> Result<Self, String> {
        let template = match mapping.template.as_str() {
            "" => None,
            text => Some(LabelTemplate::new(text)?),
        };
        let mut converter = Self {
            by_label: BTreeMap::new(),
            by_kind: BTreeMap::new(),
            template,
        };
        for (label, kind) in &mapping.overrides {
            let normalized = kinds.normalized(kind).map_err(|error| {
                let GroupResource { group, resource } = kind;
                format!("unable to normalize group-resource {{{group} {resource}}}: {error}")
            })?;
            converter.by_label.insert(label.clone(), normalized.clone());
            converter.by_kind.insert(normalized, label.clone());
        }
        Ok(converter)
    }

    /// The label that names objects of a kind.
    pub(super) fn label(&self, kind: &GroupResource, kinds: &Kinds) -> Result<String, String> {
        if let Some(label) = self.by_kind.get(kind) {
            return Ok(label.clone());
        }
        let unable =
            |error: String| format!("unable to convert resource {kind} into label: {error}");
        let Some(template) = &self.template else {
            let none = "no generic resource label form specified for this metric";
            return Err(unable(none.to_owned()));
        };
        let group = kind.group.replace(['.', '-'], "_");
        let label = template
            .template
            .execute(&label_data(&group, &kinds.singular(kind)))
            .map_err(unable)?;
        if label.is_empty() {
            return Err(unable("empty label produced by label template".to_owned()));
        }
        Ok(label)
    }

    /// The kinds whose objects a series' labels name, and whether it lies in a namespace: any
    /// label but those of namespaces, nodes and volumes says so.
    pub(super) fn kinds_of(&self, labels: &Labels, kinds: &Kinds) -> (Vec<GroupResource>, bool) {
        let mut found = Vec::new();
        let mut namespaced = false;
        for label in labels.iter() {
            let mut kind = self.by_label.get(&*label.name).cloned();
            if kind.is_none()
                && let Some(named) = self.template.as_ref().and_then(|t| t.kind(&label.name))
            {
                match kinds.normalized(&named) {
                    Ok(normalized) => kind = Some(normalized),
                    Err(_) => continue,
                }
            }
            namespaced |= !kind.as_ref().is_some_and(GroupResource::is_root);
            found.extend(kind);
        }
        (found, namespaced)
    }
}

impl LabelTemplate {
    fn new(text: &str) -> Result<Self, String> {
        let template = Template::parse("resource-label", text)
            .map_err(|error| format!("unable to parse label template {}: {error}", quoted(text)))?;
        let text = quoted(text);
        let unable = |error: String| {
            format!(
                "unable to generate label format from template {text}: unable to convert label \
                 template to matcher: {error}"
            )
        };
        let pattern = template
            .execute(&label_data("(?P<group>.+?)", "(?P<resource>.+?)"))
            .map_err(unable)?;
        if pattern.is_empty() {
            return Err(unable("empty template".to_owned()));
        }
        let pattern = Pattern::anywhere(&format!("^{pattern}$"))
            .map_err(|error| unable(error.to_string()))?;
        if !pattern.group_names().contains(&Some("resource")) {
            return Err(format!(
                "unable to generate label format from template {text}: must include at least \
                 `{{{{.Resource}}}}` in the label template"
            ));
        }
        Ok(Self { template, pattern })
    }

    fn kind(&self, label: &str) -> Option<GroupResource> {
        let resource = self.pattern.expand(label, "${resource}")?;
        let group = self.pattern.expand(label, "${group}")?;
        Some(GroupResource { group, resource })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(template: &str, overrides: &[(&str, &str, &str)]) -> ResourceMapping {
        let kind = |&(label, group, resource): &(&str, &str, &str)| {
            let kind = GroupResource {
                group: group.to_owned(),
                resource: resource.to_owned(),
            };
            (label.to_owned(), kind)
        };
        ResourceMapping {
            template: template.to_owned(),
            overrides: overrides.iter().map(kind).collect(),
            namespaced: None,
        }
    }

    fn kinds_of(mapping: &ResourceMapping, labels: &[(&str, &str)]) -> (Vec<String>, bool) {
        let converter = Converter::new(mapping, &Kinds::default()).unwrap();
        let labels = Labels::new(labels.iter().copied());
        let (found, namespaced) = converter.kinds_of(&labels, &Kinds::default());
        (found.iter().map(ToString::to_string).collect(), namespaced)
    }

    #[test]
    fn overrides_name_kinds_singular_or_plural_in_any_group() {
        let mapping = mapping("", &[("ns", "", "namespace"), ("d", "", "Deployments")]);
        let (found, namespaced) = kinds_of(&mapping, &[("ns", "a"), ("d", "b"), ("pod", "c")]);
        assert_eq!(found, ["deployments.apps", "namespaces"]);
        assert!(namespaced);
        assert!(!kinds_of(&mapping, &[("ns", "a")]).1);
        assert!(kinds_of(&mapping, &[("ns", "a"), ("other", "b")]).1);
    }

    #[test]
    fn a_template_reads_labels_and_makes_them() {
        let mapping = mapping("kube_<<.Group>>_<<.Resource>>", &[("pod", "", "pod")]);
        let (found, _) = kinds_of(&mapping, &[("kube_apps_deployment", "a"), ("pod", "b")]);
        assert_eq!(found, ["deployments.apps", "pods"]);
        let converter = Converter::new(&mapping, &Kinds::default()).unwrap();
        let kind = GroupResource {
            group: "networking.k8s.io".to_owned(),
            resource: "ingresses".to_owned(),
        };
        assert_eq!(
            converter.label(&kind, &Kinds::default()).unwrap(),
            "kube_networking_k8s_io_ingress"
        );
    }

    #[test]
    fn labels_that_name_no_kind_are_left_alone() {
        // A label that fits the form but names no kind does not say that there is a namespace.
        assert_eq!(
            kinds_of(&mapping("<<.Resource>>", &[]), &[("queue", "a")]),
            (vec![], false)
        );
    }

    #[test]
    fn what_is_wrong_is_told_in_the_adapters_words() {
        let error = |mapping| Converter::new(&mapping, &Kinds::default()).unwrap_err();
        assert_eq!(
            error(mapping("", &[("brand", "", "brand")])),
            "unable to normalize group-resource { brand}: no matches for /, Resource=brand"
        );
        assert_eq!(
            error(mapping("<<.Group>>", &[])),
            "unable to generate label format from template \"<<.Group>>\": must include at least \
             `{{.Resource}}` in the label template"
        );
        let converter = Converter::new(&mapping("", &[]), &Kinds::default()).unwrap();
        assert_eq!(
            converter.label(&GroupResource::core("pods"), &Kinds::default()),
            Err(
                "unable to convert resource pods into label: no generic resource label form \
                 specified for this metric"
                    .to_owned()
            )
        );
    }
}
