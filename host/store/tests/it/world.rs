//! A small world for the orchestrator: a workspace of three cosigners, one chain, people with keys. Cosigners and chain
//! outlive the orchestrator's process and remember what they were made to do; so they can tell what it must never do.

use async_trait::async_trait;
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use k256::elliptic_curve::PrimeField;
use k256::elliptic_curve::sec1::ToSec1Point;
use ringi_chain::evm::{Choice, Fees};
use ringi_chain::{KeySource, SignedTx};
use ringi_orchestrator::ports::*;
use ringi_orchestrator::{Config, Orchestrator};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::approval::{Approval, Evidence};
use ringi_primitives::asset::{Asset, AssetKey};
use ringi_primitives::brake::{Brake, BrakeAction, SignedBrake};
use ringi_primitives::cbor;
use ringi_primitives::certificate::{KeyCertificate, SignedCertificate};
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::effects::Slot;
use ringi_primitives::fact::{Fact, FactKind, SignedFact, Statement};
use ringi_primitives::genesis::{Admin, Assurance, CosignerIdentity, Genesis};
use ringi_primitives::httpsig::RequestSignature;
use ringi_primitives::id::{BrakeId, IntentId, PersonId, WalletId, WorkspaceId};
use ringi_primitives::intent::Intent;
use ringi_primitives::key::{PublicKey, SignatureBytes};
use ringi_primitives::network::NetworkId;
use ringi_primitives::order::KeyId;
use ringi_primitives::policy_set::*;
use ringi_primitives::receipt::{BootCertificate, SignedBoot, SignedVerdict, Verdict};
use ringi_primitives::request::{FinishedSignature, SigningRequest, Unsigned};
use ringi_primitives::scheme::{PartyIndex, Scheme};
use ringi_primitives::signed::{PersonSignature, Signed};
use ringi_primitives::time::UnixMs;
use ringi_primitives::trust::{FinalTrust, PriceTrust, Trust, Witness};
use ringi_primitives::wallet::{KeyPosition, VaultIndex, WalletRef};
use ringi_primitives::wire::{CosignerStatus, Refusal, Retry};
use ringi_store::SqliteStore;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, mpsc, watch};

pub const EVM: NetworkId = NetworkId::Evm(31337);
pub const CHAIN_CODE: [u8; 32] = [5; 32];

pub fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

pub fn public(n: u8) -> PublicKey {
    PublicKey::Ed25519(key(n).verifying_key().to_bytes())
}

pub fn person(n: u8) -> PersonId {
    PersonId::from_bytes([n; 16])
}

pub fn party(n: u8) -> PartyIndex {
    PartyIndex::new(n).unwrap()
}

pub fn intent_id(n: u8) -> IntentId {
    IntentId::from_bytes([n; 16])
}

pub fn wallet() -> WalletRef {
    WalletRef { vault: VaultIndex(0), wallet: WalletId::from_bytes([0x77; 16]) }
}

fn sign(n: u8, digest: &Digest) -> SignatureBytes {
    SignatureBytes(key(n).sign(&digest.0).to_bytes())
}

/// Signed by the one admin, person 100.
pub fn by_admin(body: Vec<u8>, domain: Domain) -> Signed {
    let signature = sign(100, &Digest::of(domain, &body));
    Signed { body, signatures: vec![PersonSignature { person: person(100), key: public(100), signature }] }
}

pub fn genesis() -> Signed {
    let cosigner = |n: u8| CosignerIdentity {
        index: party(n),
        name: format!("c{n}"),
        channel_key: [n; 32],
        identity_key: public(200 + n),
    };
    let genesis = Genesis {
        version: 1,
        workspace: WorkspaceId::from_bytes([1; 16]),
        sequence: 0,
        previous: None,
        created_at: UnixMs(1),
        admins: vec![Admin { id: person(100), name: "admin".into(), key: public(100) }],
        admin_quorum: 1,
        threshold: 2,
        cosigners: (1..=3).map(cosigner).collect(),
        measurements: Vec::new(),
        trust_roots: Vec::new(),
        relying_parties: Vec::new(),
        kms_keys: Vec::new(),
        recovery: Vec::new(),
        assurance: Assurance::Process,
    };
    by_admin(cbor::encode(&genesis), Domain::Genesis)
}

