//! Commands whose end is known: `sleep 20`, `exit 3`, one after the other in a shell.

use crate::sim::SimDuration;

/// After which time a command exits, and with which code; `None` if that cannot be told.
pub(super) fn end_of(command: &str) -> Option<(SimDuration, u8)> {
    let mut rest = command.trim();
    for shell in ["sh", "/bin/sh", "bash", "/bin/bash"] {
        if let Some(script) = rest.strip_prefix(shell).and_then(script) {
            rest = script;
            break;
        }
    }
    let (mut length, mut steps) = (SimDuration::ZERO, 0);
    for step in rest.replace("&&", ";").replace('\n', ";").split(';') {
        let mut words = step.split_whitespace();
        let Some(word) = words.next() else { continue };
        steps += 1;
        match (word, words.next(), words.next()) {
            ("sleep" | "/bin/sleep", Some(time), None) => length += duration(time)?,
            ("exit", code, None) => return Some((length, code.unwrap_or("0").parse().ok()?)),
            ("false" | "/bin/false", None, None) => return Some((length, 1)),
            ("true" | "/bin/true", None, None) => {}
            ("echo", ..) if !step.contains(['$', '`', '|', '>']) => {}
            _ => return None,
        }
    }
    (steps > 0).then_some((length, 0))
}

/// What stands behind a shell's `-c`, without quotes around it.
fn script(rest: &str) -> Option<&str> {
    let script = rest.strip_prefix(char::is_whitespace)?.trim_start();
    let script = script
        .strip_prefix("-c")?
        .strip_prefix(char::is_whitespace)?;
    let script = script.trim();
    let quoted = |quote| script.strip_prefix(quote)?.strip_suffix(quote);
    Some(quoted('"').or(quoted('\'')).unwrap_or(script))
}

/// The time that `sleep` takes as its argument.
fn duration(text: &str) -> Option<SimDuration> {
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h', 'd']) {
        Some(number) => (number, &text[number.len()..]),
        None => (text, "s"),
    };
    let factor = match unit {
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => 1.0,
    };
    let seconds = number.parse::<f64>().ok()? * factor;
    let fits = (0.0..1e9).contains(&seconds);
    fits.then(|| SimDuration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_of_sleeps_and_exits_ends_by_itself() {
        let end =
            |command: &str| end_of(command).map(|(length, code)| (length.as_secs_f64(), code));
        assert_eq!(end("sleep 20"), Some((20.0, 0)));
        assert_eq!(end("/bin/sh -c sleep 1.5m"), Some((90.0, 0)));
        assert_eq!(end("sh -c sleep 5; exit 3"), Some((5.0, 3)));
        assert_eq!(end("sh -c echo hi && sleep 5 && false"), Some((5.0, 1)));
        assert_eq!(end("bash -c 'exit 42'"), Some((0.0, 42)));
        assert_eq!(end("true"), Some((0.0, 0)));
        for other in [
            "",
            "sleep infinity",
            "sleep 3; curl x",
            "echo $(curl x)",
            "sh -c",
            "nginx -g x",
            "sleep -1",
            "exit 256",
        ] {
            assert_eq!(end(other), None, "{other}");
        }
    }
}
