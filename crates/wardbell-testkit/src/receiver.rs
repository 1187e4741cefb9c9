//! A webhook receiver that remembers every delivery and answers as scripted.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::authority::{Authority, LOOPBACK_NAMES};
use crate::line::Line;
use crate::provider::behaviour::head;
use crate::request::Recorded;
use crate::server::{After, Server};

/// How a receiver answers one delivery.
#[derive(Clone, Debug)]
pub enum Reaction {
    /// This status and a short body.
    Status(u16),
    /// A status with headers (`Retry-After`, `Location`, …) and a body.
    Full {
        /// 100 to 999.
        code: u16,
        /// Lines beyond `Content-Length`.
        headers: Vec<(String, String)>,
        /// Exactly these bytes.
        body: Vec<u8>,
    },
    /// Nothing for this long, then the status.
    Slow(Duration, u16),
    /// Nothing until the sender goes away.
    Hang,
    /// The end of the connection in place of an answer.
    Close,
    /// These bytes in place of an answer, and the end of the connection.
    Raw(Vec<u8>),
}

/// A webhook receiver on a free port of 127.0.0.1.
pub struct FakeReceiver {
    server: Server,
    state: Arc<State>,
    ca_pem: Option<String>,
}

#[derive(Default)]
struct State {
    inner: Mutex<Inner>,
    changed: Condvar,
}

struct Inner {
    deliveries: Vec<Recorded>,
    script: VecDeque<Reaction>,
    otherwise: Reaction,
}

impl Default for Inner {
    fn default() -> Self {
        Inner { deliveries: Vec::new(), script: VecDeque::new(), otherwise: Reaction::Status(200) }
    }
}

impl FakeReceiver {
    /// Starts one that speaks plain HTTP.
    pub fn start_plain() -> FakeReceiver {
        FakeReceiver::listen(None)
    }

    /// Starts one that speaks TLS, with a certificate for 127.0.0.1 and localhost from an authority of its own.
    pub fn start_tls() -> FakeReceiver {
        FakeReceiver::start_tls_as(&Authority::new(), LOOPBACK_NAMES)
    }

    /// Starts one that speaks TLS, with a certificate for `names` from `authority`.
    pub fn start_tls_as(authority: &Authority, names: &[&str]) -> FakeReceiver {
        FakeReceiver::listen(Some((authority, names)))
    }

    fn listen(tls: Option<(&Authority, &[&str])>) -> FakeReceiver {
        let state = Arc::new(State::default());
        let answering = Arc::clone(&state);
        let server = Server::start(
            tls.map(|(authority, names)| authority.server(names)),
            Box::new(move |line, request| answering.answer(line, request)),
        );
        FakeReceiver { server, state, ca_pem: tls.map(|(authority, _)| authority.ca_pem()) }
    }

    /// Where to send alerts: `https://127.0.0.1:PORT/hook`, or `http` where it speaks plain HTTP.
    pub fn url(&self) -> String {
        self.url_at("127.0.0.1", "/hook")
    }

