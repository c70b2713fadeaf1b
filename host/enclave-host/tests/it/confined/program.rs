//! The program of the tests in `process.rs`, linked statically as a cosigner is: does what each line of the stream asks for,
//! and answers with one line.

use std::ffi::{c_char, c_int, c_long, c_void};
use std::io::{BufRead, BufReader, Error, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::ptr::{null, null_mut};

extern "C" {
    fn socket(family: c_int, kind: c_int, protocol: c_int) -> c_int;
    fn connect(socket: c_int, address: *const c_void, length: u32) -> c_int;
    fn recvmsg(socket: c_int, message: *mut c_void, flags: c_int) -> isize;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn memfd_create(name: *const c_char, flags: u32) -> c_int;
    fn execve(path: *const c_char, arguments: *const *const c_char, environment: *const *const c_char) -> c_int;
    fn execveat(at: c_int, path: *const c_char, a: *const *const c_char, e: *const *const c_char, flags: c_int) -> c_int;
    fn fork() -> c_int;
    fn ptrace(request: c_long, pid: c_int, address: *mut c_void, data: *mut c_void) -> c_long;
    fn kill(pid: c_int, signal: c_int) -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
    fn mmap(at: *mut c_void, length: usize, access: c_int, flags: c_int, file: c_int, offset: i64) -> *mut c_void;
    fn mprotect(at: *mut c_void, length: usize, access: c_int) -> c_int;
    fn unshare(flags: c_int) -> c_int;
    fn stat(path: *const c_char, out: *mut c_void) -> c_int;
    fn fcntl(file: c_int, command: c_int, ...) -> c_int;
    fn _exit(code: c_int) -> !;
}

const TGKILL: c_long = if cfg!(target_arch = "x86_64") { 234 } else { 131 };

/// 0, or the number of the error that the kernel gives.
fn attempt(name: &str) -> i32 {
    let (list, path) = ([null(), null()], c"/proc/self/exe".as_ptr());
    let mut room = [0u64; 512];
    let room = room.as_mut_ptr().cast();
    let done = unsafe {
        match name {
            "socket" => socket(2, 1, 0),
            "unix socket" => socket(1, 1, 0),
            "netlink" => socket(16, 3, 0),
            "connect" => connect(0, [1u16, 0, 0, 0].as_ptr().cast(), 8),
            "a descriptor from a message" => recvmsg(0, room, 0x40) as c_int,
            "read a file" => open(path, 0),
            "write a file" => open(c"/dev/null".as_ptr(), 0o1),
            "look for a file" => stat(c"/etc/passwd".as_ptr(), room),
            "a file in memory" => memfd_create(c"x".as_ptr(), 0),
            "exec" => execve(c"/bin/true".as_ptr(), list.as_ptr(), list.as_ptr()),
            "exec of any descriptor" => {
                let exec = |n| execveat(n, c"".as_ptr(), list.as_ptr(), list.as_ptr(), 0x1000);
                return (0..4096).map(|n| (exec(n), Error::last_os_error().raw_os_error())).fold(1, |worst, (_, e)| {
                    // EPERM: by the filter; EBADF: that number has passed the filter and is closed.
                    if matches!(e, Some(1 | 9)) { worst } else { e.unwrap_or(-1) }
                });
            }
            "fork" => match fork() {
                0 => _exit(0),
                child => child,
            },
            "trace" => ptrace(0, 0, null_mut(), null_mut()) as c_int,
            "signal another" => kill(1, 0),
            "signal another's thread" => syscall(TGKILL, 1, 1, 0) as c_int,
            "code" => mapped(mmap(null_mut(), 4096, 4 | 1, 0x22, -1, 0)),
            "memory turned into code" => mprotect(mmap(null_mut(), 4096, 3, 0x22, -1, 0), 4096, 4 | 1),
            "namespace" => unshare(0x0002_0000),
            other => panic!("{other}"),
        }
    };
    if done >= 0 { 0 } else { Error::last_os_error().raw_os_error().unwrap_or(-1) }
}

fn mapped(at: *mut c_void) -> c_int {
    if at as isize == -1 { -1 } else { 0 }
}

fn answer(asked: &str) -> String {
    match asked.split_once(' ').unwrap_or((asked, "")) {
        ("attempt", name) => attempt(name).to_string(),
        ("key", _) => {
            let mut key = [0; 33];
            let inherited = std::io::stdout().as_fd().try_clone_to_owned().unwrap();
            let read = std::fs::File::from(inherited).read(&mut key).unwrap();
            format!("{:?}", &key[..read])
        }
        ("environment", _) => {
            let arguments: Vec<_> = std::env::args().collect();
            let variables: Vec<_> = std::env::vars().collect();
            format!("{arguments:?} {variables:?}")
        }
        // The stream's second handle is ours.
        ("descriptors", _) => {
            let open: Vec<c_int> = (0..4096).filter(|n| unsafe { fcntl(*n, 1) } >= 0).collect();
            format!("{open:?}")
        }
        ("thread", _) => std::thread::spawn(|| "of another thread".to_string()).join().unwrap(),
        ("log", line) => {
            eprintln!("{line}");
            String::new()
        }
        ("end", _) => std::process::exit(7),
        ("abort", _) => std::process::abort(),
        _ => panic!("{asked}"),
    }
}

fn main() {
    let mut stream = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let mut lines = BufReader::new(std::io::stdin());
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        let said = answer(line.trim_end());
        stream.write_all(format!("{said}\n").as_bytes()).unwrap();
        line.clear();
    }
}
