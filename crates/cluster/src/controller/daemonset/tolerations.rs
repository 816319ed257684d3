//! What pods of DaemonSets tolerate (`AddOrUpdateDaemonPodTolerations`).

use std::sync::LazyLock;

use crate::api::{MEMORY_PRESSURE, NOT_READY, TaintEffect, Toleration, UNREACHABLE};

/// What the controller adds. The host's network, with which pods tolerate a node without one, is
/// not known here.
static ADDED: LazyLock<[Toleration; 6]> = LazyLock::new(|| {
    use TaintEffect::{NoExecute, NoSchedule};
    [
        (NOT_READY, NoExecute),
        (UNREACHABLE, NoExecute),
        ("node.kubernetes.io/disk-pressure", NoSchedule),
        (MEMORY_PRESSURE, NoSchedule),
        ("node.kubernetes.io/pid-pressure", NoSchedule),
        ("node.kubernetes.io/unschedulable", NoSchedule),
    ]
    .map(|(key, effect)| Toleration {
        key: key.to_owned(),
        value: None,
        effect: Some(effect),
        seconds: None,
    })
});

/// Of a template with these tolerations; those of them that are about the same as one that is added
/// are replaced by that.
pub fn daemon_tolerations(own: &[Toleration]) -> impl Iterator<Item = &Toleration> + Clone {
    let added = |one: &Toleration| ADDED.iter().find(|added| added.matches(one));
    let kept = own.iter().map(move |one| added(one).unwrap_or(one));
    kept.chain(ADDED.iter())
}
