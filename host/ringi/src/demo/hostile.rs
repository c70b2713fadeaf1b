//! Point 6: a host that lies. It talks to the real cosigners and changes what it likes; each answer is theirs.

use super::chapters::{ETHER, MAX_FEE};
use super::desk::Payment;
use super::stage::{EVM, STRANGER, SUPPLIER, Stage, new_wallet};
use super::{PATIENCE, Story};
use crate::failure::{Done, Failure};
use crate::fresh;
use crate::verify::CertifiedKeys;
use ringi_chain::evm::{self, Choice, Fees};
use ringi_chain::{KeySource, parse_address};
use ringi_orchestrator::ports::{Cosigners, SignAttempt, SignEvent};
use ringi_primitives::address::Address;
use ringi_primitives::amount::Amount;
use ringi_primitives::approval::{Approval, Envelope, Evidence};
use ringi_primitives::asset::AssetKey;
use ringi_primitives::cbor;
use ringi_primitives::certificate::SignedCertificate;
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::Effect;
use ringi_primitives::id::WalletId;
use ringi_primitives::intent::Intent;
use ringi_primitives::limits;
use ringi_primitives::network::NetworkId;
use ringi_primitives::plan::Plan;
use ringi_primitives::policy_set::PolicySet;
use ringi_primitives::request::SigningRequest;
use ringi_primitives::scheme::{PartyIndex, Scheme};
use ringi_primitives::wallet::{KeyPosition, VaultIndex, WalletRef};
use ringi_primitives::wire::{CosignerStatus, Refusal, Tag};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What cosigners answered to one request.
enum Answer {
    Signed,
    Refused(Refusal),
}

/// The host's bench: a wallet of its own, so that its lies do not hold up the others' transfers.
struct Bench<'a> {
    stage: &'a Stage,
    wallet: WalletId,
    account: Address,
    policy: PolicySet,
    policy_digest: Digest,
}

/// Runs every lie.
pub async fn host(stage: &Stage, story: &mut Story) -> Done {
    story.chapter(6, "A hostile host: every lie meets the check that it breaks");
    let bench = Bench::open(stage).await?;
    let old = Blob::copy(stage, party(3)?)?;
    bench.changed_requests(story).await?;
    bench.changed_evidence(story).await?;
    bench.other_nonce(story).await?;
    let free = bench.split_over_pairs(story).await?;
    bench.old_blob(story, &old, free).await
}

fn party(n: u8) -> Result<PartyIndex, Failure> {
    PartyIndex::new(n).ok_or_else(|| broken("no such cosigner"))
}

