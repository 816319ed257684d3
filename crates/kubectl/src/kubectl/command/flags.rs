//! Flags as kubectl reads them: anywhere among the words, `--flag value`, `--flag=value`, `-f
//! value`, `-fvalue`, single letters together (`-Aw`), and nothing but words after `--`.
//!
//! Upstream: `github.com/spf13/pflag`, `FlagSet.parseArgs`.

use crate::sim::SimDuration;

use super::ParseError;
use super::suggest::advice;
use super::words::Word;

/// How a flag gets its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// `--flag=value` or `--flag value`.
    Value,
    /// `--flag`, `--flag=false`.
    Switch,
    /// `--flag`, which stands for this value, or `--flag=value`.
    Optional(&'static str),
}

/// What becomes of a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The command asks for it.
    Used,
    /// It changes nothing that is simulated.
    Ignored,
    /// It would change something, and that is not simulated.
    Refused,
}

/// A flag of a command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flag {
    pub(super) long: &'static str,
    short: Option<char>,
    takes: Takes,
    meaning: Meaning,
}

impl Flag {
    pub(super) const fn value(long: &'static str) -> Self {
        Self {
            long,
            short: None,
            takes: Takes::Value,
            meaning: Meaning::Used,
        }
    }

    pub(super) const fn switch(long: &'static str) -> Self {
        Self {
            takes: Takes::Switch,
            ..Self::value(long)
        }
    }

    pub(super) const fn optional(long: &'static str, without: &'static str) -> Self {
        Self {
            takes: Takes::Optional(without),
            ..Self::value(long)
        }
    }

    pub(super) const fn short(self, short: char) -> Self {
        Self {
            short: Some(short),
            ..self
        }
    }

    pub(super) const fn ignored(self) -> Self {
        Self {
            meaning: Meaning::Ignored,
            ..self
        }
    }

    pub(super) const fn refused(self) -> Self {
        Self {
            meaning: Meaning::Refused,
            ..self
        }
    }
}

/// Flags of every command.
pub(super) const GLOBAL: &[Flag] = &[
    Flag::value("namespace").short('n'),
    Flag::value("context").ignored(),
    Flag::value("kubeconfig").ignored(),
    Flag::value("cluster").ignored(),
    Flag::value("user").ignored(),
    Flag::value("request-timeout").ignored(),
    Flag::value("v").short('v').ignored(),
    Flag::switch("warnings-as-errors").ignored(),
    Flag::value("token").ignored(),
    Flag::switch("insecure-skip-tls-verify").ignored(),
    Flag::value("certificate-authority").ignored(),
    Flag::value("client-certificate").ignored(),
    Flag::value("client-key").ignored(),
    Flag::value("tls-server-name").ignored(),
    Flag::value("cache-dir").ignored(),
    Flag::value("kuberc").ignored(),
    Flag::value("profile").ignored(),
    Flag::value("profile-output").ignored(),
    Flag::switch("match-server-version").ignored(),
    Flag::switch("disable-compression").ignored(),
    Flag::value("as").refused(),
    Flag::value("as-group").refused(),
    Flag::value("server").short('s').refused(),
];

/// Flags of every command that changes objects and prints what it did.
pub(super) const WRITES: &[Flag] = &[
    Flag::optional("dry-run", "client"),
    Flag::value("output").short('o'),
    Flag::value("field-manager").ignored(),
    Flag::optional("validate", "strict").ignored(),
    Flag::switch("record").ignored(),
    Flag::switch("show-managed-fields").ignored(),
    Flag::switch("allow-missing-template-keys").ignored(),
    Flag::value("template").refused(),
];

/// Flags that name files.
pub(super) const FILES: &[Flag] = &[
    Flag::value("filename").short('f'),
    Flag::switch("recursive").short('R'),
    Flag::value("kustomize").short('k').refused(),
];

/// Chooses among the objects of a kind by their labels.
pub(super) const LABELS: &[Flag] = &[Flag::value("selector").short('l')];

/// Chooses among the objects of a kind by their fields.
pub(super) const FIELDS: &[Flag] = &[Flag::value("field-selector")];

/// All objects of a kind.
pub(super) const ALL: &[Flag] = &[Flag::switch("all")];

/// Objects of all namespaces.
pub(super) const NAMESPACES: &[Flag] = &[Flag::switch("all-namespaces").short('A')];

/// How a list is asked for.
pub(super) const CHUNKS: &[Flag] = &[Flag::value("chunk-size").ignored()];

/// Whether a global flag, as typed, takes the next word as its value.
pub(super) fn takes_next(word: &str) -> bool {
    let flag = if let Some(long) = word.strip_prefix("--") {
        GLOBAL.iter().find(|flag| flag.long == long)
    } else {
        let mut letters = word.chars().skip(1);
        let letter = letters.next().filter(|_| letters.next().is_none());
        letter.and_then(|letter| GLOBAL.iter().find(|flag| flag.short == Some(letter)))
    };
    flag.is_some_and(|flag| flag.takes == Takes::Value)
}

/// What was typed after the command: words and flags.
#[derive(Debug)]
pub(super) struct Args {
    pub(super) words: Vec<Word>,
    given: Vec<(&'static str, Word)>,
}

/// Sorts words from flags.
pub(super) fn gather(source: &str, words: &[Word], known: &[&[Flag]]) -> Result<Args, ParseError> {
    let known: Vec<Flag> = known
        .iter()
        .flat_map(|flags| flags.iter().copied())
        .collect();
    let mut args = Args {
        words: Vec::new(),
        given: Vec::new(),
    };
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if word.text == "--" {
            args.words.extend(rest.cloned());
            break;
        }
        if let Some(long) = word.text.strip_prefix("--") {
            let (name, attached) = match long.split_once('=') {
                Some((name, value)) => (name, Some(attached(source, word, value))),
                None => (long, None),
            };
            let flag = known
                .iter()
                .find(|flag| flag.long == name)
                .ok_or_else(|| unknown(word, name, &known))?;
            take(&mut args, flag, word, attached, &mut rest)?;
        } else if word.text.len() > 1 && word.text.starts_with('-') {
            letters(&mut args, source, word, &known, &mut rest)?;
        } else {
            args.words.push(word.clone());
        }
    }
    Ok(args)
}

