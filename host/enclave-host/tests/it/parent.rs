//! A parent instance in memory: the driver of Nitro enclaves as the kernel's header describes it, error numbers included,
//! a hypervisor that measures what it finds in an enclave's memory, and an enclave that presents itself.

use ringi_attestation::PcrIndex;
use ringi_attestation::nsm::{Nsm, Transport};
use ringi_attestation::presentation::{Challenge, PURPOSE, Presentation, VERSION};
use ringi_eif::Image;
use ringi_enclave_host::{ImageLoadInfo, NitroPage, NitroParent, StartInfo};
use ringi_nsm::{Authority, Module, SystemClock};
use ringi_primitives::wire::{read_frame, write_frame};
use std::collections::{HashMap, VecDeque};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

pub const TWO_MIB: usize = 2 << 20;
/// Where an image begins in the memory of real enclaves.
const OFFSET: usize = 8 << 20;
/// So much of an enclave's memory is looked at.
const KEPT: usize = 64 << 20;
const ENOMEM: i32 = 12;
const EINVAL: i32 = 22;

/// Memory as huge pages are: aligned to their own size.
pub struct Page {
    memory: Vec<u8>,
    begin: usize,
    length: usize,
}

impl Page {
    fn new(length: usize) -> Page {
        let memory = vec![0; 2 * length];
        let begin = memory.as_ptr().align_offset(length);
        Page { memory, begin, length }
    }
}

impl NitroPage for Page {
    fn bytes(&mut self) -> &mut [u8] {
        &mut self.memory[self.begin..self.begin + self.length]
    }
}

#[derive(Default)]
struct Vm {
    /// The driver's end of the descriptor: dropping it hangs it up.
    driver: Option<UnixStream>,
    is_running: bool,
    cpus: Vec<u32>,
    /// The beginning of its memory, where images are.
    memory: Vec<u8>,
    regions: Vec<(usize, usize)>,
}

impl Vm {
    fn memory_bytes(&self) -> usize {
        self.regions.iter().map(|(_, length)| length).sum()
    }
}

/// What a test sets, and sees.
pub struct State {
    /// CPUs of the pool; two of a core follow each other.
    pub pool: VecDeque<u32>,
    pub pages_of_2_mib: usize,
    pub pages_of_1_gib: usize,
    pub most_regions: usize,
    /// A request that fails, and with which number.
    pub fails: Option<(&'static str, i32)>,
    /// What the enclave does instead of presenting itself.
    pub behaves: Behaviour,
    /// Every request that was made, in order.
    pub requests: Vec<String>,
    vms: HashMap<RawFd, Vm>,
    streams: HashMap<u32, UnixStream>,
    next_cid: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    Presents,
    /// Another image runs than the one that was loaded.
    PresentsAnother,
    /// Dies before it connects.
    Dies,
    /// The driver gives a well-known address.
    HasTheParentsAddress,
}

#[derive(Clone)]
pub struct Parent {
    pub state: Arc<Mutex<State>>,
    authority: Arc<Authority>,
}

impl Parent {
    pub fn new(authority: Arc<Authority>) -> Parent {
        let state = State {
            pool: (2..8).collect(),
            pages_of_2_mib: 200,
            pages_of_1_gib: 0,
            most_regions: 64,
            fails: None,
            behaves: Behaviour::Presents,
            requests: Vec::new(),
            vms: HashMap::new(),
            streams: HashMap::new(),
            next_cid: 16,
        };
        Parent { state: Arc::new(Mutex::new(state)), authority }
    }

    fn request<T>(
        &self,
        name: &'static str,
        arguments: String,
        run: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.state.lock().unwrap();
        state.requests.push(format!("{name}{arguments}"));
        match state.fails {
            Some((fails, number)) if fails == name => Err(io::Error::from_raw_os_error(number)),
            _ => run(&mut state),
        }
    }

