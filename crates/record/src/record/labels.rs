//! What the objects of a run are called: by their name, and by namespace and name where two
//! namespaces hold one name. Metrics, tables, titles and files all ask here.

use std::collections::BTreeMap;

use super::recording::Recording;

/// Labels of a run's objects, in the order of the recording's lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels {
    /// HPAs: `name`, or `namespace/name`.
    pub hpas: Vec<String>,
    /// VPAs, likewise.
    pub vpas: Vec<String>,
    /// Services, likewise.
    pub services: Vec<String>,
    /// Workloads: `Kind/name`, or `Kind/namespace/name`.
    pub workloads: Vec<String>,
}

impl Labels {
    /// The labels of a recording's objects.
    pub fn of(recording: &Recording) -> Self {
        let hpas = recording.hpas.iter();
        let vpas = recording.vpas.iter();
        let services = recording.services.iter();
        let workloads = recording.workloads.iter();
        Self {
            hpas: labels(hpas.map(|hpa| ("", &*hpa.namespace, &*hpa.name))),
            vpas: labels(vpas.map(|vpa| ("", &*vpa.namespace, &*vpa.name))),
            services: labels(services.map(|one| ("", &*one.namespace, &*one.name))),
            workloads: labels(workloads.map(|one| (&*one.kind, &*one.namespace, &*one.name))),
        }
    }
}

/// Labels of objects of these kinds, namespaces and names; no kind, no `Kind/` in front.
fn labels<'a>(objects: impl Iterator<Item = (&'a str, &'a str, &'a str)> + Clone) -> Vec<String> {
    let mut holders: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for (kind, _, name) in objects.clone() {
        *holders.entry((kind, name)).or_default() += 1;
    }
    let label = |(kind, namespace, name): (&str, &str, &str)| {
        let parts = [
            (!kind.is_empty()).then_some(kind),
            (holders[&(kind, name)] > 1).then_some(namespace),
            Some(name),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("/")
    };
    objects.map(label).collect()
}

/// The metrics that a short form may mean: of `hpa.web.flaps`, say `hpa.a/web.flaps` and
/// `hpa.b/web.flaps`. None if the name is that of a metric itself.
pub fn long_forms<'a>(name: &str, metrics: impl Iterator<Item = &'a str> + Clone) -> Vec<&'a str> {
    if metrics.clone().any(|metric| metric == name) {
        return Vec::new();
    }
    let means = |metric: &&str| {
        let Some((kind, rest)) = metric.split_once('.') else {
            return false;
        };
        // Names may have dots in them, namespaces have none.
        let (namespace, object) = rest.split_once('/').unwrap_or(("", rest));
        let own = name
            .strip_prefix(kind)
            .and_then(|name| name.strip_prefix('.'));
        !namespace.is_empty() && !namespace.contains('.') && own == Some(object)
    };
    metrics.filter(means).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_told_only_where_two_hold_one_name() {
        let objects = [
            ("Deployment", "a", "web"),
            ("Deployment", "b", "web"),
            ("StatefulSet", "a", "web"),
            ("Deployment", "a", "api"),
        ];
        assert_eq!(
            labels(objects.into_iter()),
            [
                "Deployment/a/web",
                "Deployment/b/web",
                "StatefulSet/web",
                "Deployment/api"
            ]
        );
        assert_eq!(labels([("", "a", "web")].into_iter()), ["web"]);
    }

    #[test]
    fn a_short_form_means_every_long_one_of_its_object_and_figure() {
        let metrics = [
            "flaps",
            "hpa.a/web.flaps",
            "hpa.b/web.flaps",
            "hpa.a/web.v2.flaps",
            "hpa.api.flaps",
            "service.a/web.flaps",
        ];
        let of = |name| long_forms(name, metrics.into_iter());
        assert_eq!(of("hpa.web.flaps"), ["hpa.a/web.flaps", "hpa.b/web.flaps"]);
        assert_eq!(of("hpa.web.v2.flaps"), ["hpa.a/web.v2.flaps"]);
        assert!(of("hpa.api.flaps").is_empty());
        assert!(of("hpa.a/web.flaps").is_empty());
        assert!(of("flaps").is_empty());
    }
}
