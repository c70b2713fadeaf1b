//! What every [`Store`] must do, as plain functions that panic where it does not: the embedded store and fakes pass the same.
//!
//! Each function takes an empty store.

use crate::ports::{
    Commit, DraftRecord, EventDraft, Page, Role, RoleRecord, Store, StoreError, TransferFilter, TransferRecord,
    UniqueRule, Write,
};
use crate::transfer::{Header, STATUS_TABLE, Status, Transfer};
use ringi_ledger::{Draft, Head};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::approval::{Approval, Evidence};
use ringi_primitives::asset::AssetKey;
use ringi_primitives::decision::{LimitKey, Spending, Subject};
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::effects::{Outpoint, Slot};
use ringi_primitives::fact::{Fact, SignedFact, Statement};
use ringi_primitives::httpsig::RequestSignature;
use ringi_primitives::id::{IntentId, PersonId, WalletId};
use ringi_primitives::key::{PublicKey, SignatureBytes};
use ringi_primitives::network::{BitcoinNetwork, NetworkId};
use ringi_primitives::plan::Plan;
use ringi_primitives::policy_set::Measure;
use ringi_primitives::signed::{PersonSignature, Signed};
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::{VaultIndex, WalletRef};
use std::collections::BTreeMap;

const EVM: NetworkId = NetworkId::Evm(31337);
const BTC: NetworkId = NetworkId::Bitcoin(BitcoinNetwork::Regtest);
const AT: UnixMs = UnixMs(1_800_000_000_000);

/// An intent id for tests.
fn intent(n: u8) -> IntentId {
    IntentId::from_bytes([n; 16])
}

/// A transfer for tests.
pub fn record(n: u8, reference: Option<&str>) -> TransferRecord {
    let signature = RequestSignature {
        method: "POST".into(),
        path: "/v1/transfers".into(),
        idempotency_key: format!("k{n}"),
        key: PublicKey::Ed25519([n; 32]),
        created_s: 1,
        expires_s: 2,
        nonce: format!("n{n}"),
        signature: SignatureBytes([n; 64]),
    };
    let header = Header {
        id: intent(n),
        body: vec![n; 40],
        signature,
        initiator: PersonId::from_bytes([1; 16]),
        wallet: WalletRef { vault: VaultIndex(0), wallet: WalletId::from_bytes([7; 16]) },
        network: EVM,
        plan: Plan { network: EVM, effects: Vec::new(), max_fee: Amount::ZERO, expires_at: AT },
        reference: reference.map(str::to_string),
        replaces: None,
        root: intent(n),
        created_at: AT,
    };
    TransferRecord { header, state: Transfer::Queued { rules: vec!["r".into()] }, version: 1, updated_at: AT }
}

fn event(n: u8) -> EventDraft {
    EventDraft { at: AT, kind: "test.event".into(), subject: format!("s{n}"), data: format!("{{\"n\":{n}}}") }
}

fn draft(n: u8) -> Draft {
    Draft { at: AT, kind: "test.entry".into(), fields: format!("{{\"n\":{n}}}") }
}

fn only(write: Write) -> Commit {
    Commit { writes: vec![write], ..Commit::default() }
}

async fn insert(store: &dyn Store, record: &TransferRecord) {
    store.commit(only(Write::InsertTransfer(Box::new(record.clone())))).await.unwrap();
}

async fn refused(store: &dyn Store, commit: Commit, by: StoreError) {
    assert_eq!(store.commit(commit).await, Err(by));
}

/// Panics if a transfer of this record (id, status, sub-status, in the order of the feed) is ever in a pair outside the table
/// of statuses, or goes from one status to another that may not follow it.
pub fn follow_the_table(moves: impl IntoIterator<Item = (String, String, String)>) {
    let mut last: BTreeMap<String, Status> = BTreeMap::new();
    for (id, status, sub_status) in moves {
        let row = STATUS_TABLE.iter().find(|row| row.name == status);
        let row = row.unwrap_or_else(|| panic!("{id} is {status}, which is no status"));
        let is_pair = row.pairs.iter().any(|(sub, _)| sub.name() == sub_status);
        assert!(is_pair, "{id} is {status} ({sub_status}), a pair outside the table");
        let before = last.insert(id.clone(), row.status).unwrap_or(Status::Submitted);
        let begins = before == Status::Submitted && row.status == Status::Submitted;
        let may = begins || before.row().next.contains(&row.status);
        assert!(may, "{id} was {} and became {status}, which may not follow", before.name());
    }
}

