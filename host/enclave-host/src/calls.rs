//! The host's only unsafe code: what a child does to itself before it becomes the cosigner, the requests of the driver of
//! Nitro Enclaves with the huge pages that it takes, and the addresses of vsock sockets.
//!
//! Each wrapper is safe for every argument: it owns or borrows for the whole call what the kernel reads and writes.
#![allow(unsafe_code)]

use rustix::thread::UnshareFlags;
use std::ffi::{CStr, c_char};
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::ptr::{self, NonNull};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::process::Command;

/// A step of a child that will be the program. Between fork and exec it must not allocate, lock or panic, for another
/// thread may have held any lock when the child was made: it makes system calls, on what it owns already.
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

/// `NE_CREATE_VM` of include/uapi/linux/nitro_enclaves.h: _IOR(0xAE, 0x20, u64).
const CREATE_VM: libc::Ioctl = request(READ, 0x20, size_of::<u64>());
/// `NE_ADD_VCPU`: _IOWR(0xAE, 0x21, u32).
const ADD_VCPU: libc::Ioctl = request(READ | WRITE, 0x21, size_of::<u32>());
/// `NE_GET_IMAGE_LOAD_INFO`: _IOWR(0xAE, 0x22, struct ne_image_load_info).
const IMAGE_LOAD_INFO: libc::Ioctl = request(READ | WRITE, 0x22, size_of::<ImageLoadInfo>());
/// `NE_SET_USER_MEMORY_REGION`: _IOW(0xAE, 0x23, struct ne_user_memory_region).
const SET_MEMORY: libc::Ioctl = request(WRITE, 0x23, size_of::<MemoryRegion>());
/// `NE_START_ENCLAVE`: _IOWR(0xAE, 0x24, struct ne_enclave_start_info).
const START: libc::Ioctl = request(READ | WRITE, 0x24, size_of::<StartInfo>());
/// Directions of include/uapi/asm-generic/ioctl.h, seen from the caller.
const WRITE: u32 = 1;
const READ: u32 = 2;

/// `_IOC` of include/uapi/asm-generic/ioctl.h with the driver's magic number.
const fn request(direction: u32, number: u32, bytes: usize) -> libc::Ioctl {
    (direction << 30 | (bytes as u32) << 16 | 0xAE << 8 | number) as libc::Ioctl
}

/// `struct ne_image_load_info`: what is loaded (in), and where it begins in the enclave's memory (out).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageLoadInfo {
    /// The image's kind.
    pub flags: u64,
    /// Bytes from the beginning of the first region.
    pub memory_offset: u64,
}

/// `struct ne_user_memory_region`: memory of this process that becomes an enclave's.
#[repr(C)]
struct MemoryRegion {
    flags: u64,
    memory_size: u64,
    userspace_addr: u64,
}

/// `struct ne_enclave_start_info`: how an enclave starts.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartInfo {
    /// Production or debug.
    pub flags: u64,
    /// The address of its stream sockets; 0 has the hypervisor choose (in and out).
    pub enclave_cid: u64,
}

