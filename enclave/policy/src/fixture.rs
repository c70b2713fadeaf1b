//! A small world for tests: three people, two networks, three assets, one vault of rules under test.

use crate::{Coins, Question, decide};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::{Asset, AssetKey};
use ringi_primitives::decision::{Charge, Decision, DenyReason, Spending};
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::{Effect, OpaqueKind};
use ringi_primitives::id::{IntentId, PersonId, WalletId};
use ringi_primitives::key::PublicKey;
use ringi_primitives::network::{BitcoinNetwork, NetworkId};
use ringi_primitives::policy_set::{
    AllowEntry, AllowList, Conditions, ContractFunction, FeeCap, Group, Initiator, KeyPurpose, KnownWallet, Limit,
    Measure, MessageKind, Person, PersonKey, PolicySet, RootIndex, Rule, Ruling, Scope, Seats, Temperature, Terms,
    Vault, Window,
};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::{VaultIndex, WalletRef};
use std::collections::{BTreeMap, BTreeSet};

pub const EVM: NetworkId = NetworkId::Evm(1);
pub const OTHER_EVM: NetworkId = NetworkId::Evm(10);
pub const BTC: NetworkId = NetworkId::Bitcoin(BitcoinNetwork::Regtest);
pub const DAY_S: u64 = 86_400;
pub const NOW: UnixMs = UnixMs(1_800_000_000_000);

pub fn person(n: u8) -> PersonId {
    PersonId::from_bytes([n; 16])
}

