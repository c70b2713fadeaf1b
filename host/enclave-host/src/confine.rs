//! What a cosigner in a process may ask of the kernel: memory, threads, time, randomness, and its three descriptors.
//!
//! The child confines itself before it becomes the program: a network namespace of its own, no descriptor but three, no
//! new privileges, and a filter of system calls. The filter lets one exec pass, that of one descriptor, which the exec
//! itself closes: afterwards there is no descriptor of a file, and no call that gives one. What is not on the list gets EPERM:
//! libraries try calls that they can do without, and a kill would turn another library's build into a cosigner that does not
//! start.

use crate::StartError;
use crate::calls::{self, BeforeProgram};
use ringi_primitives::scheme::PartyIndex;
use rustix::thread::UnshareFlags;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Compare, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};
use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read as _};
use std::os::fd::{AsFd as _, AsRawFd as _, RawFd};
use std::path::Path;
use tokio::process::Command;

/// `ARCH_SET_FS` of arch/x86/include/uapi/asm/prctl.h.
#[cfg(target_arch = "x86_64")]
const SET_FS: u64 = 0x1002;
/// The stream, the module or key, the log.
const DESCRIPTORS: RawFd = 3;

/// Calls that pass whatever their arguments are. Measured with strace on the real program; each line says what for.
const ALLOWED: &[libc::c_long] = &[
    // The three descriptors: bytes in and out, closed, what they are.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_recvfrom,
    libc::SYS_sendto,
    libc::SYS_close,
    libc::SYS_ppoll,
    // Memory; see `memory` for those that could make code.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Threads and locks; see `threads` for what makes one.
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    // The library's handler of stack overflows.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    // Time and randomness.
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_getrandom,
    // The end.
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// The child's own confinement, made before the fork.
struct Confinement {
    program: File,
    name: CString,
    /// Answers for what was added to the kernel later than libraries can do without; see [`later_calls`].
    later: BpfProgram,
    allowed: BpfProgram,
    report: PipeWriter,
}

/// What the child says of itself before it becomes the program; see [`Confinement::become_program`].
const REPORT_BYTES: usize = 9;
const FILTERED: u8 = 1;

impl BeforeProgram for Confinement {
    fn become_program(&self) -> io::Result<()> {
        // A user namespace first: whoever is not root may make others only within one, and root leaves its powers behind.
        let user = outcome(calls::unshare(UnshareFlags::NEWUSER));
        let network = outcome(calls::unshare(UnshareFlags::NEWNET));
        rustix::io::write(&self.report, &user.to_ne_bytes())?;
        rustix::io::write(&self.report, &network.to_ne_bytes())?;
        calls::close_on_exec_from(DESCRIPTORS)?;
        rustix::thread::set_no_new_privs(true)?;
        filter(&self.later)?;
        filter(&self.allowed)?;
        rustix::io::write(&self.report, &[FILTERED])?;
        Err(calls::execute(self.program.as_fd(), &self.name))
    }
}

/// The error number, 0 for none.
fn outcome(result: io::Result<()>) -> i32 {
    result.err().map_or(0, |e| e.raw_os_error().unwrap_or(libc::EINVAL))
}

/// As the other steps, it must not allocate: only the number of an error is kept.
fn filter(program: &BpfProgram) -> io::Result<()> {
    seccompiler::apply_filter(program).map_err(|e| match e {
        seccompiler::Error::Prctl(e) | seccompiler::Error::Seccomp(e) => e,
        _ => io::Error::from_raw_os_error(libc::EINVAL),
    })
}

/// Hears what the child did.
pub(crate) struct Report(PipeReader);

/// Has a command's child confine itself and become the program, whose name is its one argument.
///
/// # Errors
/// If the program cannot be opened, or this machine's calls are not known.
pub(crate) fn confine(command: &mut Command, program: &Path) -> Result<Report, StartError> {
    let file = File::open(program).map_err(StartError::Program)?;
    let unknown = |e: seccompiler::BackendError| StartError::Confine(io::Error::other(e));
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(unknown)?;
    let allowed = allowed(file.as_raw_fd(), arch).map_err(unknown)?;
    let later = later_calls(arch).map_err(unknown)?;
    let (reader, report) = io::pipe().map_err(StartError::Prepare)?;
    let name = CString::from(c"ringi-cosigner");
    calls::before_program(command, Confinement { program: file, name, later, allowed, report });
    Ok(Report(reader))
}

impl Report {
    /// Logs what the child of a command that is gone did; whatever is missing is said.
    ///
    /// # Errors
    /// [`StartError::Confine`] or [`StartError::Program`] if the child did not become the program.
    pub(crate) fn of<T>(mut self, me: PartyIndex, spawned: io::Result<T>) -> Result<T, StartError> {
        let mut said = Vec::with_capacity(REPORT_BYTES);
        let heard = self.0.by_ref().take(REPORT_BYTES as u64).read_to_end(&mut said);
        let filtered = said.get(8) == Some(&FILTERED);
        let child = match spawned {
            Ok(child) => child,
            Err(e) if filtered => return Err(StartError::Program(e)),
            Err(e) => return Err(StartError::Confine(e)),
        };
        heard.map_err(StartError::Confine)?;
        if !filtered {
            return Err(StartError::Confine(io::ErrorKind::UnexpectedEof.into()));
        }
        let cosigner = me.number();
        match missing(&said) {
            None => {
                tracing::info!(code = "enclave.confined", cosigner, "no new privileges, filtered calls, no network")
            }
            Some(missing) => {
                let filtered = "this kernel refuses a part; no new privileges, filtered calls";
                tracing::warn!(code = "enclave.not_confined", cosigner, missing, "{filtered}");
            }
        }
        Ok(child)
    }
}

/// What a report says that the kernel refused.
fn missing(report: &[u8]) -> Option<String> {
    let number = |at: usize| report.get(at..at + 4)?.try_into().ok().map(i32::from_ne_bytes);
    let parts = [("user namespace", number(0)), ("network namespace", number(4))];
    let refused = parts.into_iter().filter(|(_, error)| *error != Some(0)).map(|(what, error)| {
        let why = error.map_or("not reported".into(), |number| io::Error::from_raw_os_error(number).to_string());
        format!("{what} ({why})")
    });
    let refused: Vec<String> = refused.collect();
    if refused.is_empty() { None } else { Some(refused.join(", ")) }
}

/// The filter: what is not on a list gets EPERM.
fn allowed(program: RawFd, arch: TargetArch) -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    #[cfg(target_arch = "x86_64")]
    rules.extend([
        (libc::SYS_poll, Vec::new()),
        // Where the C library keeps what belongs to a thread, for the first thread.
        (libc::SYS_arch_prctl, vec![rule([equals(0, SET_FS)?])?]),
    ]);
    rules.extend(memory()?);
    rules.extend(threads()?);
    rules.extend(descriptors()?);
    // The one exec: afterwards this descriptor is closed, and no call on the list opens a file.
    rules.insert(libc::SYS_execveat, vec![rule([equals(0, program as u64)?, equals(4, libc::AT_EMPTY_PATH as u64)?])?]);
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    SeccompFilter::new(rules, refuse, SeccompAction::Allow, arch)?.try_into()
}

