//! The names of the language's functions and how their arguments are written.

/// How a function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Builtin {
    /// Plain arguments.
    Function,
    /// An array, a predicate over its elements, perhaps more.
    Predicate {
        /// Fewest arguments.
        required: usize,
        /// Most arguments.
        most: usize,
    },
}

/// How the numeric part's function of this name is called.
pub(super) fn find(name: &str) -> Option<Builtin> {
    let predicate = |required, most| Some(Builtin::Predicate { required, most });
    match name {
        "all" | "none" | "any" | "one" | "filter" | "map" | "find" | "findIndex" | "findLast"
        | "findLastIndex" => predicate(2, 2),
        "count" | "sum" => predicate(1, 2),
        "reduce" | "sortBy" => predicate(2, 3),
        "abs" | "ceil" | "floor" | "round" | "int" | "float" | "len" | "max" | "min" | "mean"
        | "median" | "first" | "last" | "take" | "reverse" | "uniq" | "concat" | "flatten"
        | "sort" | "get" => Some(Builtin::Function),
        _ if is_bitwise(name) => Some(Builtin::Function),
        _ => None,
    }
}

/// Whether it is a function of the bits of integers.
pub(super) fn is_bitwise(name: &str) -> bool {
    matches!(
        name,
        "bitand" | "bitor" | "bitxor" | "bitnand" | "bitshl" | "bitshr" | "bitushr" | "bitnot"
    )
}

/// Whether the language has the function, outside its numeric part.
pub(super) fn is_elsewhere(name: &str) -> bool {
    matches!(
        name,
        "groupBy"
            | "type"
            | "string"
            | "trim"
            | "trimPrefix"
            | "trimSuffix"
            | "upper"
            | "lower"
            | "split"
            | "splitAfter"
            | "replace"
            | "repeat"
            | "join"
            | "indexOf"
            | "lastIndexOf"
            | "hasPrefix"
            | "hasSuffix"
            | "toJSON"
            | "fromJSON"
            | "toBase64"
            | "fromBase64"
            | "now"
            | "duration"
            | "date"
            | "timezone"
            | "keys"
            | "values"
            | "toPairs"
            | "fromPairs"
    )
}

/// Whether the name cannot be declared by `let`.
pub(super) fn is_taken(name: &str) -> bool {
    find(name).is_some() || is_elsewhere(name)
}
