//! The path of an alert: alert → delivery → attempt → dead letter.
//!
//! A delivery is `pending` until an attempt succeeds (`delivered`) or its schedule ends (`dead`). A dispatcher *claims*
//! due deliveries for the length of a lease; a claim that is not finished by then is due again. At start the leases of
//! the process before are void, so a kill delays nothing. A delivery that is made while a dispatcher of this process
//! [subscribes](crate::store::Store::subscribe) is made already claimed and handed over after the commit.
//!
//! An alert that is *folded* (its group is being told of already, the endpoint has had its fill, or a silence holds) has
//! no delivery to that endpoint: it is counted in a [`Fold`], which becomes one delivery when it falls due.

use std::time::Duration;

use wardbell_core::alert::{Alert, AlertKind};
use wardbell_core::fold::Fold;
use wardbell_core::id::{AlertId, DeliveryId, EndpointId, ProjectId};
use wardbell_core::time::Timestamp;

use crate::endpoint::Endpoint;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// An attempt is due or under way.
    Pending,
    /// The receiver said yes.
    Delivered,
    /// Given up; see the reason.
    Dead,
}

impl DeliveryState {
    /// The name on every wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// Finds a state by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "pending" => Some(Self::Pending),
            "delivered" => Some(Self::Delivered),
            "dead" => Some(Self::Dead),
            _ => None,
        }
    }
}

/// A delivery as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its identity; the receiver sees it as `webhook_id`.
    pub id: DeliveryId,
    /// The alert.
    pub alert: AlertId,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The project of both.
    pub project: ProjectId,
    /// Where it stands.
    pub state: DeliveryState,
    /// How many attempts were made.
    pub attempts: u32,
    /// When the next attempt is due, while pending.
    pub next_at: Option<Timestamp>,
    /// Why it is dead.
    pub reason: Option<String>,
    /// The alerts that it stands for, if it is an update about many; `alert` is the last of them.
    pub fold: Option<Fold>,
    /// How often it was replayed.
    pub replays: u32,
    /// Whether it goes out in the plain form, because the receiver refused the rich one.
    pub is_plain: bool,
    /// When the alert was committed.
    pub created_at: Timestamp,
    /// When it was delivered or given up.
    pub finished_at: Option<Timestamp>,
}

/// A delivery that a dispatcher has claimed, with all that an attempt needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The delivery.
    pub delivery: Delivery,
    /// What is to be told.
    pub alert: Alert,
    /// Whom to tell.
    pub endpoint: Endpoint,
    /// Until when it is the claimant's.
    pub lease_until: Timestamp,
}

/// One try at a delivery. It never holds the request body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u32,
    /// When it started.
    pub at: Timestamp,
    /// The HTTP status, if one came.
    pub status: Option<u16>,
    /// What went wrong, if it was not a 2xx; for operators.
    pub error: Option<String>,
    /// How long each phase took.
    pub phases: AttemptPhases,
    /// The beginning of the answer's body, escaped, at most 1 KiB.
    pub excerpt: Option<String>,
}

/// How long each phase of an attempt took; zero where it did not get that far, or where a connection was reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AttemptPhases {
    /// Resolving the name.
    pub dns: Duration,
    /// Connecting.
    pub connect: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// From the request's last byte to the answer's first.
    pub first_byte: Duration,
    /// All of it.
    pub total: Duration,
}

/// What waits in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Deliveries that are not finished.
    pub pending: u64,
    /// When the oldest of them was made.
    pub oldest_at: Option<Timestamp>,
    /// Deliveries that were given up and are still kept.
    pub dead: u64,
}

/// What becomes of a delivery after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It was delivered.
    Delivered,
    /// Another attempt is due then.
    RetryAt(Timestamp),
    /// Another attempt, in the plain form, is due then: the receiver refused the rich one.
    RetryPlainAt(Timestamp),
    /// It is given up, for this reason.
    Dead(String),
    /// It is given up, and the endpoint is switched off with all that waits for it, for this reason.
    Disable(String),
}

/// How many deliveries may be claimed, and of whom none.
#[derive(Debug, Clone, Default)]
pub struct ClaimRoom {
    /// At most so many in all.
    pub total: u32,
    /// At most so many of one endpoint.
    pub per_endpoint: u32,
    /// Endpoints that take none now.
    pub except: Vec<EndpointId>,
}

/// Which finished deliveries to send again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplayFilter {
    /// Only dead letters (`Dead`) or only what was delivered (`Delivered`); `None` is both.
    pub state: Option<DeliveryState>,
    /// Only of this endpoint.
    pub endpoint: Option<EndpointId>,
    /// Only of this alert.
    pub alert: Option<AlertId>,
    /// Only alerts of this kind.
    pub kind: Option<AlertKind>,
    /// Only alerts at or after this time.
    pub since: Option<Timestamp>,
    /// Only alerts before this time.
    pub until: Option<Timestamp>,
    /// Only what was never attempted. With an endpoint, alerts that it would have got and that no delivery was made of
    /// count too: it was off, or not there yet.
    pub never_attempted: bool,
}

/// Where and how fast to send again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReplayPlan {
    /// Another endpoint than the one that it was for; deliveries to it are new ones.
    pub to: Option<EndpointId>,
    /// How many in a second.
    pub per_second: u32,
    /// Only count.
    pub dry_run: bool,
}

/// The most deliveries that one call replays.
pub const REPLAY_MAX: u32 = 10_000;

/// What a replay came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Replayed {
    /// How many deliveries are due again, or would be.
    pub count: u32,
    /// Whether there are more than [`REPLAY_MAX`]: call again.
    pub has_more: bool,
}

/// Before when records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Alerts, with their finished deliveries.
    pub alerts_before: Timestamp,
    /// Attempts of finished deliveries.
    pub attempts_before: Timestamp,
    /// Dead letters.
    pub dead_before: Timestamp,
    /// Activity rows.
    pub activity_before: Timestamp,
}

/// What to remove the content of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expunge {
    /// One alert.
    Alert(AlertId),
    /// Every alert before this time.
    Before(Timestamp),
}

/// Which deliveries are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeliveryFilter {
    /// Only in this state.
    pub state: Option<DeliveryState>,
    /// Only for this endpoint.
    pub endpoint: Option<EndpointId>,
    /// Only of this alert.
    pub alert: Option<AlertId>,
    /// Only of alerts at or after this time.
    pub since: Option<Timestamp>,
}

/// Which alerts are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AlertFilter {
    /// Only of this kind.
    pub kind: Option<AlertKind>,
    /// Only this severe or more.
    pub severity_min: Option<wardbell_core::alert::Severity>,
    /// Only at or after this time.
    pub since: Option<Timestamp>,
}