/// All of a commit or nothing, also of its events and audit entries.
pub async fn commits_are_all_or_nothing(store: &dyn Store) {
    let first = record(1, None);
    let whole = Commit {
        writes: vec![Write::InsertTransfer(Box::new(first.clone()))],
        events: vec![event(1), event(2)],
        audit: vec![draft(1)],
    };
    let committed = store.commit(whole).await.unwrap();
    assert_eq!((committed.last_event, committed.last_audit), (2, 1));
    let spoiled = Commit {
        writes: vec![Write::InsertTransfer(Box::new(record(2, None))), Write::InsertTransfer(Box::new(first.clone()))],
        events: vec![event(3)],
        audit: vec![draft(2)],
    };
    refused(store, spoiled, StoreError::Unique(UniqueRule::IntentId)).await;
    assert_eq!(store.transfer(intent(1)).await.unwrap(), Some(first));
    assert_eq!(store.transfer(intent(2)).await.unwrap(), None);
    assert_eq!(store.events_after(0, 10).await.unwrap().len(), 2);
    let next =
        store.commit(Commit { events: vec![event(4)], audit: vec![draft(3)], ..Commit::default() }).await.unwrap();
    assert_eq!(next.last_audit, 2, "the refused commit left no entry");
    let events = store.events_after(1, 10).await.unwrap();
    let subjects: Vec<_> = events.iter().map(|e| e.event.subject.as_str()).collect();
    assert_eq!(subjects, ["s2", "s4"]);
    assert!(events.windows(2).all(|w| w[0].sequence < w[1].sequence) && next.last_event == events[1].sequence);
}

/// What was last decided of a person's role stays, that it was taken away too.
pub async fn roles_are_kept(store: &dyn Store) {
    let decided = |n: u8, role| RoleRecord { person: PersonId::from_bytes([n; 16]), role, by: "test".into(), at: AT };
    let (first, second) = (decided(1, Some(Role::Owner)), decided(2, Some(Role::Service)));
    for record in [&first, &second] {
        store.commit(only(Write::Role(record.clone()))).await.unwrap();
    }
    assert_eq!(store.load().await.unwrap().roles, [first.clone(), second]);
    let taken = decided(2, None);
    store.commit(only(Write::Role(taken.clone()))).await.unwrap();
    assert_eq!(store.load().await.unwrap().roles, [first, taken]);
}

/// Of a draft the newest signatures stay, until it is one no more.
pub async fn drafts_are_kept(store: &dyn Store) {
    let drafted = |n: u8| DraftRecord {
        signed: Signed { body: vec![n], signatures: vec![] },
        by: PersonId::from_bytes([n; 16]),
        at: AT.plus_ms(u64::from(n)),
    };
    let (first, mut second) = (drafted(1), drafted(2));
    for record in [&second, &first] {
        store.commit(only(Write::Draft(Box::new(record.clone())))).await.unwrap();
    }
    let key = PublicKey::Ed25519([3; 32]);
    let signature = PersonSignature { person: first.by, key, signature: SignatureBytes([4; 64]) };
    second.signed.signatures.push(signature);
    store.commit(only(Write::Draft(Box::new(second.clone())))).await.unwrap();
    assert_eq!(store.load().await.unwrap().drafts, [first.clone(), second.clone()]);
    let ended = |record: &DraftRecord| Write::DraftEnded { digest: record.signed.digest(Domain::PolicySet) };
    for _ in 0..2 {
        store.commit(only(ended(&first))).await.unwrap();
    }
    assert_eq!(store.load().await.unwrap().drafts, [second]);
}

