//! The Bitcoin family, from outside the crate.

mod attacks;
mod fixture;
mod properties;
