//! Which lists of the built-in types are merged by a key, and by which.
//!
//! Upstream: the struct tags `patchStrategy` and `patchMergeKey` of `k8s.io/api` 1.36
//! (`core/v1`, `apps/v1`, `batch/v1`, `policy/v1`, `autoscaling/v2`) and of `metav1.ObjectMeta`.
//! Every list that is not here is replaced as a whole: an HPA's metrics, tolerations,
//! commands. Fields beneath which nothing is merged are left out.

/// A type: the fields that are special, or lead to special ones.
#[derive(Debug)]
pub(super) struct Type(&'static [(&'static str, Field)]);

/// What a patch does to a field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) strategy: Strategy,
    /// `retainKeys`: a generated patch says which keys are left.
    pub(super) retain_keys: bool,
    /// The type of the field, or of the list's items.
    pub(super) of: &'static Type,
}

/// How a field of a patch meets the object's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strategy {
    /// Objects field by field, lists as a whole.
    Default,
    /// The whole field is replaced.
    Replace,
    /// A list of objects that are told apart by this key.
    MergeBy(&'static str),
    /// A list of scalars without duplicates.
    MergeScalars,
}

impl Type {
    /// What is known of a field.
    pub(super) fn field(&self, name: &str) -> Field {
        let known = self.0.iter().find(|(known, _)| *known == name);
        known.map_or(PLAIN, |(_, field)| *field)
    }
}

const PLAIN: Field = Field {
    strategy: Strategy::Default,
    retain_keys: false,
    of: &ANY,
};

const fn object(of: &'static Type) -> Field {
    Field { of, ..PLAIN }
}

const fn by(key: &'static str, of: &'static Type) -> Field {
    Field {
        strategy: Strategy::MergeBy(key),
        of,
        ..PLAIN
    }
}

const fn retaining_keys(field: Field) -> Field {
    Field {
        retain_keys: true,
        ..field
    }
}

const REPLACED: Field = Field {
    strategy: Strategy::Replace,
    ..PLAIN
};

const SCALARS: Field = Field {
    strategy: Strategy::MergeScalars,
    ..PLAIN
};

/// A type in which nothing is special.
pub(super) static ANY: Type = Type(&[]);

static METADATA: Type = Type(&[
    ("ownerReferences", by("uid", &ANY)),
    ("finalizers", SCALARS),
]);

static CONTAINER: Type = Type(&[
    ("ports", by("containerPort", &ANY)),
    ("env", by("name", &ANY)),
    ("volumeMounts", by("mountPath", &ANY)),
    ("volumeDevices", by("devicePath", &ANY)),
]);

static POD_SPEC: Type = Type(&[
    ("volumes", retaining_keys(by("name", &ANY))),
    ("initContainers", by("name", &CONTAINER)),
    ("containers", by("name", &CONTAINER)),
    ("ephemeralContainers", by("name", &CONTAINER)),
    ("imagePullSecrets", by("name", &ANY)),
    ("hostAliases", by("ip", &ANY)),
    ("topologySpreadConstraints", by("topologyKey", &ANY)),
    ("schedulingGates", by("name", &ANY)),
    ("resourceClaims", retaining_keys(by("name", &ANY))),
]);

static CONDITIONS: Type = Type(&[("conditions", by("type", &ANY))]);

static TEMPLATE: Type = Type(&[("metadata", object(&METADATA)), ("spec", object(&POD_SPEC))]);

static WITH_TEMPLATE: Type = Type(&[("template", object(&TEMPLATE))]);

static WORKLOAD: Type = Type(&[
    ("metadata", object(&METADATA)),
    ("spec", object(&WITH_TEMPLATE)),
    ("status", object(&CONDITIONS)),
]);

static DEPLOYMENT: Type = Type(&[
    ("metadata", object(&METADATA)),
    ("spec", object(&DEPLOYMENT_SPEC)),
    ("status", object(&CONDITIONS)),
]);

static DEPLOYMENT_SPEC: Type = Type(&[
    ("template", object(&TEMPLATE)),
    ("strategy", retaining_keys(PLAIN)),
]);

static JOB_TEMPLATE: Type = Type(&[
    ("metadata", object(&METADATA)),
    ("spec", object(&WITH_TEMPLATE)),
]);

static CRON_JOB_SPEC: Type = Type(&[("jobTemplate", object(&JOB_TEMPLATE))]);

static CRON_JOB: Type = Type(&[
    ("metadata", object(&METADATA)),
    ("spec", object(&CRON_JOB_SPEC)),
]);

static POD: Type = Type(&[
    ("metadata", object(&METADATA)),
    ("spec", object(&POD_SPEC)),
    ("status", object(&POD_STATUS)),
]);

static POD_STATUS: Type = Type(&[
    ("conditions", by("type", &ANY)),
    ("hostIPs", by("ip", &ANY)),
    ("podIPs", by("ip", &ANY)),
    ("resourceClaimStatuses", retaining_keys(by("name", &ANY))),
]);

static NODE: Type = Type(&[
    ("metadata", object(&METADATA)),
    ("spec", object(&NODE_SPEC)),
    ("status", object(&NODE_STATUS)),
]);

static NODE_SPEC: Type = Type(&[("podCIDRs", SCALARS)]);

static NODE_STATUS: Type = Type(&[
    ("conditions", by("type", &ANY)),
    ("addresses", by("type", &ANY)),
]);

static SERVICE: Type = Type(&[
    ("metadata", object(&METADATA)),
    ("spec", object(&SERVICE_SPEC)),
    ("status", object(&CONDITIONS)),
]);

static SERVICE_SPEC: Type = Type(&[("ports", by("port", &ANY))]);

static DISRUPTION_BUDGET: Type = Type(&[
    ("metadata", object(&METADATA)),
    ("spec", object(&DISRUPTION_BUDGET_SPEC)),
    ("status", object(&CONDITIONS)),
]);

static DISRUPTION_BUDGET_SPEC: Type = Type(&[("selector", REPLACED)]);

static SERVICE_ACCOUNT: Type = Type(&[
    ("metadata", object(&METADATA)),
    ("secrets", by("name", &ANY)),
]);

static OTHER: Type = Type(&[
    ("metadata", object(&METADATA)),
    ("status", object(&CONDITIONS)),
]);

/// The type of a built-in kind.
pub(super) fn of_kind(kind: &str) -> &'static Type {
    match kind {
        "Deployment" => &DEPLOYMENT,
        "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job" => &WORKLOAD,
        "CronJob" => &CRON_JOB,
        "Pod" => &POD,
        "Node" => &NODE,
        "Service" => &SERVICE,
        "PodDisruptionBudget" => &DISRUPTION_BUDGET,
        "ServiceAccount" => &SERVICE_ACCOUNT,
        _ => &OTHER,
    }
}
