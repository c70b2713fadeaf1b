//! One maker per encoded type. Enums have a list of all their variants; which comes first is what counted dice pick.

use crate::dice::Dice;
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::approval::{Approval, Envelope, Evidence};
use ringi_primitives::asset::{Asset, AssetKey};
use ringi_primitives::brake::{Brake, BrakeAction, FreezeTarget, SignedBrake};
use ringi_primitives::certificate::{AddressStatement, Drill, KeyCertificate, SignedCertificate, SignedDrill};
use ringi_primitives::claim::Claim;
use ringi_primitives::decision::{Charge, Decision, DenyReason, LimitKey, MissingApproval, Spending, Subject};
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::{Effect, MessageField, OpaqueKind, Outpoint, Slot};
use ringi_primitives::fact::{Fact, FactKind, SignedFact, Statement};
use ringi_primitives::genesis::{
    Admin, Assurance, CosignerIdentity, Genesis, Measurement, RecoveryRecipient, RelyingParty,
};
use ringi_primitives::httpsig::RequestSignature;
use ringi_primitives::id::{BrakeId, IntentId, OrderId, PersonId, WalletId, WorkspaceId};
use ringi_primitives::key::{PublicKey, SignatureBytes};
use ringi_primitives::kit::{KitRecipient, RecoveryKit, Repetition, SealedPart};
use ringi_primitives::network::{BitcoinNetwork, NetworkId};
use ringi_primitives::order::{KeyId, NextNonce, Order, OrderAction};
use ringi_primitives::passkey::Passkey;
use ringi_primitives::plan::Plan;
use ringi_primitives::policy_set::*;
use ringi_primitives::receipt::{BootCertificate, Receipt, SignedBoot, SignedVerdict, Verdict};
use ringi_primitives::request::{FinishedSignature, PayloadKind, SigningRequest, Unsigned};
use ringi_primitives::scheme::{PartyIndex, Scheme};
use ringi_primitives::signed::{PersonSignature, Signed};
use ringi_primitives::time::UnixMs;
use ringi_primitives::trust::{BalanceTrust, FinalTrust, PriceTrust, Trust, Witness};
use ringi_primitives::upgrade::{HandOver, UpgradeStep, UpgradeWord};
use ringi_primitives::wallet::{KeyPosition, VaultIndex, WalletRef};
use ringi_primitives::wire::{
    CosignerStatus, FromCosigner, KeptKey, KeyAccess, LostShare, RecordKind, Refusal, Retry, Tag, ToCosigner,
};

pub const SCHEMES: [Scheme; 3] = Scheme::ALL;
pub const BITCOIN_NETWORKS: [BitcoinNetwork; 4] =
    [BitcoinNetwork::Main, BitcoinNetwork::Testnet, BitcoinNetwork::Signet, BitcoinNetwork::Regtest];
pub const OPAQUE_KINDS: [OpaqueKind; 4] =
    [OpaqueKind::Call, OpaqueKind::TypedData, OpaqueKind::Message, OpaqueKind::Creation];
pub const PAYLOAD_KINDS: [PayloadKind; 4] =
    [PayloadKind::Transaction, PayloadKind::TypedData, PayloadKind::Message, PayloadKind::Authorization];
pub const PURPOSES: [KeyPurpose; 2] = [KeyPurpose::Initiate, KeyPurpose::Approve];
pub const TEMPERATURES: [Temperature; 3] = [Temperature::Hot, Temperature::Warm, Temperature::Cold];
pub const SCOPES: [Scope; 4] = [Scope::Vault, Scope::Wallet, Scope::Initiator, Scope::Destination];
pub const PERIODS: [Period; 3] = [Period::Day, Period::Week, Period::Month];
pub const DISPLAYS: [Display; 2] = [Display::Any, Display::Independent];
pub const OWN_APPROVALS: [OwnApproval; 2] = [OwnApproval::Counts, OwnApproval::DoesNotCount];
pub const ASSURANCES: [Assurance; 3] = [Assurance::Process, Assurance::Qemu, Assurance::Nitro];
pub const RECORD_KINDS: [RecordKind; 3] = [RecordKind::Change, RecordKind::Snapshot, RecordKind::SnapshotPart];
pub const FACT_KINDS: [FactKind; 3] = FactKind::ALL;
pub const RETRIES: [Retry; 2] = [Retry::Never, Retry::Later];
pub const REASONS: [DenyReason; 11] = [
    DenyReason::NotPermitted,
    DenyReason::Denied,
    DenyReason::BalanceMissing,
    DenyReason::TransactionCap,
    DenyReason::LimitExceeded,
    DenyReason::FeeCap,
    DenyReason::ColdVault,
    DenyReason::Unknown,
    DenyReason::Overflow,
    DenyReason::PriceMissing,
    DenyReason::SignerMissing,
];

