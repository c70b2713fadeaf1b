//! The API's description, OpenAPI 3.1: what the handlers say, and what holds for every signed call.

use crate::problem::Problem;
use crate::routes;
use ringi_orchestrator::transfer::{STATUS_TABLE, SubStatus};
use serde_json::{Map, Value, json};
use std::sync::OnceLock;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Components, RefOr};
use utoipa::{PartialSchema, ToSchema};

const DESCRIPTION: &str = "Every call but healthz and openapi.json carries an HTTP message signature (RFC 9421) in one fixed form: \
label `ringi`, components `(\"@method\" \"@path\" \"content-digest\" \"idempotency-key\")`, parameters `created`, `expires`, `nonce`, \
`keyid`, `tag=\"ringi/v1\"` in this order. `content-digest` is sha-256 (RFC 9530) of the body, of no bytes where there is none. `keyid` \
is `ed25519:<hex>` or `p256:<hex>`. A signature lives at most 300 seconds and its nonce is taken once; a request that is tried again is \
signed again under the same Idempotency-Key. Reads carry an Idempotency-Key too (any value): one signed form for all. The query is not \
signed: it only ever narrows a read. A key that approves reads and sends approvals, a key that initiates also writes, an admin's key \
sends the admins' documents. Amounts are strings of base units, times RFC 3339 in UTC. The first genesis is installed without a \
request signature; until then what the cosigners say of themselves, for whoever writes it, is read without one too.";

/// Header parameters of every signed call.
fn headers(is_write: IsWrite) -> Vec<Value> {
    let key = match is_write {
        IsWrite::Yes => {
            "Names the request: the same key and request give the same answer. 1 to 128 printable characters."
        }
        IsWrite::No => "Any value; part of the signature.",
    };
    let rows = [
        ("Idempotency-Key", key),
        ("Content-Digest", "`sha-256=:<base64>:` of the body (RFC 9530)."),
        (
            "Signature-Input",
            "`ringi=(\"@method\" \"@path\" \"content-digest\" \"idempotency-key\");created=…;expires=…;nonce=\"…\";keyid=\"…\";tag=\"ringi/v1\"`.",
        ),
        ("Signature", "`ringi=:<base64 of 64 bytes>:`."),
    ];
    let row = |(name, text): (&str, &str)| json!({ "name": name, "in": "header", "required": true, "description": text, "schema": { "type": "string" } });
    rows.into_iter().map(row).collect()
}

/// Whether a call changes anything.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IsWrite {
    Yes,
    No,
}

fn problem(description: &str) -> Value {
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    json!({ "description": description, "content": { "application/problem+json": { "schema": schema } } })
}

fn problems(is_write: IsWrite) -> Vec<(&'static str, Value)> {
    let mut all = vec![
        ("400", problem("Malformed.")),
        ("401", problem("Not signed, or not by a known key, or not in time, or not for the first time.")),
        ("403", problem("This key may not do that.")),
        ("404", problem("There is no such thing.")),
        ("408", problem("The body did not arrive in time.")),
        ("409", problem("Clashes with what exists, or the workspace is not ready.")),
        ("413", problem("Too large.")),
        ("429", problem("Too many requests.")),
        ("500", problem("A fault of the server.")),
        ("503", problem("Try again later.")),
    ];
    if is_write == IsWrite::Yes {
        all.push(("415", problem("Another Content-Type than this call takes.")));
        all.push((
            "422",
            problem("Well-formed, but cannot be done; or the Idempotency-Key was used for another request."),
        ));
    }
    all
}

/// CBOR goes over the wire as bytes, not as the list of numbers that a byte vector is in JSON.
fn describe_cbor(message: &mut Value) {
    if let Some(cbor) = message.pointer_mut("/content/application~1cbor") {
        cbor["schema"] = json!({ "type": "string", "format": "binary" });
    }
}

fn complete(method: &str, operation: &mut Value) {
    let is_write = if method == "get" { IsWrite::No } else { IsWrite::Yes };
    let Some(fields) = operation.as_object_mut() else { return };
    let parameters = fields.entry("parameters").or_insert_with(|| json!([]));
    if let Some(list) = parameters.as_array_mut() {
        list.extend(headers(is_write));
    }
    if let Some(body) = fields.get_mut("requestBody") {
        describe_cbor(body);
    }
    if let Some(responses) = fields.get_mut("responses").and_then(Value::as_object_mut) {
        responses.values_mut().for_each(describe_cbor);
        responses.extend(problems(is_write).into_iter().map(|(status, body)| (status.to_string(), body)));
    }
}

fn build() -> Value {
    let (mut signed, open) = routes::described();
    let mut schemas: Vec<(String, RefOr<Schema>)> = vec![(Problem::name().to_string(), Problem::schema())];
    Problem::schemas(&mut schemas);
    let components = signed.components.get_or_insert_with(Components::new);
    components.schemas.extend(schemas);
    let mut document = serde_json::to_value(&signed).unwrap_or_default();
    if let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) {
        for (method, operation) in paths.values_mut().filter_map(Value::as_object_mut).flatten() {
            complete(method, operation);
        }
    }
    refuse_unknown_fields(&mut document);
    name_statuses(&mut document);
    merge(&mut document, serde_json::to_value(&open).unwrap_or_default());
    let version = env!("CARGO_PKG_VERSION");
    document["info"] = json!({
        "title": "Ringi", "version": version, "description": DESCRIPTION, "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
    });
    document
}

/// Of the variants of an enum utoipa does not say what it says of a struct that denies unknown fields.
fn refuse_unknown_fields(document: &mut Value) {
    let actions = document.pointer_mut("/components/schemas/Action/oneOf").and_then(Value::as_array_mut);
    for action in actions.into_iter().flatten() {
        action["additionalProperties"] = json!(false);
    }
}

/// Statuses and sub-statuses are those of the table, by which states are shown.
fn name_statuses(document: &mut Value) {
    let statuses: Vec<&str> = STATUS_TABLE.iter().map(|row| row.name).collect();
    let subs: Vec<&str> = SubStatus::ALL.iter().map(|sub| sub.name()).collect();
    for (field, names) in [("status", statuses), ("sub_status", subs)] {
        if let Some(schema) = document.pointer_mut(&format!("/components/schemas/Transfer/properties/{field}")) {
            schema["enum"] = json!(names);
        }
    }
}

/// Adds the unsigned calls' paths and schemas.
fn merge(document: &mut Value, other: Value) {
    for place in ["/paths", "/components/schemas"] {
        let from = other.pointer(place).and_then(Value::as_object).cloned().unwrap_or_else(Map::new);
        if let Some(into) = document.pointer_mut(place).and_then(Value::as_object_mut) {
            into.extend(from);
        }
    }
}

/// The description as it is checked in and served.
pub fn openapi_json() -> String {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let mut text = serde_json::to_string_pretty(&build()).unwrap_or_default();
        text.push('\n');
        text
    })
    .clone()
}
