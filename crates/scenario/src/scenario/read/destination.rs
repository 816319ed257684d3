//! Which service a load is for: the one that a URL's host or a name means.

use super::known::Known;
use super::{position, selects};
use crate::load::spec::Url;
use crate::scenario::diagnostic::Diagnostics;
use crate::scenario::node::{Node, Span};
use crate::scenario::reader::wrong;
use crate::scenario::suggest::nearest;
use crate::workload::spec::ServerSpec;

/// The service that answers under a URL's host, asked from a namespace if the client is in one.
pub(super) fn service_of(
    url: &Url,
    span: Span,
    inside: Option<&str>,
    known: &Known<'_>,
    services: &[ServerSpec],
    diagnostics: &mut Diagnostics,
) -> Option<usize> {
    let fits = |service: &ServerSpec| service.hosts.contains(&url.host);
    let found = the_only(&url.host, fits, inside, span, known, services, diagnostics).ok()?;
    if found.is_none() && known.all_services {
        let hosts: Vec<&str> = services
            .iter()
            .flat_map(|service| service.hosts.iter().map(String::as_str))
            .collect();
        let advice = match nearest(&url.host, hosts.iter().copied()) {
            Some(host) => format!("did you mean `{host}`?"),
            None if hosts.is_empty() => {
                "add a `[[service]]` for the workload that answers".to_owned()
            }
            None => format!(
                "known hosts: {}; or name the service with `service = \"…\"`",
                hosts.join(", ")
            ),
        };
        let title = format!("no service answers under the host `{}`", url.host);
        diagnostics.error(span, title, "no such host").help = Some(advice);
    }
    found
}

/// The service that fits, if there is one; a name that several have is an error that lists
/// them. A client in a namespace means that namespace's own; a name is first that of a
/// `[[service]]`, then that of a Kubernetes Service, then that of a workload.
fn the_only(
    name: &str,
    fits: impl Fn(&ServerSpec) -> bool,
    inside: Option<&str>,
    span: Span,
    known: &Known<'_>,
    services: &[ServerSpec],
    diagnostics: &mut Diagnostics,
) -> Result<Option<usize>, ()> {
    let namespace = |place: usize| known.workloads[services[place].workload].namespace.as_str();
    let mut found: Vec<usize> = (0..services.len())
        .filter(|&place| fits(&services[place]))
        .collect();
    let narrow = |found: &mut Vec<usize>, better: &dyn Fn(usize) -> bool| {
        if found.iter().any(|&place| better(place)) {
            found.retain(|&place| better(place));
        }
    };
    narrow(&mut found, &|place| Some(namespace(place)) == inside);
    let is_split = |found: &[usize]| {
        let mut all = found.iter().map(|&place| namespace(place));
        all.next()
            .is_some_and(|first| all.any(|other| other != first))
    };
    if !is_split(&found) {
        narrow(&mut found, &|place| services[place].name == name);
        narrow(&mut found, &|place| {
            is_selected(known, services[place].workload, name)
        });
    }
    match found.as_slice() {
        [] => return Ok(None),
        [only] => return Ok(Some(*only)),
        _ => {}
    }
    let title = format!("several services are `{name}`");
    let (label, help) = if is_split(&found) {
        let long = |place: usize| format!("{name}.{}", namespace(place));
        let hosts: Vec<String> = (found.iter().map(|&place| (place, long(place))))
            .filter(|(place, host)| services[*place].hosts.contains(host))
            .map(|(_, host)| format!("`{host}`"))
            .collect();
        let help = match hosts.as_slice() {
            [] => "give the services a `name` of their own".to_owned(),
            hosts => format!("write {}", hosts.join(" or ")),
        };
        ("found in more than one namespace", help)
    } else {
        let names: Vec<String> = (found.iter())
            .map(|&place| format!("`service = \"{}\"`", services[place].name))
            .collect();
        let help = format!("name one: {}", names.join(" or "));
        ("not clear which", help)
    };
    diagnostics.error(span, title, label).help = Some(help);
    Err(())
}

/// Whether a Kubernetes Service of this name selects the pods of a workload.
fn is_selected(known: &Known<'_>, workload: usize, name: &str) -> bool {
    let spec = &known.workloads[workload];
    known.manifests.services.iter().any(|object| {
        let service = &object.value;
        service.name == name
            && service.namespace == spec.namespace
            && selects(&service.selector, spec)
    })
}

/// The service of a name, for who is in a namespace if they are in one.
pub(super) fn named_service(
    node: &Node,
    inside: Option<&str>,
    known: &Known<'_>,
    services: &[ServerSpec],
    diagnostics: &mut Diagnostics,
) -> Option<usize> {
    let name = node.text().unwrap_or_default();
    let plain = name.rsplit('/').next().unwrap_or(name);
    let fits = |one: &ServerSpec| one.name == name || one.hosts.iter().any(|host| host == plain);
    let found = the_only(name, fits, inside, node.span, known, services, diagnostics).ok()?;
    if found.is_some() {
        return found;
    }
    if known.all_services {
        let names: Vec<&str> = services.iter().map(|one| one.name.as_str()).collect();
        if let Err(problem) = position(node, &names, "service") {
            wrong("service", node, problem, diagnostics);
        }
    }
    None
}
