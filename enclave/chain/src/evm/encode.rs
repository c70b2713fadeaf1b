//! From a plan and the host's choices to unsigned bytes. The host runs this; cosigners trust none of it and decode.

use super::account::raw;
use super::authorization::Authorization;
use super::choice::{Choice, Fees};
use super::envelope::Transaction;
use super::erc20;
use super::keccak::keccak256;
use super::message;
use super::plan::raw_data;
use super::typed_data::Permit;
use crate::ChainError;
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::effects::{Effect, OpaqueKind};
use ringi_primitives::intent::{Action, Intent};
use ringi_primitives::network::NetworkId;
use ringi_primitives::plan::Plan;
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::request::{PayloadKind, Unsigned};

/// What a plan's transaction calls: enough to ask a node for a gas estimate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The called account.
    pub to: Address,
    /// Coin sent along, wei.
    pub value: Amount,
    /// Call data.
    pub data: Vec<u8>,
}

/// The call that carries out a plan for the wallet whose account is given. The intent supplies the raw data of an
/// `Opaque` call, of which the plan holds the digest only.
///
/// # Errors
/// [`ChainError::Unsupported`] if no transaction carries out the plan; [`ChainError::Forbidden`] if intent and plan
/// disagree.
pub fn target(plan: &Plan, intent: &Intent, account: &Address) -> Result<Target, ChainError> {
    let [effect] = plan.effects.as_slice() else { return Err(ChainError::Unsupported("more than one effect")) };
    let nothing = Amount::ZERO;
    let (to, value, data) = match effect {
        Effect::Transfer { asset, to, amount } => match asset.token {
            None => (*to, *amount, Vec::new()),
            Some(contract) => (contract, nothing, erc20::transfer(to, *amount)?),
        },
        Effect::Approve { asset, spender, amount } => (token(asset.token)?, nothing, erc20::approve(spender, *amount)?),
        Effect::TransferFrom { asset, owner, to, amount } => {
            (token(asset.token)?, nothing, erc20::transfer_from(owner, to, *amount)?)
        }
        Effect::Call { contract, value, data, .. } => (*contract, *value, data.clone()),
        Effect::Opaque { kind: OpaqueKind::Call, target: Some(to), value, payload, .. } => {
            let data = match intent.actions.as_slice() {
                [Action::RawCall(call)] => raw_data(call)?,
                _ => return Err(ChainError::Forbidden("the plan is not the intent's")),
            };
            if keccak256(&data) != payload.0 {
                return Err(ChainError::Forbidden("the plan is not the intent's"));
            }
            (*to, *value, data)
        }
        Effect::Delegate { .. } | Effect::SelfCancel { .. } => (*account, nothing, Vec::new()),
        Effect::Permit { .. } | Effect::OwnershipProof { .. } | Effect::TypedMessage { .. } | Effect::Opaque { .. } => {
            return Err(ChainError::Unsupported("no transaction carries this out"));
        }
    };
    Ok(Target { to, value, data })
}

/// The unsigned transaction of a plan. `account` is the wallet's own address. For a delegation the fees must be
/// [`Fees::Eip7702`] with the authorization signed before, and only for a delegation.
///
/// # Errors
/// As [`target`]; [`ChainError::Amounts`] if the choice can cost more than the plan's maximum fee.
pub fn encode(plan: &Plan, intent: &Intent, account: &Address, choice: &Choice) -> Result<Unsigned, ChainError> {
    let chain_id = chain_id(plan)?;
    if max_fee(choice)? > plan.max_fee {
        return Err(ChainError::Amounts("gas limit x fee per gas exceeds the plan's maximum fee"));
    }
    let delegates = matches!(plan.effects.as_slice(), [Effect::Delegate { .. }]);
    if delegates != matches!(choice.fees, Fees::Eip7702 { .. }) {
        return Err(ChainError::Unsupported("type 4 is for delegations, and delegations are type 4"));
    }
    let Target { to, value, data } = target(plan, intent, account)?;
    let to = Some(raw(&to)?);
    let transaction = Transaction { chain_id, choice: choice.clone(), to, value: value.value(), data };
    Ok(Unsigned { kind: PayloadKind::Transaction, bytes: transaction.signing_payload() })
}

