//! Files and sets turn into each other without loss; mistakes are named.

use crate::fixture::{EXCHANGE, SUPPLIER, form, set, text, to_set_of};
use crate::{PolicyForm, from_set};

/// Every clause once.
fn everything() -> String {
    format!(
        r#"
[[vaults.rules]]
name = "strangers"
kinds = ["transfer"]
to = ["unlisted"]
block = true
[[vaults.rules]]
name = "all-conditions"
kinds = ["transfer", "approve"]
networks = ["eip155:1"]
assets = ["usdc"]
initiators = ["group:traders", "person:Hana"]
wallets = ["wallet:wal_00000000000000000000000001", "tag:hot"]
to = ["list:suppliers", "tag:known", "internal", "contract:eip155:1/{EXCHANGE}"]
amounts = [{{ of = "usdc", above = "0.5", at_most = "100" }}, {{ of = "usd", at_most = "100.25" }}]
hours = [{{ zone = "Europe/Zurich", days = ["mon", "fri"], from = "08:30", to = "24:00" }}]
from = "2026-01-01T00:00:00Z"
until = "2030-01-01T00:00:00Z"
within = ["day"]
[vaults.rules.allow]
caps = [{{ of = "usdc", most = "100" }}, {{ of = "usdc", balance_basis_points = 500 }}]
limits = ["month", "count", "open"]
max_fees = [{{ network = "eip155:1", most = "0.01" }}]
approvals = "2 of treasurers and (1 of \"the board\" or 1 of heads)"
initiator_may_not_approve = false
independent_display = true
signers = [1, 3]
[[vaults.rules]]
name = "deposit"
kinds = ["call"]
calls = [{{ network = "eip155:1", contract = "{EXCHANGE}", function = "deposit(uint256,address)", arguments = [
  {{ argument = 0, least = "5", most = "9" }}, {{ argument = 1, one_of = ["{SUPPLIER}"] }}, {{ argument = 1, to = ["list:suppliers"] }},
] }}]
allow = {{}}
[[vaults.rules]]
name = "order"
messages = [{{ network = "eip155:1", contract = "{EXCHANGE}", kind = "Order(Party maker,uint256 amount)Party(address at)", fields = [
  {{ field = "maker.at", one_of = ["{SUPPLIER}"] }}, {{ field = "amount", most = "100" }},
] }}]
allow = {{ approvals = "1 of heads", initiator_may_not_approve = false }}
[[vaults.rules]]
name = "coins"
networks = ["bitcoin:regtest"]
coins = {{ max_inputs = 3, max_outputs = 4, max_input_value = "0.5" }}
allow = {{ max_fees = [{{ network = "bitcoin:regtest", most = "0.0001" }}] }}
"#
    )
}

#[test]
fn a_file_is_its_set_and_a_set_its_file() {
    let set = set(&everything());
    let again = from_set(&set);
    let text = toml::to_string(&again).unwrap();
    let read: PolicyForm = toml::from_str(&text).unwrap();
    let second = to_set_of(&read).unwrap();
    assert_eq!(second, set, "{text}");
    assert_eq!(from_set(&second), again);
}

#[test]
fn mistakes_are_named() {
    let rule = |body: &str| format!("[[vaults.rules]]\nname = \"r\"\n{body}\n");
    for (body, part) in [
        ("", "either `block = true` or `allow"),
        ("block = true\nallow = {}", "either `block = true` or `allow"),
        ("to = [\"suppliers\"]\nallow = {}", "destination `suppliers` is not"),
        ("to = [\"list:nobody\"]\nallow = {}", "unknown allow-list"),
        ("initiators = [\"Ines\"]\nallow = {}", "`group:NAME` or `person:NAME`"),
        ("initiators = [\"person:Nora\"]\nallow = {}", "no person `Nora`"),
        ("wallets = [\"hot\"]\nallow = {}", "`wallet:ID` or `tag:NAME`"),
        ("amounts = [{ of = \"doge\", at_most = \"1\" }]\nallow = {}", "no asset `doge`"),
        ("amounts = [{ of = \"usdc\", at_most = \"0.0000001\" }]\nallow = {}", "more decimals"),
        ("amounts = [{ of = \"usd\", at_most = \"1\" }]\nallow = {}", "cap of each asset beside it"),
        (
            "hours = [{ zone = \"UTC\", days = [\"monday\"], from = \"00:00\", to = \"01:00\" }]\nallow = {}",
            "day `monday`",
        ),
        ("hours = [{ zone = \"UTC\", days = [\"mon\"], from = \"0:00\", to = \"01:00\" }]\nallow = {}", "not HH:MM"),
        ("hours = [{ zone = \"Mars\", days = [\"mon\"], from = \"00:00\", to = \"01:00\" }]\nallow = {}", "time zone"),
        ("allow = { approvals = \"3 of heads\" }", "quorum"),
        ("allow = { initiator_may_not_approve = true }", "nobody must"),
        ("allow = { signers = [10] }", "no cosigner's number"),
        ("allow = { limits = [\"year\"] }", "unknown limit"),
        ("allow = { caps = [{ of = \"usdc\" }] }", "either `most` or `balance_basis_points`"),
    ] {
        let error = to_set_of(&form(&rule(body))).expect_err(body).to_string();
        assert!(error.contains(part), "{body}: {error}");
    }
    let unknown = toml::from_str::<PolicyForm>(&text(&rule("allow = {}\ncolour = \"red\"")));
    assert!(unknown.unwrap_err().to_string().contains("colour"));
}

/// Whether a value is as this part of the schema says: the keywords that the schema of policy files uses.
fn fits(root: &serde_json::Value, schema: &serde_json::Value, value: &serde_json::Value) -> bool {
    use serde_json::Value;
    if let Some(at) = schema["$ref"].as_str() {
        return fits(root, root.pointer(at.trim_start_matches('#')).expect("a definition"), value);
    }
    if let Some(ways) = schema["anyOf"].as_array() {
        return ways.iter().any(|way| fits(root, way, value));
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds = [&schema["type"]].into_iter().chain(schema["type"].as_array().into_iter().flatten());
    let items = value.as_array().is_none_or(|all| all.iter().all(|item| fits(root, &schema["items"], item)));
    let members = value.as_object().is_none_or(|object| {
        let known = |name: &String| schema["properties"].get(name);
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        object.iter().all(|(name, member)| known(name).is_some_and(|s| fits(root, s, member)))
            && required.into_iter().all(|name| object.contains_key(name))
    });
    kinds.into_iter().any(|k| k == kind) && items && members
}

#[test]
fn the_published_schema_is_of_these_files() {
    let schema = PolicyForm::schema().to_value();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/policy.schema.json");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{schema:#}\n")).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap();
    let stored: serde_json::Value = serde_json::from_str(&stored).unwrap();
    assert!(stored == schema, "docs/policy.schema.json is stale: UPDATE_DOCS=1 cargo test -p ringi-policy-tools");
    let file: serde_json::Value = toml::from_str(&crate::fixture::text(&everything())).unwrap();
    assert!(fits(&schema, &schema, &file));
    let misspelt = crate::fixture::text(&everything()).replacen("assets = [\"", "asset = [\"", 1);
    let misspelt: serde_json::Value = toml::from_str(&misspelt).unwrap();
    assert!(!fits(&schema, &schema, &misspelt), "an unknown key");
    // Every table refuses keys that it does not know, here and in the schema.
    let tables = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    tables.for_each(|table| assert_eq!(table["additionalProperties"], false, "{}", table["description"]));
}
