//! The kinds kubectl knows here, with every name they go by.
//!
//! Upstream: the API server's discovery documents, which kubectl reads its names from.

use std::fmt;

/// A kind of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// `HorizontalPodAutoscaler`.
    pub kind: &'static str,
    /// `autoscaling`; empty for the core group.
    pub group: &'static str,
    /// The preferred version, `v2`.
    pub version: &'static str,
    /// `horizontalpodautoscalers`.
    pub plural: &'static str,
    /// `horizontalpodautoscaler`.
    pub singular: &'static str,
    /// `hpa`.
    pub short: &'static [&'static str],
    /// Whether its objects live in a namespace.
    pub namespaced: bool,
    /// Whether `kubectl get all` lists it.
    pub in_all: bool,
    /// Whether it is built in; the others are custom resources.
    pub built_in: bool,
}

const fn built_in(
    kind: &'static str,
    (group, version): (&'static str, &'static str),
    (plural, singular): (&'static str, &'static str),
    short: &'static [&'static str],
) -> Kind {
    Kind {
        kind,
        group,
        version,
        plural,
        singular,
        short,
        namespaced: true,
        in_all: false,
        built_in: true,
    }
}

const fn custom(kind: Kind) -> Kind {
    Kind {
        built_in: false,
        ..kind
    }
}

const fn in_all(kind: Kind) -> Kind {
    Kind {
        in_all: true,
        ..kind
    }
}

const fn of_the_cluster(kind: Kind) -> Kind {
    Kind {
        namespaced: false,
        ..kind
    }
}

const CORE: (&str, &str) = ("", "v1");
const APPS: (&str, &str) = ("apps", "v1");
const BATCH: (&str, &str) = ("batch", "v1");

/// Every kind, in the order in which `kubectl get all` lists those of its category.
pub static KINDS: &[Kind] = &[
    in_all(built_in("Pod", CORE, ("pods", "pod"), &["po"])),
    in_all(built_in("Service", CORE, ("services", "service"), &["svc"])),
    in_all(built_in(
        "DaemonSet",
        APPS,
        ("daemonsets", "daemonset"),
        &["ds"],
    )),
    in_all(built_in(
        "Deployment",
        APPS,
        ("deployments", "deployment"),
        &["deploy"],
    )),
    in_all(built_in(
        "ReplicaSet",
        APPS,
        ("replicasets", "replicaset"),
        &["rs"],
    )),
    in_all(built_in(
        "StatefulSet",
        APPS,
        ("statefulsets", "statefulset"),
        &["sts"],
    )),
    in_all(built_in(
        "HorizontalPodAutoscaler",
        ("autoscaling", "v2"),
        ("horizontalpodautoscalers", "horizontalpodautoscaler"),
        &["hpa"],
    )),
    in_all(built_in("CronJob", BATCH, ("cronjobs", "cronjob"), &["cj"])),
    in_all(built_in("Job", BATCH, ("jobs", "job"), &[])),
    of_the_cluster(built_in("Node", CORE, ("nodes", "node"), &["no"])),
    of_the_cluster(built_in(
        "Namespace",
        CORE,
        ("namespaces", "namespace"),
        &["ns"],
    )),
    built_in("ConfigMap", CORE, ("configmaps", "configmap"), &["cm"]),
    built_in("Secret", CORE, ("secrets", "secret"), &[]),
    built_in(
        "ServiceAccount",
        CORE,
        ("serviceaccounts", "serviceaccount"),
        &["sa"],
    ),
    built_in(
        "PersistentVolumeClaim",
        CORE,
        ("persistentvolumeclaims", "persistentvolumeclaim"),
        &["pvc"],
    ),
    of_the_cluster(built_in(
        "PersistentVolume",
        CORE,
        ("persistentvolumes", "persistentvolume"),
        &["pv"],
    )),
    built_in(
        "ResourceQuota",
        CORE,
        ("resourcequotas", "resourcequota"),
        &["quota"],
    ),
    built_in(
        "LimitRange",
        CORE,
        ("limitranges", "limitrange"),
        &["limits"],
    ),
    built_in("Event", CORE, ("events", "event"), &["ev"]),
    built_in("Endpoints", CORE, ("endpoints", "endpoints"), &["ep"]),
    built_in(
        "EndpointSlice",
        ("discovery.k8s.io", "v1"),
        ("endpointslices", "endpointslice"),
        &[],
    ),
    built_in(
        "ControllerRevision",
        APPS,
        ("controllerrevisions", "controllerrevision"),
        &[],
    ),
    built_in(
        "PodDisruptionBudget",
        ("policy", "v1"),
        ("poddisruptionbudgets", "poddisruptionbudget"),
        &["pdb"],
    ),
    of_the_cluster(built_in(
        "PriorityClass",
        ("scheduling.k8s.io", "v1"),
        ("priorityclasses", "priorityclass"),
        &["pc"],
    )),
    built_in(
        "Ingress",
        ("networking.k8s.io", "v1"),
        ("ingresses", "ingress"),
        &["ing"],
    ),
    built_in(
        "NetworkPolicy",
        ("networking.k8s.io", "v1"),
        ("networkpolicies", "networkpolicy"),
        &["netpol"],
    ),
    built_in(
        "Lease",
        ("coordination.k8s.io", "v1"),
        ("leases", "lease"),
        &[],
    ),
    custom(built_in(
        "VerticalPodAutoscaler",
        ("autoscaling.k8s.io", "v1"),
        ("verticalpodautoscalers", "verticalpodautoscaler"),
        &["vpa"],
    )),
    custom(built_in(
        "VerticalPodAutoscalerCheckpoint",
        ("autoscaling.k8s.io", "v1"),
        (
            "verticalpodautoscalercheckpoints",
            "verticalpodautoscalercheckpoint",
        ),
        &["vpacheckpoint"],
    )),
    custom(built_in(
        "ScaledObject",
        ("keda.sh", "v1alpha1"),
        ("scaledobjects", "scaledobject"),
        &["so"],
    )),
    custom(built_in(
        "ScaledJob",
        ("keda.sh", "v1alpha1"),
        ("scaledjobs", "scaledjob"),
        &["sj"],
    )),
    custom(built_in(
        "TriggerAuthentication",
        ("keda.sh", "v1alpha1"),
        ("triggerauthentications", "triggerauthentication"),
        &["ta", "triggerauth"],
    )),
    of_the_cluster(custom(built_in(
        "ClusterTriggerAuthentication",
        ("keda.sh", "v1alpha1"),
        (
            "clustertriggerauthentications",
            "clustertriggerauthentication",
        ),
        &["cta", "clustertriggerauth"],
    ))),
    of_the_cluster(custom(built_in(
        "NodePool",
        ("karpenter.sh", "v1"),
        ("nodepools", "nodepool"),
        &[],
    ))),
    of_the_cluster(custom(built_in(
        "EC2NodeClass",
        ("karpenter.k8s.aws", "v1"),
        ("ec2nodeclasses", "ec2nodeclass"),
        &["ec2nc", "ec2ncs"],
    ))),
    of_the_cluster(custom(built_in(
        "NodeClaim",
        ("karpenter.sh", "v1"),
        ("nodeclaims", "nodeclaim"),
        &[],
    ))),
];

