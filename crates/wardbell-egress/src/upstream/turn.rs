//! Turns: how many calls to one host may be under way.
//!
//! A call has its turn from before it is sent until its answer is read to the end or dropped. So a provider that slows down
//! holds back its own callers, and not the process's sockets.
//!
//! **Bounds.** [`HOSTS_MAX`] hosts are remembered; beyond that those without a call are forgotten.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The hosts that are remembered. Source: our choice; operators configure them, so there are few.
const HOSTS_MAX: usize = 1_000;

/// Who may call which host.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    per_host_max: usize,
    hosts: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
}

/// A turn at a host; over when it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Turns {
    pub(super) fn new(per_host_max: usize) -> Self {
        Self { per_host_max: per_host_max.clamp(1, Semaphore::MAX_PERMITS), hosts: Arc::default() }
    }

    /// Waits for a turn at a host (`name:port`, or a name for its scheme's usual port).
    pub(super) async fn at(&self, host: &str) -> Turn {
        let turns = self.of(host);
        // The semaphore is never closed.
        Turn { _permit: turns.acquire_owned().await.ok() }
    }

    fn of(&self, host: &str) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = hosts.get(host) {
            return Arc::clone(turns);
        }
        if hosts.len() >= HOSTS_MAX {
            hosts.retain(|_, turns| Arc::strong_count(turns) > 1 || turns.available_permits() < self.per_host_max);
        }
        let turns = Arc::new(Semaphore::new(self.per_host_max));
        hosts.insert(host.to_owned(), Arc::clone(&turns));
        turns
    }
}

/// A provider's answer on its way; its turn is over when it is dropped.
#[derive(Debug)]
pub struct AnswerStream {
    incoming: Incoming,
    _turn: Turn,
}

impl AnswerStream {
    pub(super) fn new(incoming: Incoming, turn: Turn) -> Self {
        Self { incoming, _turn: turn }
    }
}

impl Body for AnswerStream {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.incoming).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn calls_to_one_host_wait_for_their_turn_and_others_do_not() {
        let turns = Turns::new(2);
        let soon = Duration::from_secs(1);
        let first = turns.at("a").await;
        let _second = turns.at("a").await;
        assert!(tokio::time::timeout(soon, turns.at("a")).await.is_err());
        assert!(tokio::time::timeout(soon, turns.at("b")).await.is_ok());
        drop(first);
        assert!(tokio::time::timeout(soon, turns.at("a")).await.is_ok());
    }

    #[tokio::test]
    async fn hosts_without_a_call_are_forgotten() {
        let turns = Turns::new(1);
        let held = turns.at("held").await;
        for host in 0..HOSTS_MAX * 2 {
            drop(turns.at(&host.to_string()).await);
        }
        assert!(turns.hosts.lock().unwrap().len() <= HOSTS_MAX);
        assert!(turns.hosts.lock().unwrap().contains_key("held"));
        drop(held);
    }
}
