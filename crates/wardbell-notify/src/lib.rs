//! Alert delivery: what stands in the outbox reaches its receiver, signed, at least once.
//!
//! **Cast.** The [`dispatch::Notifier`] owns the dispatcher, which claims due deliveries from the store. For each it makes
//! one attempt ([`deliver`]): [`render`] the body, [`sign`] it, send it through the egress guard, and ask [`schedule`]
//! what comes next. [`verify`] is the receiver's side of [`sign`]. [`excerpt`] makes a receiver's answer safe to show.
//!
//! **Theory of operation.** A commit rings the outbox bell; the dispatcher claims at once, so nothing on the fast path
//! waits for a timer. A claim is a lease that is longer than any attempt: if the process dies, the next start voids it
//! and the delivery goes out again under the same `webhook_id`. The outcome and what follows from it are one write.
//!
//! **Guarantees.** At least once, never at most once: a kill between the receiver's answer and the write repeats the
//! delivery, and the receiver de-duplicates on `webhook_id`. One endpoint never holds more than
//! [`lanes::LANE_RUNNING_MAX`] of the [`lanes::RUNNING_MAX`] slots. A panic in an attempt is an attempt that failed.
//!
//! **What it does not do.** No order: an alert that is being retried is overtaken by later ones. No rate limits per
//! endpoint and no breaker.

pub mod deliver;
pub mod dispatch;
pub mod excerpt;
pub mod lanes;
pub mod render;
pub mod retry_after;
pub mod schedule;
pub mod sign;
pub mod verify;
