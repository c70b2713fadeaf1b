//! The orchestrator as a thing to start, call and stop.

use crate::brakes::Brakes;
use crate::core::{Config, Core, Live, lock};
use crate::error::ServiceError;
use crate::incidents::{self, Incident};
use crate::ports::{DepositSeen, Page, Ports, RequestMemory, Role, Snapshot, TransferFilter};
use crate::service::{
    AddressKind, AddressView, AskedFor, BalanceView, CallbackOutcome, CallerView, CosignerView, Denial, DepositView,
    DraftDetail, DraftSignatures, DraftView, EventView, FactListing, FreezeView, GenesisView, Installation, Listing,
    NewWallet, PolicyView, ReceiptDocument, RoleView, Service, Submission, SubmitMode, TransferView, WalletView,
};
use crate::transfer::{Exposure, Transfer};
use crate::workspace::{InForce, Workspace};
use crate::{
    approve, brakes, chainwatch, deposits, documents, drafts, drive, facts, receipt, render, roles, submit, wallets,
};
use async_trait::async_trait;
use ringi_ledger::Entry;
use ringi_primitives::approval::Approval;
use ringi_primitives::brake::SignedBrake;
use ringi_primitives::digest::Digest;
use ringi_primitives::effects::Slot;
use ringi_primitives::fact::SignedFact;
use ringi_primitives::genesis::GenesisChain;
use ringi_primitives::httpsig::RequestSignature;
use ringi_primitives::id::{IntentId, PersonId, WalletId};
use ringi_primitives::intent::Intent;
use ringi_primitives::key::PublicKey;
use ringi_primitives::network::NetworkId;
use ringi_primitives::order::KeyId;
use ringi_primitives::policy_set::KeyPurpose;
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::signed::Signed;
use ringi_primitives::wire::Recovery;
use std::sync::Arc;
use tokio::sync::watch;

/// The longest page and feed answer.
const MOST: u32 = 1000;

/// The platform's service. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Orchestrator {
    core: Arc<Core>,
    requests: Arc<dyn RequestMemory>,
}

impl Orchestrator {
    /// Reads the store, verifies its documents, goes on with every transfer from where it stood.
    ///
    /// # Errors
    /// `store.*`; `store.corrupt` if a stored document does not verify.
    pub async fn start(
        config: Config,
        ports: Ports,
        requests: Arc<dyn RequestMemory>,
    ) -> Result<Orchestrator, ServiceError> {
        let snapshot = ports.store.load().await?;
        let workspace = verified(&snapshot)?;
        let core = Arc::new(Core::new(config, ports, workspace, snapshot.last_event));
        remember(&core, &snapshot);
        facts::remember(&core, &snapshot.facts);
        roles::enter(&core, snapshot.roles.iter().cloned());
        roles::found_late(&core).await?;
        let mut ids = Vec::new();
        for record in snapshot.open {
            ids.push(record.header.id);
            let intent = Intent::parse(&record.header.body)
                .map_err(|_| ServiceError::internal("a stored intent does not parse"))?;
            let approvals = core.ports.store.approvals(record.header.id).await?;
            core.enter_live(Live { record: reopened(record), intent: Arc::new(intent), approvals });
        }
        for network in core.ports.chain.networks() {
            core.spawn(chainwatch::run(core.clone(), network));
        }
        core.spawn(documents::keep_in_force(core.clone()));
        core.spawn(documents::sweep(core.clone()));
        core.spawn(facts::keep_told(core.clone()));
        core.spawn(brakes::keep(core.clone()));
        let own = core.clone();
        core.spawn(async move { wallets::watch_all(&own).await });
        ids.into_iter().for_each(|id| drive::start(&core, id));
        Ok(Orchestrator { core, requests })
    }

    /// Writes down what happened to a cosigner: for who wires the cosigners.
    ///
    /// # Errors
    /// `store.*`.
    pub async fn record_incident(&self, incident: &Incident) -> Result<(), ServiceError> {
        incidents::record(&self.core, incident).await
    }

    /// Stops driving at once. Nothing is lost: the next start goes on. Commits under way still happen.
    pub async fn stop(&self) {
        let mut tasks = std::mem::take(&mut *lock(&self.core.tasks));
        tasks.shutdown().await;
    }
}

