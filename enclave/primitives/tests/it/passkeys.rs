//! P2: what a real browser makes of a passkey. The assertions are Chromium's, recorded by `oracles/webauthn/record.mjs`, which
//! knows nothing of what is to be said of them.

use ringi_primitives::digest::Digest;
use ringi_primitives::genesis::RelyingParty;
use ringi_primitives::key::PublicKey;
use ringi_primitives::passkey::{Assertion, Passkey, PasskeyError};
use serde_json::Value;

/// One passkey and an assertion of it, as the page got them.
struct Recorded {
    name: String,
    challenge: Digest,
    origin: String,
    passkey: Passkey,
    authenticator_data: Vec<u8>,
    client_data: Vec<u8>,
    signature: Vec<u8>,
}

impl Recorded {
    fn parse(value: &Value) -> Recorded {
        let text = |name: &str| value[name].as_str().unwrap().to_string();
        let bytes = |name: &str| hex::decode(text(name)).unwrap();
        // The key is SubjectPublicKeyInfo, which ends with the uncompressed point: 0x04, x, y.
        let key = bytes("key");
        let (x, y) = key[key.len() - 64..].split_at(32);
        let point = [&[2 + (y[31] & 1)], x].concat();
        let passkey = Passkey {
            credential: bytes("credential"),
            key: PublicKey::P256(point.try_into().unwrap()),
            relying_party: "localhost".into(),
            backup_eligible: false,
        };
        Recorded {
            name: text("name"),
            challenge: Digest(bytes("challenge").try_into().unwrap()),
            origin: text("origin"),
            passkey,
            authenticator_data: bytes("authenticator_data"),
            client_data: text("client_data").into_bytes(),
            signature: bytes("signature"),
        }
    }

    fn party(&self) -> RelyingParty {
        RelyingParty { id: "localhost".into(), origins: vec![self.origin.clone()] }
    }

    fn said(&self) -> Result<u32, PasskeyError> {
        self.said_to(&self.challenge, &self.party())
    }

    fn said_to(&self, challenge: &Digest, party: &RelyingParty) -> Result<u32, PasskeyError> {
        let Recorded { authenticator_data, client_data, signature, .. } = self;
        let assertion = Assertion { authenticator_data, client_data, signature };
        self.passkey.verify(&assertion, challenge, std::slice::from_ref(party))
    }
}

fn recorded() -> Vec<Recorded> {
    let file: Value = serde_json::from_str(include_str!("golden/webauthn.json")).unwrap();
    file["vectors"].as_array().unwrap().iter().map(Recorded::parse).collect()
}

#[test]
fn p2_a_browsers_assertions_are_taken_for_what_they_are() {
    let said: Vec<_> = recorded().iter().map(|r| (r.name.clone(), r.said())).collect();
    let expected = [
        ("plain", Ok(2)),
        ("the third use", Ok(4)),
        ("synced", Err(PasskeyError::Backup)),
        ("extensions", Ok(2)),
        ("u2f", Err(PasskeyError::Unverified)),
        ("unverified", Err(PasskeyError::Unverified)),
        ("framed", Err(PasskeyError::CrossOrigin)),
    ];
    assert_eq!(said, expected.map(|(name, verdict)| (name.to_string(), verdict)));
    let mut synced = recorded().remove(2);
    synced.passkey.backup_eligible = true;
    assert_eq!(synced.said(), Ok(2), "a synced passkey that was registered as one");
}

#[test]
fn p2_a_browsers_assertion_is_for_one_challenge_page_and_party() {
    for one in recorded().into_iter().filter(|r| r.said().is_ok()) {
        let party = |id: &str, origin: &str| RelyingParty { id: id.into(), origins: vec![origin.into()] };
        assert_eq!(one.said_to(&Digest::ZERO, &one.party()), Err(PasskeyError::Challenge));
        let elsewhere = party("localhost", "http://localhost:1");
        assert_eq!(one.said_to(&one.challenge, &elsewhere), Err(PasskeyError::Origin));
        let other = party("other.example", &one.origin);
        assert_eq!(one.said_to(&one.challenge, &other), Err(PasskeyError::RelyingParty));
        let mut moved = Recorded { passkey: Passkey { relying_party: "other.example".into(), ..one.passkey }, ..one };
        assert_eq!(moved.said_to(&moved.challenge, &other), Err(PasskeyError::RelyingParty), "the hash of another id");
        moved.passkey.relying_party = "localhost".into();
        assert!(moved.said().is_ok());
    }
}

/// Every byte that the browser gave is held by the signature.
#[test]
fn p2_no_byte_of_a_browsers_assertion_may_change() {
    let mut one = recorded().remove(0);
    let parts: [fn(&mut Recorded) -> &mut Vec<u8>; 2] = [|r| &mut r.authenticator_data, |r| &mut r.client_data];
    for part in parts {
        for at in 0..part(&mut one).len() {
            part(&mut one)[at] ^= 1;
            assert!(one.said().is_err(), "byte {at}");
            part(&mut one)[at] ^= 1;
        }
    }
    assert!(one.said().is_ok());
}
