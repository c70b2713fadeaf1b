//! What an approver's program refuses to show as signable (rule I2): the host serves the envelope and the policy set.

use crate::workspace::{EVM, NOW, PAYEE, Workspace, sign_document};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringi::approver::Proposal;
use ringi::keys::{KeyKind, SecretKey};
use ringi_primitives::approval::Envelope;
use ringi_primitives::cbor;
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::intent::Intent;
use ringi_primitives::signed::Signed;

fn envelope(workspace: &Workspace) -> Envelope {
    let intent = workspace.intent(EVM, "eth", PAYEE, 2_000_000_000_000_000_000, 10_000_000_000_000_000);
    Envelope {
        version: 1,
        genesis: workspace.chain.root(),
        intent: Intent::digest(&serde_json::to_vec(&intent).unwrap()),
        wallet: workspace.wallet(),
        plan: ringi_chain::plan(&workspace.policy, &intent).unwrap(),
        policy: workspace.signed_policy.digest(Domain::PolicySet),
    }
}

fn read(workspace: &Workspace, envelope: &Envelope, policy: &Signed) -> Result<Proposal, String> {
    let text = STANDARD.encode(cbor::encode(envelope));
    Proposal::read(&text, policy, &workspace.chain).map_err(|e| format!("{} {}", e.code, e.what))
}

#[test]
fn i2_an_approver_reads_effects_and_fee_and_signs_their_digest() {
    let workspace = Workspace::new();
    let asked = envelope(&workspace);
    let proposal = read(&workspace, &asked, &workspace.signed_policy).unwrap();
    assert_eq!(proposal.words(), format!("pay 2 eth to {PAYEE} on eip155:31337; at most 0.01 eth in fees"));
    let (name, given) = proposal.approve(&workspace.approver).unwrap();
    assert_eq!(name, "Grace");
    let signed = workspace.approver.sign_digest(&asked.digest());
    assert_eq!(STANDARD.decode(given.signature.unwrap()).unwrap(), signed.0);
    assert!(NOW < asked.plan.expires_at);
}

#[test]
fn i2_envelopes_of_another_workspace_or_policy_set_are_not_shown() {
    let workspace = Workspace::new();
    let asked = envelope(&workspace);
    let refused = |envelope: &Envelope, policy: &Signed| read(&workspace, envelope, policy).err().unwrap_or_default();
    let foreign = Envelope { genesis: Digest([9; 32]), ..asked.clone() };
    assert!(refused(&foreign, &workspace.signed_policy).contains("another workspace"));
    let other = Envelope { policy: Digest([9; 32]), ..asked.clone() };
    assert!(refused(&other, &workspace.signed_policy).contains("another policy set"));
}

#[test]
fn i2_a_policy_set_that_the_admins_did_not_sign_gives_no_names() {
    let workspace = Workspace::new();
    let asked = envelope(&workspace);
    let bare = Signed { signatures: vec![], ..workspace.signed_policy.clone() };
    assert!(read(&workspace, &asked, &bare).err().unwrap_or_default().contains("admin quorum"));
    let mut forged = bare;
    let strangers = [SecretKey::generate(KeyKind::Ed25519).unwrap(), SecretKey::generate(KeyKind::Ed25519).unwrap()];
    sign_document(&mut forged, Domain::PolicySet, &strangers);
    assert!(read(&workspace, &asked, &forged).is_err());
}

#[test]
fn i2_a_key_that_approves_for_nobody_signs_nothing() {
    let workspace = Workspace::new();
    let proposal = read(&workspace, &envelope(&workspace), &workspace.signed_policy).unwrap();
    let initiator = proposal.approve(&workspace.initiator).err().map(|e| e.code);
    assert_eq!(initiator.as_deref(), Some("cli.approver"));
}

#[test]
fn i2_text_that_is_no_envelope_is_refused() {
    let workspace = Workspace::new();
    for text in ["", "%", "AAAA", &STANDARD.encode([0xff; 100_000])] {
        let refused = Proposal::read(text, &workspace.signed_policy, &workspace.chain).err().map(|e| e.code);
        assert_eq!(refused.as_deref(), Some("cli.envelope"));
    }
}
