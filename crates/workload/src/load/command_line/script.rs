//! The script of a load's container: `wget`, `sleep` and loops of them. Whatever else would have a
//! say in which requests are sent, and when, is an error at its word.

use std::ops::Range;

use super::plain::{holds, is_assignment, nothing, sleep, words_of};
use super::rounds::script;
use super::shell::{Kind, Token, tokens};
use super::{CommandError, Word, wget};
use crate::load::spec::{Url, WgetScript};
use crate::sim::SimDuration;

/// A script of `wget` calls.
#[derive(Debug, Clone, PartialEq)]
pub struct WgetLoop {
    /// The URL of the first request; all have its host.
    pub url: Url,
    /// `wget -T`, or what GNU's and busybox's wget have by default; `None` for `-T 0`, no limit.
    pub timeout: Option<SimDuration>,
    /// When it sends requests.
    pub script: WgetScript,
}

/// Longer than any run.
pub(super) const FOR_EVER: SimDuration = SimDuration::from_secs(1_000_000_000);
/// Loops in loops.
const DEEPEST: usize = 16;

/// A step of a script.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Wait(SimDuration),
    Wget,
    /// A body with its rounds, `None` for one without end, and the word that opens it.
    Loop(Vec<Step>, Option<u64>, Word),
}

impl Step {
    pub(super) fn sends(&self) -> bool {
        match self {
            Self::Wait(_) => false,
            Self::Wget => true,
            Self::Loop(body, rounds, _) => *rounds != Some(0) && body.iter().any(Self::sends),
        }
    }
}

/// What a command has to do with those that `&&` and `||` put behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It goes well, and sends or waits for nothing.
    Nothing,
    /// It goes well.
    Sure,
    /// It hangs on an answer.
    Open,
}

/// Reads a container's command line. `None` if it has no `wget`.
pub fn parse_wget_loop(command: &str) -> Result<Option<WgetLoop>, CommandError> {
    if !command.contains("wget") {
        return Ok(None);
    }
    let (range, flags) = script_of(command);
    let tokens = tokens(&command[..range.end], range.start)?;
    let calls = |token: &Token| token.kind != Kind::Operator && is_wget(&token.word.text);
    if !tokens.iter().any(calls) {
        return Ok(None);
    }
    if let Some(flags) = flags.filter(|flags| flags.text.contains('e')) {
        return Err(stops_at_failures(&flags));
    }
    let mut parser = Parser {
        tokens: &tokens,
        at: 0,
        depth: 0,
        in_condition: false,
        decides: false,
        found: None,
        last: None,
    };
    let steps = parser.list(None)?;
    let (decides, found) = (parser.decides, parser.found);
    let Some((url, timeout)) = found.filter(|_| steps.iter().any(Step::sends)) else {
        return Ok(None);
    };
    Ok(Some(WgetLoop {
        url,
        timeout,
        script: script(&steps, decides)?,
    }))
}

fn is_wget(text: &str) -> bool {
    text.rsplit('/').next() == Some("wget")
}

fn stops_at_failures(word: &Word) -> CommandError {
    word.wrong("a script that ends at the first failed request is not simulated: leave `-e` out")
}

