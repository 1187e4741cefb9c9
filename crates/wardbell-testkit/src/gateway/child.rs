//! The process and what it writes.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The most that is kept of each output. A process that writes more is at fault; its later lines are read and dropped.
const OUTPUT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What the processes of one gateway wrote.
#[derive(Default)]
pub(super) struct Transcript {
    texts: Mutex<Texts>,
    more: Condvar,
}

#[derive(Default)]
struct Texts {
    out: String,
    err: String,
}

impl Transcript {
    pub(super) fn stdout(&self) -> String {
        self.lock().out.clone()
    }

    pub(super) fn stderr(&self) -> String {
        self.lock().err.clone()
    }

    /// Waits until something is written, at most this long.
    pub(super) fn wait_for_more(&self, at_most: Duration) {
        drop(self.more.wait_timeout(self.lock(), at_most));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Texts> {
        self.texts.lock().expect("nobody panics while holding a transcript")
    }

    fn copy(&self, from: impl Read, pick: fn(&mut Texts) -> &mut String) {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
            {
                let mut texts = self.lock();
                let kept = pick(&mut texts);
                if kept.len() + line.len() <= OUTPUT_BYTES_MAX {
                    kept.push_str(&String::from_utf8_lossy(&line));
                }
            }
            self.more.notify_all();
            line.clear();
        }
    }
}

/// A process of ours. Dropping it kills it.
pub(super) struct Child {
    process: std::process::Child,
    transcript: Arc<Transcript>,
    /// Where this process's part of standard output starts.
    stdout_from: usize,
    readers: Vec<JoinHandle<()>>,
}

impl Child {
    pub(super) fn spawn(
        binary: &Path,
        folder: &Path,
        variables: &[(OsString, OsString)],
        arguments: &[OsString],
        transcript: Arc<Transcript>,
    ) -> Child {
        let mut command = Command::new(binary);
        command.arg("serve").args(arguments).current_dir(folder).env_clear();
        #[expect(clippy::disallowed_methods, reason = "the child gets these variables of the test and no others")]
        for passed in ["PATH", "HOME", "TMPDIR", "RUST_BACKTRACE", "LLVM_PROFILE_FILE"] {
            if let Ok(value) = std::env::var(passed) {
                command.env(passed, value);
            }
        }
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let stdout_from = transcript.stdout().len();
        let mut process =
            command.spawn().unwrap_or_else(|error| panic!("{} could not be run: {error}", binary.display()));
        let mut readers = Vec::new();
        if let (Some(out), Some(err)) = (process.stdout.take(), process.stderr.take()) {
            let (to, also) = (Arc::clone(&transcript), Arc::clone(&transcript));
            readers.push(std::thread::spawn(move || {
                to.copy(out, |texts| &mut texts.out);
            }));
            readers.push(std::thread::spawn(move || {
                also.copy(err, |texts| &mut texts.err);
            }));
        }
        Child { process, transcript, stdout_from, readers }
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The address on the line that starts with `marker`, once it is complete.
    pub(super) fn ready_address(&self, marker: &str) -> Option<SocketAddr> {
        let stdout = self.transcript.stdout();
        let lines = stdout.get(self.stdout_from..)?;
        let lines = lines.get(..=lines.rfind('\n')?)?;
        lines.lines().find_map(|line| line.strip_prefix(marker)?.trim_end_matches('/').parse().ok())
    }

    /// How it ended, with everything it wrote in the transcript; `None` while it runs.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.process.try_wait().ok().flatten()?;
        self.join_readers();
        Some(status)
    }

    pub(super) fn wait(&mut self, deadline: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + deadline;
        loop {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            if Instant::now() >= until {
                return None;
            }
            self.transcript.wait_for_more(Duration::from_millis(10));
        }
    }

    pub(super) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        self.join_readers();
    }

    /// Sends SIGTERM by way of `kill`: the standard library has only SIGKILL, and this workspace forbids unsafe code.
    pub(super) fn signal_term(&self) {
        let sent = Command::new("kill").arg("-TERM").arg(self.pid().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -TERM could not be sent");
    }

    /// Sends SIGHUP in the same way.
    pub(super) fn signal_hup(&self) {
        let sent = Command::new("kill").arg("-HUP").arg(self.pid().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -HUP could not be sent");
    }

    fn join_readers(&mut self) {
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}
