//! Receipts and addresses: true ones verify, and no byte of them can flip unnoticed (rules R1, A1, G1).

use crate::workspace::{EVM, NET, PAYEE, Workspace, sign_document};
use ringi::verify::{VerifyError, verify_address, verify_receipt};
use ringi_primitives::amount::Amount;
use ringi_primitives::cbor;
use ringi_primitives::certificate::AddressStatement;
use ringi_primitives::digest::Domain;
use ringi_primitives::network::NetworkId;
use ringi_primitives::order::KeyId;
use ringi_primitives::receipt::Receipt;
use ringi_primitives::request::SigningRequest;
use ringi_primitives::scheme::Scheme;
use ringi_primitives::wallet::KeyPosition;

fn check(workspace: &Workspace, receipt: &Receipt) -> Result<ringi::verify::VerifiedReceipt, VerifyError> {
    verify_receipt(&cbor::encode(receipt), &workspace.chain, &workspace.genesis, &[])
}

#[test]
fn r1_true_receipts_verify_and_say_what_happened() {
    let workspace = Workspace::new();
    let evm = check(&workspace, &workspace.evm_receipt()).unwrap();
    assert_eq!(evm.effects, [format!("pay 2 eth to {PAYEE} on eip155:31337")]);
    assert_eq!((evm.initiator.as_str(), evm.approvers.as_slice()), ("Ada", ["Grace".to_string()].as_slice()));
    assert_eq!((evm.signers, evm.assurance), (vec![1, 3], "process"));
    let bitcoin = check(&workspace, &workspace.bitcoin_receipt()).unwrap();
    assert_eq!(bitcoin.effects.len(), 1);
    assert_eq!(bitcoin.max_fee, Amount::from_u64(1_000));
}

#[test]
fn r1_no_byte_of_an_evm_receipt_flips_unnoticed() {
    let workspace = Workspace::new();
    flip_every_byte(&workspace, &workspace.evm_receipt());
}

#[test]
fn r1_no_byte_of_a_bitcoin_receipt_flips_unnoticed() {
    let workspace = Workspace::new();
    flip_every_byte(&workspace, &workspace.bitcoin_receipt());
}

/// One bit of each byte in turn, over two threads.
fn flip_every_byte(workspace: &Workspace, receipt: &Receipt) {
    let bytes = cbor::encode(receipt);
    verify_receipt(&bytes, &workspace.chain, &workspace.genesis, &[]).unwrap();
    let (chain, genesis, bytes) = (&workspace.chain, &workspace.genesis, &bytes);
    std::thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || {
                for at in (half..bytes.len()).step_by(2) {
                    let mut flipped = bytes.clone();
                    flipped[at] ^= 1 << (at / 2 % 8);
                    let found = verify_receipt(&flipped, chain, genesis, &[]);
                    assert!(found.is_err(), "byte {at} of {} flipped unnoticed", bytes.len());
                }
            });
        }
    });
}

#[test]
fn r1_truncated_and_extended_receipts_are_refused() {
    let workspace = Workspace::new();
    let mut bytes = cbor::encode(&workspace.evm_receipt());
    bytes.push(0);
    assert!(matches!(
        verify_receipt(&bytes, &workspace.chain, &workspace.genesis, &[]),
        Err(VerifyError::Malformed(_))
    ));
    for length in [0, 1, bytes.len() / 2, bytes.len() - 2] {
        let cut = verify_receipt(&bytes[..length], &workspace.chain, &workspace.genesis, &[]);
        assert!(matches!(cut, Err(VerifyError::Malformed(_))), "{length}");
    }
}

#[test]
fn g1_a_receipt_of_another_workspace_is_refused() {
    let (workspace, other) = (Workspace::new(), Workspace::new());
    let bytes = cbor::encode(&workspace.evm_receipt());
    assert!(matches!(verify_receipt(&bytes, &other.chain, &other.genesis, &[]), Err(VerifyError::OtherGenesis(_))));
}

#[test]
fn r1_parts_of_two_true_receipts_do_not_mix() {
    let workspace = Workspace::new();
    let (receipt, other) = (workspace.evm_receipt(), workspace.evm_receipt());
    let mixtures: [fn(&mut Receipt, &Receipt); 5] = [
        |r, o| r.boots = o.boots.clone(),
        |r, o| r.verdicts[0] = o.verdicts[0].clone(),
        |r, _| r.verdicts.swap(0, 1),
        |r, _| r.verdicts[1] = r.verdicts[0].clone(),
        |r, _| {
            r.verdicts.pop();
        },
    ];
    for (i, mix) in mixtures.iter().enumerate() {
        let mut mixed = receipt.clone();
        mix(&mut mixed, &other);
        assert!(check(&workspace, &mixed).is_err(), "mixture {i}");
    }
}

