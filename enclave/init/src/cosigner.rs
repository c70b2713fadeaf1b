//! The cosigner's process: three descriptors, no privilege, no environment; and what a first process owes to others.
//!
//! Descriptor 0 is the stream to the parent, 1 the security module's device, 2 the console.

use crate::error::InitError;
use crate::stream::lift_limit;
use ringi_guest::Device;
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus, wait};
use rustix::thread::{CapabilitySet, remove_capability_from_bounding_set, set_no_new_privs};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// In the second ramdisk, the only file there.
const PROGRAM: &str = "/cosigner";
/// User and group of the cosigner: owners of no file.
const USER: u32 = 1000;

/// Runs the cosigner to its end, and gives its exit code: 128 and the signal's number where one ended it.
pub(crate) fn run(stream: UnixStream, device: Device) -> Result<i32, InitError> {
    lift_limit(&stream)?;
    drop_privileges().map_err(InitError::Cosigner)?;
    let child = Command::new(PROGRAM)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(stream)))
        .stdout(Stdio::from(OwnedFd::from(device)))
        .gid(USER)
        // Of a user other than root: the kernel clears every capability, the library every other group.
        .uid(USER)
        .spawn()
        .map_err(InitError::Cosigner)?;
    let child = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    reap(child.ok_or_else(|| InitError::Cosigner(io::ErrorKind::InvalidData.into()))?).map_err(InitError::Cosigner)
}

/// What no program started from now on may ever gain. This process keeps the power to end the machine.
fn drop_privileges() -> io::Result<()> {
    set_no_new_privs(true)?;
    for capability in CapabilitySet::all().iter() {
        match remove_capability_from_bounding_set(capability) {
            // A capability that this kernel does not know.
            Ok(()) | Err(Errno::INVAL) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

/// Waits for every child, adopted ones too, until the cosigner has ended.
fn reap(cosigner: Pid) -> io::Result<i32> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == cosigner => return Ok(code(status)),
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

fn code(status: WaitStatus) -> i32 {
    let signal = || status.terminating_signal().map(|signal| signal.saturating_add(128));
    status.exit_status().or_else(signal).unwrap_or(-1)
}

#[cfg(test)]
#[allow(clippy::zombie_processes, reason = "the waiting is what is tested")]
mod tests {
    use super::*;

    fn ended_with(script: &str) -> i32 {
        let child = Command::new("sh").args(["-c", script]).spawn().unwrap();
        reap(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap()).unwrap()
    }

    /// One test: `wait` takes any child of this process.
    #[test]
    fn every_child_is_reaped_and_the_cosigners_code_is_known() {
        let other = Command::new("true").spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert_eq!(ended_with("sleep 0.2; exit 3"), 3);
        assert!(!std::path::Path::new(&format!("/proc/{}", other.id())).exists(), "a zombie is left");
        assert_eq!(ended_with("kill -9 $$"), 137);
        assert!(reap(Pid::from_raw(1).unwrap()).is_err());
    }
}
