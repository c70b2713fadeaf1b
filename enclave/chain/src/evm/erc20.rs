//! The three ERC-20 calls that are understood: `transfer`, `approve`, `transferFrom` (EIP-20), written and read exactly.

use super::account::{Raw, raw};
use crate::ChainError;
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::effects::Effect;

const TRANSFER: [u8; 4] = [0xa9, 0x05, 0x9c, 0xbb];
const APPROVE: [u8; 4] = [0x09, 0x5e, 0xa7, 0xb3];
const TRANSFER_FROM: [u8; 4] = [0x23, 0xb8, 0x72, 0xdd];

/// Call data of `transfer(address,uint256)`.
pub(super) fn transfer(to: &Address, amount: Amount) -> Result<Vec<u8>, ChainError> {
    Ok([&TRANSFER[..], &account_word(to)?, &amount.to_be_bytes()].concat())
}

/// Call data of `approve(address,uint256)`.
pub(super) fn approve(spender: &Address, amount: Amount) -> Result<Vec<u8>, ChainError> {
    Ok([&APPROVE[..], &account_word(spender)?, &amount.to_be_bytes()].concat())
}

/// Call data of `transferFrom(address,address,uint256)`.
pub(super) fn transfer_from(owner: &Address, to: &Address, amount: Amount) -> Result<Vec<u8>, ChainError> {
    Ok([&TRANSFER_FROM[..], &account_word(owner)?, &account_word(to)?, &amount.to_be_bytes()].concat())
}

/// What a call of a token asset does; `None` if its selector is none of the three.
///
/// # Errors
/// [`ChainError::Undecodable`] where the selector is known and the arguments are not exact: dirty padding, missing or
/// trailing bytes.
pub(super) fn read(asset: AssetKey, data: &[u8]) -> Result<Option<Effect>, ChainError> {
    let Some((selector, arguments)) = data.split_first_chunk::<4>() else { return Ok(None) };
    let effect = match *selector {
        TRANSFER => {
            let [to, amount] = words(arguments)?;
            Effect::Transfer { asset, to: word_account(to)?, amount: Amount::from_be_bytes(amount) }
        }
        APPROVE => {
            let [spender, amount] = words(arguments)?;
            Effect::Approve { asset, spender: word_account(spender)?, amount: Amount::from_be_bytes(amount) }
        }
        TRANSFER_FROM => {
            let [owner, to, amount] = words(arguments)?;
            let (owner, to) = (word_account(owner)?, word_account(to)?);
            Effect::TransferFrom { asset, owner, to, amount: Amount::from_be_bytes(amount) }
        }
        _ => return Ok(None),
    };
    Ok(Some(effect))
}

fn words<const N: usize>(arguments: &[u8]) -> Result<[[u8; 32]; N], ChainError> {
    let (words, rest) = arguments.as_chunks::<32>();
    match words.try_into() {
        Ok(words) if rest.is_empty() => Ok(words),
        _ => Err(ChainError::Undecodable("token call with missing or trailing bytes")),
    }
}

fn account_word(address: &Address) -> Result<[u8; 32], ChainError> {
    let account: Raw = raw(address)?;
    let mut word = [0; 32];
    word.iter_mut().skip(12).zip(account).for_each(|(to, from)| *to = from);
    Ok(word)
}

fn word_account(word: [u8; 32]) -> Result<Address, ChainError> {
    let (padding, account) = word.split_at(12);
    if padding.iter().any(|b| *b != 0) {
        return Err(ChainError::Undecodable("address with dirty padding"));
    }
    Address::new(account).ok_or(ChainError::Undecodable("address is not 20 bytes"))
}
