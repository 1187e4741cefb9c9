//! Lines: connections to receivers, and those kept for a next call.
//!
//! A line in use is driven by the call that uses it, so dropping the call closes it. An idle line is driven by a task
//! that ends, and closes it, when the receiver closes its end or sends what nobody asked for, when [`IDLE_TIME`] is over,
//! when a call wants the line, or when the [`Idle`] that keeps it is dropped.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::meter::{Allowance, Metered};
use crate::url::{Destination, Host};

/// How long an idle connection is kept. Shorter than the 5 seconds after which Node.js closes its end
/// (`server.keepAliveTimeout`, <https://nodejs.org/api/http.html>), the shortest of the common servers.
pub const IDLE_TIME: Duration = Duration::from_secs(4);

/// How many idle connections are kept.
pub const IDLE_MAX: usize = 64;

/// How many idle connections to one scheme, host and port are kept.
pub const IDLE_PER_HOST_MAX: usize = 4;

type Driver = Pin<Box<Connection<TokioIo<Metered>, Full<Bytes>>>>;

/// A connection that speaks HTTP.
pub(crate) struct Line {
    pub(crate) requests: SendRequest<Full<Bytes>>,
    pub(crate) wire: Wire,
    /// How much the receiver may still send.
    pub(crate) allowance: Allowance,
}

/// The end of a line that moves bytes.
pub(crate) struct Wire {
    /// None: the connection has ended.
    driver: Option<Driver>,
}

impl Line {
    pub(crate) fn new(
        requests: SendRequest<Full<Bytes>>,
        driver: Connection<TokioIo<Metered>, Full<Bytes>>,
        allowance: Allowance,
    ) -> Self {
        Self { requests, wire: Wire { driver: Some(Box::pin(driver)) }, allowance }
    }
}

impl Wire {
    /// Moves bytes until `work` is done. If the connection ends first, `work` learns of it from hyper.
    pub(crate) async fn drive<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        if let Some(driver) = &mut self.driver {
            tokio::select! {
                biased;
                done = &mut work => return done,
                _ = driver => self.driver = None,
            }
        }
        work.await
    }
}

/// The idle lines.
#[derive(Default)]
pub(crate) struct Idle {
    kept: Mutex<Vec<Kept>>,
}

struct Kept {
    to: (Host, u16, bool),
    requests: SendRequest<Full<Bytes>>,
    allowance: Allowance,
    wanted: oneshot::Sender<()>,
    task: JoinHandle<Option<Driver>>,
}

impl Idle {
    /// Takes an idle line to that scheme, host and port, if there is one that works. Cancel-safe: a line that nobody
    /// waits for any more is closed.
    pub(crate) async fn take(&self, to: &Destination) -> Option<Line> {
        let key = key(to);
        loop {
            let Kept { requests, allowance, wanted, task, .. } = {
                let mut kept = self.open();
                let index = kept.iter().rposition(|line| line.to == key && line.requests.is_ready())?;
                kept.swap_remove(index)
            };
            // A task that ended meanwhile hears nothing and has no driver to give.
            let _ = wanted.send(());
            if let Ok(Some(driver)) = task.await {
                return Some(Line { requests, wire: Wire { driver: Some(driver) }, allowance });
            }
        }
    }

    /// Keeps a line whose last answer was read to its end, if there is room.
    pub(crate) fn keep(&self, to: &Destination, line: Line) {
        let Line { requests, wire: Wire { driver: Some(mut driver) }, allowance } = line else {
            return;
        };
        let key = key(to);
        let mut kept = self.open();
        let same = kept.iter().filter(|line| line.to == key).count();
        if kept.len() >= IDLE_MAX || same >= IDLE_PER_HOST_MAX {
            return;
        }
        let (wanted, called) = oneshot::channel();
        let task = tokio::spawn(async move {
            tokio::select! {
                biased;
                _ = &mut driver => None,
                called = called => called.ok().map(|()| driver),
                () = tokio::time::sleep(IDLE_TIME) => None,
            }
        });
        kept.push(Kept { to: key, requests, allowance, wanted, task });
    }

    /// The lines that have not ended.
    fn open(&self) -> MutexGuard<'_, Vec<Kept>> {
        // Nothing that runs under the lock can leave the list half changed.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|line| !line.task.is_finished());
        kept
    }
}

fn key(to: &Destination) -> (Host, u16, bool) {
    (to.host().clone(), to.port(), to.is_https())
}

#[cfg(test)]
impl Idle {
    /// How many lines are idle.
    pub(crate) fn count(&self) -> usize {
        self.open().len()
    }
}
