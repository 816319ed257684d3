//! What is asked for: kind, name, namespace.

use serde_json::Value;

use super::Args;
use crate::api;
use crate::cli::exit::CliError;
use crate::kubectl::kind::Kind;
use crate::scenario::nearest;

/// What `nlsim get` was asked for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The kind, as kubectl knows it.
    pub(super) kind: &'static Kind,
    /// Where its objects are.
    pub(super) of: Objects,
    /// The name, if one object is asked for.
    pub(super) name: Option<String>,
    /// The namespace; none means all.
    pub(super) namespace: Option<String>,
}

/// Where the objects of a kind are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Objects {
    /// In the store.
    Stored(api::Kind),
    /// Among the recorded events.
    Events,
    /// What the control plane writes into ConfigMaps.
    ConfigMaps,
    /// Karpenter's.
    Karpenter,
}

/// The kinds that are simulated, and the names to suggest for them.
const KINDS: [(&str, &str, Objects); 18] = [
    (
        "Deployment",
        "deploy",
        Objects::Stored(api::Kind::Deployment),
    ),
    ("ReplicaSet", "rs", Objects::Stored(api::Kind::ReplicaSet)),
    (
        "StatefulSet",
        "sts",
        Objects::Stored(api::Kind::StatefulSet),
    ),
    ("DaemonSet", "ds", Objects::Stored(api::Kind::DaemonSet)),
    ("Job", "jobs", Objects::Stored(api::Kind::Job)),
    ("CronJob", "cronjobs", Objects::Stored(api::Kind::CronJob)),
    ("Pod", "pods", Objects::Stored(api::Kind::Pod)),
    ("Node", "nodes", Objects::Stored(api::Kind::Node)),
    (
        "VerticalPodAutoscaler",
        "vpa",
        Objects::Stored(api::Kind::VerticalPodAutoscaler),
    ),
    (
        "HorizontalPodAutoscaler",
        "hpa",
        Objects::Stored(api::Kind::HorizontalPodAutoscaler),
    ),
    (
        "PodDisruptionBudget",
        "pdb",
        Objects::Stored(api::Kind::PodDisruptionBudget),
    ),
    (
        "ScaledObject",
        "scaledobjects",
        Objects::Stored(api::Kind::ScaledObject),
    ),
    (
        "ScaledJob",
        "scaledjobs",
        Objects::Stored(api::Kind::ScaledJob),
    ),
    ("NodeClaim", "nodeclaims", Objects::Karpenter),
    ("NodePool", "nodepools", Objects::Karpenter),
    ("EC2NodeClass", "ec2nodeclasses", Objects::Karpenter),
    ("ConfigMap", "cm", Objects::ConfigMaps),
    ("Event", "events", Objects::Events),
];

impl Asked {
    /// What the arguments ask for, and the path of the scenario.
    pub(super) fn read(args: &Args) -> Result<(Self, String), CliError> {
        let wrong = |text: &str| CliError::BadInput(format!("error: {text}"));
        let (typed, name, path) = match args.words.as_slice() {
            [kind, path] => match kind.split_once('/') {
                Some((kind, name)) => (kind, Some(name), path),
                None => (kind.as_str(), None, path),
            },
            [kind, name, path] => (kind.as_str(), Some(name.as_str()), path),
            _ => {
                return Err(wrong(
                    "write a kind, perhaps a name, and a scenario: nlsim get hpa scenario.toml",
                ));
            }
        };
        let kind = Kind::named(typed).ok_or_else(|| wrong(&unknown(typed)))?;
        let known = KINDS.iter().find(|(name, ..)| *name == kind.kind);
        let Some((.., of)) = known else {
            let names = KINDS.map(|(_, short, _)| short).join(", ");
            return Err(wrong(&format!(
                "the simulation has no objects of kind {}; it has {names}",
                kind.kind
            )));
        };
        let of_all = args.all_namespaces || !kind.namespaced;
        if let (Some(_), true) = (name, args.all_namespaces && kind.namespaced) {
            return Err(wrong(
                "a resource cannot be retrieved by name across all namespaces",
            ));
        }
        let asked = Self {
            kind,
            of: *of,
            name: name.map(str::to_owned),
            namespace: (!of_all).then(|| args.namespace.clone()),
        };
        Ok((asked, path.clone()))
    }

    /// Whether an object of the kind is asked for.
    pub(super) fn includes(&self, object: &Value) -> bool {
        let is = |field: &str, wanted: &Option<String>| {
            let wanted = wanted.as_deref();
            wanted.is_none_or(|wanted| object["metadata"][field] == *wanted)
        };
        is("namespace", &self.namespace) && is("name", &self.name)
    }
}

/// The API server's words for an unknown kind, and the nearest one that is known.
fn unknown(typed: &str) -> String {
    let typed = typed.to_lowercase();
    let simulated = |kind: &&Kind| KINDS.iter().any(|(name, ..)| *name == kind.kind);
    let kinds = crate::kubectl::kind::KINDS.iter().filter(simulated);
    let names = kinds.flat_map(|kind| {
        let both = [kind.singular, kind.plural].into_iter();
        both.chain(kind.short.iter().copied())
    });
    let advice = match nearest(&typed, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "known here: {}",
            KINDS.map(|(_, short, _)| short).join(", ")
        ),
    };
    format!("the server doesn't have a resource type \"{typed}\"; {advice}")
}
