//! What scripts come to.

use super::*;

fn read(command: &str) -> WgetLoop {
    match parse_wget_loop(command) {
        Ok(Some(found)) => found,
        other => panic!("{command}: {other:?}"),
    }
}

/// A script in short: each part as `before+rounds*(waits)+rest`, then what it waits at its end.
fn shown(command: &str) -> String {
    let script = read(command).script;
    let mut parts: Vec<String> = (script.parts.iter())
        .map(|part| {
            let waits: Vec<String> = (part.waits.iter())
                .map(|wait| wait.as_secs_f64().to_string())
                .collect();
            let rounds = part
                .rounds
                .map_or("ever".to_owned(), |rounds| rounds.to_string());
            let (before, rest) = (part.before.as_secs_f64(), part.rest.as_secs_f64());
            format!("{before}+{rounds}*({})+{rest}", waits.join(" "))
        })
        .collect();
    parts.push(script.after.as_secs_f64().to_string());
    if script.fails_with_last {
        parts.push("fails".to_owned());
    }
    parts.join(", ")
}

#[test]
fn a_loop_has_its_requests_its_sleeps_and_its_end() {
    let url = "http://api:8000/health";
    let found = read(&format!(
        "/bin/sh -c while true; do wget -q -O- {url}; sleep 0.01; done"
    ));
    assert_eq!((found.url.host.as_str(), found.url.port), ("api", 8000));
    assert_eq!(
        found.script,
        WgetScript::endless(SimDuration::from_millis(10))
    );
    for (script, expected) in [
        ("wget http://a/", "0+1*(0)+0, 0, fails"),
        ("sh -c wget -q -O page.html a; exit 0", "0+1*(0)+0, 0"),
        ("wget a || true", "0+1*(0)+0, 0"),
        ("wget a && echo ok", "0+1*(0)+0, 0, fails"),
        (
            "sh -c 'sleep 30; while :; do wget a; done'",
            "30+ever*(0)+0, 0, fails",
        ),
        (
            "while sleep 0.01; do wget a >/dev/null 2>&1; done",
            "0+ever*(0.01)+0, 0, fails",
        ),
        (
            "while [ 1 ]; do wget a; usleep 10000; done",
            "0+ever*(0)+0.01, 0",
        ),
        ("for i in 1 2 3; do wget a; sleep 1m; done", "0+3*(0)+60, 0"),
        (
            "for i in $(seq 1 100); do wget a/$i; done",
            "0+100*(0)+0, 0, fails",
        ),
        (
            "for i in `seq 10 -2 1`\ndo\nwget a\ndone",
            "0+5*(0)+0, 0, fails",
        ),
        (
            "for i in $(seq 3 1); do wget a; done; wget a; sleep 2",
            "0+1*(0)+0, 2",
        ),
        (
            "while true; do wget a/1; sleep 1 && wget a/2; sleep .5h; done",
            "0+ever*(0 1)+1800, 0",
        ),
        (
            "wget a; sleep 2; for i in 1 2; do sleep 1; wget a; done; sleep 3; wget a; sleep 4d",
            "0+1*(0)+0, 2+2*(1)+0, 0+1*(3)+0, 345600",
        ),
        (
            "while true; do for i in 1 2; do wget a; sleep 1; done; sleep 9; done",
            "0+ever*(0 1)+10, 0",
        ),
        ("echo hi # wget x\nX=1; wget a; echo $X", "0+1*(0)+0, 0"),
    ] {
        assert_eq!(shown(script), expected, "{script}");
    }
    assert_eq!(
        shown("wget a a; for i in 1 2 3; do sleep 2; done"),
        "0+1*(0 0)+0, 6"
    );
    for other in [
        "python worker.py",
        "echo wget",
        "for i in $(seq 0); do wget a; done",
    ] {
        assert_eq!(parse_wget_loop(other), Ok(None), "{other}");
    }
}

#[test]
fn a_request_waits_as_long_as_its_flags_say() {
    // Without a flag both wgets give up after 15 minutes of silence.
    let timeout = |flag: &str| read(&format!("wget {flag} -q http://a/; sleep 1")).timeout;
    let secs = |seconds: i64| Some(SimDuration::from_secs(seconds));
    assert_eq!(timeout(""), secs(900));
    for flag in ["-T 5", "-T5", "--timeout=5", "--timeout 5", "-qT5", "-qT 5"] {
        assert_eq!(timeout(flag), secs(5), "{flag}");
    }
    assert_eq!(timeout("-T 0"), None);
    assert_eq!(
        read("wget --spider -nv --header 'Host: x' -O /dev/null a")
            .url
            .host,
        "a"
    );
}

#[test]
fn what_is_not_simulated_is_told_at_its_word() {
    let error = |command: &str| {
        let error = parse_wget_loop(command).expect_err(command);
        format!("{}: {}", &command[error.start..error.end], error.message)
    };
    let errors = [
        "sh -c while true; do wget a & sleep 1; done",
        "wget a; wait",
        "wget a | grep ok",
        "wget a && sleep 1",
        "wget a || exit 1",
        "until wget a; do sleep 1; done",
        "while wget a; do sleep 1; done",
        "if true; then wget a; fi",
        "while true; do wget a; done; while true; do while true; do wget a; done; done",
        "while true; do curl b; wget a; done",
        "while [ -f x ]; do wget a; done",
        "for i in {1..9}; do wget a; done",
        "for i in $(cat x); do wget a; done",
        "for ((i=0;i<9;i++)); do wget a; done",
        "for i in 1 2; do wget a",
        "sh -ec wget a; sleep 1",
        "set -e; wget a",
        "wget a b",
        "wget -T 1 a; wget -T 2 a",
        "wget http://$HOST/",
        "wget -i urls",
        "wget --mirror a",
        "wget -T 1s a",
        "wget",
        "sleep $X; wget a",
        "sleep -1; wget a",
        "(wget a)",
        "wget a; exit 3",
        "wget 'a",
    ];
    insta::assert_snapshot!(errors.map(error).join("\n"));
}
