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
                spec.requests = whole_number(&value(word, attached, &mut rest)?, "requests")?;
            }
            "c" => {
                let value = value(word, attached, &mut rest)?;
                let workers: u64 = whole_number(&value, "workers")?;
                let some = u32::try_from(workers).ok();
                let some = some.filter(|workers| (1..=MOST_WORKERS).contains(workers));
                spec.concurrency = some.ok_or_else(|| {
                    value.wrong(format!("from 1 to {MOST_WORKERS} workers are simulated"))
                })?;
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
                let length =
                    SimDuration::parse_go(&value.text).map_err(|error| value.wrong(error))?;
                // As in hey, no time or less is no time limit.
                spec.duration = (length > SimDuration::ZERO).then_some(length);
            }
            "t" => {
                let value = value(word, attached, &mut rest)?;
                let seconds: i64 = whole_number(&value, "seconds")?;
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

/// A number as Go's `strconv.ParseInt` reads it with base 0: also `0x10`, `0b1`, `0o7`, `07`, `1_000`.
fn whole_number<T: TryFrom<i128>>(word: &Word, what: &str) -> Result<T, CommandError> {
    let text = word.text.to_ascii_lowercase();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(&text)),
    };
    let bases = [("0x", 16), ("0b", 2), ("0o", 8), ("0", 8)];
    let found = bases.iter().find_map(|(prefix, base)| {
        let rest = digits.strip_prefix(prefix)?;
        (!rest.is_empty()).then_some((rest, *base))
    });
    let (digits, base) = found.unwrap_or((digits, 10));
    let plain = digits.replace('_', "");
    let parsed = i128::from_str_radix(&plain, base).ok();
    let parsed = parsed.filter(|_| plain.starts_with(|c: char| c.is_ascii_alphanumeric()));
    let number = parsed.and_then(|number| T::try_from(sign * number).ok());
    number.ok_or_else(|| word.wrong(format!("`{}` is not a number of {what}", word.text)))
}

/// A switch: alone it is on, `-flag=false` puts it off.
fn switch(word: &Word, attached: &str) -> Result<bool, CommandError> {
    match attached {
        "" | "1" | "t" | "T" | "true" | "True" | "TRUE" => Ok(true),
        "0" | "f" | "F" | "false" | "False" | "FALSE" => Ok(false),
        other => Err(word.wrong(format!("`{other}` is neither `true` nor `false`"))),
    }
}
