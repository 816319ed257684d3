//! The literal command lines of `ab` and `hey`, and the shell loop of a load Job.

use super::spec::{AbSpec, Generator, HeySpec, Url};
use super::{AB_CLIENT_OVERHEAD, HEY_CLIENT_OVERHEAD};
use crate::sim::{Dist, SimDuration};

/// What is wrong with a command line, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandError {
    /// First byte of the word.
    pub start: usize,
    /// Byte after its last.
    pub end: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

/// A parsed command line, and the flags in it that do not shape the load.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The generator.
    pub generator: Generator,
    /// The URL.
    pub url: Url,
    /// Flags that were passed over.
    pub ignored: Vec<String>,
}

/// The loop of a container: what it fetches and how long it sleeps.
#[derive(Debug, Clone, PartialEq)]
pub struct WgetLoop {
    /// The URL.
    pub url: Url,
    /// The sleep between two requests.
    pub sleep: SimDuration,
    /// `wget -T`.
    pub timeout: Option<SimDuration>,
}

#[derive(Debug, Clone)]
struct Word {
    text: String,
    start: usize,
    end: usize,
}

impl Word {
    fn wrong(&self, message: impl Into<String>) -> CommandError {
        CommandError {
            start: self.start,
            end: self.end,
            message: message.into(),
        }
    }

    fn number<T: std::str::FromStr>(&self, what: &str) -> Result<T, CommandError> {
        self.text
            .parse()
            .map_err(|_| self.wrong(format!("`{}` is not {what}", self.text)))
    }
}

/// Splits as a shell does: at blanks, with quotes.
fn words(command: &str) -> Vec<Word> {
    let mut found: Vec<Word> = Vec::new();
    let (mut quote, mut open) = (None, false);
    for (at, c) in command.char_indices() {
        if quote.is_none() && c.is_whitespace() {
            open = false;
            continue;
        }
        if !open {
            found.push(Word {
                text: String::new(),
                start: at,
                end: at,
            });
            open = true;
        }
        let Some(word) = found.last_mut() else {
            continue;
        };
        word.end = at + c.len_utf8();
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(q), c) if q == c => quote = None,
            _ => word.text.push(c),
        }
    }
    found
}

/// Parses a URL's parts.
pub fn parse_url(text: &str) -> Option<Url> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    if !matches!(scheme, "http" | "https") {
        return None;
    }
    let (authority, path) = rest
        .find('/')
        .map_or((rest, "/"), |slash| rest.split_at(slash));
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (authority, if scheme == "https" { 443 } else { 80 }),
    };
    (!host.is_empty()).then(|| Url {
        scheme: scheme.to_owned(),
        host: host.to_owned(),
        port,
        path: path.to_owned(),
    })
}

fn overhead(seconds: f64) -> Dist {
    Dist::Constant(seconds)
}

/// Parses a command line of `ab` or `hey`.
pub fn parse(command: &str) -> Result<Parsed, CommandError> {
    let words = words(command);
    let whole = Word {
        text: String::new(),
        start: 0,
        end: command.len(),
    };
    let Some((tool, rest)) = words.split_first() else {
        return Err(whole.wrong(
            "the command is empty: write for example `ab -n 10000 -c 100 http://service/path`",
        ));
    };
    match tool.text.rsplit('/').next() {
        Some("ab") => parse_ab(command, rest, &whole),
        Some("hey") => parse_hey(command, rest, &whole),
        _ => Err(tool.wrong(format!(
            "`{}` is not a known load tool: `ab` and `hey` are",
            tool.text
        ))),
    }
}

/// The value of a flag: attached (`-n10`) or the next word.
fn value(
    flag: &Word,
    attached: &str,
    rest: &mut std::slice::Iter<'_, Word>,
) -> Result<Word, CommandError> {
    if attached.is_empty() {
        return rest
            .next()
            .cloned()
            .ok_or_else(|| flag.wrong(format!("`{}` needs a value", flag.text)));
    }
    Ok(Word {
        text: attached.to_owned(),
        ..flag.clone()
    })
}

