//! The Bitcoin family, from outside the crate.

mod attacks;
mod consensus;
mod fixture;
mod fuzz;
mod oracle;
mod planning;
mod properties;
mod vectors;
