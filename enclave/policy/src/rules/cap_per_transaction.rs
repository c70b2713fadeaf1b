//! `cap_per_transaction`: one intent takes at most so much of an asset, fee included where the asset pays it (rule L2).

use super::Finding;
use crate::case::Case;
use ringi_primitives::amount::Amount;
use ringi_primitives::asset::AssetKey;
use ringi_primitives::decision::DenyReason;

/// All effects of the intent count, not only those the rule matches: splitting into actions gains nothing.
pub(crate) fn check(case: &Case, asset: &AssetKey, cap: Amount) -> Result<Finding, DenyReason> {
    if case.spends(asset)? <= cap { Ok(Finding::Holds) } else { Err(DenyReason::TransactionCap) }
}
