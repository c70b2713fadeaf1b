//! `ringi demo`: the platform's main job told as a story, on real parts: cosigners as processes or in machines of their own, a
//! real EVM node, Bitcoin's own consensus code. Every line that is printed was just done.

pub mod anvil;
mod api;
mod chapters;
mod desk;
mod hostile;
mod stage;

use crate::failure::Done;
use crate::output::Output;
use crate::platform::settings::{EnclaveKind, Machines};
use serde::Serialize;
use stage::Stage;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long anything in the demo may take: an emulated machine boots in seconds, on a busy one in many.
const PATIENCE: Duration = Duration::from_secs(90);

/// What the demo runs with.
pub struct Demo {
    /// The cosigner program.
    pub cosigner: PathBuf,
    /// What cosigners run in.
    pub enclave: EnclaveKind,
    /// The parts of emulated machines.
    pub machines: Machines,
    /// The EVM node's program.
    pub anvil: PathBuf,
    /// Where it leaves receipts and statements; a new folder.
    pub folder: PathBuf,
}

/// Prints the story as it happens, or for a program all of it at the end.
pub struct Story {
    output: Output,
    began: Instant,
    chapter: Instant,
    told: Vec<Chapter>,
}

/// What JSON holds of a chapter.
#[derive(Serialize)]
struct Chapter {
    number: u8,
    title: String,
    lines: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    /// Since the chapter began.
    seconds: f64,
    what: String,
}

impl Story {
    fn new(output: Output) -> Story {
        let now = Instant::now();
        Story { output, began: now, chapter: now, told: Vec::new() }
    }

    /// Opens a chapter.
    pub fn chapter(&mut self, number: u8, title: &str) {
        self.chapter = Instant::now();
        self.output.note(&format!("\n{number}. {title}"));
        self.told.push(Chapter { number, title: title.into(), lines: Vec::new() });
    }

    /// Tells one thing, with the time since the chapter began.
    pub fn tell(&mut self, what: impl AsRef<str>) {
        let (seconds, what) = (self.chapter.elapsed().as_secs_f64(), what.as_ref());
        self.output.note(&format!("   {seconds:>6.2} s  {what}"));
        if let Some(chapter) = self.told.last_mut() {
            chapter.lines.push(Line { seconds, what: what.into() });
        }
    }

    fn end(&self, folder: &Path) {
        let seconds = self.began.elapsed().as_secs_f64();
        let value = serde_json::json!({ "folder": folder, "seconds": seconds, "chapters": self.told });
        self.output.show(&value, |_| format!("\nAll nine points in {seconds:.1} s."));
    }
}

/// Runs all chapters.
///
/// # Errors
/// At the first thing that does not happen as it must.
pub async fn run(demo: &Demo, output: Output) -> Done {
    let mut story = Story::new(output);
    output.note("Ringi: no signature unless a quorum of cosigners has examined the very bytes.");
    output.note(&format!("Everything below is done now, on this machine, in {}", demo.folder.display()));
    let stage = Stage::build(demo, &mut story).await?;
    chapters::deposits(&stage, &mut story).await?;
    let mut done = chapters::under_the_limit(&stage, &mut story).await?;
    done.push(chapters::above_the_limit(&stage, &mut story).await?);
    chapters::to_a_stranger(&stage, &mut story).await?;
    hostile::host(&stage, &mut story).await?;
    done.extend(chapters::one_cosigner_down(&stage, &mut story).await?);
    done.push(chapters::bitcoin(&stage, &mut story).await?);
    chapters::receipts(&stage, &mut story, &done).await?;
    story.end(&demo.folder);
    stage.stop().await;
    Ok(())
}
