//! The fuzz entry of every decoder of foreign bytes in this crate.

use crate::{
    approval, cbor, certificate, decision, effects, fact, genesis, httpsig, intent, limits, order, plan, policy_set,
    receipt, request, signed, wire,
};
use minicbor::{Decode, Encode};

/// Feeds foreign bytes to every decoder. What one takes encodes to exactly these bytes and decodes to the same value
/// again, and may be checked without harm.
pub fn fuzz(data: &[u8]) {
    if let Some(genesis) = one::<genesis::Genesis>(data) {
        let _ = genesis.validate();
    }
    if let Some(set) = one::<policy_set::PolicySet>(data) {
        let _ = set.validate();
    }
    one::<signed::Signed>(data);
    one::<order::Order>(data);
    one::<certificate::KeyCertificate>(data);
    one::<certificate::SignedCertificate>(data);
    one::<certificate::AddressStatement>(data);
    one::<receipt::BootCertificate>(data);
    one::<receipt::SignedBoot>(data);
    one::<receipt::Verdict>(data);
    one::<receipt::SignedVerdict>(data);
    one::<receipt::Receipt>(data);
    one::<plan::Plan>(data);
    one::<approval::Envelope>(data);
    one::<approval::Approval>(data);
    one::<request::SigningRequest>(data);
    one::<request::FinishedSignature>(data);
    if let Some(fact) = one::<fact::SignedFact>(data) {
        let _ = fact.verifies();
    }
    one::<effects::Effect>(data);
    one::<effects::Slot>(data);
    one::<decision::Decision>(data);
    one::<decision::Spending>(data);
    one::<wire::ToCosigner>(data);
    one::<wire::FromCosigner>(data);
    if let Some(signature) = one::<httpsig::RequestSignature>(data) {
        let _ = signature.verify(data);
    }
    frame(data);
    headers(data);
    intent::fuzz(data);
}

fn one<T: for<'b> Decode<'b, ()> + Encode<()> + PartialEq>(data: &[u8]) -> Option<T> {
    let value = cbor::decode::<T>(data, limits::FRAME_BYTES).ok()?;
    assert!(cbor::encode(&value) == data);
    assert!(minicbor::decode::<T>(data).is_ok_and(|again| again == value));
    Some(value)
}

/// What is read from a stream is written as it came.
fn frame(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some(message)) = wire::read_frame::<wire::ToCosigner>(&mut rest) {
        let mut written = Vec::new();
        let done = wire::write_frame(&mut written, &message);
        let upto = data.len().saturating_sub(rest.len());
        assert!(done.is_ok() && data.get(..upto).is_some_and(|read| read.ends_with(&written)));
    }
}

/// The three signature headers, one per line, over the rest as body: what is read is written as it came.
fn headers(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.splitn(3, '\n').map(str::to_string);
    let (input, signature, body) = (lines.next(), lines.next(), lines.next().unwrap_or_default());
    let header = |name: &str| match name {
        "content-digest" => Some(httpsig::content_digest(body.as_bytes())),
        "signature-input" => input.clone(),
        "signature" => signature.clone(),
        _ => Some("k".into()),
    };
    if let Ok(read) = httpsig::RequestSignature::from_headers("POST", "/", header, body.as_bytes()) {
        let written = read.headers(body.as_bytes()).map(|(_, value)| value);
        assert!(written.get(1) == input.as_ref() && written.get(2) == signature.as_ref());
    }
}
