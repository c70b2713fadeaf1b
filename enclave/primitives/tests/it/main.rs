//! Frozen forms, strictness of every decoder, genesis chains, HTTP signatures against an independent implementation.

mod census;
mod dice;
mod genesis;
mod golden;
mod httpsig;
mod passkeys;
mod samples;
mod strict;