    /// The same receiver under another name and path, such as `localhost` and `/services/T000/B000`.
    pub fn url_at(&self, host: &str, path: &str) -> String {
        let scheme = if self.ca_pem.is_some() { "https" } else { "http" };
        format!("{scheme}://{host}:{}{path}", self.port())
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// The certificate to trust. Fails the test on a receiver without TLS.
    #[track_caller]
    pub fn ca_pem(&self) -> String {
        self.ca_pem.clone().expect("this receiver speaks TLS")
    }

    /// Adds statuses for the next deliveries; after them comes the default, 200.
    pub fn answer_with(&self, statuses: &[u16]) -> &Self {
        self.state.lock().script.extend(statuses.iter().map(|&status| Reaction::Status(status)));
        self
    }

    /// Adds one reaction to the end of the script.
    pub fn next(&self, reaction: Reaction) -> &Self {
        self.state.lock().script.push_back(reaction);
        self
    }

    /// Reacts like this whenever the script is at its end.
    pub fn otherwise(&self, reaction: Reaction) -> &Self {
        self.state.lock().otherwise = reaction;
        self
    }

    /// Every delivery so far, answered or not, in the order in which their bodies were complete.
    pub fn deliveries(&self) -> Vec<Recorded> {
        self.state.lock().deliveries.clone()
    }

    /// How many connections have been opened to it.
    pub fn connections(&self) -> u64 {
        self.server.accepted()
    }

    /// Waits until `count` deliveries have come and answers with all of them. Fails the test after `deadline`.
    ///
    /// The deadline is real time, also where tokio's clock is paused.
    pub async fn wait_for(&self, count: usize, deadline: Duration) -> Vec<Recorded> {
        let state = Arc::clone(&self.state);
        let wait = tokio::task::spawn_blocking(move || state.wait(count, deadline));
        match wait.await {
            Ok(deliveries) => enough(deliveries, count, deadline),
            Err(error) => panic!("waiting for deliveries failed: {error}"),
        }
    }

    /// [`FakeReceiver::wait_for`] for tests without a runtime.
    #[track_caller]
    pub fn wait_for_blocking(&self, count: usize, deadline: Duration) -> Vec<Recorded> {
        enough(self.state.wait(count, deadline), count, deadline)
    }

    /// Fails the test if a delivery beyond `count` comes within `quiet`.
    #[track_caller]
    pub fn expect_no_more_than(&self, count: usize, quiet: Duration) {
        let came = self.state.wait(count + 1, quiet).len();
        assert!(came <= count, "{came} deliveries came where at most {count} were expected");
    }
}

#[track_caller]
fn enough(deliveries: Vec<Recorded>, count: usize, deadline: Duration) -> Vec<Recorded> {
    assert!(deliveries.len() >= count, "{} of {count} deliveries came within {deadline:?}", deliveries.len());
    deliveries
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nobody panics while holding the state of a fake")
    }

    fn wait(&self, count: usize, deadline: Duration) -> Vec<Recorded> {
        let until = Instant::now() + deadline;
        let mut inner = self.lock();
        while inner.deliveries.len() < count {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            inner = self.changed.wait_timeout(inner, left).expect("nobody panics while holding the state of a fake").0;
        }
        inner.deliveries.clone()
    }

    fn answer(&self, line: &mut Line, request: Recorded) -> io::Result<After> {
        let reaction = {
            let mut inner = self.lock();
            inner.deliveries.push(request);
            inner.script.pop_front().unwrap_or_else(|| inner.otherwise.clone())
        };
        self.changed.notify_all();
        match reaction {
            Reaction::Status(code) => short(line, code),
            Reaction::Full { code, headers, body } => {
                line.write(&[head(code, &headers, body.len()), body].concat())?;
                Ok(After::Keep)
            }
            Reaction::Slow(pause, code) => {
                line.pause(pause)?;
                short(line, code)
            }
            Reaction::Hang => {
                line.wait_until(|| false)?;
                Err(ErrorKind::ConnectionReset.into())
            }
            Reaction::Close => Ok(After::Close),
            Reaction::Raw(bytes) => {
                line.write(&bytes)?;
                Ok(After::Close)
            }
        }
    }
}

fn short(line: &mut Line, code: u16) -> io::Result<After> {
    let body: &[u8] = match code {
        200..=299 => b"ok",
        _ => b"not now",
    };
    // A 204 or 304 has no body, and no length either (RFC 9110, section 8.6).
    if matches!(code, 204 | 304) {
        line.write(format!("HTTP/1.1 {code} No Content\r\n\r\n").as_bytes())?;
    } else {
        line.write(&[&head(code, &[("content-type".to_owned(), "text/plain".to_owned())], body.len()), body].concat())?;
    }
    Ok(After::Keep)
}

#[cfg(test)]
mod tests;
