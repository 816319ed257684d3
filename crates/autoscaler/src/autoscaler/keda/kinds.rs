//! The kinds of the API groups that every cluster has: what a RESTMapper finds there.

use super::scaled_object::ScaleTarget;

/// Kinds by group and version. Groups that are not here are of custom resources, which may be
/// there or not.
const SERVED: [(&str, &[&str]); 6] = [
    (
        "apps/v1",
        &[
            "ControllerRevision",
            "DaemonSet",
            "Deployment",
            "ReplicaSet",
            "StatefulSet",
        ],
    ),
    ("autoscaling/v1", &["HorizontalPodAutoscaler"]),
    ("autoscaling/v2", &["HorizontalPodAutoscaler"]),
    ("batch/v1", &["CronJob", "Job"]),
    ("policy/v1", &["PodDisruptionBudget"]),
    (
        "v1",
        &[
            "ConfigMap",
            "Endpoints",
            "Event",
            "LimitRange",
            "Namespace",
            "Node",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "Pod",
            "PodTemplate",
            "ReplicationController",
            "ResourceQuota",
            "Secret",
            "Service",
            "ServiceAccount",
        ],
    ),
];

/// A group that had these workloads once.
const FORMER: &str = "extensions";

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// What the RESTMapper says of a kind that it does not find (`ParseGVKR`); an empty version and
/// an empty kind are those of a Deployment.
pub(super) fn check_kind(api_version: &str, kind: &str) -> Result<(), String> {
    let reference = ScaleTarget {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        ..ScaleTarget::default()
    };
    let (api_version, kind) = reference.version_and_kind();
    let served = SERVED.iter().find(|(version, _)| *version == api_version);
    let is_known = if let Some((_, kinds)) = served {
        kinds.contains(&kind)
    } else {
        let own = group(api_version);
        own != FORMER && SERVED.iter().all(|(version, _)| group(version) != own)
    };
    if is_known {
        return Ok(());
    }
    Err(format!(
        "no matches for kind \"{kind}\" in version \"{api_version}\""
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_looked_up_in_the_groups_of_every_cluster() {
        for (version, kind) in [
            ("", ""),
            ("apps/v1", "StatefulSet"),
            ("v1", "ReplicationController"),
            ("argoproj.io/v1alpha1", "Rollout"),
        ] {
            assert_eq!(check_kind(version, kind), Ok(()), "{version} {kind}");
        }
        for (version, kind) in [
            ("apps/v1", "Deploymnt"),
            ("apps/v1beta1", "Deployment"),
            ("extensions/v1beta1", "Deployment"),
            ("v1", "Deployment"),
            ("v2", "Pod"),
        ] {
            let words = format!("no matches for kind \"{kind}\" in version \"{version}\"");
            assert_eq!(check_kind(version, kind), Err(words));
        }
        let words = "no matches for kind \"Deploymnt\" in version \"apps/v1\"";
        assert_eq!(check_kind("", "Deploymnt"), Err(words.to_owned()));
    }
}
