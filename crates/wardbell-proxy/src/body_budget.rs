//! The memory that all bodies of one sort (requests, or answers that are not streams) may take together.
//!
//! **Cast.** A [`BodyBudget`] is the whole; a [`Room`] is what one body has of it, taken in pieces as the body arrives and
//! given back when the last handle to the body is dropped.
//!
//! **Theory of operation.** A body that finds no room waits: its connection is not read meanwhile, so the caller's own
//! network holds the rest. Half-read bodies that all wait for one another would never end. So the one that began to grow
//! first may wait for [`WAIT_MAX`], and every other that holds room already for [`WAIT_HOLDING_MAX`] only: the newer
//! give up, and what they held lets the oldest go on. A body that holds nothing is in nobody's way and waits for
//! [`WAIT_MAX`].
//!
//! **Bounds.** The bytes of the budget, in pieces of [`PIECE_BYTES`]; no wait is longer than [`WAIT_MAX`].
//!
//! **What it does not count.** The spare capacity of a buffer that grows (at most as much again while a body is put
//! together), and what reading and detecting make of a body.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// What a body takes at a time, in bytes. Source: our choice; small, since a body of one byte holds a piece for as long as
/// its provider thinks, and thousands may wait at a time.
pub const PIECE_BYTES: usize = 4 * 1024;

/// The longest wait of a body that holds nothing, or that began to grow first. Source: our choice; a request of
/// ordinary size is read, judged and sent within it.
pub const WAIT_MAX: Duration = Duration::from_secs(2);

/// The longest wait of any other body that holds room. Source: our choice, a quarter of [`WAIT_MAX`], so that the newer
/// give up while the oldest still waits.
pub const WAIT_HOLDING_MAX: Duration = Duration::from_millis(500);

/// When a caller who was refused may try again.
pub const RETRY_AFTER: Duration = Duration::from_secs(2);

/// There is no memory for the body now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the memory for request bodies is full")]
pub struct Overloaded;

/// The memory of all request bodies. Clones share it.
#[derive(Debug, Clone)]
pub struct BodyBudget {
    pieces: Arc<Semaphore>,
    pieces_max: usize,
    growing: Arc<Mutex<Growing>>,
}

/// The bodies that took more than their first piece, by the order in which they did.
#[derive(Debug, Default)]
struct Growing {
    next: u64,
    tickets: BTreeSet<u64>,
}

/// What one body has of the budget.
#[derive(Debug)]
pub struct Room {
    budget: BodyBudget,
    held: Option<OwnedSemaphorePermit>,
    bytes: usize,
    ticket: Option<u64>,
}

impl BodyBudget {
    /// A budget of at least one piece, in bytes; what is beyond whole pieces is left out.
    pub fn new(bytes_max: usize) -> Self {
        let pieces_max = (bytes_max / PIECE_BYTES).clamp(1, Semaphore::MAX_PERMITS);
        Self { pieces: Arc::new(Semaphore::new(pieces_max)), pieces_max, growing: Arc::default() }
    }

    /// Room for a body that is about to arrive. It holds nothing yet.
    pub fn room(&self) -> Room {
        Room { budget: self.clone(), held: None, bytes: 0, ticket: None }
    }

    /// The bytes that no body has.
    pub fn bytes_free(&self) -> usize {
        self.pieces.available_permits() * PIECE_BYTES
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Growing> {
        // Tickets are numbers: a panic elsewhere leaves none of them wrong.
        self.growing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_first(&self, ticket: u64) -> bool {
        self.lock().tickets.first() == Some(&ticket)
    }
}

impl Room {
    /// Makes room for so many more bytes, waiting where there is none. Cancel-safe: what was held is still held.
    ///
    /// # Errors
    /// There was no room within the time to wait, or the body alone is larger than the whole budget.
    pub async fn grow(&mut self, bytes: usize) -> Result<(), Overloaded> {
        let bytes = self.bytes.saturating_add(bytes);
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let wanted = bytes.div_ceil(PIECE_BYTES);
        if wanted > self.budget.pieces_max {
            return Err(Overloaded);
        }
        if wanted > held {
            let more = u32::try_from(wanted - held).map_err(|_| Overloaded)?;
            let pieces = Arc::clone(&self.budget.pieces);
            let permit = match pieces.try_acquire_many_owned(more) {
                Ok(permit) => permit,
                Err(TryAcquireError::NoPermits) => self.wait(more).await?,
                Err(TryAcquireError::Closed) => return Err(Overloaded),
            };
            match &mut self.held {
                Some(held) => held.merge(permit),
                None => self.held = Some(permit),
            }
            if wanted > 1 && self.ticket.is_none() {
                let mut growing = self.budget.lock();
                let ticket = growing.next;
                growing.next += 1;
                growing.tickets.insert(ticket);
                drop(growing);
                self.ticket = Some(ticket);
            }
        }
        self.bytes = bytes;
        Ok(())
    }

    /// The body itself, which gives its room back when its last clone is dropped.
    pub fn hold(mut self, body: Bytes) -> Bytes {
        // It grows no more, so that others may be the first.
        self.leave();
        Bytes::from_owner(Held { body, _room: self })
    }

    async fn wait(&self, more: u32) -> Result<OwnedSemaphorePermit, Overloaded> {
        let may_stay = self.held.is_none() || self.ticket.is_some_and(|ticket| self.budget.is_first(ticket));
        let time_max = if may_stay { WAIT_MAX } else { WAIT_HOLDING_MAX };
        let acquired = Arc::clone(&self.budget.pieces).acquire_many_owned(more);
        match tokio::time::timeout(time_max, acquired).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Overloaded),
        }
    }