/// What the cosigners certify of ECDSA keys; they are asked once a second, so it may take a moment.
async fn ecdsa_certificates(stage: &Stage) -> Vec<SignedCertificate> {
    let began = Instant::now();
    loop {
        let health = stage.platform.fleet.health();
        let all = health.into_iter().filter_map(|h| h.status).map(|s| s.certificates).max_by_key(Vec::len);
        let all = all.unwrap_or_default().into_iter();
        let ecdsa: Vec<_> = all.filter(|c| c.certificate.key.scheme == Scheme::EcdsaSecp256k1).collect();
        if !ecdsa.is_empty() || began.elapsed() > Duration::from_secs(10) {
            return ecdsa;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn broken(what: impl std::fmt::Display) -> Failure {
    Failure::new("demo.hostile", what, "report this")
}

impl<'a> Bench<'a> {
    async fn open(stage: &'a Stage) -> Result<Bench<'a>, Failure> {
        let wallet = new_wallet(&stage.desk, "experiments").await?;
        let ecdsa = ecdsa_certificates(stage).await;
        let root = ecdsa.first().ok_or_else(|| broken("no ECDSA key"))?.certificate.key.root;
        let place = WalletRef { vault: VaultIndex(1), wallet };
        let keys = CertifiedKeys::new(&ecdsa, &stage.development.chain, root, place).map_err(broken)?;
        let public = keys.public_key(Scheme::EcdsaSecp256k1, KeyPosition::ACCOUNT).ok_or_else(|| broken("no key"))?;
        let account = evm::address_from_key(&public).map_err(broken)?;
        let in_force = stage.platform.service.policy().ok_or_else(|| broken("no policy"))?;
        let policy = in_force.signed.decode_unverified(limits::POLICY_BYTES).map_err(broken)?;
        let policy_digest = in_force.digest;
        Ok(Bench { stage, wallet, account, policy, policy_digest })
    }

    /// What an honest host would send for this payment, at this nonce.
    fn honest(&self, amount: u128, nonce: u64) -> Result<(SigningRequest, Intent, Plan), Failure> {
        let (wallet, network, max_fee) = (self.wallet, EVM, MAX_FEE);
        let payment = Payment { wallet, network, asset: "eth", to: SUPPLIER, amount, max_fee };
        let intent = self.stage.desk.intent(&payment)?;
        let plan = ringi_chain::plan(&self.policy, &intent).map_err(broken)?;
        let body = serde_json::to_vec(&intent).map_err(broken)?;
        let request = SigningRequest {
            version: 1,
            genesis: self.stage.desk.chain.root(),
            initiator: self.stage.desk.sign(&body)?,
            intent: body,
            approvals: vec![],
            policy: self.policy_digest,
            unsigned: evm::encode(&plan, &intent, &self.account, &choice(nonce, 2_000_000_000)).map_err(broken)?,
            facts: vec![],
        };
        Ok((request, intent, plan))
    }

    /// Sends a request to a pair and waits for what they say.
    async fn ask(&self, request: &SigningRequest, pair: [u8; 2]) -> Result<Answer, Failure> {
        let signers = vec![party(pair[0])?, party(pair[1])?];
        let attempt = SignAttempt { tag: Tag(fresh::random()?), request: cbor::encode(request), signers };
        let mut events = self.stage.platform.fleet.sign(attempt).await;
        let mut refusals = Vec::new();
        let mut signed = 0;
        while let Ok(Some(event)) = tokio::time::timeout(Duration::from_secs(15), events.recv()).await {
            match event {
                SignEvent::Signed { .. } => signed += 1,
                SignEvent::Refused { refusal, .. } => refusals.push(refusal),
                SignEvent::Reserved { .. } | SignEvent::Gone { .. } => {}
            }
        }
        // One that only says that the other refused is the less telling.
        refusals.sort_by_key(|r| r.code.starts_with("session."));
        match refusals.into_iter().next() {
            Some(refusal) if signed == 0 => Ok(Answer::Refused(refusal)),
            _ if signed > 0 => Ok(Answer::Signed),
            _ => Err(broken("the cosigners said nothing")),
        }
    }

    /// Tells of a lie that must be refused with this code.
    async fn refused(&self, story: &mut Story, lie: &str, request: &SigningRequest, pair: [u8; 2], code: &str) -> Done {
        match self.ask(request, pair).await? {
            Answer::Refused(refusal) if refusal.code == code => {
                story.tell(format!("{lie:<44} refused: {} {}", refusal.code, detail(&refusal)));
                Ok(())
            }
            Answer::Refused(refusal) => {
                Err(broken(format!("{lie}: {} instead of {code} ({})", refusal.code, refusal.detail)))
            }
            Answer::Signed => Err(broken(format!("{lie}: WAS SIGNED"))),
        }
    }

    /// Other bytes than were asked for.
    async fn changed_requests(&self, story: &mut Story) -> Done {
        let address = |text| parse_address(EVM, text).map_err(broken);
        let (stranger, supplier) = (address(STRANGER)?, address(SUPPLIER)?);
        let coin = AssetKey::native(EVM);
        let mainnet = NetworkId::Evm(1);
        let amount = Amount::from_u128(ETHER / 10);
        let transfer = |asset, to, amount| Effect::Transfer { asset, to, amount };
        let token = AssetKey::token(EVM, self.stage.token);
        let (contract, data) = (supplier, vec![0xde, 0xad, 0xbe, 0xef]);
        let call = Effect::Call { network: EVM, contract, value: amount, function: "steal()".into(), data };
        let lies = [
            ("another recipient", transfer(coin, stranger, amount), EVM, "bytes.effects_differ"),
            ("another amount", transfer(coin, supplier, Amount::from_u128(ETHER / 5)), EVM, "bytes.effects_differ"),
            ("a token instead of coin", transfer(token, supplier, amount), EVM, "bytes.effects_differ"),
            ("another chain", transfer(AssetKey::native(mainnet), supplier, amount), mainnet, "bytes.refused"),
            ("call data added", call, EVM, "bytes.effects_differ"),
        ];
        for (lie, effect, network, code) in lies {
            let (mut request, intent, plan) = self.honest(ETHER / 10, 0)?;
            let plan = Plan { network, effects: vec![effect], ..plan };
            request.unsigned = evm::encode(&plan, &intent, &self.account, &choice(0, 2_000_000_000)).map_err(broken)?;
            self.refused(story, lie, &request, [1, 2], code).await?;
        }
        let (mut request, intent, plan) = self.honest(ETHER / 10, 0)?;
        let dear = Plan { max_fee: Amount::from_u128(ETHER), ..plan };
        request.unsigned = evm::encode(&dear, &intent, &self.account, &choice(0, 1_000_000_000_000)).map_err(broken)?;
        self.refused(story, "a fee above the maximum", &request, [1, 2], "bytes.fee_above_maximum").await
    }

    /// Other evidence than people gave.
    async fn changed_evidence(&self, story: &mut Story) -> Done {
        let (mut request, ..) = self.honest(ETHER / 10, 0)?;
        let text = String::from_utf8_lossy(&request.intent).replace(SUPPLIER, STRANGER);
        request.intent = text.into_bytes();
        self.refused(story, "another recipient in the intent itself", &request, [1, 3], "intent.signature").await?;
        let (mut request, ..) = self.honest(ETHER / 10, 0)?;
        request.policy = Digest([7; 32]);
        self.refused(story, "another policy set", &request, [1, 3], "policy.mismatch").await?;
        let (request, ..) = self.honest(2 * ETHER, 0)?;
        self.refused(story, "2 eth without approvals", &request, [2, 3], "approval.missing").await?;
        let (mut request, _, plan) = self.honest(2 * ETHER, 0)?;
        let small = Plan { effects: vec![], ..plan };
        request.approvals = vec![self.approval(&request, small)?];
        self.refused(story, "an approval of something else", &request, [2, 3], "approval.bad_signature").await?;
        let (mut request, _, plan) = self.honest(2 * ETHER, 0)?;
        let once = self.approval(&request, plan)?;
        request.approvals = vec![once.clone(), once];
        self.refused(story, "one person's approval twice", &request, [2, 3], "approval.missing").await
    }

    /// Amir's approval of this plan.
    fn approval(&self, request: &SigningRequest, plan: Plan) -> Result<Approval, Failure> {
        let (name, key) = self.stage.approvers.first().ok_or_else(|| broken("no approver"))?;
        let envelope = Envelope {
            version: 1,
            genesis: self.stage.desk.chain.root(),
            intent: Intent::digest(&request.intent),
            wallet: WalletRef { vault: VaultIndex(1), wallet: self.wallet },
            plan,
            policy: self.policy_digest,
        };
        let person = self.policy.people.iter().find(|p| p.name == *name).ok_or_else(|| broken("no such person"))?.id;
        let evidence = Evidence::Signature { key: key.public(), signature: key.sign_digest(&envelope.digest()) };
        Ok(Approval { person, evidence })
    }

    /// I3: one intent, one nonce, whichever pair is asked.
    async fn other_nonce(&self, story: &mut Story) -> Done {
        let (mut request, intent, plan) = self.honest(ETHER / 10, 0)?;
        self.signed("an honest request at nonce 0", &request, [1, 2]).await?;
        request.unsigned = evm::encode(&plan, &intent, &self.account, &choice(1, 2_000_000_000)).map_err(broken)?;
        self.refused(story, "the same intent at another nonce", &request, [1, 3], "pin.other_slot").await?;
        let (request, ..) = self.honest(ETHER / 10, 0)?;
        self.refused(story, "another intent at the same nonce", &request, [2, 3], "pin.slot_taken").await
    }

    async fn signed(&self, what: &str, request: &SigningRequest, pair: [u8; 2]) -> Done {
        match self.ask(request, pair).await? {
            Answer::Signed => Ok(()),
            Answer::Refused(refusal) => Err(broken(format!("{what}: {} {}", refusal.code, refusal.detail))),
        }
    }

    /// L1: each pair alone has seen only a part of what was spent; the merge shows all of it. Gives the next free nonce.
    async fn split_over_pairs(&self, story: &mut Story) -> Result<u64, Failure> {
        let pairs = [[1, 2], [2, 3], [1, 3]];
        for (nonce, pair) in (1u64..).zip(pairs.iter().cycle()).take(12) {
            let (request, ..) = self.honest(ETHER / 10 * 9, nonce)?;
            match self.ask(&request, *pair).await? {
                Answer::Signed => {}
                Answer::Refused(refusal) if refusal.code == "policy.limit_exceeded" => {
                    let lie = format!("the day's limit split over pairs (number {nonce})");
                    story.tell(format!("{lie:<44} refused: {} {}", refusal.code, detail(&refusal)));
                    return Ok(nonce);
                }
                Answer::Refused(refusal) => return Err(broken(format!("{}: {}", refusal.code, refusal.detail))),
            }
        }
        Err(broken("the limit was passed over different pairs"))
    }

    /// B1: peers remember more of a cosigner than its old state holds.
    async fn old_blob(&self, story: &mut Story, old: &Blob, nonce: u64) -> Done {
        let third = party(3)?;
        let newest = Blob::copy(self.stage, third)?;
        self.stage.platform.fleet.kill(third).await;
        old.put_back()?;
        self.until(third, |status| status.refusal.as_deref() == Some("boot.rolled_back")).await?;
        let (request, ..) = self.honest(ETHER / 100, nonce)?;
        match self.ask(&request, [1, 3]).await? {
            Answer::Refused(refusal) if refusal.code.starts_with("boot.") || refusal.code.starts_with("session.") => {
                story.tell(format!(
                    "{:<44} refused: {} {}",
                    "cosigner 3 restarted from an old blob",
                    refusal.code,
                    detail(&refusal)
                ));
            }
            Answer::Refused(refusal) => return Err(broken(format!("old blob: {} {}", refusal.code, refusal.detail))),
            Answer::Signed => return Err(broken("a rolled-back cosigner SIGNED")),
        }
        self.stage.platform.fleet.kill(third).await;
        newest.put_back()?;
        self.until(third, |status| status.ready).await?;
        story.tell("with its newest blob cosigner 3 is granted again");
        Ok(())
    }

    /// Waits until a cosigner that was killed says this of itself; its machine boots first.
    async fn until(&self, party: PartyIndex, wanted: impl Fn(&CosignerStatus) -> bool) -> Done {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let health = self.stage.platform.fleet.health();
            if health.iter().any(|h| h.party == party && h.status.as_ref().is_some_and(&wanted)) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(broken(format!("cosigner {party} did not come back as it must")))
    }
}

/// The host's copy of a cosigner's records.
struct Blob {
    home: PathBuf,
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Blob {
    fn copy(stage: &Stage, party: PartyIndex) -> Result<Blob, Failure> {
        let home = stage.folder.join("cosigners").join(party.to_string());
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&home).map_err(|e| Failure::file(&home, &e))?.flatten() {
            let path = entry.path();
            if path.is_file() && !is_lock(&path) {
                files.push((path.clone(), std::fs::read(&path).map_err(|e| Failure::file(&path, &e))?));
            }
        }
        Ok(Blob { home, files })
    }

    fn put_back(&self) -> Done {
        for (path, bytes) in &self.files {
            std::fs::write(path, bytes).map_err(|e| Failure::file(path, &e))?;
        }
        tracing::info!(code = "demo.blob", "put back {} files of {}", self.files.len(), self.home.display());
        Ok(())
    }
}

fn is_lock(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().contains("lock"))
}

fn choice(nonce: u64, max_fee_per_gas: u128) -> Choice {
    let fees = Fees::Eip1559 { max_fee_per_gas, max_priority_fee_per_gas: 1_000_000_000, access_list: vec![] };
    Choice { nonce, gas_limit: 60_000, fees }
}

fn detail(refusal: &Refusal) -> String {
    if refusal.detail.is_empty() { String::new() } else { format!("({})", refusal.detail) }
}
