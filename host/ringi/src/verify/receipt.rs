//! `ringi verify receipt`: everything a receipt states is computed again from the pinned genesis and its own parts
//! (rules R1, G1, I1, I2, A1). A receipt proves that these cosigners gave these verdicts; not inclusion on chain.

use super::keys::CertifiedKeys;
use super::recovery::check_recovery_ids;
use super::{VerifyError, ensure};
use ringi_attestation::{CosignerIs, Moment, Pcr, PcrIndex, Root};
use ringi_chain::Decoded;
use ringi_policy::{Coins, Question, decide_as_claimed};
use ringi_primitives::amount::Amount;
use ringi_primitives::approval::{Approval, Consent, Envelope};
use ringi_primitives::cbor;
use ringi_primitives::decision::{Decision, Spending};
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::{Genesis, GenesisChain};
use ringi_primitives::id::{IntentId, PersonId};
use ringi_primitives::intent::Intent;
use ringi_primitives::limits;
use ringi_primitives::plan::Plan;
use ringi_primitives::policy_set::{Display, KeyPurpose, PolicySet};
use ringi_primitives::receipt::{BootCertificate, Receipt, SignedVerdict};
use ringi_primitives::request::SigningRequest;
use ringi_primitives::signed::Signed;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::WalletRef;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A receipt's bound: its request, its policy set, its transaction, and the rest.
const RECEIPT_BYTES: usize = limits::FRAME_BYTES;

/// What a verified receipt proves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifiedReceipt {
    /// The intent.
    pub intent: IntentId,
    /// The wallet that acted.
    pub wallet: String,
    /// The chain.
    pub network: String,
    /// Who asked.
    pub initiator: String,
    /// Who approved.
    pub approvers: Vec<String>,
    /// What the bytes request, in words.
    pub effects: Vec<String>,
    /// The most that could be paid in fees, base units.
    pub max_fee: Amount,
    /// The rules that decided.
    pub rules: Vec<String>,
    /// The cosigners that signed.
    pub signers: Vec<u8>,
    /// When each gave its verdict, in the same order.
    pub decided_at: Vec<UnixMs>,
    /// The transaction's id as explorers show it.
    pub transaction_id: String,
    /// What the cosigners run in.
    pub assurance: &'static str,
    /// PCR0 of each signer's image, in the same order; empty for plain processes.
    pub images: Vec<String>,
    /// Digest of the policy set.
    pub policy: Digest,
}

/// Verifies a receipt's bytes. `roots` are whose attestation documents are believed; plain processes give none.
///
/// # Errors
/// [`VerifyError`], the first check that fails.
pub fn verify_receipt(
    bytes: &[u8],
    genesis: &GenesisChain,
    history: &[Signed],
    roots: &[Root],
) -> Result<VerifiedReceipt, VerifyError> {
    let receipt: Receipt = cbor::decode(bytes, RECEIPT_BYTES).map_err(|_| VerifyError::Malformed("not a receipt"))?;
    ensure(receipt.version == 1, VerifyError::Malformed("version is not 1"))?;
    let policy = policy_of(&receipt, genesis, history)?;
    let case = Case::open(&receipt, &policy, genesis)?;
    let keys = CertifiedKeys::new(&receipt.certificates, genesis, case.root, case.wallet)?;
    let network = case.intent.network;
    let unsigned = &case.request.unsigned;
    let decoded = ringi_chain::decode(&policy, &keys, network, unsigned)?;
    // I2: what the bytes request is what was asked, at no higher fee.
    ensure(decoded.effects() == case.plan.effects, VerifyError::Differs("what the bytes request"))?;
    ensure(decoded.max_fee() <= case.plan.max_fee, VerifyError::Differs("the fee of the bytes"))?;
    every_certificate_signs(&receipt, &decoded)?;
    check_verdicts(&receipt, &case, &decoded, genesis)?;
    let images = check_machines(&receipt, genesis, history, roots)?;
    check_decision(&receipt, &case, &decoded)?;
    let signed = ringi_chain::assemble(&policy, &keys, network, unsigned, &receipt.signatures)?;
    ensure(signed.bytes == receipt.transaction, VerifyError::Differs("the transaction"))?;
    ensure(signed.id == receipt.transaction_id, VerifyError::Differs("the transaction id"))?;
    check_recovery_ids(network, unsigned, &receipt.signatures, &receipt.transaction)?;
    Ok(VerifiedReceipt { images, ..summary(&receipt, &case, &decoded, genesis) })
}

