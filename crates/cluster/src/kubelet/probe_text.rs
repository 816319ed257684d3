//! What the kubelet says of probes that fail (`pkg/probe`). Pods have no addresses here: their
//! names stand in their place.

use super::prober::ProbeType;
use crate::api::{ProbeAction, ProbeSpec};

/// Why a probe got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// Nobody listens.
    Refused,
    /// The answer would come too late.
    TimedOut,
    /// It gets 503.
    TurnedAway,
}

impl ProbeSpec {
    /// The sentence of the event Unhealthy.
    pub(super) fn failure(&self, kind: ProbeType, why: Unanswered, pod: &str) -> String {
        let output = match why {
            Unanswered::Refused => self.refused(pod),
            Unanswered::TimedOut => self.timed_out(pod),
            Unanswered::TurnedAway => "HTTP probe failed with statuscode: 503".to_owned(),
        };
        format!("{} probe failed: {output}", kind.name())
    }

    fn timed_out(&self, pod: &str) -> String {
        match &self.action {
            ProbeAction::Grpc { .. } => {
                format!(
                    "timeout: health rpc did not complete within {}",
                    self.timeout
                )
            }
            _ => format!(
                "Get \"{}\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
                self.url(pod)
            ),
        }
    }

    fn refused(&self, pod: &str) -> String {
        match &self.action {
            // Whatever the command prints.
            ProbeAction::Exec(_) => String::new(),
            ProbeAction::HttpGet { host, port, .. } => {
                let host = host.as_deref().unwrap_or(pod);
                let url = self.url(pod);
                format!("Get \"{url}\": dial tcp {host}:{port}: connect: connection refused")
            }
            ProbeAction::TcpSocket { host, port } => {
                let host = host.as_deref().unwrap_or(pod);
                format!("dial tcp {host}:{port}: connect: connection refused")
            }
            ProbeAction::Grpc { port, .. } => format!(
                "timeout: failed to connect service \"{pod}:{port}\" within {}: context deadline exceeded",
                self.timeout
            ),
        }
    }

    /// What `httpGet` asks for.
    fn url(&self, pod: &str) -> String {
        let ProbeAction::HttpGet {
            scheme,
            host,
            port,
            path,
        } = &self.action
        else {
            return String::new();
        };
        let host = host.as_deref().unwrap_or(pod);
        let slash = if path.starts_with('/') { "" } else { "/" };
        format!("{}://{host}:{port}{slash}{path}", scheme.to_lowercase())
    }
}
