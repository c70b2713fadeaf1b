//! A Bitcoin wallet with plain keys, so that whole transfers can be signed in a test.

use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::key::TapTweak as _;
use bitcoin::psbt::Psbt;
use bitcoin::secp256k1::{Keypair, Message, PublicKey, Secp256k1, SecretKey};
use bitcoin::sighash::{EcdsaSighashType, Prevouts, SighashCache, TapSighashType};
use ringi_chain::bitcoin::{AddressKind, Choice, address_of, encode, spent_outputs};
use ringi_chain::{KeySource, SignedTx};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::{Asset, AssetKey};
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::Effect;
use ringi_primitives::network::{BitcoinNetwork, NetworkId};
use ringi_primitives::plan::Plan;
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::request::{FinishedSignature, Unsigned};
use ringi_primitives::scheme::Scheme;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::KeyPosition;

pub const NET: BitcoinNetwork = BitcoinNetwork::Regtest;
pub const NETWORK: NetworkId = NetworkId::Bitcoin(NET);

pub struct Wallet(pub &'static str);

impl Wallet {
    fn secret(&self, scheme: Scheme, at: KeyPosition) -> SecretKey {
        let text = format!("{}|{}|{}|{}", self.0, scheme.name(), at.branch, at.index);
        SecretKey::from_slice(sha256::Hash::hash(text.as_bytes()).as_byte_array()).unwrap()
    }

    pub fn address(&self, kind: AddressKind, branch: u32, index: u32) -> Address {
        let key = self.public_key(kind.scheme(), KeyPosition { branch, index }).unwrap();
        address_of(NET, kind, &key).unwrap().0
    }

    pub fn unsigned(&self, plan: &Plan, choice: &Choice) -> Unsigned {
        encode(plan, choice, self).unwrap()
    }

    /// Digests by the library, not by the code under test.
    pub fn sign(&self, unsigned: &Unsigned, choice: &Choice) -> SignedTx {
        let secp = Secp256k1::new();
        let psbt = Psbt::deserialize(&unsigned.bytes).unwrap();
        let spent: Vec<_> = psbt.inputs.iter().map(|i| i.witness_utxo.clone().unwrap()).collect();
        let mut cache = SighashCache::new(&psbt.unsigned_tx);
        let mut signatures = Vec::new();
        for (n, (output, input)) in spent.iter().zip(&choice.inputs).enumerate() {
            let bytes = if output.script_pubkey.is_p2tr() {
                let all = Prevouts::All(&spent);
                let digest = cache.taproot_key_spend_signature_hash(n, &all, TapSighashType::Default).unwrap();
                let pair = Keypair::from_secret_key(&secp, &self.secret(Scheme::Bip340, input.position));
                let pair = pair.tap_tweak(&secp, None).to_keypair();
                secp.sign_schnorr_no_aux_rand(&Message::from_digest(digest.to_byte_array()), &pair).serialize()
            } else {
                let script = &output.script_pubkey;
                let digest = cache.p2wpkh_signature_hash(n, script, output.value, EcdsaSighashType::All).unwrap();
                let secret = self.secret(Scheme::EcdsaSecp256k1, input.position);
                secp.sign_ecdsa(&Message::from_digest(digest.to_byte_array()), &secret).serialize_compact()
            };
            signatures.push(FinishedSignature { bytes, recovery_id: None });
        }
        assert_eq!(spent_outputs(unsigned).unwrap().len(), signatures.len());
        ringi_chain::assemble(&policy(), self, NETWORK, unsigned, &signatures).unwrap()
    }
}

impl KeySource for Wallet {
    fn public_key(&self, scheme: Scheme, at: KeyPosition) -> Option<Vec<u8>> {
        let key = PublicKey::from_secret_key(&Secp256k1::new(), &self.secret(scheme, at));
        Some(key.serialize().to_vec())
    }
}

fn policy() -> PolicySet {
    PolicySet {
        freezers: None,
        vetoers: None,
        change_delay_s: None,
        version: 1,
        genesis: Digest::ZERO,
        sequence: 1,
        previous: None,
        issued_at: UnixMs(0),
        people: vec![],
        groups: vec![],
        networks: vec![NETWORK],
        assets: vec![Asset { id: "btc".to_owned(), key: AssetKey::native(NETWORK), decimals: 8 }],
        allow_lists: vec![],
        functions: vec![],
        permits: vec![],
        vaults: vec![],
        wallets: vec![],
        messages: vec![],
        trust: None,
    }
}

pub fn plan(payments: &[(Address, u64)], max_fee: u64) -> Plan {
    let asset = AssetKey::native(NETWORK);
    let pay = |(to, sat): &(Address, u64)| Effect::Transfer { asset, to: *to, amount: Amount::from_u64(*sat) };
    let effects = payments.iter().map(pay).collect();
    Plan { network: NETWORK, effects, max_fee: Amount::from_u64(max_fee), expires_at: UnixMs(1) }
}
