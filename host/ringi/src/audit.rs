//! `ringi audit`: the platform's audit log, read from its first entry, its chain checked here.
//!
//! The log is the host's: it shows that nothing was changed since a head that somebody noted elsewhere, not that everything
//! was written down.

use crate::cli::AuditArgs;
use crate::failure::{Done, Failure};
use crate::output::Output;
use crate::remote::{connect, of_client};
use ringi_gateway::model::AuditEntry;
use ringi_ledger::{Entry, Head, verify};
use ringi_primitives::digest::Digest;
use ringi_primitives::time::UnixMs;
use serde::Serialize;
use std::collections::VecDeque;

/// Entries of one question.
const PAGE: u32 = 1000;

#[derive(Serialize)]
struct Shown {
    /// How many entries there are.
    entries: u64,
    /// Digest of the newest: note it elsewhere, and compare it later.
    head: Digest,
    /// The last ones that were asked for.
    items: VecDeque<AuditEntry>,
}

/// Reads the whole log, checks it and shows its end.
///
/// # Errors
/// `audit.broken` with the first entry that does not follow from the one before; the API's.
pub async fn audit(args: &AuditArgs, output: Output) -> Done {
    let (client, _) = connect(&args.api)?;
    let (mut head, mut items) = (Head::EMPTY, VecDeque::new());
    loop {
        let page = client.audit(head.sequence, PAGE).await.map_err(of_client)?;
        head = checked(head, &page.items)?;
        let asked = |entry: &AuditEntry| args.kind.as_ref().is_none_or(|kind| entry.kind.starts_with(kind));
        for entry in page.items.into_iter().filter(asked) {
            items.push_back(entry);
            if items.len() > args.last {
                items.pop_front();
            }
        }
        if page.next.is_none() {
            break;
        }
    }
    output.show(&Shown { entries: head.sequence, head: head.digest, items }, |shown| {
        let line = |e: &AuditEntry| format!("{:>6} {} {} {}", e.sequence, e.at_ms, e.kind, e.fields);
        let lines: Vec<String> = shown.items.iter().map(line).collect();
        format!(
            "{}\n{} entries, each follows from the one before; head {}",
            lines.join("\n"),
            shown.entries,
            shown.head
        )
    });
    Ok(())
}

/// The head behind these entries.
fn checked(from: Head, items: &[AuditEntry]) -> Result<Head, Failure> {
    let entry = |e: &AuditEntry| Entry {
        sequence: e.sequence,
        at: UnixMs(e.at_ms),
        kind: e.kind.clone(),
        fields: e.fields.clone(),
        previous: e.previous,
    };
    let entries: Vec<(Entry, Digest)> = items.iter().map(|e| (entry(e), e.digest)).collect();
    let next = "keep a copy of the data folder: somebody changed the log after it was written";
    verify(from, entries.iter().map(|(e, d)| (e, d))).map_err(|e| Failure::new("audit.broken", e, next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringi_ledger::Draft;

    fn log(n: u64) -> Vec<AuditEntry> {
        let mut head = Head::EMPTY;
        let entries = (1..=n).map(|at| {
            let draft = Draft { at: UnixMs(at), kind: "a.kind".into(), fields: format!("{{\"n\":{at}}}") };
            let (entry, next) = head.append(draft);
            head = next;
            AuditEntry {
                sequence: entry.sequence,
                at_ms: entry.at.0,
                digest: entry.digest(),
                kind: entry.kind,
                fields: entry.fields,
                previous: entry.previous,
            }
        });
        entries.collect()
    }

    #[test]
    fn pages_of_a_log_follow_from_each_other() {
        let log = log(5);
        let half = checked(Head::EMPTY, &log[..2]).unwrap();
        assert_eq!(checked(half, &log[2..]).unwrap().digest, log[4].digest);
        assert_eq!(checked(half, &log[3..]).unwrap_err().code, "audit.broken");
        let mut changed = log;
        changed[3].fields = "{}".into();
        assert_eq!(checked(half, &changed[2..]).unwrap_err().code, "audit.broken");
    }
}
