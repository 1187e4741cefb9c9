//! The command line.

mod check;
mod demo;
mod generate;
mod healthcheck;
mod listen;
mod print;
mod serve;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{self, Config, Flags, Problems};

/// The exit status for wrong usage and wrong configuration: EX_USAGE of BSD's sysexits.
const EXIT_USAGE: u8 = 64;

/// A self-hosted AI firewall that rings the bell.
///
/// Wardbell stands between your applications and their LLM providers. It scans every request for personal data, secrets
/// and prompt injection, stops or redacts what your policy says, and tells your team by signed webhooks that survive a
/// crash.
#[derive(Parser)]
#[command(name = "wardbell", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway.
    ///
    /// The first start makes a data folder with a database, an admin token and a master key, and prints a project key
    /// with a curl line to try.
    Serve(ConfigFlags),
    /// See it work: a clean request, a blocked one, and its alert, received and verified.
    ///
    /// Starts a real gateway and a real receiver on free local ports with a temporary data folder, and removes it again.
    Demo,
    /// Check the configuration and print every problem, without starting anything.
    ///
    /// Exits 0 if all is well, and 64 otherwise.
    Check(ConfigFlags),
    /// Receive alerts: verify each signature and print what came.
    ///
    /// Point a webhook of your gateway here to see what your receivers will get.
    Listen(listen::Listen),
    /// Verify a saved delivery: its headers, an empty line, and its body.
    Verify(verify::Verify),
    /// Ask a running gateway whether it is healthy; for container health checks.
    ///
    /// Exits 0 if it is, and 1 otherwise.
    Healthcheck(healthcheck::Healthcheck),
    /// Print a generated file: what `cargo xtask generate` writes.
    #[command(hide = true)]
    Generate {
        /// Which file.
        what: generate::Generated,
    },
}

/// Where settings come from. A flag beats its variable, a variable beats the file.
#[derive(Args, Default)]
struct ConfigFlags {
    /// The configuration file [default: wardbell.toml, if it is there].
    #[arg(long, value_name = "FILE", env = "WARDBELL_CONFIG")]
    config: Option<PathBuf>,
    /// Where to listen [default: 127.0.0.1:8787; port 0 picks a free one] [env: WARDBELL_LISTEN].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Where the database and generated secrets are kept [default: ./wardbell-data] [env: WARDBELL_DATA_DIR].
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// The database [default: sqlite:DATA_DIR/wardbell.db] [env: WARDBELL_STORAGE_URL].
    #[arg(long, value_name = "URL")]
    storage_url: Option<String>,
}

impl ConfigFlags {
    fn load(self) -> Result<Config, Problems> {
        config::load(&self.flags(), &variable)
    }

    fn flags(self) -> Flags {
        let Self { config, listen, data_dir, storage_url } = self;
        let values = [("listen", listen), ("data_dir", data_dir), ("storage_url", storage_url)];
        let values = values.into_iter().filter_map(|(path, value)| value.map(|value| (path, value))).collect();
        Flags { file: config, values, hides_folder: false }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment, for the configuration")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Runs the command line.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let wrong = error.use_stderr();
            // Help goes to standard output, mistakes to standard error; a closed pipe is nobody's fault.
            let _ = error.print();
            return if wrong { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let done = match cli.command {
        Command::Serve(flags) => serve::run(flags.flags()),
        Command::Demo => demo::run(),
        Command::Check(flags) => flags.load().map_err(Into::into).and_then(|config| check::run(&config)),
        Command::Listen(listen) => listen.run(),
        Command::Verify(verify) => verify.run(),
        Command::Healthcheck(healthcheck) => healthcheck.run(),
        Command::Generate { what } => {
            what.run();
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print::problem(&format!("wardbell: {error:#}"));
            if error.is::<Problems>() { ExitCode::from(EXIT_USAGE) } else { ExitCode::FAILURE }
        }
    }
}
