//! Tests of the enclave host: records on disk, a scripted enclave in memory, a real child process, and a Nitro parent in memory.

mod nitro;
mod parent;
mod process;
mod records;
mod run;
mod scripted;
mod supervision;
