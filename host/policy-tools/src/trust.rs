//! Witnesses in the policy file: who they are, what they vouch for, and what their facts need.
//!
//! ```toml
//! [trust]
//! prices = { max_age_s = 60, quorum = 2, max_spread_bps = 100 }
//! finals = { quorum = 1 }
//! [[trust.witnesses]]
//! name = "exchange a"
//! key = "ed25519:…"
//! vouches = ["price"]
//! ```

use crate::FileError;
use ringi_primitives::fact::FactKind;
use ringi_primitives::key::PublicKey;
use ringi_primitives::trust::{BalanceTrust, FinalTrust, PriceTrust, Trust, Witness};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Whom the policy set believes what.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustForm {
    /// What a price needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<PriceTrustForm>,
    /// What a balance needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balances: Option<BalanceTrustForm>,
    /// What a proof of finality needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finals: Option<FinalTrustForm>,
    /// Who signs facts.
    #[serde(default)]
    pub witnesses: Vec<WitnessForm>,
}

/// A witness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WitnessForm {
    /// Unique.
    pub name: String,
    /// As `ringi witness keygen` prints it.
    #[schemars(with = "String")]
    pub key: PublicKey,
    /// `price`, `balance`, `final`: each once.
    pub vouches: Vec<String>,
}

/// What a price needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceTrustForm {
    /// How old it may be, seconds.
    pub max_age_s: u64,
    /// How many witnesses must agree.
    pub quorum: u32,
    /// How far apart they may be, 1/10,000 of the lowest.
    pub max_spread_bps: u32,
}

/// What a balance needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BalanceTrustForm {
    /// How old it may be, seconds.
    pub max_age_s: u64,
    /// How many witnesses must say so.
    pub quorum: u32,
}

/// What a proof of finality needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FinalTrustForm {
    /// How many witnesses must say so.
    pub quorum: u32,
}

/// What stands in the policy set for this part of its file. Whether it makes sense there the set's own check says.
///
/// # Errors
/// If a witness vouches for something unknown, or for one thing twice.
pub fn to_trust(form: &TrustForm) -> Result<Trust, FileError> {
    Ok(Trust {
        witnesses: form.witnesses.iter().map(to_witness).collect::<Result<_, _>>()?,
        prices: form.prices.map(|p| PriceTrust {
            max_age_s: p.max_age_s,
            quorum: p.quorum,
            max_spread_bps: p.max_spread_bps,
        }),
        balances: form.balances.map(|b| BalanceTrust { max_age_s: b.max_age_s, quorum: b.quorum }),
        finals: form.finals.map(|f| FinalTrust { quorum: f.quorum }),
    })
}

fn to_witness(form: &WitnessForm) -> Result<Witness, FileError> {
    let mut vouches = BTreeSet::new();
    for name in &form.vouches {
        let kind = FactKind::ALL.into_iter().find(|k| k.name() == name);
        let kind = kind.ok_or_else(|| FileError(format!("witness {}: nobody vouches for a {name}", form.name)))?;
        if !vouches.insert(kind) {
            return Err(FileError(format!("witness {}: {name} stands twice", form.name)));
        }
    }
    Ok(Witness { name: form.name.clone(), key: form.key, vouches })
}

/// The readable form.
pub fn from_trust(trust: &Trust) -> TrustForm {
    let witness = |w: &Witness| WitnessForm {
        name: w.name.clone(),
        key: w.key,
        vouches: w.vouches.iter().map(|k| k.name().to_string()).collect(),
    };
    TrustForm {
        witnesses: trust.witnesses.iter().map(witness).collect(),
        prices: trust.prices.map(|p| PriceTrustForm {
            max_age_s: p.max_age_s,
            quorum: p.quorum,
            max_spread_bps: p.max_spread_bps,
        }),
        balances: trust.balances.map(|b| BalanceTrustForm { max_age_s: b.max_age_s, quorum: b.quorum }),
        finals: trust.finals.map(|f| FinalTrustForm { quorum: f.quorum }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        prices = { max_age_s = 60, quorum = 2, max_spread_bps = 100 }
        balances = { max_age_s = 30, quorum = 1 }
        finals = { quorum = 1 }
        [[witnesses]]
        name = "exchange a"
        key = "ed25519:3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
        vouches = ["price"]
        [[witnesses]]
        name = "our node"
        key = "ed25519:fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"
        vouches = ["final", "price", "balance"]
    "#;

    fn read(text: &str) -> Result<Trust, String> {
        let form: TrustForm = toml::from_str(text).map_err(|e| e.to_string())?;
        to_trust(&form).map_err(|e| e.to_string())
    }

    #[test]
    fn a_file_becomes_what_it_says_and_comes_back() {
        let trust = read(FILE).unwrap();
        assert_eq!(trust.prices, Some(PriceTrust { max_age_s: 60, quorum: 2, max_spread_bps: 100 }));
        assert_eq!(trust.balances, Some(BalanceTrust { max_age_s: 30, quorum: 1 }));
        assert_eq!(trust.finals, Some(FinalTrust { quorum: 1 }));
        assert_eq!(trust.witnesses[0].vouches, BTreeSet::from([FactKind::Price]));
        assert_eq!(trust.witnesses[1].vouches, BTreeSet::from(FactKind::ALL));
        let again = toml::to_string(&from_trust(&trust)).unwrap();
        assert_eq!(read(&again).unwrap(), trust);
        assert_eq!(read("").unwrap(), Trust::default());
        assert_eq!(toml::to_string(&from_trust(&Trust::default())).unwrap(), "witnesses = []\n");
    }

    #[test]
    fn what_the_file_does_not_mean_is_refused() {
        for (from, to) in [
            ("[\"price\"]", "[\"prices\"]"),
            ("[\"price\"]", "[\"price\", \"price\"]"),
            ("max_spread_bps = 100", "max_spread = 100"),
            ("finals = { quorum = 1 }", "finals = { quorum = -1 }"),
            ("ed25519:3d4017", "ed25519:000000"),
            ("name = \"exchange a\"", "nickname = \"exchange a\""),
        ] {
            assert!(FILE.contains(from), "{from}");
            assert!(read(&FILE.replace(from, to)).is_err(), "{from} -> {to}");
        }
    }
}