/// Ids, references and request nonces are used once; a stale writer loses.
pub async fn names_are_unique_for_ever(store: &dyn Store) {
    insert(store, &record(1, Some("ref-1"))).await;
    let again = only(Write::InsertTransfer(Box::new(record(2, Some("ref-1")))));
    refused(store, again, StoreError::Unique(UniqueRule::Reference)).await;
    insert(store, &record(3, None)).await;
    insert(store, &record(4, None)).await;
    let update = |version, state: Transfer| {
        only(Write::UpdateTransfer { id: intent(1), version, state: Box::new(state), at: AT.plus_ms(5) })
    };
    let cancelled = Transfer::Cancelled { by: None, signed: None };
    store.commit(update(2, cancelled.clone())).await.unwrap();
    refused(store, update(2, cancelled.clone()), StoreError::Stale).await;
    refused(store, update(4, cancelled.clone()), StoreError::Stale).await;
    let found = store.transfer(intent(1)).await.unwrap().unwrap();
    assert_eq!((found.version, found.state, found.updated_at), (2, cancelled, AT.plus_ms(5)));
    let still = only(Write::InsertTransfer(Box::new(record(5, Some("ref-1")))));
    refused(store, still, StoreError::Unique(UniqueRule::Reference)).await;
    let nonce = |key: &str| only(Write::RequestNonce { key: key.into(), nonce: "n".into(), expires_at: AT });
    store.commit(nonce("a")).await.unwrap();
    store.commit(nonce("b")).await.unwrap();
    refused(store, nonce("a"), StoreError::Unique(UniqueRule::RequestNonce)).await;
}

/// Rule I3: a nonce and an outpoint belong to one intent for ever, unless it gave them back unused.
pub async fn i3_slots_have_one_owner(store: &dyn Store) {
    let account = Address::new(&[9; 20]).unwrap();
    let nonce = |n: u64, i: u8| only(Write::ReserveNonce { network: EVM, account, nonce: n, intent: intent(i) });
    let coin = |n: u8| Outpoint { txid: [n; 32], vout: 1 };
    let coins = |list: &[u8], i: u8| {
        let outpoints = list.iter().map(|n| coin(*n)).collect();
        only(Write::ReserveOutpoints { network: BTC, outpoints, intent: intent(i) })
    };
    store.commit(nonce(0, 1)).await.unwrap();
    store.commit(nonce(1, 2)).await.unwrap();
    refused(store, nonce(0, 2), StoreError::Unique(UniqueRule::Nonce)).await;
    store.commit(coins(&[1, 2], 3)).await.unwrap();
    store.commit(coins(&[1, 4], 3)).await.unwrap();
    refused(store, coins(&[5, 2], 4), StoreError::Unique(UniqueRule::Outpoint)).await;
    store.commit(coins(&[5], 4)).await.unwrap();
    store.commit(only(Write::SettleSlots { intent: intent(1) })).await.unwrap();
    store.commit(only(Write::SettleSlots { intent: intent(3) })).await.unwrap();
    let snapshot = store.load().await.unwrap();
    assert_eq!(snapshot.nonces, vec![(EVM, account, 1, intent(2))]);
    assert_eq!(snapshot.outpoints, vec![(BTC, coin(5), intent(4))]);
    refused(store, nonce(0, 5), StoreError::Unique(UniqueRule::Nonce)).await;
    refused(store, coins(&[4], 5), StoreError::Unique(UniqueRule::Outpoint)).await;
    store.commit(only(Write::ReleaseSlots { intent: intent(1) })).await.unwrap();
    refused(store, nonce(0, 5), StoreError::Unique(UniqueRule::Nonce)).await;
    store.commit(only(Write::ReleaseSlots { intent: intent(2) })).await.unwrap();
    store.commit(nonce(1, 5)).await.unwrap();
}

/// Approvals and spendings: repeated ones change nothing, other ones are kept beside.
pub async fn approvals_and_spendings_are_kept(store: &dyn Store) {
    let approval = |p: u8| Approval {
        person: PersonId::from_bytes([p; 16]),
        evidence: Evidence::Signature { key: PublicKey::Ed25519([p; 32]), signature: SignatureBytes([p; 64]) },
    };
    let write = |p: u8, envelope: u8| {
        let envelope = Digest([envelope; 32]);
        only(Write::Approval { intent: intent(1), envelope, approval: Box::new(approval(p)) })
    };
    for (p, envelope) in [(1, 1), (2, 1), (1, 1), (1, 2)] {
        store.commit(write(p, envelope)).await.unwrap();
    }
    let found = store.approvals(intent(1)).await.unwrap();
    let expected = [(1, 1), (1, 2), (2, 1)].map(|(e, p)| (Digest([e; 32]), approval(p)));
    assert_eq!(found, [expected[0].clone(), expected[1].clone(), expected[2].clone()]);
    let limit = LimitKey {
        vault: VaultIndex(0),
        name: "cap".into(),
        measure: Measure::Asset(AssetKey::native(EVM)),
        subject: Subject::Vault,
    };
    let spend = |i: u8, amount: u64, at: u64| Spending {
        limit: limit.clone(),
        intent: intent(i),
        amount: Amount::from_u64(amount),
        at: AT.plus_ms(at),
    };
    for s in [spend(1, 300, 1), spend(1, 20, 2), spend(2, 5, 1)] {
        store.commit(only(Write::Spend(Box::new(s)))).await.unwrap();
    }
    let mut spendings = store.load().await.unwrap().spendings;
    spendings.sort_by_key(|s| s.intent);
    assert_eq!(spendings, vec![spend(1, 300, 2), spend(2, 5, 1)]);
}

