//! The policy set, keys and intents the EVM tests share.

use k256::ecdsa::SigningKey;
use ringi_chain::evm::{self, Choice, Fees};
use ringi_chain::{Decoded, KeySource, SigHash};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::{Asset, AssetKey};
use ringi_primitives::digest::Digest;
use ringi_primitives::id::{IntentId, WalletId};
use ringi_primitives::intent::{Action, Intent};
use ringi_primitives::network::NetworkId;
use ringi_primitives::policy_set::{ContractFunction, PermitDomain, PolicySet};
use ringi_primitives::request::FinishedSignature;
use ringi_primitives::scheme::Scheme;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::KeyPosition;

pub const CHAIN: u64 = 31337;
pub const NETWORK: NetworkId = NetworkId::Evm(CHAIN);
pub const TOKEN: [u8; 20] = [0xaa; 20];
pub const VAULT_CONTRACT: [u8; 20] = [0xcc; 20];

/// A wallet whose whole key is known: what the signers would hold together.
pub struct Wallet(pub SigningKey);

impl Wallet {
    pub fn new(seed: u8) -> Wallet {
        Wallet(SigningKey::from_slice(&[seed; 32]).unwrap())
    }

    pub fn from_key(key: &[u8]) -> Wallet {
        Wallet(SigningKey::from_slice(key).unwrap())
    }

    pub fn account(&self) -> Address {
        evm::address_from_key(&self.0.verifying_key().to_sec1_point(true).to_bytes()).unwrap()
    }

    pub fn sign_digest(&self, digest: &[u8; 32]) -> FinishedSignature {
        let (signature, id) = self.0.sign_prehash_recoverable(digest);
        FinishedSignature { bytes: signature.to_bytes().into(), recovery_id: Some(id.to_byte()) }
    }

    pub fn sign(&self, sighash: &SigHash) -> FinishedSignature {
        self.sign_digest(&sighash.expose_to_signer())
    }
}

impl KeySource for Wallet {
    fn public_key(&self, scheme: Scheme, position: KeyPosition) -> Option<Vec<u8>> {
        (scheme == Scheme::EcdsaSecp256k1 && position == KeyPosition::ACCOUNT)
            .then(|| self.0.verifying_key().to_sec1_point(true).to_bytes().to_vec())
    }
}

pub fn address(raw: [u8; 20]) -> Address {
    Address::new(&raw).unwrap()
}

pub fn text(raw: [u8; 20]) -> String {
    evm::format_address(&address(raw))
}

pub fn token() -> AssetKey {
    AssetKey::token(NETWORK, address(TOKEN))
}

pub fn policy() -> PolicySet {
    let asset = |id: &str, key, decimals| Asset { id: id.into(), key, decimals };
    let function = |signature: &str| ContractFunction {
        network: NETWORK,
        contract: address(VAULT_CONTRACT),
        signature: signature.into(),
    };
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
        networks: vec![NetworkId::Evm(1), NETWORK],
        assets: vec![
            asset("main-eth", AssetKey::native(NetworkId::Evm(1)), 18),
            asset("eth", AssetKey::native(NETWORK), 18),
            asset("usdc", token(), 6),
        ],
        allow_lists: vec![],
        functions: vec![function("deposit(uint256,address)"), function("batch((address,uint256)[],bytes,string)")],
        permits: vec![PermitDomain { asset: token(), name: "USD Coin".into(), version: "2".into(), max_life_s: 3600 }],
        vaults: vec![],
        wallets: vec![],
        messages: vec![],
        trust: None,
    }
}

pub fn intent(action: Action) -> Intent {
    Intent {
        version: 1,
        id: IntentId::from_bytes([1; 16]),
        genesis: Digest([7; 32]),
        vault: "treasury".into(),
        wallet: WalletId::from_bytes([2; 16]),
        network: NETWORK,
        actions: vec![action],
        max_fee: Amount::from_u128(10_u128.pow(18)),
        expires_at: UnixMs(2_000_000_000_000),
        reference: None,
        replaces: Some(IntentId::from_bytes([9; 16])),
    }
}

pub fn eip1559(nonce: u64) -> Choice {
    Choice {
        nonce,
        gas_limit: 100_000,
        fees: Fees::Eip1559 {
            max_fee_per_gas: 30_000_000_000,
            max_priority_fee_per_gas: 1_000_000_000,
            access_list: vec![],
        },
    }
}

/// RLP written independently of the crate, also in ways it must refuse.
pub enum Rlp {
    Bytes(Vec<u8>),
    List(Vec<Rlp>),
}

impl Rlp {
    pub fn number(value: u128) -> Rlp {
        Rlp::Bytes(value.to_be_bytes().into_iter().skip_while(|b| *b == 0).collect())
    }

    pub fn encode(&self) -> Vec<u8> {
        let (offset, body) = match self {
            Rlp::Bytes(one) if one.len() == 1 && one[0] < 0x80 => return one.clone(),
            Rlp::Bytes(bytes) => (0x80, bytes.clone()),
            Rlp::List(items) => (0xc0, items.iter().flat_map(Rlp::encode).collect()),
        };
        let length: Vec<u8> = body.len().to_be_bytes().into_iter().skip_while(|b| *b == 0).collect();
        match body.len() {
            0..=55 => [vec![offset + body.len() as u8], body].concat(),
            _ => [vec![offset + 55 + length.len() as u8], length, body].concat(),
        }
    }
}

pub fn digest_of(decoded: &Decoded) -> [u8; 32] {
    decoded.sighashes()[0].expose_to_signer()
}
