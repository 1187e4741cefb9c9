//! `wardbell serve`.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use wardbell_telemetry::logs;

use crate::app::App;
use crate::cli::{print, variable};
use crate::config::{self, Flags};

/// How long blocking work may hold up the end of the process.
const RUNTIME_STOP_TIME_MAX: Duration = Duration::from_millis(500);

/// Configures, builds, announces, serves, drains.
pub(crate) fn run(flags: Flags) -> Result<()> {
    let config = config::load(&flags, &variable)?;
    logs::start(&config.log_filter, config.log_format)?;
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        let mut term = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        // Before the first of them can come: a process that does not listen is ended by it.
        let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
        let again = Flags { hides_folder: true, ..flags };
        let app = App::start(config, Box::new(move || config::load(&again, &variable))).await?;
        announce(&app);
        loop {
            tokio::select! {
                _ = term.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => app.reload().await,
            }
        }
        // A second signal means now; what is committed is safe.
        tokio::select! {
            () = app.stop() => Ok(()),
            _ = term.recv() => Ok(()),
            _ = interrupt.recv() => Ok(()),
        }
    });
    // A name lookup under way cannot be cancelled; it holds nothing that must be finished.
    runtime.shutdown_timeout(RUNTIME_STOP_TIME_MAX);
    done
}

/// The runtime of every command that talks.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")
}

fn announce(app: &App) {
    let address = app.address;
    if let Some(key) = &app.first_key {
        print::problem(&format!(
            "First start: project `default` has the key below. It is shown once; keep it.\n\n  {key}\n\n\
             Try it; the built-in provider `echo` answers until you configure one:\n\n  \
             curl http://{address}/v1/chat/completions -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \
             -d '{{\"model\":\"echo\",\"messages\":[{{\"role\":\"user\",\"content\":\"My card is 4111 1111 1111 1111\"}}]}}'\n",
            key = key.reveal(),
        ));
    }
    if let Some(path) = &app.setup_path {
        print::problem(&format!(
            "Open this once to set the dashboard's password; it works until you have:\n\n  http://{address}{path}\n"
        ));
    }
    print::line(&format!("wardbell ready on http://{address}"));
}