/// The policy set: every signature on it is of an admin and holds, and they are a quorum (rule G2). An older version of
/// genesis may have been in force when it was signed.
fn policy_of(receipt: &Receipt, genesis: &GenesisChain, history: &[Signed]) -> Result<PolicySet, VerifyError> {
    let signed = &receipt.policy;
    let set: PolicySet = signed
        .decode_unverified(limits::POLICY_BYTES)
        .map_err(|_| VerifyError::Malformed("not a policy set inside"))?;
    set.validate().map_err(|e| VerifyError::Policy(e.to_string()))?;
    ensure(set.genesis == genesis.root(), VerifyError::OtherGenesis("policy set"))?;
    let judged_by = |chain: &GenesisChain| {
        let people = signed.verified_people(Domain::PolicySet, |p, k| chain.head().is_admin_key(p, k));
        let all_hold = people.len() == signed.signatures.len();
        all_hold && chain.head().quorum_signed(signed, Domain::PolicySet)
    };
    let versions = (1..history.len()).filter_map(|n| GenesisChain::verify(history.get(..n)?).ok());
    let judged = judged_by(genesis) || versions.into_iter().any(|chain| judged_by(&chain));
    ensure(
        judged,
        VerifyError::Policy("not signed by a quorum of admins, or with a signature that does not hold".into()),
    )?;
    Ok(set)
}

/// The asked side of a receipt, checked.
struct Case<'a> {
    policy: &'a PolicySet,
    policy_digest: Digest,
    request: SigningRequest,
    request_digest: Digest,
    intent: Intent,
    wallet: WalletRef,
    root: ringi_primitives::policy_set::RootIndex,
    plan: Plan,
    initiator: PersonId,
    approvers: BTreeSet<PersonId>,
    independent: BTreeSet<PersonId>,
}

