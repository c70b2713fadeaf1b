//! Where a cosigner is when it is killed, as the host sees it.

/// The named points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KillPoint {
    /// It handed out a record that was not kept.
    RecordLost,
    /// Its record was kept, and it does not know.
    RecordUnacknowledged,
    /// All its records are durable and it is in a session.
    InSession,
    /// Frames of its own are on their way.
    Speaking,
    /// Frames to it are on their way.
    Hearing,
    /// It has just handed out a signature.
    Signed,
    /// Its boot is not granted yet.
    Booting,
    /// It takes part in a refresh that has not ended.
    Refreshing,
    /// Its share of the next epoch is durable, and not everybody's is.
    SharePending,
    /// A second copy of it runs.
    Doubled,
    /// It has nothing to do.
    Idle,
}

impl KillPoint {
    /// All of them.
    pub const ALL: [KillPoint; 11] = [
        KillPoint::RecordLost,
        KillPoint::RecordUnacknowledged,
        KillPoint::InSession,
        KillPoint::Speaking,
        KillPoint::Hearing,
        KillPoint::Signed,
        KillPoint::Booting,
        KillPoint::Refreshing,
        KillPoint::SharePending,
        KillPoint::Doubled,
        KillPoint::Idle,
    ];
}

/// What a kill costs of what the host was given to keep.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    Nothing,
    /// All that was not acknowledged.
    Unacknowledged,
}