impl Kind {
    /// The kind of a name as typed after `kubectl get`: singular, plural or short name, the
    /// kind itself, or `NAME.GROUP` and `NAME.VERSION.GROUP`, of which the group may be cut short.
    /// Case does not matter.
    pub fn named(typed: &str) -> Option<&'static Self> {
        let typed = typed.to_lowercase();
        let (name, group) = match typed.split_once('.') {
            Some((name, group)) => (name, Some(group)),
            None => (typed.as_str(), None),
        };
        KINDS.iter().find(|kind| {
            let goes_by =
                kind.plural == name || kind.singular == name || kind.short.contains(&name);
            goes_by
                && group.is_none_or(|group| {
                    let without_version = group
                        .strip_prefix(kind.version)
                        .and_then(|rest| rest.strip_prefix('.'));
                    let group = without_version.unwrap_or(group);
                    !group.is_empty() && kind.group.starts_with(group)
                })
        })
    }

    /// The kind of an object, by its `kind` and `apiVersion`; any version of the group will do.
    pub fn of(kind: &str, api_version: &str) -> Option<&'static Self> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        KINDS
            .iter()
            .find(|known| known.kind == kind && known.group == group)
    }

    /// The kind with this name of a kind (`Deployment`), whatever its group.
    pub fn of_kind(kind: &str) -> Option<&'static Self> {
        KINDS.iter().find(|known| known.kind == kind)
    }

    /// `autoscaling/v2`, or `v1` in the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `deployment.apps`, or `pod`: how kubectl names the kind of an object it acted on.
    pub fn qualified(&self) -> String {
        with_group(self.singular, self.group)
    }

    /// `Deployment.apps`, or `Pod`: how kubectl names a kind that it can do nothing with.
    pub fn group_kind(&self) -> String {
        with_group(self.kind, self.group)
    }

    /// `deployments.apps`, or `pods`: how the API server names the kind in its messages.
    pub fn resource(&self) -> String {
        with_group(self.plural, self.group)
    }

    /// Every name that can be typed, for "did you mean".
    pub fn names() -> impl Iterator<Item = &'static str> {
        KINDS.iter().flat_map(|kind| {
            [kind.singular, kind.plural]
                .into_iter()
                .chain(kind.short.iter().copied())
        })
    }
}

fn with_group(name: &str, group: &str) -> String {
    if group.is_empty() {
        name.to_owned()
    } else {
        format!("{name}.{group}")
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::{KINDS, Kind};

    #[test]
    fn every_name_of_a_kind_finds_it() {
        for (typed, kind) in [
            ("hpa", "HorizontalPodAutoscaler"),
            (
                "horizontalpodautoscalers.autoscaling",
                "HorizontalPodAutoscaler",
            ),
            (
                "horizontalpodautoscaler.v2.autoscaling",
                "HorizontalPodAutoscaler",
            ),
            ("HorizontalPodAutoscaler", "HorizontalPodAutoscaler"),
            ("deploy", "Deployment"),
            ("deployment.apps", "Deployment"),
            ("Deployments.v1.apps", "Deployment"),
            ("vpa", "VerticalPodAutoscaler"),
            (
                "verticalpodautoscalers.autoscaling.k8s.io",
                "VerticalPodAutoscaler",
            ),
            ("hpa.auto", "HorizontalPodAutoscaler"),
            ("so", "ScaledObject"),
            ("no", "Node"),
            ("cj", "CronJob"),
        ] {
            assert_eq!(
                Kind::named(typed).map(|kind| kind.kind),
                Some(kind),
                "{typed}"
            );
        }
        for typed in [
            "deployment.batch",
            "deployment.apps.v1",
            "dep",
            "deploy.",
            "",
        ] {
            assert_eq!(Kind::named(typed), None, "{typed}");
        }
    }

    #[test]
    fn no_name_means_two_kinds() {
        let mut seen = std::collections::BTreeMap::new();
        for kind in KINDS {
            let mut names = vec![kind.singular, kind.plural];
            names.dedup();
            names.extend(kind.short);
            names.sort_unstable();
            names.dedup();
            for name in names {
                assert_eq!(seen.insert(name, kind.kind), None, "{name}");
            }
        }
    }
}
