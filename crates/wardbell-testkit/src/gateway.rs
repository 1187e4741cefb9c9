//! The real `wardbell` binary as a child process, in a data folder of its own.
//!
//! ```no_run
//! # fn binary() -> &'static str { "wardbell" }
//! use wardbell_testkit::gateway::Gateway;
//! use wardbell_testkit::provider::FakeProvider;
//!
//! let provider = FakeProvider::start();
//! let mut gateway = Gateway::start(binary()); // env!("CARGO_BIN_EXE_wardbell") in a test of the binary
//! let project = gateway.project(&serde_json::json!({ "name": "shop" }));
//! gateway.provider(&project, "openai", &provider.url());
//! let key = gateway.key(&project);
//! let reply = gateway.chat(&key, &serde_json::json!({
//!     "model": "gpt-4o-mini",
//!     "messages": [{ "role": "user", "content": "hello" }]
//! }));
//! assert_eq!(reply.status, 200);
//! gateway.kill9();
//! gateway.restart();
//! ```
//!
//! The child sees none of the test's `WARDBELL_*` variables and runs inside its own temporary folder, so no file beside
//! the test changes what it does. It may call 127.0.0.1 over plain HTTP; nothing else beyond the defaults is allowed.

pub mod connection;

mod child;
mod manage;

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::child::{Child, Transcript};
use self::connection::Connection;

/// How long a start may take. Far more than it needs: a busy test machine is not a failure.
const READY: Duration = Duration::from_secs(30);
/// How long a drain may take after SIGTERM.
const DRAIN: Duration = Duration::from_secs(30);
/// What stands before the address on the line that says it is ready.
const READY_LINE: &str = "wardbell ready on http://";

/// A running gateway. Dropping it kills the process and removes its folder.
pub struct Gateway {
    plan: Builder,
    child: Option<Child>,
    address: SocketAddr,
    admin_token: String,
    transcript: Arc<Transcript>,
}

/// How to start one.
pub struct Builder {
    binary: PathBuf,
    folder: tempfile::TempDir,
    variables: Vec<(OsString, OsString)>,
    arguments: Vec<OsString>,
}

/// A start that did not end in a listening gateway.
#[derive(Debug)]
pub struct FailedStart {
    /// How the process ended; `None` if it had to be killed at the deadline.
    pub status: Option<ExitStatus>,
    /// Everything it wrote to standard output.
    pub stdout: String,
    /// Everything it wrote to standard error.
    pub stderr: String,
}

impl Builder {
    /// Sets a variable for the process; a later value replaces an earlier one.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Builder {
        self.variables.retain(|(known, _)| known != name.as_ref());
        self.variables.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Adds an argument after `serve`.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Builder {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Trusts this authority for webhooks and providers, beside the public ones.
    #[must_use]
    pub fn trust(self, ca_pem: &str) -> Builder {
        let file = self.write("extra-roots.pem", ca_pem);
        self.env("WARDBELL_EGRESS_EXTRA_ROOTS", file)
    }

    /// Writes `wardbell.toml` where the process looks for it.
    #[must_use]
    pub fn config(self, toml: &str) -> Builder {
        self.write("wardbell.toml", toml);
        self
    }

    /// Writes a file into the folder that the process runs in, and answers with its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("the temporary folder can be written");
        path
    }

    /// The data folder.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts it. Fails the test, and shows what the process wrote, if it is not ready within 30 seconds.
    #[track_caller]
    pub fn start(self) -> Gateway {
        match self.try_start() {
            Ok(gateway) => gateway,
            Err(failed) => panic!(
                "the gateway did not start: {:?}\n-- standard output\n{}\n-- standard error\n{}",
                failed.status, failed.stdout, failed.stderr
            ),
        }
    }

    /// Starts it, or says how it failed.
    ///
    /// # Errors
    /// The process ended before it was ready, or was not ready within 30 seconds.
    pub fn try_start(self) -> Result<Gateway, FailedStart> {
        let transcript = Arc::new(Transcript::default());
        let (child, address) = self.spawn(&transcript)?;
        let admin_token = self.read_admin_token();
        Ok(Gateway { plan: self, child: Some(child), address, admin_token, transcript })
    }

    fn spawn(&self, transcript: &Arc<Transcript>) -> Result<(Child, SocketAddr), FailedStart> {
        let mut child =
            Child::spawn(&self.binary, self.folder.path(), &self.variables, &self.arguments, Arc::clone(transcript));
        let until = Instant::now() + READY;
        loop {
            if let Some(address) = child.ready_address(READY_LINE) {
                return Ok((child, address));
            }
            let ended = child.ended();
            if ended.is_some() || Instant::now() >= until {
                child.kill();
                return Err(FailedStart { status: ended, stdout: transcript.stdout(), stderr: transcript.stderr() });
            }
            transcript.wait_for_more(Duration::from_millis(20));
        }
    }

