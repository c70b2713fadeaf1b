//! Integration tests of the cosigner: real step machines, a scripted relay, hand-moved clock.

mod fields;
mod signing;