/// G1: what the store holds is believed only as far as its signatures go.
fn verified(snapshot: &Snapshot) -> Result<Workspace, ServiceError> {
    let corrupt = |what: String| ServiceError { code: "store.corrupt".into(), ..ServiceError::internal(what) };
    if snapshot.genesis.is_empty() {
        return Ok(Workspace::default());
    }
    let genesis = GenesisChain::verify(&snapshot.genesis).map_err(|e| corrupt(format!("stored genesis: {e}")))?;
    let policy = snapshot.policy.clone().map(|signed| InForce::verify(signed, &genesis));
    let policy = policy.transpose().map_err(|e| corrupt(format!("stored policy set: {}", e.message)))?;
    let sound = snapshot.certificates.iter().all(|c| c.signed_within(&genesis));
    if !sound {
        return Err(corrupt("a stored key certificate does not verify".into()));
    }
    let certificates = snapshot.certificates.iter().map(|c| (c.certificate.key, c.clone())).collect();
    Ok(Workspace {
        versions: snapshot.genesis.clone(),
        genesis: Some(Arc::new(genesis)),
        policy: policy.map(Arc::new),
        certificates: Arc::new(certificates),
        ..Workspace::default()
    })
}

fn remember(core: &Core, snapshot: &Snapshot) {
    *lock(&core.brakes) = Brakes::load(&snapshot.brakes, core.now());
    *lock(&core.drafts) = drafts::load(&snapshot.drafts, &core.workspace());
    let mut slots = lock(&core.slots);
    for (network, account, nonce, owner) in &snapshot.nonces {
        slots.enter_nonce(*network, *account, *nonce, *owner);
    }
    for (network, outpoint, owner) in &snapshot.outpoints {
        slots.enter_coins(*network, &[*outpoint], *owner);
    }
    snapshot.open.iter().filter_map(|r| r.state.signed()).for_each(|signed| slots.pin(&signed.slot));
    let mut spent = lock(&core.spent);
    snapshot.spendings.iter().for_each(|s| spent.enter(s));
    let indices = snapshot.address_indices.iter().map(|(w, n, kind, next)| ((*w, *n, kind.clone()), *next));
    lock(&core.indices).extend(indices);
}

/// I3: after a restart nobody knows whether a cosigner saw the bytes, so the slot stays this intent's.
fn reopened(mut record: crate::ports::TransferRecord) -> crate::ports::TransferRecord {
    if let Transfer::Prepared { held, .. } = &mut record.state
        && !matches!(held.slot, Slot::Message { .. })
    {
        held.exposure = Exposure::Possible;
    }
    record
}

#[async_trait]
impl Service for Orchestrator {
    async fn submit(
        &self,
        body: &[u8],
        signature: &RequestSignature,
        mode: SubmitMode,
    ) -> Result<Submission, ServiceError> {
        submit::submit(&self.core, body, signature, mode).await
    }

    async fn approve(&self, id: IntentId, approval: Approval) -> Result<TransferView, ServiceError> {
        approve::approve(&self.core, id, approval).await
    }

    async fn cancel(&self, id: IntentId, by: PersonId) -> Result<TransferView, ServiceError> {
        approve::cancel(&self.core, id, by).await
    }

    async fn transfer(&self, id: IntentId) -> Result<TransferView, ServiceError> {
        let record = self.core.ports.store.transfer(id).await?;
        render::stored(&self.core, record.ok_or_else(|| ServiceError::not_found("transfer"))?).await
    }

    async fn asked(&self, id: IntentId) -> Result<AskedFor, ServiceError> {
        let record = self.core.ports.store.transfer(id).await?;
        let header = record.ok_or_else(|| ServiceError::not_found("transfer"))?.header;
        Ok(AskedFor { body: header.body, signature: header.signature })
    }

    async fn record_callback(&self, outcome: &CallbackOutcome) -> Result<(), ServiceError> {
        approve::called_back(&self.core, outcome).await
    }

    async fn transfers(&self, filter: &TransferFilter, page: &Page) -> Result<Listing<TransferView>, ServiceError> {
        let (records, next) = self.core.ports.store.transfers(filter, page).await?;
        let mut items = Vec::with_capacity(records.len());
        for record in records {
            items.push(render::stored(&self.core, record).await?);
        }
        Ok(Listing { items, next })
    }