pub fn digest(d: &mut Dice) -> Digest {
    Digest(d.bytes())
}

pub fn person(d: &mut Dice) -> PersonId {
    PersonId::from_bytes(d.bytes())
}

pub fn intent_id(d: &mut Dice) -> IntentId {
    IntentId::from_bytes(d.bytes())
}

pub fn order_id(d: &mut Dice) -> OrderId {
    OrderId::from_bytes(d.bytes())
}

pub fn time(d: &mut Dice) -> UnixMs {
    UnixMs(d.u64())
}

pub fn party(d: &mut Dice) -> PartyIndex {
    PartyIndex::new((d.next() % 9) as u8 + 1).unwrap()
}

pub fn amount(d: &mut Dice) -> Amount {
    let small = Amount::from_u64(d.u64());
    let large = Amount::from_be_bytes(d.bytes());
    d.pick(&[small, large, Amount::MAX, Amount::ZERO])
}

pub fn address(d: &mut Dice) -> Address {
    let (evm, script) = (d.bytes::<20>(), d.bytes::<42>());
    let length = d.below(42) + 1;
    let random = Address::new(&script[..length]).unwrap();
    d.pick(&[Address::new(&evm).unwrap(), random])
}

pub fn networks(d: &mut Dice) -> Vec<NetworkId> {
    vec![NetworkId::Evm(d.u64()), NetworkId::Bitcoin(d.pick(&BITCOIN_NETWORKS))]
}

pub fn network(d: &mut Dice) -> NetworkId {
    let all = networks(d);
    d.pick(&all)
}

pub fn asset_key(d: &mut Dice) -> AssetKey {
    AssetKey { network: network(d), token: d.maybe(address) }
}

pub fn asset(d: &mut Dice) -> Asset {
    Asset { id: d.text(), key: asset_key(d), decimals: d.u8() }
}

pub fn public_keys(d: &mut Dice) -> Vec<PublicKey> {
    vec![PublicKey::Ed25519(d.bytes()), PublicKey::P256(d.bytes())]
}

pub fn public_key(d: &mut Dice) -> PublicKey {
    let all = public_keys(d);
    d.pick(&all)
}

pub fn signature(d: &mut Dice) -> SignatureBytes {
    SignatureBytes(d.bytes())
}

pub fn wallet(d: &mut Dice) -> WalletRef {
    WalletRef { vault: VaultIndex(d.u32()), wallet: WalletId::from_bytes(d.bytes()) }
}

pub fn signed(d: &mut Dice) -> Signed {
    let by = |d: &mut Dice| PersonSignature { person: person(d), key: public_key(d), signature: signature(d) };
    Signed { body: d.blob(), signatures: d.some(by) }
}

pub fn genesis(d: &mut Dice) -> Genesis {
    let admin = |d: &mut Dice| Admin { id: person(d), name: d.text(), key: public_key(d) };
    let cosigner = |d: &mut Dice| CosignerIdentity {
        index: party(d),
        name: d.text(),
        channel_key: d.bytes(),
        identity_key: public_key(d),
    };
    let relying = |d: &mut Dice| RelyingParty { id: d.text(), origins: d.some(Dice::text) };
    let recovery = |d: &mut Dice| RecoveryRecipient { cosigner: party(d), person: person(d), key: d.bytes() };
    Genesis {
        version: 1,
        workspace: WorkspaceId::from_bytes(d.bytes()),
        sequence: d.u64(),
        previous: d.maybe(digest),
        created_at: time(d),
        admins: d.some(admin),
        admin_quorum: d.u32(),
        threshold: d.u8(),
        cosigners: d.some(cosigner),
        measurements: d.some(measurement),
        trust_roots: d.some(digest),
        relying_parties: d.some(relying),
        kms_keys: d.some(Dice::text),
        recovery: d.some(recovery),
        assurance: d.pick(&ASSURANCES),
    }
}

fn measures(d: &mut Dice) -> Vec<Measure> {
    vec![Measure::Asset(asset_key(d)), Measure::Usd, Measure::Count]
}

fn measure(d: &mut Dice) -> Measure {
    let all = measures(d);
    d.pick(&all)
}

