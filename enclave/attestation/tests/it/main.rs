//! Documents: genuine ones as they are, ours as the emulation makes them, and every way to be wrong.

mod genuine;