fn initiating(n: u8) -> PersonKey {
    PersonKey { key: PublicKey::Ed25519([n; 32]), purpose: KeyPurpose::Initiate }
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

pub fn op_eth() -> AssetKey {
    AssetKey::native(OTHER_EVM)
}

/// Allows what the conditions match, on no terms.
pub fn allow(name: &str, when: Conditions) -> Rule {
    allow_with(name, when, Terms::default())
}

pub fn allow_with(name: &str, when: Conditions, terms: Terms) -> Rule {
    Rule { name: name.into(), when, then: Ruling::Allow(terms) }
}

pub fn block(name: &str, when: Conditions) -> Rule {
    Rule { name: name.into(), when, then: Ruling::Block }
}

/// Allows anything but the dangerous kinds.
pub fn allow_all() -> Rule {
    allow("allow", Conditions::default())
}

pub fn kinds(names: &[&str]) -> Conditions {
    Conditions { kinds: names.iter().map(|k| k.to_string()).collect(), ..Conditions::default() }
}

pub fn from_person(n: u8) -> Conditions {
    Conditions { initiators: vec![Initiator::Person(person(n))], ..Conditions::default() }
}

pub fn fee(network: NetworkId, most: u64) -> Terms {
    Terms { max_fees: vec![FeeCap { network, most: amount(most) }], ..Terms::default() }
}

pub fn charging(limits: &[&str]) -> Terms {
    Terms { limits: limits.iter().map(|l| l.to_string()).collect(), ..Terms::default() }
}

pub fn seats(groups: &[(&str, u32)]) -> Vec<Seats> {
    groups.iter().map(|(group, count)| Seats { group: group.to_string(), count: *count }).collect()
}

pub fn limit(name: &str, measure: Measure, most: u64, window: Window, per: Scope) -> Limit {
    Limit { name: name.into(), measure, most: amount(most), window, per }
}

pub fn per_day(name: &str, asset: AssetKey, most: u64) -> Limit {
    limit(name, Measure::Asset(asset), most, Window::Rolling(DAY_S), Scope::Vault)
}

pub fn deny(rule: &str, reason: DenyReason) -> Decision {
    Decision::Deny { rule: rule.into(), reason }
}

pub fn deny_default(reason: DenyReason) -> Decision {
    deny(crate::DEFAULT_RULE, reason)
}

/// Whether it is allowed by exactly this rule.
pub fn allows(world: &World, rule: &str) -> bool {
    matches!(world.decide(), Decision::Allow { rules, .. } if rules == [rule])
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
    pub independent: BTreeSet<PersonId>,
    pub prices: BTreeMap<AssetKey, Amount>,
    pub balances: BTreeMap<AssetKey, Amount>,
    pub signers: Option<BTreeSet<PartyIndex>>,
    pub coins: Coins,
    pub intent: IntentId,
    pub spent: Vec<Spending>,
    pub now: UnixMs,
}

impl World {
    /// People 1 to 4; groups `ops` {1, 2, 3} and `board` {2, 3, 4}; list `known` (tag `suppliers`) holds address 7 on `EVM`;
    /// wallet 1 (tag `payroll`) acts, wallet 2 (tag `reserve`) has address 8. Person 1 asks for 100 usdc to address 7 at a fee
    /// of 10 wei.
    pub fn new(rules: Vec<Rule>) -> World {
        let asset = |id: &str, key, decimals| Asset { id: id.into(), key, decimals };
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
            limits: vec![],
            rules,
        };
        let known_wallet = |n: u8, tag: &str, address: Option<AllowEntry>| KnownWallet {
            wallet: WalletRef { vault: VaultIndex(1), wallet: wallet(n) },
            tags: BTreeSet::from([tag.to_string()]),
            addresses: address.into_iter().collect(),
        };
        let function =
            |signature: &str| ContractFunction { network: EVM, contract: address(9), signature: signature.into() };
        let message = |kind: &str| MessageKind { network: EVM, contract: address(9), kind: kind.into() };
        let more_functions = [(EVM, 10), (OTHER_EVM, 9)].map(|(network, contract)| ContractFunction {
            network,
            contract: address(contract),
            signature: "f(address,uint256)".into(),
        });
        let policy = PolicySet {
            freezers: None,
            vetoers: None,
            change_delay_s: None,
            version: 1,
            genesis: Digest::ZERO,
            sequence: 1,
            previous: None,
            issued_at: UnixMs(0),
            people: (1..=4)
                .map(|n| Person { id: person(n), name: format!("p{n}"), keys: vec![initiating(n)], passkeys: vec![] })
                .collect(),
            groups: vec![group("ops", &[1, 2, 3]), group("board", &[2, 3, 4])],
            networks: vec![EVM, OTHER_EVM, BTC],
            assets: vec![
                asset("eth", eth(), 18),
                asset("op-eth", op_eth(), 18),
                asset("btc", btc(), 8),
                asset("usdc", usdc(), 6),
            ],
            allow_lists: vec![
                AllowList { name: "known".into(), entries: known, tags: BTreeSet::from(["suppliers".to_string()]) },
                AllowList { name: "empty".into(), entries: BTreeSet::new(), tags: BTreeSet::new() },
            ],
            functions: [function("f(address,uint256)"), function("g()")].into_iter().chain(more_functions).collect(),
            permits: vec![],
            vaults: vec![vault],
            wallets: vec![
                known_wallet(1, "payroll", None),
                known_wallet(2, "reserve", Some(AllowEntry { network: EVM, address: address(8) })),
            ],
            messages: vec![
                message("Order(address maker,uint256 amount)"),
                message("Other(address maker)"),
                MessageKind { network: EVM, contract: address(8), kind: "Order(address maker,uint256 amount)".into() },
            ],
            trust: None,
        };
        World {
            policy,
            wallet: wallet(1),
            initiator: person(1),
            effects: vec![transfer(usdc(), 7, 100)],
            network: EVM,
            fee: amount(10),
            approvals: BTreeSet::new(),
            independent: BTreeSet::new(),
            prices: BTreeMap::new(),
            balances: BTreeMap::new(),
            signers: None,
            coins: Coins::Without,
            intent: intent(1),
            spent: vec![],
            now: NOW,
        }
    }

    pub fn rules(&mut self) -> &mut Vec<Rule> {
        &mut self.policy.vaults[0].rules
    }

    pub fn limits(&mut self) -> &mut Vec<Limit> {
        &mut self.policy.vaults[0].limits
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
        decide(&self.question())
    }

    pub fn question(&self) -> Question<'_> {
        Question {
            policy: &self.policy,
            wallet: WalletRef { vault: VaultIndex(1), wallet: self.wallet },
            initiator: self.initiator,
            effects: &self.effects,
            network: self.network,
            fee: self.fee,
            approvals: &self.approvals,
            independent: &self.independent,
            intent: self.intent,
            spent: &self.spent,
            now: self.now,
            prices: &self.prices,
            balances: &self.balances,
            signers: self.signers.as_ref(),
            coins: self.coins,
        }
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
