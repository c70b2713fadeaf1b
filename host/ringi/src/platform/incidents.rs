//! What happens to this machine's cosigners, on its way into the audit log. A cosigner that says the same again and again, and
//! whoever makes it, cannot fill the disk with it.

use ringi_orchestrator::{Incident, Orchestrator};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Incidents on their way; more at once are counted only.
const WAITING: usize = 1024;
/// The same is written down once in this time.
const ONCE_IN: Duration = Duration::from_secs(60);
/// Different ones that are remembered. The texts are foreign: their number must have an end.
const REMEMBERED: usize = 1024;
/// Longer words are cut.
const DETAIL_CHARS: usize = 400;

/// Where incidents are told.
#[derive(Clone)]
pub struct Incidents(mpsc::Sender<Incident>);

impl Incidents {
    /// And where they are read.
    pub fn new() -> (Incidents, mpsc::Receiver<Incident>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Incidents(sender), receiver)
    }

    /// Tells one. Never waits: the cosigners' frames come first.
    pub fn tell(&self, incident: Incident) {
        if self.0.try_send(incident).is_err() {
            tracing::warn!(code = "incidents.full", "an incident did not go into the audit log");
        }
    }
}

/// Writes incidents down until nobody tells any more.
pub async fn keep(orchestrator: Orchestrator, mut told: mpsc::Receiver<Incident>) {
    let mut heard = Heard::default();
    while let Some(incident) = told.recv().await {
        if let Some(news) = heard.news(incident, Instant::now())
            && let Err(e) = orchestrator.record_incident(&news).await
        {
            tracing::warn!(code = e.code, "an incident did not go into the audit log: {}", e.message);
        }
    }
}

/// When each was written down, and how often it happened since.
#[derive(Default)]
struct Heard(BTreeMap<(u8, String, String), (Instant, u64)>);

impl Heard {
    /// What is to be written down of it now, if anything.
    fn news(&mut self, mut incident: Incident, now: Instant) -> Option<Incident> {
        incident.detail = incident.detail.chars().take(DETAIL_CHARS).collect();
        let key = (incident.cosigner.number(), incident.code.clone(), incident.detail.clone());
        if let Some((at, since)) = self.0.get_mut(&key)
            && now.duration_since(*at) < ONCE_IN
        {
            *since += 1;
            return None;
        }
        if self.0.len() >= REMEMBERED {
            self.0.retain(|_, (at, _)| now.duration_since(*at) < ONCE_IN);
        }
        // Still so many different ones within the time: they are counted in the log of the machine only.
        if self.0.len() >= REMEMBERED && !self.0.contains_key(&key) {
            tracing::warn!(code = "incidents.full", "an incident did not go into the audit log");
            return None;
        }
        incident.unrecorded = self.0.insert(key, (now, 0)).map_or(0, |(_, since)| since);
        Some(incident)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringi_primitives::scheme::PartyIndex;

    fn incident(detail: &str) -> Incident {
        Incident::of(PartyIndex::new(1).unwrap(), "boot.x", detail)
    }

    #[test]
    fn the_same_is_written_down_once_a_minute_with_its_count() {
        let (mut heard, now) = (Heard::default(), Instant::now());
        assert!(heard.news(incident("a"), now).is_some());
        assert!(heard.news(incident("b"), now).is_some(), "another one");
        for _ in 0..3 {
            assert_eq!(heard.news(incident("a"), now + Duration::from_secs(59)), None);
        }
        assert_eq!(heard.news(incident("a"), now + ONCE_IN).unwrap().unrecorded, 3);
        assert_eq!(heard.news(incident("a"), now + ONCE_IN * 2).unwrap().unrecorded, 0);
    }

    #[test]
    fn a_flood_of_different_ones_has_an_end() {
        let (mut heard, now) = (Heard::default(), Instant::now());
        let written = (0..5_000).filter(|n| heard.news(incident(&n.to_string()), now).is_some()).count();
        assert_eq!(written, REMEMBERED);
        assert!(heard.news(incident(&"x".repeat(1 << 20)), now + ONCE_IN).unwrap().detail.len() <= DETAIL_CHARS);
    }
}
