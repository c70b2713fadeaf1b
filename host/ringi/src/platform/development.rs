//! A development workspace: every key lies in the data folder. For first runs and the demo; never for real money.

use super::start::{Attested, Platform, of_service};
use crate::documents::{GenesisFile, add_signature, read_genesis, write};
use crate::failure::{Done, Failure};
use crate::founding::{form, introduced};
use crate::genesis::{AdminForm, GenesisForm, from_form};
use crate::keys::{KeyKind, SecretKey};
use crate::order::order;
use crate::policy::{PolicyForm, to_set};
use ringi_attestation::{Expectation, Moment, verify};
use ringi_orchestrator::ports::{Cosigners as _, Introduction, Role};
use ringi_orchestrator::service::Installation;
use ringi_primitives::cbor;
use ringi_primitives::claim::{CLAIM_BYTES, Claim};
use ringi_primitives::digest::Domain;
use ringi_primitives::genesis::{Genesis, GenesisChain};
use ringi_primitives::key::PublicKey;
use ringi_primitives::order::{KeyId, OrderAction};
use ringi_primitives::policy_set::{KeyPurpose, PolicySet, RootIndex};
use ringi_primitives::scheme::{PartyIndex, Scheme};
use ringi_primitives::signed::Signed;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the cosigners of a new workspace are looked at: half a minute.
const READY_TRIES: u32 = 600;
const READY_EVERY: Duration = Duration::from_millis(50);
/// A document that was just asked for.
const FRESH_MS: u64 = 60_000;
/// Admins of a development workspace; two of them sign.
const ADMINS: [&str; 3] = ["admin-1", "admin-2", "admin-3"];

/// Who is given a role in the API by a development workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum People {
    /// Everybody in the policy set: whoever wrote it sits at this machine.
    All,
    /// Whose key lies in the folder.
    Ours,
}

/// Keys and genesis of a development workspace.
pub struct Development {
    folder: PathBuf,
    /// The workspace.
    pub chain: GenesisChain,
    /// As every document names it.
    pub genesis: GenesisFile,
}

