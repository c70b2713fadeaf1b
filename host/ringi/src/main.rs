//! `ringi`: parses the command line, runs the command, says what went wrong.

use clap::Parser;
use ringi::cli::Cli;
use ringi::failure::Failure;
use ringi::output::Output;
use std::process::ExitCode;

/// What shells give for a command line that cannot be read.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return unreadable(&error),
    };
    let output = Output::of(&cli);
    match ringi::run::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.fail(&failure);
            ExitCode::FAILURE
        }
    }
}

/// A command line that cannot be read, or that asks for help. `--json` holds here too.
fn unreadable(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args_os().any(|argument| argument == "--json");
    if !error.use_stderr() || !wants_json {
        error.exit();
    }
    let text = error.to_string();
    let what = text.trim_start_matches("error: ").split("\n\n").next().unwrap_or_default().trim();
    Output::Json.fail(&Failure::new("cli.usage", what, "look at the command's --help"));
    ExitCode::from(USAGE)
}
