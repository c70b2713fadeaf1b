//! `ringi demo`: the platform's main job told as a story, on real parts: cosigners as processes, a real EVM node, Bitcoin's
//! own consensus code. Every line that is printed was just done.

pub mod anvil;
mod api;
mod chapters;
mod desk;
mod hostile;
mod stage;

use crate::failure::Done;
use stage::Stage;
use std::path::PathBuf;
use std::time::Instant;

/// What the demo runs with.
pub struct Demo {
    /// The cosigner program.
    pub cosigner: PathBuf,
    /// The EVM node's program.
    pub anvil: PathBuf,
    /// Where it leaves receipts and statements; a new folder.
    pub folder: PathBuf,
}

/// Prints the story as it happens.
pub struct Story {
    began: Instant,
    chapter: Instant,
}

impl Story {
    fn new() -> Story {
        let now = Instant::now();
        Story { began: now, chapter: now }
    }

    /// Opens a chapter.
    pub fn chapter(&mut self, number: u8, title: &str) {
        self.chapter = Instant::now();
        println!("\n{number}. {title}");
    }

    /// Tells one thing, with the time since the chapter began.
    pub fn tell(&self, what: impl AsRef<str>) {
        println!("   {:>6.2} s  {}", self.chapter.elapsed().as_secs_f64(), what.as_ref());
    }
}

/// Runs all chapters.
///
/// # Errors
/// At the first thing that does not happen as it must.
pub async fn run(demo: &Demo) -> Done {
    let mut story = Story::new();
    println!("Ringi: no signature unless a quorum of cosigners has examined the very bytes.");
    println!("Everything below is done now, on this machine, in {}", demo.folder.display());
    let stage = Stage::build(demo, &mut story).await?;
    chapters::deposits(&stage, &mut story).await?;
    let mut done = chapters::under_the_limit(&stage, &mut story).await?;
    done.push(chapters::above_the_limit(&stage, &mut story).await?);
    chapters::to_a_stranger(&stage, &mut story).await?;
    hostile::host(&stage, &mut story).await?;
    done.extend(chapters::one_cosigner_down(&stage, &mut story).await?);
    done.push(chapters::bitcoin(&stage, &mut story).await?);
    chapters::receipts(&stage, &mut story, &done).await?;
    println!("\nAll nine points in {:.1} s.", story.began.elapsed().as_secs_f64());
    stage.stop().await;
    Ok(())
}
