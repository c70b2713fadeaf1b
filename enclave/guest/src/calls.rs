//! The project's only unsafe code: two ioctls and one socket address that rustix leaves to its callers to vouch for.
//!
//! Each wrapper is safe for every argument: it owns or borrows for the whole call what the kernel reads and writes, states
//! its true size, and reads back only what the kernel filled.
#![allow(unsafe_code)]

use rustix::ioctl::{self, Ioctl, IoctlOutput, Opcode, opcode};
use rustix::net::addr::{SocketAddrArg, SocketAddrLen, SocketAddrOpaque};
use std::ffi::{c_int, c_void};
use std::io;
use std::marker::PhantomData;
use std::os::fd::AsFd;
use std::ptr;

/// Bytes of entropy in one call.
pub(crate) const POOL_BYTES: usize = 256;

/// `struct nsm_iovec` of include/uapi/linux/nsm.h.
#[repr(C)]
struct Span {
    address: u64,
    length: u64,
}

/// `struct nsm_raw` of include/uapi/linux/nsm.h: what to send, where to put the answer. The borrows keep both buffers
/// alive, and the second one to ourselves, as long as their addresses are in here.
#[repr(C)]
struct Exchange<'a> {
    request: Span,
    response: Span,
    borrowed: PhantomData<(&'a [u8], &'a mut [u8])>,
}

// SAFETY: NSM_IOCTL_RAW is _IOWR(0x0A, 0, struct nsm_raw). The type has that struct's layout (checked below; the marker
// has no size), so the pointer to it is what the driver expects. The driver reads `request.length` bytes at
// `request.address`, writes at most `response.length` bytes at `response.address` (drivers/misc/nsm.c refuses a shorter
// buffer before it copies) and writes the struct back: all of it memory that the borrows of `exchange` hold. The output is
// read from the struct, which is plain integers: every value is valid. On another device the call fails with ENOTTY.
unsafe impl Ioctl for Exchange<'_> {
    type Output = u64;
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        const { assert!(size_of::<Exchange<'static>>() == 32) };
        opcode::read_write::<[u64; 4]>(0x0A, 0)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        ptr::from_mut(self).cast()
    }

    unsafe fn output_from_ptr(_: IoctlOutput, given: *mut c_void) -> rustix::io::Result<u64> {
        // SAFETY: rustix hands back the pointer of `as_ptr`: an aligned, live `Exchange`.
        Ok(unsafe { (*given.cast::<Exchange<'_>>()).response.length })
    }
}

/// One request to the security module; gives how many bytes of `response` its driver filled.
pub(crate) fn exchange(device: impl AsFd, request: &[u8], response: &mut [u8]) -> io::Result<usize> {
    let exchange = Exchange {
        request: Span { address: request.as_ptr() as u64, length: request.len() as u64 },
        response: Span { address: response.as_mut_ptr() as u64, length: response.len() as u64 },
        borrowed: PhantomData,
    };
    // SAFETY: see the implementation: the buffers are borrowed until this function returns.
    let filled = unsafe { ioctl::ioctl(device, exchange) }?;
    usize::try_from(filled).map_err(io::Error::other)
}

/// `struct rand_pool_info` of include/uapi/linux/random.h with a buffer of fixed length.
#[repr(C)]
struct Entropy {
    bits: c_int,
    bytes: c_int,
    pool: [u8; POOL_BYTES],
}

// SAFETY: RNDADDENTROPY is _IOW('R', 3, int[2]). The kernel reads two integers and then `bytes` bytes behind them: `bytes`
// is always `POOL_BYTES`, the length of the array that follows without padding. It writes nothing.
unsafe impl Ioctl for Entropy {
    type Output = ();
    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        const { assert!(size_of::<Entropy>() == 8 + POOL_BYTES) };
        opcode::write::<[c_int; 2]>(b'R', 3)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        ptr::from_mut(self).cast()
    }

    unsafe fn output_from_ptr(_: IoctlOutput, _: *mut c_void) -> rustix::io::Result<()> {
        Ok(())
    }
}

/// Mixes bytes into the kernel's random pool and counts each of them as eight bits of entropy.
pub(crate) fn add_entropy(pool: impl AsFd, bytes: &[u8; POOL_BYTES]) -> io::Result<()> {
    let (length, bits) = (POOL_BYTES as c_int, 8 * POOL_BYTES as c_int);
    // SAFETY: see the implementation: the struct is owned and its length is true.
    unsafe { ioctl::ioctl(pool, Entropy { bits, bytes: length, pool: *bytes }) }?;
    Ok(())
}

/// `struct sockaddr_vm` of include/uapi/linux/vm_sockets.h.
#[repr(C)]
pub(crate) struct VsockAddress {
    family: u16,
    reserved: u16,
    port: u32,
    cid: u32,
    flags: u8,
    zero: [u8; 3],
}

impl VsockAddress {
    pub(crate) fn new(cid: u32, port: u32) -> VsockAddress {
        let family = rustix::net::AddressFamily::VSOCK.as_raw();
        VsockAddress { family, reserved: 0, port, cid, flags: 0, zero: [0; 3] }
    }
}

// SAFETY: the struct has the layout of `sockaddr_vm` (checked) and begins with its family; the pointer is to `self`, valid
// for its whole size while `f` runs.
unsafe impl SocketAddrArg for VsockAddress {
    unsafe fn with_sockaddr<R>(&self, f: impl FnOnce(*const SocketAddrOpaque, SocketAddrLen) -> R) -> R {
        const { assert!(size_of::<VsockAddress>() == 16) };
        f(ptr::from_ref(self).cast(), size_of::<VsockAddress>() as SocketAddrLen)
    }
}
