//! The repository's rules as tests: what imports what, what is trusted, how code reads, what documents claim.

mod docs;
mod layering;
mod licences;
mod repository;
mod tidy;
