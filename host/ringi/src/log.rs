//! The platform's log: one JSON line per event in a file. A disk that is full costs lines, never the platform.

use crate::failure::{Done, Failure};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use tracing_subscriber::EnvFilter;

/// A file whose writes never fail, as far as the writer can tell: whoever logs must go on.
#[derive(Clone)]
struct Lossy(Arc<File>);

impl Write for Lossy {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // The file is opened to append: a line is one write.
        let _ = (&*self.0).write_all(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Logs into this file from now on, what the filter names.
///
/// # Errors
/// If the filter makes no sense or the file cannot be opened.
pub fn start(path: &Path, filter: &str) -> Done {
    let filter = EnvFilter::try_new(filter)
        .map_err(|e| Failure::new("cli.log", e, "use a filter such as info or ringi_gateway=debug"))?;
    let file = File::options().create(true).append(true).open(path).map_err(|e| Failure::file(path, &e))?;
    let file = Lossy(Arc::new(file));
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .log_internal_errors(false)
        .with_writer(move || file.clone())
        .init();
    Ok(())
}