pub fn root() -> Digest {
    genesis().digest(Domain::Genesis)
}

/// Person 1 initiates; 2, 3 and 4 approve; over 1,000,000 wei, fee included, two of them must. At most 100,000,000 in a day.
pub fn policy(sequence: u64, previous: Option<Digest>) -> Signed {
    let someone = |n: u8, purpose| Person {
        id: person(n),
        name: format!("p{n}"),
        keys: vec![PersonKey { key: public(n), purpose }],
        passkeys: vec![],
    };
    let eth = AssetKey::native(EVM);
    let wei = |n: u64| Amount::from_u64(n);
    let daily = Limit {
        name: "daily".into(),
        measure: Measure::Asset(eth),
        most: wei(100_000_000),
        window: Window::Rolling(86_400),
        per: Scope::Vault,
    };
    let terms = || Terms {
        limits: vec!["daily".into()],
        max_fees: vec![FeeCap { network: EVM, most: wei(1_000_000) }],
        ..Terms::default()
    };
    let two = Approvals {
        any_of: vec![vec![Seats { group: "board".into(), count: 2 }]],
        initiator: OwnApproval::Counts,
        display: Display::Any,
    };
    let small = Band { measure: Measure::Asset(eth), above: None, at_most: Some(wei(1_000_000)) };
    let strangers = Conditions {
        kinds: vec!["transfer".into()],
        destinations: vec![Destination::Unlisted],
        ..Conditions::default()
    };
    let allow = |name: &str, when, terms| Rule { name: name.into(), when, then: Ruling::Allow(terms) };
    let list = |n: u8| AllowEntry { network: EVM, address: Address::new(&[n; 20]).unwrap() };
    let set = PolicySet {
        freezers: Some("board".into()),
        vetoers: Some("board".into()),
        change_delay_s: None,
        version: 1,
        genesis: root(),
        sequence,
        previous,
        issued_at: UnixMs(sequence),
        people: vec![
            someone(1, KeyPurpose::Initiate),
            someone(2, KeyPurpose::Approve),
            someone(3, KeyPurpose::Approve),
            someone(4, KeyPurpose::Approve),
        ],
        groups: vec![Group { name: "board".into(), members: [2, 3, 4].map(person).into() }],
        networks: vec![EVM],
        assets: vec![Asset { id: "eth".into(), key: eth, decimals: 18 }],
        allow_lists: vec![AllowList { name: "known".into(), entries: [list(0x11)].into(), tags: [].into() }],
        functions: Vec::new(),
        permits: Vec::new(),
        vaults: vec![Vault {
            index: VaultIndex(0),
            name: "hot".into(),
            temperature: Temperature::Hot,
            root: RootIndex(0),
            limits: vec![daily],
            rules: vec![
                Rule { name: "strangers".into(), when: strangers, then: Ruling::Block },
                allow("small", Conditions { amounts: vec![small], ..Conditions::default() }, terms()),
                allow("large", Conditions::default(), Terms { approvals: Some(two), ..terms() }),
            ],
        }],
        wallets: Vec::new(),
        messages: Vec::new(),
        trust: Some(trust()),
    };
    by_admin(cbor::encode(&set), Domain::PolicySet)
}

/// Witnesses 20 and 21 of prices and finality: both must say so.
fn trust() -> Trust {
    let witness =
        |n: u8| Witness { name: format!("w{n}"), key: public(n), vouches: [FactKind::Price, FactKind::Final].into() };
    Trust {
        witnesses: vec![witness(20), witness(21)],
        prices: Some(PriceTrust { max_age_s: 600, quorum: 2, max_spread_bps: 100 }),
        balances: None,
        finals: Some(FinalTrust { quorum: 2 }),
    }
}

/// A witness's word.
pub fn says(witness: u8, fact: &Fact, at: UnixMs) -> SignedFact {
    let statement = Statement { version: 1, genesis: root(), witness: public(witness), fact: fact.clone(), at };
    let signature = SignatureBytes(key(witness).sign(&statement.digest().0).to_bytes());
    SignedFact { statement, signature }
}

