//! What goes on when a caller leaves: the provider's answer is read to its end for what it says of the usage, in a task of
//! its own.
//!
//! **Bounds.** [`DRAINS_MAX`] at a time; beyond that an exchange is dropped, which also ends it at the provider. Each is
//! given up after [`crate::gateway::Limits::abandoned_time_max`], or when Wardbell stops: what was read until then counts.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use wardbell_core::outcome::Outcome;
use wardbell_egress::upstream::AnswerStream;
use wardbell_llm::stream::StreamObserver;

use crate::flight::Flight;

/// How many exchanges go on after their callers left. Source: our choice; each holds a connection to a provider.
pub const DRAINS_MAX: usize = 256;

/// Where exchanges go on.
#[derive(Debug, Clone)]
pub struct Drains {
    places: Arc<Semaphore>,
    time_max: Duration,
    stop: Arc<watch::Sender<bool>>,
}

impl Drains {
    /// Drains that are each given up after `time_max`.
    pub fn new(time_max: Duration) -> Self {
        Self { places: Arc::new(Semaphore::new(DRAINS_MAX)), time_max, stop: Arc::new(watch::Sender::new(false)) }
    }

    /// The same places, where what goes on from now is given up after another time.
    #[must_use]
    pub fn with_time_max(&self, time_max: Duration) -> Self {
        Self { time_max, ..self.clone() }
    }

    /// Gives up all that goes on without its caller, now and later.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Runs something until it ends, its time is over, or Wardbell stops.
    async fn bounded<T>(self, work: impl Future<Output = T>) -> Option<T> {
        let mut stop = self.stop.subscribe();
        tokio::select! {
            done = tokio::time::timeout(self.time_max, work) => done.ok(),
            _ = stop.wait_for(|stop| *stop) => None,
        }
    }

    fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// Runs an exchange where it is; if it is dropped before its end, it goes on in a task of its own.
    pub(crate) fn keep<F>(&self, exchange: F) -> Kept<F>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        Kept { exchange: Some(Box::pin(exchange)), drains: self.clone() }
    }

    /// Reads the rest of a stream whose caller left, and then ends its flight.
    pub(crate) fn stream(&self, upstream: AnswerStream, mut observer: StreamObserver, mut flight: Flight) {
        let place = self.place();
        let drains = self.clone();
        let rest = async move {
            if place.is_some() {
                // Whatever was read until then counts.
                drains.bounded(read(upstream, &mut observer)).await;
            }
            flight.used(observer.usage());
            flight.alerts_committed().await;
            let status = flight.status();
            flight.end(Outcome::Abandoned, status);
        };
        tokio::spawn(rest);
    }
}

async fn read(upstream: AnswerStream, observer: &mut StreamObserver) {
    let mut upstream = std::pin::pin!(upstream);
    while !observer.is_done() {
        let frame = std::future::poll_fn(|context| upstream.as_mut().poll_frame(context)).await;
        let Some(Ok(frame)) = frame else { return };
        if let Ok(bytes) = frame.into_data() {
            observer.push(&bytes);
        }
    }
}

/// An exchange that outlives its caller.
pub(crate) struct Kept<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    exchange: Option<Pin<Box<F>>>,
    drains: Drains,
}

impl<F> Future for Kept<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(exchange) = self.exchange.as_mut() else { return Poll::Pending };
        let polled = exchange.as_mut().poll(context);
        if polled.is_ready() {
            self.exchange = None;
        }
        polled
    }
}

impl<F> Drop for Kept<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn drop(&mut self) {
        let Some(exchange) = self.exchange.take() else { return };
        // Without a place the exchange is dropped here, and its flight records that the caller left.
        let (Some(place), Ok(runtime)) = (self.drains.place(), tokio::runtime::Handle::try_current()) else { return };
        let drains = self.drains.clone();
        runtime.spawn(async move {
            // What comes of it is for nobody but the record, which its flight writes.
            drop(drains.bounded(exchange).await);
            drop(place);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test(start_paused = true)]
    async fn an_exchange_that_is_dropped_goes_on_and_is_given_up_in_time() {
        static ENDED: AtomicUsize = AtomicUsize::new(0);
        let drains = Drains::new(Duration::from_secs(30));
        let exchange = |seconds| async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            ENDED.fetch_add(1, Ordering::SeqCst);
        };
        for seconds in [10, 40] {
            let mut kept = Box::pin(drains.keep(exchange(seconds)));
            assert!(futures_util::poll!(kept.as_mut()).is_pending());
            drop(kept);
        }
        tokio::time::sleep(Duration::from_mins(2)).await;
        assert_eq!(ENDED.load(Ordering::SeqCst), 1);
        assert_eq!(drains.places.available_permits(), DRAINS_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn beyond_the_bound_an_exchange_ends_with_its_caller() {
        let drains = Drains::new(Duration::from_secs(30));
        let taken: Vec<_> = (0..DRAINS_MAX).map(|_| drains.place().unwrap()).collect();
        let (guard, gone) = tokio::sync::oneshot::channel::<()>();
        let mut kept = Box::pin(drains.keep(async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        }));
        assert!(futures_util::poll!(kept.as_mut()).is_pending());
        drop(kept);
        assert!(gone.await.is_err(), "the exchange is gone");
        drop(taken);
    }

    #[tokio::test]
    async fn an_exchange_that_ends_is_not_touched() {
        let drains = Drains::new(Duration::from_secs(30));
        assert_eq!(drains.keep(async { 7 }).await, 7);
        assert_eq!(drains.places.available_permits(), DRAINS_MAX);
    }
}
