//! Hostile requests against a world of cosigners, and the repository's rules as tests: what imports what, what is trusted, how
//! code reads, what documents claim.

mod attacks;
mod docs;
mod fields;
mod kills;
mod layering;
mod licences;
mod parent;
mod processes;
mod repository;
mod rules;
mod signing;
mod tidy;
