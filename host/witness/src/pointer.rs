//! JSON pointers (RFC 6901) into raw JSON: what stands there comes out as it is written.

use crate::error::WitnessError;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

fn no(why: &'static str) -> WitnessError {
    WitnessError::Malformed(why)
}

/// The number's text that stands at `pointer`: of a JSON number, or of a string that is one.
///
/// # Errors
/// [`WitnessError::Malformed`] if the text is no JSON, the pointer leads nowhere, or what is there is neither.
pub fn at(json: &[u8], pointer: &str) -> Result<String, WitnessError> {
    let text = std::str::from_utf8(json).map_err(|_| no("not UTF-8"))?;
    // The whole text is read once, so that what is cut off or goes on behind its end is refused.
    let mut here: &RawValue = serde_json::from_str(text).map_err(|_| no("not JSON"))?;
    let mut steps = pointer.split('/');
    if steps.next() != Some("") {
        return Err(no("a pointer is empty or begins with /"));
    }
    for step in steps {
        here = child(here, &unescaped(step)?)?;
    }
    let found = here.get().trim();
    if found.starts_with('"') {
        return serde_json::from_str(found).map_err(|_| no("not JSON"));
    }
    let number = found.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    if number { Ok(found.to_string()) } else { Err(no("no number stands at the pointer")) }
}

fn child<'a>(here: &'a RawValue, step: &str) -> Result<&'a RawValue, WitnessError> {
    let nothing = || no("nothing stands at the pointer");
    if here.get().trim_start().starts_with('{') {
        let members: BTreeMap<String, &RawValue> = serde_json::from_str(here.get()).map_err(|_| no("not JSON"))?;
        return members.get(step).copied().ok_or_else(nothing);
    }
    if !here.get().trim_start().starts_with('[') {
        return Err(nothing());
    }
    let plain = step == "0" || (!step.starts_with('0') && step.bytes().all(|b| b.is_ascii_digit()));
    let index: usize = step.parse().ok().filter(|_| plain).ok_or_else(nothing)?;
    let items: Vec<&RawValue> = serde_json::from_str(here.get()).map_err(|_| no("not JSON"))?;
    items.get(index).copied().ok_or_else(nothing)
}

/// `~1` is a slash, `~0` a tilde; nothing else follows a tilde.
fn unescaped(step: &str) -> Result<String, WitnessError> {
    let mut parts = step.split('~');
    let mut text = parts.next().unwrap_or_default().to_string();
    for part in parts {
        match part.split_at_checked(1) {
            Some(("0", rest)) => text.extend(["~", rest]),
            Some(("1", rest)) => text.extend(["/", rest]),
            _ => return Err(no("a pointer's tilde is followed by 0 or 1")),
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6901, section 5, with numbers where the example has other values too.
    const EXAMPLE: &str = r#"{"foo":[7,"8.50"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#;

    fn found(json: &str, pointer: &str) -> Option<String> {
        at(json.as_bytes(), pointer).ok()
    }

    #[test]
    fn pointers_lead_where_rfc_6901_says() {
        for (pointer, value) in [
            ("/foo/0", "7"),
            ("/foo/1", "8.50"),
            ("/", "0"),
            ("/a~1b", "1"),
            ("/c%d", "2"),
            ("/e^f", "3"),
            ("/g|h", "4"),
            ("/i\\j", "5"),
            ("/k\"l", "6"),
            ("/ ", "7"),
            ("/m~0n", "8"),
        ] {
            assert_eq!(found(EXAMPLE, pointer).as_deref(), Some(value), "{pointer}");
        }
        for nowhere in [
            "", "/foo", "/foo/2", "/foo/-", "/foo/00", "/foo/01", "/foo/+1", "/bar", "foo", "/m~n", "/m~2n", "/foo/0/x",
        ] {
            assert_eq!(found(EXAMPLE, nowhere), None, "{nowhere}");
        }
    }

    #[test]
    fn a_number_comes_as_it_is_written() {
        for number in ["12.3400", "1e400", "123456789012345678901234567890.5", "-5"] {
            assert_eq!(found(number, "").as_deref(), Some(number));
            assert_eq!(found(&format!(" [ {number} ] "), "/0").as_deref(), Some(number));
        }
        assert_eq!(found(r#""12.5""#, "").as_deref(), Some("12.5"));
        for other in [
            "null",
            "true",
            "{}",
            "[]",
            "NaN",
            "Infinity",
            "",
            "{",
            r#"{"a":1}}"#,
            r#"{"a":1} 2"#,
            r#"{"a":NaN,"b":1}"#,
        ] {
            assert_eq!(found(other, ""), None, "{other}");
            assert_eq!(found(other, "/b"), None, "{other}");
        }
        assert!(at(b"\xff", "").is_err());
        let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(found(&deep, "/0"), None);
    }
}
