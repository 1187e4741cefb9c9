//! The answer on its way back to the caller.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};
use wardbell_core::outcome::Outcome;
use wardbell_llm::dialect::Dialect;
use wardbell_llm::stream::{self, StreamObserver};

use crate::flight::Flight;

/// A body on its way to the caller; it records its request when it ends, or when it is dropped.
pub enum AnswerBody {
    /// An answer that is there as a whole.
    Whole(Box<Whole>),
    /// A stream, passed on as it comes.
    Stream(Box<Stream>),
}

/// An answer that is there as a whole.
pub struct Whole {
    bytes: Option<Bytes>,
    end: Option<(Flight, Outcome)>,
}

/// A stream of events from a provider. Bytes pass as they come; an observer reads along for the usage.
pub struct Stream {
    upstream: Incoming,
    observer: StreamObserver,
    flight: Option<Flight>,
    idle: Pin<Box<Sleep>>,
    idle_time_max: Duration,
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    /// Bytes come.
    Flowing,
    /// The last byte was passed on; the request's alerts must be committed before the end is told.
    Ending(Outcome),
    /// The end was told.
    Ended,
}

/// What a caller is told when a provider breaks off in the middle of a stream (`spec/wire-aisg.md` 1.10, streaming).
const BROKEN_OFF: &str = "the provider broke off its answer";

impl AnswerBody {
    /// An answer of a request that nobody records: it had no good key.
    pub(crate) fn unrecorded(bytes: Bytes) -> Self {
        Self::Whole(Box::new(Whole { bytes: Some(bytes), end: None }))
    }

    /// An answer that ends its flight with `outcome` once it is handed over.
    pub(crate) fn whole(bytes: Bytes, flight: Flight, outcome: Outcome) -> Self {
        Self::Whole(Box::new(Whole { bytes: Some(bytes), end: Some((flight, outcome)) }))
    }

    /// A provider's stream.
    pub(crate) fn stream(upstream: Incoming, flight: Flight, idle_time_max: Duration) -> Self {
        Self::Stream(Box::new(Stream {
            upstream,
            observer: StreamObserver::new(Dialect::ChatCompletions),
            flight: Some(flight),
            idle: Box::pin(tokio::time::sleep(idle_time_max)),
            idle_time_max,
            stage: Stage::Flowing,
        }))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(whole) => Poll::Ready(whole.next().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(stream) => stream.poll_next(context).map(|next| next.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.bytes.is_none(),
            Self::Stream(stream) => matches!(stream.stage, Stage::Ended),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => SizeHint::with_exact(whole.bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

impl Whole {
    fn next(&mut self) -> Option<Bytes> {
        let bytes = self.bytes.take()?;
        if let Some((flight, outcome)) = self.end.take() {
            let status = flight.status();
            flight.end(outcome, status);
        }
        (!bytes.is_empty()).then_some(bytes)
    }
}

impl Stream {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            match self.stage {
                Stage::Flowing => match self.poll_upstream(context) {
                    Poll::Ready(Some(bytes)) => return Poll::Ready(Some(bytes)),
                    Poll::Ready(None) => {}
                    Poll::Pending => return Poll::Pending,
                },
                Stage::Ending(outcome) => {
                    if let Some(flight) = &mut self.flight {
                        ready!(std::pin::pin!(flight.alerts_committed()).poll(context));
                    }
                    self.stage = Stage::Ended;
                    self.close(outcome);
                }
                Stage::Ended => return Poll::Ready(None),
            }
        }
    }

    /// The next bytes for the caller; `None` when the stage has changed.
    fn poll_upstream(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match Pin::new(&mut self.upstream).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.idle.as_mut().reset(Instant::now() + self.idle_time_max);
                // Trailers end at this hop.
                let bytes = frame.into_data().unwrap_or_default();
                self.observer.push(&bytes);
                Poll::Ready(Some(bytes))
            }
            Poll::Ready(None) => {
                // A provider that fails within a stream says so in an event, and ends it in good order.
                let failed = self.observer.has_failed();
                self.stage = Stage::Ending(if failed { Outcome::UpstreamFailed } else { Outcome::Served });
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(_))) => Poll::Ready(self.break_off()),
            Poll::Pending => {
                ready!(self.idle.as_mut().poll(context));
                Poll::Ready(self.break_off())
            }
        }
    }

    fn break_off(&mut self) -> Option<Bytes> {
        if self.observer.is_done() {
            // The caller has all of it; how the provider hung up does not matter.
            self.stage = Stage::Ending(Outcome::Served);
            return None;
        }
        self.stage = Stage::Ending(Outcome::UpstreamFailed);
        Some(Bytes::from(stream::broken_off(Dialect::ChatCompletions, BROKEN_OFF)))
    }

    fn close(&mut self, outcome: Outcome) {
        if let Some(mut flight) = self.flight.take() {
            flight.used(self.observer.usage());
            let status = flight.status();
            flight.end(outcome, status);
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // Clients hang up as soon as they have read the end mark.
        let outcome = if self.observer.is_done() { Outcome::Served } else { Outcome::Abandoned };
        self.close(outcome);
    }
}