    async fn receipt(&self, id: IntentId) -> Result<ReceiptDocument, ServiceError> {
        receipt::read(&self.core, id).await
    }

    async fn create_wallet(&self, wallet: NewWallet) -> Result<WalletView, ServiceError> {
        wallets::create(&self.core, wallet).await
    }

    async fn wallet(&self, id: WalletId) -> Result<WalletView, ServiceError> {
        let record = wallets::find(&self.core, id).await?;
        Ok(render::wallet(&self.core.workspace(), &record))
    }

    async fn wallets(&self, page: &Page) -> Result<Listing<WalletView>, ServiceError> {
        let (records, next) = self.core.ports.store.wallets(page).await?;
        let workspace = self.core.workspace();
        Ok(Listing { items: records.iter().map(|r| render::wallet(&workspace, r)).collect(), next })
    }

    async fn addresses(&self, id: WalletId, network: Option<NetworkId>) -> Result<Vec<AddressView>, ServiceError> {
        wallets::addresses(&self.core, id, network).await
    }

    async fn new_address(
        &self,
        id: WalletId,
        network: NetworkId,
        kind: AddressKind,
    ) -> Result<AddressView, ServiceError> {
        wallets::new_address(&self.core, id, network, kind).await
    }

    async fn balances(&self, id: WalletId) -> Result<Vec<BalanceView>, ServiceError> {
        wallets::balances(&self.core, id).await
    }

    async fn deposits(&self, wallet: Option<WalletId>, page: &Page) -> Result<Listing<DepositView>, ServiceError> {
        let (records, next) = self.core.ports.store.deposits(wallet, page).await?;
        let workspace = self.core.workspace();
        Ok(Listing { items: records.into_iter().map(|r| render::deposit(&workspace, r)).collect(), next })
    }

    async fn events_after(&self, sequence: u64, limit: u32) -> Result<Vec<EventView>, ServiceError> {
        let events = self.core.ports.store.events_after(sequence, limit.min(MOST)).await?;
        Ok(events.into_iter().map(render::event).collect())
    }

    fn subscribe(&self) -> watch::Receiver<u64> {
        self.core.feed.subscribe()
    }

    async fn install_genesis(&self, versions: Vec<Signed>) -> Result<Installation, ServiceError> {
        documents::genesis(&self.core, versions).await
    }

    async fn install_policy(&self, set: Signed) -> Result<Installation, ServiceError> {
        documents::policy(&self.core, set).await
    }

    async fn draft_policy(&self, set: Signed, by: PersonId) -> Result<DraftView, ServiceError> {
        drafts::add(&self.core, set, by).await
    }

    fn drafts(&self) -> Result<Vec<DraftView>, ServiceError> {
        drafts::all(&self.core)
    }

    async fn draft(&self, id: Digest, last: u32) -> Result<DraftDetail, ServiceError> {
        drafts::read(&self.core, id, last).await
    }

    async fn sign_draft(&self, id: Digest, given: DraftSignatures) -> Result<DraftView, ServiceError> {
        drafts::sign(&self.core, id, given).await
    }

    async fn publish_draft(&self, id: Digest) -> Result<Installation, ServiceError> {
        drafts::publish(&self.core, id).await
    }

    async fn discard_draft(&self, id: Digest, by: PersonId) -> Result<DraftView, ServiceError> {
        drafts::discard(&self.core, id, by).await
    }

    async fn submit_order(&self, order: Signed) -> Result<Installation, ServiceError> {
        documents::order(&self.core, order).await
    }

    async fn freeze(&self, brake: SignedBrake) -> Result<Installation, ServiceError> {
        brakes::take(&self.core, brake, brakes::Wanted::Freeze).await
    }

    fn freezes(&self) -> Vec<FreezeView> {
        brakes::freezes(&self.core)
    }

    async fn lift_freezes(&self, order: Signed) -> Result<Installation, ServiceError> {
        brakes::lift(&self.core, order).await
    }

    async fn veto(&self, id: IntentId, brake: SignedBrake) -> Result<Installation, ServiceError> {
        brakes::take(&self.core, brake, brakes::Wanted::Veto(id)).await
    }

