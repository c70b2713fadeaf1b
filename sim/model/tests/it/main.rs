//! The protocol model searched whole within bounds; every check left out is found by a counterexample.

mod limits;
