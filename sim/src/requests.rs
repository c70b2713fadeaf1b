//! A standard workspace to attack: one policy, one hot vault, an EVM and a Bitcoin network, and requests that are right.

use crate::enclaves::Enclaves;
use crate::people::{Someone, signed};
use crate::recipients::recipients;
use crate::world::{Kept, World, party};
use ringi_chain::evm::{Choice, Fees};
use ringi_chain::{KeySource, evm};
use ringi_mpc::hd::derive_public;
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::approval::Envelope;
use ringi_primitives::asset::{Asset, AssetKey};
use ringi_primitives::cbor;
use ringi_primitives::certificate::SignedCertificate;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::Assurance;
use ringi_primitives::id::{IntentId, WalletId};
use ringi_primitives::intent::Intent;
use ringi_primitives::network::{BitcoinNetwork, NetworkId};
use ringi_primitives::plan::Plan;
use ringi_primitives::policy_set::*;
use ringi_primitives::request::{SigningRequest, Unsigned};
use ringi_primitives::scheme::Scheme;
use ringi_primitives::signed::Signed;
use ringi_primitives::wallet::{KeyPosition, VaultIndex, WalletRef};
use ringi_primitives::wire::{FromCosigner, ToCosigner};
use std::collections::BTreeSet;

/// The EVM chain of the world.
pub const EVM: NetworkId = NetworkId::Evm(31337);
/// The Bitcoin chain of the world.
pub const BITCOIN: NetworkId = NetworkId::Bitcoin(BitcoinNetwork::Regtest);
/// A recipient on the allow-list.
pub const FRIEND: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
/// A recipient that is not.
pub const STRANGER: &str = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
/// The token contract.
pub const TOKEN: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
/// The vault.
pub const VAULT: VaultIndex = VaultIndex(1);
/// The wallet.
pub const WALLET: WalletRef = WalletRef { vault: VAULT, wallet: WalletId::NIL };
/// Cap per rolling day in the network's coin, base units.
pub const DAY_CAP: u64 = 1_000_000;
/// Above this, two of three approvers.
pub const FREE: u64 = 600_000;

/// Who initiates.
pub fn initiator() -> Someone {
    Someone::number(101, "Ines")
}

/// The three approvers.
pub fn approvers() -> [Someone; 3] {
    [Someone::number(111, "Amir"), Someone::number(112, "Bea"), Someone::number(113, "Carl")]
}

/// Distributed keys and policy of a standard workspace.
pub struct Standard {
    /// The policy set in force.
    pub policy: PolicySet,
    /// As signed.
    pub signed: Signed,
    /// Its keys.
    pub certificates: Vec<SignedCertificate>,
}

fn address(text: &str) -> Address {
    evm::parse_address(text).expect("checksummed")
}

/// The standard policy set of this workspace.
pub fn policy(genesis: Digest) -> PolicySet {
    let person = |s: &Someone, purpose| Person {
        id: s.id,
        name: s.name.into(),
        keys: vec![PersonKey { key: s.public(), purpose }],
        passkeys: vec![],
    };
    let coin = AssetKey::native(EVM);
    let entries = BTreeSet::from([AllowEntry { network: EVM, address: address(FRIEND) }]);
    let mut people = vec![person(&initiator(), KeyPurpose::Initiate)];
    people.extend(approvers().iter().map(|s| person(s, KeyPurpose::Approve)));
    let day = Limit {
        name: "day".into(),
        measure: Measure::Asset(coin),
        most: Amount::from_u64(DAY_CAP),
        window: Window::Rolling(86_400),
        per: Scope::Vault,
    };
    PolicySet {
        freezers: None,
        vetoers: None,
        change_delay_s: None,
        version: 1,
        genesis,
        sequence: 1,
        previous: None,
        issued_at: crate::world::START,
        people,
        groups: vec![Group { name: "approvers".into(), members: approvers().iter().map(|s| s.id).collect() }],
        networks: vec![EVM, BITCOIN],
        assets: vec![
            Asset { id: "eth".into(), key: coin, decimals: 18 },
            Asset { id: "usd".into(), key: AssetKey::token(EVM, address(TOKEN)), decimals: 6 },
            Asset { id: "btc".into(), key: AssetKey::native(BITCOIN), decimals: 8 },
        ],
        allow_lists: vec![AllowList { name: "friends".into(), entries, tags: BTreeSet::new() }],
        functions: vec![],
        permits: vec![],
        vaults: vec![Vault {
            index: VAULT,
            name: "treasury".into(),
            temperature: Temperature::Hot,
            root: RootIndex(0),
            limits: vec![day],
            rules: rules(),
        }],
        wallets: vec![],
        messages: vec![],
        trust: None,
    }
}