impl Development {
    /// The key of this name, made where there is none.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub fn key(folder: &Path, name: &str) -> Result<SecretKey, Failure> {
        let keys = folder.join("development");
        std::fs::create_dir_all(&keys).map_err(|e| Failure::file(&keys, &e))?;
        let path = keys.join(format!("{name}.key"));
        if !path.exists() {
            SecretKey::generate(KeyKind::Ed25519)?.store(&path)?;
        }
        SecretKey::load(&path)
    }

    /// Whether keys of one lie in this folder.
    pub fn is_in(folder: &Path) -> bool {
        folder.join("development").exists()
    }

    /// Where the genesis file lies.
    pub fn genesis_path(folder: &Path) -> PathBuf {
        folder.join("genesis.ringi")
    }

    /// The development workspace of this folder.
    ///
    /// # Errors
    /// If its genesis cannot be read or is not signed as it must be.
    pub fn load(folder: &Path) -> Result<Development, Failure> {
        let (genesis, chain) = read_genesis(&Development::genesis_path(folder))?;
        Ok(Development { folder: folder.to_owned(), chain, genesis })
    }

    /// Writes a genesis from what the cosigners say of themselves, signs it as every admin and installs it.
    ///
    /// # Errors
    /// If a cosigner refuses.
    pub async fn found(folder: &Path, platform: &Platform, threshold: u8) -> Result<Development, Failure> {
        if Development::genesis_path(folder).exists() {
            // A founding that was cut off: the same genesis again, so that no cosigner sees two.
            let begun = Development::load(folder)?;
            in_force(platform.service.install_genesis(begun.genesis.0.clone()).await.map_err(of_service)?)?;
            ready(platform).await?;
            return Ok(begun);
        }
        let mut admins = Vec::new();
        for name in ADMINS {
            let key = Development::key(folder, name)?.public();
            admins.push(AdminForm { id: None, name: name.into(), key });
        }
        let introductions = introduced(platform).await?;
        let keys = match &platform.attested {
            Some(attested) => seen(platform, attested, &introductions).await?,
            None => vec![],
        };
        let form = GenesisForm { admins, ..form(platform, threshold, &introductions, keys) };
        let genesis = from_form(&form, None)?;
        let mut signed = Signed { body: cbor::encode(&genesis), signatures: vec![] };
        sign(folder, &mut signed, Domain::Genesis, &genesis, &ADMINS)?;
        let versions = vec![signed];
        let chain = GenesisChain::verify(&versions).map_err(|e| Failure::new("cli.genesis", e, "report this"))?;
        let genesis = GenesisFile(versions.clone());
        write(&Development::genesis_path(folder), &cbor::encode(&genesis))?;
        in_force(platform.service.install_genesis(versions).await.map_err(of_service)?)?;
        ready(platform).await?;
        Ok(Development { folder: folder.to_owned(), chain, genesis })
    }

    /// Signs a policy set as two admins and installs it.
    ///
    /// # Errors
    /// If it makes no sense or too few cosigners take it.
    pub async fn install_policy(&self, platform: &Platform, form: &PolicyForm) -> Result<Installation, Failure> {
        let before = platform.service.policy().map(|p| p.signed);
        let set = match &before {
            None => to_set(form, self.chain.root(), None)?,
            Some(signed) => {
                let old = signed
                    .decode_unverified(ringi_primitives::limits::POLICY_BYTES)
                    .map_err(|e| Failure::new("cli.document", e, "report this"))?;
                to_set(form, self.chain.root(), Some((signed.digest(Domain::PolicySet), &old)))?
            }
        };
        let signed = self.signed(Domain::PolicySet, &set)?;
        let installed = in_force(platform.service.install_policy(signed).await.map_err(of_service)?)?;
        self.give_roles(platform, People::All).await?;
        Ok(installed)
    }

    /// The public part of every key in the folder.
    fn keys(&self) -> Result<Vec<PublicKey>, Failure> {
        let folder = self.folder.join("development");
        let files = std::fs::read_dir(&folder).map_err(|e| Failure::file(&folder, &e))?;
        let paths =
            files.filter_map(|f| f.ok().map(|f| f.path())).filter(|p| p.extension().is_some_and(|e| e == "key"));
        paths.map(|path| SecretKey::load(&path).map(|key| key.public())).collect()
    }

    /// Gives roles in the API to people of the policy set of whom nobody has decided yet, by what their keys are for.
    ///
    /// # Errors
    /// If they cannot be stored.
    pub async fn give_roles(&self, platform: &Platform, to: People) -> Done {
        let Some(policy) = platform.service.policy() else { return Ok(()) };
        let set: PolicySet = policy
            .signed
            .decode_unverified(ringi_primitives::limits::POLICY_BYTES)
            .map_err(|e| Failure::new("cli.document", e, "report this"))?;
        let ours = match to {
            People::All => None,
            People::Ours => Some(self.keys()?),
        };
        let undecided: BTreeSet<_> =
            platform.service.roles().into_iter().filter(|r| r.by.is_none()).map(|r| r.person).collect();
        for person in set.people.iter().filter(|p| undecided.contains(&p.id)) {
            if ours.as_ref().is_some_and(|own| person.keys.iter().all(|k| !own.contains(&k.key))) {
                continue;
            }
            let has = |purpose| person.keys.iter().any(|k| k.purpose == purpose);
            let approves = has(KeyPurpose::Approve) || !person.passkeys.is_empty();
            let role = match (has(KeyPurpose::Initiate), approves) {
                (true, true) => Role::Signer,
                (true, false) => Role::Editor,
                (false, _) => Role::Approver,
            };
            platform.service.set_role(person.id, Some(role), "development").await.map_err(of_service)?;
        }
        Ok(())
    }

    /// A document signed as two admins.
    ///
    /// # Errors
    /// If their keys cannot be read.
    pub fn signed<T: minicbor::Encode<()>>(&self, domain: Domain, document: &T) -> Result<Signed, Failure> {
        let mut signed = Signed { body: cbor::encode(document), signatures: vec![] };
        sign(&self.folder, &mut signed, domain, self.chain.head(), &ADMINS[..2])?;
        Ok(signed)
    }

    /// Takes a version of genesis that follows, signed as two admins, and keeps it in the genesis file.
    ///
    /// # Errors
    /// If it does not follow or cannot be written.
    pub fn follow(&mut self, next: &Genesis) -> Done {
        let signed = self.signed(Domain::Genesis, next)?;
        self.chain = self.chain.succeed(&signed).map_err(|e| Failure::new("cli.genesis", e, "report this"))?;
        self.genesis.0.push(signed);
        write(&Development::genesis_path(&self.folder), &cbor::encode(&self.genesis))
    }

    /// Orders a key generation as two admins and waits for its end (rule G2).
    ///
    /// # Errors
    /// If it fails.
    pub async fn generate_key(&self, platform: &Platform, scheme: Scheme) -> Result<Installation, Failure> {
        let key = KeyId { scheme, root: RootIndex(0) };
        let order = order(self.chain.root(), OrderAction::KeyGeneration { key })?;
        let signed = self.signed(Domain::Order, &order)?;
        in_force(platform.service.submit_order(signed).await.map_err(of_service)?)
    }
}

