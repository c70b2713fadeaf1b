//! A whole workspace whose every key is known: admins, cosigners, people, distributed keys. What the real parties would
//! do together is done here by one hand, so that evidence can be made, and then broken byte by byte.

use bitcoin::bip32::{ChainCode, ChildNumber, Xpriv};
use bitcoin::key::{Secp256k1, TapTweak as _};
use bitcoin::psbt::Psbt;
use bitcoin::secp256k1::{All, Keypair, Message, SecretKey as Scalar};
use bitcoin::sighash::{EcdsaSighashType, Prevouts, SighashCache, TapSighashType};
use bitcoin::transaction::{Transaction, Version};
use bitcoin::{OutPoint, ScriptBuf, Sequence, TxIn, TxOut, Txid, Witness, absolute, consensus};
use ringi::keys::{KeyKind, SecretKey};
use ringi::policy::{PolicyForm, to_set};
use ringi_chain::KeySource;
use ringi_chain::bitcoin::{AddressKind, Change, Choice as Coins, Input, address_of};
use ringi_chain::evm::{self, Choice, Fees};
use ringi_primitives::amount::Amount;
use ringi_primitives::approval::{Approval, Envelope, Evidence};
use ringi_primitives::cbor;
use ringi_primitives::certificate::{AddressStatement, Drill, KeyCertificate, SignedCertificate, SignedDrill};
use ringi_primitives::digest::{Digest, Domain};
use ringi_primitives::genesis::{Admin, Assurance, CosignerIdentity, Genesis, GenesisChain, Measurement};
use ringi_primitives::httpsig::RequestSignature;
use ringi_primitives::id::{IntentId, PersonId, WalletId, WorkspaceId};
use ringi_primitives::intent::{Action, Intent, Transfer};
use ringi_primitives::key::SignatureBytes;
use ringi_primitives::network::{BitcoinNetwork, NetworkId};
use ringi_primitives::order::KeyId;
use ringi_primitives::policy_set::{PolicySet, RootIndex};
use ringi_primitives::receipt::{BootCertificate, Receipt, SignedBoot, SignedVerdict, Verdict};
use ringi_primitives::request::{FinishedSignature, SigningRequest, Unsigned};
use ringi_primitives::scheme::{PartyIndex, Scheme};
use ringi_primitives::signed::{PersonSignature, Signed};
use ringi_primitives::time::UnixMs;
use ringi_primitives::wallet::{KeyPosition, VaultIndex, WalletRef};

pub const EVM: NetworkId = NetworkId::Evm(31337);
pub const NET: BitcoinNetwork = BitcoinNetwork::Regtest;
pub const NOW: UnixMs = UnixMs(1_800_000_000_000);
pub const PAYEE: &str = "0x00000000000000000000000000000000000000AA";

pub struct Workspace {
    pub admins: Vec<SecretKey>,
    pub identities: Vec<SecretKey>,
    pub initiator: SecretKey,
    pub approver: SecretKey,
    pub genesis: Vec<Signed>,
    pub chain: GenesisChain,
    pub policy: PolicySet,
    pub signed_policy: Signed,
    secp: Secp256k1<All>,
}

fn key() -> SecretKey {
    SecretKey::generate(KeyKind::Ed25519).unwrap()
}

fn person(n: u8) -> PersonId {
    PersonId::from_bytes([n; 16])
}

pub fn sign_document(signed: &mut Signed, domain: Domain, admins: &[SecretKey]) {
    let digest = signed.digest(domain);
    let signature = |(key, n): (&SecretKey, u8)| PersonSignature {
        person: person(n),
        key: key.public(),
        signature: key.sign_digest(&digest),
    };
    signed.signatures = admins.iter().zip(1..).map(signature).collect();
}

impl Workspace {
    pub fn new() -> Workspace {
        Workspace::with(|_| ())
    }

    /// One that claims production enclaves.
    pub fn of_production() -> Workspace {
        Workspace::with(|genesis| {
            genesis.assurance = Assurance::Nitro;
            genesis.measurements = vec![Measurement { pcr: 0, value: vec![7; 48] }];
        })
    }