/// Up to [`FREE`] of the coin alone, more with two approvals, under the day's limit; on the EVM chain to friends only.
fn rules() -> Vec<Rule> {
    let terms = || Terms {
        limits: vec!["day".into()],
        max_fees: vec![FeeCap { network: BITCOIN, most: Amount::from_u64(50_000) }],
        ..Terms::default()
    };
    let free = Amount::from_u64(FREE);
    let small = Band { measure: Measure::Asset(AssetKey::native(EVM)), above: None, at_most: Some(free) };
    let two = Approvals {
        any_of: vec![vec![Seats { group: "approvers".into(), count: 2 }]],
        initiator: OwnApproval::Counts,
        display: Display::Any,
    };
    let strangers =
        Conditions { networks: vec![EVM], destinations: vec![Destination::Unlisted], ..Conditions::default() };
    vec![
        Rule { name: "strangers".into(), when: strangers, then: Ruling::Block },
        Rule {
            name: "pay".into(),
            when: Conditions { amounts: vec![small], ..Conditions::default() },
            then: Ruling::Allow(terms()),
        },
        Rule {
            name: "big".into(),
            when: Conditions::default(),
            then: Ruling::Allow(Terms { approvals: Some(two), ..terms() }),
        },
    ]
}

/// Adds a limit to the first vault, which every rule that allows charges.
pub fn limit_all(policy: &mut PolicySet, name: &str, asset: AssetKey, most: u64) {
    let Some(vault) = policy.vaults.first_mut() else { return };
    vault.limits.push(Limit {
        name: name.into(),
        measure: Measure::Asset(asset),
        most: Amount::from_u64(most),
        window: Window::Rolling(86_400),
        per: Scope::Vault,
    });
    for rule in &mut vault.rules {
        if let Ruling::Allow(terms) = &mut rule.then {
            terms.limits.push(name.into());
        }
    }
}

/// Public keys of a wallet, derived from certificates as any verifier does.
pub struct CertifiedKeys<'a> {
    /// Signed by all n.
    pub certificates: &'a [SignedCertificate],
    /// The wallet.
    pub wallet: WalletRef,
}

impl KeySource for CertifiedKeys<'_> {
    fn public_key(&self, scheme: Scheme, position: KeyPosition) -> Option<Vec<u8>> {
        let certificate = &self.certificates.iter().find(|c| c.certificate.key.scheme == scheme)?.certificate;
        let path = self.wallet.path(position)?;
        Some(derive_public(scheme, &certificate.public_key, &certificate.chain_code, &path).ok()?.public_key)
    }
}

/// Where worlds are kept between tests.
pub(crate) fn cache() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/sim-cache")
}

impl Standard {
    /// Installs the standard policy and makes the key of each scheme.
    pub fn install(world: &mut World, schemes: &[Scheme]) -> Standard {
        let standard = Standard::undrilled(world, schemes);
        // K3: or production signs nothing.
        if world.genesis().head().assurance == Assurance::Nitro {
            let drill = |p| assert_eq!(world.drill(p, &standard.certificates, &[1, 2]), "passed");
            [1, 2, 3].map(party).into_iter().for_each(drill);
        }
        standard
    }

