//! "Did you mean": the known name that is nearest to what was typed.

/// Advice for an unknown name: the nearest one, or all of them.
pub(super) fn advice(typed: &str, known: &[&str]) -> String {
    match nearest(typed, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known here: {}", known.join(", ")),
    }
}

/// The nearest of the known names, if it is near enough to be meant.
pub(super) fn nearest<'a>(
    typed: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let (distance, name) = known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&typed, name), name))
        .min()?;
    (distance <= 1.max(typed.len() / 3)).then_some(name)
}
