//! Problem documents (RFC 9457): every refusal in one shape, with a stable code and what to do about it.

use crate::codes::{self, Code, Entry};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ringi_orchestrator::{ErrorClass, ServiceError};
use serde::{Deserialize, Serialize};

/// A refusal as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error, utoipa::ToSchema)]
#[error("{code}: {detail}")]
pub struct Problem {
    /// Where the code is explained.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: Box<str>,
    /// What the code means, the same every time.
    #[schema(value_type = String)]
    pub title: Box<str>,
    /// HTTP status.
    pub status: u16,
    /// Stable, `area.reason`.
    pub code: String,
    /// What happened this time.
    pub detail: String,
    /// What the caller can do.
    #[schema(value_type = String)]
    pub remedy: Box<str>,
    /// Seconds to wait before another try, where that helps; also the `Retry-After` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
}

impl Problem {
    fn new(entry: &Entry, detail: String) -> Problem {
        Problem {
            kind: type_of(entry.code),
            title: entry.title.into(),
            status: entry.status,
            code: entry.code.into(),
            detail,
            remedy: entry.remedy.into(),
            retry_after_s: None,
        }
    }

    /// A refusal about which the table says everything.
    pub(crate) fn of(code: Code) -> Problem {
        Problem::new(code.entry(), code.entry().title.into())
    }

    /// A refusal with what happened this time.
    pub(crate) fn because(code: Code, detail: impl Into<String>) -> Problem {
        Problem::new(code.entry(), detail.into())
    }

    /// Says when to try again.
    pub(crate) fn retry_after(self, seconds: u32) -> Problem {
        Problem { retry_after_s: Some(seconds), ..self }
    }
}

fn type_of(code: &str) -> Box<str> {
    format!("urn:ringi:error:{code}").into()
}

/// The one place where a class of errors becomes an HTTP status.
fn status_of(class: ErrorClass) -> u16 {
    match class {
        ErrorClass::BadRequest => 400,
        ErrorClass::Unauthenticated => 401,
        ErrorClass::Forbidden => 403,
        ErrorClass::NotFound => 404,
        ErrorClass::Conflict => 409,
        ErrorClass::Unprocessable => 422,
        ErrorClass::Unavailable => 503,
        ErrorClass::Internal => 500,
    }
}

/// Cosigners and chains may give codes that are not in the table.
fn generic_title(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::BadRequest => "the request is malformed",
        ErrorClass::Unauthenticated => "the request is not authenticated",
        ErrorClass::Forbidden => "not allowed",
        ErrorClass::NotFound => "there is no such thing",
        ErrorClass::Conflict => "it clashes with what exists",
        ErrorClass::Unprocessable => "it cannot be done",
        ErrorClass::Unavailable => "not available now",
        ErrorClass::Internal => "an error of ours",
    }
}

impl From<ServiceError> for Problem {
    /// What a node, a disk or a bug says may name hosts, paths or keys: it goes to the log, not to the caller.
    fn from(error: ServiceError) -> Problem {
        let title = codes::find(&error.code).map_or_else(|| generic_title(error.class), |e| e.title);
        let detail = match error.class {
            ErrorClass::Unavailable | ErrorClass::Internal => {
                tracing::warn!(code = error.code, message = error.message, "refused");
                title.to_string()
            }
            _ => error.message,
        };
        Problem {
            kind: type_of(&error.code),
            title: title.into(),
            status: status_of(error.class),
            code: error.code,
            detail,
            remedy: error.remedy.into(),
            retry_after_s: (error.class == ErrorClass::Unavailable).then_some(1),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let kind = HeaderValue::from_static("application/problem+json");
        let mut response = (status, [(header::CONTENT_TYPE, kind)], body).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
