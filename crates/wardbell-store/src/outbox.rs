//! The path of an alert: alert → delivery → attempt → dead letter.
//!
//! A delivery is `pending` until an attempt succeeds (`delivered`) or its schedule ends (`dead`). A dispatcher *claims*
//! due deliveries for the length of a lease; a claim that is not finished by then is due again. At start the leases of
//! the process before are void, so a kill delays nothing.

use std::time::Duration;

use wardbell_core::alert::Alert;
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

/// What becomes of a delivery after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It was delivered.
    Delivered,
    /// Another attempt is due then.
    RetryAt(Timestamp),
    /// It is given up, for this reason.
    Dead(String),
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
}

/// Which alerts are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AlertFilter {
    /// Only of this kind.
    pub kind: Option<wardbell_core::alert::AlertKind>,
    /// Only at or after this time.
    pub since: Option<Timestamp>,
}
