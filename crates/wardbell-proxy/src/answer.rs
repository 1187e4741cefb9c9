//! The answer on its way back to the caller.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};
use wardbell_core::outcome::Outcome;
use wardbell_egress::upstream::AnswerStream;
use wardbell_llm::dialect::Dialect;
use wardbell_llm::stream::{self, StreamObserver};

use crate::ask_usage::Strip;
use crate::drain::Drains;
use crate::flight::Flight;
use crate::guarded::{Guarded, Onward};
use crate::loops::{ChantWatch, LoopGuard};

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

/// A stream of events from a provider. An observer reads along for the usage; where the policy looks at answers, a guard
/// holds back what it is not sure of, and otherwise bytes pass as they come.
pub struct Stream {
    /// What is left of the provider's answer; `None` when it is over or nobody wants it.
    upstream: Option<AnswerStream>,
    observer: StreamObserver,
    guarded: Option<Guarded>,
    chant: Option<(ChantWatch, Arc<LoopGuard>)>,
    strip: Option<Strip>,
    flight: Option<Flight>,
    idle: Pin<Box<Sleep>>,
    idle_time_max: Duration,
    stage: Stage,
    dialect: Dialect,
    drains: Drains,
}

/// What a stream is made of.
pub(crate) struct StreamParts {
    pub(crate) upstream: AnswerStream,
    pub(crate) dialect: Dialect,
    pub(crate) guarded: Option<Guarded>,
    pub(crate) chant: Option<(ChantWatch, Arc<LoopGuard>)>,
    pub(crate) strip: Option<Strip>,
    pub(crate) idle_time_max: Duration,
    pub(crate) drains: Drains,
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

/// What a caller is told when a provider breaks off in the middle of a stream.
const BROKEN_OFF: &str = "the provider broke off its answer";

/// What a caller is told when an answer is stopped because it chants.
const CHANTED: &str = "the answer was stopped: it says the same again and again";

impl AnswerBody {
    /// An answer of a request that nobody records: it had no good key.
    pub(crate) fn unrecorded(bytes: Bytes) -> Self {
        Self::Whole(Box::new(Whole { bytes: Some(bytes), end: None }))
    }

    /// An answer that ends its flight with `outcome` once it is handed over.
    pub(crate) fn whole(bytes: Bytes, flight: Flight, outcome: Outcome) -> Self {
        let mut whole = Whole { bytes: Some(bytes), end: Some((flight, outcome)) };
        if whole.bytes.as_ref().is_some_and(Bytes::is_empty) {
            // The server asks for no bytes where there are none, which would look like a caller that left.
            let _ = whole.next();
        }
        Self::Whole(Box::new(whole))
    }

    /// The answer to a `HEAD`: its body is never asked for, so that a whole one is over now.
    #[must_use]
    pub(crate) fn unsent(mut self) -> Self {
        match &mut self {
            Self::Whole(whole) => drop(whole.next()),
            // A provider does not stream where there is no body; if one does, its caller has left.
            Self::Stream(_) => {}
        }
        self
    }

