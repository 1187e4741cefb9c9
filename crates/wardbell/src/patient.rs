//! A connection whose peer must read what it is sent.
//!
//! **Why.** A caller that asks for an answer and never reads it would hold its place, its provider's connection and its
//! request's record for as long as it likes: bytes that wait for it stop everything behind them, and nothing else has a
//! clock there.
//!
//! **Bounds.** A write may wait [`STALL_MAX`] without a single byte taken; then it fails, and the connection ends. A peer
//! that takes bytes, however slowly, is left alone.

use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// How long a write may wait without progress. Source: our choice; as long as a provider may pause by default, so that a
/// caller which is waited for gets no less patience than one who waits.
const STALL_MAX: Duration = Duration::from_mins(2);

/// A connection with a clock on its writes.
pub(crate) struct Patient<S> {
    stream: S,
    /// Runs while a write waits.
    stall: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, stall: None }
    }

    /// Looks at the clock if a write waits, and stops it if one does not.
    fn judge<T>(&mut self, context: &mut Context<'_>, wrote: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if wrote.is_ready() {
            self.stall = None;
            return wrote;
        }
        let stall = self.stall.get_or_insert_with(|| Box::pin(tokio::time::sleep(STALL_MAX)));
        ready!(stall.as_mut().poll(context));
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(context, wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.judge(context, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::{Instant, sleep};

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_never_reads_is_given_up_in_time() {
        let (ours, _theirs) = tokio::io::duplex(16);
        let started = Instant::now();
        let failed = Patient::new(ours).write_all(&[0; 17]).await.unwrap_err();
        assert_eq!((failed.kind(), started.elapsed().as_secs()), (ErrorKind::TimedOut, STALL_MAX.as_secs()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_slowly_is_waited_for() {
        let (ours, mut theirs) = tokio::io::duplex(1);
        let mut ours = Patient::new(ours);
        let slow = async {
            let mut byte = [0];
            for _ in 0..10 {
                sleep(STALL_MAX.mul_f32(0.9)).await;
                theirs.read_exact(&mut byte).await.unwrap();
            }
        };
        let (wrote, ()) = tokio::join!(ours.write_all(&[0; 10]), slow);
        wrote.unwrap();
        // A pause between two writes is nobody's fault.
        sleep(2 * STALL_MAX).await;
        ours.write_all(&[0]).await.unwrap();
    }
}
