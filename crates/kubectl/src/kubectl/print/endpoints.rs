//! Rows of Endpoints and EndpointSlices, and endpoints in one line.
//!
//! Upstream: `printers.go`, `formatEndpoints` and its neighbours; kubectl's `formatEndpointSlices`.

use serde_json::Value;

use super::cells::{NONE, created, items, number, text};
use super::columns::Printer;

/// As many are shown.
const MOST: usize = 3;

pub(super) const ENDPOINTS: Printer = (&["Endpoints", "Age"], |object, now| {
    vec![endpoints(object), created(object, now)]
});

pub(super) const ENDPOINT_SLICE: Printer = (
    &["AddressType", "Ports", "Endpoints", "Age"],
    |object, now| {
        let ports = items(object, &["ports"]).iter();
        let port = |port: &Value| match port["port"].as_i64() {
            Some(number) => number.to_string(),
            None => text(port, &["name"]).unwrap_or("*").to_owned(),
        };
        let addresses = items(object, &["endpoints"]).iter().flat_map(|one| {
            let addresses = items(one, &["addresses"]).iter();
            addresses.map(|address| address.as_str().unwrap_or_default().to_owned())
        });
        let or_unset = |text: String| {
            if text.is_empty() {
                "<unset>".to_owned()
            } else {
                text
            }
        };
        let kind = text(object, &["addressType"]).unwrap_or_default();
        vec![
            kind.to_owned(),
            or_unset(first_ones(ports.map(port).collect())),
            or_unset(first_ones(addresses.collect())),
            created(object, now),
        ]
    },
);

/// The first of them, and how many more there are.
fn first_ones(all: Vec<String>) -> String {
    let more = all.len().saturating_sub(MOST);
    let shown = all.into_iter().take(MOST).collect::<Vec<_>>().join(",");
    if more > 0 {
        format!("{shown} + {more} more...")
    } else {
        shown
    }
}

fn endpoints(object: &Value) -> String {
    let subsets = items(object, &["subsets"]);
    if subsets.is_empty() {
        return NONE.to_owned();
    }
    let mut all = Vec::new();
    for subset in subsets {
        let addresses = || {
            let addresses = items(subset, &["addresses"]).iter();
            addresses.filter_map(|one| one["ip"].as_str())
        };
        let ports = items(subset, &["ports"]);
        if ports.is_empty() {
            all.extend(addresses().map(str::to_owned));
        }
        for port in ports {
            let port = number(port, &["port"]);
            all.extend(addresses().map(|address| format!("{address}:{port}")));
        }
    }
    first_ones(all)
}

/// The ready endpoints of slices at the port of this name.
pub(super) fn of_slices(slices: &[Value], port: &str) -> String {
    if slices.is_empty() {
        return NONE.to_owned();
    }
    let mut all = Vec::new();
    for slice in slices {
        let ready = items(slice, &["endpoints"]).iter();
        let ready = ready.filter(|one| one["conditions"]["ready"] != false);
        let addresses: Vec<&str> = ready
            .filter_map(|one| one["addresses"][0].as_str())
            .collect();
        let ports = items(slice, &["ports"]);
        if ports.is_empty() {
            all.extend(addresses.iter().map(|address| (*address).to_owned()));
        }
        let named = ports.iter();
        let named = named.filter(|one| text(one, &["name"]).unwrap_or_default() == port);
        for port in named {
            let port = number(port, &["port"]);
            let all_of = addresses.iter();
            all.extend(all_of.map(|address| format!("{address}:{port}")));
        }
    }
    first_ones(all)
}
