//! Bitcoin requests that are right: made-up coins of the standard wallet, one payment, change.

use crate::people::Someone;
use crate::requests::{BITCOIN, Standard, WALLET, request};
use crate::world::World;
use ringi_chain::bitcoin::{AddressKind, Change, Choice, Input, address_of, encode};
use ringi_chain::{KeySource, format_address};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::cbor;
use ringi_primitives::id::IntentId;
use ringi_primitives::network::BitcoinNetwork;
use ringi_primitives::request::SigningRequest;
use ringi_primitives::wallet::{BRANCH_CHANGE, BRANCH_RECEIVE, KeyPosition};

/// A receiving key of the wallet.
pub fn receive(index: u32) -> KeyPosition {
    KeyPosition { branch: BRANCH_RECEIVE, index }
}

/// A change key of the wallet.
pub fn change(index: u32) -> KeyPosition {
    KeyPosition { branch: BRANCH_CHANGE, index }
}

/// The script of one of the wallet's keys.
pub fn script(standard: &Standard, kind: AddressKind, position: KeyPosition) -> Vec<u8> {
    let key = standard.keys().public_key(kind.scheme(), position).expect("a key of that scheme");
    address_of(BitcoinNetwork::Regtest, kind, &key).expect("a valid key").0.raw().to_vec()
}

/// A P2WPKH script of somebody else.
pub fn somebody(salt: u8) -> Vec<u8> {
    [&[0x00, 0x14][..], &[salt; 20]].concat()
}

/// A transaction that pays `value` satoshi to `script` at output 1, after an output of somebody else's. `salt` makes it
/// different from others.
pub fn paying(script: &[u8], value: u64, salt: u8) -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 0, 1];
    bytes.extend([salt; 32]);
    bytes.extend([3, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 2]);
    for (sats, to) in [(7_000_u64, somebody(salt).as_slice()), (value, script)] {
        bytes.extend(sats.to_le_bytes());
        bytes.push(u8::try_from(to.len()).expect("a short script"));
        bytes.extend(to);
    }
    bytes.extend([0; 4]);
    bytes
}

/// A coin of the wallet.
pub fn coin(standard: &Standard, kind: AddressKind, position: KeyPosition, value: u64, salt: u8) -> Input {
    let previous_tx = paying(&script(standard, kind, position), value, salt);
    Input { previous_tx, vout: 1, position, sequence: 0xffff_fffd }
}

/// A Bitcoin request in the making: change any part, then [`CoinDraft::bytes`].
pub struct CoinDraft {
    /// The intent's JSON.
    pub intent: serde_json::Value,
    /// The host's choice.
    pub choice: Choice,
    /// Who approves.
    pub approvals: Vec<Someone>,
    /// Seconds since the epoch of the initiator's signature.
    pub created_s: u64,
}

impl CoinDraft {
    /// A payment of `sats` to somebody, as intent number `id`, from one segwit and one taproot coin of 60,000 and 50,000
    /// satoshi that no other `id` spends; taproot change stands first.
    pub fn payment(world: &World, standard: &Standard, id: u8, sats: u64) -> CoinDraft {
        let to = Address::new(&somebody(200)).expect("a short script");
        let intent = serde_json::json!({
            "version": 1, "id": IntentId::from_bytes([id; 16]), "genesis": world.root(), "vault": "treasury",
            "wallet": WALLET.wallet, "network": BITCOIN, "max_fee": "2000", "expires_at": world.now.plus_ms(3_600_000),
            "actions": [{"type": "transfer", "asset": "btc", "to": format_address(BITCOIN, &to), "amount": sats.to_string()}],
        });
        let salt = id.wrapping_mul(2);
        let inputs = vec![
            coin(standard, AddressKind::P2wpkh, receive(3), 60_000, salt),
            coin(standard, AddressKind::P2tr, change(7), 50_000, salt.wrapping_add(1)),
        ];
        let change = Change { position: change(5), kind: AddressKind::P2tr, after: 0 };
        let fee = Amount::from_u64(1_000);
        let choice = Choice { inputs, change: Some(change), fee, lock_time: 800_000, version: 2 };
        CoinDraft { intent, choice, approvals: vec![], created_s: world.now.0 / 1000 }
    }

    /// The whole request, right in every part.
    pub fn request(&self, standard: &Standard) -> SigningRequest {
        request(standard, &self.intent, self.created_s, &self.approvals, |plan, _| {
            encode(plan, &self.choice, &standard.keys()).expect("a sound choice")
        })
    }

    /// Its bytes.
    pub fn bytes(&self, standard: &Standard) -> Vec<u8> {
        cbor::encode(&self.request(standard))
    }
}
