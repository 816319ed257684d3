//! "Did you mean": the known name that is nearest to what was typed.

/// The nearest of the known names, if it is near enough to be meant.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = |text: &str| text.to_lowercase().replace(['_', '-', ' '], "");
    let typed_folded = folded(typed);
    let distance = |name: &str| strsim::damerau_levenshtein(&typed_folded, &folded(name));
    let best = known.into_iter().map(|name| (distance(name), name)).min()?;
    let limit = 1.max(typed.len() / 3);
    (best.0 <= limit).then_some(best.1)
}

/// Advice for an unknown name: the nearest one, or all of them.
pub fn advice(typed: &str, known: &[&str]) -> String {
    match nearest(typed, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None if known.is_empty() => "nothing is known here".to_owned(),
        None => format!("known here: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["duration", "warm_up", "seed"];
        assert_eq!(nearest("durration", known), Some("duration"));
        assert_eq!(nearest("warmup", known), Some("warm_up"));
        assert_eq!(nearest("model", known), None);
    }
}