impl<'a> Case<'a> {
    fn open(receipt: &Receipt, policy: &'a PolicySet, genesis: &GenesisChain) -> Result<Case<'a>, VerifyError> {
        let request: SigningRequest = cbor::decode(&receipt.request, limits::REQUEST_BYTES)
            .map_err(|_| VerifyError::Malformed("not a signing request inside"))?;
        let intent = Intent::parse(&request.intent).map_err(|e| VerifyError::Intent(e.to_string()))?;
        let policy_digest = receipt.policy.digest(Domain::PolicySet);
        ensure(request.version == 1, VerifyError::Malformed("request version is not 1"))?;
        ensure(request.genesis == genesis.root(), VerifyError::OtherGenesis("signing request"))?;
        ensure(intent.genesis == genesis.root(), VerifyError::OtherGenesis("intent"))?;
        ensure(request.policy == policy_digest, VerifyError::Differs("the policy set"))?;
        let vault = policy.vault_named(&intent.vault);
        let vault = vault.ok_or_else(|| VerifyError::Policy(format!("no vault `{}`", intent.vault)))?;
        let wallet = WalletRef { vault: vault.index, wallet: intent.wallet };
        let plan = ringi_chain::plan(policy, &intent)?;
        ensure(plan == receipt.plan, VerifyError::Differs("the plan"))?;
        let initiator = initiator(policy, &request)?;
        let envelope = Envelope {
            version: 1,
            genesis: genesis.root(),
            intent: Intent::digest(&request.intent),
            wallet,
            plan: plan.clone(),
            policy: policy_digest,
        };
        let consents = consents(policy, genesis.head(), &request.approvals, &envelope)?;
        let independent = consents.iter().filter(|c| c.display == Display::Independent).map(|c| c.person).collect();
        let approvers = consents.into_iter().map(|c| c.person).collect();
        let request_digest = SigningRequest::digest(&receipt.request);
        let root = vault.root;
        Ok(Case {
            policy,
            policy_digest,
            request,
            request_digest,
            intent,
            wallet,
            root,
            plan,
            initiator,
            approvers,
            independent,
        })
    }
}

/// I1: the initiator's signature over the intent's exact bytes, by a key the policy knows for that.
fn initiator(policy: &PolicySet, request: &SigningRequest) -> Result<PersonId, VerifyError> {
    request.initiator.verify(&request.intent).map_err(|e| VerifyError::Intent(e.to_string()))?;
    let person = policy.person_by_key(&request.initiator.key, KeyPurpose::Initiate);
    Ok(person.ok_or_else(|| VerifyError::Intent("signed by nobody who may initiate".into()))?.id)
}

/// I2, P2: every approval in the request holds for exactly this envelope.
fn consents(
    policy: &PolicySet,
    genesis: &Genesis,
    approvals: &[Approval],
    envelope: &Envelope,
) -> Result<Vec<Consent>, VerifyError> {
    let digest = envelope.digest();
    let consent = |a: &Approval| a.verify(&digest, policy, genesis).map_err(VerifyError::Approval);
    approvals.iter().map(consent).collect()
}

/// A receipt holds the certificates that sign, and no other.
fn every_certificate_signs(receipt: &Receipt, decoded: &Decoded) -> Result<(), VerifyError> {
    let used: BTreeSet<_> = decoded.sighashes().iter().map(|s| s.scheme()).collect();
    let held: BTreeSet<_> = receipt.certificates.iter().map(|c| c.certificate.key.scheme).collect();
    ensure(used == held, VerifyError::Certificate("missing, or of a key that signs nothing here"))
}

/// R1, S1: one verdict of each signer of one session, signed by a receipt key that its identity key certified.
fn check_verdicts(
    receipt: &Receipt,
    case: &Case,
    decoded: &Decoded,
    genesis: &GenesisChain,
) -> Result<(), VerifyError> {
    let first = receipt.verdicts.first().ok_or(VerifyError::Malformed("no verdict"))?;
    let signers = &first.verdict.signers;
    let head = genesis.head();
    let distinct = signers.is_sorted_by(|a, b| a < b) && signers.len() == usize::from(head.threshold);
    ensure(distinct, VerifyError::Differs("the set of signers"))?;
    let of: Vec<_> = receipt.verdicts.iter().map(|v| v.verdict.cosigner).collect();
    let booted: Vec<_> = receipt.boots.iter().map(|b| b.certificate.cosigner).collect();
    ensure(of == *signers && booted == *signers, VerifyError::Differs("the list of verdicts or boots"))?;
    for (signed, boot) in receipt.verdicts.iter().zip(&receipt.boots) {
        let verdict = &signed.verdict;
        let wrong = |what| VerifyError::Verdict { cosigner: verdict.cosigner.number(), what };
        let identity = head.cosigner(verdict.cosigner).ok_or(wrong("not a cosigner of this genesis"))?;
        let certificate = &boot.certificate;
        let checks = [
            (certificate.version == 1 && verdict.version == 1, "of another version"),
            (
                identity.identity_key.verifies_digest(&certificate.digest(), &boot.signature),
                "boot certificate does not hold",
            ),
            (certificate.genesis == genesis.root() && verdict.genesis == genesis.root(), "of another workspace"),
            (certificate.boot == verdict.boot, "of another boot"),
            (certificate.assurance == head.assurance, "of another assurance than genesis"),
            (certificate.receipt_key.verifies_digest(&verdict.digest(), &signed.signature), "signature does not hold"),
            (verdict.sequence >= 1 && (verdict.sequence == 1) == (verdict.previous == Digest::ZERO), "chain is broken"),
            (verdict.session == first.verdict.session, "of another session"),
            (verdict.request == case.request_digest, "of another request"),
            (verdict.signers == *signers, "names other signers"),
            (verdict.intent == case.intent.id, "of another intent"),
            (verdict.policy == case.policy_digest, "of another policy set"),
            (verdict.slot == *decoded.slot(), "of another slot"),
            (verdict.effects == decoded.effects(), "other effects than the bytes have"),
            (verdict.max_fee == decoded.max_fee(), "another fee than the bytes have"),
            (verdict.at < case.intent.expires_at, "given after the intent expired"),
            (verdict.at.distance_ms(first.verdict.at) <= 2 * limits::CLOCK_SKEW_MS, "at another time than the others"),
        ];
        if let Some((_, what)) = checks.iter().find(|(holds, _)| !holds) {
            return Err(wrong(what));
        }
    }
    Ok(())
}

/// R1, E2: each boot was attested as the image that a version of genesis allows, with its receipt key and number. Gives the
/// images.
fn check_machines(
    receipt: &Receipt,
    genesis: &GenesisChain,
    history: &[Signed],
    roots: &[Root],
) -> Result<Vec<String>, VerifyError> {
    let versions = (1..history.len()).filter_map(|n| GenesisChain::verify(history.get(..n)?).ok());
    let versions: Vec<GenesisChain> = versions.chain([genesis.clone()]).collect();
    let mut images = Vec::new();
    for boot in &receipt.boots {
        let certificate = &boot.certificate;
        let wrong = |what| VerifyError::Verdict { cosigner: certificate.cosigner.number(), what };
        let plain = genesis.head().measurements.is_empty();
        let Some(document) = &certificate.attestation else {
            ensure(plain, wrong("boot is not attested, and genesis names images"))?;
            continue;
        };
        ensure(!plain, wrong("boot is attested, and genesis names no image"))?;
        let answered = BootCertificate { attestation: None, ..certificate.clone() }.digest();
        let (moment, nonce) = (Moment::Document, &answered.0);
        let verified = versions.iter().map(|genesis| {
            CosignerIs { genesis, cosigner: certificate.cosigner, roots, moment, nonce }.verify(document, UnixMs(0))
        });
        let (attested, claim) =
            verified.reduce(|a, b| a.or(b)).and_then(Result::ok).ok_or(wrong("attestation does not hold"))?;
        let own = claim.receipt_key == certificate.receipt_key && claim.boot == certificate.boot;
        ensure(own, wrong("attestation is of another boot"))?;
        images.extend(attested.document().pcrs.get(&PcrIndex::IMAGE).map(Pcr::hex));
    }
    Ok(images)
}

/// The policy set itself allows these effects with these approvals, by the rules the verdicts name. What earlier intents
/// spent, and prices and balances, are not in a receipt: of the rules the verdicts name they are believed to have held.
fn check_decision(receipt: &Receipt, case: &Case, decoded: &Decoded) -> Result<(), VerifyError> {
    let nothing: [Spending; 0] = [];
    let decision_at = |verdict: &SignedVerdict| {
        let question = Question {
            policy: case.policy,
            wallet: case.wallet,
            initiator: case.initiator,
            effects: decoded.effects(),
            network: case.intent.network,
            fee: decoded.max_fee(),
            approvals: &case.approvers,
            independent: &case.independent,
            intent: case.intent.replaces.unwrap_or(case.intent.id),
            spent: &nothing,
            now: verdict.verdict.at,
            prices: &BTreeMap::new(),
            balances: &BTreeMap::new(),
            signers: Some(&verdict.verdict.signers.iter().copied().collect()),
            coins: decoded.coins().map_or(Coins::Without, |c| Coins::Chosen {
                inputs: c.inputs,
                outputs: c.outputs,
                value: c.value,
            }),
        };
        decide_as_claimed(&question, &verdict.verdict.rules)
    };
    for verdict in &receipt.verdicts {
        match decision_at(verdict) {
            Decision::Allow { rules, .. } if rules == verdict.verdict.rules => {}
            Decision::Allow { .. } => return Err(VerifyError::Differs("the list of rules that decided")),
            Decision::Deny { rule, reason } => {
                return Err(VerifyError::Policy(format!("{} by rule {rule}", reason.code())));
            }
            Decision::NeedsApproval { .. } => return Err(VerifyError::Policy("approvals are missing".into())),
        }
    }
    Ok(())
}

fn summary(receipt: &Receipt, case: &Case, decoded: &Decoded, genesis: &GenesisChain) -> VerifiedReceipt {
    let name =
        |id: &PersonId| case.policy.people.iter().find(|p| p.id == *id).map_or(id.to_string(), |p| p.name.clone());
    let verdicts = receipt.verdicts.iter().map(|v| &v.verdict);
    VerifiedReceipt {
        intent: case.intent.id,
        wallet: case.wallet.wallet.to_string(),
        network: case.intent.network.to_string(),
        initiator: name(&case.initiator),
        approvers: case.approvers.iter().map(name).collect(),
        effects: decoded.effects().iter().map(|e| crate::words::effect(case.policy, e)).collect(),
        max_fee: decoded.max_fee(),
        rules: receipt.verdicts.first().map(|v| v.verdict.rules.clone()).unwrap_or_default(),
        signers: verdicts.clone().map(|v| v.cosigner.number()).collect(),
        decided_at: verdicts.map(|v| v.at).collect(),
        transaction_id: receipt.transaction_id.clone(),
        assurance: genesis.head().assurance.name(),
        images: vec![],
        policy: case.policy_digest,
    }
}