fn entry(d: &mut Dice) -> AllowEntry {
    AllowEntry { network: network(d), address: address(d) }
}

pub fn destinations(d: &mut Dice) -> Vec<Destination> {
    vec![
        Destination::List(d.text()),
        Destination::Tag(d.text()),
        Destination::Internal,
        Destination::Unlisted,
        Destination::Contract(entry(d)),
    ]
}

fn destination(d: &mut Dice) -> Destination {
    let all = destinations(d);
    d.pick(&all)
}

pub fn word_tests(d: &mut Dice) -> Vec<WordTest> {
    vec![
        WordTest::OneOf(d.some(amount)),
        WordTest::Between { least: amount(d), most: amount(d) },
        WordTest::Destination(d.some(destination)),
    ]
}

fn word_test(d: &mut Dice) -> WordTest {
    let all = word_tests(d);
    d.pick(&all)
}

pub fn caps(d: &mut Dice) -> Vec<Cap> {
    vec![
        Cap::Amount { measure: measure(d), most: amount(d) },
        Cap::ShareOfBalance { asset: asset_key(d), basis_points: d.u16() },
    ]
}

pub fn windows(d: &mut Dice) -> Vec<Window> {
    let calendar = Window::Calendar { period: d.pick(&PERIODS), zone: d.text() };
    vec![Window::Rolling(d.u64()), calendar, Window::UntilFinal]
}

fn window(d: &mut Dice) -> Window {
    let all = windows(d);
    d.pick(&all)
}

fn conditions(d: &mut Dice) -> Conditions {
    let initiator = |d: &mut Dice| {
        let all = [Initiator::Group(d.text()), Initiator::Person(person(d))];
        d.pick(&all)
    };
    let source = |d: &mut Dice| {
        let all = [Source::Wallet(WalletId::from_bytes(d.bytes())), Source::Tag(d.text())];
        d.pick(&all)
    };
    let band = |d: &mut Dice| Band { measure: measure(d), above: d.maybe(amount), at_most: d.maybe(amount) };
    let hours =
        |d: &mut Dice| Hours { zone: d.text(), days: d.some(Dice::u8), from_minute: d.u16(), to_minute: d.u16() };
    let argument = |d: &mut Dice| ArgumentCondition { word: d.u16(), test: word_test(d) };
    let field = |d: &mut Dice| FieldCondition { field: d.text(), test: word_test(d) };
    Conditions {
        kinds: d.some(Dice::text),
        networks: d.some(network),
        assets: d.some(asset_key),
        initiators: d.some(initiator),
        sources: d.some(source),
        destinations: d.some(destination),
        amounts: d.some(band),
        hours: d.some(hours),
        from: d.maybe(time),
        until: d.maybe(time),
        calls: d.some(|d| CallCondition {
            network: network(d),
            contract: address(d),
            function: d.text(),
            arguments: d.some(argument),
        }),
        messages: d.some(|d| MessageCondition {
            network: network(d),
            contract: address(d),
            kind: d.text(),
            fields: d.some(field),
        }),
        coins: d.maybe(|d| CoinCondition {
            max_inputs: d.maybe(Dice::u32),
            max_outputs: d.maybe(Dice::u32),
            max_input_value: d.maybe(amount),
        }),
        within: d.some(Dice::text),
    }
}

fn terms(d: &mut Dice) -> Terms {
    let cap = |d: &mut Dice| {
        let all = caps(d);
        d.pick(&all)
    };
    let seats = |d: &mut Dice| Seats { group: d.text(), count: d.u32() };
    Terms {
        caps: d.some(cap),
        limits: d.some(Dice::text),
        max_fees: d.some(|d| FeeCap { network: network(d), most: amount(d) }),
        approvals: d.maybe(|d| Approvals {
            any_of: d.some(|d| d.some(seats)),
            initiator: d.pick(&OWN_APPROVALS),
            display: d.pick(&DISPLAYS),
        }),
        signers: d.some(party),
    }
}

pub fn rulings(d: &mut Dice) -> Vec<Ruling> {
    vec![Ruling::Allow(terms(d)), Ruling::Block]
}

fn rule(d: &mut Dice) -> Rule {
    let all = rulings(d);
    Rule { name: d.text(), when: conditions(d), then: d.pick(&all) }
}

