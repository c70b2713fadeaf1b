//! How an image presents itself: the first exchange on the one stream, before the cosigner runs.
//!
//! The host speaks first (a stream socket under an emulator may lose what the guest sends at once) and sends a
//! [`Challenge`]; the image answers with a [`Presentation`]. Both are frames of [`ringi_primitives::wire`]. What the host
//! learns proves nothing to anybody else and carries no key: its user data is [`PURPOSE`], which no other document has.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

/// Version of both messages.
pub const VERSION: u8 = 1;
/// The user data of a document that answers a challenge.
pub const PURPOSE: &[u8] = b"ringi/boot/v1";

/// From the host: present yourself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Challenge {
    /// [`VERSION`].
    #[n(0)]
    pub version: u8,
    /// What the document must hold as its nonce.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub nonce: [u8; 32],
}

/// From the image: what the security module says of it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Presentation {
    /// [`VERSION`].
    #[n(0)]
    pub version: u8,
    /// The signed document.
    #[n(1)]
    pub document: ByteVec,
}