    /// The same before any recovery drill.
    pub fn undrilled(world: &mut World, schemes: &[Scheme]) -> Standard {
        let policy = policy(world.root());
        let signed = signed(Domain::PolicySet, &policy, &[&world.admins[0], &world.admins[2]]);
        world.tell_all(&ToCosigner::InstallPolicy { set: signed.clone() });
        let keys = schemes.iter().map(|s| ringi_primitives::order::KeyId { scheme: *s, root: RootIndex(0) });
        let certificates: Vec<_> = keys.map(|k| world.generate(k).expect("key generation")).collect();
        Standard { policy, signed, certificates }
    }

    /// A 2-of-3 world with the standard policy and keys of all schemes, at `START` or a little later. Key generation runs
    /// once per format; later worlds restart from its sealed records, kept beside the build.
    pub fn world(seed: u64) -> (World, Standard) {
        Standard::kept_world(seed, "standard", None)
    }

    /// The same in emulated enclaves (rule E2).
    pub fn attested_world(seed: u64) -> (World, Standard) {
        let enclaves = Enclaves::new();
        let name = format!("attested-{}", Digest(enclaves.root().0));
        Standard::kept_world(seed, &name, Some(enclaves))
    }

    /// The same with recovery recipients (rule K3).
    pub fn recoverable_world(seed: u64) -> (World, Standard) {
        Standard::kept(seed, "recoverable", None, || World::recoverable(2, 3, seed, recipients()))
    }

    fn kept_world(seed: u64, name: &str, enclaves: Option<Enclaves>) -> (World, Standard) {
        Standard::kept(seed, name, enclaves.clone(), || match enclaves {
            None => World::new(2, 3, seed),
            Some(enclaves) => World::attested(2, 3, seed, enclaves),
        })
    }

    fn kept(seed: u64, name: &str, enclaves: Option<Enclaves>, make: impl FnOnce() -> World) -> (World, Standard) {
        let format = Digest::of(Domain::PolicySet, &cbor::encode(&policy(Digest::ZERO)));
        let file = cache().join(format!("{name}-{format}.cbor"));
        let kept = std::fs::read(&file).ok().and_then(|b| cbor::decode::<Kept>(&b, usize::MAX).ok());
        if let Some(kept) = kept
            && let Some(mut world) = World::restore(&kept, seed, enclaves)
        {
            let policy = policy(world.root());
            let signed = signed(Domain::PolicySet, &policy, &[&world.admins[0], &world.admins[2]]);
            world.parties().into_iter().for_each(|p| drop(world.take_said(p)));
            return (world, Standard { policy, signed, certificates: kept.certificates });
        }
        let mut world = make();
        let standard = Standard::install(&mut world, &Scheme::ALL);
        let bytes = cbor::encode(&world.keep(standard.certificates.clone()));
        // The cache is a convenience: a full disk only makes the next test slower.
        let temporary = file.with_extension(format!("{}", std::process::id()));
        let _ = std::fs::create_dir_all(cache()).and_then(|()| std::fs::write(&temporary, bytes));
        let _ = std::fs::rename(&temporary, &file);
        world.parties().into_iter().for_each(|p| drop(world.take_said(p)));
        (world, standard)
    }

    /// Puts the next policy set in force: the standard one after `change`.
    pub fn amend(&mut self, world: &mut World, change: impl FnOnce(&mut PolicySet)) {
        self.policy.previous = Some(self.policy_digest());
        self.policy.sequence += 1;
        change(&mut self.policy);
        self.signed = signed(Domain::PolicySet, &self.policy, &[&world.admins[0], &world.admins[2]]);
        world.tell_all(&ToCosigner::InstallPolicy { set: self.signed.clone() });
    }

    /// Digest of the policy in force.
    pub fn policy_digest(&self) -> Digest {
        self.signed.digest(Domain::PolicySet)
    }