/// Where the script of `sh -c SCRIPT` stands, and the word with `-c`; another command is a script
/// itself.
pub(super) fn script_of(command: &str) -> (Range<usize>, Option<Word>) {
    let all = 0..command.len();
    let mut words = Vec::new();
    let mut start = 0;
    for word in command.split_inclusive(char::is_whitespace) {
        let text = word.trim_end();
        if !text.is_empty() {
            words.push((text, start));
        }
        start += word.len();
        if words.len() == 3 {
            break;
        }
    }
    if words
        .first()
        .is_some_and(|(text, _)| text.ends_with("busybox"))
    {
        words.remove(0);
    }
    let [(shell, _), (flags, at), ..] = words[..] else {
        return (all, None);
    };
    let is_shell = matches!(
        shell.rsplit('/').next(),
        Some("sh" | "bash" | "ash" | "dash")
    );
    if !(is_shell && flags.starts_with('-') && flags.ends_with('c')) {
        return (all, None);
    }
    let end = at + flags.len();
    let flags = Word {
        text: flags.to_owned(),
        start: at,
        end,
    };
    // A script that is typed with quotes around it.
    let script = command[end..].trim_start();
    let from = command.len() - script.len();
    let within = |quote: char| script.trim_end().strip_prefix(quote)?.strip_suffix(quote);
    let inner = ['"', '\''].map(|quote| within(quote).filter(|inner| !inner.contains(quote)));
    let script = match inner.into_iter().flatten().next() {
        Some(inner) => from + 1..from + 1 + inner.len(),
        None => from..command.len(),
    };
    (script, Some(flags))
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    in_condition: bool,
    /// Whether the last command's outcome is that of the last request.
    decides: bool,
    /// The first URL, and the timeout of all.
    found: Option<(Url, Option<SimDuration>)>,
    /// The last `wget`.
    last: Option<Word>,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    /// Takes a keyword or an operator.
    fn take(&mut self, text: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is(text));
        self.at += usize::from(found);
        found
    }

    /// Commands up to a keyword, which is taken, or to the end. `until` is that keyword and the word
    /// that it belongs to.
    fn list(&mut self, until: Option<(&str, &Word)>) -> Result<Vec<Step>, CommandError> {
        let mut steps = Vec::new();
        loop {
            while self.take(";") {}
            if self.peek().is_none() {
                return match until {
                    None => Ok(steps),
                    Some((end, open)) => {
                        Err(open.wrong(format!("`{end}` is missing after `{}`", open.text)))
                    }
                };
            }
            if let Some((end, _)) = until
                && self.take(end)
            {
                return Ok(steps);
            }
            self.chain(&mut steps)?;
        }
    }

    /// A command and what `&&` and `||` put behind it.
    fn chain(&mut self, steps: &mut Vec<Step>) -> Result<(), CommandError> {
        let mut outcome = self.command(steps)?;
        while let Some(operator) = self.peek().filter(|token| token.kind == Kind::Operator) {
            let word = &operator.word;
            match word.text.as_str() {
                ";" => return Ok(()),
                "&" => {
                    return Err(word.wrong(
                        "requests and commands in the background (`&`) are not simulated: let the Job have a higher `parallelism`",
                    ));
                }
                "|" => {
                    return Err(
                        word.wrong("pipes are not simulated: write `wget -q -O /dev/null URL`")
                    );
                }
                "&&" | "||" => {
                    self.at += 1;
                    while self.take(";") {}
                    outcome = self.after(word, outcome, steps)?;
                }
                other => return Err(word.wrong(format!("`{other}` is not simulated"))),
            }
        }
        Ok(())
    }

    /// The command behind `&&` or `||`.
    fn after(
        &mut self,
        operator: &Word,
        before: Outcome,
        steps: &mut Vec<Step>,
    ) -> Result<Outcome, CommandError> {
        let (place, decides) = (self.at, self.decides);
        let mut own = Vec::new();
        let outcome = self.command(&mut own)?;
        let hangs = before == Outcome::Open;
        match operator.text.as_str() {
            "&&" if !hangs => {
                steps.extend(own);
                Ok(outcome)
            }
            // What would not be run.
            "||" if !hangs => {
                self.decides = decides;
                Ok(before)
            }
            _ if outcome != Outcome::Nothing => {
                let word = self.tokens.get(place).map_or(operator, |token| &token.word);
                Err(word.wrong(format!(
                    "that it hangs on an answer whether `{}` is run is not simulated",
                    word.text
                )))
            }
            "||" => Ok(Outcome::Sure),
            _ => {
                self.decides = true;
                Ok(Outcome::Open)
            }
        }
    }

    fn command(&mut self, steps: &mut Vec<Step>) -> Result<Outcome, CommandError> {
        let mut words: Vec<Word> = Vec::new();
        let mut first_is_plain = true;
        while let Some(token) = self.peek().filter(|token| token.kind != Kind::Operator) {
            self.at += 1;
            if let Kind::Word { quoted } = token.kind {
                if words.is_empty() {
                    first_is_plain = !quoted;
                    if !quoted && matches!(token.word.text.as_str(), "while" | "for") {
                        return self.looped(&token.word, steps);
                    }
                }
                words.push(token.word.clone());
            }
        }
        while matches!(words.first(), Some(word) if word.text == "exec") {
            words.remove(0);
        }
        let Some((name, rest)) = words.split_first() else {
            return match self.peek() {
                Some(token) => Err(token
                    .word
                    .wrong(format!("`{}` is not simulated", token.word.text))),
                None => Ok(Outcome::Nothing),
            };
        };
        self.simple(name, rest, first_is_plain, steps)
    }

    fn simple(
        &mut self,
        name: &Word,
        rest: &[Word],
        is_plain: bool,
        steps: &mut Vec<Step>,
    ) -> Result<Outcome, CommandError> {
        let base = name.text.rsplit('/').next().unwrap_or_default();
        if is_wget(&name.text) {
            self.wget(name, rest, steps)?;
            return Ok(Outcome::Open);
        }
        let decided = std::mem::take(&mut self.decides);
        match base {
            "sleep" | "usleep" => {
                let mut sum = SimDuration::ZERO;
                for word in rest {
                    sum = (sum + sleep(base, word)?).min(FOR_EVER);
                }
                if rest.is_empty() {
                    return Err(name.wrong(format!("`{base}` needs a time")));
                }
                steps.push(Step::Wait(sum));
                Ok(Outcome::Sure)
            }
            ":" | "true" | "echo" | "printf" | "date" | "export" => nothing(name, rest),
            "[" if self.in_condition => holds(name, rest),
            "set" => match rest.iter().find(|word| word.text.starts_with('-') && word.text.contains('e')) {
                Some(word) => Err(stops_at_failures(word)),
                None => Ok(Outcome::Nothing),
            },
            "exit" if self.depth == 0 && self.rest_is_empty() => match rest {
                [] => {
                    self.decides = decided;
                    Ok(Outcome::Nothing)
                }
                [code] if code.text == "0" => Ok(Outcome::Nothing),
                [code, ..] => Err(code.wrong("a load that fails on purpose is not simulated")),
            },
            _ if is_plain && is_assignment(&name.text) && rest.is_empty() => nothing(name, rest),
            "do" | "done" | "then" | "fi" if is_plain => {
                Err(name.wrong(format!("`{base}` stands here without what it belongs to")))
            }
            _ => Err(name.wrong(format!(
                "`{}` beside `wget` is not simulated: a load's script has `wget`, `sleep` and loops of them (`while true; do …; done`, `for i in $(seq 1 N); do …; done`)",
                name.text
            ))),
        }
    }

    fn rest_is_empty(&self) -> bool {
        let mut rest = self.tokens[self.at..].iter();
        rest.all(|token| token.is(";"))
    }

    fn wget(
        &mut self,
        name: &Word,
        rest: &[Word],
        steps: &mut Vec<Step>,
    ) -> Result<(), CommandError> {
        let call = wget::call(name, rest)?;
        for (word, url) in call.urls {
            match &self.found {
                None => self.found = Some((url, call.timeout)),
                Some((first, _)) if first.host != url.host => {
                    return Err(word.wrong(format!(
                        "one load asks one host: this script asks `{}` too",
                        first.host
                    )));
                }
                Some((_, timeout)) if *timeout != call.timeout => {
                    return Err(
                        name.wrong("all `wget` of a load wait equally long: give them one `-T`")
                    );
                }
                Some(_) => {}
            }
            steps.push(Step::Wget);
        }
        self.decides = true;
        self.last = Some(name.clone());
        Ok(())
    }

    /// A loop, behind its `while` or `for`.
    fn looped(&mut self, open: &Word, steps: &mut Vec<Step>) -> Result<Outcome, CommandError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(open.wrong("loops are too deep"));
        }
        let mut body = Vec::new();
        let rounds = if open.text == "while" {
            let outer = std::mem::replace(&mut self.in_condition, true);
            body = self.list(Some(("do", open)))?;
            self.in_condition = outer;
            if body.iter().any(Step::sends) {
                let word = self.last.as_ref().unwrap_or(open);
                return Err(word.wrong("a loop whose end hangs on an answer is not simulated"));
            }
            None
        } else {
            let rounds = self.rounds(open)?;
            while self.take(";") {}
            if !self.take("do") {
                return Err(open.wrong("`do` is missing after `for`"));
            }
            Some(rounds)
        };
        body.extend(self.list(Some(("done", open)))?);
        self.depth -= 1;
        while self
            .peek()
            .is_some_and(|token| token.kind == Kind::Redirection)
        {
            self.at += 1;
        }
        let outcome = if body.iter().any(Step::sends) && self.decides {
            Outcome::Open
        } else {
            Outcome::Sure
        };
        steps.push(Step::Loop(body, rounds, open.clone()));
        Ok(outcome)
    }

    /// How many words `for NAME in …` has.
    fn rounds(&mut self, open: &Word) -> Result<u64, CommandError> {
        let is_word = |token: &&Token| matches!(token.kind, Kind::Word { .. });
        let name = self.peek().filter(is_word);
        self.at += usize::from(name.is_some());
        if name.is_none() || !self.take("in") {
            return Err(
                open.wrong("a loop is `for i in 1 2 3; do …` or `for i in $(seq 1 N); do …`")
            );
        }
        let mut rounds: u64 = 0;
        while let Some(token) = self.peek().filter(is_word) {
            self.at += 1;
            let quoted = token.kind == Kind::Word { quoted: true };
            rounds = rounds.saturating_add(words_of(&token.word, quoted)?);
        }
        Ok(rounds)
    }
}

#[cfg(test)]
mod tests;
