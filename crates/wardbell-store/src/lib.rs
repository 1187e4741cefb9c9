//! The only crate that knows SQL: settings, keys, the outbox of alerts, and the activity log.
//!
//! **Cast.** [`store::Store`] is what a backend can do; [`sqlite::Sqlite`] is the embedded backend; [`directory::Directory`] keeps the
//! settings that every request needs in memory; [`ledger::Ledger`] holds money for requests without waiting for the disk. [`outbox`] is the path of an alert: alert → delivery → attempt.
//!
//! **Theory of operation.** Writes go to one writer, which folds whatever waits into one short commit (group commit).
//! An alert, its deliveries and the activity row of its request are one write, durable when the call returns. Clean
//! activity rows arrive in batches and may lag (see `wardbell-proxy/src/record.rs` for the bound).
//!
//! **Guarantees.** A write that returned `Ok` survives a kill and a power cut (`synchronous = FULL`). A write that
//! failed left nothing behind. Provider keys, webhook URLs and webhook secrets are sealed (AES-256-GCM) before they
//! reach the disk; callers' keys are stored as SHA-256 only.
//!
//! **What it does not do.** Several processes on one SQLite file: a lock file refuses the second.

pub mod activity;
pub mod budget;
pub mod counts;
pub mod declared;
pub mod directory;
pub mod endpoint;
pub mod error;
pub mod happening;
pub mod key;
pub mod ledger;
pub mod operator;
pub mod outbox;
pub mod page;
pub mod project;
pub mod provider;
pub mod seal;
pub mod signing;
pub mod silence;
pub mod sqlite;
pub mod store;
#[cfg(test)]
mod suite;
