//! Emulated enclaves for the cosigners of a world: one simulation root, one image, and what a hostile machine may do to it.

use crate::world::START;
use ringi_attestation::nsm::Transport;
use ringi_attestation::{Pcr, PcrIndex, Root};
use ringi_cosigner::enclosure::Enclosure;
use ringi_nsm::{Authority, Clock, Module};
use ringi_primitives::digest::Digest;
use ringi_primitives::genesis::{Assurance, Measurement};
use ringi_primitives::scheme::PartyIndex;
use ringi_primitives::time::UnixMs;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The image that genesis allows.
pub const IMAGE: &[u8] = b"the image";
/// An image in debug mode.
pub const DEBUG: &[u8] = b"debug";

/// The machines. Clones share their clock.
#[derive(Clone)]
pub struct Enclaves {
    authority: Arc<Authority>,
    /// Which root vouches for each cosigner's module, if not the world's.
    pub authorities: BTreeMap<PartyIndex, Arc<Authority>>,
    /// What each cosigner's machine booted, if not [`IMAGE`].
    pub images: BTreeMap<PartyIndex, Vec<u8>>,
    /// What the images claim to run in, and genesis with them.
    pub assurance: Assurance,
    time: Arc<Time>,
}

struct Time(AtomicU64);

impl Clock for Time {
    fn now(&self) -> UnixMs {
        UnixMs(self.0.load(Ordering::Relaxed))
    }
}

/// A module in the same process.
struct Near(Module);

impl Transport for Near {
    fn call(&mut self, request: &[u8]) -> io::Result<Vec<u8>> {
        Ok(self.0.answer(request))
    }
}

impl Enclaves {
    /// With the simulation root kept beside the build, made where there is none.
    ///
    /// # Panics
    /// If no certificate can be made.
    pub fn new() -> Enclaves {
        let kept = crate::requests::cache();
        let authority = std::fs::create_dir_all(&kept).map(|()| Authority::of_folder(&kept)).expect("a folder for it");
        Enclaves {
            authority: Arc::new(authority.expect("a simulation root")),
            authorities: BTreeMap::new(),
            images: BTreeMap::new(),
            assurance: Assurance::Process,
            time: Arc::new(Time(AtomicU64::new(START.0))),
        }
    }

    /// What genesis says of the images and roots of this world.
    pub fn genesis_fields(&self) -> (Vec<Measurement>, Vec<Digest>) {
        (measurements(IMAGE), vec![Digest(self.root().0)])
    }

    /// The root that the images of this world believe.
    pub fn root(&self) -> Root {
        self.authority.root()
    }

    /// The modules' time from now on.
    pub fn set_time(&self, now: UnixMs) {
        self.time.0.store(now.0, Ordering::Relaxed);
    }

    /// What a cosigner starts in at this time.
    pub fn enclosure_at(&self, p: PartyIndex, now: UnixMs) -> Enclosure {
        self.set_time(now);
        self.enclosure(p)
    }

    /// What a cosigner starts in.
    pub fn enclosure(&self, p: PartyIndex) -> Enclosure {
        let image = self.images.get(&p).map_or(IMAGE, Vec::as_slice);
        let authority = self.authorities.get(&p).unwrap_or(&self.authority).clone();
        let module = Module::new(&format!("i-0{p}-enc0"), &measured(image), authority, self.time.clone());
        Enclosure::new(Box::new(Near(module)), vec![self.root()], self.assurance)
    }
}

impl Default for Enclaves {
    fn default() -> Enclaves {
        Enclaves::new()
    }
}

/// The registers of an image as genesis and orders name them.
pub fn measurements(image: &[u8]) -> Vec<Measurement> {
    measured(image).map(|(index, pcr)| Measurement { pcr: index.number(), value: pcr.0.to_vec() }).into()
}

/// The registers of an image: the whole, its boot, its application. Of [`DEBUG`], none is measured.
fn measured(image: &[u8]) -> [(PcrIndex, Pcr); 3] {
    if image == DEBUG {
        return [PcrIndex::IMAGE, PcrIndex::BOOT, PcrIndex::APPLICATION].map(|index| (index, Pcr::ZERO));
    }
    [
        (PcrIndex::IMAGE, Pcr::of_image([image])),
        (PcrIndex::BOOT, Pcr::of_image([&b"boot"[..]])),
        (PcrIndex::APPLICATION, Pcr::of_image([image, b"application"])),
    ]
}