type Rules = Vec<(i64, Vec<SeccompRule>)>;

/// Memory, but none that can be executed: what runs is what was loaded.
fn memory() -> Result<Rules, seccompiler::BackendError> {
    let no_code = || rule([masked(2, libc::PROT_EXEC as u64, 0)?]);
    Ok(vec![(libc::SYS_mmap, vec![no_code()?]), (libc::SYS_mprotect, vec![no_code()?])])
}

/// Threads of this process, no other process.
fn threads() -> Result<Rules, seccompiler::BackendError> {
    let thread = libc::CLONE_THREAD as u64;
    Ok(vec![
        // How large a stack may be: asked of this process, and not changed.
        (libc::SYS_prlimit64, vec![rule([equals(0, 0)?, SeccompCondition::new(2, Length::Qword, Compare::Eq, 0)?])?]),
        // Told that it does not exist by the other filter: what it makes stands in memory, where no filter can look.
        (libc::SYS_clone3, Vec::new()),
        (libc::SYS_clone, vec![rule([masked(0, thread, thread)?])?]),
    ])
}

/// Second handles of the three descriptors, and what they are.
fn descriptors() -> Result<Rules, seccompiler::BackendError> {
    let commands = [libc::F_DUPFD_CLOEXEC, libc::F_GETFD];
    let commands: Result<_, _> = commands.iter().map(|command| rule([equals(1, *command as u64)?])).collect();
    let empty = libc::AT_EMPTY_PATH as u64;
    Ok(vec![(libc::SYS_fcntl, commands?), (libc::SYS_statx, vec![rule([masked(2, empty, empty)?])?])])
}

/// A filter that lets all pass but says of `clone3` that there is none: the C library then uses `clone`, whose flags can be seen.
fn later_calls(arch: TargetArch) -> Result<BpfProgram, seccompiler::BackendError> {
    let none = SeccompAction::Errno(libc::ENOSYS as u32);
    let rules = [(libc::SYS_clone3, Vec::new())].into_iter().collect();
    SeccompFilter::new(rules, SeccompAction::Allow, none, arch)?.try_into()
}

fn rule(conditions: impl Into<Vec<SeccompCondition>>) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(conditions.into())
}

fn equals(argument: u8, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, Length::Dword, Compare::Eq, value)
}

fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, Length::Dword, Compare::MaskedEq(mask), value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    /// What the parent makes of a child that reported this.
    fn judged(report: &[u8], spawned: io::Result<()>) -> Result<(), StartError> {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(report).unwrap();
        drop(writer);
        Report(reader).of(PartyIndex::new(1).unwrap(), spawned)
    }

    fn refused() -> io::Result<()> {
        Err(io::Error::from_raw_os_error(libc::ENOENT))
    }

    #[test]
    fn a_child_that_did_not_confine_itself_does_not_run() {
        let [user, network] = [0i32.to_ne_bytes(), 0i32.to_ne_bytes()];
        let whole = [&user[..], &network, &[FILTERED]].concat();
        assert!(judged(&whole, Ok(())).is_ok());
        assert_eq!(judged(&whole, refused()).unwrap_err().code(), "enclave.program");
        for cut in 0..whole.len() {
            assert_eq!(judged(&whole[..cut], Ok(())).unwrap_err().code(), "enclave.confine", "cut at {cut}");
            assert_eq!(judged(&whole[..cut], refused()).unwrap_err().code(), "enclave.confine", "cut at {cut}");
        }
    }

    #[test]
    fn what_the_kernel_refuses_is_named() {
        let report = |user: i32, network: i32| [user.to_ne_bytes(), network.to_ne_bytes(), [FILTERED; 4]].concat();
        assert_eq!(missing(&report(0, 0)), None);
        let one = missing(&report(0, libc::EPERM)).unwrap();
        assert!(one.starts_with("network namespace (Operation not permitted"), "{one}");
        let both = missing(&report(libc::ENOSPC, libc::EPERM)).unwrap();
        assert!(both.starts_with("user namespace (No space") && both.contains(", network namespace ("), "{both}");
        assert!(missing(&[]).unwrap().contains("not reported"));
    }
}