fn vault(d: &mut Dice) -> Vault {
    Vault {
        index: VaultIndex(d.u32()),
        name: d.text(),
        temperature: d.pick(&TEMPERATURES),
        root: RootIndex(d.u16()),
        limits: d.some(|d| Limit {
            name: d.text(),
            measure: measure(d),
            most: amount(d),
            window: window(d),
            per: d.pick(&SCOPES),
        }),
        rules: d.some(rule),
    }
}

pub fn policy_set(d: &mut Dice) -> PolicySet {
    let key = |d: &mut Dice| PersonKey { key: public_key(d), purpose: d.pick(&PURPOSES) };
    let passkey = |d: &mut Dice| Passkey {
        credential: d.blob(),
        key: public_key(d),
        relying_party: d.text(),
        backup_eligible: d.pick(&[true, false]),
    };
    let function = |d: &mut Dice| ContractFunction { network: network(d), contract: address(d), signature: d.text() };
    let permit =
        |d: &mut Dice| PermitDomain { asset: asset_key(d), name: d.text(), version: d.text(), max_life_s: d.u64() };
    PolicySet {
        version: 1,
        genesis: digest(d),
        sequence: d.u64(),
        previous: d.maybe(digest),
        issued_at: time(d),
        people: d.some(|d| Person { id: person(d), name: d.text(), keys: d.some(key), passkeys: d.some(passkey) }),
        groups: d.some(|d| Group { name: d.text(), members: d.some(person) }),
        networks: d.some(network),
        assets: d.some(asset),
        allow_lists: d.some(|d| AllowList { name: d.text(), entries: d.some(entry), tags: d.some(Dice::text) }),
        functions: d.some(function),
        permits: d.some(permit),
        vaults: d.some(vault),
        wallets: d.some(|d| KnownWallet { wallet: wallet(d), tags: d.some(Dice::text), addresses: d.some(entry) }),
        messages: d.some(|d| MessageKind { network: network(d), contract: address(d), kind: d.text() }),
        trust: d.maybe(trust),
        freezers: d.maybe(Dice::text),
        vetoers: d.maybe(Dice::text),
        change_delay_s: d.maybe(Dice::u64),
    }
}

fn trust(d: &mut Dice) -> Trust {
    let witness = |d: &mut Dice| Witness {
        name: d.text(),
        key: public_key(d),
        vouches: d.some(|d| FACT_KINDS[d.next() as usize % FACT_KINDS.len()]),
    };
    Trust {
        witnesses: d.some(witness),
        prices: d.maybe(|d| PriceTrust { max_age_s: d.u64(), quorum: d.u32(), max_spread_bps: d.u32() }),
        balances: d.maybe(|d| BalanceTrust { max_age_s: d.u64(), quorum: d.u32() }),
        finals: d.maybe(|d| FinalTrust { quorum: d.u32() }),
    }
}

pub fn facts(d: &mut Dice) -> Vec<Fact> {
    vec![
        Fact::Price { asset: asset_key(d), price: amount(d) },
        Fact::Balance { wallet: wallet(d), asset: asset_key(d), amount: amount(d) },
        Fact::Final { intent: intent_id(d), slot: slot(d) },
    ]
}

pub fn signed_facts(d: &mut Dice) -> Vec<SignedFact> {
    let signed = |d: &mut Dice, fact| SignedFact {
        statement: Statement { version: 1, genesis: digest(d), witness: public_key(d), fact, at: time(d) },
        signature: signature(d),
    };
    facts(d).into_iter().map(|fact| signed(d, fact)).collect()
}

pub fn signed_fact(d: &mut Dice) -> SignedFact {
    let all = signed_facts(d);
    d.pick(&all)
}

fn measurement(d: &mut Dice) -> Measurement {
    Measurement { pcr: d.u8(), value: d.blob() }
}

fn key_id(d: &mut Dice) -> KeyId {
    KeyId { scheme: d.pick(&SCHEMES), root: RootIndex(d.u16()) }
}

pub fn actions(d: &mut Dice) -> Vec<OrderAction> {
    vec![
        OrderAction::KeyGeneration { key: key_id(d) },
        OrderAction::Refresh { key: key_id(d), epoch: d.u32(), clear_bans: d.some(party) },
        OrderAction::Resume { boot_keys: d.some(public_key) },
        OrderAction::GiveBack { intent: intent_id(d) },
    ]
}

fn recovery_action(d: &mut Dice) -> OrderAction {
    let next = |d: &mut Dice| NextNonce { network: network(d), account: address(d), nonce: d.u64() };
    OrderAction::Recovery {
        cosigner: party(d),
        channel_key: d.bytes(),
        kits: d.some(digest),
        policy: digest(d),
        nonces: d.some(next),
    }
}

