//! Commands whose end is known: `sleep 20`, `exit 3`, one after the other in a shell.

use crate::sim::SimDuration;

/// No command takes longer.
const LONGEST: SimDuration = SimDuration::from_secs(1_000_000_000);

/// After which time a command exits, and with which code; `None` if that cannot be told.
pub(super) fn end_of(command: &str) -> Option<(SimDuration, u8)> {
    let mut rest = command.trim();
    for shell in ["sh", "/bin/sh", "bash", "/bin/bash"] {
        if let Some(script) = rest.strip_prefix(shell).and_then(script) {
            rest = script;
            break;
        }
    }
    // Behind `&&` a script goes on in the next line.
    let steps: Vec<&str> = rest.split("&&").map(str::trim_start).collect();
    // Pipes, `||` and what runs in the background.
    if steps.iter().any(|step| step.contains(['&', '|'])) {
        return None;
    }
    let (mut length, mut code) = (SimDuration::ZERO, None::<u8>);
    for list in steps.join("&&").split([';', '\n']) {
        if list.trim().is_empty() {
            continue;
        }
        for step in list.split("&&") {
            let words: Vec<&str> = step.split_whitespace().collect();
            let last = code.replace(0);
            match words[..] {
                ["sleep" | "/bin/sleep", time] => length += duration(time)?,
                ["exit", given] => return Some((length, given.parse().ok()?)),
                ["exit"] => return Some((length, last.unwrap_or(0))),
                ["false" | "/bin/false"] => code = Some(1),
                ["true" | "/bin/true"] => {}
                ["echo", ..] if prints(step) => {}
                _ => return None,
            }
            if length > LONGEST {
                return None;
            }
            // What follows is skipped.
            if code == Some(1) {
                break;
            }
        }
    }
    Some((length, code?))
}

/// Whether `echo` does nothing but print its words. A quote that does not end stands around what
/// was taken for the end of the step.
fn prints(step: &str) -> bool {
    let is_odd = |quote: char| step.matches(quote).count() % 2 == 1;
    !step.contains(['$', '`', '<', '>', '(', '\\', '#']) && !is_odd('"') && !is_odd('\'')
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
pub(super) fn duration(text: &str) -> Option<SimDuration> {
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
        // `;` goes on after a failure, `&&` does not.
        assert_eq!(end("sh -c sleep 5; false; sleep 6"), Some((11.0, 0)));
        assert_eq!(end("sh -c false && sleep 5; sleep 6"), Some((6.0, 0)));
        assert_eq!(end("sh -c false &&\nsleep 5"), Some((0.0, 1)));
        assert_eq!(end("sh -c false; exit"), Some((0.0, 1)));
        assert_eq!(end("sh -c echo 'a b'\nsleep 5\n"), Some((5.0, 0)));
        for other in [
            "",
            "sleep infinity",
            "sleep 3; curl x",
            "echo $(curl x)",
            "sh -c",
            "nginx -g x",
            "sleep -1",
            "sh -c echo hi # warm; sleep 5",
            "sh -c echo a & sleep 5",
            "sh -c sleep 5 && echo a | sleep 9",
            "sh -c false && true || sleep 5",
            "sh -c echo 'a; exit 3'",
            "sh -c sleep 5 && && exit 3",
            "sh -c sleep 900000000; sleep 900000000",
            "exit 256",
        ] {
            assert_eq!(end(other), None, "{other}");
        }
    }
}