#[test]
fn r1_extra_parts_are_refused() {
    let workspace = Workspace::new();
    let bitcoin = workspace.bitcoin_receipt();
    let mut receipt = workspace.evm_receipt();
    receipt.certificates = bitcoin.certificates.clone();
    assert!(matches!(check(&workspace, &receipt), Err(VerifyError::Certificate(_))));
    let mut receipt = workspace.evm_receipt();
    let twice = receipt.policy.signatures[0];
    receipt.policy.signatures.push(twice);
    assert!(matches!(check(&workspace, &receipt), Err(VerifyError::Policy(_))));
}

#[test]
fn g2_a_policy_without_the_admin_quorum_is_refused() {
    let workspace = Workspace::new();
    let mut receipt = workspace.evm_receipt();
    receipt.policy.signatures.truncate(1);
    assert!(matches!(check(&workspace, &receipt), Err(VerifyError::Policy(_))));
    sign_document(&mut receipt.policy, Domain::Order, &workspace.admins);
    assert!(matches!(check(&workspace, &receipt), Err(VerifyError::Policy(_))), "signed under another domain");
}

#[test]
fn i2_a_receipt_without_its_approval_is_refused() {
    let workspace = Workspace::new();
    let mut receipt = workspace.evm_receipt();
    let mut request: SigningRequest = cbor::decode(&receipt.request, 1 << 20).unwrap();
    request.approvals.clear();
    receipt.request = cbor::encode(&request);
    assert!(check(&workspace, &receipt).is_err());
}

#[test]
fn a1_true_addresses_verify_and_no_byte_flips_into_another_truth() {
    let workspace = Workspace::new();
    let bitcoin = NetworkId::Bitcoin(NET);
    let at = |branch, index| KeyPosition { branch, index };
    for (network, kind, position) in
        [(EVM, "account", KeyPosition::ACCOUNT), (bitcoin, "p2tr", at(0, 3)), (bitcoin, "p2wpkh", at(0, 4))]
    {
        let statement = workspace.statement(network, kind, position);
        let bytes = cbor::encode(&statement);
        let verified = verify_address(&bytes, &workspace.chain).unwrap();
        assert_eq!(verified.address, statement.address);
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            // Another chain id is a true statement too: the account is the same on every EVM chain.
            match verify_address(&flipped, &workspace.chain) {
                Ok(found) => assert!(found.address == statement.address && found.network != network, "byte {at}"),
                Err(_) => continue,
            }
        }
    }
}

#[test]
fn a1_false_statements_are_refused() {
    let workspace = Workspace::new();
    let statement = workspace.statement(EVM, "account", KeyPosition::ACCOUNT);
    let refuse = |change: &dyn Fn(&mut AddressStatement)| {
        let mut changed = statement.clone();
        change(&mut changed);
        assert!(verify_address(&cbor::encode(&changed), &workspace.chain).is_err());
    };
    refuse(&|s| s.address = PAYEE.into());
    refuse(&|s| s.wallet.vault.0 += 1);
    refuse(&|s| s.kind = "p2wpkh".into());
    refuse(&|s| s.certificate.signatures.truncate(2));
    refuse(&|s| s.certificate.certificate.epoch += 1);
    refuse(&|s| s.certificate.signatures.swap(0, 1));
    let other = Workspace::new();
    assert!(verify_address(&cbor::encode(&statement), &other.chain).is_err());
}

/// K3: an address of production needs the word of every cosigner that a drill of its key has passed.
#[test]
fn k3_an_address_of_production_is_none_before_the_drill() {
    let workspace = Workspace::of_production();
    let mut statement = workspace.statement(EVM, "account", KeyPosition::ACCOUNT);
    let found = |statement: &AddressStatement| verify_address(&cbor::encode(statement), &workspace.chain);
    assert_eq!(found(&statement), Err(VerifyError::Undrilled));
    let key = statement.certificate.certificate.key;
    statement.drills = (1..=3).map(|n| workspace.drill(key, n, n)).collect();
    assert_eq!(found(&statement).unwrap().assurance, "nitro");
    let refuse = |change: &dyn Fn(&mut AddressStatement)| {
        let mut changed = statement.clone();
        change(&mut changed);
        assert_eq!(found(&changed), Err(VerifyError::Undrilled));
    };
    refuse(&|s| s.drills.truncate(s.drills.len() - 1));
    refuse(&|s| s.drills[2] = s.drills[1].clone());
    refuse(&|s| s.drills[1] = workspace.drill(key, 2, 1));
    refuse(&|s| s.drills[1] = workspace.drill(KeyId { scheme: Scheme::Bip340, ..key }, 2, 2));
    refuse(&|s| s.drills[1].drill.genesis.0[0] ^= 1);
}