pub fn orders(d: &mut Dice) -> Vec<Order> {
    let order = |d: &mut Dice, action| Order {
        version: 1,
        id: order_id(d),
        genesis: digest(d),
        issued_at: time(d),
        expires_at: time(d),
        action,
    };
    let mut orders: Vec<Order> = actions(d).into_iter().map(|a| order(d, a)).collect();
    // Behind the others, whose forms are frozen.
    let upgrade = OrderAction::Upgrade { cosigner: party(d), head: digest(d), measurements: d.some(measurement) };
    orders.push(order(d, upgrade));
    let recovery = recovery_action(d);
    orders.push(order(d, recovery));
    let unfreeze = OrderAction::Unfreeze { freezes: d.some(digest) };
    orders.push(order(d, unfreeze));
    let drill = OrderAction::Drill { cosigner: party(d), channel_key: d.bytes(), kits: d.some(digest) };
    orders.push(order(d, drill));
    orders
}

pub fn freeze_targets(d: &mut Dice) -> Vec<FreezeTarget> {
    vec![FreezeTarget::Workspace, FreezeTarget::Vault(VaultIndex(d.u32())), FreezeTarget::Wallet(wallet(d))]
}

pub fn brakes(d: &mut Dice) -> Vec<Brake> {
    let targets = freeze_targets(d);
    let actions = [
        BrakeAction::Freeze { target: d.pick(&targets) },
        BrakeAction::Veto { intent: intent_id(d) },
        BrakeAction::Withdraw { intent: intent_id(d) },
    ];
    let brake = |action| Brake {
        version: 1,
        genesis: digest(d),
        id: BrakeId::from_bytes(d.bytes()),
        by: person(d),
        issued_at: time(d),
        action,
    };
    actions.map(brake).into()
}

pub fn signed_brake(d: &mut Dice) -> SignedBrake {
    let all = brakes(d);
    let body = ringi_primitives::cbor::encode(&d.pick(&all));
    SignedBrake { body, evidence: approval(d).evidence }
}

pub fn order(d: &mut Dice) -> Order {
    let all = orders(d);
    d.pick(&all)
}

pub fn key_certificate(d: &mut Dice) -> KeyCertificate {
    KeyCertificate {
        version: 1,
        genesis: digest(d),
        key: key_id(d),
        epoch: d.u32(),
        public_key: d.blob(),
        chain_code: d.bytes(),
    }
}

pub fn signed_certificate(d: &mut Dice) -> SignedCertificate {
    SignedCertificate { certificate: key_certificate(d), signatures: d.some(|d| (party(d), signature(d))) }
}

pub fn address_statement(d: &mut Dice) -> AddressStatement {
    AddressStatement {
        version: 1,
        genesis: digest(d),
        wallet: wallet(d),
        position: KeyPosition { branch: d.u32(), index: d.u32() },
        network: network(d),
        kind: d.text(),
        address: d.text(),
        certificate: signed_certificate(d),
        drills: d.some(signed_drill),
    }
}

pub fn drill(d: &mut Dice) -> Drill {
    Drill { version: 1, genesis: digest(d), cosigner: party(d), key: key_id(d), order: digest(d), at: time(d) }
}

pub fn signed_drill(d: &mut Dice) -> SignedDrill {
    SignedDrill { drill: drill(d), signature: signature(d) }
}

pub fn boot(d: &mut Dice) -> BootCertificate {
    BootCertificate {
        version: 1,
        genesis: digest(d),
        cosigner: party(d),
        boot: d.u64(),
        receipt_key: public_key(d),
        assurance: d.pick(&ASSURANCES),
        attestation: d.maybe(Dice::blob),
    }
}

pub fn claim(d: &mut Dice) -> Claim {
    Claim {
        version: 1,
        genesis: d.maybe(digest),
        cosigner: party(d),
        channel_key: d.bytes(),
        identity_key: public_key(d),
        receipt_key: public_key(d),
        boot: d.u64(),
    }
}

pub fn signed_boot(d: &mut Dice) -> SignedBoot {
    SignedBoot { certificate: boot(d), signature: signature(d) }
}

