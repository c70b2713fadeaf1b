//! Plans become bytes, bytes become the same effects, signatures become transactions.

use super::world::*;
use ringi_chain::evm::{self, Fees, SignedAuthorization};
use ringi_chain::{ChainError, assemble, decode, plan};
use ringi_primitives::amount::Amount;
use ringi_primitives::effects::{Effect, Slot};
use ringi_primitives::intent::{Action, Cancel, Delegate, Transfer};
use ringi_primitives::request::PayloadKind;

fn transfer(asset: &str, amount: u64) -> Action {
    Action::Transfer(Transfer { asset: asset.into(), to: text([0xbb; 20]), amount: Amount::from_u64(amount) })
}

#[test]
fn native_and_token_transfers_go_all_the_way() {
    let (policy, wallet) = (policy(), Wallet::new(1));
    for asset in ["eth", "usdc"] {
        let intent = intent(transfer(asset, 1_500_000));
        let plan = plan(&policy, &intent).unwrap();
        let unsigned = evm::encode(&plan, &intent, &wallet.account(), &eip1559(5)).unwrap();
        let decoded = decode(&policy, &wallet, NETWORK, &unsigned).unwrap();
        assert_eq!(decoded.effects(), plan.effects);
        assert_eq!(decoded.max_fee(), Amount::from_u64(3_000_000_000_000_000));
        assert_eq!(*decoded.slot(), Slot::Nonce { network: NETWORK, account: wallet.account(), nonce: 5 });
        let signed = assemble(&policy, &wallet, NETWORK, &unsigned, &[wallet.sign(&decoded.sighashes()[0])]).unwrap();
        assert_eq!(signed.bytes[0], 2);
        assert_eq!(signed.id, format!("0x{}", hex::encode(evm::keccak256(&signed.bytes))));
        let stranger = Wallet::new(2);
        let forged = stranger.sign(&decoded.sighashes()[0]);
        assert_eq!(assemble(&policy, &wallet, NETWORK, &unsigned, &[forged]), Err(ChainError::BadSignature));
        assert_eq!(assemble(&policy, &wallet, NETWORK, &unsigned, &[]), Err(ChainError::BadSignature));
    }
}

#[test]
fn i3_cancel_is_a_call_of_nothing_to_oneself() {
    let (policy, wallet) = (policy(), Wallet::new(1));
    let mut intent = intent(Action::Cancel(Cancel {}));
    let plan_ = plan(&policy, &intent).unwrap();
    let unsigned = evm::encode(&plan_, &intent, &wallet.account(), &eip1559(5)).unwrap();
    let decoded = decode(&policy, &wallet, NETWORK, &unsigned).unwrap();
    assert_eq!(decoded.effects(), [Effect::SelfCancel { network: NETWORK }]);
    let other = decode(&policy, &Wallet::new(2), NETWORK, &unsigned);
    assert_eq!(other, Err(ChainError::Forbidden("a transfer of nothing")));
    intent.replaces = None;
    assert!(matches!(plan(&policy, &intent), Err(ChainError::Unsupported(_))));
}

#[test]
fn i3_delegation_signs_authorization_and_transaction_in_one_slot() {
    let (policy, wallet) = (policy(), Wallet::new(1));
    let intent = intent(Action::Delegate(Delegate { to: text([0xdd; 20]) }));
    let plan = plan(&policy, &intent).unwrap();
    let authorization = evm::encode_authorization(&plan, 5).unwrap();
    assert_eq!(authorization.kind, PayloadKind::Authorization);
    let first = decode(&policy, &wallet, NETWORK, &authorization).unwrap();
    let signed = assemble(&policy, &wallet, NETWORK, &authorization, &[wallet.sign(&first.sighashes()[0])]).unwrap();
    let authorization = SignedAuthorization::parse(&signed.bytes).unwrap();
    let mut choice = eip1559(5);
    choice.fees = Fees::Eip7702 { max_fee_per_gas: 7, max_priority_fee_per_gas: 7, access_list: vec![], authorization };
    let unsigned = evm::encode(&plan, &intent, &wallet.account(), &choice).unwrap();
    let second = decode(&policy, &wallet, NETWORK, &unsigned).unwrap();
    for decoded in [&first, &second] {
        assert_eq!(decoded.effects(), plan.effects);
        assert_eq!(*decoded.slot(), Slot::Nonce { network: NETWORK, account: wallet.account(), nonce: 5 });
    }
    assert_ne!(digest_of(&first), digest_of(&second));
    let signed = assemble(&policy, &wallet, NETWORK, &unsigned, &[wallet.sign(&second.sighashes()[0])]).unwrap();
    assert_eq!(signed.bytes[0], 4);
    choice.nonce = 6;
    let unsigned = evm::encode(&plan, &intent, &wallet.account(), &choice).unwrap();
    assert!(matches!(decode(&policy, &wallet, NETWORK, &unsigned), Err(ChainError::Forbidden(_))));
}
