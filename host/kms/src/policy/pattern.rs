//! `*` and `?` in actions, resources and values.

/// Whether a text matches a pattern: `*` is any run, `?` any one character. Time is bounded by the product of both
/// lengths.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to take up again: behind the last star, with one more character eaten by it.
    let mut again: Option<(usize, usize)> = None;
    while let Some(c) = text.get(t) {
        match pattern.get(p) {
            Some('*') => {
                again = Some((p + 1, t));
                p += 1;
            }
            Some(x) if *x == '?' || x == c => (p, t) = (p + 1, t + 1),
            _ => {
                let Some((after, eaten)) = again else { return false };
                again = Some((after, eaten + 1));
                (p, t) = (after, eaten + 1);
            }
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

/// Whether an action such as `kms:Decrypt` matches a pattern such as `kms:De*`; case does not count (IAM, "Action").
pub fn matches_action(pattern: &str, action: &str) -> bool {
    matches(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_marks() {
        for (pattern, text, wanted) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*c", "abbc", true),
            ("a*c", "abcb", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xxaxxb", true),
            ("**", "x", true),
            ("key/*", "key/1", true),
            ("Key/*", "key/1", false),
            ("a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(matches(pattern, text), wanted, "{pattern} {text}");
        }
        assert!(matches_action("KMS:dec*", "kms:Decrypt"));
    }
}