    fn with(change: impl FnOnce(&mut Genesis)) -> Workspace {
        let admins = vec![key(), SecretKey::generate(KeyKind::P256).unwrap()];
        let identities: Vec<_> = (0..3).map(|_| key()).collect();
        let mut genesis = genesis(&admins, &identities);
        change(&mut genesis);
        let mut signed = Signed { body: cbor::encode(&genesis), signatures: vec![] };
        sign_document(&mut signed, Domain::Genesis, &admins);
        let versions = vec![signed];
        let chain = GenesisChain::verify(&versions).unwrap();
        let (initiator, approver) = (key(), key());
        let form: PolicyForm = toml::from_str(&policy_text(&initiator, &approver)).unwrap();
        let policy = to_set(&form, chain.root(), None).unwrap();
        let mut signed_policy = Signed { body: cbor::encode(&policy), signatures: vec![] };
        sign_document(&mut signed_policy, Domain::PolicySet, &admins);
        let secp = Secp256k1::new();
        Workspace { admins, identities, initiator, approver, genesis: versions, chain, policy, signed_policy, secp }
    }

    pub fn wallet(&self) -> WalletRef {
        WalletRef { vault: VaultIndex(1), wallet: WalletId::from_bytes([2; 16]) }
    }

    fn root(&self, scheme: Scheme) -> Xpriv {
        let seed = if scheme == Scheme::Bip340 { [0x21; 32] } else { [0x42; 32] };
        Xpriv {
            network: bitcoin::NetworkKind::Test,
            depth: 0,
            parent_fingerprint: Default::default(),
            child_number: ChildNumber::Normal { index: 0 },
            private_key: Scalar::from_slice(&seed).unwrap(),
            chain_code: ChainCode::from([0x17; 32]),
        }
    }

    fn secret(&self, scheme: Scheme, position: KeyPosition) -> Scalar {
        let path = self.wallet().path(position).unwrap();
        let path: Vec<_> = path.into_iter().map(|index| ChildNumber::Normal { index }).collect();
        self.root(scheme).derive_priv(&self.secp, &path).unwrap().private_key
    }

    pub fn certificate(&self, scheme: Scheme) -> SignedCertificate {
        let root = self.root(scheme);
        let certificate = KeyCertificate {
            version: 1,
            genesis: self.chain.root(),
            key: KeyId { scheme, root: RootIndex(0) },
            epoch: 1,
            public_key: root.private_key.public_key(&self.secp).serialize().to_vec(),
            chain_code: root.chain_code.to_bytes(),
        };
        let digest = certificate.digest();
        let signers = self.identities.iter().zip(1..);
        let signatures = signers.map(|(k, n)| (PartyIndex::new(n).unwrap(), k.sign_digest(&digest))).collect();
        SignedCertificate { certificate, signatures }
    }

    /// What a cosigner says of a drill, signed by this one's identity.
    pub fn drill(&self, key: KeyId, cosigner: u8, signer: u8) -> SignedDrill {
        let (version, genesis, order) = (1, self.chain.root(), Digest([9; 32]));
        let drill = Drill { version, genesis, cosigner: PartyIndex::new(cosigner).unwrap(), key, order, at: NOW };
        let signature = self.identities[usize::from(signer) - 1].sign_digest(&drill.digest());
        SignedDrill { drill, signature }
    }

    pub fn statement(&self, network: NetworkId, kind: &str, position: KeyPosition) -> AddressStatement {
        let scheme = if kind == "p2tr" { Scheme::Bip340 } else { Scheme::EcdsaSecp256k1 };
        let public = self.public_key(scheme, position).unwrap();
        let address = match kind {
            "account" => evm::format_address(&evm::address_from_key(&public).unwrap()),
            "p2tr" => address_of(NET, AddressKind::P2tr, &public).unwrap().1,
            _ => address_of(NET, AddressKind::P2wpkh, &public).unwrap().1,
        };
        AddressStatement {
            version: 1,
            genesis: self.chain.root(),
            wallet: self.wallet(),
            position,
            network,
            kind: kind.into(),
            address,
            certificate: self.certificate(scheme),
            drills: vec![],
        }
    }

