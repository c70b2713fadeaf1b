//! A wallet whose keys are hashes of a seed, the policy set around it, and coins for it to spend.

use ::bitcoin::hashes::{Hash as _, sha256};
use ::bitcoin::key::TapTweak as _;
use ::bitcoin::psbt::Psbt;
use ::bitcoin::secp256k1::{All, Keypair, Message, Secp256k1, SecretKey};
use ::bitcoin::transaction::{Transaction, Version};
use ::bitcoin::{Amount as Sats, OutPoint, ScriptBuf, Sequence, TxIn, TxOut, Txid, Witness, absolute, consensus};
use ringi_chain::bitcoin::{AddressKind, Change, Choice, Input, address_of};
use ringi_chain::{Decoded, KeySource, SigHash, Tweak};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::{Asset, AssetKey};
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::Effect;
use ringi_primitives::network::{BitcoinNetwork, NetworkId};
use ringi_primitives::plan::Plan;
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::request::{FinishedSignature, PayloadKind, Unsigned};
use ringi_primitives::scheme::Scheme;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::KeyPosition;
use std::sync::LazyLock;

pub const NET: BitcoinNetwork = BitcoinNetwork::Regtest;
pub const NETWORK: NetworkId = NetworkId::Bitcoin(NET);
static SECP: LazyLock<Secp256k1<All>> = LazyLock::new(Secp256k1::new);

pub const RECEIVE: u32 = 0;
pub const CHANGE: u32 = 1;

pub fn at(branch: u32, index: u32) -> KeyPosition {
    KeyPosition { branch, index }
}

/// The seed of a wallet whose every key is the curve's generator, as the fuzz entry has it.
pub const ONE_KEY: &str = "one key";

/// A wallet with ordinary keys.
#[derive(Clone, Debug)]
pub struct Wallet {
    pub seed: String,
    pub next_change_index: u32,
}

impl Wallet {
    pub fn new(seed: &str) -> Wallet {
        Wallet { seed: seed.to_string(), next_change_index: 0 }
    }

    pub fn secret(&self, scheme: Scheme, at: KeyPosition) -> SecretKey {
        if self.seed == ONE_KEY {
            return SecretKey::from_slice(&::bitcoin::secp256k1::constants::ONE).unwrap();
        }
        let text = format!("{}|{}|{}|{}", self.seed, scheme.name(), at.branch, at.index);
        SecretKey::from_slice(sha256::Hash::hash(text.as_bytes()).as_byte_array()).unwrap()
    }

    pub fn address(&self, kind: AddressKind, at: KeyPosition) -> Address {
        address_of(NET, kind, &self.public_key(kind.scheme(), at).unwrap()).unwrap().0
    }

    pub fn script(&self, kind: AddressKind, at: KeyPosition) -> ScriptBuf {
        ScriptBuf::from_bytes(self.address(kind, at).raw().to_vec())
    }

    pub fn sign(&self, sighash: &SigHash) -> FinishedSignature {
        let secp = &*SECP;
        let secret = self.secret(sighash.scheme(), sighash.position());
        let message = Message::from_digest(sighash.expose_to_signer());
        let bytes = match (sighash.scheme(), sighash.tweak()) {
            (Scheme::EcdsaSecp256k1, Tweak::None) => secp.sign_ecdsa(&message, &secret).serialize_compact(),
            (Scheme::Bip340, Tweak::TaprootKeyPath) => {
                let pair = Keypair::from_secret_key(secp, &secret).tap_tweak(secp, None).to_keypair();
                secp.sign_schnorr_no_aux_rand(&message, &pair).serialize()
            }
            other => panic!("no input asks for {other:?}"),
        };
        FinishedSignature { bytes, recovery_id: None }
    }

    pub fn sign_all(&self, decoded: &Decoded) -> Vec<FinishedSignature> {
        decoded.sighashes().iter().map(|s| self.sign(s)).collect()
    }
}

