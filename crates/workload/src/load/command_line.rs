//! The literal command lines of `ab` and `hey`, and the shell script of a load Job.

mod ab;
mod hey;
mod plain;
mod rounds;
mod script;
mod shell;
mod wget;

use super::spec::{Generator, Url};

pub use script::{WgetLoop, parse_wget_loop};

/// What is wrong with a command line, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandError {
    /// First byte of the word.
    pub start: usize,
    /// Byte after its last.
    pub end: usize,
    /// What is wrong and what would be right.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
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
            help: None,
        }
    }

    fn number<T: std::str::FromStr>(&self, what: &str) -> Result<T, CommandError> {
        self.text
            .parse()
            .map_err(|_| self.wrong(format!("`{}` is not {what}", self.text)))
    }
}

/// Splits as a shell does: at blanks, with quotes.
fn words(command: &str) -> Result<Vec<Word>, CommandError> {
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
    match (quote, found.last()) {
        (Some(quote), Some(word)) => Err(word.wrong(format!("the quote {quote} is not closed"))),
        _ => Ok(found),
    }
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

/// Parses a command line of `ab` or `hey`.
pub fn parse(command: &str) -> Result<Parsed, CommandError> {
    let words = words(command)?;
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
        Some("ab") => ab::parse(command, rest, &whole),
        Some("hey") => hey::parse(command, rest, &whole),
        Some(other) => {
            let message = format!(
                "`{}` is not a known load tool: `ab` and `hey` are",
                tool.text
            );
            let mut error = tool.wrong(message);
            error.help = instead_of(other).map(str::to_owned);
            Err(error)
        }
        None => Err(tool.wrong("a command line is one of `ab` or of `hey`")),
    }
}

/// How a load of another tool is written.
fn instead_of(tool: &str) -> Option<&'static str> {
    Some(match tool {
        "vegeta" => {
            "the load of `vegeta attack -rate=100` is `constant = { rate = 100 }` with `arrivals = \"even\"`"
        }
        "wrk2" => {
            "the load of `wrk2 -R 100` is `constant = { rate = 100 }` with `arrivals = \"even\"`"
        }
        "wrk" => "the load of `wrk -c 10 -d 30s` is that of `hey -c 10 -z 30s`",
        "oha" => {
            "the load of `oha -c 10 -z 30s` is that of `hey -c 10 -z 30s`; with `-q 100` it is `constant = { rate = 100 }`"
        }
        "fortio" => {
            "the load of `fortio load -qps 100` is `constant = { rate = 100 }` with `arrivals = \"even\"`; with `-qps 0 -c 10 -t 30s` that of `hey -c 10 -z 30s`"
        }
        "siege" | "bombardier" | "curl" | "wget" => {
            "a number of clients without pause is `hey -c 10 -z 30s`; a loop of `wget` and `sleep` is a Job as `manifest`"
        }
        "k6" => {
            "`constant-arrival-rate` and `ramping-arrival-rate` are `constant`, `ramp` and `steps` with `arrivals = \"even\"`; `constant-vus` without a sleep is `hey -c 10 -z 30s`"
        }
        "locust" => {
            "users who wait between requests are a Job as `manifest` whose pods loop over `wget` and `sleep`; a known rate is `constant`, `ramp` or `steps`"
        }
        _ => return None,
    })
}

/// The command line of `ab` or `hey` that a container runs, alone or in a shell, if it is one.
pub fn tool_of(command: &str) -> Option<&str> {
    let (script, _) = script::script_of(command);
    let line = command.get(script)?.trim();
    parse(line).is_ok().then_some(line)
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

/// The URL is the last word: both tools read no flags after it.
fn url_of(
    tool: &str,
    found: Option<&Word>,
    after: Option<&Word>,
    whole: &Word,
) -> Result<Url, CommandError> {
    let word = found.ok_or_else(|| {
        whole.wrong("the URL is missing: write for example `http://service/path`")
    })?;
    let url = parse_url(&word.text).ok_or_else(|| {
        word.wrong(format!(
            "`{}` is not a URL: write for example `http://service/path`",
            word.text
        ))
    })?;
    if let Some(after) = after {
        if after.text.contains(['>', '<', '|', '&', ';']) {
            return Err(after.wrong(format!(
                "what the shell would do is not run: end the command with the URL of `{tool}`"
            )));
        }
        return Err(after.wrong(format!(
            "`{tool}` reads nothing after the URL: put `{}` before it",
            after.text
        )));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::SimDuration;
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
    fn flags_of_ab_may_share_a_word() {
        let spec = |command| match parse(command).map(|parsed| parsed.generator) {
            Ok(Generator::Ab(spec)) => (
                spec.keep_alive,
                spec.continue_on_error,
                spec.concurrency,
                spec.requests,
            ),
            other => panic!("{other:?}"),
        };
        for command in [
            "ab -kc 100 -n 1000 http://a/",
            "ab -kqc100 -n1000 http://a/",
            "ab -n 1000 -qkc 100 http://a/",
        ] {
            assert_eq!(spec(command), (true, false, 100, 1000), "{command}");
        }
        assert_eq!(spec("ab -rkn 7 http://a/"), (true, true, 1, 7));
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
            "ab -n 10 http://a",
            "ab http://a/ -n 10",
            "ab -n 30000 -c 20001 http://a/",
            "ab -t 0 http://a/",
            "hey http://a/ -n 10",
            "hey -disable-keepalive=no http://a/",
            "hey -c 1000001 http://a/",
            "hey -t 9223372037 http://a/",
            "ab -n 10 'http://a/",
            "ab -n 10 http://a/ > out.txt",
            "hey http://a/ 2>&1",
            "ab -kx http://a/ -ky",
            "ab -h",
            "hey -z 1d http://a/",
            "hey -n 0x1g http://a/",
            "k6 run test.js",
            "vegeta attack -rate=100",
        ];
        insta::assert_snapshot!(errors.map(error).join("\n"));
    }

    #[test]
    fn flags_of_ab_have_the_values_that_its_own_list_says() {
        for (command, any_length) in [
            ("ab -w -i -I -n 9 http://a/", false),
            ("ab -l -n 9 http://a/", true),
            ("ab -x <table -n 9 http://a/", false),
        ] {
            match parse(command).map(|parsed| parsed.generator) {
                Ok(Generator::Ab(spec)) => {
                    assert_eq!(
                        (spec.requests, spec.any_length),
                        (9, any_length),
                        "{command}"
                    );
                }
                other => panic!("{command}: {other:?}"),
            }
        }
    }

    #[test]
    fn numbers_of_hey_are_those_of_go() {
        for (text, number) in [
            ("0x10", 16),
            ("010", 8),
            ("0b11", 3),
            ("1_000", 1000),
            ("0", 0),
        ] {
            match parse(&format!("hey -z 1m -n {text} http://a/")).map(|parsed| parsed.generator) {
                Ok(Generator::Hey(spec)) => assert_eq!(spec.requests, number, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn switches_and_no_time_limit_of_hey() {
        let spec = |command: &str| match parse(command).map(|parsed| parsed.generator) {
            Ok(Generator::Hey(spec)) => spec,
            other => panic!("{other:?}"),
        };
        let without = spec("hey --disable-keepalive -z=0s -n=60 http://a/");
        assert!(without.disable_keepalive);
        assert_eq!((without.duration, without.requests), (None, 60));
        assert!(!spec("hey -disable-keepalive=false http://a/").disable_keepalive);
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