    async fn withdraw(&self, id: IntentId, brake: SignedBrake) -> Result<Installation, ServiceError> {
        brakes::take(&self.core, brake, brakes::Wanted::Withdrawal(id)).await
    }

    async fn recover(&self, recovery: Recovery) -> Result<Installation, ServiceError> {
        documents::recovery(&self.core, recovery).await
    }

    async fn submit_facts(&self, facts: Vec<SignedFact>) -> Result<FactListing, ServiceError> {
        facts::submit(&self.core, facts).await
    }

    async fn facts(&self) -> Result<FactListing, ServiceError> {
        facts::listing(&self.core).await
    }

    fn cosigners(&self) -> Vec<CosignerView> {
        let workspace = self.core.workspace();
        let genesis = workspace.genesis.as_ref().map(|g| g.head());
        self.core.ports.cosigners.health().iter().map(|h| render::cosigner(h, genesis)).collect()
    }

    async fn attest(&self, cosigner: u8, nonce: &[u8]) -> Result<Vec<u8>, ServiceError> {
        let document = match PartyIndex::new(cosigner) {
            Some(party) => self.core.ports.cosigners.attest(party, nonce).await,
            None => None,
        };
        document.ok_or_else(|| {
            let message = format!("cosigner {cosigner} gave no attestation document");
            ServiceError::conflict("cosigner.unattested", message, "Ask a cosigner that is up and attested.")
        })
    }

    fn genesis(&self) -> Option<GenesisView> {
        let workspace = self.core.workspace();
        let chain = workspace.genesis.as_ref()?;
        Some(GenesisView { root: chain.root(), head: chain.head_digest(), versions: workspace.versions.clone() })
    }

    fn certified(&self) -> Vec<KeyId> {
        self.core.workspace().certificates.keys().copied().collect()
    }

    fn policy(&self) -> Option<PolicyView> {
        let workspace = self.core.workspace();
        let policy = workspace.policy.as_ref()?;
        Some(PolicyView { digest: policy.digest, sequence: policy.set.sequence, signed: policy.signed.clone() })
    }

    fn caller(&self, key: &PublicKey) -> Option<CallerView> {
        let workspace = self.core.workspace();
        let purposes = [(KeyPurpose::Initiate, "initiate"), (KeyPurpose::Approve, "approve")];
        let person = workspace.policy.as_ref().and_then(|policy| {
            purposes.into_iter().find_map(|(purpose, name)| {
                let person = policy.set.person_by_key(key, purpose)?;
                Some(CallerView { person: person.id, name: person.name.clone(), purpose: name })
            })
        });
        let witness = || {
            let witness = workspace.policy.as_ref()?.set.trust.as_ref()?.witness(key)?;
            Some(CallerView { person: PersonId::NIL, name: witness.name.clone(), purpose: "witness" })
        };
        person.or_else(witness).or_else(|| {
            let genesis = workspace.genesis.as_ref()?;
            let admin = genesis.head().admins.iter().find(|a| a.key == *key)?;
            Some(CallerView { person: admin.id, name: admin.name.clone(), purpose: "admin" })
        })
    }

    fn role(&self, person: PersonId) -> Option<Role> {
        roles::of(&self.core, person)
    }

    fn roles(&self) -> Vec<RoleView> {
        roles::all(&self.core)
    }

    async fn set_role(&self, person: PersonId, role: Option<Role>, by: &str) -> Result<RoleView, ServiceError> {
        roles::set(&self.core, person, role, by.to_string()).await
    }

    async fn record_denial(&self, denial: &Denial) -> Result<(), ServiceError> {
        roles::denied(&self.core, denial).await
    }

    async fn audit_after(&self, sequence: u64, limit: u32) -> Result<Vec<Entry>, ServiceError> {
        Ok(self.core.ports.store.audit_after(sequence, limit.min(MOST)).await?)
    }

    fn requests(&self) -> Arc<dyn RequestMemory> {
        self.requests.clone()
    }

    async fn deposit_seen(&self, deposit: DepositSeen) -> Result<(), ServiceError> {
        deposits::seen(&self.core, deposit).await
    }

    fn block_seen(&self, network: NetworkId) {
        self.core.follower(network).block();
    }
}