/// M1, L3: the newest fact of each witness and topic is kept, and one proof for each witness and intent.
pub async fn m1_the_newest_facts_are_kept(store: &dyn Store) {
    let fact = |witness: u8, fact: &Fact, at: u64| SignedFact {
        statement: Statement {
            version: 1,
            genesis: Digest::ZERO,
            witness: PublicKey::Ed25519([witness; 32]),
            fact: fact.clone(),
            at: AT.plus_ms(at),
        },
        signature: SignatureBytes([witness; 64]),
    };
    let price = |amount| Fact::Price { asset: AssetKey::native(EVM), price: Amount::from_u64(amount) };
    let account = Address::new(&[9; 20]).unwrap();
    let end = |i: u8| Fact::Final { intent: intent(i), slot: Slot::Nonce { network: EVM, account, nonce: 1 } };
    let wallet = WalletRef { vault: VaultIndex(0), wallet: WalletId::from_bytes([7; 16]) };
    let balance = Fact::Balance { wallet, asset: AssetKey::native(EVM), amount: Amount::ZERO };
    let said = [
        fact(1, &price(5), 2),
        fact(1, &price(4), 1),
        fact(1, &price(6), 3),
        fact(1, &price(7), 3),
        fact(2, &price(8), 1),
        fact(1, &balance, 1),
        fact(1, &end(1), 1),
        fact(1, &end(2), 1),
    ];
    for one in &said {
        store.commit(only(Write::Fact(Box::new(one.clone())))).await.unwrap();
    }
    let mut kept = store.load().await.unwrap().facts;
    kept.sort_by_key(|f| (f.statement.fact.clone(), f.statement.witness));
    let mut expected = [2, 4, 5, 6, 7].map(|n: usize| said[n].clone());
    expected.sort_by_key(|f| (f.statement.fact.clone(), f.statement.witness));
    assert_eq!(kept, expected);
}

/// Pages give every row once, newest first, also while new rows come.
pub async fn pages_cover_everything_once(store: &dyn Store) {
    for n in 1..=5 {
        insert(store, &record(n, None)).await;
    }
    let mut seen = Vec::new();
    let mut page = Page { cursor: None, limit: 2 };
    loop {
        let (rows, next) = store.transfers(&TransferFilter::default(), &page).await.unwrap();
        seen.extend(rows.iter().map(|r| r.header.id.bytes()[0]));
        insert(store, &record(100 + seen.len() as u8, None)).await;
        match next {
            Some(cursor) => page.cursor = Some(cursor),
            None => break,
        }
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    let wrong = Page { cursor: Some("x".into()), limit: 2 };
    assert_eq!(store.transfers(&TransferFilter::default(), &wrong).await.unwrap_err(), StoreError::Cursor);
    let filter = TransferFilter { status: Some("completed".into()), ..TransferFilter::default() };
    assert!(store.transfers(&filter, &Page { cursor: None, limit: 9 }).await.unwrap().0.is_empty());
}

/// The audit log chains over everything committed.
pub async fn the_audit_log_chains(store: &dyn Store) {
    for n in 1..=4 {
        store.commit(Commit { audit: vec![draft(n), draft(n + 10)], ..Commit::default() }).await.unwrap();
    }
    let entries = store.audit_after(0, 100).await.unwrap();
    let digests: Vec<Digest> = entries.iter().map(|e| e.digest()).collect();
    let head = ringi_ledger::verify(Head::EMPTY, entries.iter().zip(&digests)).unwrap();
    assert_eq!((head.sequence, entries.len()), (8, 8));
    assert_eq!(store.audit_after(6, 100).await.unwrap(), entries[6..].to_vec());
}
