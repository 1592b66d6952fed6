//! Names of tensors matched by patterns.

/// Whether a name fits a pattern in which each `*` stands for any number of characters, dots included.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, name, expected) in [
            ("a.weight", "a.weight", true),
            ("a.weight", "a.weights", false),
            ("*", "", true),
            ("*.bias", "onset.0.bias", true),
            ("*.bias", "onset.0.bias.x", false),
            ("onset*", "onset_stack.1", true),
            ("o*1*b", "onset.1.b", true),
            ("o*1*b", "onset.2.b", false),
            // The pieces may not overlap.
            ("ab*ba", "aba", false),
            ("", "x", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
