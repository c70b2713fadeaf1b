//! Tests of the enclave host: records in a folder and in a bucket, a scripted enclave in memory, a real child process, and a Nitro parent in memory.

mod bucket;
mod conformance;
mod moto;
mod nitro;
mod parent;
mod process;
mod records;
mod run;
mod scripted;
mod supervision;
