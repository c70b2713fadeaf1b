//! Made-up witnesses, what the policy set believes them, and the facts they sign.

use crate::people::Someone;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::Slot;
use ringi_primitives::fact::{Fact, FactKind, SignedFact, Statement};
use ringi_primitives::id::IntentId;
use ringi_primitives::time::UnixMs;
use ringi_primitives::trust::{BalanceTrust, FinalTrust, PriceTrust, Trust, Witness};

/// A source of facts.
pub struct Source(Someone);

impl Source {
    /// The source of this number: always the same. The policy set of [`trust`] names 1 to 4.
    pub fn number(n: u8) -> Source {
        Source(Someone::number(150 + n, "a witness"))
    }

    /// Its entry in a policy set.
    pub fn witness(&self, name: &str, vouches: &[FactKind]) -> Witness {
        Witness { name: name.into(), key: self.0.public(), vouches: vouches.iter().copied().collect() }
    }

    /// Signs a statement as it stands.
    pub fn sign(&self, statement: Statement) -> SignedFact {
        let signature = self.0.sign(&statement.digest());
        SignedFact { statement, signature }
    }

    /// Its word for a fact.
    pub fn says(&self, genesis: Digest, fact: Fact, at: UnixMs) -> SignedFact {
        self.sign(Statement { version: 1, genesis, witness: self.0.public(), fact, at })
    }

    /// Its word for a price, in 10^-12 US dollars.
    pub fn price(&self, genesis: Digest, asset: AssetKey, price: u64, at: UnixMs) -> SignedFact {
        self.says(genesis, Fact::Price { asset, price: Amount::from_u64(price) }, at)
    }

    /// Its word that a place is taken for good.
    pub fn end(&self, genesis: Digest, intent: IntentId, slot: Slot, at: UnixMs) -> SignedFact {
        self.says(genesis, Fact::Final { intent, slot }, at)
    }
}

/// How old a fact of these witnesses may be.
pub const AGE_S: u64 = 600;

/// Three witnesses of everything, of which two must agree within 1 %, and a fourth of balances only.
pub fn trust() -> Trust {
    let mut witnesses: Vec<Witness> =
        (1..=3).map(|n| Source::number(n).witness(&format!("witness {n}"), &FactKind::ALL)).collect();
    witnesses.push(Source::number(4).witness("witness 4", &[FactKind::Balance]));
    Trust {
        witnesses,
        prices: Some(PriceTrust { max_age_s: AGE_S, quorum: 2, max_spread_bps: 100 }),
        balances: Some(BalanceTrust { max_age_s: AGE_S, quorum: 2 }),
        finals: Some(FinalTrust { quorum: 2 }),
    }
}
