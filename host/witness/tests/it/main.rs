//! A witness against real HTTP servers, good and bad, and against files.

mod server;
mod sources;
mod tls;
