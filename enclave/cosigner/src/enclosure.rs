//! What an attested cosigner runs in: its security module, the roots it believes, and what it may claim (rules E2, E3).
//!
//! A plain process has none. The module's time is the trusted one (rule T1): the guest's clock is the host's.

use rand_core::CryptoRngCore;
use ringi_attestation::kms::{
    Client, Context, Credentials, DataKey, KeySearch, KmsError, KmsKey, RecipientKey, context,
};
use ringi_attestation::nsm::{Nsm, Transport};
use ringi_attestation::{Document, PcrIndex, Root};
use ringi_primitives::digest::Digest;
use ringi_primitives::genesis::{Assurance, Genesis, GenesisChain};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;
use ringi_primitives::wire::{KeptKey, KeyAccess};
use std::io::{self, Read, Write};
use zeroize::Zeroizing;

/// A way to the key service; the host carries it and sees TLS only.
pub trait Tunnel: Read + Write {
    /// Connects; what was open before ends.
    ///
    /// # Errors
    /// If the host cannot.
    fn dial(&mut self, host: &str, port: u16) -> io::Result<()>;
}

/// Why an enclosure does not serve. Codes are `enclosure.<name>` and `kms.<name>`; nothing secret is in them.
#[derive(Debug, thiserror::Error)]
pub enum EnclosureError {
    /// The security module does not answer as it must.
    #[error("enclosure.module: {0}")]
    Module(String),
    /// Genesis does not verify, or names no key, no such cosigner, or another assurance.
    #[error("enclosure.genesis: {0}")]
    Genesis(&'static str),
    /// The host cannot connect to the key service.
    #[error("kms.unreachable: {0}")]
    Dial(String),
    /// The key service.
    #[error("{0}")]
    Kms(#[from] KmsError),
}

/// The surroundings of one attested cosigner.
pub struct Enclosure {
    nsm: Nsm<Box<dyn Transport + Send>>,
    roots: Vec<Root>,
    assurance: Assurance,
    /// The workspace that the registers name, once they do.
    bound: Option<Digest>,
    locked: bool,
    /// Of the key for the first answer, where it was begun early.
    search: Option<KeySearch>,
}

impl Enclosure {
    /// With this module; believing these roots, which are measured with the program; claiming at most this.
    pub fn new(transport: Box<dyn Transport + Send>, roots: Vec<Root>, assurance: Assurance) -> Enclosure {
        Enclosure { nsm: Nsm::new(transport), roots, assurance, bound: None, locked: false, search: None }
    }

    /// With a search that was begun: its key is for the first answer of the key service, and for no other.
    pub fn with_search(self, search: KeySearch) -> Enclosure {
        Enclosure { search: Some(search), ..self }
    }

    /// What it may claim (rule E3).
    pub fn assurance(&self) -> Assurance {
        self.assurance
    }

    /// Roots under which peers are believed.
    pub fn roots(&self) -> &[Root] {
        &self.roots
    }

    /// The workspace that the registers name.
    pub fn bound(&self) -> Option<Digest> {
        self.bound
    }

    /// The module's own time.
    ///
    /// # Errors
    /// [`EnclosureError::Module`].
    pub fn now(&mut self) -> Result<UnixMs, EnclosureError> {
        let document = self.document(None, None, None)?;
        let read = Document::read(&document).map_err(|e| EnclosureError::Module(e.to_string()))?;
        Ok(read.timestamp)
    }

    /// A document over these.
    ///
    /// # Errors
    /// [`EnclosureError::Module`].
    pub fn document(
        &mut self,
        nonce: Option<&[u8]>,
        user_data: Option<&[u8]>,
        public_key: Option<&[u8]>,
    ) -> Result<Vec<u8>, EnclosureError> {
        self.nsm.attest(nonce, user_data, public_key).map_err(of_module)
    }

    /// G1: measures the workspace and locks its register, for documents hold locked ones only. Once: there is no second.
    ///
    /// # Errors
    /// [`EnclosureError`].
    pub fn bind_genesis(&mut self, root: Digest) -> Result<(), EnclosureError> {
        match self.bound {
            Some(bound) if bound == root => Ok(()),
            Some(_) => Err(EnclosureError::Genesis("another workspace is measured already")),
            None => {
                self.nsm.extend(PcrIndex::GENESIS, &root.0).map_err(of_module)?;
                self.nsm.lock(PcrIndex::GENESIS).map_err(of_module)?;
                self.bound = Some(root);
                Ok(())
            }
        }
    }

    /// E2: measures the key of the peers' channel and locks every register.
    ///
    /// # Errors
    /// [`EnclosureError`]; also if no workspace is measured yet.
    pub fn bind_channel(&mut self, channel_key: &[u8; 32]) -> Result<(), EnclosureError> {
        if self.locked {
            return Ok(());
        }
        self.bound.ok_or(EnclosureError::Genesis("no workspace is measured"))?;
        self.nsm.extend(PcrIndex::CHANNEL, channel_key).map_err(of_module)?;
        self.nsm.lock_all().map_err(of_module)?;
        self.locked = true;
        Ok(())
    }

    /// The data key of a cosigner that has records, from its wrapped form. Measures the workspace before it asks.
    ///
    /// # Errors
    /// [`EnclosureError`].
    pub fn unseal(
        &mut self,
        me: PartyIndex,
        kept: &KeptKey,
        access: &KeyAccess,
        rng: &mut dyn CryptoRngCore,
        tunnel: &mut dyn Tunnel,
    ) -> Result<Zeroizing<[u8; 32]>, EnclosureError> {
        let chain = GenesisChain::verify(&kept.genesis).map_err(|_| EnclosureError::Genesis("it does not verify"))?;
        self.bind_genesis(chain.root())?;
        self.asked(me, &chain, access, rng, tunnel, |client, tunnel, context, recipient, document| {
            client.decrypt(tunnel, context, recipient, document, &kept.wrapped_key)
        })
    }

    /// A fresh data key for a cosigner that has just taken its genesis.
    ///
    /// # Errors
    /// [`EnclosureError`].
    pub fn new_key(
        &mut self,
        me: PartyIndex,
        chain: &GenesisChain,
        access: &KeyAccess,
        rng: &mut dyn CryptoRngCore,
        tunnel: &mut dyn Tunnel,
    ) -> Result<DataKey, EnclosureError> {
        self.bind_genesis(chain.root())?;
        self.asked(me, chain, access, rng, tunnel, |client, tunnel, context, recipient, document| {
            client.generate(tunnel, context, recipient, document)
        })
    }

    /// One call of the key service that genesis names, with a document made for it.
    fn asked<T>(
        &mut self,
        me: PartyIndex,
        chain: &GenesisChain,
        access: &KeyAccess,
        rng: &mut dyn CryptoRngCore,
        tunnel: &mut dyn Tunnel,
        call: impl FnOnce(&Client<'_>, &mut dyn Tunnel, &Context, &RecipientKey, &[u8]) -> Result<T, KmsError>,
    ) -> Result<T, EnclosureError> {
        self.check(chain.head(), me)?;
        let key = kms_key(chain.head(), me)?;
        let found = self.search.take().and_then(KeySearch::end);
        let recipient = found.or_else(RecipientKey::generate).ok_or(EnclosureError::Module("no RSA key".into()))?;
        let mut nonce = [0; 32];
        rng.fill_bytes(&mut nonce);
        let document = self.document(Some(&nonce), None, Some(recipient.public_der()))?;
        let now = Document::read(&document).map_err(|e| EnclosureError::Module(e.to_string()))?.timestamp;
        let credentials = Credentials {
            access_key: access.access_key.clone(),
            secret_key: Zeroizing::new(access.secret_key.clone()),
            session_token: access.session_token.clone(),
        };
        tunnel.dial(&key.host, key.port).map_err(|e| EnclosureError::Dial(e.to_string()))?;
        let client = Client { key: &key, credentials: &credentials, now };
        Ok(call(&client, tunnel, &context(chain.root(), me), &recipient, &document)?)
    }

    /// Whether this genesis may be served here: it names this cosigner, and claims no more than is true (rule E3).
    fn check(&self, genesis: &Genesis, me: PartyIndex) -> Result<(), EnclosureError> {
        if genesis.cosigner(me).is_none() {
            return Err(EnclosureError::Genesis("it names no such cosigner"));
        }
        if genesis.assurance != self.assurance {
            return Err(EnclosureError::Genesis("it claims another assurance (E3)"));
        }
        Ok(())
    }
}

fn kms_key(genesis: &Genesis, me: PartyIndex) -> Result<KmsKey, EnclosureError> {
    let at = usize::from(me.number()).checked_sub(1);
    let text =
        at.and_then(|at| genesis.kms_keys.get(at)).ok_or(EnclosureError::Genesis("it names no KMS key for it"))?;
    KmsKey::parse(text).map_err(|_| EnclosureError::Genesis("it names a KMS key that is none"))
}

fn of_module(error: ringi_attestation::nsm::NsmError) -> EnclosureError {
    EnclosureError::Module(error.to_string())
}
