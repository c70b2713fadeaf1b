//! What is asked of every booted image before anything else: a document about itself, with our nonce.

use crate::StartError;
use crate::stream::{frame_bytes, read_frame};
use ringi_attestation::presentation::{Challenge, PURPOSE, Presentation, VERSION};
use ringi_attestation::{Attested, Expectation, Moment, PcrIndex, Pinned, Root, verify};
use ringi_eif::{Image, Measurements};
use ringi_nsm::Clock;
use std::io;
use std::path::Path;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;

/// Where the image connects to (enclave/guest, `STREAM_PORT`); not imported: the host links nothing of the guest.
pub(crate) const STREAM_PORT: u32 = 7100;
/// A document is answered to a challenge of seconds ago.
const MAX_AGE_MS: u64 = 120_000;

/// An image file: its bytes, its parts, what they measure.
///
/// # Errors
/// [`StartError::Image`].
pub(crate) fn read_image(path: &Path) -> Result<(Vec<u8>, Image, Measurements), StartError> {
    let of_file = |e: io::Error| StartError::Image(format!("{}: {e}", path.display()));
    let length = std::fs::metadata(path).map_err(of_file)?.len();
    if length > ringi_eif::IMAGE_BYTES as u64 {
        return Err(StartError::Image("longer than any image".into()));
    }
    let bytes = std::fs::read(path).map_err(of_file)?;
    let image = Image::parse(&bytes).map_err(|e| StartError::Image(e.to_string()))?;
    let measurements = image.measure().map_err(|e| StartError::Image(e.to_string()))?;
    Ok((bytes, image, measurements))
}

/// Challenges the image at the other end: its document must be of the machine that was started.
///
/// # Errors
/// [`StartError::Machine`] if the stream breaks, [`StartError::Presentation`] if the document does not hold.
pub(crate) async fn challenge(
    stream: &mut UnixStream,
    measured: Measurements,
    root: Root,
    clock: &dyn Clock,
) -> Result<(Attested, Vec<u8>), StartError> {
    let broken = |e: io::Error| StartError::Machine(format!("the stream: {e}"));
    let nonce = random::<32>()?;
    let challenge = frame_bytes(&Challenge { version: VERSION, nonce }).map_err(broken)?;
    stream.write_all(&challenge).await.map_err(broken)?;
    let presentation: Option<Presentation> = read_frame(stream).await.map_err(broken)?;
    let presentation = presentation.ok_or_else(|| StartError::Machine("the stream ended".into()))?;
    let mut expected = Expectation::of(vec![root], Moment::Now { max_age_ms: MAX_AGE_MS })
        .with_pcr(PcrIndex::IMAGE, measured.image)
        .with_pcr(PcrIndex::BOOT, measured.boot)
        .with_pcr(PcrIndex::APPLICATION, measured.application)
        .with_nonce(&nonce);
    expected.user_data = Pinned::To(PURPOSE.to_vec());
    let document = Vec::from(presentation.document);
    Ok((verify(&document, &expected, clock.now())?, document))
}

/// Random bytes of the operating system.
///
/// # Errors
/// [`StartError::Prepare`].
pub(crate) fn random<const N: usize>() -> Result<[u8; N], StartError> {
    let mut bytes = [0; N];
    getrandom::getrandom(&mut bytes).map_err(|e| StartError::Prepare(io::Error::other(e.to_string())))?;
    Ok(bytes)
}
