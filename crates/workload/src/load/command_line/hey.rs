//! The command line of `hey`, by the rules of Go's flag package.

use super::{CommandError, Parsed, Word, url_of, value};
use crate::load::HEY_CLIENT_OVERHEAD;
use crate::load::spec::{Generator, HeySpec, Url};
use crate::sim::{Dist, SimDuration};

/// `hey` has no limit but memory.
const MOST_WORKERS: u32 = 1_000_000;
/// Seconds that Go's durations hold; hey itself would count from the other end.
const MOST_SECONDS: i64 = i64::MAX / 1_000_000_000;
const HEY_IGNORED_WITH_VALUE: &[&str] = &[
    "o", "m", "H", "A", "d", "D", "T", "U", "a", "x", "cpus", "host",
];
const HEY_IGNORED: &[&str] = &["h2", "disable-compression", "disable-redirects", "more"];

pub(super) fn parse(command: &str, words: &[Word], whole: &Word) -> Result<Parsed, CommandError> {
    let mut spec = HeySpec {
        command: command.to_owned(),
        requests: 200,
        concurrency: 50,
        rate_per_worker: None,
        duration: None,
        timeout: Some(SimDuration::from_secs(20)),
        disable_keepalive: false,
        client_overhead: Dist::Constant(HEY_CLIENT_OVERHEAD),
        url: Url::default(),
    };
    let (mut url, mut ignored) = (None, Vec::new());
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let Some(flag) = word.text.strip_prefix('-') else {
            url = Some(word);
            break;
        };
        let flag = flag.strip_prefix('-').unwrap_or(flag);
        let (name, attached) = flag.split_once('=').unwrap_or((flag, ""));
        match name {
            "n" => {
                spec.requests = value(word, attached, &mut rest)?.number("a number of requests")?;
            }
            "c" => {
                let value = value(word, attached, &mut rest)?;
                spec.concurrency = value.number("a number of workers")?;
                if !(1..=MOST_WORKERS).contains(&spec.concurrency) {
                    let message = format!("from 1 to {MOST_WORKERS} workers are simulated");
                    return Err(value.wrong(message));
                }
            }
            "q" => {
                let value = value(word, attached, &mut rest)?;
                let rate: f64 = value.number("a rate per worker and second")?;
                if !(rate.is_finite() && rate >= 0.0) {
                    return Err(value.wrong("the rate must be a number of at least 0"));
                }
                spec.rate_per_worker = (rate > 0.0).then_some(rate);
            }
            "z" => {
                let value = value(word, attached, &mut rest)?;
                let length: SimDuration = value
                    .text
                    .parse()
                    .map_err(|error: crate::sim::DurationError| value.wrong(error.to_string()))?;
                // As in hey, no time or less is no time limit.
                spec.duration = (length > SimDuration::ZERO).then_some(length);
            }
            "t" => {
                let value = value(word, attached, &mut rest)?;
                let seconds: i64 = value.number("a number of seconds")?;
                if seconds > MOST_SECONDS {
                    let message = format!("at most {MOST_SECONDS} seconds are possible, 292 years");
                    return Err(value.wrong(message));
                }
                spec.timeout = (seconds > 0).then(|| SimDuration::from_secs(seconds));
            }
            "disable-keepalive" => spec.disable_keepalive = switch(word, attached)?,
            other if HEY_IGNORED_WITH_VALUE.contains(&other) => {
                value(word, attached, &mut rest)?;
                ignored.push(format!("-{other}"));
            }
            other if HEY_IGNORED.contains(&other) => ignored.push(format!("-{other}")),
            other => {
                return Err(word.wrong(format!(
                    "`hey` has no flag `-{other}`; those that shape the load are -n, -c, -q, -z, -t, -disable-keepalive"
                )));
            }
        }
    }
    if spec.duration.is_none() && u64::from(spec.concurrency) > spec.requests {
        return Err(whole.wrong(format!(
            "`hey` needs at least as many requests (-n {}) as workers (-c {})",
            spec.requests, spec.concurrency
        )));
    }
    spec.url = url_of("hey", url, rest.next(), whole)?;
    Ok(Parsed {
        url: spec.url.clone(),
        generator: Generator::Hey(spec),
        ignored,
    })
}

/// A switch: alone it is on, `-flag=false` puts it off.
fn switch(word: &Word, attached: &str) -> Result<bool, CommandError> {
    match attached {
        "" | "1" | "t" | "T" | "true" | "True" | "TRUE" => Ok(true),
        "0" | "f" | "F" | "false" | "False" | "FALSE" => Ok(false),
        other => Err(word.wrong(format!("`{other}` is neither `true` nor `false`"))),
    }
}
