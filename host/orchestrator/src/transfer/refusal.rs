//! Why a transfer did not come to its end: the one table from stable codes to sub-statuses and to what the initiator can do.
//! `docs/statuses.md` is made from it.

use crate::transfer::SubStatus;

/// What a code means to the initiator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusalRow {
    /// The code, or with `*` at its end every code that begins so and has no row of its own.
    pub code: &'static str,
    /// What the transfer shows.
    pub sub_status: SubStatus,
    /// What its initiator can do.
    pub next: &'static str,
}

const fn row(code: &'static str, sub_status: SubStatus, next: &'static str) -> RefusalRow {
    RefusalRow { code, sub_status, next }
}

const LOOK: &str = "Look at ringi status; submit a new intent when the cosigners are ready.";
const REPORT: &str =
    "Report it to the operator, with the transfer's id: what was asked for is not what cosigners were shown.";
const CORRECT: &str = "Correct the intent and submit it under a new id.";
const NODE: &str = "Tell the operator that the chain's node is not right; submit a new intent when it is.";

/// Every code that can end a transfer, or block it.
pub const REFUSALS: &[RefusalRow] = {
    use SubStatus::*;
    &[
        row("brake.frozen", FrozenManually, "Wait until the admins lift the freeze: `ringi freezes` names it."),
        row("brake.vetoed", RejectedByUser, "Ask who vetoed it why; submit a new intent."),
        row("brake.withdrawn", CancelledByUserRequest, "Nothing; submit a new intent if it is wanted after all."),
        row("brake.*", FrozenManually, LOOK),
        row("facts.*", UnsignedFacts, "Have the witnesses send fresh statements, then submit a new intent."),
        row("fact.*", UnsignedFacts, "Have the witnesses send fresh statements, then submit a new intent."),
        row("policy.price_missing", UnsignedFacts, "Have enough witnesses sign a fresh price; submit a new intent."),
        row(
            "policy.balance_missing",
            UnsignedFacts,
            "Have enough witnesses sign a fresh balance; submit a new intent.",
        ),
        row(
            "policy.signer_missing",
            SignerNotReady,
            "Wait until the cosigner that the rule names is back; submit a new intent.",
        ),
        row("policy.transaction_cap", LimitExceeded, "Ask for less: the amount is over what one transfer may move."),
        row("policy.limit_exceeded", LimitExceeded, "Wait until the window has room again, or ask for less."),
        row("policy.fee_cap", MaxFeeExceeded, "Lower max_fee, or have the admins raise the cap."),
        row(
            "policy.cold_vault",
            BlockedByPolicy,
            "Move the funds under a procedure for cold vaults; nothing is signed for them here.",
        ),
        row("policy.mismatch", OutOfDatePolicy, LOOK),
        row("policy.missing", OutOfDatePolicy, LOOK),
        row("policy.succession", OutOfDatePolicy, LOOK),
        row("policy.sequence", OutOfDatePolicy, LOOK),
        row(
            "policy.*",
            BlockedByPolicy,
            "Ask for what a rule permits: `rules` names the one that decided; or have the admins change the policy.",
        ),
        row("approval.*", AuthorizationFailed, "Have the approvers approve again; submit a new intent."),
        row("approvals.*", AuthorizationFailed, "Have the approvers approve again; submit a new intent."),
        row(
            "auth.*",
            AuthorizationFailed,
            "Sign the intent again with an initiator's key of the policy set, under a new id.",
        ),
        row(
            "initiator.*",
            AuthorizationFailed,
            "Sign the intent again with an initiator's key of the policy set, under a new id.",
        ),
        row("transfer.expired", Timeout, "Submit a new intent with a later expiry, and have it approved in time."),
        row("intent.expired", Timeout, "Submit a new intent with a later expiry, and have it approved in time."),
        row("intent.*", InvalidIntent, CORRECT),
        row("request.malformed", InvalidIntent, REPORT),
        row("chain.address", InvalidAddress, "Correct the address: its network and its checksum."),
        row("chain.amounts", InvalidAmount, CORRECT),
        row("chain.unknown", UnsupportedAsset, "Use an asset and a network of the policy set."),
        row("chain.unsupported", UnsupportedOperation, "Use an operation that this chain takes."),
        row("chain.forbidden", UnsupportedOperation, "Nothing to do: what it asks for is never signed."),
        row("chain.too_large", TxSizeExceeded, "Ask for less at once: fewer recipients, or fewer coins."),
        row(
            "chain.reverted",
            SmartContractExecutionFailed,
            "Look at the contract; the fee is spent. Submit a new intent.",
        ),
        row("chain.slot_taken", DoubleSpending, "Look who used the account or coin; submit a new intent."),
        row("chain.*", SigningError, REPORT),
        row("transfer.unsupported", UnsupportedOperation, "Use an operation that this chain takes."),
        row("wallet.not_found", InvalidIntent, CORRECT),
        row("vault.not_found", InvalidIntent, CORRECT),
        row("network.not_found", UnsupportedAsset, "Use a network of the policy set that has a node."),
        row(
            "provider.insufficient_funds",
            InsufficientFunds,
            "Fund the wallet, fee included, and submit a new intent.",
        ),
        row("provider.fee_too_low", MaxFeeTooLow, "Raise max_fee: the chain asks for more now."),
        row("provider.anchor_missing", DoubleSpending, "The coin of the replaced transfer is gone: look at the chain."),
        row("provider.coin_taken", NonceAllocationFailed, "Submit a new intent."),
        row("provider.authorization", UnsupportedOperation, CORRECT),
        row("provider.*", ConnectivityError, NODE),
        row("node.*", ConnectivityError, NODE),
        row("coins.*", ConnectivityError, NODE),
        row(
            "broadcast.insufficient_funds",
            InsufficientFundsForFee,
            "Fund the wallet; then replace the transfer with an intent that `replaces` it.",
        ),
        row(
            "broadcast.nonce_taken",
            DoubleSpending,
            "Another transaction used the nonce: look at the chain, then replace the transfer.",
        ),
        row(
            "broadcast.underpriced",
            GasPriceTooLowForRbf,
            "Replace it with an intent that `replaces` it and has a higher max_fee.",
        ),
        row(
            "broadcast.*",
            RejectedByBlockchain,
            "Replace it with an intent that `replaces` it: a speed-up or a cancel.",
        ),
        row(
            "consensus.*",
            RejectedByBlockchain,
            "Replace it with an intent that `replaces` it: a speed-up or a cancel.",
        ),
        row(
            "pin.nonce_gap",
            NonceAllocationFailed,
            "Submit a new intent; transfers of this account with lower nonces go first.",
        ),
        row(
            "pin.*",
            InvalidNonceForRbf,
            "The intent is bound to another slot (rule I3): replace the transfer that holds it.",
        ),
        row("bytes.fee_above_maximum", MaxFeeExceeded, "Raise max_fee: the chain asks for more now."),
        row("bytes.*", SigningError, REPORT),
        row("unsigned.*", SigningError, REPORT),
        row("limit.busy", SigningError, "Submit a new intent: another transfer held the limit for too long."),
        row("limit.*", LimitExceeded, "Wait until the window has room again, or ask for less."),
        row("genesis.*", SigningError, LOOK),
        row("document.*", SigningError, LOOK),
        row(
            "key.*",
            OutOfDateSigningKeys,
            "Have the admins order the key's generation or refresh; ringi status shows which cosigner has which.",
        ),
        row(
            "boot.*",
            SignerNotReady,
            "Have the operator look at ringi status: a cosigner waits for its peers, or for a resume.",
        ),
        row("cosigner.unreachable", SignerNotFound, LOOK),
        row("cosigner.bug", InternalError, "Report it to the operator, with the transfer's id."),
        row("cosigner.*", SignerNotFound, LOOK),
        row("signing.no_answer", SignerNotFound, LOOK),
        row(
            "session.clock_skew",
            SigningError,
            "Have the operator set the cosigners' clocks: they differ by more than a minute.",
        ),
        row("session.*", SigningError, LOOK),
        row("link.*", SignerNotFound, LOOK),
        row("upgrade.*", SignerNotReady, LOOK),
        row("workspace.not_ready", SignerNotReady, "Have the admins install genesis, policy set and keys."),
        row("store.*", InternalError, "Report it to the operator, with the transfer's id."),
        row("internal.bug", InternalError, "Report it to the operator, with the transfer's id."),
    ]
};

/// Of a code that has no row: a newer cosigner's. It says so, and is no success.
const UNKNOWN: RefusalRow =
    row("*", SubStatus::UnknownError, "Ask the operator what the code means: it is newer than this platform.");

/// The row of a code: its own, else the first of its area.
pub fn refusal(code: &str) -> &'static RefusalRow {
    let own = REFUSALS.iter().find(|row| row.code == code);
    let area = || REFUSALS.iter().find(|row| row.code.strip_suffix('*').is_some_and(|area| code.starts_with(area)));
    own.or_else(area).unwrap_or(&UNKNOWN)
}