/// A request whose argument the driver reads, and writes back where the request says so.
///
/// # Safety
/// `T` must be the type that `request` names: plain integers in the driver's layout.
unsafe fn driver<T>(device: BorrowedFd<'_>, request: libc::Ioctl, argument: &mut T) -> io::Result<libc::c_int> {
    // SAFETY: the pointer is to a live value, ours alone, of the size that the request's number says; whatever the driver
    // writes there is a valid value of integers. On another device the call fails with ENOTTY.
    let answer = unsafe { libc::ioctl(device.as_raw_fd(), request, ptr::from_mut(argument)) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

/// Makes an enclave without resources: its descriptor, and the slot's number.
pub(crate) fn create_vm(device: BorrowedFd<'_>) -> io::Result<(OwnedFd, u64)> {
    let mut slot = 0u64;
    // SAFETY: the request's argument is a u64; its answer is a descriptor that was made for this call, and nobody else's.
    unsafe { driver(device, CREATE_VM, &mut slot).map(|enclave| (OwnedFd::from_raw_fd(enclave), slot)) }
}

/// Gives an enclave a CPU of the pool, 0 has the driver choose: which one.
pub(crate) fn add_vcpu(enclave: BorrowedFd<'_>, cpu: u32) -> io::Result<u32> {
    let mut cpu = cpu;
    // SAFETY: the request's argument is a u32.
    unsafe { driver(enclave, ADD_VCPU, &mut cpu) }.map(|_| cpu)
}

/// Asks where an image is to be placed.
pub(crate) fn image_load_info(enclave: BorrowedFd<'_>, info: ImageLoadInfo) -> io::Result<ImageLoadInfo> {
    let mut info = info;
    // SAFETY: the request's argument is this struct.
    unsafe { driver(enclave, IMAGE_LOAD_INFO, &mut info) }.map(|_| info)
}

/// Hands memory to an enclave.
pub(crate) fn set_memory(enclave: BorrowedFd<'_>, page: &mut HugePage) -> io::Result<()> {
    let mut region =
        MemoryRegion { flags: 0, memory_size: page.length as u64, userspace_addr: page.address.addr().get() as u64 };
    // SAFETY: the request's argument is this struct. The memory it names is mapped and borrowed by nobody else: the driver
    // pins it, and keeps it pinned for the enclave whenever we unmap it.
    unsafe { driver(enclave, SET_MEMORY, &mut region) }.map(|_| ())
}

/// Starts an enclave: as it was started.
pub(crate) fn start_enclave(enclave: BorrowedFd<'_>, info: StartInfo) -> io::Result<StartInfo> {
    let mut info = info;
    // SAFETY: the request's argument is this struct.
    unsafe { driver(enclave, START, &mut info) }.map(|_| info)
}

/// Has the runtime wait for a descriptor to be readable, or hung up.
pub(crate) fn watched(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an owned descriptor is open, and the same one, until it is dropped.
    Ok(unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) }?)
}

/// A huge page of this process.
pub struct HugePage {
    address: NonNull<libc::c_void>,
    length: usize,
}

// SAFETY: it owns its memory, as a vector does.
unsafe impl Send for HugePage {}

impl HugePage {
    /// Takes one of this length, a power of two, from the kernel's pool.
    pub(crate) fn new(length: usize) -> io::Result<HugePage> {
        if !length.is_power_of_two() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let size = (length.trailing_zeros() as libc::c_int) << libc::MAP_HUGE_SHIFT;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_HUGETLB | size;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: new memory wherever the kernel likes; nothing that is mapped is replaced.
        let address = unsafe { libc::mmap(ptr::null_mut(), length, access, flags, -1, 0) };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let address = NonNull::new(address).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(HugePage { address, length })
    }

    /// Its bytes, zero at first.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: `length` bytes from `address` on are mapped, readable, writable and ours as long as `self` lives.
        unsafe { std::slice::from_raw_parts_mut(self.address.as_ptr().cast(), self.length) }
    }
}

impl Drop for HugePage {
    fn drop(&mut self) {
        // SAFETY: exactly what was mapped; no slice of it outlives `self`.
        unsafe { libc::munmap(self.address.as_ptr(), self.length) };
    }
}

/// A stream socket of the vsock family that listens on a port of every address of this machine.
pub(crate) fn vsock_listener(port: u32) -> io::Result<OwnedFd> {
    let flags = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: three integers; the descriptor is new and nobody else's.
    let socket = match unsafe { libc::socket(libc::AF_VSOCK, flags, 0) } {
        -1 => return Err(io::Error::last_os_error()),
        socket => unsafe { OwnedFd::from_raw_fd(socket) },
    };
    let address = vsock_address(libc::VMADDR_CID_ANY, port);
    // SAFETY: the address is a whole `sockaddr_vm`, which lives until the call returns.
    let bound = unsafe { libc::bind(socket.as_raw_fd(), ptr::from_ref(&address).cast(), VSOCK_ADDRESS_BYTES) };
    if bound == -1 {
        return Err(io::Error::last_os_error());
    }
    rustix::net::listen(&socket, 16)?;
    Ok(socket)
}