    /// The token of the variable if the test set one, else the one that the first start wrote.
    fn read_admin_token(&self) -> String {
        let given = self.variables.iter().find(|(name, _)| name == "WARDBELL_ADMIN_TOKEN");
        if let Some((_, token)) = given {
            return token.to_string_lossy().into_owned();
        }
        let path = self.data_dir().join("admin-token");
        std::fs::read_to_string(&path).map(|token| token.trim().to_owned()).unwrap_or_default()
    }
}

impl Gateway {
    /// A gateway to be started on a free port with an empty data folder, allowed to call 127.0.0.1 over plain HTTP.
    pub fn builder(binary: impl AsRef<Path>) -> Builder {
        let folder = tempfile::Builder::new().prefix("wardbell-test-").tempdir().expect("a temporary folder");
        let data_dir = folder.path().join("data");
        let builder =
            Builder { binary: binary.as_ref().to_owned(), folder, variables: Vec::new(), arguments: Vec::new() };
        builder
            .env("WARDBELL_LISTEN", "127.0.0.1:0")
            .env("WARDBELL_DATA_DIR", data_dir)
            .env("WARDBELL_EGRESS_ALLOW", "127.0.0.1/32:*+http")
    }

    /// Starts one with nothing changed.
    #[track_caller]
    pub fn start(binary: impl AsRef<Path>) -> Gateway {
        Gateway::builder(binary).start()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The data folder; it stays the same over restarts.
    pub fn data_dir(&self) -> PathBuf {
        self.plan.data_dir()
    }

    /// The token of the management API.
    pub fn admin_token(&self) -> &str {
        &self.admin_token
    }

    /// The id of the running process. Fails the test if it is not running.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the gateway is running").pid()
    }

    /// Everything that all starts so far wrote to standard output.
    pub fn stdout(&self) -> String {
        self.transcript.stdout()
    }

    /// Everything that all starts so far wrote to standard error: the logs.
    pub fn stderr(&self) -> String {
        self.transcript.stderr()
    }

    /// Both outputs together, to search for what may not be there.
    pub fn output(&self) -> String {
        format!("{}\n{}", self.stdout(), self.stderr())
    }

    /// Waits until standard error holds `needle`. Fails the test after `deadline`.
    #[track_caller]
    pub fn wait_for_log(&self, needle: &str, deadline: Duration) {
        let until = Instant::now() + deadline;
        while !self.stderr().contains(needle) {
            assert!(Instant::now() < until, "no log line holds {needle:?} after {deadline:?}:\n{}", self.stderr());
            self.transcript.wait_for_more(Duration::from_millis(20));
        }
    }

    /// Ends the process with SIGKILL, as a crash does, and waits for its end.
    pub fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill();
        }
    }

    /// Sends SIGTERM and waits for the end of the drain. Fails the test after 30 seconds.
    #[track_caller]
    pub fn terminate(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("the gateway is running");
        child.signal_term();
        child.wait(DRAIN).unwrap_or_else(|| panic!("no end within {DRAIN:?} of SIGTERM:\n{}", self.stderr()))
    }

    /// Sends SIGTERM and returns at once; the process stays ours, and dropping the gateway still ends it.
    #[track_caller]
    pub fn begin_termination(&self) {
        self.child.as_ref().expect("the gateway is running").signal_term();
    }

    /// Waits for the end of a process that was told to end. Fails the test after `deadline`.
    #[track_caller]
    pub fn wait_for_end(&mut self, deadline: Duration) -> ExitStatus {
        let mut child = self.child.take().expect("the gateway is running");
        child.wait(deadline).unwrap_or_else(|| panic!("no end within {deadline:?}:\n{}", self.stderr()))
    }

    /// Starts it again on the same data folder, after ending it if it still runs. It may listen on another port.
    #[track_caller]
    pub fn restart(&mut self) {
        if let Err(failed) = self.try_restart() {
            panic!("the gateway did not start again: {:?}\n{}", failed.status, failed.stderr);
        }
    }

    /// [`Gateway::restart`], or how it failed.
    ///
    /// # Errors
    /// As [`Builder::try_start`].
    pub fn try_restart(&mut self) -> Result<(), FailedStart> {
        self.kill9();
        let (child, address) = self.plan.spawn(&self.transcript)?;
        self.child = Some(child);
        self.address = address;
        self.admin_token = self.plan.read_admin_token();
        Ok(())
    }

    /// Changes a variable for the next start.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.plan.variables.retain(|(known, _)| known != name);
        self.plan.variables.push((name.into(), value.into()));
    }

    /// Writes a file into the folder that the process runs in, such as `wardbell.toml`, and answers with its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        self.plan.write(name, text)
    }

    /// Sends SIGHUP, which has it read its configuration anew, and returns at once.
    #[track_caller]
    pub fn hang_up(&self) {
        self.child.as_ref().expect("the gateway is running").signal_hup();
    }

    /// Opens a connection to it.
    #[track_caller]
    pub fn connect(&self) -> Connection {
        Connection::open(self.address)
    }
}

#[cfg(test)]
mod tests;
