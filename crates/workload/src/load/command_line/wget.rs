//! The shell loop of a load Job.

use super::parse_url;
use crate::load::spec::Url;
use crate::sim::SimDuration;

/// The loop of a container: what it fetches and how long it sleeps.
#[derive(Debug, Clone, PartialEq)]
pub struct WgetLoop {
    /// The URL.
    pub url: Url,
    /// The sleep between two requests.
    pub sleep: SimDuration,
    /// `wget -T`, or what GNU's and busybox's wget have by default; `None` for `-T 0`, no limit.
    pub timeout: Option<SimDuration>,
}

/// The read timeout of GNU's and of busybox's wget without `-T`.
const DEFAULT_TIMEOUT: SimDuration = SimDuration::from_secs(900);

/// Recognises a shell loop of `wget` and `sleep` in a container's command.
pub fn parse_wget_loop(script: &str) -> Option<WgetLoop> {
    let cleaned: String = script
        .chars()
        .map(|c| if ";&|\"'(){}".contains(c) { ' ' } else { c })
        .collect();
    let words: Vec<&str> = cleaned.split_whitespace().collect();
    let wget = words
        .iter()
        .position(|word| word.rsplit('/').next() == Some("wget"))?;
    let url = words[wget..]
        .iter()
        .find_map(|word| word.contains("://").then(|| parse_url(word)).flatten())
        .or_else(|| {
            let plain = |word: &&&str| {
                !word.starts_with('-') && !word.starts_with('>') && **word != "/dev/null"
            };
            words[wget + 1..]
                .iter()
                .find(plain)
                .and_then(|word| parse_url(word))
        })?;
    let after = |name: &str| {
        words
            .iter()
            .position(|word| *word == name)
            .and_then(|place| words.get(place + 1))
    };
    let seconds = |text: &str| {
        let number = text.strip_suffix('s').unwrap_or(text).parse::<f64>().ok()?;
        (number.is_finite() && number >= 0.0).then(|| SimDuration::from_secs_f64(number))
    };
    let sleep = after("sleep")
        .and_then(|text| seconds(text))
        .unwrap_or(SimDuration::ZERO);
    let attached = |flag: &str| words.iter().find_map(|word| word.strip_prefix(flag));
    let timeout = match (attached("--timeout="), attached("-T")) {
        (Some(text), _) => seconds(text),
        (None, Some("")) => after("-T").and_then(|text| seconds(text)),
        (None, attached) => attached.and_then(seconds),
    };
    let timeout = timeout.unwrap_or(DEFAULT_TIMEOUT);
    Some(WgetLoop {
        url,
        sleep,
        timeout: (timeout > SimDuration::ZERO).then_some(timeout),
    })
}
