//! The command line of `ab`.

use super::{CommandError, Parsed, Word, url_of, value};
use crate::load::spec::{AbSpec, Generator, Url};
use crate::load::{AB_CLIENT_OVERHEAD, AB_CLIENT_OVERHEAD_CV};
use crate::sim::{Dist, SimDuration};

/// `MAX_CONCURRENCY` of ab.
const MOST_CLIENTS: u32 = 20_000;
/// What `-t` implies for `-n`.
const REQUESTS_OF_TIME_LIMIT: u64 = 50_000;

/// By ab's own list of options (`getopt`).
const AB_IGNORED_WITH_VALUE: &str = "bBCHpuTvAPXgexyzmEfZ";
const AB_IGNORED: &str = "diIqSw";

pub(super) fn parse(command: &str, words: &[Word], whole: &Word) -> Result<Parsed, CommandError> {
    let mut spec = AbSpec {
        command: command.to_owned(),
        requests: 1,
        concurrency: 1,
        keep_alive: false,
        time_limit: None,
        timeout: SimDuration::from_secs(30),
        continue_on_error: false,
        any_length: false,
        client_overhead: client_overhead(),
        url: Url::default(),
    };
    let mut ignored = Vec::new();
    let mut concurrency_word = whole.clone();
    let mut rest = words.iter();
    let mut url = None;
    while let Some(word) = rest.next() {
        let Some(mut letters) = word.text.strip_prefix('-').filter(|text| !text.is_empty()) else {
            url = Some(word);
            break;
        };
        // Letters without a value may stand in one word, the last one with: `-kc 100`.
        while let Some(letter) = letters.chars().next() {
            letters = &letters[letter.len_utf8()..];
            if AB_IGNORED.contains(letter) {
                ignored.push(format!("-{letter}"));
                continue;
            }
            match letter {
                'k' => spec.keep_alive = true,
                'r' => spec.continue_on_error = true,
                'l' => spec.any_length = true,
                'h' | 'V' => {
                    return Err(word.wrong(format!("`ab -{letter}` sends no requests")));
                }
                'n' | 'c' | 't' | 's' => {
                    let value = value(word, std::mem::take(&mut letters), &mut rest)?;
                    set(&mut spec, letter, &value)?;
                    if letter == 'c' {
                        concurrency_word = value;
                    }
                }
                other if AB_IGNORED_WITH_VALUE.contains(other) => {
                    value(word, std::mem::take(&mut letters), &mut rest)?;
                    ignored.push(format!("-{other}"));
                }
                other => return Err(word.wrong(format!(
                    "`ab` has no flag `-{other}`; those that shape the load are -n, -c, -k, -t, -s, -r, -l"
                ))),
            }
        }
    }
    if u64::from(spec.concurrency) > spec.requests {
        return Err(concurrency_word.wrong(format!(
            "`ab` cannot use a concurrency level ({}) above the number of requests ({}): raise -n or lower -c",
            spec.concurrency, spec.requests
        )));
    }
    spec.url = url_of("ab", url, rest.next(), whole)?;
    if let Some(word) = url.filter(|word| !has_path(&word.text)) {
        return Err(word.wrong(format!(
            "`ab` calls a URL without a path invalid: write `{}/`",
            word.text
        )));
    }
    Ok(Parsed {
        url: spec.url.clone(),
        generator: Generator::Ab(spec),
        ignored,
    })
}

/// Whether a slash follows the host.
fn has_path(url: &str) -> bool {
    url.split_once("://")
        .map_or(url, |(_, rest)| rest)
        .contains('/')
}

/// Sets what a letter with a value means.
fn set(spec: &mut AbSpec, letter: char, value: &Word) -> Result<(), CommandError> {
    let seconds = || -> Result<SimDuration, CommandError> {
        let seconds: u32 = value.number("a number of seconds")?;
        if seconds == 0 {
            return Err(value.wrong("at least 1 second is needed"));
        }
        Ok(SimDuration::from_secs(i64::from(seconds)))
    };
    match letter {
        'n' => {
            spec.requests = value.number("a number of requests")?;
            if spec.requests == 0 {
                return Err(value.wrong("at least 1 request is needed"));
            }
        }
        'c' => {
            spec.concurrency = value.number("a number of clients")?;
            if !(1..=MOST_CLIENTS).contains(&spec.concurrency) {
                return Err(value.wrong(format!("`ab` takes 1 to {MOST_CLIENTS} clients")));
            }
        }
        't' => {
            spec.time_limit = Some(seconds()?);
            spec.requests = REQUESTS_OF_TIME_LIMIT;
        }
        _ => spec.timeout = seconds()?,
    }
    Ok(())
}

fn client_overhead() -> Dist {
    Dist::lognormal(AB_CLIENT_OVERHEAD, AB_CLIENT_OVERHEAD_CV)
        .expect("mean and variation are constants that make a distribution")
}
