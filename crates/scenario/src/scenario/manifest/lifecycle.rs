//! Lifecycle hooks: how long they take and whether they fail, as far as that can be told.

use k8s_openapi::api::core::v1 as core;

use super::Context;
use super::command::{duration, end_of};
use super::container::seconds;
use crate::api::Hook;
use crate::sim::SimDuration;

/// Reads the handler of a container's hook.
pub(super) fn hook(
    handler: &core::LifecycleHandler,
    (container, name): (&str, &str),
    context: &mut Context<'_>,
) -> Hook {
    let (hook, is_known) = understood(handler);
    if !is_known {
        context.warning(
            &format!("{container}.lifecycle.{name}.exec"),
            "how long this command takes cannot be told: it counts as immediate",
            "put a `sleep` of that length into the command, or `sleep: {seconds: …}` in its place",
        );
    }
    hook
}

/// A sleep takes its time, a command that of its sleeps; requests, and whatever else commands do,
/// take none. Also whether all of it is known.
fn understood(handler: &core::LifecycleHandler) -> (Hook, bool) {
    let taking = |length| Hook {
        length,
        ..Hook::default()
    };
    if let Some(sleep) = &handler.sleep {
        return (taking(seconds(sleep.seconds)), true);
    }
    if let Some(get) = &handler.http_get {
        let is_request = get.host.as_ref().is_none_or(String::is_empty);
        let hook = Hook {
            is_request,
            ..Hook::default()
        };
        return (hook, true);
    }
    let Some(exec) = &handler.exec else {
        // The API server lets `tcpSocket` pass; the kubelet cannot run it.
        let fails = handler.tcp_socket.is_some();
        let hook = Hook {
            fails,
            ..Hook::default()
        };
        return (hook, true);
    };
    let command = exec.command.clone().unwrap_or_default().join(" ");
    if let Some((length, code)) = end_of(&command) {
        let fails = code != 0;
        return (
            Hook {
                fails,
                ..taking(length)
            },
            true,
        );
    }
    let mut words = command.split(|c: char| c.is_whitespace() || ";&|\"'()".contains(c));
    let sleeps = words.any(|word| word == "sleep" || word == "/bin/sleep");
    let slept = words.find(|word| !word.is_empty()).and_then(duration);
    let slept = slept.filter(|_| sleeps);
    (taking(slept.unwrap_or(SimDuration::ZERO)), slept.is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Seconds, whether it fails, whether it asks its container, whether all is known.
    fn of(handler: &Value) -> (f64, bool, bool, bool) {
        let handler = serde_json::from_value(handler.clone()).expect("a handler");
        let (hook, is_known) = understood(&handler);
        let length = hook.length.as_secs_f64();
        (length, hook.fails, hook.is_request, is_known)
    }

    fn exec(command: &[&str]) -> (f64, bool, bool, bool) {
        of(&json!({"exec": {"command": command}}))
    }

    #[test]
    fn a_hook_takes_as_long_as_it_sleeps() {
        let sleep = json!({"sleep": {"seconds": 7}});
        assert_eq!(of(&sleep), (7.0, false, false, true));
        assert_eq!(exec(&["sleep", "10"]), (10.0, false, false, true));
        assert_eq!(exec(&["/bin/sleep", "1m"]), (60.0, false, false, true));
        let script = |script| exec(&["/bin/sh", "-c", script]);
        assert_eq!(script("sleep 5; exit 1"), (5.0, true, false, true));
        assert_eq!(
            script("nginx -s quit; sleep 0.5"),
            (0.5, false, false, true)
        );
        assert_eq!(
            script("sleep 15 && nginx -s quit"),
            (15.0, false, false, true)
        );
        assert_eq!(exec(&["false"]), (0.0, true, false, true));
        assert_eq!(script("sleep $DELAY"), (0.0, false, false, false));
        assert_eq!(exec(&["/warm-up"]), (0.0, false, false, false));
    }

    #[test]
    fn requests_are_of_the_container_unless_they_name_a_host() {
        let own = json!({"httpGet": {"port": 80, "path": "/warm"}});
        assert_eq!(of(&own), (0.0, false, true, true));
        let other = json!({"httpGet": {"port": 80, "host": "registry"}});
        assert_eq!(of(&other), (0.0, false, false, true));
        let socket = json!({"tcpSocket": {"port": 80}});
        assert_eq!(of(&socket), (0.0, true, false, true));
    }
}
