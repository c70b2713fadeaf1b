//! From path, query and body to typed values, each refusal with its code.

use crate::admit::Caller;
use crate::codes::Code;
use crate::problem::Problem;
use axum::extract::{FromRequestParts, Query, RawPathParams};
use axum::http::request::Parts;
use ringi_orchestrator::ports::Page;
use ringi_primitives::cbor::{self, CborError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::str::FromStr;
use utoipa::IntoParams;

/// Entries of a page where the caller does not say.
const PAGE: u32 = 50;
/// Entries of a page at most.
const PAGE_MOST: u32 = 200;

/// The `{id}` of the path.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Id<T>, Problem> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_| Problem::of(Code::RequestId))?;
        let text = params.iter().find(|(name, _)| *name == "id").map(|(_, value)| value);
        let id = text.and_then(|t| t.parse().ok()).ok_or_else(|| Problem::of(Code::RequestId))?;
        Ok(Id(id))
    }
}

/// The query, without unknown names (`deny_unknown_fields` on every type that is read with it).
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Asked<T>, Problem> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        query.map(|q| Asked(q.0)).map_err(|e| Problem::because(Code::RequestQuery, e.body_text()))
    }
}

/// The proved caller that [`crate::admit`] left.
impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, Problem> {
        parts.extensions.get::<Caller>().cloned().ok_or_else(|| Problem::of(Code::AuthUnsigned))
    }
}

/// A page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// The `next` of the page before.
    pub(crate) cursor: Option<String>,
    /// At most this many, 1 to 200; 50 where absent.
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u32>,
}

impl PageQuery {
    pub(crate) fn page(self) -> Result<Page, Problem> {
        page(self.cursor, self.limit)
    }
}

pub(crate) fn page(cursor: Option<String>, limit: Option<u32>) -> Result<Page, Problem> {
    let limit = limit.unwrap_or(PAGE);
    if !(1..=PAGE_MOST).contains(&limit) {
        return Err(Problem::because(Code::RequestQuery, format!("limit is 1 to {PAGE_MOST}")));
    }
    Ok(Page { cursor, limit })
}

/// Reads a JSON body; its type refuses unknown fields.
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // Serde takes a list of a type's fields for the type; the API does not.
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Problem::because(Code::RequestBody, "the body is no JSON object"));
    }
    serde_json::from_slice(body).map_err(|e| Problem::because(Code::RequestBody, e.to_string()))
}

/// Reads a deterministic CBOR body.
pub(crate) fn document<T>(body: &[u8], bound: usize) -> Result<T, Problem>
where
    T: for<'b> minicbor::Decode<'b, ()> + minicbor::Encode<()>,
{
    cbor::decode(body, bound).map_err(|e| match e {
        CborError::TooLong => Problem::of(Code::RequestTooLarge),
        CborError::Malformed | CborError::NotCanonical => Problem::because(Code::RequestBody, e.to_string()),
    })
}
