//! A chain of one account for the orchestrator of the kill runs: it takes what is signed and mines it in order.

use super::office::Desk;
use async_trait::async_trait;
use ringi_chain::evm::{self, Choice, Fees};
use ringi_chain::{KeySource, SignedTx};
use ringi_orchestrator::ports::{
    ChainPort, ChainPortError, OwnAddress, PrepareAsk, SlotChoice, TxOutcome, TxStatus, Watch,
};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::effects::Slot;
use ringi_primitives::network::NetworkId;
use ringi_primitives::request::Unsigned;
use ringi_primitives::scheme::Scheme;
use ringi_primitives::wallet::KeyPosition;
use ringi_sim::requests::EVM;
use std::collections::BTreeMap;

/// The account and what was sent from it.
pub struct Chain {
    account: Address,
    /// Ids taken, not mined, by nonce.
    pool: BTreeMap<u64, String>,
    mined: BTreeMap<u64, (String, u64)>,
    height: u64,
    /// Calls of the store under way.
    pub stored: u32,
}

impl Chain {
    /// Nothing sent yet.
    pub fn of(keys: &dyn KeySource) -> Chain {
        let key = keys.public_key(Scheme::EcdsaSecp256k1, KeyPosition::ACCOUNT).expect("a key");
        let account = evm::address_from_key(&key).expect("a valid key");
        Chain { account, pool: BTreeMap::new(), mined: BTreeMap::new(), height: 1, stored: 0 }
    }

    /// A block, with everything that is next.
    pub fn mine(&mut self) {
        self.height += 1;
        while let Some(id) = self.pool.remove(&(self.mined.len() as u64)) {
            self.mined.insert(self.mined.len() as u64, (id, self.height));
        }
    }

    /// How many are mined.
    pub fn mined(&self) -> usize {
        self.mined.len()
    }
}

/// The nonce of a signed EIP-1559 transaction of this chain: after type, list head and the chain id's three bytes.
fn nonce_of(bytes: &[u8]) -> u64 {
    let head = match bytes[1] {
        0xf8 => 3,
        0xf9 => 4,
        _ => 2,
    };
    assert_eq!(bytes[head..head + 3], [0x82, 0x7a, 0x69], "chain id 31337");
    match bytes[head + 3] {
        0x80 => 0,
        small => u64::from(small),
    }
}

#[async_trait]
impl ChainPort for Desk {
    fn networks(&self) -> Vec<NetworkId> {
        vec![EVM]
    }

    fn finality(&self, _: NetworkId) -> u64 {
        3
    }

    async fn next_nonce(&self, _: NetworkId, account: &Address) -> Result<u64, ChainPortError> {
        self.alive().await;
        let chain = self.chain.lock().unwrap();
        assert_eq!(*account, chain.account);
        Ok((chain.mined.len() + chain.pool.len()) as u64)
    }

    async fn prepare(&self, ask: PrepareAsk<'_>) -> Result<Unsigned, ChainPortError> {
        self.alive().await;
        let SlotChoice::Nonce(nonce) = ask.slot else { panic!("an EVM transfer takes a nonce") };
        let account = self.chain.lock().unwrap().account;
        let fees = Fees::Eip1559 { max_fee_per_gas: 2, max_priority_fee_per_gas: 1, access_list: Vec::new() };
        let choice = Choice { nonce, gas_limit: 21_000, fees };
        let made = evm::encode(ask.plan, ask.intent, &account, &choice);
        made.map_err(|e| ChainPortError::Rejected { code: e.code().into(), detail: e.to_string() })
    }

    async fn broadcast(&self, _: NetworkId, signed: &SignedTx) -> Result<(), ChainPortError> {
        self.alive().await;
        let nonce = nonce_of(&signed.bytes);
        let mut chain = self.chain.lock().unwrap();
        let mined = chain.mined.get(&nonce).map(|(id, _)| id.clone());
        let known = mined.unwrap_or_else(|| chain.pool.entry(nonce).or_insert_with(|| signed.id.clone()).clone());
        assert_eq!(known, signed.id, "two transactions of the orchestrator's under nonce {nonce}");
        Ok(())
    }

    async fn status(&self, _: NetworkId, id: &str, slot: &Slot) -> Result<TxStatus, ChainPortError> {
        self.alive().await;
        let chain = self.chain.lock().unwrap();
        let Slot::Nonce { nonce, .. } = slot else { panic!("nonce") };
        Ok(match chain.mined.get(nonce) {
            Some((mined, height)) if mined == id => TxStatus::Included {
                height: *height,
                block: format!("b{height}"),
                confirmations: chain.height - height + 1,
                outcome: TxOutcome::Success,
            },
            Some((other, _)) => TxStatus::SlotTaken { by: Some(other.clone()) },
            None if chain.pool.get(nonce).is_some_and(|known| known == id) => TxStatus::Pending,
            None => TxStatus::Unknown,
        })
    }

    async fn watch(&self, _: Vec<Watch>) {}

    async fn balance(&self, _: NetworkId, _: &[OwnAddress], _: &AssetKey) -> Result<Amount, ChainPortError> {
        Ok(Amount::from_u64(1_000_000_000))
    }
}
