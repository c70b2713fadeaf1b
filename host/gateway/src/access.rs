//! Who may call what (H1), how large its body is and of which type: one table over the routes.

use axum::http::Method;
use ringi_primitives::limits;

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Any key of a person in the policy set, or an admin's.
    Known,
    /// A key that initiates (rule I1).
    Initiator,
    /// A key that initiates, or an admin's.
    Operator,
    /// Any known key, or a witness's: facts prove themselves.
    Witness,
    /// An admin of genesis.
    Admin,
    /// Anybody while there is no genesis (the document's own signatures decide, rule G1); afterwards an admin.
    Founder,
    /// Anybody while there is no genesis, which cannot be written without; afterwards as [`Who::Known`].
    Visitor,
}

/// What must be in force before the route answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing.
    Nothing,
    /// Genesis.
    Genesis,
    /// Genesis and a policy set.
    Policy,
}

/// The type of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    /// No body at all.
    None,
    /// `application/json`.
    Json,
    /// `application/cbor`.
    Cbor,
}

/// Who keeps the nonce of a write durably.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NonceKeeper {
    /// The request memory, before the handler runs.
    Gateway,
    /// The transfer's own commit.
    Transfer,
    /// Nobody: it changes nothing.
    Nobody,
}

/// What holds for a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) who: Who,
    pub(crate) stage: Stage,
    pub(crate) media: Media,
    pub(crate) body_bytes: usize,
    pub(crate) nonce: NonceKeeper,
}

/// Small JSON bodies.
const SMALL_BYTES: usize = 16 * 1024;
/// An order and its signatures.
pub(crate) const ORDER_BYTES: usize = 64 * 1024;
/// A brake and its evidence.
pub(crate) const BRAKE_BYTES: usize = limits::BRAKE_BYTES;
/// A recovery order with kits and sealed shares: what one frame to the cosigner carries.
pub(crate) const RECOVERY_BYTES: usize = limits::FRAME_BYTES;
/// Facts of one submission: the longest names as many outpoints as a transaction may spend.
pub(crate) const FACTS_BYTES: usize = 512 * 1024;
/// All genesis versions together.
pub(crate) const GENESIS_CHAIN_BYTES: usize = 16 * limits::GENESIS_BYTES;
/// A policy set and its signatures.
pub(crate) const POLICY_DOCUMENT_BYTES: usize = limits::POLICY_BYTES + 64 * 1024;

/// Whether a call takes a query. No write does: the query is not signed.
pub(crate) fn takes_query(method: &Method, route: &str) -> bool {
    let asking = [
        "/v1/transfers",
        "/v1/wallets",
        "/v1/wallets/{id}/addresses",
        "/v1/deposits",
        "/v1/audit",
        "/v1/attestation",
        "/v1/policy/drafts/{id}",
    ];
    (method == Method::GET || method == Method::HEAD) && asking.contains(&route)
}

/// The row of a route. A write that is not listed is an admin's: forgetting a row locks, it does not open.
pub(crate) fn access(method: &Method, route: &str) -> Access {
    use {Media as M, NonceKeeper as N, Stage as S, Who as W};
    let row = |who, stage, media, body_bytes, nonce| Access { who, stage, media, body_bytes, nonce };
    if method == Method::GET || method == Method::HEAD {
        let stage = match route {
            "/v1/cosigners" | "/v1/attestation" => S::Nothing,
            "/v1/caller" | "/v1/access" | "/v1/audit" | "/v1/genesis" | "/v1/policy" | "/v1/events" => S::Genesis,
            _ => S::Policy,
        };
        let who = match route {
            "/v1/facts" => W::Witness,
            "/v1/cosigners" | "/v1/attestation" => W::Visitor,
            _ => W::Known,
        };
        return row(who, stage, M::None, 0, N::Nobody);
    }
    match route {
        "/v1/transfers" => row(W::Initiator, S::Policy, M::Json, limits::INTENT_BYTES, N::Transfer),
        "/v1/transfers/dry-run" => row(W::Initiator, S::Policy, M::Json, limits::INTENT_BYTES, N::Nobody),
        "/v1/transfers/{id}/cancel" => row(W::Initiator, S::Policy, M::None, 0, N::Gateway),
        "/v1/transfers/{id}/approvals" => row(W::Known, S::Policy, M::Json, SMALL_BYTES, N::Gateway),
        "/v1/freezes" | "/v1/transfers/{id}/veto" | "/v1/transfers/{id}/withdraw" => {
            row(W::Known, S::Policy, M::Cbor, BRAKE_BYTES, N::Gateway)
        }
        "/v1/freezes/lift" => row(W::Admin, S::Policy, M::Cbor, ORDER_BYTES, N::Gateway),
        "/v1/wallets" | "/v1/wallets/{id}/addresses" => row(W::Operator, S::Policy, M::Json, SMALL_BYTES, N::Gateway),
        "/v1/genesis" => row(W::Founder, S::Nothing, M::Cbor, GENESIS_CHAIN_BYTES, N::Gateway),
        "/v1/policy" => row(W::Admin, S::Genesis, M::Cbor, POLICY_DOCUMENT_BYTES, N::Gateway),
        "/v1/policy/drafts" => row(W::Known, S::Policy, M::Cbor, POLICY_DOCUMENT_BYTES, N::Gateway),
        "/v1/policy/drafts/{id}/signatures" => row(W::Admin, S::Policy, M::Cbor, POLICY_DOCUMENT_BYTES, N::Gateway),
        "/v1/policy/drafts/{id}/publish" | "/v1/policy/drafts/{id}" => row(W::Admin, S::Policy, M::None, 0, N::Gateway),
        "/v1/orders" => row(W::Admin, S::Genesis, M::Cbor, ORDER_BYTES, N::Gateway),
        "/v1/facts" => row(W::Witness, S::Policy, M::Cbor, FACTS_BYTES, N::Gateway),
        "/v1/recoveries" => row(W::Admin, S::Genesis, M::Cbor, RECOVERY_BYTES, N::Gateway),
        "/v1/access/{id}/role" => row(W::Known, S::Genesis, M::Json, SMALL_BYTES, N::Gateway),
        "/v1/access/{id}/revoke" => row(W::Known, S::Genesis, M::None, 0, N::Gateway),
        "/v1/access/check" => row(W::Known, S::Genesis, M::Json, SMALL_BYTES, N::Nobody),
        _ => row(W::Admin, S::Policy, M::Json, SMALL_BYTES, N::Gateway),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h1_a_write_that_is_not_listed_is_an_admin_s() {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let row = access(&method, "/v1/new");
            assert_eq!((row.who, row.stage), (Who::Admin, Stage::Policy), "{method}");
        }
    }
}