pub fn effects(d: &mut Dice) -> Vec<Effect> {
    let asset = asset_key;
    vec![
        Effect::Transfer { asset: asset(d), to: address(d), amount: amount(d) },
        Effect::Approve { asset: asset(d), spender: address(d), amount: amount(d) },
        Effect::TransferFrom { asset: asset(d), owner: address(d), to: address(d), amount: amount(d) },
        Effect::Permit { asset: asset(d), spender: address(d), amount: amount(d), deadline_s: d.u64() },
        Effect::Call {
            network: network(d),
            contract: address(d),
            value: amount(d),
            function: d.text(),
            data: d.blob(),
        },
        Effect::Delegate { network: network(d), delegate: address(d) },
        Effect::SelfCancel { network: network(d) },
        Effect::OwnershipProof { network: network(d), statement: d.text() },
        Effect::Opaque {
            network: network(d),
            kind: d.pick(&OPAQUE_KINDS),
            target: d.maybe(address),
            value: amount(d),
            payload: digest(d),
        },
        Effect::TypedMessage {
            network: network(d),
            contract: address(d),
            kind: d.text(),
            fields: d.some(|d| MessageField { path: d.text(), word: amount(d), text: d.text() }),
            payload: digest(d),
        },
    ]
}

pub fn effect(d: &mut Dice) -> Effect {
    let all = effects(d);
    d.pick(&all)
}

pub fn slots(d: &mut Dice) -> Vec<Slot> {
    let outpoint = |d: &mut Dice| Outpoint { txid: d.bytes(), vout: d.u32() };
    vec![
        Slot::Nonce { network: network(d), account: address(d), nonce: d.u64() },
        Slot::Outpoints { network: network(d), outpoints: d.some(outpoint) },
        Slot::Message { network: network(d), payload: digest(d) },
    ]
}

pub fn slot(d: &mut Dice) -> Slot {
    let all = slots(d);
    d.pick(&all)
}

pub fn verdict(d: &mut Dice) -> Verdict {
    Verdict {
        version: 1,
        genesis: digest(d),
        cosigner: party(d),
        boot: d.u64(),
        sequence: d.u64(),
        previous: digest(d),
        session: digest(d),
        request: digest(d),
        intent: intent_id(d),
        slot: slot(d),
        effects: d.some(effect),
        max_fee: amount(d),
        rules: d.some(Dice::text),
        policy: digest(d),
        at: time(d),
        signers: d.some(party),
    }
}

pub fn signed_verdict(d: &mut Dice) -> SignedVerdict {
    SignedVerdict { verdict: verdict(d), signature: signature(d) }
}

pub fn finished(d: &mut Dice) -> FinishedSignature {
    FinishedSignature { bytes: d.bytes(), recovery_id: d.maybe(Dice::u8) }
}

pub fn plan(d: &mut Dice) -> Plan {
    Plan { network: network(d), effects: d.some(effect), max_fee: amount(d), expires_at: time(d) }
}

pub fn receipt(d: &mut Dice) -> Receipt {
    Receipt {
        version: 1,
        policy: signed(d),
        request: d.blob(),
        plan: plan(d),
        verdicts: d.some(signed_verdict),
        boots: d.some(signed_boot),
        certificates: d.some(signed_certificate),
        signatures: d.some(finished),
        transaction: d.blob(),
        transaction_id: d.text(),
    }
}

pub fn envelope(d: &mut Dice) -> Envelope {
    Envelope { version: 1, genesis: digest(d), intent: digest(d), wallet: wallet(d), plan: plan(d), policy: digest(d) }
}

pub fn evidences(d: &mut Dice) -> Vec<Evidence> {
    vec![
        Evidence::Signature { key: public_key(d), signature: signature(d) },
        Evidence::WebAuthn {
            credential: d.blob(),
            authenticator_data: d.blob(),
            client_data: d.blob(),
            signature: d.blob(),
        },
    ]
}

pub fn approvals(d: &mut Dice) -> Vec<Approval> {
    evidences(d).into_iter().map(|evidence| Approval { person: person(d), evidence }).collect()
}

pub fn approval(d: &mut Dice) -> Approval {
    let all = approvals(d);
    d.pick(&all)
}

pub fn request_signature(d: &mut Dice) -> RequestSignature {
    RequestSignature {
        method: d.text(),
        path: d.text(),
        idempotency_key: d.text(),
        key: public_key(d),
        created_s: d.u64(),
        expires_s: d.u64(),
        nonce: d.text(),
        signature: signature(d),
    }
}