/// The address of the machine at the other end of a vsock stream.
pub(crate) fn vsock_peer(stream: BorrowedFd<'_>) -> io::Result<u32> {
    let (mut address, mut length) = (vsock_address(0, 0), VSOCK_ADDRESS_BYTES);
    // SAFETY: the kernel writes at most `length` bytes, the size of the struct, whose every value is valid.
    let named = unsafe { libc::getpeername(stream.as_raw_fd(), ptr::from_mut(&mut address).cast(), &mut length) };
    match named {
        -1 => Err(io::Error::last_os_error()),
        _ if address.svm_family != libc::AF_VSOCK as libc::sa_family_t => Err(io::ErrorKind::InvalidData.into()),
        _ => Ok(address.svm_cid),
    }
}

const VSOCK_ADDRESS_BYTES: libc::socklen_t = size_of::<libc::sockaddr_vm>() as libc::socklen_t;

fn vsock_address(cid: u32, port: u32) -> libc::sockaddr_vm {
    let svm_family = libc::AF_VSOCK as libc::sa_family_t;
    libc::sockaddr_vm { svm_family, svm_reserved1: 0, svm_port: port, svm_cid: cid, svm_zero: [0; 4] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd as _;

    /// The numbers of the kernel's header, worked out with its own macros.
    #[test]
    fn requests_have_the_kernels_numbers() {
        let numbers = [CREATE_VM, ADD_VCPU, IMAGE_LOAD_INFO, SET_MEMORY, START];
        assert_eq!(numbers, [0x8008_AE20, 0xC004_AE21, 0xC010_AE22, 0x4018_AE23, 0xC010_AE24]);
    }

    #[test]
    fn another_device_knows_none_of_the_requests() {
        let null = std::fs::File::options().read(true).write(true).open("/dev/null").unwrap();
        let null = null.as_fd();
        let start = StartInfo { flags: 0, enclave_cid: 0 };
        let load = ImageLoadInfo { flags: 1, memory_offset: 0 };
        let failed = [
            create_vm(null).map(|_| ()).unwrap_err(),
            add_vcpu(null, 0).map(|_| ()).unwrap_err(),
            image_load_info(null, load).map(|_| ()).unwrap_err(),
            start_enclave(null, start).map(|_| ()).unwrap_err(),
        ];
        assert!(failed.iter().all(|e| e.raw_os_error() == Some(libc::ENOTTY)), "{failed:?}");
    }

    #[test]
    fn a_huge_page_is_whole_and_aligned_or_is_not_given() {
        assert!(HugePage::new(3).is_err());
        match HugePage::new(2 << 20) {
            Ok(mut page) => {
                assert!(page.bytes().len() == 2 << 20 && page.bytes().iter().all(|b| *b == 0));
                assert_eq!(page.address.addr().get() % (2 << 20), 0);
            }
            // The pool of this machine is empty.
            Err(e) => assert_eq!(e.raw_os_error(), Some(libc::ENOMEM), "{e}"),
        }
    }

    #[test]
    fn a_vsock_port_is_listened_on_once() {
        match vsock_listener(41_999) {
            Ok(_listener) => assert_eq!(vsock_listener(41_999).unwrap_err().kind(), io::ErrorKind::AddrInUse),
            // This kernel has no such sockets.
            Err(e) => assert_eq!(e.raw_os_error(), Some(libc::EAFNOSUPPORT), "{e}"),
        }
    }

    #[test]
    fn only_a_vsock_stream_has_a_vsock_peer() {
        let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        assert_eq!(vsock_peer(one.as_fd()).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