fn url_of(found: Option<&Word>, whole: &Word) -> Result<Url, CommandError> {
    let word = found.ok_or_else(|| {
        whole.wrong("the URL is missing: write for example `http://service/path`")
    })?;
    parse_url(&word.text).ok_or_else(|| {
        word.wrong(format!(
            "`{}` is not a URL: write for example `http://service/path`",
            word.text
        ))
    })
}

const AB_IGNORED_WITH_VALUE: &str = "bBCHpuTvAPXgewxyzmEfZI";
const AB_IGNORED: &str = "dhiqlSV";

fn parse_ab(command: &str, words: &[Word], whole: &Word) -> Result<Parsed, CommandError> {
    let mut spec = AbSpec {
        command: command.to_owned(),
        requests: 1,
        concurrency: 1,
        keep_alive: false,
        time_limit: None,
        timeout: SimDuration::from_secs(30),
        continue_on_error: false,
        client_overhead: overhead(AB_CLIENT_OVERHEAD),
        url: Url::default(),
    };
    let (mut url, mut ignored) = (None, Vec::new());
    let mut concurrency_word = whole.clone();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let Some(flags) = word
            .text
            .strip_prefix('-')
            .filter(|flags| !flags.is_empty())
        else {
            if url.is_some() {
                return Err(word.wrong("a second URL: `ab` takes one"));
            }
            url = Some(word);
            continue;
        };
        let letter = flags.chars().next().unwrap_or_default();
        let attached = &flags[letter.len_utf8()..];
        match letter {
            'n' => {
                let value = value(word, attached, &mut rest)?;
                spec.requests = value.number("a number of requests")?;
                if spec.requests == 0 {
                    return Err(value.wrong("at least 1 request is needed"));
                }
            }
            'c' => {
                concurrency_word = value(word, attached, &mut rest)?;
                spec.concurrency = concurrency_word.number("a number of clients")?;
                if spec.concurrency == 0 {
                    return Err(concurrency_word.wrong("at least 1 client is needed"));
                }
            }
            't' => {
                let seconds: i64 =
                    value(word, attached, &mut rest)?.number("a number of seconds")?;
                spec.time_limit = Some(SimDuration::from_secs(seconds));
                spec.requests = 50_000;
            }
            's' => {
                let seconds: i64 =
                    value(word, attached, &mut rest)?.number("a number of seconds")?;
                spec.timeout = SimDuration::from_secs(seconds);
            }
            'k' => spec.keep_alive = true,
            'r' => spec.continue_on_error = true,
            other if AB_IGNORED_WITH_VALUE.contains(other) => {
                value(word, attached, &mut rest)?;
                ignored.push(format!("-{other}"));
            }
            other if AB_IGNORED.contains(other) => ignored.push(format!("-{other}")),
            other => return Err(word.wrong(format!(
                "`ab` has no flag `-{other}`; those that shape the load are -n, -c, -k, -t, -s, -r"
            ))),
        }
    }
    if u64::from(spec.concurrency) > spec.requests {
        return Err(concurrency_word.wrong(format!(
            "`ab` cannot use a concurrency level ({}) above the number of requests ({}): raise -n or lower -c",
            spec.concurrency, spec.requests
        )));
    }
    spec.url = url_of(url, whole)?;
    Ok(Parsed {
        url: spec.url.clone(),
        generator: Generator::Ab(spec),
        ignored,
    })
}

const HEY_IGNORED_WITH_VALUE: &[&str] = &[
    "o", "m", "H", "A", "d", "D", "T", "U", "a", "x", "cpus", "host",
];
const HEY_IGNORED: &[&str] = &["h2", "disable-compression", "disable-redirects", "more"];

