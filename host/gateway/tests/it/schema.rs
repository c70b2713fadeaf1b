//! JSON Schema as far as the description uses it. A keyword that is not known here fails: nothing is passed over.

use serde_json::{Map, Value};

/// Says nothing of validity.
const NOTES: [&str; 4] = ["description", "example", "title", "default"];

/// What is wrong with a value; empty if nothing. `root` is the document in which references point.
pub fn faults(root: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(root, schema, value, "", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let schema = schema.as_object().unwrap_or_else(|| panic!("{at}: a schema is an object"));
    for (keyword, wanted) in schema {
        match keyword.as_str() {
            "$ref" => {
                let target = wanted.as_str().unwrap().strip_prefix('#').expect("references are local");
                let target = root.pointer(target).unwrap_or_else(|| panic!("{wanted} leads nowhere"));
                check(root, target, value, at, found);
            }
            "type" => {
                let types: Vec<&Value> = wanted.as_array().map_or(vec![wanted], |list| list.iter().collect());
                if !types.iter().any(|t| is_a(t.as_str().unwrap(), value)) {
                    found.push(format!("{at}: {value} is no {wanted}"));
                }
            }
            "oneOf" => {
                let fits = |s: &&Value| faults(root, s, value).is_empty();
                let fitting = wanted.as_array().unwrap().iter().filter(fits).count();
                if fitting != 1 {
                    found.push(format!("{at}: {value} fits {fitting} of {wanted}"));
                }
            }
            "items" => {
                for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, wanted, item, &format!("{at}/{i}"), found);
                }
            }
            "properties" | "required" | "additionalProperties" => {}
            "minimum" if value.is_number() && value.as_f64() < wanted.as_f64() => {
                found.push(format!("{at}: {value} is too small"))
            }
            "maximum" if value.is_number() && value.as_f64() > wanted.as_f64() => {
                found.push(format!("{at}: {value} is too large"))
            }
            "enum" if !wanted.as_array().unwrap().contains(value) => {
                found.push(format!("{at}: {value} is none of {wanted}"))
            }
            "format" if !has_form(wanted.as_str().unwrap(), value) => {
                found.push(format!("{at}: {value} is no {wanted}"))
            }
            "minLength" if length(value).is_some_and(|n| n < wanted.as_u64().unwrap()) => {
                found.push(format!("{at}: {value} is too short"))
            }
            "maxLength" if length(value).is_some_and(|n| n > wanted.as_u64().unwrap()) => {
                found.push(format!("{at}: {value} is too long"))
            }
            "minItems" if value.as_array().is_some_and(|v| (v.len() as u64) < wanted.as_u64().unwrap()) => {
                found.push(format!("{at}: too few"))
            }
            "maxItems" if value.as_array().is_some_and(|v| v.len() as u64 > wanted.as_u64().unwrap()) => {
                found.push(format!("{at}: too many"))
            }
            "pattern" if value.as_str().is_some_and(|text| !is_like(wanted.as_str().unwrap(), text)) => {
                found.push(format!("{at}: {value} is not like {wanted}"))
            }
            "minimum" | "maximum" | "enum" | "format" => {}
            "minLength" | "maxLength" | "minItems" | "maxItems" | "pattern" => {}
            note if NOTES.contains(&note) => {}
            other => panic!("{at}: this validator does not know the keyword {other}"),
        }
    }
    if let Some(object) = value.as_object() {
        members(root, schema, object, at, found);
    }
}

/// Stricter than JSON Schema: where properties are described, one that is not described is a fault.
fn members(root: &Value, schema: &Map<String, Value>, object: &Map<String, Value>, at: &str, found: &mut Vec<String>) {
    for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
        if !object.contains_key(name.as_str().unwrap()) {
            found.push(format!("{at}: {name} is missing"));
        }
    }
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (name, value) in object {
        match properties.get(name) {
            Some(schema) => check(root, schema, value, &format!("{at}/{name}"), found),
            None => found.push(format!("{at}: {name} is not described")),
        }
    }
}