/// The authorization of a delegation whose carrying transaction has this nonce.
///
/// # Errors
/// [`ChainError::Unsupported`] if the plan is no delegation.
pub fn encode_authorization(plan: &Plan, transaction_nonce: u64) -> Result<Unsigned, ChainError> {
    let [Effect::Delegate { delegate, .. }] = plan.effects.as_slice() else {
        return Err(ChainError::Unsupported("only a delegation has an authorization"));
    };
    let nonce = transaction_nonce.checked_add(1).ok_or(ChainError::Amounts("nonce"))?;
    let authorization = Authorization { chain_id: chain_id(plan)?, delegate: raw(delegate)?, nonce };
    Ok(Unsigned { kind: PayloadKind::Authorization, bytes: authorization.payload() })
}

/// The unsigned message of a plan that nothing on chain carries out: ownership proof, permit, typed data, message.
/// `permit_nonce` is the wallet's nonce in the token; only a permit uses it.
///
/// # Errors
/// [`ChainError::Unsupported`] if the plan is carried out by a transaction; [`ChainError::Forbidden`] if intent and plan
/// disagree.
pub fn encode_message(
    policy: &PolicySet,
    plan: &Plan,
    intent: &Intent,
    account: &Address,
    permit_nonce: Amount,
) -> Result<Unsigned, ChainError> {
    let [effect] = plan.effects.as_slice() else { return Err(ChainError::Unsupported("more than one effect")) };
    let (kind, bytes) = match effect {
        Effect::Permit { asset, spender, amount, deadline_s } => {
            let (asset, spender, amount, deadline_s) = (*asset, *spender, *amount, *deadline_s);
            let permit = Permit { asset, owner: *account, spender, amount, nonce: permit_nonce, deadline_s };
            (PayloadKind::TypedData, permit.document(policy)?)
        }
        Effect::OwnershipProof { network, statement } => {
            let text = message::proof(account, *network, &policy.genesis, statement);
            (PayloadKind::Message, text.into_bytes())
        }
        Effect::Opaque { payload, .. } => {
            let (kind, text) = match intent.actions.as_slice() {
                [Action::TypedData(a)] => (PayloadKind::TypedData, &a.json),
                [Action::Message(a)] => (PayloadKind::Message, &a.text),
                _ => return Err(ChainError::Unsupported("a transaction carries this out")),
            };
            if keccak256(text.as_bytes()) != payload.0 {
                return Err(ChainError::Forbidden("the plan is not the intent's"));
            }
            (kind, text.clone().into_bytes())
        }
        _ => return Err(ChainError::Unsupported("a transaction carries this out")),
    };
    Ok(Unsigned { kind, bytes })
}

/// The most a choice can cost, wei: gas limit x most per gas (EIP-1559's tip is part of it).
pub(super) fn max_fee(choice: &Choice) -> Result<Amount, ChainError> {
    if let Fees::Eip1559 { max_fee_per_gas, max_priority_fee_per_gas, .. }
    | Fees::Eip7702 { max_fee_per_gas, max_priority_fee_per_gas, .. } = &choice.fees
        && max_priority_fee_per_gas > max_fee_per_gas
    {
        return Err(ChainError::Amounts("priority fee exceeds the fee per gas"));
    }
    Amount::from_u64(choice.gas_limit)
        .checked_mul(Amount::from_u128(choice.fees.most_per_gas()))
        .ok_or(ChainError::Amounts("fee"))
}

fn chain_id(plan: &Plan) -> Result<u64, ChainError> {
    match plan.network {
        NetworkId::Evm(id) => Ok(id),
        NetworkId::Bitcoin(_) => Err(ChainError::WrongChain),
    }
}

fn token(contract: Option<Address>) -> Result<Address, ChainError> {
    contract.ok_or(ChainError::Unsupported("the network's own coin has no allowances"))
}