/// A brake by this person.
#[allow(dead_code, reason = "the gateway's tests use it")]
pub fn brake(n: u8, id: u8, now: UnixMs, action: BrakeAction) -> SignedBrake {
    let by = person(n);
    let id = BrakeId::from_bytes([id; 16]);
    let body = cbor::encode(&Brake { version: 1, genesis: root(), id, by, issued_at: now, action });
    let signature = sign(n, &Digest::of(Domain::Brake, &body));
    SignedBrake { body, evidence: Evidence::Signature { key: public(n), signature } }
}

/// The dealer's secret: the real engine has none in one place.
fn secret() -> k256::Scalar {
    k256::Scalar::from(123_456_789u64)
}

fn point(scalar: &k256::Scalar) -> Vec<u8> {
    let point = k256::ProjectivePoint::mul_by_generator(scalar).to_affine();
    point.to_sec1_point(true).as_bytes().to_vec()
}

pub fn certificate() -> SignedCertificate {
    let certificate = KeyCertificate {
        version: 1,
        genesis: root(),
        key: KeyId { scheme: Scheme::EcdsaSecp256k1, root: RootIndex(0) },
        epoch: 1,
        public_key: point(&secret()),
        chain_code: CHAIN_CODE,
    };
    let digest = certificate.digest();
    SignedCertificate { certificate, signatures: (1..=3).map(|n| (party(n), sign(200 + n, &digest))).collect() }
}

/// BIP-32 CKDpriv along a wallet's path.
fn child_secret(path: &[u32]) -> k256::Scalar {
    let (mut secret, mut code) = (secret(), CHAIN_CODE);
    for index in path {
        let mut mac = Hmac::<sha2::Sha512>::new_from_slice(&code).unwrap();
        mac.update(&point(&secret));
        mac.update(&index.to_be_bytes());
        let out = mac.finalize().into_bytes();
        let left: [u8; 32] = out[..32].try_into().unwrap();
        secret += k256::Scalar::from_repr(left.into()).unwrap();
        code = out[32..].try_into().unwrap();
    }
    secret
}

