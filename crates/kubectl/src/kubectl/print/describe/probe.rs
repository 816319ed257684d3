//! A probe in one line.
//!
//! Upstream: `DescribeProbe`.

use serde_json::Value;

use super::super::cells::{int_or_text, items, number, text};

pub(super) fn text_of(probe: &Value) -> String {
    let or = |field: &str, default: i64| probe[field].as_i64().unwrap_or(default);
    let rhythm = format!(
        "delay={}s timeout={}s period={}s #success={} #failure={}",
        number(probe, &["initialDelaySeconds"]),
        or("timeoutSeconds", 1),
        or("periodSeconds", 10),
        or("successThreshold", 1),
        or("failureThreshold", 3),
    );
    let port = |of: &Value| int_or_text(&of["port"]).unwrap_or_default();
    let part = |of: &Value, field: &str| text(of, &[field]).unwrap_or_default().to_owned();
    if let Some(exec) = probe.get("exec").filter(|exec| !exec.is_null()) {
        let words = items(exec, &["command"]).iter().filter_map(Value::as_str);
        let words: Vec<&str> = words.collect();
        return format!("exec [{}] {rhythm}", words.join(" "));
    }
    if let Some(get) = probe.get("httpGet").filter(|get| !get.is_null()) {
        let scheme = text(get, &["scheme"]).unwrap_or("HTTP").to_lowercase();
        let (host, port, path) = (part(get, "host"), port(get), part(get, "path"));
        // An address of IPv6 stands in brackets; a path begins with a slash.
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host
        };
        let slash = if path.is_empty() || path.starts_with('/') {
            ""
        } else {
            "/"
        };
        return format!("http-get {scheme}://{host}:{port}{slash}{path} {rhythm}");
    }
    if let Some(socket) = probe.get("tcpSocket").filter(|socket| !socket.is_null()) {
        return format!(
            "tcp-socket {}:{} {rhythm}",
            part(socket, "host"),
            port(socket)
        );
    }
    if let Some(grpc) = probe.get("grpc").filter(|grpc| !grpc.is_null()) {
        return format!(
            "grpc <pod>:{} {} {rhythm}",
            port(grpc),
            part(grpc, "service")
        );
    }
    format!("unknown {rhythm}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_way_to_probe_has_its_words() {
        let rhythm = "delay=0s timeout=1s period=10s #success=1 #failure=3";
        for (probe, text) in [
            (
                json!({"exec": {"command": ["cat", "/etc/ready"]}}),
                "exec [cat /etc/ready]",
            ),
            (
                json!({"httpGet": {"port": 8080, "path": "/healthz"}}),
                "http-get http://:8080/healthz",
            ),
            (
                json!({"httpGet": {"host": "::1", "port": "web", "path": "x", "scheme": "HTTPS"}}),
                "http-get https://[::1]:web/x",
            ),
            (json!({"tcpSocket": {"port": 5432}}), "tcp-socket :5432"),
            (
                json!({"grpc": {"port": 9, "service": "a"}}),
                "grpc <pod>:9 a",
            ),
            (json!({}), "unknown"),
        ] {
            assert_eq!(text_of(&probe), format!("{text} {rhythm}"));
        }
    }
}
