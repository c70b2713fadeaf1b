//! Frames of [`ringi_primitives::wire`] over asynchronous streams.

use minicbor::{Decode, Encode};
use ringi_primitives::{cbor, limits, wire};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// One frame's bytes.
///
/// # Errors
/// `InvalidInput` over the bound.
pub(crate) fn frame_bytes<T: Encode<()>>(message: &T) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    wire::write_frame(&mut out, message)?;
    Ok(out)
}

/// Reads one frame; `None` at a clean end.
///
/// # Errors
/// The stream's; `InvalidData` for a frame over the bound or not canonical; `UnexpectedEof` inside a frame.
pub(crate) async fn read_frame<T>(stream: &mut (impl AsyncRead + Unpin + ?Sized)) -> io::Result<Option<T>>
where
    T: for<'b> Decode<'b, ()> + Encode<()>,
{
    let mut head = [0u8; 4];
    let mut filled = 0;
    while filled < head.len() {
        match stream.read(&mut head[filled..]).await? {
            0 if filled == 0 => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => filled += n,
        }
    }
    let length = usize::try_from(u32::from_be_bytes(head)).unwrap_or(usize::MAX);
    if length > limits::FRAME_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "frame over its bound"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let message = cbor::decode(&body, limits::FRAME_BYTES);
    message.map(Some).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}
