//! A wallet with one plain key, so that whole transfers can be signed in a test.

use k256::ecdsa::SigningKey;
use ringi_chain::evm::{Choice, address_from_key, encode, format_address, keccak256, target};
use ringi_chain::{KeySource, SignedTx};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::{Asset, AssetKey};
use ringi_primitives::digest::Digest;
use ringi_primitives::intent::Intent;
use ringi_primitives::network::NetworkId;
use ringi_primitives::plan::Plan;
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::request::FinishedSignature;
use ringi_primitives::scheme::Scheme;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::KeyPosition;
use ringi_provider::evm::{Node, NodeError, Outbid, choose};

pub const NETWORK: NetworkId = NetworkId::Evm(31337);

pub struct Wallet {
    key: SigningKey,
    pub address: Address,
    policy: PolicySet,
}

impl KeySource for Wallet {
    fn public_key(&self, scheme: Scheme, position: KeyPosition) -> Option<Vec<u8>> {
        let own = scheme == Scheme::EcdsaSecp256k1 && position == KeyPosition::ACCOUNT;
        own.then(|| self.key.verifying_key().to_sec1_point(true).as_bytes().to_vec())
    }
}

impl Wallet {
    /// Knows the coin as `eth` and the token as `usd`.
    pub fn new(secret: u8, token: Option<Address>) -> Wallet {
        let key = SigningKey::from_slice(&[secret; 32]).unwrap();
        let address = address_from_key(key.verifying_key().to_sec1_point(true).as_bytes()).unwrap();
        let asset = |id: &str, key, decimals| Asset { id: id.to_owned(), key, decimals };
        let mut assets = vec![asset("eth", AssetKey::native(NETWORK), 18)];
        assets.extend(token.map(|t| asset("usd", AssetKey::token(NETWORK, t), 6)));
        let policy = PolicySet {
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
            assets,
            allow_lists: vec![],
            functions: vec![],
            permits: vec![],
            vaults: vec![],
            wallets: vec![],
            messages: vec![],
            trust: None,
        };
        Wallet { key, address, policy }
    }

    pub fn pay(&self, asset: &str, to: &Address, amount: u64, max_fee: u64) -> (Intent, Plan) {
        let text = serde_json::json!({
            "version": 1, "id": "int_01arz3ndektsv4rrffq69g5fav", "genesis": Digest::ZERO.hex(),
            "vault": "v", "wallet": "wal_01arz3ndektsv4rrffq69g5fav", "network": NETWORK.to_string(),
            "actions": [{
                "type": "transfer", "asset": asset, "to": format_address(to), "amount": amount.to_string(),
            }],
            "max_fee": max_fee.to_string(), "expires_at": "2099-01-01T00:00:00Z",
        });
        let intent = Intent::parse(text.to_string().as_bytes()).unwrap();
        let plan = ringi_chain::plan(&self.policy, &intent).unwrap();
        (intent, plan)
    }

    /// Facts, choice, bytes and a signature.
    pub async fn sign(
        &self,
        node: &Node,
        (intent, plan): &(Intent, Plan),
        nonce: u64,
        outbid: Option<Outbid>,
    ) -> Result<(SignedTx, Choice), NodeError> {
        let facts = node.facts(&self.address, &target(plan, intent, &self.address).unwrap()).await?;
        let choice = choose(plan, nonce, &facts, outbid, None).unwrap();
        let unsigned = encode(plan, intent, &self.address, &choice).unwrap();
        let (signature, recovery_id) = self.key.sign_prehash_recoverable(&keccak256(&unsigned.bytes));
        let signature =
            FinishedSignature { bytes: signature.to_bytes().into(), recovery_id: Some(recovery_id.to_byte()) };
        let signed = ringi_chain::assemble(&self.policy, self, NETWORK, &unsigned, &[signature]).unwrap();
        Ok((signed, choice))
    }

    pub async fn holds(&self, node: &Node, asset: &str) -> Amount {
        let asset = self.policy.asset(asset).unwrap();
        node.balance(&asset.key, &self.address).await.unwrap()
    }
}
