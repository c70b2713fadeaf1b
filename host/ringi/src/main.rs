//! `ringi`: parses the command line, runs the command, says what went wrong.

use clap::Parser;
use ringi::cli::Cli;
use ringi::output::Output;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::of(&cli);
    match ringi::run::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.fail(&failure);
            ExitCode::FAILURE
        }
    }
}
