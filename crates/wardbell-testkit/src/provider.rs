//! A provider that does as it is told and remembers what it was sent.
//!
//! It speaks every dialect of [`dialect::Dialect`] at once, each on the paths that the real provider has, so that one
//! fake serves as OpenAI, Anthropic, Gemini or Cohere, and two of them as a provider and the one to fall back on.
//!
//! A [`FakeProvider`] answers each request with the next [`Behaviour`] of its queue, and with its default once the queue
//! is empty. `GET …/models` is answered with a short list and takes nothing from the queue.
//!
//! ```
//! use wardbell_testkit::provider::{Behaviour, FakeProvider};
//!
//! let provider = FakeProvider::start();
//! provider.next(Behaviour::status(500, r#"{"error":{"message":"down","type":"server_error"}}"#));
//! provider.otherwise(Behaviour::answer("All is well."));
//! assert!(provider.url().ends_with("/v1"));
//! assert!(provider.requests().is_empty());
//! ```

pub mod behaviour;
pub mod dialect;
pub mod hold;

pub mod cohere;
pub mod completion;
pub mod embedding;
pub mod gemini;
pub mod messages;
pub mod responses;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

pub use self::behaviour::Behaviour;
use crate::line::Line;
use crate::request::Recorded;
use crate::server::{After, Server};

/// A provider on a free port of 127.0.0.1.
pub struct FakeProvider {
    server: Server,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    inner: Mutex<Inner>,
    changed: Condvar,
}

struct Inner {
    requests: Vec<Recorded>,
    queue: VecDeque<Behaviour>,
    otherwise: Behaviour,
    abandoned: usize,
}

impl Default for Inner {
    fn default() -> Self {
        Inner {
            requests: Vec::new(),
            queue: VecDeque::new(),
            otherwise: Behaviour::answer("It is sunny in the valley."),
            abandoned: 0,
        }
    }
}

impl FakeProvider {
    /// Starts one that answers every request with a short sentence, as a stream where a stream is asked for.
    pub fn start() -> FakeProvider {
        let state = Arc::new(State::default());
        let answering = Arc::clone(&state);
        let server = Server::start(None, Box::new(move |line, request| answering.answer(line, &request)));
        FakeProvider { server, state }
    }

    /// The base URL to configure: `http://127.0.0.1:PORT/v1`.
    pub fn url(&self) -> String {
        format!("{}/v1", self.origin())
    }

    /// The base URL without a path, for providers whose paths begin otherwise: `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Answers every request that the queue has nothing for like this from now on.
    pub fn otherwise(&self, behaviour: Behaviour) -> &Self {
        self.state.lock().otherwise = behaviour;
        self
    }

    /// Adds one answer to the end of the queue.
    pub fn next(&self, behaviour: Behaviour) -> &Self {
        self.state.lock().queue.push_back(behaviour);
        self
    }

    /// Every request so far, in the order in which their bodies were complete.
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.lock().requests.clone()
    }

    /// The latest request. Fails the test if there is none.
    #[track_caller]
    pub fn last(&self) -> Recorded {
        self.requests().pop().expect("the provider was called")
    }

    /// How many requests have come.
    pub fn calls(&self) -> usize {
        self.state.lock().requests.len()
    }

    /// How many answers were not finished because the caller went away.
    pub fn abandoned(&self) -> usize {
        self.state.lock().abandoned
    }

    /// How many connections have been opened to it; fewer than [`FakeProvider::calls`] where they are kept alive.
    pub fn connections(&self) -> u64 {
        self.server.accepted()
    }

    /// Waits until `count` requests have come. Fails the test after `deadline`.
    #[track_caller]
    pub fn wait_for(&self, count: usize, deadline: Duration) -> Vec<Recorded> {
        let inner = self.state.wait(deadline, |inner| inner.requests.len() >= count);
        let requests = inner.requests.clone();
        drop(inner);
        assert!(requests.len() >= count, "{} of {count} requests came within {deadline:?}", requests.len());
        requests
    }

    /// Waits until `count` answers were abandoned by their caller. Fails the test after `deadline`.
    #[track_caller]
    pub fn wait_for_abandoned(&self, count: usize, deadline: Duration) {
        let abandoned = self.state.wait(deadline, |inner| inner.abandoned >= count).abandoned;
        assert!(abandoned >= count, "{abandoned} of {count} answers were abandoned within {deadline:?}");
    }
}

impl State {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().expect("nobody panics while holding the state of a fake")
    }

    fn wait(&self, deadline: Duration, done: impl Fn(&Inner) -> bool) -> std::sync::MutexGuard<'_, Inner> {
        let until = Instant::now() + deadline;
        let mut inner = self.lock();
        while !done(&inner) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            inner = self.changed.wait_timeout(inner, left).expect("nobody panics while holding the state of a fake").0;
        }
        inner
    }

    fn answer(&self, line: &mut Line, request: &Recorded) -> io::Result<After> {
        let lists_models = request.method == "GET" && request.path.ends_with("/models");
        let behaviour = {
            let mut inner = self.lock();
            inner.requests.push(request.clone());
            let next = if lists_models { None } else { inner.queue.pop_front() };
            next.unwrap_or_else(|| inner.otherwise.clone())
        };
        self.changed.notify_all();
        let behaviour = if lists_models { Behaviour::body(completion::models()) } else { behaviour };
        let after = behaviour.perform(line, request);
        if after.is_err() {
            self.lock().abandoned += 1;
            self.changed.notify_all();
        }
        after
    }
}

#[cfg(test)]
mod tests;
