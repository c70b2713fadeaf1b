//! Fuzz targets: one per parser of foreign bytes, each with the property that must hold for whatever it accepts.

use super::abi::Function;
use super::account::{format_address, parse_address};
use super::authorization::{Authorization, SignedAuthorization};
use super::envelope::Transaction;
use super::typed_data::Document;

/// Transactions: what is accepted is written back to the same bytes.
pub fn transaction(data: &[u8]) {
    if let Ok(read) = Transaction::parse(data) {
        assert_eq!(read.signing_payload(), data);
    }
}

/// Authorizations, unsigned and signed: the same.
pub fn authorization(data: &[u8]) {
    if let Ok(read) = Authorization::parse(data) {
        assert_eq!(read.payload(), data);
    }
    if let Ok(read) = SignedAuthorization::parse(data) {
        assert_eq!(read.write().finish(), data);
    }
}

/// Typed data: reading twice gives the same digest.
pub fn typed_data(data: &[u8]) {
    if let Ok(read) = Document::parse(data) {
        assert_eq!(Document::parse(data).map(|again| again.digest()), Ok(read.digest()));
    }
}

/// Addresses: one spelling each.
pub fn address(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(read) = parse_address(text)
    {
        assert_eq!(format_address(&read), text);
    }
}

/// Function signatures and call data, divided by a zero byte: signatures have one spelling, call data is checked in
/// bounded time.
pub fn call(data: &[u8]) {
    let mut halves = data.splitn(2, |byte| *byte == 0);
    let (Some(signature), Some(arguments)) = (halves.next(), halves.next()) else { return };
    let Ok(text) = std::str::from_utf8(signature) else { return };
    if let Ok(function) = Function::parse(text) {
        assert_eq!(function.signature(), text);
        let selector = super::abi::selector(text);
        let _accepted = function.check(&[&selector[..], arguments].concat()).is_ok();
    }
}