/// In characters, as JSON Schema counts.
fn length(value: &Value) -> Option<u64> {
    value.as_str().map(|text| text.chars().count() as u64)
}

/// Patterns of JSON Schema are those of ECMAScript; the description uses only what both know.
fn is_like(pattern: &str, text: &str) -> bool {
    regex_lite::Regex::new(pattern).unwrap().is_match(text)
}

fn is_a(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("this validator does not know the type {other}"),
    }
}

fn has_form(format: &str, value: &Value) -> bool {
    match format {
        "int32" => value.is_null() || value.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
        "int64" => value.is_null() || value.as_i64().is_some(),
        "date-time" => value.as_str().is_none_or(|text| {
            let form = "dddd-dd-ddTdd:dd:dd";
            let (head, tail) = text.split_at_checked(form.len()).unwrap_or_default();
            let fits = |(c, f): (char, char)| if f == 'd' { c.is_ascii_digit() } else { c == f };
            let fraction = tail.strip_suffix('Z').map(|t| t.strip_prefix('.').unwrap_or(t));
            head.len() == form.len()
                && head.chars().zip(form.chars()).all(fits)
                && fraction.is_some_and(|f| f.chars().all(|c| c.is_ascii_digit()))
        }),
        "binary" => true,
        other => panic!("this validator does not know the format {other}"),
    }
}

#[test]
fn the_validator_finds_what_is_wrong() {
    let root = serde_json::json!({"components": {"schemas": {"A": {
        "type": "object", "required": ["n", "at"],
        "properties": {
            "n": {"type": "integer", "minimum": 1, "maximum": 9, "format": "int32"},
            "at": {"type": "string", "format": "date-time"},
            "list": {"type": "array", "items": {"type": ["string", "null"]}, "minItems": 1, "maxItems": 2},
            "text": {"type": "string", "minLength": 1, "maxLength": 3},
            "like": {"type": "string", "pattern": "^[ab]+$"},
            "one": {"oneOf": [{"type": "null"}, {"enum": ["x"]}]},
        },
    }}}});
    let schema = serde_json::json!({"$ref": "#/components/schemas/A"});
    let count = |value: Value| faults(&root, &schema, &value).len();
    let at = "2026-01-02T03:04:05Z";
    assert_eq!(count(serde_json::json!({"n": 3, "at": at, "list": ["a", null], "one": "x"})), 0);
    assert_eq!(count(serde_json::json!({"n": 3, "at": at, "text": "\u{e9}\u{e9}\u{e9}", "like": "ab"})), 0);
    for bad in [
        serde_json::json!({"n": 3}),
        serde_json::json!({"n": 0, "at": at}),
        serde_json::json!({"n": 10, "at": at}),
        serde_json::json!({"n": 3, "at": "2026-01-02 03:04:05Z"}),
        serde_json::json!({"n": 3, "at": at, "list": [1]}),
        serde_json::json!({"n": 3, "at": at, "list": "a"}),
        serde_json::json!({"n": 3, "at": at, "list": []}),
        serde_json::json!({"n": 3, "at": at, "list": ["a", "b", "c"]}),
        serde_json::json!({"n": 3, "at": at, "text": ""}),
        serde_json::json!({"n": 3, "at": at, "text": "abcd"}),
        serde_json::json!({"n": 3, "at": at, "like": "abc"}),
        serde_json::json!({"n": 3, "at": at, "like": "a\n"}),
        serde_json::json!({"n": 3, "at": at, "one": "y"}),
        serde_json::json!({"n": 3, "at": at, "more": 1}),
        serde_json::json!([]),
    ] {
        assert_eq!(count(bad.clone()), 1, "{bad}");
    }
    assert!(count(serde_json::json!({"n": "3", "at": at})) > 0);
}
