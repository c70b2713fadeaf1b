//! EIP-712 typed data: a strict reading of its JSON, the digest that is signed, and the one pinned type (ERC-2612).

mod document;
mod json;
mod meaning;
mod permit;
mod value;

pub(super) use document::Document;
pub(super) use meaning::Meaning;
pub(super) use permit::{Permit, check_amount, permit_domain};
