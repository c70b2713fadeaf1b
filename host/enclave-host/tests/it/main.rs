//! Tests of the enclave host: records on disk, a scripted enclave in memory, and a real child process.

mod process;
mod records;
mod run;
mod scripted;
mod supervision;
