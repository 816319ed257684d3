//! Pairs among a command's words: `app=web`, `app-`.
//!
//! Upstream: kubectl's `pkg/cmd/util/helpers.go`, `GetResourcesAndPairs`, `ParsePairs`.

use super::ParseError;
use super::words::Word;

/// A change of one key.
#[derive(Debug)]
pub(super) enum Change<'a> {
    /// `KEY=VALUE`.
    Set(&'a Word, &'a str, &'a str),
    /// `KEY-`.
    Remove(&'a Word, &'a str),
}

/// Splits words into those that name objects and the pairs after them.
pub(super) fn objects_and_pairs<'a>(
    words: &'a [Word],
    what: &str,
) -> Result<(&'a [Word], Vec<Change<'a>>), ParseError> {
    let first = words.iter().position(|word| change(word).is_some());
    let (objects, pairs) = words.split_at(first.unwrap_or(words.len()));
    let pairs = pairs.iter().map(|word| {
        change(word).ok_or_else(|| {
            word.wrong(format!(
                "all resources must be specified before {what} changes: {}",
                word.text
            ))
        })
    });
    Ok((objects, pairs.collect::<Result<_, _>>()?))
}

fn change(word: &Word) -> Option<Change<'_>> {
    if let Some((key, value)) = word.text.split_once('=').filter(|(key, _)| !key.is_empty()) {
        return Some(Change::Set(word, key, value));
    }
    let key = word.text.strip_suffix('-').filter(|key| !key.is_empty());
    key.map(|key| Change::Remove(word, key))
}

/// Keys and values to set, the last of a key counting.
pub(super) fn set(pairs: &[Change<'_>]) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for pair in pairs {
        if let Change::Set(_, key, value) = pair {
            found.retain(|(known, _)| known != key);
            found.push(((*key).to_owned(), (*value).to_owned()));
        }
    }
    found
}

/// Keys to remove; one that is set as well is an error.
pub(super) fn removed(pairs: &[Change<'_>], what: &str) -> Result<Vec<String>, ParseError> {
    let mut found = Vec::new();
    for pair in pairs {
        let Change::Remove(word, key) = pair else {
            continue;
        };
        let also_set = |pair: &Change<'_>| matches!(pair, Change::Set(_, set, _) if set == key);
        if pairs.iter().any(also_set) {
            return Err(word.wrong(format!(
                "can not both modify and remove {what} in the same command"
            )));
        }
        found.push((*key).to_owned());
    }
    Ok(found)
}
