//! Services, Endpoints and EndpointSlices.
//!
//! Upstream: `describeService`, `describeEndpoints`, `describeEndpointSliceV1`.

use serde_json::Value;

use super::writer::Writer;
use crate::kubectl::print::cells::{NONE, items, labels, number, text};
use crate::kubectl::print::endpoints::of_slices;

fn joined(list: &[Value], between: &str) -> String {
    let texts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
    texts.join(between)
}

fn or_none(text: String) -> String {
    if text.is_empty() {
        NONE.to_owned()
    } else {
        text
    }
}

pub(super) fn service(service: &Value, slices: &[Value], writer: &mut Writer) {
    let spec = &service["spec"];
    let of = |field: &str| text(spec, &[field]);
    writer.metadata(service);
    let selector = labels(&spec["selector"]);
    writer.write(0, &format!("Selector:\t{selector}\n"));
    writer.write(0, &format!("Type:\t{}\n", of("type").unwrap_or_default()));
    if let Some(policy) = of("ipFamilyPolicy") {
        writer.write(0, &format!("IP Family Policy:\t{policy}\n"));
    }
    let families = or_none(joined(items(spec, &["ipFamilies"]), ","));
    writer.write(0, &format!("IP Families:\t{families}\n"));
    let address = of("clusterIP").unwrap_or_default();
    writer.write(0, &format!("IP:\t{address}\n"));
    let addresses = or_none(joined(items(spec, &["clusterIPs"]), ","));
    writer.write(0, &format!("IPs:\t{addresses}\n"));
    let external = joined(items(spec, &["externalIPs"]), ",");
    writer.given(0, "External IPs", Some(&external));
    writer.given(0, "Desired LoadBalancer IP", of("loadBalancerIP"));
    writer.given(0, "External Name", of("externalName"));
    let ingress = items(service, &["status", "loadBalancer", "ingress"]).iter();
    let ingress = ingress.filter_map(|one| {
        let hostname = || text(one, &["hostname"]).map(str::to_owned);
        let mode = text(one, &["ipMode"]).map_or_else(String::new, |mode| format!(" ({mode})"));
        let address = text(one, &["ip"]).map(|address| format!("{address}{mode}"));
        address.or_else(hostname)
    });
    let ingress = ingress.collect::<Vec<String>>().join(", ");
    writer.given(0, "LoadBalancer Ingress", Some(&ingress));
    for port in items(spec, &["ports"]) {
        describe_port(port, slices, writer);
    }
    let affinity = of("sessionAffinity").unwrap_or_default();
    writer.write(0, &format!("Session Affinity:\t{affinity}\n"));
    for (title, field) in [
        ("External Traffic Policy", "externalTrafficPolicy"),
        ("Internal Traffic Policy", "internalTrafficPolicy"),
    ] {
        writer.given(0, title, of(field));
    }
    let health = number(spec, &["healthCheckNodePort"]);
    if health != 0 {
        writer.write(0, &format!("HealthCheck NodePort:\t{health}\n"));
    }
    let ranges = joined(items(spec, &["loadBalancerSourceRanges"]), ",");
    writer.given(0, "LoadBalancer Source Ranges", Some(&ranges));
    writer.given(0, "Traffic Distribution", of("trafficDistribution"));
}

fn describe_port(port: &Value, slices: &[Value], writer: &mut Writer) {
    let own = text(port, &["name"]).unwrap_or_default();
    let name = if own.is_empty() { "<unset>" } else { own };
    let protocol = text(port, &["protocol"]).unwrap_or_default();
    let number = |field: &str| number(port, &[field]);
    let outside = number("port");
    writer.write(0, &format!("Port:\t{name}\t{outside}/{protocol}\n"));
    let target = match &port["targetPort"] {
        Value::String(name) => name.clone(),
        number => number.to_string(),
    };
    writer.write(0, &format!("TargetPort:\t{target}/{protocol}\n"));
    writer.given(0, "AppProtocol", text(port, &["appProtocol"]));
    let on_nodes = number("nodePort");
    if on_nodes != 0 {
        writer.write(0, &format!("NodePort:\t{name}\t{on_nodes}/{protocol}\n"));
    }
    let endpoints = of_slices(slices, own);
    writer.write(0, &format!("Endpoints:\t{endpoints}\n"));
}

pub(super) fn endpoints(object: &Value, writer: &mut Writer) {
    writer.metadata(object);
    writer.write(0, "Subsets:\n");
    for subset in items(object, &["subsets"]) {
        for (title, field) in [
            ("Addresses", "addresses"),
            ("NotReadyAddresses", "notReadyAddresses"),
        ] {
            let all = items(subset, &[field]).iter();
            let all: Vec<&str> = all.filter_map(|one| one["ip"].as_str()).collect();
            let all = or_none(all.join(","));
            writer.write(1, &format!("{title}:\t{all}\n"));
        }
        let ports = items(subset, &["ports"]);
        if !ports.is_empty() {
            writer.write(1, "Ports:\n");
            writer.write(2, "Name\tPort\tProtocol\n");
            writer.write(2, "----\t----\t--------\n");
        }
        for port in ports {
            port_row(2, port, writer);
        }
        writer.write(0, "\n");
    }
}

fn port_row(level: usize, port: &Value, writer: &mut Writer) {
    let name = text(port, &["name"]).filter(|name| !name.is_empty());
    let name = name.unwrap_or("<unset>");
    let number = port["port"].as_i64();
    let number = number.map_or_else(|| "<unset>".to_owned(), |number| number.to_string());
    let protocol = text(port, &["protocol"]).unwrap_or_default();
    writer.write(level, &format!("{name}\t{number}\t{protocol}\n"));
}

pub(super) fn endpoint_slice(slice: &Value, writer: &mut Writer) {
    writer.metadata(slice);
    let kind = text(slice, &["addressType"]).unwrap_or_default();
    writer.write(0, &format!("AddressType:\t{kind}\n"));
    let ports = items(slice, &["ports"]);
    if ports.is_empty() {
        writer.write(0, "Ports: <unset>\n");
    } else {
        writer.write(0, "Ports:\n");
        writer.write(1, "Name\tPort\tProtocol\n");
        writer.write(1, "----\t----\t--------\n");
    }
    for port in ports {
        port_row(1, port, writer);
    }
    let endpoints = items(slice, &["endpoints"]);
    if endpoints.is_empty() {
        writer.write(0, "Endpoints: <none>\n");
        return;
    }
    writer.write(0, "Endpoints:\n");
    for one in endpoints {
        let addresses = or_none(joined(items(one, &["addresses"]), ", "));
        writer.write(1, &format!("- Addresses:\t{addresses}\n"));
        writer.write(2, "Conditions:\n");
        let ready = one["conditions"]["ready"].as_bool();
        let ready = ready.map_or_else(|| "<unset>".to_owned(), |ready| ready.to_string());
        writer.write(3, &format!("Ready:\t{ready}\n"));
        let of = |field: &str| text(one, &[field]).unwrap_or("<unset>");
        writer.write(2, &format!("Hostname:\t{}\n", of("hostname")));
        if let Some(kind) = text(one, &["targetRef", "kind"]) {
            let name = text(one, &["targetRef", "name"]).unwrap_or_default();
            writer.write(2, &format!("TargetRef:\t{kind}/{name}\n"));
        }
        writer.write(2, &format!("NodeName:\t{}\n", of("nodeName")));
        writer.write(2, &format!("Zone:\t{}\n", of("zone")));
    }
}
