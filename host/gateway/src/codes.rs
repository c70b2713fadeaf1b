//! Every error code of the API: status, meaning and what to do, in one table. `docs/errors.md` is made from it.

mod service;

pub use service::SERVICE;

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Stable, `area.reason`.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// What it means, the same every time.
    pub title: &'static str,
    /// What the caller can do.
    pub remedy: &'static str,
}

macro_rules! own_codes {
    ($($name:ident = $code:literal, $status:literal, $title:literal, $remedy:literal;)*) => {
        /// A refusal of the gateway's own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $title] $name,)*
        }

        impl Code {
            /// Its row.
            pub fn entry(self) -> &'static Entry {
                match self {
                    $(Code::$name => &Entry { code: $code, status: $status, title: $title, remedy: $remedy },)*
                }
            }
        }

        /// The gateway's codes.
        pub const GATEWAY: &[Code] = &[$(Code::$name),*];
    };
}

own_codes! {
    AccessFaulty = "access.faulty", 403, "the access policies could not be asked; nothing is permitted then",
        "Tell the operator: the log says which policy failed.";
    AccessForbidden = "access.forbidden", 403, "an access policy forbids it",
        "Do it as the policy demands, or ask the operator to change data/access.cedar.";
    AccessNoRole = "access.no_role", 403, "the person has no role in this API",
        "Ask an owner or admin for one: ringi access grant PERSON ROLE.";
    AccessNotPermitted = "access.not_permitted", 403, "the person's role does not permit it",
        "Ask somebody whose role does, or an owner for another role; docs/access.md has the table.";
    AuthBadSignature = "auth.bad_signature", 401, "the request's signature does not verify", "Sign the request again.";
    AuthContentDigest = "auth.content_digest", 401, "Content-Digest is not the body's", "Send the SHA-256 of the exact body.";
    AuthExpired = "auth.expired", 401, "the request's signature is outside its time",
        "Sign again with a correct clock; a signature lives at most 300 seconds.";
    AuthKeyPurpose = "auth.key_purpose", 403, "the key is known, but not for this call", "Use a key that may do this.";
    AuthMalformed = "auth.malformed", 401, "a signature header is missing or not of the fixed form",
        "Sign with exactly the components and parameters of the API description.";
    AuthNonceReused = "auth.nonce_reused", 401, "the signature's nonce was used before", "Sign again with a new nonce.";
    AuthUnknownKey = "auth.unknown_key", 401, "the key belongs to nobody in this workspace",
        "Sign with a key of the policy set or of an admin.";
    AuthUnsigned = "auth.unsigned", 401, "the request is not signed", "Sign it: RFC 9421, as the API description says.";
    EventsLastId = "events.last_event_id", 400, "Last-Event-ID is no sequence number", "Send the id of the last event that arrived.";
    GenesisNone = "genesis.none", 409, "no genesis is installed", "Have the admins install one with POST /v1/genesis.";
    IdempotencyInProgress = "idempotency.in_progress", 409, "the same request is being carried out",
        "Wait for its answer or repeat it in a moment.";
    IdempotencyMalformed = "idempotency.malformed", 400, "the Idempotency-Key is malformed",
        "Use 1 to 128 printable characters without spaces, quotes and backslashes.";
    IdempotencyMismatch = "idempotency.mismatch", 422, "the Idempotency-Key was used for another request",
        "Use a new key for a new request.";
    IdempotencyMissing = "idempotency.missing", 400, "there is no Idempotency-Key", "Send one; it is part of what is signed.";
    InternalBug = "internal.bug", 500, "an error of ours", "Report it with the log.";
    PolicyNone = "policy.none", 409, "no policy set is installed", "Have the admins install one with POST /v1/policy.";
    RateBusy = "rate.busy", 503, "too much is going on at once", "Try again in a moment.";
    RateLimited = "rate.limited", 429, "this key makes too many requests", "Wait as long as Retry-After says.";
    RequestBody = "request.body", 400, "the body is not what this call takes", "Correct the body.";
    RequestDuplicateHeader = "request.duplicate_header", 400, "a header came more than once", "Send it once.";
    RequestForwarded = "request.forwarded", 400, "a proxy's X-Forwarded-For is no list of addresses",
        "Correct the proxy: it adds the address that it was called from.";
    RequestId = "request.id", 400, "the id in the path is malformed", "Take the id as the API gave it.";
    RequestMediaType = "request.media_type", 415, "the body has another type than this call takes",
        "Send the Content-Type that the API description names.";
    RequestMethod = "request.method", 405, "the path does not take this method", "Look at the API description.";
    RequestPath = "request.path", 404, "there is no such path", "Look at the API description.";
    RequestQuery = "request.query", 400, "a parameter of the query is unknown or malformed", "Correct the query.";
    RequestStillRunning = "request.still_running", 503, "the request takes longer than an answer may; it goes on",
        "Repeat it with the same Idempotency-Key to learn the outcome.";
    RequestTimeout = "request.timeout", 408, "the body did not arrive in time", "Send it again.";
    RequestTooLarge = "request.too_large", 413, "the body is longer than this call takes", "Send less.";
    TransferNoEnvelope = "transfer.no_envelope", 409, "the transfer does not wait for approvals",
        "Look at its status; there is nothing to approve.";
}

/// The row of a code, the gateway's or the service's.
pub fn find(code: &str) -> Option<&'static Entry> {
    let own = GATEWAY.iter().map(|c| c.entry()).find(|e| e.code == code);
    own.or_else(|| SERVICE.iter().find(|e| e.code == code))
}

/// The table as a document, sorted by code.
pub fn markdown() -> String {
    let mut rows: Vec<&Entry> = GATEWAY.iter().map(|c| c.entry()).chain(SERVICE).collect();
    rows.sort_by_key(|e| e.code);
    let mut text = String::from(
        "# Error codes\n\nEvery refusal of the API is `application/problem+json` (RFC 9457) with a stable `code`. Made from \
         the gateway's table; `UPDATE_DOCS=1 cargo test -p ringi-gateway` rewrites it.\n\nCodes that cosigners and chain \
         code give pass through unchanged and may be newer than this table; those of cosigners are in the cosigner's own \
         table. What ends a transfer is told \
         by its status: [statuses.md](statuses.md) has every code of that kind.\n\n| code | status | meaning | what to do |\n|---|---|---|---|\n",
    );
    for e in rows {
        text.push_str(&format!("| <a id=\"{0}\"></a>`{0}` | {1} | {2} | {3} |\n", e.code, e.status, e.title, e.remedy));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_of_one_form() {
        let mut codes: Vec<&str> = GATEWAY.iter().map(|c| c.entry()).chain(SERVICE).map(|e| e.code).collect();
        let all = codes.len();
        for code in &codes {
            let (area, reason) = code.split_once('.').unwrap();
            let plain = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(plain(area) && plain(reason), "{code}");
        }
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }
}
