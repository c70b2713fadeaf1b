//! An enclave with a module, an RSA key, and its own reader of what KMS seals for it.

use crate::world::{OfWorld, World};
use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ringi_attestation::nsm::Nsm;
use ringi_attestation::{Pcr, PcrIndex};
use ringi_nsm::socket::{Socket, serve};
use ringi_nsm::{Authority, Module};
use serde_json::{Value, json};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

/// The image that policies name.
pub const IMAGE: Pcr = Pcr([0xa1; 48]);
pub const SIGNER: Pcr = Pcr([0xa8; 48]);
pub const MODULE: &str = "i-0sim-enc0001";

pub struct Enclave {
    nsm: Nsm<Socket>,
    private: PrivateDecryptingKey,
    public: Vec<u8>,
}

fn registers(image: Pcr) -> Vec<(PcrIndex, Pcr)> {
    let application = Pcr([0xa2; 48]);
    vec![
        (PcrIndex::IMAGE, image),
        (PcrIndex::BOOT, Pcr([0xa3; 48])),
        (PcrIndex::APPLICATION, application),
        (PcrIndex::SIGNER, SIGNER),
    ]
}

impl Enclave {
    pub fn of(world: &World, image: Pcr) -> Enclave {
        Enclave::under(world, world.authority.clone(), &registers(image))
    }

    pub fn debug(world: &World) -> Enclave {
        Enclave::under(world, world.authority.clone(), &[])
    }

    pub fn of_another_root(world: &World) -> Enclave {
        Enclave::under(world, Arc::new(Authority::generate().unwrap()), &registers(IMAGE))
    }

    fn under(world: &World, authority: Arc<Authority>, measured: &[(PcrIndex, Pcr)]) -> Enclave {
        let (mine, mut theirs) = UnixStream::pair().unwrap();
        let mut module = Module::new(MODULE, measured, authority, Arc::new(OfWorld(world.clock.clone())));
        std::thread::spawn(move || serve(&mut module, &mut theirs));
        let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
        let public: PublicKeyX509Der<'_> = private.public_key().as_der().unwrap();
        let public = public.as_ref().to_vec();
        Enclave { nsm: Nsm::new(Socket(mine)), private, public }
    }

    /// Extends register 16 and locks all, as a cosigner does at its start.
    pub fn with_genesis(mut self, genesis: &[u8]) -> Enclave {
        self.nsm.extend(PcrIndex::new(16).unwrap(), genesis).unwrap();
        self.nsm.lock_all().unwrap();
        self
    }

    pub fn public(&self) -> Vec<u8> {
        self.public.clone()
    }

    /// A document with this key, or none.
    pub fn document(&mut self, key: Option<&[u8]>) -> Vec<u8> {
        self.nsm.attest(None, None, key).unwrap()
    }

    /// `Recipient`, as it is on the wire.
    pub fn recipient(&mut self) -> Value {
        let key = self.public();
        recipient(&self.document(Some(&key)))
    }

    /// Opens a `CiphertextForRecipient`.
    pub fn open(&self, sealed: &[u8]) -> Vec<u8> {
        let parts = Enveloped::read(sealed);
        let oaep = OaepPrivateDecryptingKey::new(self.private.clone()).unwrap();
        let mut room = vec![0; oaep.min_output_size()];
        let key = oaep.decrypt(&OAEP_SHA256_MGF1SHA256, &parts.wrapped, &mut room, None).unwrap();
        let cipher = UnboundCipherKey::new(&AES_256, key).unwrap();
        let iv = FixedLength::from(<[u8; 16]>::try_from(parts.iv.as_slice()).unwrap());
        let cipher = PaddedBlockDecryptingKey::cbc_pkcs7(cipher).unwrap();
        let mut content = parts.content.clone();
        cipher.decrypt(&mut content, DecryptionContext::Iv128(iv)).unwrap().to_vec()
    }
}

/// `Recipient` with this document, base64 as boto3 and hand-made requests send it.
pub fn recipient(document: &[u8]) -> Value {
    json!({"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": STANDARD.encode(document)})
}

/// What an EnvelopedData holds, and its outline.
pub struct Enveloped {
    pub outline: Vec<String>,
    pub key_id: Vec<u8>,
    pub wrapped: Vec<u8>,
    pub iv: Vec<u8>,
    pub content: Vec<u8>,
}

impl Enveloped {
    /// Reads BER with definite and indefinite lengths; every element becomes a line of the outline.
    pub fn read(bytes: &[u8]) -> Enveloped {
        let mut outline = Vec::new();
        let mut long = Vec::new();
        let rest = walk(bytes, 0, &mut outline, &mut long);
        assert!(rest.is_empty(), "{} bytes after the end", rest.len());
        let [key_id, wrapped, iv, content] = long.try_into().expect("four byte strings");
        Enveloped { outline, key_id, wrapped, iv, content }
    }
}

/// One element; what follows it comes back. Byte strings are collected and stand by their length only; small values stand
/// in full.
fn walk<'a>(bytes: &'a [u8], depth: usize, outline: &mut Vec<String>, long: &mut Vec<Vec<u8>>) -> &'a [u8] {
    let (tag, length, rest) = (bytes[0], bytes[1], &bytes[2..]);
    let pad = " ".repeat(depth);
    if length == 0x80 {
        outline.push(format!("{pad}{tag:02x} indefinite"));
        let mut rest = rest;
        while rest[..2] != [0, 0] {
            rest = walk(rest, depth + 1, outline, long);
        }
        outline.push(format!("{pad}end"));
        return &rest[2..];
    }
    let (length, rest) = if length < 0x80 {
        (usize::from(length), rest)
    } else {
        let (size, rest) = rest.split_at(usize::from(length & 0x7f));
        (size.iter().fold(0, |all, byte| all << 8 | usize::from(*byte)), rest)
    };
    let (body, rest) = rest.split_at(length);
    if tag & 0x20 != 0 {
        outline.push(format!("{pad}{tag:02x} {length}"));
        let mut inner = body;
        while !inner.is_empty() {
            inner = walk(inner, depth + 1, outline, long);
        }
    } else if tag == 0x04 || tag == 0x80 {
        outline.push(format!("{pad}{tag:02x} {length} bytes"));
        long.push(body.to_vec());
    } else {
        outline.push(format!("{pad}{tag:02x} {}", hex::encode(body)));
    }
    rest
}