    /// The wallet's keys.
    pub fn keys(&self) -> CertifiedKeys<'_> {
        CertifiedKeys { certificates: &self.certificates, wallet: WALLET }
    }

    /// The wallet's account on the EVM chain.
    pub fn account(&self) -> Address {
        let key = self.keys().public_key(Scheme::EcdsaSecp256k1, KeyPosition::ACCOUNT).expect("an ECDSA key");
        evm::address_from_key(&key).expect("a valid key")
    }
}

/// A request in the making: change any part, then [`Draft::bytes`].
pub struct Draft {
    /// The intent's JSON.
    pub intent: serde_json::Value,
    /// The host's choice.
    pub choice: Choice,
    /// Who approves.
    pub approvals: Vec<Someone>,
    /// Seconds since the epoch of the initiator's signature.
    pub created_s: u64,
}

impl Draft {
    /// A payment of `amount` wei to the friend under nonce `nonce`, as intent number `id`.
    pub fn payment(world: &World, id: u8, amount: u64, nonce: u64) -> Draft {
        let expires = world.now.plus_ms(3_600_000);
        let intent = serde_json::json!({
            "version": 1, "id": IntentId::from_bytes([id; 16]), "genesis": world.root(), "vault": "treasury",
            "wallet": WALLET.wallet, "network": EVM, "max_fee": "42000", "expires_at": expires,
            "actions": [{"type": "transfer", "asset": "eth", "to": FRIEND, "amount": amount.to_string()}],
        });
        let fees = Fees::Eip1559 { max_fee_per_gas: 2, max_priority_fee_per_gas: 1, access_list: vec![] };
        let choice = Choice { nonce, gas_limit: 21_000, fees };
        Draft { intent, choice, approvals: vec![], created_s: world.now.0 / 1000 }
    }

    /// The whole request, right in every part.
    pub fn request(&self, standard: &Standard) -> SigningRequest {
        request(standard, &self.intent, self.created_s, &self.approvals, |plan, intent| {
            evm::encode(plan, intent, &standard.account(), &self.choice).expect("a sound choice")
        })
    }

    /// Its bytes.
    pub fn bytes(&self, standard: &Standard) -> Vec<u8> {
        cbor::encode(&self.request(standard))
    }
}

/// A request for this intent by the initiator, approved by these people, over the bytes that `encode` makes of its plan.
pub fn request(
    standard: &Standard,
    intent: &serde_json::Value,
    created_s: u64,
    approvers: &[Someone],
    encode: impl FnOnce(&Plan, &Intent) -> Unsigned,
) -> SigningRequest {
    let body = serde_json::to_vec(intent).expect("JSON");
    let intent = Intent::parse(&body).expect("a sound intent");
    let plan = ringi_chain::plan(&standard.policy, &intent).expect("a sound plan");
    let unsigned = encode(&plan, &intent);
    let envelope = Envelope {
        version: 1,
        genesis: standard.policy.genesis,
        intent: Intent::digest(&body),
        wallet: WALLET,
        plan,
        policy: standard.policy_digest(),
    };
    SigningRequest {
        version: 1,
        genesis: standard.policy.genesis,
        initiator: initiator().sign_request(&body, created_s, "n-1"),
        intent: body,
        approvals: approvers.iter().map(|a| a.approve(&envelope)).collect(),
        policy: standard.policy_digest(),
        unsigned,
        facts: vec![],
    }
}

/// The code each signer refused with, or `signed`.
pub fn outcomes(answers: &[(ringi_primitives::scheme::PartyIndex, FromCosigner)]) -> Vec<String> {
    answers
        .iter()
        .map(|(_, f)| match f {
            FromCosigner::Refused { refusal, .. } => refusal.code.clone(),
            FromCosigner::Signed { .. } => "signed".into(),
            _ => "?".into(),
        })
        .collect()
}