impl KeySource for Wallet {
    fn public_key(&self, scheme: Scheme, at: KeyPosition) -> Option<Vec<u8>> {
        Some(self.secret(scheme, at).public_key(&SECP).serialize().to_vec())
    }

    fn next_change_index(&self) -> u32 {
        self.next_change_index
    }
}

/// A policy set that knows the test network's coin and a token elsewhere.
pub fn policy() -> PolicySet {
    let elsewhere = NetworkId::Evm(31337);
    let asset = |id: &str, key, decimals| Asset { id: id.into(), key, decimals };
    PolicySet {
        freezers: None,
        vetoers: None,
        change_delay_s: None,
        version: 1,
        genesis: Digest([7; 32]),
        sequence: 1,
        previous: None,
        issued_at: UnixMs(0),
        people: vec![],
        groups: vec![],
        networks: vec![NETWORK, elsewhere],
        assets: vec![asset("btc", AssetKey::native(NETWORK), 8), asset("eth", AssetKey::native(elsewhere), 18)],
        allow_lists: vec![],
        functions: vec![],
        permits: vec![],
        vaults: vec![],
        wallets: vec![],
        messages: vec![],
        trust: None,
    }
}

pub fn plan_of(payments: &[(Address, u64)], max_fee: u64) -> Plan {
    let asset = AssetKey::native(NETWORK);
    let pay = |(to, amount): &(Address, u64)| Effect::Transfer { asset, to: *to, amount: Amount::from_u64(*amount) };
    Plan {
        network: NETWORK,
        effects: payments.iter().map(pay).collect(),
        max_fee: Amount::from_u64(max_fee),
        expires_at: UnixMs(1),
    }
}

/// A previous transaction with one foreign input that pays `value` at output 1, after an output of somebody else's.
pub fn coin(wallet: &Wallet, kind: AddressKind, position: KeyPosition, value: u64, salt: u8) -> Input {
    let outputs = [(Sats::from_sat(7_000), somebody(salt)), (Sats::from_sat(value), wallet.script(kind, position))];
    let previous = Transaction {
        version: Version::TWO,
        lock_time: absolute::LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint { txid: Txid::from_byte_array([salt; 32]), vout: 3 },
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness: Witness::from_slice(&[[salt; 64]]),
        }],
        output: outputs.map(|(value, script_pubkey)| TxOut { value, script_pubkey }).to_vec(),
    };
    Input { previous_tx: consensus::serialize(&previous), vout: 1, position, sequence: 0xffff_fffd }
}

/// A P2WPKH script of nobody we know.
pub fn somebody(salt: u8) -> ScriptBuf {
    ScriptBuf::from_bytes([&[0x00, 0x14][..], &[salt; 20]].concat())
}

pub fn address(script: &ScriptBuf) -> Address {
    Address::new(script.as_bytes()).unwrap()
}

/// Two coins, one of each kind, one payment, taproot change in front of it.
pub fn mixed(wallet: &Wallet) -> (Plan, Choice) {
    let inputs = vec![
        coin(wallet, AddressKind::P2wpkh, at(RECEIVE, 3), 60_000, 1),
        coin(wallet, AddressKind::P2tr, at(CHANGE, 7), 50_000, 2),
    ];
    let change = Change { position: at(CHANGE, 5), kind: AddressKind::P2tr, after: 0 };
    let fee = Amount::from_u64(1_000);
    let choice = Choice { inputs, change: Some(change), fee, lock_time: 800_000, version: 2 };
    (plan_of(&[(address(&somebody(9)), 70_000)], 2_000), choice)
}

/// The PSBT inside, to tamper with.
pub fn open(unsigned: &Unsigned) -> Psbt {
    Psbt::deserialize(&unsigned.bytes).unwrap()
}

pub fn close(psbt: &Psbt) -> Unsigned {
    Unsigned { kind: PayloadKind::Transaction, bytes: psbt.serialize() }
}