/// One transfer of `amount` wei to the one known address, signed by person 1.
pub fn transfer_to(n: u8, amount: u64, to: u8, more: &str) -> (Vec<u8>, RequestSignature) {
    let to = ringi_chain::evm::format_address(&Address::new(&[to; 20]).unwrap());
    let expires = UnixMs(SystemClock.now().0 / 1000 * 1000 + 3_600_000);
    let action = match amount {
        0 => r#"{"type":"cancel"}"#.to_string(),
        _ => format!(r#"{{"type":"transfer","asset":"eth","to":"{to}","amount":"{amount}"}}"#),
    };
    let body = format!(
        r#"{{"version":1,"id":"{}","genesis":"{}","vault":"hot","wallet":"{}","network":"{EVM}","actions":[{action}],"max_fee":"100000","expires_at":"{expires}"{more}}}"#,
        intent_id(n),
        root(),
        wallet().wallet,
    )
    .into_bytes();
    let signature = request_signature(1, n, &body);
    (body, signature)
}

pub fn request_signature(who: u8, n: u8, body: &[u8]) -> RequestSignature {
    let created_s = SystemClock.now().0 / 1000;
    let mut signature = RequestSignature {
        method: "POST".into(),
        path: "/v1/transfers".into(),
        idempotency_key: format!("k{n}"),
        key: public(who),
        created_s,
        expires_s: created_s + 300,
        nonce: format!("n{n}"),
        signature: SignatureBytes([0; 64]),
    };
    signature.signature = SignatureBytes(key(who).sign(signature.base(body).as_bytes()).to_bytes());
    signature
}

pub fn approval(n: u8, envelope: &Digest) -> Approval {
    Approval { person: person(n), evidence: Evidence::Signature { key: public(n), signature: sign(n, envelope) } }
}

/// What an attempt should meet.
#[derive(Clone, Debug)]
pub enum Mood {
    Refuse(&'static str, Retry),
    Silent,
    ReserveThenSilent,
}

#[derive(Default)]
pub struct Seen {
    /// Every signature ever given: intent, slot, bytes.
    pub signed: Vec<(IntentId, Slot, Unsigned)>,
    pins: BTreeMap<IntentId, Slot>,
    owners: BTreeMap<Slot, IntentId>,
    pub violations: Vec<String>,
    /// Moods for the next attempts, per cosigner.
    pub moods: BTreeMap<u8, Vec<Mood>>,
    pub attempts: Vec<Vec<u8>>,
    pub policy: Option<Digest>,
    /// Cosigners that are not there.
    pub down: BTreeSet<u8>,
    /// Broadcast transactions by id with their nonce, in the order of arrival; those mined.
    pub pool: Vec<(String, u64, Vec<u8>)>,
    pub mined: BTreeMap<u64, (String, u64)>,
    pub height: u64,
    pub broadcasts: u64,
    /// How often the node was asked where a transaction is.
    pub looks: u64,
    /// A node that does not answer.
    pub node_down: bool,
    /// Facts that cosigners were told, and which.
    /// Every signing request.
    pub requests: Vec<Vec<u8>>,
    pub told: Vec<(Vec<SignedFact>, Vec<PartyIndex>)>,
}

/// Everything outside the orchestrator's process.
pub struct World {
    pub seen: Mutex<Seen>,
    pub health: watch::Sender<u64>,
    /// Set once the orchestrator is dead: whatever it still asks is never answered.
    pub dead: AtomicBool,
    pub death: Notify,
    pub crash_at: Mutex<Option<(CrashPoint, u32)>>,
    nonce: AtomicU64,
}

impl World {
    pub fn new() -> Arc<World> {
        Arc::new(World {
            seen: Mutex::default(),
            health: watch::channel(0).0,
            dead: AtomicBool::new(false),
            death: Notify::new(),
            crash_at: Mutex::default(),
            nonce: AtomicU64::new(1),
        })
    }

    async fn alive(&self) {
        if self.dead.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }

    pub fn mine(&self) {
        let mut seen = self.seen.lock().unwrap();
        seen.height += 1;
        let next = seen.mined.len() as u64;
        let mut nonce = next;
        // The last one broadcast for a nonce has the highest fee.
        while let Some((id, _, _)) = seen.pool.iter().rev().find(|(_, n, _)| *n == nonce).cloned() {
            let height = seen.height;
            seen.mined.insert(nonce, (id, height));
            nonce += 1;
        }
    }

    pub fn bump(&self) {
        self.health.send_modify(|n| *n += 1);
    }
}

impl CrashPoints for World {
    fn reached(&self, point: CrashPoint) {
        let mut plan = self.crash_at.lock().unwrap();
        let Some((at, times)) = plan.as_mut() else { return };
        if *at != point {
            return;
        }
        *times -= 1;
        if *times == 0 {
            *plan = None;
            drop(plan);
            self.dead.store(true, Ordering::SeqCst);
            self.death.notify_one();
            std::panic::resume_unwind(Box::new("killed"));
        }
    }
}

impl Random for World {
    fn bytes16(&self) -> [u8; 16] {
        let n = self.nonce.fetch_add(1, Ordering::SeqCst);
        u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834).to_be_bytes()
    }
}

fn signed_boot(n: u8) -> SignedBoot {
    let certificate = BootCertificate {
        version: 1,
        genesis: root(),
        cosigner: party(n),
        boot: 1,
        receipt_key: public(210 + n),
        assurance: Assurance::Process,
        attestation: None,
    };
    let signature = sign(200 + n, &certificate.digest());
    SignedBoot { certificate, signature }
}

struct Keys(WalletRef);

impl KeySource for Keys {
    fn public_key(&self, scheme: Scheme, position: KeyPosition) -> Option<Vec<u8>> {
        (scheme == Scheme::EcdsaSecp256k1).then(|| point(&child_secret(&self.0.path(position).unwrap())))
    }
}

pub fn account() -> Address {
    let key = Keys(wallet()).public_key(Scheme::EcdsaSecp256k1, KeyPosition::ACCOUNT).unwrap();
    ringi_chain::evm::address_from_key(&key).unwrap()
}

/// Signs as the quorum would, and notes every broken rule instead of refusing.
fn quorum_signs(seen: &mut Seen, request: &[u8], signers: &[PartyIndex]) -> (FinishedSignature, Verdict) {
    let asked: SigningRequest = cbor::decode(request, 1 << 22).unwrap();
    let intent = Intent::parse(&asked.intent).unwrap();
    asked.initiator.verify(&asked.intent).unwrap();
    let set: PolicySet = policy(1, None).decode_unverified(1 << 20).unwrap();
    let decoded = ringi_chain::decode(&set, &Keys(wallet()), EVM, &asked.unsigned).unwrap();
    let slot = decoded.slot().clone();
    let root_intent = intent.replaces.unwrap_or(intent.id);
    // I3: one slot per intent, one intent (chain) per slot, no gaps.
    if seen.pins.insert(intent.id, slot.clone()).is_some_and(|old| old != slot) {
        seen.violations.push(format!("{} asked for two slots", intent.id));
    }
    if seen.owners.insert(slot.clone(), root_intent).is_some_and(|old| old != root_intent) {
        seen.violations.push(format!("slot {slot:?} asked for by two intents"));
    }
    if let Slot::Nonce { nonce, .. } = &slot {
        let next = seen.owners.keys().filter(|s| matches!(s, Slot::Nonce { nonce: n, .. } if n < nonce)).count();
        if (next as u64) < *nonce {
            seen.violations.push(format!("nonce {nonce} leaves a gap"));
        }
    }
    if seen.signed.iter().any(|(i, _, bytes)| *i == intent.id && *bytes != asked.unsigned) {
        seen.violations.push(format!("{} signed with two contents", intent.id));
    }
    seen.signed.push((intent.id, slot.clone(), asked.unsigned.clone()));
    let digest = ringi_chain::evm::keccak256(&asked.unsigned.bytes);
    let key =
        k256::ecdsa::SigningKey::from_bytes(&child_secret(&wallet().path(KeyPosition::ACCOUNT).unwrap()).to_repr())
            .unwrap();
    let (signature, recovery) = key.sign_prehash_recoverable(&digest);
    let finished = FinishedSignature {
        bytes: signature.to_bytes().as_slice().try_into().unwrap(),
        recovery_id: Some(recovery.to_byte()),
    };
    let verdict = Verdict {
        version: 1,
        genesis: root(),
        cosigner: party(1),
        boot: 1,
        sequence: 1,
        previous: Digest::ZERO,
        session: Digest::ZERO,
        request: SigningRequest::digest(request),
        intent: intent.id,
        slot,
        effects: decoded.effects().to_vec(),
        max_fee: decoded.max_fee(),
        rules: vec!["permit".into()],
        policy: asked.policy,
        at: UnixMs(1),
        signers: signers.to_vec(),
    };
    (finished, verdict)
}

pub struct FakeCosigners(pub Arc<World>);

#[async_trait]
impl Cosigners for FakeCosigners {
    /// Cosigner 1 alone is attested; its document says what it answers.
    async fn tell_facts(&self, facts: Vec<SignedFact>, to: &[PartyIndex]) {
        self.0.seen.lock().unwrap().told.push((facts, to.to_vec()));
    }

    async fn attest(&self, party: PartyIndex, nonce: &[u8]) -> Option<Vec<u8>> {
        (party.number() == 1).then(|| nonce.to_vec())
    }

    fn health(&self) -> Vec<CosignerHealth> {
        let seen = self.0.seen.lock().unwrap();
        let one = |n: u8| {
            let status = CosignerStatus {
                me: party(n),
                boot: 1,
                ready: true,
                peers: (1..=3).filter(|p| *p != n && !seen.down.contains(p)).map(party).collect(),
                policy: seen.policy,
                certificates: vec![certificate()],
                banned: Vec::new(),
                sequence: 1,
                sessions: 0,
                boot_key: public(n),
                proved: vec![],
                refusal: None,
                freezes: None,
                drills: vec![],
            };
            let connected = !seen.down.contains(&n);
            CosignerHealth {
                party: party(n),
                connected,
                status: Some(status),
                boot: Some(signed_boot(n)),
                introduction: None,
            }
        };
        (1..=3).map(one).collect()
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.0.health.subscribe()
    }

    async fn sign(&self, attempt: SignAttempt) -> mpsc::Receiver<SignEvent> {
        self.0.alive().await;
        let (events, rx) = mpsc::channel(16);
        let mut seen = self.0.seen.lock().unwrap();
        seen.requests.push(attempt.request.clone());
        seen.attempts.push(attempt.signers.iter().map(|p| p.number()).collect());
        let moods: Vec<Option<Mood>> = attempt
            .signers
            .iter()
            .map(|p| seen.moods.get_mut(&p.number()).and_then(|m| (!m.is_empty()).then(|| m.remove(0))))
            .collect();
        if moods.iter().all(Option::is_none) {
            let (signature, verdict) = quorum_signs(&mut seen, &attempt.request, &attempt.signers);
            for from in &attempt.signers {
                events.try_send(SignEvent::Reserved { from: *from }).unwrap();
            }
            for from in &attempt.signers {
                let verdict = Verdict { cosigner: *from, ..verdict.clone() };
                let signature_bytes = sign(210 + from.number(), &verdict.digest());
                let verdict = Box::new(SignedVerdict { verdict, signature: signature_bytes });
                events.try_send(SignEvent::Signed { from: *from, signatures: vec![signature], verdict }).unwrap();
            }
            return rx;
        }
        let mut open = false;
        for (from, mood) in attempt.signers.iter().zip(moods) {
            match mood {
                Some(Mood::Refuse(code, retry)) => {
                    let refusal = Refusal { code: code.into(), detail: "test".into(), retry, peers: Vec::new() };
                    events.try_send(SignEvent::Refused { from: *from, refusal }).unwrap();
                }
                Some(Mood::ReserveThenSilent) => {
                    events.try_send(SignEvent::Reserved { from: *from }).unwrap();
                    open = true;
                }
                Some(Mood::Silent) => open = true,
                None => {
                    let refusal = Refusal {
                        code: "session.peer_refused".into(),
                        detail: "peer".into(),
                        retry: Retry::Later,
                        peers: Vec::new(),
                    };
                    events.try_send(SignEvent::Refused { from: *from, refusal }).unwrap();
                }
            }
        }
        if open {
            std::mem::forget(events);
        }
        rx
    }

    async fn abort(&self, _: ringi_primitives::wire::Tag, _: &[PartyIndex]) {
        self.0.alive().await;
    }

    async fn install(&self, document: Document, to: &[PartyIndex]) -> Vec<Acknowledgement> {
        self.0.alive().await;
        let answer = match &document {
            Document::Genesis(_) => DocumentAnswer::Genesis { root: root(), head: root() },
            Document::Policy(signed) => {
                let digest = signed.digest(Domain::PolicySet);
                self.0.seen.lock().unwrap().policy = Some(digest);
                self.0.bump();
                DocumentAnswer::Policy { digest, sequence: 1 }
            }
            Document::Order(_) => DocumentAnswer::Order { certificate: Some(certificate()) },
            Document::Brake(_) => DocumentAnswer::Brake,
            Document::Recovery(_) | Document::Upgrade { .. } => DocumentAnswer::Order { certificate: None },
        };
        to.iter().map(|p| Acknowledgement { party: *p, answer: answer.clone() }).collect()
    }
}

pub struct FakeChain(pub Arc<World>);

impl FakeChain {
    fn up(&self) -> Result<(), ChainPortError> {
        match self.0.seen.lock().unwrap().node_down {
            true => Err(ChainPortError::Unavailable("down".into())),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl ChainPort for FakeChain {
    fn networks(&self) -> Vec<NetworkId> {
        vec![EVM]
    }

    fn finality(&self, _: NetworkId) -> u64 {
        4
    }

    async fn next_nonce(&self, _: NetworkId, account: &Address) -> Result<u64, ChainPortError> {
        self.0.alive().await;
        self.up()?;
        let own = crate::world::account();
        assert_eq!(*account, own);
        Ok(self.0.seen.lock().unwrap().mined.len() as u64)
    }

    async fn prepare(&self, ask: PrepareAsk<'_>) -> Result<Unsigned, ChainPortError> {
        self.0.alive().await;
        self.up()?;
        let SlotChoice::Nonce(nonce) = ask.slot else { panic!("an EVM transfer takes a nonce") };
        let price = if ask.replaces.is_some() { 4 } else { 2 };
        // Different with every making, so that a second making would show as a second content.
        let gas_limit = 21_000 + self.0.nonce.fetch_add(1, Ordering::SeqCst) % 1000;
        let fees = Fees::Eip1559 { max_fee_per_gas: price, max_priority_fee_per_gas: 1, access_list: Vec::new() };
        let choice = Choice { nonce, gas_limit, fees };
        let made = ringi_chain::evm::encode(ask.plan, ask.intent, &account(), &choice);
        made.map_err(|e| ChainPortError::Rejected { code: e.code().into(), detail: e.to_string() })
    }

    async fn broadcast(&self, _: NetworkId, signed: &SignedTx) -> Result<(), ChainPortError> {
        self.0.alive().await;
        self.up()?;
        let mut seen = self.0.seen.lock().unwrap();
        seen.broadcasts += 1;
        if seen.pool.iter().any(|(id, _, _)| *id == signed.id) {
            return Ok(());
        }
        // Whose bytes these are is known from what was signed: the payload is part of the transaction.
        let nonce = seen.signed.iter().rev().find_map(|(_, slot, unsigned)| {
            let body = &unsigned.bytes[2..];
            let Slot::Nonce { nonce, .. } = slot else { return None };
            signed.bytes.windows(body.len()).any(|w| w == body).then_some(*nonce)
        });
        seen.pool.push((signed.id.clone(), nonce.unwrap(), signed.bytes.clone()));
        Ok(())
    }

    async fn status(&self, _: NetworkId, id: &str, slot: &Slot) -> Result<TxStatus, ChainPortError> {
        self.0.alive().await;
        self.up()?;
        let mut seen = self.0.seen.lock().unwrap();
        seen.looks += 1;
        let Slot::Nonce { nonce, .. } = slot else { panic!("nonce") };
        Ok(match seen.mined.get(nonce) {
            Some((mined, height)) if mined == id => TxStatus::Included {
                height: *height,
                block: format!("b{height}"),
                confirmations: seen.height - height + 1,
                outcome: TxOutcome::Success,
            },
            Some((other, _)) => TxStatus::SlotTaken { by: Some(other.clone()) },
            None if seen.pool.iter().any(|(known, _, _)| known == id) => TxStatus::Pending,
            None => TxStatus::Unknown,
        })
    }

    async fn watch(&self, _: Vec<Watch>) {}

    async fn balance(&self, _: NetworkId, _: &[OwnAddress], _: &AssetKey) -> Result<Amount, ChainPortError> {
        Ok(Amount::from_u64(42))
    }
}

/// Starts the orchestrator over the folder's database, in this world.
pub async fn start(world: &Arc<World>, folder: &Path) -> Orchestrator {
    let store = SqliteStore::open(folder).await.unwrap();
    start_with(world, store).await
}

pub async fn start_with(world: &Arc<World>, store: SqliteStore) -> Orchestrator {
    let ports = Ports {
        store: Arc::new(store.clone()),
        cosigners: Arc::new(FakeCosigners(world.clone())),
        chain: Arc::new(FakeChain(world.clone())),
        clock: Arc::new(SystemClock),
        random: world.clone(),
        crash: world.clone(),
    };
    let config = Config {
        attempt_timeout_ms: 200,
        max_attempts: 5,
        backoff_ms: 1,
        backoff_max_ms: 20,
        verdict_grace_ms: 50,
        sweep_ms: 50,
    };
    Orchestrator::start(config, ports, Arc::new(store)).await.unwrap()
}