    pub fn intent(&self, network: NetworkId, asset: &str, to: &str, amount: u64, max_fee: u64) -> Intent {
        Intent {
            version: 1,
            id: IntentId::from_bytes([5; 16]),
            genesis: self.chain.root(),
            vault: "treasury".into(),
            wallet: self.wallet().wallet,
            network,
            actions: vec![Action::Transfer(Transfer {
                asset: asset.into(),
                to: to.into(),
                amount: Amount::from_u64(amount),
            })],
            max_fee: Amount::from_u64(max_fee),
            expires_at: NOW.plus_ms(3_600_000),
            reference: Some("invoice 7".into()),
            replaces: None,
        }
    }

    /// An approved payment of ether and the receipt that honest cosigners and an honest host would make of it.
    pub fn evm_receipt(&self) -> Receipt {
        let intent = self.intent(EVM, "eth", PAYEE, 2_000_000_000_000_000_000, 10_000_000_000_000_000);
        let plan = ringi_chain::plan(&self.policy, &intent).unwrap();
        let fees = Fees::Eip1559 {
            max_fee_per_gas: 30_000_000_000,
            max_priority_fee_per_gas: 1_000_000_000,
            access_list: vec![],
        };
        let choice = Choice { nonce: 7, gas_limit: 21_000, fees };
        let public = self.public_key(Scheme::EcdsaSecp256k1, KeyPosition::ACCOUNT).unwrap();
        let account = evm::address_from_key(&public).unwrap();
        let unsigned = evm::encode(&plan, &intent, &account, &choice).unwrap();
        let digest = evm::keccak256(&unsigned.bytes);
        let secret = self.secret(Scheme::EcdsaSecp256k1, KeyPosition::ACCOUNT);
        let signatures = vec![ecdsa(&secret, &digest)];
        self.receipt(&intent, unsigned, signatures, &[Scheme::EcdsaSecp256k1])
    }

    /// A payment of one segwit and one taproot coin, with taproot change.
    pub fn bitcoin_receipt(&self) -> Receipt {
        let payee = address_of(
            NET,
            AddressKind::P2wpkh,
            &Scalar::from_slice(&[9; 32]).unwrap().public_key(&self.secp).serialize(),
        );
        let intent = self.intent(NetworkId::Bitcoin(NET), "btc", &payee.unwrap().1, 70_000, 2_000);
        let plan = ringi_chain::plan(&self.policy, &intent).unwrap();
        let inputs = vec![self.coin(AddressKind::P2wpkh, 3, 60_000), self.coin(AddressKind::P2tr, 4, 50_000)];
        let position = KeyPosition { branch: 1, index: 5 };
        let change = Some(Change { position, kind: AddressKind::P2tr, after: 0 });
        let coins = Coins { inputs, change, fee: Amount::from_u64(1_000), lock_time: 0, version: 2 };
        let unsigned = ringi_chain::bitcoin::encode(&plan, &coins, self).unwrap();
        let signatures = self.sign_coins(&unsigned);
        self.receipt(&intent, unsigned, signatures, &[Scheme::EcdsaSecp256k1, Scheme::Bip340])
    }

    fn coin(&self, kind: AddressKind, index: u32, value: u64) -> Input {
        let position = KeyPosition { branch: 0, index };
        let script = address_of(NET, kind, &self.public_key(kind.scheme(), position).unwrap()).unwrap().0;
        let previous_output = OutPoint { txid: "11".repeat(32).parse::<Txid>().unwrap(), vout: index };
        let input =
            TxIn { previous_output, script_sig: ScriptBuf::new(), sequence: Sequence::MAX, witness: Witness::new() };
        let output = TxOut {
            value: bitcoin::Amount::from_sat(value),
            script_pubkey: ScriptBuf::from_bytes(script.raw().to_vec()),
        };
        let lock_time = absolute::LockTime::ZERO;
        let previous = Transaction { version: Version::TWO, lock_time, input: vec![input], output: vec![output] };
        Input { previous_tx: consensus::serialize(&previous), vout: 0, position, sequence: 0xffff_fffd }
    }