    /// The hypervisor ends every enclave.
    pub fn ends_all(&self) {
        self.state.lock().unwrap().vms.values_mut().for_each(|vm| vm.driver = None);
    }

    /// How many enclaves the program still holds the descriptors of.
    pub fn held(&self) -> usize {
        let state = self.state.lock().unwrap();
        let is_held = |vm: &&Vm| vm.driver.as_ref().is_some_and(|mut driver| driver.read(&mut [0]).is_err());
        state.vms.values().filter(is_held).count()
    }
}

fn refuses<T>(number: i32) -> io::Result<T> {
    Err(io::Error::from_raw_os_error(number))
}

impl State {
    /// NE_ERR_NOT_IN_INIT_STATE once it runs.
    fn vm(&mut self, enclave: BorrowedFd<'_>) -> io::Result<&mut Vm> {
        let vm = self.vms.get_mut(&enclave.as_raw_fd()).ok_or(io::ErrorKind::NotFound)?;
        if vm.is_running { refuses(270) } else { Ok(vm) }
    }
}

#[async_trait::async_trait]
impl NitroParent for Parent {
    type Page = Page;

    fn create_vm(&self) -> io::Result<OwnedFd> {
        self.request("NE_CREATE_VM", String::new(), |state| {
            if state.pool.is_empty() {
                return refuses(272);
            }
            let (ours, driver) = UnixStream::pair()?;
            driver.set_nonblocking(true)?;
            let vm = Vm { driver: Some(driver), ..Vm::default() };
            state.vms.insert(ours.as_raw_fd(), vm);
            Ok(ours.into())
        })
    }

    fn page(&self, bytes: usize) -> io::Result<Page> {
        let mut state = self.state.lock().unwrap();
        let left = match bytes {
            TWO_MIB => &mut state.pages_of_2_mib,
            _ => &mut state.pages_of_1_gib,
        };
        *left = left.checked_sub(1).ok_or_else(|| io::Error::from_raw_os_error(ENOMEM))?;
        Ok(Page::new(bytes))
    }

    fn image_load_info(&self, enclave: BorrowedFd<'_>, info: ImageLoadInfo) -> io::Result<ImageLoadInfo> {
        self.request("NE_GET_IMAGE_LOAD_INFO", format!(" {}", info.flags), |state| {
            state.vm(enclave)?;
            // NE_ERR_INVALID_FLAG_VALUE
            if info.flags != 1 { refuses(274) } else { Ok(ImageLoadInfo { memory_offset: OFFSET as u64, ..info }) }
        })
    }

    fn set_user_memory_region(&self, enclave: BorrowedFd<'_>, page: &mut Page) -> io::Result<()> {
        let (address, size) = (page.bytes().as_ptr().addr(), page.length);
        self.request("NE_SET_USER_MEMORY_REGION", format!(" {}", size >> 20), |state| {
            let most = state.most_regions;
            let vm = state.vm(enclave)?;
            match () {
                () if !size.is_multiple_of(TWO_MIB) => refuses(259),
                () if !address.is_multiple_of(TWO_MIB) => refuses(261),
                () if vm.regions.iter().any(|(at, length)| address < at + length && *at < address + size) => {
                    refuses(262)
                }
                () if vm.regions.len() == most => refuses(265),
                () => {
                    vm.regions.push((address, size));
                    let kept = size.min(KEPT.saturating_sub(vm.memory.len()));
                    vm.memory.extend_from_slice(&page.bytes()[..kept]);
                    Ok(())
                }
            }
        })
    }

    fn add_vcpu(&self, enclave: BorrowedFd<'_>, cpu: u32) -> io::Result<u32> {
        self.request("NE_ADD_VCPU", format!(" {cpu}"), |state| {
            state.vm(enclave)?;
            let Some(next) = state.pool.pop_front() else { return refuses(272) };
            state.vm(enclave)?.cpus.push(next);
            Ok(next)
        })
    }

