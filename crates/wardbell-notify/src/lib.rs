//! Alert delivery: what stands in the outbox reaches its receiver, signed, at least once.
//!
//! **Cast.** The [`dispatch::Notifier`] owns the dispatcher, which takes deliveries from the store into [`lanes`]. For each
//! it makes one attempt ([`deliver`]): render the body (`wardbell-render`), [`sign`] it, send it through the egress guard
//! or as [`mail`], and ask [`schedule`] what comes next. [`verify`] is the receiver's side of [`sign`]. [`excerpt`] makes a
//! receiver's answer safe to show; [`retention`] removes what is too old.
//!
//! **Theory of operation.** The store hands a delivery over when its commit is done, so nothing on the fast path waits
//! for a timer or another write. A claim is a lease that is longer than any attempt: if the process dies, the next start
//! voids it and the delivery goes out again under the same `webhook_id`. The outcome, what follows from it and the
//! endpoint's health are one write.
//!
//! **Guarantees.** At least once, never at most once: a kill between the receiver's answer and the write repeats the
//! delivery, and the receiver de-duplicates on `webhook_id`. One endpoint that is dead, slow or limited holds a few of the
//! [`lanes::RUNNING_MAX`] slots and no place in line. A panic in an attempt is an attempt that failed.
//!
//! **What it does not do.** No order: an alert that is being retried is overtaken by later ones.

pub mod deliver;
pub mod dispatch;
pub mod excerpt;
pub mod lanes;
pub mod mail;
mod receiver;
pub mod retention;
pub mod retry_after;
pub mod schedule;
pub mod sign;
pub mod verify;
