//! Wardbell: a self-hosted AI firewall that rings the bell.

mod app;
mod bridge;
mod cli;
mod client;
mod config;
mod health;
mod keys;
mod model;
mod patient;
mod receiver;
mod reload;
mod server;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