pub fn signing_request(d: &mut Dice) -> SigningRequest {
    SigningRequest {
        version: 1,
        genesis: digest(d),
        intent: d.blob(),
        initiator: request_signature(d),
        approvals: d.some(approval),
        policy: digest(d),
        unsigned: Unsigned { kind: d.pick(&PAYLOAD_KINDS), bytes: d.blob() },
        facts: d.some(signed_fact),
    }
}

pub fn subjects(d: &mut Dice) -> Vec<Subject> {
    vec![
        Subject::Vault,
        Subject::Wallet(WalletId::from_bytes(d.bytes())),
        Subject::Initiator(person(d)),
        Subject::Destination(d.maybe(entry)),
    ]
}

fn limit_key(d: &mut Dice) -> LimitKey {
    let all = subjects(d);
    LimitKey { vault: VaultIndex(d.u32()), name: d.text(), measure: measure(d), subject: d.pick(&all) }
}

pub fn decisions(d: &mut Dice) -> Vec<Decision> {
    let charge = |d: &mut Dice| Charge { limit: limit_key(d), amount: amount(d), cap: amount(d), window: window(d) };
    let missing =
        |d: &mut Dice| MissingApproval { rule: d.text(), group: d.text(), count: d.u32(), display: d.pick(&DISPLAYS) };
    vec![
        Decision::Allow { charges: d.some(charge), rules: d.some(Dice::text) },
        Decision::Deny { rule: d.text(), reason: d.pick(&REASONS) },
        Decision::NeedsApproval { missing: d.some(missing), rules: d.some(Dice::text) },
    ]
}

pub fn decision(d: &mut Dice) -> Decision {
    let all = decisions(d);
    d.pick(&all)
}

pub fn spending(d: &mut Dice) -> Spending {
    Spending { limit: limit_key(d), intent: intent_id(d), amount: amount(d), at: time(d) }
}

pub fn to_cosigners(d: &mut Dice) -> Vec<ToCosigner> {
    vec![
        ToCosigner::Start { version: 2, me: party(d), records: d.u64(), key_access: d.maybe(key_access) },
        ToCosigner::InstallGenesis { versions: d.some(signed) },
        ToCosigner::InstallPolicy { set: signed(d) },
        ToCosigner::Order { order: signed(d) },
        ToCosigner::Sign { tag: Tag(d.bytes()), request: d.blob().into(), signers: d.some(party) },
        ToCosigner::Abort { tag: Tag(d.bytes()) },
        ToCosigner::Peer { from: party(d), frame: d.blob().into() },
        ToCosigner::Stored { sequence: d.u64() },
        ToCosigner::Status,
        ToCosigner::PeerUp { peer: party(d) },
        ToCosigner::Records { records: d.some(|d| d.blob().into()) },
        ToCosigner::Tunnel { bytes: d.blob().into() },
        ToCosigner::Attest { nonce: d.blob().into() },
        ToCosigner::Upgrade { step: upgrade_step(d) },
        ToCosigner::MakeKits,
        ToCosigner::Restore { order: signed(d), shares: d.some(lost_share) },
        ToCosigner::Facts { facts: d.some(signed_fact) },
        ToCosigner::Brake { brake: signed_brake(d) },
    ]
}

fn hand_over(d: &mut Dice) -> HandOver {
    HandOver { sealed_key: d.blob().into(), document: d.blob().into(), records: d.u32() }
}

pub fn upgrade_steps(d: &mut Dice) -> Vec<UpgradeStep> {
    vec![
        UpgradeStep::Ask { genesis: d.some(signed), order: signed(d) },
        UpgradeStep::HandOver { order: signed(d), document: d.blob().into() },
        UpgradeStep::Take { head: hand_over(d) },
        UpgradeStep::Record { record: d.blob().into() },
    ]
}

fn upgrade_step(d: &mut Dice) -> UpgradeStep {
    let all = upgrade_steps(d);
    d.pick(&all)
}

pub fn upgrade_words(d: &mut Dice) -> Vec<UpgradeWord> {
    vec![
        UpgradeWord::Asked { document: d.blob().into() },
        UpgradeWord::HandedOver { head: hand_over(d) },
        UpgradeWord::Record { record: d.blob().into() },
    ]
}

fn upgrade_word(d: &mut Dice) -> UpgradeWord {
    let all = upgrade_words(d);
    d.pick(&all)
}

pub fn repetitions(d: &mut Dice) -> Vec<Repetition> {
    vec![
        Repetition::Blinding { seed: d.bytes(), rest: d.blob().into() },
        Repetition::Rest { value: d.bytes(), seed: d.bytes(), blinding: d.blob().into() },
    ]
}

