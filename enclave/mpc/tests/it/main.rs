//! Whole ceremonies in memory: they end well, and every way to disturb them gives its verdict.
mod bip340;
mod ceremonies;
mod derivation;
mod faults;
mod kits;
mod liar;
mod limits;
mod net;
mod parsers;
