//! What happens, told to whoever looks on.
//!
//! **Guarantees.** Told after the commit, in its order. Who looks on slower than things happen misses some and is told how
//! many; nothing waits for them, and with nobody looking on nothing is copied.

use wardbell_core::alert::Alert;

use crate::activity::ActivityRow;
use crate::outbox::Delivery;

/// How many happenings wait for one who looks on. Source: our choice; some seconds of a busy gateway.
pub const HAPPENINGS_MAX: usize = 1024;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Happening {
    /// A request ended.
    Request(ActivityRow),
    /// An alert was committed.
    Alert(Alert),
    /// An attempt at a delivery ended: the delivery as it is now.
    Delivery(Delivery),
}
