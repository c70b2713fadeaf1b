//! A small world for tests: three people, two networks, three assets, one vault of rules under test.

use crate::{Question, decide};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::{Asset, AssetKey};
use ringi_primitives::decision::{Charge, Decision, DenyReason, Spending};
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::{Effect, OpaqueKind};
use ringi_primitives::id::{IntentId, PersonId, WalletId};
use ringi_primitives::network::{BitcoinNetwork, NetworkId};
use ringi_primitives::policy_set::{
    AllowEntry, AllowList, Demand, Group, Match, Person, PolicySet, RootIndex, Rule, Temperature, Vault,
};
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::{VaultIndex, WalletRef};
use std::collections::BTreeSet;

pub const EVM: NetworkId = NetworkId::Evm(1);
pub const OTHER_EVM: NetworkId = NetworkId::Evm(10);
pub const BTC: NetworkId = NetworkId::Bitcoin(BitcoinNetwork::Regtest);
pub const DAY_S: u64 = 86_400;
pub const NOW: UnixMs = UnixMs(1_800_000_000_000);

pub fn person(n: u8) -> PersonId {
    PersonId::from_bytes([n; 16])
}

pub fn intent(n: u8) -> IntentId {
    IntentId::from_bytes([n; 16])
}

pub fn wallet(n: u8) -> WalletId {
    WalletId::from_bytes([n; 16])
}

pub fn address(n: u8) -> Address {
    Address::new(&[n; 20]).unwrap()
}

pub fn amount(n: u64) -> Amount {
    Amount::from_u64(n)
}

pub fn eth() -> AssetKey {
    AssetKey::native(EVM)
}

pub fn btc() -> AssetKey {
    AssetKey::native(BTC)
}

pub fn usdc() -> AssetKey {
    AssetKey::token(EVM, address(0xcc))
}

pub fn transfer(asset: AssetKey, to: u8, n: u64) -> Effect {
    Effect::Transfer { asset, to: address(to), amount: amount(n) }
}

pub fn opaque(kind: OpaqueKind, target: Option<u8>, value: u64) -> Effect {
    Effect::Opaque { network: EVM, kind, target: target.map(address), value: amount(value), payload: Digest::ZERO }
}

pub fn rule(name: &str, when: Match, then: Demand) -> Rule {
    Rule { name: name.into(), when, then }
}

/// A rule that applies to any effect.
pub fn any(name: &str, then: Demand) -> Rule {
    rule(name, Match::default(), then)
}

pub fn kinds(names: &[&str]) -> Match {
    Match { kinds: names.iter().map(|k| k.to_string()).collect(), ..Match::default() }
}

pub fn permit_all() -> Rule {
    any("permit", Demand::Permit)
}

pub fn deny(rule: &str, reason: DenyReason) -> Decision {
    Decision::Deny { rule: rule.into(), reason }
}

pub fn is_deny(decision: &Decision) -> bool {
    matches!(decision, Decision::Deny { .. })
}

/// The charges of a decision that must be an allow.
pub fn charges(decision: Decision) -> Vec<Charge> {
    match decision {
        Decision::Allow { charges, .. } => charges,
        other => panic!("not allowed: {other:?}"),
    }
}

/// Everything a question borrows.
#[derive(Clone, Debug)]
pub struct World {
    pub policy: PolicySet,
    pub wallet: WalletId,
    pub initiator: PersonId,
    pub effects: Vec<Effect>,
    pub network: NetworkId,
    pub fee: Amount,
    pub approvals: BTreeSet<PersonId>,
    pub intent: IntentId,
    pub spent: Vec<Spending>,
    pub now: UnixMs,
}

impl World {
    /// People 1 to 4; groups `ops` {1, 2, 3} and `board` {2, 3, 4}; list `known` holds address 7 on `EVM`. Person 1
    /// asks for 100 usdc to address 7 at a fee of 10 wei.
    pub fn new(rules: Vec<Rule>) -> World {
        let asset = |id: &str, key| Asset { id: id.into(), key, decimals: 6 };
        let group = |name: &str, members: &[u8]| Group {
            name: name.into(),
            members: members.iter().map(|n| person(*n)).collect(),
        };
        let known = BTreeSet::from([AllowEntry { network: EVM, address: address(7) }]);
        let vault = Vault {
            index: VaultIndex(1),
            name: "ops".into(),
            temperature: Temperature::Warm,
            root: RootIndex(0),
            rules,
        };
        let policy = PolicySet {
            freezers: None,
            vetoers: None,
            version: 1,
            genesis: Digest::ZERO,
            sequence: 1,
            previous: None,
            issued_at: UnixMs(0),
            people: (1..=4)
                .map(|n| Person { id: person(n), name: format!("p{n}"), keys: vec![], passkeys: vec![] })
                .collect(),
            groups: vec![group("ops", &[1, 2, 3]), group("board", &[2, 3, 4])],
            networks: vec![EVM, OTHER_EVM, BTC],
            assets: vec![
                asset("eth", eth()),
                asset("op-eth", AssetKey::native(OTHER_EVM)),
                asset("btc", btc()),
                asset("usdc", usdc()),
            ],
            allow_lists: vec![
                AllowList { name: "known".into(), entries: known },
                AllowList { name: "empty".into(), entries: BTreeSet::new() },
            ],
            functions: vec![],
            permits: vec![],
            vaults: vec![vault],
        };
        World {
            policy,
            wallet: wallet(1),
            initiator: person(1),
            effects: vec![transfer(usdc(), 7, 100)],
            network: EVM,
            fee: amount(10),
            approvals: BTreeSet::new(),
            intent: intent(1),
            spent: vec![],
            now: NOW,
        }
    }

    pub fn rules(&mut self) -> &mut Vec<Rule> {
        &mut self.policy.vaults[0].rules
    }

    pub fn asks(mut self, effects: Vec<Effect>) -> World {
        self.effects = effects;
        self
    }

    pub fn approved_by(mut self, people: &[u8]) -> World {
        self.approvals = people.iter().map(|n| person(*n)).collect();
        self
    }

    /// The same question about Bitcoin: `n` satoshi at a fee of 10.
    pub fn on_bitcoin(mut self, n: u64) -> World {
        self.network = BTC;
        self.effects = vec![transfer(btc(), 7, n)];
        self
    }

    pub fn decide(&self) -> Decision {
        self.policy.validate().expect("tests ask sound policy sets");
        decide(&Question {
            policy: &self.policy,
            wallet: WalletRef { vault: VaultIndex(1), wallet: self.wallet },
            initiator: self.initiator,
            effects: &self.effects,
            network: self.network,
            fee: self.fee,
            approvals: &self.approvals,
            intent: self.intent,
            spent: &self.spent,
            now: self.now,
        })
    }

    /// Enters the charges of an allow into the memory, as a cosigner does when it signs.
    pub fn sign(&mut self) -> Vec<Charge> {
        let charges = charges(self.decide());
        for charge in &charges {
            self.spent.push(Spending {
                limit: charge.limit.clone(),
                intent: self.intent,
                amount: charge.amount,
                at: self.now,
            });
        }
        charges
    }
}
