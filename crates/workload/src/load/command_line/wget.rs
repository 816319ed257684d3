//! One call of `wget`: the flags that it may have, and its URLs.

use super::{CommandError, Word, parse_url};
use crate::load::spec::Url;
use crate::sim::SimDuration;

/// The read timeout of GNU's and of busybox's wget without `-T`.
pub(super) const DEFAULT_TIMEOUT: SimDuration = SimDuration::from_secs(900);
/// No command waits longer.
const LONGEST_TIMEOUT: f64 = 1e9;

/// Letters of flags that take a value and do not shape the load.
const WITH_VALUE: &str = "OotUPYeaA";
/// Letters of flags that stand alone and do not shape the load.
const ALONE: &str = "qSscdvxN46";
/// Long flags that take a value and do not shape the load.
const LONG_WITH_VALUE: &[&str] = &[
    "output-document",
    "output-file",
    "append-output",
    "tries",
    "user-agent",
    "directory-prefix",
    "header",
    "post-data",
    "post-file",
    "method",
    "body-data",
    "body-file",
    "user",
    "password",
    "referer",
    "ca-certificate",
    "certificate",
    "private-key",
];
/// Long flags that stand alone and do not shape the load.
const LONG_ALONE: &[&str] = &[
    "quiet",
    "spider",
    "server-response",
    "no-check-certificate",
    "no-verbose",
    "verbose",
    "debug",
    "continue",
    "no-cache",
    "no-dns-cache",
    "no-http-keep-alive",
    "no-proxy",
    "inet4-only",
    "inet6-only",
    "content-on-error",
    "show-progress",
];

/// What a call of `wget` asks for.
#[derive(Debug)]
pub(super) struct Call {
    /// Its URLs, one after the other, each with its word.
    pub(super) urls: Vec<(Word, Url)>,
    /// `-T`; `None` for 0, no limit.
    pub(super) timeout: Option<SimDuration>,
}

/// Reads the words after `wget`.
pub(super) fn call(wget: &Word, words: &[Word]) -> Result<Call, CommandError> {
    let (mut urls, mut timeout) = (Vec::new(), Some(DEFAULT_TIMEOUT));
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if word.text == "-" || !word.text.starts_with('-') {
            urls.push((word.clone(), url(word)?));
        } else if let Some(long) = word.text.strip_prefix("--") {
            let (name, attached) = match long.split_once('=') {
                Some((name, attached)) => (name, Some(attached)),
                None => (long, None),
            };
            let is_timeout = matches!(name, "timeout" | "read-timeout");
            if is_timeout || LONG_WITH_VALUE.contains(&name) {
                let value = super::value(word, attached.unwrap_or_default(), &mut rest)?;
                if is_timeout {
                    timeout = seconds(&value)?;
                }
            } else if !LONG_ALONE.contains(&name) {
                return Err(not_simulated(word));
            }
        } else {
            letters(word, &mut rest, &mut timeout)?;
        }
    }
    if urls.is_empty() {
        return Err(
            wget.wrong("`wget` has no URL: write for example `wget -q -O- http://service/`")
        );
    }
    Ok(Call { urls, timeout })
}

/// Letters that share a word: `-qO-`, `-qT 5`.
fn letters(
    word: &Word,
    rest: &mut std::slice::Iter<'_, Word>,
    timeout: &mut Option<SimDuration>,
) -> Result<(), CommandError> {
    let mut letters = word.text[1..].chars();
    while let Some(letter) = letters.next() {
        if letter == 'T' || WITH_VALUE.contains(letter) {
            let value = super::value(word, letters.as_str(), rest)?;
            if letter == 'T' {
                *timeout = seconds(&value)?;
            }
            return Ok(());
        }
        // `-nv`, `-nc`.
        let is_no = letter == 'n' && matches!(letters.next(), Some('v' | 'c' | 'd' | 'H'));
        if !is_no && !ALONE.contains(letter) {
            return Err(not_simulated(word));
        }
    }
    Ok(())
}

fn not_simulated(word: &Word) -> CommandError {
    word.wrong(format!("`{}` of `wget` is not simulated", word.text))
}

fn seconds(word: &Word) -> Result<Option<SimDuration>, CommandError> {
    let seconds: f64 = word.number("a number of seconds")?;
    if !(0.0..LONGEST_TIMEOUT).contains(&seconds) {
        return Err(word.wrong(format!("`{}` is not a number of seconds", word.text)));
    }
    Ok((seconds > 0.0).then(|| SimDuration::from_secs_f64(seconds)))
}

/// A URL; its path may hold variables, which tell no requests apart here.
fn url(word: &Word) -> Result<Url, CommandError> {
    let parsed = parse_url(&word.text).ok_or_else(|| {
        word.wrong(format!(
            "`{}` is not a URL: write for example `http://service/path`",
            word.text
        ))
    })?;
    if parsed.host.contains(['$', '`', '{', '*']) {
        let host = &parsed.host;
        return Err(word.wrong(format!(
            "what `{host}` stands for is not known here: write the host"
        )));
    }
    Ok(parsed)
}
