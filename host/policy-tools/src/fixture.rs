//! A desk's policy as a file, for tests: a trader and a head, three approvers, two lists, rules of several shapes.

use crate::{Fresh, PolicyForm, to_set};
use ringi_primitives::digest::Digest;
use ringi_primitives::id::{PersonId, WalletId};
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::time::UnixMs;

pub const NOW: UnixMs = UnixMs(1_800_000_000_000);
pub const SUPPLIER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
pub const EXCHANGE: &str = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
pub const OWN: &str = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";

pub fn key(n: u8) -> String {
    format!("ed25519:{}", hex::encode(ed25519_dalek::SigningKey::from_bytes(&[n; 32]).verifying_key().as_bytes()))
}

/// The file's head; rules follow.
pub fn text(rules: &str) -> String {
    let (ines, hana, amir, bea, carl) = (key(1), key(2), key(3), key(4), key(5));
    format!(
        r#"
networks = ["eip155:1", "bitcoin:regtest"]
people = [
  {{ name = "Ines", initiate = ["{ines}"] }},
  {{ name = "Hana", initiate = ["{hana}"], approve = ["{}"] }},
  {{ name = "Amir", approve = ["{amir}"] }},
  {{ name = "Bea", approve = ["{bea}"] }},
  {{ name = "Carl", approve = ["{carl}"] }},
]
groups = [
  {{ name = "traders", members = ["Ines", "Hana"] }},
  {{ name = "heads", members = ["Hana"] }},
  {{ name = "treasurers", members = ["Hana", "Amir", "Bea"] }},
  {{ name = "the board", members = ["Bea", "Carl"] }},
]
assets = [
  {{ id = "eth", network = "eip155:1", decimals = 18 }},
  {{ id = "usdc", network = "eip155:1", token = "0x5FbDB2315678afecb367f032d93F642f64180aa3", decimals = 6 }},
  {{ id = "btc", network = "bitcoin:regtest", decimals = 8 }},
]
allow_lists = [
  {{ name = "suppliers", entries = [{{ network = "eip155:1", address = "{SUPPLIER}" }}], tags = ["known"] }},
  {{ name = "exchanges", entries = [{{ network = "eip155:1", address = "{EXCHANGE}" }}] }},
]
functions = [{{ network = "eip155:1", contract = "{EXCHANGE}", signature = "deposit(uint256,address)" }}]
messages = [{{ network = "eip155:1", contract = "{EXCHANGE}", kind = "Order(Party maker,uint256 amount)Party(address at)" }}]
wallets = [{{ vault = "desk", wallet = "wal_00000000000000000000000001", tags = ["hot"], addresses = [{{ network = "eip155:1", address = "{OWN}" }}] }}]
[[vaults]]
index = 1
name = "desk"
temperature = "hot"
limits = [
  {{ name = "day", of = "usdc", most = "1000", window = {{ rolling_s = 86400 }}, per = "vault" }},
  {{ name = "month", of = "usdc", most = "9000", window = {{ calendar = "month", zone = "Europe/Zurich" }}, per = "initiator" }},
  {{ name = "count", of = "intents", most = "7", window = {{ rolling_s = 60 }}, per = "destination" }},
  {{ name = "open", of = "eth", most = "2.5", window = {{ until_final = true }}, per = "wallet" }},
]
{rules}
"#,
        key(12)
    )
}

/// A wallet that the file does not name.
pub fn unnamed_wallet() -> WalletId {
    WalletId::from_bytes([7; 16])
}

pub fn form(rules: &str) -> PolicyForm {
    toml::from_str(&text(rules)).expect("a policy file")
}

pub fn set(rules: &str) -> PolicySet {
    to_set_of(&form(rules)).expect("a sound policy file")
}

pub fn to_set_of(form: &PolicyForm) -> Result<PolicySet, crate::FileError> {
    let mut n = 0;
    let mut person = || {
        n += 1;
        PersonId::from_bytes([n; 16])
    };
    to_set(form, Digest::ZERO, None, Fresh { now: NOW, person: &mut person })
}