    /// A provider's stream.
    pub(crate) fn stream(parts: StreamParts, flight: Flight) -> Self {
        let StreamParts { upstream, dialect, guarded, chant, strip, idle_time_max, drains } = parts;
        Self::Stream(Box::new(Stream {
            upstream: Some(upstream),
            observer: StreamObserver::new(dialect),
            guarded,
            chant,
            strip,
            flight: Some(flight),
            idle: Box::pin(tokio::time::sleep(idle_time_max)),
            idle_time_max,
            stage: Stage::Flowing,
            dialect,
            drains,
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
                    self.report();
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

    /// The next bytes for the caller; `None` when there are none to pass on now, or the stage has changed.
    fn poll_upstream(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(upstream) = self.upstream.as_mut() else { return Poll::Ready(None) };
        match Pin::new(upstream).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.idle.as_mut().reset(Instant::now() + self.idle_time_max);
                // Trailers end at this hop.
                let bytes = frame.into_data().unwrap_or_default();
                self.observer.push(&bytes);
                if let Some(goodbye) = self.chanted(&bytes) {
                    return Poll::Ready(Some(goodbye));
                }
                let bytes = match &mut self.strip {
                    None => bytes,
                    Some(strip) => Bytes::from(strip.push(&bytes)),
                };
                Poll::Ready(self.guard(bytes))
            }
            Poll::Ready(None) => {
                self.upstream = None;
                // A provider that fails within a stream says so in an event, and ends it in good order.
                let failed = self.observer.has_failed();
                self.stage = Stage::Ending(if failed { Outcome::UpstreamFailed } else { Outcome::Served });
                Poll::Ready(self.rest())
            }
            Poll::Ready(Some(Err(_))) => Poll::Ready(self.break_off()),
            Poll::Pending => {
                ready!(self.idle.as_mut().poll(context));
                Poll::Ready(self.break_off())
            }
        }
    }

    /// Stops an answer that says the same again and again, and saves what the rest of it would cost.
    fn chanted(&mut self, piece: &[u8]) -> Option<Bytes> {
        let (watch, guard) = self.chant.as_mut()?;
        let chanting = watch.push(piece)?;
        let flight = self.flight.as_mut()?;
        let data = guard.chanted(flight.key(), flight.model(), chanting);
        flight.chanted(data);
        self.upstream = None;
        self.stage = Stage::Ending(Outcome::Refused);
        Some(Bytes::from(stream::blocked_end(self.dialect, &stream::Told::default(), CHANTED)))
    }

    fn guard(&mut self, bytes: Bytes) -> Option<Bytes> {
        match &mut self.guarded {
            None => (!bytes.is_empty()).then_some(bytes),
            Some(guarded) => {
                let onward = guarded.push(&bytes);
                self.pass(onward)
            }
        }
    }

    /// Passes on what the guard lets through, and ends the stream where it says so.
    fn pass(&mut self, onward: Onward) -> Option<Bytes> {
        let Onward { bytes, ended } = onward;
        if ended {
            // The provider's answer is of no use any more; leaving it unread ends it there, too.
            self.upstream = None;
            self.stage = Stage::Ending(Outcome::Refused);
        }
        (!bytes.is_empty()).then(|| Bytes::from(bytes))
    }

    /// What was held when the provider's stream ended.
    fn rest(&mut self) -> Option<Bytes> {
        let held = self.strip.as_mut().map(Strip::finish).unwrap_or_default();
        let mut last = self.guard(Bytes::from(held)).map(Vec::from).unwrap_or_default();
        if !matches!(self.stage, Stage::Ending(Outcome::Refused))
            && let Some(guarded) = self.guarded.as_mut()
        {
            let onward = guarded.finish();
            last.extend(self.pass(onward).unwrap_or_default());
        }
        (!last.is_empty()).then(|| Bytes::from(last))
    }

    fn break_off(&mut self) -> Option<Bytes> {
        self.upstream = None;
        if self.observer.is_done() {
            // The caller has all of it; how the provider hung up does not matter.
            self.stage = Stage::Ending(Outcome::Served);
            return self.rest();
        }
        self.stage = Stage::Ending(Outcome::UpstreamFailed);
        let held = self.rest();
        if matches!(self.stage, Stage::Ending(Outcome::Refused)) {
            return held;
        }
        let mut last = held.map(Vec::from).unwrap_or_default();
        last.extend(stream::broken_off(self.dialect, BROKEN_OFF));
        Some(Bytes::from(last))
    }

    /// Tells the flight what the answer used and what was found in it.
    fn report(&mut self) {
        if let Some(flight) = &mut self.flight {
            flight.used(self.observer.usage());
            if let Some(guarded) = self.guarded.take() {
                guarded.report(flight);
            }
        }
    }

    fn close(&mut self, outcome: Outcome) {
        if let Some(flight) = self.flight.take() {
            let status = flight.status();
            flight.end(outcome, status);
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.flight.is_none() {
            return;
        }
        self.report();
        // Clients hang up as soon as they have read the end mark.
        if self.observer.is_done() {
            return self.close(Outcome::Served);
        }
        match (self.upstream.take(), self.flight.take()) {
            (Some(upstream), Some(flight)) => {
                self.drains.stream(
                    upstream,
                    std::mem::replace(&mut self.observer, StreamObserver::new(self.dialect)),
                    flight,
                );
            }
            (_, flight) => {
                self.flight = flight;
                self.close(Outcome::Abandoned);
            }
        }
    }
}