fn parse_hey(command: &str, words: &[Word], whole: &Word) -> Result<Parsed, CommandError> {
    let mut spec = HeySpec {
        command: command.to_owned(),
        requests: 200,
        concurrency: 50,
        rate_per_worker: None,
        duration: None,
        timeout: Some(SimDuration::from_secs(20)),
        disable_keepalive: false,
        client_overhead: overhead(HEY_CLIENT_OVERHEAD),
        url: Url::default(),
    };
    let (mut url, mut ignored) = (None, Vec::new());
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let Some(flag) = word.text.strip_prefix('-') else {
            if url.is_some() {
                return Err(word.wrong("a second URL: `hey` takes one"));
            }
            url = Some(word);
            continue;
        };
        let flag = flag.trim_start_matches('-');
        let (name, attached) = flag.split_once('=').unwrap_or((flag, ""));
        match name {
            "n" => {
                spec.requests = value(word, attached, &mut rest)?.number("a number of requests")?;
            }
            "c" => {
                let value = value(word, attached, &mut rest)?;
                spec.concurrency = value.number("a number of workers")?;
                if spec.concurrency == 0 {
                    return Err(value.wrong("at least 1 worker is needed"));
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
                spec.duration = Some(length);
            }
            "t" => {
                let seconds: i64 =
                    value(word, attached, &mut rest)?.number("a number of seconds")?;
                spec.timeout = (seconds > 0).then(|| SimDuration::from_secs(seconds));
            }
            "disable-keepalive" => spec.disable_keepalive = true,
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
    spec.url = url_of(url, whole)?;
    Ok(Parsed {
        url: spec.url.clone(),
        generator: Generator::Hey(spec),
        ignored,
    })
}

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
    let timeout = after("-T").and_then(|text| seconds(text));
    Some(WgetLoop {
        url,
        sleep,
        timeout,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_users_command_lines_parse() {
        let ab = parse("ab -n 10000 -c 100 https://HOST/api/health").expect("a command line of ab");
        let Generator::Ab(spec) = ab.generator else {
            panic!("ab makes an ab")
        };
        assert_eq!(
            (spec.requests, spec.concurrency, spec.keep_alive),
            (10_000, 100, false)
        );
        assert_eq!(
            (
                spec.url.host.as_str(),
                spec.url.port,
                spec.url.path.as_str()
            ),
            ("HOST", 443, "/api/health")
        );
        let hey = parse("hey -z 5m -q 100 http://api:8000/x").expect("a command line of hey");
        let Generator::Hey(spec) = hey.generator else {
            panic!("hey makes a hey")
        };
        assert_eq!(spec.duration, Some(SimDuration::from_secs(300)));
        assert_eq!((spec.rate_per_worker, spec.concurrency), (Some(100.0), 50));
    }

    #[test]
    fn a_time_limit_of_ab_implies_50000_requests_unless_given_later() {
        let requests = |command| match parse(command).map(|parsed| parsed.generator) {
            Ok(Generator::Ab(spec)) => spec.requests,
            other => panic!("{other:?}"),
        };
        assert_eq!(requests("ab -n 10 -t 5 -c 2 http://a/"), 50_000);
        assert_eq!(requests("ab -t 5 -n 10 -c 2 http://a/"), 10);
    }

    #[test]
    fn wrong_command_lines_point_at_the_word() {
        let error = |command: &str| {
            let error = parse(command).expect_err("a wrong command line");
            format!("{}: {}", &command[error.start..error.end], error.message)
        };
        let errors = [
            "ab -n 10 -c 100 http://a/",
            "ab -n ten http://a/",
            "ab -y http://a/ -Y",
            "hey -z 5 http://a/",
            "hey -foo http://a/",
            "wrk -c 10 http://a/",
            "ab -n 10",
        ];
        insta::assert_snapshot!(errors.map(error).join("\n"));
    }

    #[test]
    fn the_loop_of_a_load_job_is_recognised() {
        let found = parse_wget_loop(
            "/bin/sh -c while true; do wget -q -O- http://neurolake-api-service:8000/health; sleep 0.01; done",
        );
        let found = found.expect("a wget loop");
        assert_eq!(
            (found.url.host.as_str(), found.url.port),
            ("neurolake-api-service", 8000)
        );
        assert_eq!(found.sleep, SimDuration::from_millis(10));
        assert_eq!(parse_wget_loop("python worker.py"), None);
    }

    proptest! {
        #[test]
        fn no_command_line_panics(text in "\\PC*") {
            let _ = parse(&text);
            let _ = parse(&format!("ab {text}"));
            let _ = parse(&format!("hey {text}"));
            let _ = parse_wget_loop(&text);
        }
    }
}
