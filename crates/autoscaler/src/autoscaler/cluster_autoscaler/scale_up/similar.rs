//! Which groups are alike.
//!
//! Source: `processors/nodegroupset/compare_nodegroups.go`, `label_nodegroups.go`.

use crate::autoscaler::cluster_autoscaler::model::PodClass;
use crate::autoscaler::cluster_autoscaler::options::Options;
use crate::autoscaler::cluster_autoscaler::resources::Resources;
use crate::autoscaler::cluster_autoscaler::simulator::templates::Template;

/// Labels that differ among groups that are alike.
const IGNORED: &[&str] = &[
    "kubernetes.io/hostname",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "beta.kubernetes.io/fluentd-ds-ready",
    "kops.k8s.io/instancegroup",
];

/// Whether two templates are alike.
pub(super) fn similar(
    options: &Options,
    classes: &[PodClass],
    one: &Template,
    other: &Template,
) -> bool {
    if !options.balancing_labels.is_empty() {
        let value = |template: &Template, key: &String| {
            let labels = &template.shape.labels;
            labels
                .iter()
                .find(|(label, _)| label == key)
                .map(|(_, value)| value.clone())
        };
        return options.balancing_labels.iter().all(|key| {
            let found = value(one, key);
            found.is_some() && found == value(other, key)
        });
    }
    let (mine, theirs) = (&one.shape.capacity, &other.shape.capacity);
    mine.cpu == theirs.cpu
        && mine.pods == theirs.pods
        && mine.extended == theirs.extended
        && within(
            mine.memory.0,
            theirs.memory.0,
            options.memory_difference_ratio,
        )
        && all_within(
            &one.shape.allocatable,
            &other.shape.allocatable,
            options.max_allocatable_difference_ratio,
        )
        && all_within(
            &free(one, classes),
            &free(other, classes),
            options.max_free_difference_ratio,
        )
        && same_labels(options, one, other)
}

fn within(one: i64, other: i64, ratio: f64) -> bool {
    let (larger, smaller) = (one.max(other) as f64, one.min(other) as f64);
    larger - smaller <= larger * ratio
}

fn all_within(one: &Resources, other: &Resources, ratio: f64) -> bool {
    within(one.cpu.0, other.cpu.0, ratio)
        && within(one.memory.0, other.memory.0, ratio)
        && within(one.pods, other.pods, ratio)
        && (0..one.extended.len().max(other.extended.len()))
            .all(|index| within(one.extended(index), other.extended(index), ratio))
}

fn free(template: &Template, classes: &[PodClass]) -> Resources {
    let mut free = template.shape.allocatable.clone();
    for class in &template.pods {
        free.give_back(&classes[class.index()].requests);
    }
    // The scheduler counts no requests for places of pods.
    free.pods = template.shape.allocatable.pods;
    free
}

fn same_labels(options: &Options, one: &Template, other: &Template) -> bool {
    let matters = |label: &&(String, String)| {
        !IGNORED.contains(&label.0.as_str()) && !options.balancing_ignore_labels.contains(&label.0)
    };
    let sorted = |template: &Template| {
        let mut labels: Vec<(String, String)> = template
            .shape
            .labels
            .iter()
            .filter(matters)
            .cloned()
            .collect();
        labels.sort();
        labels
    };
    sorted(one) == sorted(other)
}
