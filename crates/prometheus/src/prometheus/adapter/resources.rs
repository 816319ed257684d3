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

/// A kind of objects as a cluster has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindNames {
    /// Its API group; the core group's is empty.
    pub group: String,
    /// Its name in paths.
    pub plural: String,
    /// Its name for one object.
    pub singular: String,
    /// `kind` of its objects.
    pub kind: String,
}

/// The kinds that the API server knows.
#[derive(Debug, Clone)]
pub struct Kinds(Vec<KindNames>);

/// Kinds of every cluster that series have labels for: group, plural and kind.
const BUILT_IN: &[(&str, &str, &str)] = &[
    ("", "configmaps", "ConfigMap"),
    ("", "endpoints", "Endpoints"),
    ("", "events", "Event"),
    ("", "limitranges", "LimitRange"),
    ("", "namespaces", "Namespace"),
    ("", "nodes", "Node"),
    ("", "persistentvolumeclaims", "PersistentVolumeClaim"),
    ("", "persistentvolumes", "PersistentVolume"),
    ("", "pods", "Pod"),
    ("", "replicationcontrollers", "ReplicationController"),
    ("", "resourcequotas", "ResourceQuota"),
    ("", "secrets", "Secret"),
    ("", "serviceaccounts", "ServiceAccount"),
    ("", "services", "Service"),
    ("apps", "controllerrevisions", "ControllerRevision"),
    ("apps", "daemonsets", "DaemonSet"),
    ("apps", "deployments", "Deployment"),
    ("apps", "replicasets", "ReplicaSet"),
    ("apps", "statefulsets", "StatefulSet"),
    (
        "autoscaling",
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
    ),
    ("batch", "cronjobs", "CronJob"),
    ("batch", "jobs", "Job"),
    ("discovery.k8s.io", "endpointslices", "EndpointSlice"),
    ("networking.k8s.io", "ingressclasses", "IngressClass"),
    ("networking.k8s.io", "ingresses", "Ingress"),
    ("networking.k8s.io", "networkpolicies", "NetworkPolicy"),
    ("policy", "poddisruptionbudgets", "PodDisruptionBudget"),
    ("scheduling.k8s.io", "priorityclasses", "PriorityClass"),
    ("storage.k8s.io", "storageclasses", "StorageClass"),
];

impl Default for Kinds {
    fn default() -> Self {
        let owned = |&(group, plural, kind): &(&str, &str, &str)| KindNames {
            group: group.to_owned(),
            plural: plural.to_owned(),
            singular: kind.to_lowercase(),
            kind: kind.to_owned(),
        };
        Self(BUILT_IN.iter().map(owned).collect())
    }
}

impl Kinds {
    /// The kinds of every cluster, and those of CustomResourceDefinitions.
    pub fn with(custom: &[KindNames]) -> Self {
        let mut kinds = Self::default();
        kinds.0.extend_from_slice(custom);
        kinds
    }

    /// The kind as the API server names it; an empty group is any, a part of a group's beginning
    /// is enough.
    pub fn normalized(&self, kind: &GroupResource) -> Result<GroupResource, String> {
        let wanted = kind.resource.to_lowercase();
        let named = || {
            let is_named = |one: &&KindNames| one.plural == wanted || one.singular == wanted;
            self.0.iter().filter(is_named)
        };
        let exact = named().find(|one| kind.group.is_empty() || one.group == kind.group);
        exact
            .or_else(|| named().find(|one| one.group.starts_with(&kind.group)))
            .map(|one| GroupResource {
                group: one.group.clone(),
                resource: one.plural.clone(),
            })
            .ok_or_else(|| format!("no matches for {}/, Resource={wanted}", kind.group))
    }

    /// The resource of objects of a group and kind, as the client of the custom metrics API maps
    /// them (`qualResourceForKind`).
    pub fn resource_of(&self, group: &str, kind: &str) -> Result<GroupResource, String> {
        let found = self.0.iter();
        let found = found.filter(|one| one.group == group && one.kind == kind);
        let resource = found.map(|one| one.plural.clone()).next();
        resource
            .map(|resource| GroupResource {
                group: group.to_owned(),
                resource,
            })
            .ok_or_else(|| {
                let dot = if group.is_empty() { "" } else { "." };
                format!(
                    "unable to map kind {kind}{dot}{group} to resource: no matches for kind {} in group {}",
                    quoted(kind),
                    quoted(group)
                )
            })
    }

    fn singular(&self, kind: &GroupResource) -> String {
        let is_named =
            |one: &&KindNames| one.plural == kind.resource || one.singular == kind.resource;
        let found = self.0.iter().find(is_named);
        found.map_or_else(|| kind.resource.clone(), |one| one.singular.clone())
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

    #[test]
    fn a_kind_is_of_its_group_and_spelled_as_it_is() {
        let model = KindNames {
            group: "mlops.seldon.io".to_owned(),
            plural: "models".to_owned(),
            singular: "model".to_owned(),
            kind: "Model".to_owned(),
        };
        let kinds = Kinds::with(&[model]);
        let of =
            |group: &str, kind: &str| kinds.resource_of(group, kind).map(|one| one.to_string());
        assert_eq!(of("", "Service"), Ok("services".to_owned()));
        assert_eq!(
            of("mlops.seldon.io", "Model"),
            Ok("models.mlops.seldon.io".to_owned())
        );
        let unknown = |kind: &str, of: &str, group: &str| {
            Err(format!(
                "unable to map kind {kind} to resource: no matches for kind \"{of}\" in group \"{group}\""
            ))
        };
        assert_eq!(of("", "Ingress"), unknown("Ingress", "Ingress", ""));
        assert_eq!(of("", "service"), unknown("service", "service", ""));
        assert_eq!(
            of("example.com", "Widget"),
            unknown("Widget.example.com", "Widget", "example.com")
        );
    }

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
