//! Rule E1, the host's part: carries a state from a cosigner's old image to its new one. It opens nothing of it.

use crate::{EnclaveHandle, Ending, Event, Events, RecordError, SendError, key_service};
use ringi_primitives::order::Order;
use ringi_primitives::signed::Signed;
use ringi_primitives::upgrade::{HandOver, UpgradeStep, UpgradeWord};
use ringi_primitives::wire::{FromCosigner, Refusal, ToCosigner};
use ringi_primitives::{id::OrderId, limits};
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// One answer: a machine that boots under an emulator and a key service that is asked come first.
const ANSWER: Duration = Duration::from_secs(180);

/// One of the two.
pub struct Side<'a> {
    /// Its run.
    pub handle: &'a EnclaveHandle,
    /// What that says.
    pub events: &'a mut Events,
}

/// What both proved: attestation documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandedOver {
    /// The old image's.
    pub from: Vec<u8>,
    /// The new image's.
    pub to: Vec<u8>,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Image {
    /// The one that hands over.
    Old,
    /// The one that takes over.
    New,
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Image::Old { "old image" } else { "new image" })
    }
}

/// Why a state did not arrive. It is not lost: the same may be tried again.
#[derive(Debug, thiserror::Error)]
pub enum HandOverError {
    /// The order is none.
    #[error("the order is malformed")]
    Order,
    /// It refuses.
    #[error("the {image} refuses: {} ({})", .refusal.detail, .refusal.code)]
    Refused {
        /// Which.
        image: Image,
        /// Why.
        refusal: Refusal,
    },
    /// It is gone.
    #[error("the {0} ended: {1}")]
    Ended(Image, Ending),
    /// It takes no frames.
    #[error("the {0}: {1}")]
    Down(Image, SendError),
    /// It says nothing.
    #[error("the {0} does not answer")]
    Silent(Image),
}

impl HandOverError {
    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            HandOverError::Order => "order.malformed",
            HandOverError::Refused { refusal, .. } => &refusal.code,
            HandOverError::Ended(_, ending) => ending.code(),
            HandOverError::Down(_, error) => error.code(),
            HandOverError::Silent(_) => "upgrade.silent",
        }
    }
}

/// The genesis under which the key in this folder was wrapped: its newest version names the key service's key. `None` where
/// none is kept.
///
/// # Errors
/// [`RecordError`].
pub fn kept_genesis(folder: &Path) -> Result<Option<Vec<Signed>>, RecordError> {
    Ok(key_service::kept(folder)?.map(|kept| kept.genesis))
}

/// Carries the state of a started cosigner to a fresh one beside it, until it is durable there. The old one does nothing
/// afterwards but this again.
///
/// # Errors
/// [`HandOverError`].
pub async fn hand_over(
    mut old: Side<'_>,
    mut new: Side<'_>,
    genesis: &[Signed],
    order: &Signed,
) -> Result<HandedOver, HandOverError> {
    let decoded: Order = order.decode_unverified(limits::GENESIS_BYTES).map_err(|_| HandOverError::Order)?;
    let to = asked(&mut new, genesis, order).await?;
    old.send(Image::Old, ToCosigner::InstallGenesis { versions: genesis.to_vec() }).await?;
    let installed = |said| matches!(said, FromCosigner::GenesisInstalled { .. }).then_some(());
    old.said(Image::Old, installed).await?;
    let document = to.clone().into();
    let step = UpgradeStep::HandOver { order: order.clone(), document };
    old.send(Image::Old, ToCosigner::Upgrade { step }).await?;
    let head = old.said(Image::Old, handed_over).await?;
    let (from, records) = (head.document.to_vec(), head.records);
    new.send(Image::New, ToCosigner::Upgrade { step: UpgradeStep::Take { head } }).await?;
    for _ in 0..records {
        let record = old.said(Image::Old, record).await?;
        new.send(Image::New, ToCosigner::Upgrade { step: UpgradeStep::Record { record } }).await?;
    }
    new.said(Image::New, |said| done(&said, decoded.id)).await?;
    Ok(HandedOver { from, to })
}

async fn asked(new: &mut Side<'_>, genesis: &[Signed], order: &Signed) -> Result<Vec<u8>, HandOverError> {
    let step = UpgradeStep::Ask { genesis: genesis.to_vec(), order: order.clone() };
    new.send(Image::New, ToCosigner::Upgrade { step }).await?;
    let document = |said| match said {
        FromCosigner::Upgrade { word: UpgradeWord::Asked { document } } => Some(document.to_vec()),
        _ => None,
    };
    new.said(Image::New, document).await
}

fn handed_over(said: FromCosigner) -> Option<HandOver> {
    match said {
        FromCosigner::Upgrade { word: UpgradeWord::HandedOver { head } } => Some(head),
        _ => None,
    }
}

fn record(said: FromCosigner) -> Option<minicbor::bytes::ByteVec> {
    match said {
        FromCosigner::Upgrade { word: UpgradeWord::Record { record } } => Some(record),
        _ => None,
    }
}

fn done(said: &FromCosigner, wanted: OrderId) -> Option<()> {
    matches!(said, FromCosigner::OrderDone { order, .. } if *order == wanted).then_some(())
}

impl Side<'_> {
    async fn send(&mut self, image: Image, frame: ToCosigner) -> Result<(), HandOverError> {
        self.handle.send(frame).await.map_err(|e| HandOverError::Down(image, e))
    }

    /// What it says of this; a refusal of a document is one of what it was asked.
    async fn said<T>(&mut self, image: Image, pick: impl Fn(FromCosigner) -> Option<T>) -> Result<T, HandOverError> {
        loop {
            let event = tokio::time::timeout(ANSWER, self.events.recv()).await;
            match event.map_err(|_| HandOverError::Silent(image))? {
                Some(Event::Said(FromCosigner::DocumentRefused { refusal, .. })) => {
                    return Err(HandOverError::Refused { image, refusal });
                }
                Some(Event::Said(said)) => {
                    if let Some(found) = pick(said) {
                        return Ok(found);
                    }
                }
                Some(Event::Ended(ending)) => return Err(HandOverError::Ended(image, ending)),
                Some(Event::Started { .. } | Event::Trouble { .. }) => {}
                None => return Err(HandOverError::Ended(image, Ending::Stopped)),
            }
        }
    }
}