/// A value behind `=`, with its own place where that can be told.
fn attached(source: &str, word: &Word, value: &str) -> Word {
    let raw = &source[word.range.clone()];
    let start = raw.find('=').map_or(0, |at| at + 1);
    Word {
        text: value.to_owned(),
        range: word.range.start + start..word.range.end,
    }
}

/// `-n x`, `-nx`, `-n=x`, `-Aw`.
fn letters(
    args: &mut Args,
    source: &str,
    word: &Word,
    known: &[Flag],
    rest: &mut std::slice::Iter<'_, Word>,
) -> Result<(), ParseError> {
    let mut letters = word.text[1..].chars();
    while let Some(letter) = letters.next() {
        let flag = known
            .iter()
            .find(|flag| flag.short == Some(letter))
            .ok_or_else(|| {
                let message = format!("unknown shorthand flag: '{letter}' in {}", word.text);
                let mut error = word.wrong(message);
                error.help = Some(format!("known here: {}", names(known)));
                error
            })?;
        let after = letters.as_str();
        let value = match flag.takes {
            _ if after.starts_with('=') => Some(attached(source, word, &after[1..])),
            Takes::Value if !after.is_empty() => {
                // Only without quotes does a letter of the text stand where it was typed.
                let plain = source[word.range.clone()] == *word.text;
                let start = if plain {
                    word.range.end - after.len()
                } else {
                    word.range.start
                };
                Some(Word {
                    text: after.to_owned(),
                    range: start..word.range.end,
                })
            }
            _ => None,
        };
        let done = value.is_some();
        take(args, flag, word, value, rest)?;
        if done {
            break;
        }
    }
    Ok(())
}

fn take(
    args: &mut Args,
    flag: &Flag,
    word: &Word,
    attached: Option<Word>,
    rest: &mut std::slice::Iter<'_, Word>,
) -> Result<(), ParseError> {
    if flag.meaning == Meaning::Refused {
        return Err(word.wrong(format!("--{} is not simulated", flag.long)));
    }
    let standing_for = |text: &str| Word {
        text: text.to_owned(),
        range: word.range.clone(),
    };
    let value = match (attached, flag.takes) {
        (Some(value), _) => value,
        (None, Takes::Switch) => standing_for("true"),
        (None, Takes::Optional(without)) => standing_for(without),
        (None, Takes::Value) => rest
            .next()
            .cloned()
            .ok_or_else(|| word.wrong(format!("flag needs an argument: {}", word.text)))?,
    };
    if flag.meaning == Meaning::Used {
        args.given.push((flag.long, value));
    }
    Ok(())
}

fn unknown(word: &Word, name: &str, known: &[Flag]) -> ParseError {
    let names: Vec<&str> = known
        .iter()
        .filter(|flag| flag.meaning == Meaning::Used)
        .map(|flag| flag.long)
        .collect();
    let mut error = word.wrong(format!("unknown flag: --{name}"));
    error.help = Some(advice(name, &names));
    error
}

fn names(known: &[Flag]) -> String {
    let used = known.iter().filter(|flag| flag.meaning == Meaning::Used);
    let shorts: Vec<String> = used
        .filter_map(|flag| {
            flag.short
                .map(|short| format!("-{short} (--{})", flag.long))
        })
        .collect();
    shorts.join(", ")
}

impl Args {
    /// The flag's last value, as pflag keeps it.
    pub(super) fn last(&self, name: &str) -> Option<&Word> {
        self.all(name).last()
    }

    /// All of the flag's values.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &Word> {
        self.given
            .iter()
            .filter(move |(given, _)| *given == name)
            .map(|(_, word)| word)
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.last(name).map(|word| word.text.clone())
    }

    pub(super) fn switch(&self, name: &str) -> Result<bool, ParseError> {
        self.switch_or(name, false)
    }

    pub(super) fn switch_or(&self, name: &str, default: bool) -> Result<bool, ParseError> {
        match self.last(name).map(|word| (word, word.text.as_str())) {
            None => Ok(default),
            Some((_, "true" | "t" | "T" | "1" | "True" | "TRUE")) => Ok(true),
            Some((_, "false" | "f" | "F" | "0" | "False" | "FALSE")) => Ok(false),
            Some((word, _)) => Err(invalid(word, name, "`true` or `false`")),
        }
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<i32>, ParseError> {
        self.last(name)
            .map(|word| {
                word.text
                    .parse()
                    .map_err(|_| invalid(word, name, "a whole number"))
            })
            .transpose()
    }

    pub(super) fn duration(&self, name: &str) -> Result<Option<SimDuration>, ParseError> {
        self.last(name)
            .map(|word| {
                word.text
                    .parse()
                    .map_err(|_| invalid(word, name, "a time such as `90s` or `5m`"))
            })
            .transpose()
    }
}

/// A flag's value that is not what it has to be.
pub(super) fn invalid(word: &Word, name: &str, expected: &str) -> ParseError {
    let mut error = word.wrong(format!("invalid argument {:?} for \"--{name}\"", word.text));
    error.help = Some(format!("--{name} takes {expected}"));
    error
}
