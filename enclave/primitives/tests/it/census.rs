//! Every variant of every encoded enum, by name. A variant missing here does not compile.

/// `name(&value)` and `ALL` for an enum: the match has no wildcard.
macro_rules! census {
    ($($module:ident: $($path:ident)::+ { $($variant:ident),+ $(,)? })+) => {$(
        pub mod $module {
            pub const ALL: &[&str] = &[$(stringify!($variant)),+];
            pub fn name(value: &ringi_primitives::$($path)::+) -> &'static str {
                use ringi_primitives::$($path)::+ as E;
                match value {
                    $(E::$variant { .. } => stringify!($variant),)+
                }
            }
        }
    )+};
}

census! {
    effect: effects::Effect { Transfer, Approve, TransferFrom, Permit, Call, Delegate, SelfCancel, OwnershipProof, Opaque, TypedMessage }
    slot: effects::Slot { Nonce, Outpoints, Message }
    opaque_kind: effects::OpaqueKind { Call, TypedData, Message, Creation }
    decision: decision::Decision { Allow, Deny, NeedsApproval }
    subject: decision::Subject { Vault, Wallet, Initiator, Destination }
    deny_reason: decision::DenyReason {
        NotPermitted, Denied, BalanceMissing, TransactionCap, LimitExceeded, FeeCap, ColdVault, Unknown, Overflow,
        PriceMissing, SignerMissing,
    }
    ruling: policy_set::Ruling { Allow, Block }
    destination: policy_set::Destination { List, Tag, Internal, Unlisted, Contract }
    word_test: policy_set::WordTest { OneOf, Between, Destination }
    cap: policy_set::Cap { Amount, ShareOfBalance }
    window: policy_set::Window { Rolling, Calendar, UntilFinal }
    period: policy_set::Period { Day, Week, Month }
    display: policy_set::Display { Any, Independent }
    own_approval: policy_set::OwnApproval { Counts, DoesNotCount }
    key_purpose: policy_set::KeyPurpose { Initiate, Approve }
    temperature: policy_set::Temperature { Hot, Warm, Cold }
    scope: policy_set::Scope { Vault, Wallet, Initiator, Destination }
    action: order::OrderAction { KeyGeneration, Refresh, Resume, GiveBack, Upgrade, Recovery, Unfreeze, Drill }
    brake_action: brake::BrakeAction { Freeze, Veto, Withdraw }
    freeze_target: brake::FreezeTarget { Workspace, Vault, Wallet }
    repetition: kit::Repetition { Blinding, Rest }
    evidence: approval::Evidence { Signature, WebAuthn }
    fact: fact::Fact { Price, Balance, Final }
    fact_kind: fact::FactKind { Price, Balance, Final }
    assurance: genesis::Assurance { Process, Qemu, Nitro }
    scheme: scheme::Scheme { EcdsaSecp256k1, Bip340, Ed25519 }
    public_key: key::PublicKey { Ed25519, P256 }
    network: network::NetworkId { Evm, Bitcoin }
    bitcoin_network: network::BitcoinNetwork { Main, Testnet, Signet, Regtest }
    payload_kind: request::PayloadKind { Transaction, TypedData, Message, Authorization }
    record_kind: wire::RecordKind { Change, Snapshot, SnapshotPart }
    retry: wire::Retry { Never, Later }
    to_cosigner: wire::ToCosigner {
        Start, InstallGenesis, InstallPolicy, Order, Sign, Abort, Peer, Stored, Status, PeerUp, Records, Tunnel,
        Attest, Upgrade, MakeKits, Restore, Facts, Brake,
    }
    from_cosigner: wire::FromCosigner {
        Identity, Ready, Store, Peer, Reserved, Signed, Refused, GenesisInstalled, PolicyInstalled, OrderDone,
        DocumentRefused, Status, Event, Dial, Tunnel, KeepKey, Attested,
        KeyOpen, Upgrade, RecoveryKit, BrakeHeld, BrakeRefused,
    }
    upgrade_step: upgrade::UpgradeStep { Ask, HandOver, Take, Record }
    upgrade_word: upgrade::UpgradeWord { Asked, HandedOver, Record }
}
