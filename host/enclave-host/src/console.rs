//! What a cosigner's process or machine writes to its console: into the log, its last lines kept, and the exit code that
//! `init` says at the end. The cosigner's side writes it: what is read here is only shown.

use ringi_primitives::scheme::PartyIndex;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// A longer line is cut into pieces.
const LINE_BYTES: u64 = 1024;
/// Lines kept for whoever asks why a machine ended.
const LINES: usize = 100;
/// Lines that tell why it ended, wherever they stand.
const TELLING: [&str; 4] = ["ringi-cosigner:", "ringi-init:", "Kernel panic", "qemu-system-x86_64:"];
/// How `init` says the exit code (enclave/init).
const ENDED: &str = "ringi-init: the cosigner ended with code ";

/// The last lines of a console. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Console(Arc<Mutex<VecDeque<String>>>);

impl Console {
    /// Copies what comes until the end.
    pub(crate) async fn copy(self, me: PartyIndex, from: impl AsyncRead + Unpin) {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        loop {
            line.clear();
            match (&mut from).take(LINE_BYTES).read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) => self.keep(me, &line),
            }
        }
    }

    fn keep(&self, me: PartyIndex, line: &[u8]) {
        let text: String = String::from_utf8_lossy(line).chars().filter(|c| !c.is_control()).collect();
        tracing::info!(target: "console", cosigner = me.number(), "{text}");
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(text);
    }

    /// The lines that tell why it ended; the last ones where none does.
    pub(crate) fn last_words(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tells = |line: &&String| TELLING.iter().any(|word| line.contains(word));
        let mut chosen: Vec<_> = lines.iter().rev().filter(tells).take(5).map(String::as_str).collect();
        if chosen.is_empty() {
            chosen = lines.iter().rev().take(5).map(String::as_str).collect();
        }
        chosen.reverse();
        chosen.join(" | ")
    }

    /// The cosigner's exit code, where `init` said one.
    pub(crate) fn exit_code(&self) -> Option<i32> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().rev().find_map(|line| line.split_once(ENDED)?.1.trim().parse().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn console(text: &str) -> Console {
        let console = Console::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(console.clone().copy(PartyIndex::new(1).unwrap(), text.as_bytes()));
        console
    }

    #[test]
    fn the_last_lines_and_the_exit_code_are_kept() {
        let said = console("booting\r\nringi-init: the cosigner ended with code 3\r\nreboot: Restarting\x1b[2J\n");
        assert_eq!(said.exit_code(), Some(3));
        assert_eq!(said.last_words(), "ringi-init: the cosigner ended with code 3");
        assert_eq!(console("one\ntwo\x1b[2J\n").last_words(), "one | two[2J");
        assert_eq!(console("ringi-init: init.module: there is none\n").exit_code(), None);
    }

    #[test]
    fn a_flood_is_bounded() {
        let flood = console(&"x".repeat(1 << 20));
        let lines = flood.0.lock().unwrap();
        assert!(lines.len() == LINES && lines.iter().all(|line| line.len() as u64 <= LINE_BYTES));
    }
}