    fn sign_coins(&self, unsigned: &Unsigned) -> Vec<FinishedSignature> {
        let psbt = Psbt::deserialize(&unsigned.bytes).unwrap();
        let spent: Vec<TxOut> = psbt.iter_funding_utxos().map(|o| o.unwrap().clone()).collect();
        let mut cache = SighashCache::new(&psbt.unsigned_tx);
        let segwit =
            cache.p2wpkh_signature_hash(0, &spent[0].script_pubkey, spent[0].value, EcdsaSighashType::All).unwrap();
        let taproot =
            cache.taproot_key_spend_signature_hash(1, &Prevouts::All(&spent), TapSighashType::Default).unwrap();
        let position = |index| KeyPosition { branch: 0, index };
        let first = ecdsa(&self.secret(Scheme::EcdsaSecp256k1, position(3)), AsRef::<[u8; 32]>::as_ref(&segwit));
        let pair = Keypair::from_secret_key(&self.secp, &self.secret(Scheme::Bip340, position(4)));
        let pair = pair.tap_tweak(&self.secp, None).to_keypair();
        let signature =
            self.secp.sign_schnorr_no_aux_rand(&Message::from_digest(*AsRef::<[u8; 32]>::as_ref(&taproot)), &pair);
        vec![first, FinishedSignature { bytes: signature.serialize(), recovery_id: None }]
    }

    fn request(&self, intent: &Intent, unsigned: Unsigned) -> Vec<u8> {
        let body = serde_json::to_vec(intent).unwrap();
        let mut initiator = RequestSignature {
            method: "POST".into(),
            path: "/v1/transfers".into(),
            idempotency_key: "key-1".into(),
            key: self.initiator.public(),
            created_s: NOW.0 / 1000,
            expires_s: NOW.0 / 1000 + 60,
            nonce: "nonce-1".into(),
            signature: SignatureBytes([0; 64]),
        };
        initiator.signature = self.initiator.sign(initiator.base(&body).as_bytes());
        let policy = self.signed_policy.digest(Domain::PolicySet);
        let envelope = Envelope {
            version: 1,
            genesis: self.chain.root(),
            intent: Intent::digest(&body),
            wallet: self.wallet(),
            plan: ringi_chain::plan(&self.policy, intent).unwrap(),
            policy,
        };
        let signature = self.approver.sign_digest(&envelope.digest());
        let person = self.policy.people.iter().find(|p| p.name == "Grace").unwrap().id;
        let evidence = Evidence::Signature { key: self.approver.public(), signature };
        let approvals = vec![Approval { person, evidence }];
        let genesis = self.chain.root();
        cbor::encode(&SigningRequest {
            version: 1,
            genesis,
            intent: body,
            initiator,
            approvals,
            policy,
            unsigned,
            facts: vec![],
        })
    }

    fn receipt(
        &self,
        intent: &Intent,
        unsigned: Unsigned,
        signatures: Vec<FinishedSignature>,
        schemes: &[Scheme],
    ) -> Receipt {
        let request = self.request(intent, unsigned.clone());
        let decoded = ringi_chain::decode(&self.policy, self, intent.network, &unsigned).unwrap();
        let signed = ringi_chain::assemble(&self.policy, self, intent.network, &unsigned, &signatures).unwrap();
        let signers = vec![PartyIndex::new(1).unwrap(), PartyIndex::new(3).unwrap()];
        let verdict = |cosigner| Verdict {
            version: 1,
            genesis: self.chain.root(),
            cosigner,
            boot: 4,
            sequence: 12,
            previous: Digest([3; 32]),
            session: Digest([8; 32]),
            request: SigningRequest::digest(&request),
            intent: intent.id,
            slot: decoded.slot().clone(),
            effects: decoded.effects().to_vec(),
            max_fee: decoded.max_fee(),
            rules: rules(intent.network),
            policy: self.signed_policy.digest(Domain::PolicySet),
            at: NOW.plus_ms(5),
            signers: signers.clone(),
        };
        let (mut verdicts, mut boots) = (vec![], vec![]);
        for cosigner in signers.clone() {
            let receipt_key = key();
            let verdict = verdict(cosigner);
            let signature = receipt_key.sign_digest(&verdict.digest());
            verdicts.push(SignedVerdict { verdict, signature });
            boots.push(self.boot(cosigner, &receipt_key));
        }
        Receipt {
            version: 1,
            policy: self.signed_policy.clone(),
            plan: ringi_chain::plan(&self.policy, intent).unwrap(),
            request,
            verdicts,
            boots,
            certificates: schemes.iter().map(|s| self.certificate(*s)).collect(),
            signatures,
            transaction: signed.bytes,
            transaction_id: signed.id,
        }
    }