/// G1: what each cosigner introduces itself with is what its fresh document claims, under the image that was started. Gives
/// a key of the key server for each.
async fn seen(
    platform: &Platform,
    attested: &Attested,
    introductions: &[Introduction],
) -> Result<Vec<String>, Failure> {
    let next = "look at log.json in the data folder";
    let mut keys = Vec::new();
    for (introduction, n) in introductions.iter().zip(1u8..) {
        let refused =
            |what: &dyn std::fmt::Display| Failure::new("cli.attestation", format!("cosigner {n}: {what}"), next);
        let nonce: [u8; 32] = [crate::fresh::id()?, crate::fresh::id()?].concat().try_into().unwrap_or([0; 32]);
        let party = PartyIndex::new(n).ok_or_else(|| refused(&"there are at most nine"))?;
        let document = platform.fleet.attest(party, &nonce).await.ok_or_else(|| refused(&"it attests nothing"))?;
        let moment = Moment::Now { max_age_ms: FRESH_MS };
        let mut expectation = Expectation::of(vec![attested.root], moment).with_nonce(&nonce);
        for (index, value) in &attested.measurements {
            expectation = expectation.with_pcr(*index, *value);
        }
        let verified = verify(&document, &expectation, crate::fresh::now()).map_err(|e| refused(&e))?;
        let claim = verified.document().user_data.as_deref().and_then(|d| cbor::decode::<Claim>(d, CLAIM_BYTES).ok());
        let own = claim.is_some_and(|c| {
            (c.cosigner, c.channel_key, c.identity_key) == (party, introduction.channel_key, introduction.identity_key)
        });
        if !own {
            return Err(refused(&"it claims other keys than it introduced itself with"));
        }
        keys.push(attested.kms.create_key().await?);
    }
    Ok(keys)
}

/// Until all cosigners have granted each other's boots (rule B1): nothing can be ordered of them before.
async fn ready(platform: &Platform) -> Done {
    for _ in 0..READY_TRIES {
        if platform.service.cosigners().iter().all(|c| c.ready) {
            return Ok(());
        }
        tokio::time::sleep(READY_EVERY).await;
    }
    Err(Failure::new("cli.cosigners", "not all cosigners are ready", "look at log.json in the data folder"))
}

fn sign(folder: &Path, signed: &mut Signed, domain: Domain, genesis: &Genesis, admins: &[&str]) -> Done {
    admins.iter().try_for_each(|name| add_signature(signed, domain, &Development::key(folder, name)?, genesis))
}

fn in_force(installation: Installation) -> Result<Installation, Failure> {
    if installation.in_force {
        return Ok(installation);
    }
    let answers: Vec<_> = (installation.answers.iter())
        .map(|a| format!("cosigner {}: {} {}", a.cosigner, a.answer, a.code.clone().unwrap_or_default()))
        .collect();
    let what = format!("the {} is not in force: {}", installation.document, answers.join("; "));
    Err(Failure::new("cli.not_in_force", what, "look at the answers and at the log, then run the command again"))
}
