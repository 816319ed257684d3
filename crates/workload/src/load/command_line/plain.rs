//! Commands of a script beside `wget`: what they wait, and how many words they come to.

use super::script::{FOR_EVER, Outcome};
use super::{CommandError, Word};
use crate::sim::SimDuration;

/// A command without effect on requests; its words run nothing either.
pub(super) fn nothing(name: &Word, rest: &[Word]) -> Result<Outcome, CommandError> {
    let runs = |word: &&Word| word.text.contains("$(") || word.text.contains('`');
    match std::iter::once(name).chain(rest).find(runs) {
        Some(word) => Err(word.wrong("what this runs is not simulated")),
        None => Ok(Outcome::Nothing),
    }
}

/// `[ … ]` that always holds.
pub(super) fn holds(name: &Word, rest: &[Word]) -> Result<Outcome, CommandError> {
    let texts: Vec<&str> = rest.iter().map(|word| word.text.as_str()).collect();
    match texts[..] {
        ["1" | "true" | ":", "]"] => Ok(Outcome::Nothing),
        [a, "=" | "==" | "-eq", b, "]"] if a == b && !a.contains('$') => Ok(Outcome::Nothing),
        _ => Err(name.wrong("whether this holds is not simulated: write `while true`")),
    }
}

pub(super) fn is_assignment(text: &str) -> bool {
    let name = text.split_once('=').map_or("", |(name, _)| name);
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(letter)
}

/// The time of `sleep`, with the suffixes that it takes, or of `usleep`.
pub(super) fn sleep(tool: &str, word: &Word) -> Result<SimDuration, CommandError> {
    let wrong = || {
        word.wrong(format!(
            "`{}` is not a time that `{tool}` takes here",
            word.text
        ))
    };
    if tool == "usleep" {
        let micros: u32 = word.text.parse().map_err(|_| wrong())?;
        return Ok(SimDuration::from_secs_f64(f64::from(micros) / 1e6));
    }
    if matches!(word.text.as_str(), "infinity" | "inf") {
        return Ok(FOR_EVER);
    }
    let (number, factor) = match word.text.char_indices().next_back() {
        Some((at, 's')) => (&word.text[..at], 1.0),
        Some((at, 'm')) => (&word.text[..at], 60.0),
        Some((at, 'h')) => (&word.text[..at], 3600.0),
        Some((at, 'd')) => (&word.text[..at], 86400.0),
        _ => (word.text.as_str(), 1.0),
    };
    let is_number = number.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let seconds = number.parse::<f64>().map_err(|_| wrong())? * factor;
    if !is_number || !(0.0..=FOR_EVER.as_secs_f64()).contains(&seconds) {
        return Err(wrong());
    }
    Ok(SimDuration::from_secs_f64(seconds))
}

/// How many words a word of `for` comes to.
pub(super) fn words_of(word: &Word, quoted: bool) -> Result<u64, CommandError> {
    let text = word.text.as_str();
    let inner = (text
        .strip_prefix("$(")
        .and_then(|rest| rest.strip_suffix(')')))
    .or_else(|| {
        text.strip_prefix('`')
            .and_then(|rest| rest.strip_suffix('`'))
    });
    let unknown = || {
        word.wrong(format!(
            "how many words `{text}` comes to is not known here: write `$(seq 1 N)`"
        ))
    };
    let Some(inner) = inner else {
        let opens = if quoted {
            &['$', '`'][..]
        } else {
            &['$', '`', '{', '*', '?', '[']
        };
        return if text.contains(opens) {
            Err(unknown())
        } else {
            Ok(1)
        };
    };
    let mut parts = inner.split_whitespace();
    let name = parts.next();
    let numbers: Option<Vec<i64>> = parts.map(|part| part.parse().ok()).collect();
    let (first, step, last) = match numbers.as_deref() {
        Some([last]) => (1, 1, *last),
        Some([first, last]) => (*first, 1, *last),
        Some([first, step, last]) => (*first, *step, *last),
        _ => return Err(unknown()),
    };
    if name != Some("seq") || step == 0 {
        return Err(unknown());
    }
    let (way, step) = (i128::from(last) - i128::from(first), i128::from(step));
    let steps = way / step;
    let is_some = way == 0 || (way > 0) == (step > 0);
    Ok(if is_some {
        u64::try_from(steps + 1).unwrap_or(u64::MAX)
    } else {
        0
    })
}
