//! A container's probes, as its template states them (`v1.Probe`).

use crate::sim::SimDuration;

/// A probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeSpec {
    /// `initialDelaySeconds`.
    pub initial_delay: SimDuration,
    /// `periodSeconds`.
    pub period: SimDuration,
    /// `timeoutSeconds`.
    pub timeout: SimDuration,
    /// `successThreshold`.
    pub success_threshold: u32,
    /// `failureThreshold`.
    pub failure_threshold: u32,
    /// `terminationGracePeriodSeconds`, of liveness and startup probes.
    pub termination_grace: Option<SimDuration>,
    /// What is asked.
    pub action: ProbeAction,
}

/// What a probe asks (`v1.ProbeHandler`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeAction {
    /// `exec`: a command in the container.
    Exec(Vec<String>),
    /// `httpGet`.
    HttpGet {
        /// `HTTP` or `HTTPS`.
        scheme: String,
        /// The pod itself if absent.
        host: Option<String>,
        /// Number of the port.
        port: u16,
        /// Path.
        path: String,
    },
    /// `tcpSocket`.
    TcpSocket {
        /// The pod itself if absent.
        host: Option<String>,
        /// Number of the port.
        port: u16,
    },
    /// `grpc`.
    Grpc {
        /// Number of the port.
        port: u16,
        /// The service's name.
        service: String,
    },
}

impl Default for ProbeSpec {
    fn default() -> Self {
        Self {
            initial_delay: SimDuration::ZERO,
            period: SimDuration::from_secs(10),
            timeout: SimDuration::from_secs(1),
            success_threshold: 1,
            failure_threshold: 3,
            termination_grace: None,
            action: ProbeAction::Exec(Vec::new()),
        }
    }
}

impl ProbeAction {
    /// Whether it fails whatever the application does: a command that only fails, a connection to
    /// port 1 (tcpmux), where nothing listens.
    pub fn must_fail(&self) -> bool {
        match self {
            Self::Exec(command) => {
                let words: Vec<&str> = command.iter().map(|word| word.trim()).collect();
                match words.as_slice() {
                    [shell, "-c", script] if is_shell(shell) => fails(script),
                    [command] => fails(command),
                    _ => false,
                }
            }
            Self::HttpGet { port, .. } | Self::TcpSocket { port, .. } | Self::Grpc { port, .. } => {
                *port == 1
            }
        }
    }

    /// Whether a request of the application's protocol is sent, not only a connection opened or a
    /// command run.
    pub fn is_request(&self) -> bool {
        matches!(self, Self::HttpGet { .. } | Self::Grpc { .. })
    }
}

fn is_shell(word: &str) -> bool {
    matches!(
        word.rsplit('/').next(),
        Some("sh" | "bash" | "ash" | "dash")
    )
}

/// Whether a line is `false`, or an `exit` with another code than 0.
fn fails(line: &str) -> bool {
    let line = line.trim_end_matches(';').trim();
    match line.split_once(char::is_whitespace) {
        None => line.rsplit('/').next() == Some("false"),
        Some(("exit", code)) => code.trim().parse::<u8>().is_ok_and(|code| code != 0),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_only_fail_are_told_from_others() {
        let exec = |words: &[&str]| {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            ProbeAction::Exec(words).must_fail()
        };
        assert!(exec(&["false"]) && exec(&["/bin/false"]));
        assert!(exec(&["sh", "-c", "exit 1"]) && exec(&["/bin/sh", "-c", "false"]));
        assert!(!exec(&["true"]) && !exec(&["sh", "-c", "exit 0"]));
        assert!(!exec(&["sh", "-c", "curl -f localhost || exit 1"]) && !exec(&["cat", "false"]));
        let tcp = |port| ProbeAction::TcpSocket { host: None, port }.must_fail();
        assert!(tcp(1) && !tcp(80));
    }
}