    fn start_enclave(&self, enclave: BorrowedFd<'_>, info: StartInfo) -> io::Result<StartInfo> {
        let arguments = format!(" {} {}", info.flags, info.enclave_cid);
        let (booted, behaves, cid) = self.request("NE_START_ENCLAVE", arguments, |state| {
            let (behaves, cid) = (state.behaves, state.next_cid);
            let vm = state.vm(enclave)?;
            let image = image_in(&vm.memory);
            match () {
                () if info.flags > 1 => refuses(274),
                () if info.enclave_cid != 0 && info.enclave_cid <= 3 => refuses(275),
                () if vm.regions.is_empty() => refuses(266),
                () if vm.memory_bytes() < 64 << 20 => refuses(268),
                () if vm.cpus.is_empty() => refuses(267),
                () if vm.cpus.len() % 2 == 1 => refuses(269),
                () => {
                    // The hypervisor's word, by way of the driver's PCI device.
                    let Some(image) = image else { return refuses(EINVAL) };
                    vm.is_running = true;
                    state.next_cid += 1;
                    Ok((image, behaves, cid))
                }
            }
        })?;
        let (ours, theirs) = UnixStream::pair()?;
        match behaves {
            Behaviour::Dies => self.ends_all(),
            Behaviour::HasTheParentsAddress => return Ok(StartInfo { enclave_cid: 3, ..info }),
            Behaviour::Presents | Behaviour::PresentsAnother => {
                self.state.lock().unwrap().streams.insert(cid, ours);
                let authority = self.authority.clone();
                std::thread::spawn(move || enclave_runs(theirs, booted, authority, behaves));
            }
        }
        Ok(StartInfo { enclave_cid: cid.into(), ..info })
    }

    async fn stream(&self, cid: u32) -> io::Result<tokio::net::UnixStream> {
        let stream = self.state.lock().unwrap().streams.remove(&cid);
        let Some(stream) = stream else { return std::future::pending().await };
        stream.set_nonblocking(true)?;
        tokio::net::UnixStream::from_std(stream)
    }
}

/// The image at its place: what follows it is zero, so its end is where the zeros begin.
fn image_in(memory: &[u8]) -> Option<Image> {
    let rest = memory.get(OFFSET..)?;
    let last = rest.chunks(4096).rposition(|chunk| chunk != &[0; 4096][..chunk.len()])?;
    let until = rest.len().min((last + 1) * 4096);
    let end = rest[..until].iter().rposition(|byte| *byte != 0)? + 1;
    // An image may end with zeros itself; ours do not.
    Image::parse(&rest[..end]).ok()
}

struct Inside(Module);

impl Transport for Inside {
    fn call(&mut self, request: &[u8]) -> io::Result<Vec<u8>> {
        Ok(self.0.answer(request))
    }
}

/// Presents the image, then gives back what it is sent, in capital letters.
fn enclave_runs(mut stream: UnixStream, image: Image, authority: Arc<Authority>, behaves: Behaviour) {
    let measured = image.measure().unwrap();
    let other = behaves == Behaviour::PresentsAnother;
    let registers = [
        (PcrIndex::IMAGE, if other { measured.boot } else { measured.image }),
        (PcrIndex::BOOT, measured.boot),
        (PcrIndex::APPLICATION, measured.application),
    ];
    let mut module = Nsm::new(Inside(Module::new("i-enclave", &registers, authority, Arc::new(SystemClock))));
    let Ok(Some(challenge)) = read_frame::<Challenge>(&mut stream) else { return };
    let document = module.attest(Some(&challenge.nonce), Some(PURPOSE), None).unwrap();
    write_frame(&mut stream, &Presentation { version: VERSION, document: document.into() }).unwrap();
    let mut bytes = [0; 64];
    while let Ok(n @ 1..) = stream.read(&mut bytes) {
        stream.write_all(&bytes[..n].to_ascii_uppercase()).unwrap();
    }
}