    fn leave(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.budget.lock().tickets.remove(&ticket);
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.leave();
    }
}

/// A body with its room.
struct Held {
    body: Bytes,
    _room: Room,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    /// A budget of so many pieces.
    fn budget(pieces: usize) -> BodyBudget {
        BodyBudget::new(pieces * PIECE_BYTES)
    }

    #[tokio::test]
    async fn room_is_taken_in_pieces_and_given_back_with_the_last_handle() {
        let budget = budget(4);
        let mut room = budget.room();
        // (bytes more, pieces free then)
        for (bytes, free) in [(0, 4), (1, 3), (PIECE_BYTES - 1, 3), (1, 2), (PIECE_BYTES, 1), (PIECE_BYTES - 1, 1)] {
            room.grow(bytes).await.unwrap();
            assert_eq!(budget.bytes_free(), free * PIECE_BYTES, "{bytes}");
        }
        let body = room.hold(Bytes::from_static(b"body"));
        let part = body.slice(1..3);
        drop(body);
        assert_eq!((part.as_ref(), budget.bytes_free()), (b"od".as_slice(), PIECE_BYTES));
        drop(part);
        assert_eq!(budget.bytes_free(), 4 * PIECE_BYTES);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_larger_than_the_whole_is_refused_at_once() {
        let started = Instant::now();
        assert_eq!(budget(2).room().grow(2 * PIECE_BYTES + 1).await, Err(Overloaded));
        assert_eq!(budget(2).room().grow(usize::MAX).await, Err(Overloaded));
        assert_eq!(started.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_waits_for_room_and_is_refused_after_its_time() {
        let budget = budget(1);
        let mut first = budget.room();
        first.grow(1).await.unwrap();
        let started = Instant::now();
        assert_eq!(budget.room().grow(1).await, Err(Overloaded));
        assert_eq!(started.elapsed(), WAIT_MAX);
        let mut second = budget.room();
        let (got, ()) = tokio::join!(second.grow(1), async {
            tokio::time::sleep(WAIT_MAX / 2).await;
            drop(first);
        });
        got.unwrap();
        assert_eq!(budget.bytes_free(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn of_half_read_bodies_that_wait_for_one_another_the_oldest_goes_on() {
        let budget = budget(6);
        let mut rooms: Vec<_> = (0..3).map(|_| budget.room()).collect();
        for room in &mut rooms {
            room.grow(2 * PIECE_BYTES).await.unwrap();
        }
        let bodies = rooms.into_iter().map(|mut room| async move {
            let grown = room.grow(2 * PIECE_BYTES).await;
            // A refused body is dropped at once, one that is whole is held for a while.
            if grown.is_ok() {
                tokio::time::sleep(WAIT_MAX).await;
            }
            grown
        });
        let ended = futures_util::future::join_all(bodies).await;
        assert_eq!(ended, [Ok(()), Err(Overloaded), Err(Overloaded)]);
        assert_eq!(budget.bytes_free(), 6 * PIECE_BYTES);
        assert!(budget.lock().tickets.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn giving_up_the_wait_loses_nothing() {
        let budget = budget(2);
        let mut first = budget.room();
        first.grow(PIECE_BYTES).await.unwrap();
        let mut second = budget.room();
        second.grow(PIECE_BYTES).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(1), second.grow(1)).await.is_err());
        drop(first);
        second.grow(1).await.unwrap();
        drop(second);
        assert_eq!(budget.bytes_free(), 2 * PIECE_BYTES);
    }
}