pub fn recovery_kit(d: &mut Dice) -> RecoveryKit {
    let recipient = |d: &mut Dice| KitRecipient { person: person(d), key: d.bytes(), repetitions: repetitions(d) };
    RecoveryKit {
        version: 1,
        certificate: key_certificate(d),
        cosigner: party(d),
        commitments: d.some(|d| d.blob().into()),
        recipients: d.some(recipient),
        sealed: digest(d),
    }
}

pub fn sealed_part(d: &mut Dice) -> SealedPart {
    SealedPart { kit: digest(d), order: digest(d), person: person(d), part: d.blob().into() }
}

fn lost_share(d: &mut Dice) -> LostShare {
    LostShare {
        kit: d.blob().into(),
        sealed: d.blob().into(),
        certificate: signed_certificate(d),
        parts: d.some(sealed_part),
    }
}

fn kept_key(d: &mut Dice) -> KeptKey {
    KeptKey { genesis: d.some(signed), wrapped_key: d.blob().into() }
}

fn key_access(d: &mut Dice) -> KeyAccess {
    KeyAccess {
        kept: d.maybe(kept_key),
        access_key: d.text(),
        secret_key: d.text(),
        session_token: d.maybe(|d| d.text()),
    }
}

pub fn to_cosigner(d: &mut Dice) -> ToCosigner {
    let all = to_cosigners(d);
    d.pick(&all)
}

fn refusal(d: &mut Dice) -> Refusal {
    Refusal { code: d.text(), detail: d.text(), retry: d.pick(&RETRIES), peers: d.some(party) }
}

fn status(d: &mut Dice) -> CosignerStatus {
    CosignerStatus {
        me: party(d),
        boot: d.u64(),
        ready: d.maybe(|_| ()).is_some(),
        peers: d.some(party),
        policy: d.maybe(digest),
        certificates: d.some(signed_certificate),
        banned: d.some(party),
        sequence: d.u64(),
        sessions: d.u32(),
        boot_key: public_key(d),
        proved: d.some(party),
        refusal: d.maybe(Dice::text),
        freezes: d.maybe(|d| d.some(digest)),
        drills: d.some(signed_drill),
    }
}

pub fn from_cosigners(d: &mut Dice) -> Vec<FromCosigner> {
    vec![
        FromCosigner::Identity {
            me: party(d),
            channel_key: d.bytes(),
            identity_key: public_key(d),
            genesis: d.maybe(digest),
        },
        FromCosigner::Ready { boot: signed_boot(d) },
        FromCosigner::Store { sequence: d.u64(), kind: d.pick(&RECORD_KINDS), record: d.blob().into() },
        FromCosigner::Peer { to: party(d), frame: d.blob().into() },
        FromCosigner::Reserved { tag: Tag(d.bytes()) },
        FromCosigner::Signed { tag: Tag(d.bytes()), signatures: d.some(finished), verdict: signed_verdict(d) },
        FromCosigner::Refused { tag: Tag(d.bytes()), refusal: refusal(d) },
        FromCosigner::GenesisInstalled { root: digest(d), head: digest(d) },
        FromCosigner::PolicyInstalled { digest: digest(d), sequence: d.u64() },
        FromCosigner::OrderDone { order: order_id(d), certificate: d.maybe(signed_certificate) },
        FromCosigner::DocumentRefused { order: d.maybe(order_id), refusal: refusal(d) },
        FromCosigner::Status { status: status(d) },
        FromCosigner::Event { code: d.text(), peer: d.maybe(party), intent: d.maybe(intent_id) },
        FromCosigner::Dial { host: d.text(), port: d.u64() as u16 },
        FromCosigner::Tunnel { bytes: d.blob().into() },
        FromCosigner::KeepKey { key: kept_key(d) },
        FromCosigner::Attested { document: d.maybe(|d| d.blob().into()) },
        FromCosigner::KeyOpen,
        FromCosigner::Upgrade { word: upgrade_word(d) },
        FromCosigner::RecoveryKit { kit: d.blob().into(), sealed: d.blob().into(), certificate: signed_certificate(d) },
        FromCosigner::BrakeHeld { brake: digest(d) },
        FromCosigner::BrakeRefused { brake: digest(d), refusal: refusal(d) },
    ]
}

pub fn from_cosigner(d: &mut Dice) -> FromCosigner {
    let all = from_cosigners(d);
    d.pick(&all)
}
