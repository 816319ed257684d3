//! The little of Go's `net/url` that scalers need.

/// `url.QueryEscape`.
pub(super) fn query_escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(char::from(byte));
            }
            b' ' => escaped.push('+'),
            _ => {
                use std::fmt::Write as _;
                let _ = write!(escaped, "%{byte:02X}");
            }
        }
    }
    escaped
}

/// An address as `net/http` shows it: without its password.
pub(super) fn hide_password(url: &str) -> String {
    let hidden = || {
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.find('/').unwrap_or(rest.len());
        let at = rest[..authority].rfind('@')?;
        let (user, _) = rest[..at].split_once(':')?;
        Some(format!("{scheme}://{user}:***{}", &rest[at..]))
    };
    hidden().unwrap_or_else(|| url.to_owned())
}

/// The scheme and what follows its colon; an empty scheme if there is none.
pub(super) fn scheme(url: &str) -> Result<(String, &str), String> {
    for (at, c) in url.char_indices() {
        match c {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if at > 0 => {}
            ':' if at == 0 => return Err(format!("parse {url:?}: missing protocol scheme")),
            ':' => return Ok((url[..at].to_lowercase(), &url[at + 1..])),
            _ => break,
        }
    }
    let first_segment = url.split('/').next().unwrap_or_default();
    if first_segment.contains(':') {
        return Err(format!(
            "parse {url:?}: first path segment in URL cannot contain colon"
        ));
    }
    Ok((String::new(), url))
}

/// The path of a request URI, or `None` if the text is not one.
pub(super) fn request_path(url: &str) -> Option<&str> {
    if url.chars().any(|c| c.is_ascii_control()) {
        return None;
    }
    let (scheme, rest) = scheme(url).ok()?;
    let rest = rest.split('?').next().unwrap_or_default();
    if !rest.starts_with('/') {
        // An opaque address has no path; without a scheme it is no address.
        return (!scheme.is_empty()).then_some("");
    }
    let Some(after) = rest.strip_prefix("//").filter(|_| !scheme.is_empty()) else {
        return Some(rest);
    };
    let path = after.find('/').unwrap_or(after.len());
    if after[..path].contains(' ') {
        return None;
    }
    Some(&after[path..])
}
