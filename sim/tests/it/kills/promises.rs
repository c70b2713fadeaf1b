//! What must hold of everything that was ever signed in one run, whoever asked for it and whatever died.

use ringi_cosigner::pins::Pin;
use ringi_cosigner::state::{Record, State};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::decision::Spending;
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::{Outpoint, Slot};
use ringi_primitives::id::IntentId;
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::Measure;
use ringi_primitives::receipt::Verdict;
use ringi_primitives::scheme::PartyIndex;
use std::collections::{BTreeMap, BTreeSet};

/// One start of a cosigner: no two have one number.
pub type Copy = u64;

/// Everything signed so far.
pub struct Promises {
    seed: u64,
    caps: BTreeMap<AssetKey, u64>,
    /// Places by the chain of intents that took them.
    owners: BTreeMap<Slot, IntentId>,
    /// The nonce of each chain of intents, or what all its versions spend.
    nonces: BTreeMap<IntentId, Slot>,
    anchors: BTreeMap<IntentId, BTreeSet<Outpoint>>,
    /// The largest charge of each chain of intents, as verdicts say.
    charged: BTreeMap<(AssetKey, IntentId), u64>,
    verdicts: BTreeMap<(PartyIndex, u64), (Digest, Vec<PartyIndex>)>,
    signed_by: BTreeMap<(PartyIndex, u64), Copy>,
    roots: BTreeSet<(NetworkId, IntentId)>,
    /// The newest boot of each cosigner that peers granted, and how many attempts had been made until then.
    granted: BTreeMap<PartyIndex, (u64, Copy, u64)>,
}

/// A signature and who made it.
pub struct Signature<'a> {
    /// What the cosigner says of it.
    pub verdict: &'a Verdict,
    /// The first intent of its chain.
    pub root: IntentId,
    /// Which start of the cosigner.
    pub copy: Copy,
    /// The number of the attempt.
    pub attempt: u64,
}

/// What a copy of a cosigner would remember if it restarted now.
pub struct Memory {
    records: Vec<Record>,
    state: State,
}

impl Memory {
    /// The fold over its durable records, secrets and documents apart.
    pub fn of(records: Vec<Record>) -> Memory {
        let mut state = State::default();
        let kept = |r: &&Record| {
            matches!(
                r,
                Record::Spent { .. } | Record::Pinned { .. } | Record::Released { .. } | Record::GaveBack { .. }
            )
        };
        records.iter().filter(kept).for_each(|r| state.apply(r).expect("a sound record"));
        Memory { records, state }
    }

    fn spent(&self, root: IntentId, asset: AssetKey) -> Amount {
        let entries = self.state.spending.all().map(|(s, _)| s);
        let of_it = |s: &Spending| s.intent == root && s.limit.measure == Measure::Asset(asset);
        entries.filter(of_it).map(|s| s.amount).max().unwrap_or(Amount::ZERO)
    }

    fn pinned(&self, root: IntentId, verdict: &Verdict) -> bool {
        let holds =
            |(pin, _): (Pin, _)| pin.intent == verdict.intent && pin.root == root && meets(&pin.slot, &verdict.slot);
        self.state.pins.all().any(holds)
    }

    fn chained(&self, verdict: &Verdict) -> bool {
        let this = |r: &Record| matches!(r, Record::Verdict { sequence, digest } if *sequence == verdict.sequence && *digest == verdict.digest());
        self.records.iter().any(this)
    }

    /// Whether it holds everything that this signature needs; for the signer itself its verdict too.
    pub fn holds(&self, signature: &Signature, own: bool) -> bool {
        let verdict = signature.verdict;
        let spent = charges(verdict)
            .into_iter()
            .all(|(asset, amount)| self.spent(signature.root, asset) >= Amount::from_u64(amount));
        spent && self.pinned(signature.root, verdict) && (!own || self.chained(verdict))
    }
}

/// Whether a version stands where the pin says: the same nonce, or the pinned anchor among its inputs.
fn meets(pinned: &Slot, now: &Slot) -> bool {
    match (pinned, now) {
        (Slot::Outpoints { outpoints: pinned, .. }, Slot::Outpoints { outpoints, .. }) => {
            pinned.first().is_some_and(|anchor| outpoints.contains(anchor))
        }
        (pinned, now) => pinned == now,
    }
}

/// What a verdict says its bytes cost, by asset: amounts and the whole fee.
fn charges(verdict: &Verdict) -> BTreeMap<AssetKey, u64> {
    let network = match &verdict.slot {
        Slot::Nonce { network, .. } | Slot::Outpoints { network, .. } | Slot::Message { network, .. } => *network,
    };
    let fee = (AssetKey::native(network), verdict.max_fee);
    let mut charges = BTreeMap::new();
    for (asset, amount) in verdict.effects.iter().flat_map(|e| e.spends()).chain([fee]) {
        *charges.entry(asset).or_default() += amount.to_u64().expect("small amounts");
    }
    charges
}

/// The single places of a slot.
fn places(slot: &Slot) -> Vec<Slot> {
    match slot {
        Slot::Outpoints { network, outpoints } => {
            outpoints.iter().map(|o| Slot::Outpoints { network: *network, outpoints: vec![*o] }).collect()
        }
        other => vec![other.clone()],
    }
}

