//! What pods of DaemonSets tolerate (`AddOrUpdateDaemonPodTolerations`).

use std::sync::LazyLock;

use crate::api::{MEMORY_PRESSURE, NOT_READY, PodTemplate, TaintEffect, Toleration, UNREACHABLE};

/// What the controller adds, last what it adds for pods on the host's network alone.
static ADDED: LazyLock<[Toleration; 7]> = LazyLock::new(|| {
    use TaintEffect::{NoExecute, NoSchedule};
    [
        (NOT_READY, NoExecute),
        (UNREACHABLE, NoExecute),
        ("node.kubernetes.io/disk-pressure", NoSchedule),
        (MEMORY_PRESSURE, NoSchedule),
        ("node.kubernetes.io/pid-pressure", NoSchedule),
        ("node.kubernetes.io/unschedulable", NoSchedule),
        ("node.kubernetes.io/network-unavailable", NoSchedule),
    ]
    .map(|(key, effect)| Toleration {
        key: key.to_owned(),
        value: None,
        effect: Some(effect),
        seconds: None,
    })
});

/// Of a template; those of its own that are about the same as one that is added are replaced by that.
pub fn daemon_tolerations(template: &PodTemplate) -> impl Iterator<Item = &Toleration> + Clone {
    let all = &ADDED[..];
    let all = if template.host_network {
        all
    } else {
        &all[..all.len() - 1]
    };
    let added = |one: &Toleration| all.iter().find(|added| added.matches(one));
    let own = template.tolerations.iter();
    let kept = own.map(move |one| added(one).unwrap_or(one));
    kept.chain(all)
}
