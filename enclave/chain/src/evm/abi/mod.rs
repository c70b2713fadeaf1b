//! Contract ABI: canonical function signatures, arguments from text, and the check that call data is exact
//! (Solidity contract ABI specification, strict mode).

mod layout;
mod text;
mod types;
mod value;

pub(super) use text::word;
pub(super) use types::{Function, Type, selector};
pub use value::Value;
