//! What changes from one policy set to the next, entry by entry, in the words of the file.

use crate::{PolicyForm, from_set};
use ringi_primitives::policy_set::PolicySet;
use serde::Serialize;
use serde_json::Value;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Where, such as `vaults.treasury.rules.small.amounts`.
    pub at: String,
    /// Before; absent if it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// After; absent if it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Every change, in the order of the file.
pub fn diff(before: &PolicySet, after: &PolicySet) -> Vec<Change> {
    let value = |form: &PolicyForm| serde_json::to_value(form).unwrap_or_default();
    let mut changes = Vec::new();
    compare("", Some(&value(&from_set(before))), Some(&value(&from_set(after))), &mut changes);
    changes
}

fn compare(at: &str, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<Change>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let keys = a.keys().chain(b.keys().filter(|k| !a.contains_key(*k)));
            keys.for_each(|key| compare(&join(at, key), a.get(key), b.get(key), changes));
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => lists(at, a, b, changes),
        _ => changes.push(Change { at: at.into(), before: before.map(text), after: after.map(text) }),
    }
}

/// Named entries are compared by name, and their order by what stands before each; others as a set.
fn lists(at: &str, a: &[Value], b: &[Value], changes: &mut Vec<Change>) {
    let named = |list: &[Value]| list.iter().all(|v| name(v).is_some());
    if !named(a) || !named(b) {
        let gone =
            a.iter().filter(|v| !b.contains(v)).map(|v| Change { at: at.into(), before: Some(text(v)), after: None });
        let new =
            b.iter().filter(|v| !a.contains(v)).map(|v| Change { at: at.into(), before: None, after: Some(text(v)) });
        let unordered: Vec<Change> = gone.chain(new).collect();
        match unordered.is_empty() {
            true => changes.push(Change {
                at: at.into(),
                before: Some("order".into()),
                after: Some("another order".into()),
            }),
            false => changes.extend(unordered),
        }
        return;
    }
    let find = |list: &'_ [Value], wanted: &str| list.iter().find(|v| name(v).as_deref() == Some(wanted)).cloned();
    let names = |list: &[Value]| list.iter().filter_map(name).collect::<Vec<_>>();
    let (before, after) = (names(a), names(b));
    for wanted in before.iter().chain(after.iter().filter(|n| !before.contains(n))) {
        compare(&join(at, wanted), find(a, wanted).as_ref(), find(b, wanted).as_ref(), changes);
    }
    let common =
        |own: &[String], other: &[String]| own.iter().filter(|n| other.contains(n)).cloned().collect::<Vec<_>>();
    let (old, new) = (common(&before, &after), common(&after, &before));
    if old != new {
        let at = join(at, "(order)");
        changes.push(Change { at, before: Some(old.join(", ")), after: Some(new.join(", ")) });
    }
}

/// What tells an entry from its neighbours.
fn name(value: &Value) -> Option<String> {
    let member = ["name", "id"].iter().find_map(|key| value.get(key)).or_else(|| value.get("wallet"));
    member.and_then(Value::as_str).map(str::to_owned)
}

fn join(at: &str, key: &str) -> String {
    if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::set;

    const TWO: &str = r#"
[[vaults.rules]]
name = "a"
kinds = ["transfer"]
allow = { limits = ["day"] }
[[vaults.rules]]
name = "b"
kinds = ["approve"]
allow = { approvals = "1 of heads" }
"#;

    fn changes(before: &str, after: &str) -> Vec<(String, Option<String>, Option<String>)> {
        diff(&set(before), &set(after)).into_iter().map(|c| (c.at, c.before, c.after)).collect()
    }

    #[test]
    fn every_change_is_named_where_it_is() {
        assert_eq!(changes(TWO, TWO), []);
        let at = |at: &str, before: Option<&str>, after: Option<&str>| {
            (format!("vaults.desk.rules.{at}"), before.map(String::from), after.map(String::from))
        };
        let more = TWO.replace("1 of heads", "2 of treasurers");
        assert_eq!(changes(TWO, &more), [at("b.allow.approvals", Some("1 of heads"), Some("2 of treasurers"))]);
        let kinds = TWO.replace("[\"transfer\"]", "[\"transfer\", \"call\"]");
        assert_eq!(changes(TWO, &kinds), [at("a.kinds", None, Some("call"))]);
        let (head, second) = TWO.split_at(TWO.rfind("[[vaults.rules]]").unwrap());
        let turned = format!("{second}{head}");
        assert_eq!(changes(TWO, &turned), [at("(order)", Some("a, b"), Some("b, a"))]);
        let gone = changes(TWO, head);
        assert_eq!((gone.len(), gone[0].0.as_str(), gone[0].2.clone()), (1, "vaults.desk.rules.b", None));
    }
}