impl Promises {
    /// Nothing yet; what may be signed of each coin in a day.
    pub fn new(seed: u64, caps: BTreeMap<AssetKey, u64>) -> Promises {
        let (owners, nonces, anchors, charged, verdicts) = Default::default();
        let (signed_by, roots, granted) = Default::default();
        Promises { seed, caps, owners, nonces, anchors, charged, verdicts, signed_by, roots, granted }
    }

    /// A start of a cosigner was granted its boot after so many attempts.
    pub fn ready(&mut self, party: PartyIndex, boot: u64, copy: Copy, attempts: u64) {
        let (newest, _, _) = self.granted.get(&party).copied().unwrap_or_default();
        // Peers that lost a grant before it was durable may give the same number to another copy; only the last one signs.
        if boot >= newest {
            self.granted.insert(party, (boot, copy, attempts));
        }
    }

    /// A signature was handed out; `cost` is what the intent asked for, if that is known.
    pub fn signed(&mut self, signature: &Signature, cost: Option<u64>) {
        self.check_place(signature);
        self.check_limits(signature, cost);
        self.check_chain(signature);
    }

    /// I3: a chain of intents has one place, and a place one chain: at most one of its transactions can confirm.
    fn check_place(&mut self, signature: &Signature) {
        let (seed, root, verdict) = (self.seed, signature.root, signature.verdict);
        for place in places(&verdict.slot) {
            let owner = *self.owners.entry(place.clone()).or_insert(root);
            assert_eq!(owner, root, "seed {seed}: {place:?} was signed for two intents");
        }
        if let Slot::Outpoints { outpoints, .. } = &verdict.slot {
            let now: BTreeSet<Outpoint> = outpoints.iter().copied().collect();
            let anchors = self.anchors.entry(root).or_insert_with(|| now.clone());
            anchors.retain(|o| now.contains(o));
            assert!(!anchors.is_empty(), "seed {seed}: two versions of {root:?} could both confirm");
        } else {
            let first = self.nonces.entry(root).or_insert_with(|| verdict.slot.clone());
            assert_eq!(*first, verdict.slot, "seed {seed}: {root:?} was signed in two places");
        }
    }

    /// L1: of all that was signed each chain of intents is charged its maximum; the sum stays within the cap.
    fn check_limits(&mut self, signature: &Signature, cost: Option<u64>) {
        let seed = self.seed;
        for (asset, amount) in charges(signature.verdict) {
            self.roots.insert((asset.network, signature.root));
            assert!(
                cost.is_none_or(|cost| cost == amount),
                "seed {seed}: {:?} is charged {amount}",
                signature.verdict.intent
            );
            let charged = self.charged.entry((asset, signature.root)).or_default();
            *charged = amount.max(*charged);
            let spent: u64 = self.charged.iter().filter(|((a, _), _)| *a == asset).map(|(_, c)| c).sum();
            let cap = self.caps[&asset];
            assert!(spent <= cap, "seed {seed}: {spent} of {} were signed under a cap of {cap}", asset.network);
        }
    }

    /// B1: no two copies sign under one boot or beside each other, and a cosigner's verdicts are one chain.
    fn check_chain(&mut self, signature: &Signature) {
        let (seed, verdict) = (self.seed, signature.verdict);
        let party = verdict.cosigner;
        let copy = *self.signed_by.entry((party, verdict.boot)).or_insert(signature.copy);
        assert_eq!(copy, signature.copy, "seed {seed}: two copies of {party} signed under boot {}", verdict.boot);
        let entry = self.verdicts.entry((party, verdict.sequence));
        let (digest, _) = entry.or_insert_with(|| (verdict.digest(), verdict.signers.clone()));
        assert_eq!(*digest, verdict.digest(), "seed {seed}: {party} has two verdicts of number {}", verdict.sequence);
        let (boot, newest, since) = self.granted.get(&party).copied().unwrap_or_default();
        let beside = newest != signature.copy && verdict.boot <= boot && signature.attempt > since;
        assert!(!beside, "seed {seed}: {party} signed beside its newer copy, attempt {}", signature.attempt);
    }

    /// The nonce that a chain of intents was signed under.
    pub fn nonce_of(&self, root: IntentId) -> Option<u64> {
        match self.nonces.get(&root) {
            Some(Slot::Nonce { nonce, .. }) => Some(*nonce),
            _ => None,
        }
    }

    /// The nonces signed for an account.
    pub fn nonces(&self, of: Address) -> BTreeSet<u64> {
        let nonce = |slot: &Slot| match slot {
            Slot::Nonce { account, nonce, .. } if *account == of => Some(*nonce),
            _ => None,
        };
        self.nonces.values().filter_map(nonce).collect()
    }

    /// How many chains of intents were signed on this network.
    pub fn count(&self, network: NetworkId) -> u64 {
        self.roots.iter().filter(|(on, _)| *on == network).count() as u64
    }

    /// Records of this cosigner were lost that it had handed out: it may not know how far its peers' journals reach, and a
    /// shorter one of theirs may live on. What it must remember of limits and pins was durable before it signed.
    pub fn lost(&mut self, party: PartyIndex) {
        self.verdicts.retain(|_, (_, signers)| !signers.contains(&party));
    }

    /// A day has passed: what was charged is free again.
    pub fn day_passed(&mut self) {
        self.charged.clear();
    }
}
