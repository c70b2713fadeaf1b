//! What the kernel offers to programs: its folders, and where its randomness comes from.

use crate::error::InitError;
use ringi_guest::DEVICE_PATH;
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount, mount_remount};
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;

/// The kernel's name for the hardware source that is being drawn from.
const RANDOM_SOURCE: &str = "/sys/class/misc/hw_random/rng_current";
/// The security module's driver (`drivers/misc/nsm.c`).
const MODULE_SOURCE: &str = "nsm-hwrng";

/// Folder, file system, and what it is mounted with. No file system holds programs: those come from the ramdisks alone.
const MOUNTS: [(&str, &str, MountFlags, Option<&std::ffi::CStr>); 4] = [
    ("/proc", "proc", QUIET, Some(c"hidepid=2")),
    ("/sys", "sysfs", QUIET.union(MountFlags::RDONLY), None),
    ("/dev", "devtmpfs", MountFlags::NOSUID.union(MountFlags::NOEXEC), Some(c"mode=0755")),
    ("/tmp", "tmpfs", QUIET, Some(c"mode=1777,size=16m")),
];
const QUIET: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC);

/// Mounts the kernel's folders. One that is there already stays.
pub(crate) fn mount_all() -> Result<(), InitError> {
    for (folder, kind, flags, options) in MOUNTS {
        match mount(kind, folder, kind, flags, options) {
            Ok(()) | Err(Errno::BUSY) => {}
            Err(e) => return Err(InitError::Mount(folder, e.into())),
        }
    }
    Ok(())
}

/// Nobody writes to the root from now on, and only who inherits the security module's descriptor has it. The kernel leaves
/// the root folder and the device open to all.
pub(crate) fn close() -> Result<(), InitError> {
    for (path, mode) in [(DEVICE_PATH, 0o600), ("/", 0o755)] {
        fs::set_permissions(path, Permissions::from_mode(mode)).map_err(|e| InitError::Mount(path, e))?;
    }
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
    mount_remount("/", flags, c"").map_err(|e| InitError::Mount("/", e.into()))
}

/// Whether the kernel draws from the security module, where it says from what it draws.
pub(crate) fn check_random_source() -> Result<(), InitError> {
    match fs::read_to_string(RANDOM_SOURCE) {
        Ok(source) => judge_random_source(&source),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(_) => Err(InitError::RandomSource),
    }
}

fn judge_random_source(source: &str) -> Result<(), InitError> {
    if source.trim_end() == MODULE_SOURCE { Ok(()) } else { Err(InitError::RandomSource) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_modules_source_will_do() {
        assert!(judge_random_source("nsm-hwrng\n").is_ok());
        for other in ["virtio_rng.0\n", "none\n", "", "nsm-hwrng2", " nsm-hwrng"] {
            assert!(judge_random_source(other).is_err(), "{other}");
        }
    }
}
