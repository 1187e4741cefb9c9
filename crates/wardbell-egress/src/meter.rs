//! Meter: how much a receiver may send before the head of its answer is complete.
//!
//! HTTP lets a server send any number of interim answers (`100`, `103`) before the final one, and the HTTP library skips
//! them for as long as they come. A deadline alone would let a receiver keep a core busy until then.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::dial::Channel;

/// How many bytes may still be read, shared between a connection and who uses it.
#[derive(Debug, Clone)]
pub(crate) struct Allowance(Arc<AtomicUsize>);

impl Allowance {
    /// No bound: [`usize::MAX`] bytes cannot be read in the life of a connection.
    pub(crate) fn unbounded() -> Self {
        Self(Arc::new(AtomicUsize::new(usize::MAX)))
    }

    /// Allows so many bytes from now on.
    pub(crate) fn set(&self, bytes: usize) {
        self.0.store(bytes, Ordering::Relaxed);
    }

    /// Takes the bound away.
    pub(crate) fn lift(&self) {
        self.set(usize::MAX);
    }

    fn spend(&self, bytes: usize) -> Result<(), Spent> {
        let less = |left: usize| left.checked_sub(bytes);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).map(drop).map_err(|_| Spent)
    }
}

/// The receiver sent more than it may before the head of its answer.
#[derive(Debug, thiserror::Error)]
#[error("too much came before the head of the answer was complete")]
pub(crate) struct Spent;

/// A connection with a bound on what is read from it.
pub(crate) struct Metered {
    channel: Channel,
    allowance: Allowance,
}

impl Metered {
    pub(crate) const fn new(channel: Channel, allowance: Allowance) -> Self {
        Self { channel, allowance }
    }
}

impl AsyncRead for Metered {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        std::task::ready!(Pin::new(&mut this.channel).poll_read(cx, buffer))?;
        Poll::Ready(this.allowance.spend(buffer.filled().len() - before).map_err(io::Error::other))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().channel).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().channel).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().channel).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().channel).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.channel.is_write_vectored()
    }
}
