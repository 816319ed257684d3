//! Numbers and durations as Go reads and prints them.

/// Units of durations in the order in which they are written, with their milliseconds.
const UNITS: [(&str, i64); 7] = [
    ("y", 31_536_000_000),
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// A number as Go's `strconv` reads it, where the query's syntax has it.
pub(super) fn number(word: &str) -> Option<f64> {
    let prefix = word
        .get(..2)
        .filter(|prefix| prefix.eq_ignore_ascii_case("0x"));
    let digits = &word[prefix.map_or(0, str::len)..];
    let mut last = if prefix.is_some() { '0' } else { ' ' };
    for c in digits.chars() {
        // An underscore stands between digits, or between the prefix and one.
        if c == '_' && !last.is_ascii_hexdigit() || last == '_' && !c.is_ascii_hexdigit() {
            return None;
        }
        last = c;
    }
    if last == '_' {
        return None;
    }
    let plain = digits.replace('_', "");
    if prefix.is_some() {
        return i64::from_str_radix(&plain, 16)
            .ok()
            .map(|number| number as f64);
    }
    let is_octal = plain.len() > 1
        && plain.starts_with('0')
        && plain.bytes().all(|b| matches!(b, b'0'..=b'7'));
    if is_octal {
        return i64::from_str_radix(&plain, 8)
            .ok()
            .map(|number| number as f64);
    }
    plain.parse().ok()
}

/// A duration in milliseconds, or what Prometheus says of it; nothing of what is none.
pub(super) fn duration(word: &str) -> Option<Result<i64, String>> {
    let is_part = |c: char| c.is_ascii_digit() || "ywdhms".contains(c);
    if !word.chars().all(is_part) {
        return None;
    }
    let (mut rest, mut sum) = (word, Some(0i64));
    for (unit, millis) in UNITS {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let name = rest[digits..].find(|c: char| c.is_ascii_digit());
        let end = name.map_or(rest.len(), |name| digits + name);
        if digits == 0 || &rest[digits..end] != unit {
            continue;
        }
        let part = rest[..digits].parse::<i64>().ok();
        let nanoseconds = part.and_then(|part| part.checked_mul(millis * 1_000_000));
        let both = sum.zip(nanoseconds);
        sum = both.and_then(|(sum, part)| sum.checked_add(part));
        rest = &rest[end..];
    }
    if !rest.is_empty() {
        return Some(Err(format!("not a valid duration string: {word:?}")));
    }
    let nanoseconds = sum.ok_or_else(|| "duration out of range".to_owned());
    Some(nanoseconds.map(|nanoseconds| nanoseconds / 1_000_000))
}

/// A number as Go's `%f` prints it.
pub(super) fn go_fixed(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    format!("{number:.6}")
}
