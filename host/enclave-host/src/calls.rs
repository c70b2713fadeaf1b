//! The host's only unsafe code: what a child does to itself before it becomes the cosigner.
//!
//! Each wrapper is safe for every argument. Between fork and exec nothing allocates, locks or panics: another thread may
//! have held any lock when the child was made.
#![allow(unsafe_code)]

use rustix::thread::UnshareFlags;
use std::ffi::{CStr, c_char};
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, RawFd};
use std::ptr;
use tokio::process::Command;

/// A step of a child that will be the program: it must make system calls only, on what it owns already.
pub(crate) trait BeforeProgram: Send + Sync + 'static {
    /// Runs in the child, which has one thread. On success it has become the program and does not come back.
    fn become_program(&self) -> io::Result<()>;
}

/// Has the command's child take the step in the place of the library's exec.
pub(crate) fn before_program(command: &mut Command, step: impl BeforeProgram) {
    // SAFETY: implementations keep the trait's word (there is one, in confine.rs): system calls on memory that was made
    // before the fork. Nothing of the parent's is changed, for the child has a copy.
    unsafe { command.pre_exec(move || step.become_program()) };
}

/// Leaves namespaces of the calling process.
pub(crate) fn unshare(namespaces: UnshareFlags) -> io::Result<()> {
    // Without `FILES`, whose sharing between threads is the one danger of the call.
    let namespaces = namespaces.difference(UnshareFlags::FILES);
    // SAFETY: the flag that could take descriptors from other threads is not among them.
    Ok(unsafe { rustix::thread::unshare_unsafe(namespaces) }?)
}

/// Every descriptor from this one on is closed by the next exec.
pub(crate) fn close_on_exec_from(first: RawFd) -> io::Result<()> {
    let first = libc::c_uint::try_from(first).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let flags = libc::CLOSE_RANGE_CLOEXEC as libc::c_int;
    // SAFETY: the call takes three integers, and with this flag closes nothing now.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, flags) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Becomes the program of this descriptor, with one argument, its name, and an empty environment. Comes back only with why not.
pub(crate) fn execute(program: BorrowedFd<'_>, name: &CStr) -> io::Error {
    let arguments: [*const c_char; 2] = [name.as_ptr(), ptr::null()];
    let environment: [*const c_char; 1] = [ptr::null()];
    // SAFETY: the path is an empty string and both lists end with a null pointer; all of it lives until the call returns,
    // and if it does not return the kernel has copied it.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            program.as_raw_fd(),
            c"".as_ptr(),
            arguments.as_ptr(),
            environment.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    io::Error::last_os_error()
}
