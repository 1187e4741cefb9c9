//! The black box: the real binary over real sockets, with a fake provider and a fake receiver at the edges of the world.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that finds nothing where something must be fails")]

mod alerts;
mod answers;
mod budgets;
mod crash;
mod declared;
mod hostile;
mod injection;
mod loops;
mod memory;
mod metrics;
mod passing;
mod process;
mod provider;
mod proxied;
mod rates;
mod reload;
mod rig;
mod scan;
mod secrecy;
mod slow;
mod smuggling;
mod streams;
mod upstreams;
