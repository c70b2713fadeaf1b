//! (module follows)
