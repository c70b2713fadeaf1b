//! `docs/statuses.md`, made from the orchestrator's one table of statuses and its one table of refusals.

use ringi_orchestrator::transfer::{REFUSALS, STATUS_TABLE, Status, SubStatus};

const HEAD: &str = "# Statuses of a transfer

A transfer has a `status` and, more exactly, a `sub_status`. The pairs below are all there are; a transfer goes from one to
another only as the column *may be followed by* says, and an interface that polls may miss some in between. Made from
`host/orchestrator/src/transfer/status.rs` and `refusal.rs`, by which the platform itself shows them; \
`UPDATE_DOCS=1 cargo test -p ringi-gateway` rewrites it.

Where the field has a name for something it is that name, in small letters: `blocked_by_policy`, `insufficient_funds`. The
feed has an event `transfer.<status>` for each change that is stored.

| status | sub-statuses | step | may be followed by | what the initiator does |
|---|---|---|---|---|
";

const SUBS: &str = "
## Sub-statuses

| sub-status | meaning |
|---|---|
";

const REFUSED: &str = "
## Why it ended, or is blocked

`rejected`, `failed` and `blocked` come with `error`: a stable `code`, a `detail`, and `next`, what the initiator can do. The
sub-status follows from the code. `area.*` stands for every code of the area that has no row of its own; a code without any
is a newer cosigner's, and shows as `unknown_error`. [errors.md](errors.md) has the codes of refused requests.

| code | sub-status | next |
|---|---|---|
";

/// The document.
pub fn markdown() -> String {
    let mut text = HEAD.to_string();
    for row in STATUS_TABLE {
        let is_refusal = [Status::Rejected, Status::Blocked, Status::Failed].contains(&row.status);
        let subs = if is_refusal {
            "that of `error.code`".to_string()
        } else {
            row.pairs.iter().map(|(sub, _)| format!("`{}`", sub.name())).collect::<Vec<_>>().join(", ")
        };
        let mut steps: Vec<&str> = row.pairs.iter().map(|(_, step)| *step).collect();
        steps.dedup();
        let steps = steps.iter().map(|s| format!("`{s}`")).collect::<Vec<_>>().join(", ");
        let next: Vec<String> = row.next.iter().map(|s| format!("`{}`", s.name())).collect();
        let next = if next.is_empty() { "nothing: the end".to_string() } else { next.join(", ") };
        text.push_str(&format!("| `{}` | {subs} | {steps} | {next} | {} |\n", row.name, row.todo));
    }
    text.push_str(SUBS);
    for sub in SubStatus::ALL {
        text.push_str(&format!("| `{}` | {} |\n", sub.name(), sub.meaning()));
    }
    text.push_str(REFUSED);
    for row in REFUSALS {
        text.push_str(&format!("| `{}` | `{}` | {} |\n", row.code, row.sub_status.name(), row.next));
    }
    text
}