    fn boot(&self, cosigner: PartyIndex, receipt_key: &SecretKey) -> SignedBoot {
        let certificate = BootCertificate {
            version: 1,
            genesis: self.chain.root(),
            cosigner,
            boot: 4,
            receipt_key: receipt_key.public(),
            assurance: Assurance::Process,
            attestation: None,
        };
        let identity = &self.identities[usize::from(cosigner.number()) - 1];
        SignedBoot { signature: identity.sign_digest(&certificate.digest()), certificate }
    }
}

impl KeySource for Workspace {
    fn public_key(&self, scheme: Scheme, position: KeyPosition) -> Option<Vec<u8>> {
        (scheme != Scheme::Ed25519).then(|| self.secret(scheme, position).public_key(&self.secp).serialize().to_vec())
    }
}

fn ecdsa(secret: &Scalar, digest: &[u8; 32]) -> FinishedSignature {
    let key = k256::ecdsa::SigningKey::from_slice(&secret.secret_bytes()).unwrap();
    let (signature, id) = key.sign_prehash_recoverable(digest);
    FinishedSignature { bytes: signature.to_bytes().into(), recovery_id: Some(id.to_byte()) }
}

fn genesis(admins: &[SecretKey], identities: &[SecretKey]) -> Genesis {
    let admin = |(k, n): (&SecretKey, u8)| Admin { id: person(n), name: format!("admin {n}"), key: k.public() };
    let cosigner = |(k, n): (&SecretKey, u8)| CosignerIdentity {
        index: PartyIndex::new(n).unwrap(),
        name: format!("cosigner {n}"),
        channel_key: [n; 32],
        identity_key: k.public(),
    };
    Genesis {
        version: 1,
        workspace: WorkspaceId::from_bytes([1; 16]),
        sequence: 0,
        previous: None,
        created_at: NOW,
        admins: admins.iter().zip(1..).map(admin).collect(),
        admin_quorum: 2,
        threshold: 2,
        cosigners: identities.iter().zip(1..).map(cosigner).collect(),
        measurements: vec![],
        trust_roots: vec![],
        relying_parties: vec![],
        kms_keys: vec![],
        recovery: vec![],
        assurance: Assurance::Process,
    }
}

fn rules(network: NetworkId) -> Vec<String> {
    let names: &[&str] = match network {
        NetworkId::Evm(_) => &["large"],
        NetworkId::Bitcoin(_) => &["coins"],
    };
    names.iter().map(|n| n.to_string()).collect()
}

pub fn policy_text(initiator: &SecretKey, approver: &SecretKey) -> String {
    format!(
        r#"
networks = ["eip155:31337", "bitcoin:regtest"]
[[people]]
name = "Ada"
initiate = ["{}"]
[[people]]
name = "Grace"
approve = ["{}"]
[[groups]]
name = "approvers"
members = ["Grace"]
[[assets]]
id = "eth"
network = "eip155:31337"
decimals = 18
[[assets]]
id = "btc"
network = "bitcoin:regtest"
decimals = 8
[[vaults]]
index = 1
name = "treasury"
temperature = "hot"
limits = [{{ name = "daily", of = "eth", most = "10.5", window = {{ rolling_s = 86400 }}, per = "vault" }}]
[[vaults.rules]]
name = "payments"
kinds = ["transfer"]
networks = ["eip155:31337"]
amounts = [{{ of = "eth", at_most = "1" }}]
allow = {{ limits = ["daily"], max_fees = [{{ network = "eip155:31337", most = "0.01" }}] }}
[[vaults.rules]]
name = "large"
kinds = ["transfer"]
networks = ["eip155:31337"]
allow = {{ limits = ["daily"], max_fees = [{{ network = "eip155:31337", most = "0.01" }}], approvals = "1 of approvers" }}
[[vaults.rules]]
name = "coins"
kinds = ["transfer"]
networks = ["bitcoin:regtest"]
allow = {{ max_fees = [{{ network = "bitcoin:regtest", most = "0.0001" }}] }}
"#,
        initiator.public().text(),
        approver.public().text()
    )
}
