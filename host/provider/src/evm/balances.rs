//! What accounts hold, as the node says.

use super::error::NodeError;
use super::node::Node;
use super::quantity::{Data, Quantity, hex0x};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use serde_json::json;

/// `balanceOf(address)` (EIP-20).
const BALANCE_OF: [u8; 4] = [0x70, 0xa0, 0x82, 0x31];
/// An account in an ABI word is padded with this.
const PADDING: [u8; 12] = [0; 12];

impl Node {
    /// How much of an asset of this chain the account holds after the newest block.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn balance(&self, asset: &AssetKey, account: &Address) -> Result<Amount, NodeError> {
        if asset.network != self.network() {
            let found = match asset.network {
                ringi_primitives::network::NetworkId::Evm(id) => id,
                ringi_primitives::network::NetworkId::Bitcoin(_) => 0,
            };
            return Err(NodeError::WrongChain { expected: self.config.chain_id, found });
        }
        match asset.token {
            None => {
                let wei: Quantity = self.call("eth_getBalance", json!([hex0x(account.raw()), "latest"])).await?;
                Ok(wei.0)
            }
            Some(token) => self.token_balance(&token, account).await,
        }
    }

    async fn token_balance(&self, token: &Address, account: &Address) -> Result<Amount, NodeError> {
        let data = [&BALANCE_OF[..], &PADDING, account.raw()].concat();
        let call = json!([{ "to": hex0x(token.raw()), "data": hex0x(&data) }, "latest"]);
        let Data(word) = self.call("eth_call", call).await?;
        word.try_into().map(Amount::from_be_bytes).map_err(|_| NodeError::Malformed("token balance"))
    }

    /// The account's code; empty for an ordinary account.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn code(&self, account: &Address) -> Result<Vec<u8>, NodeError> {
        let Data(code) = self.call("eth_getCode", json!([hex0x(account.raw()), "latest"])).await?;
        Ok(code)
    }
}
