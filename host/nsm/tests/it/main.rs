//! Documents of the emulation, held against the verifier that also takes AWS's.

mod documents;
