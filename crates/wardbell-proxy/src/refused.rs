//! Why Wardbell answers in place of the provider. How it is told is in `respond/`, a file for each edge.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::Value;
use wardbell_core::budget::Shortfall;
use wardbell_core::verdict::Refusal;
use wardbell_guard::wishes::WishError;
use wardbell_llm::request::RequestError;

use crate::body::BodyError;
use crate::loops::Circle;
use crate::path::PathError;
use crate::provider::NoProvider;
use crate::upstream::ForwardError;

/// Why Wardbell answers in place of the provider.
#[derive(Debug)]
pub(crate) enum Refused {
    /// No key was presented.
    NoKey,
    /// The key opens nothing.
    WrongKey,
    /// Wardbell is stopping.
    Stopping,
    /// Too many bodies are in memory.
    Overloaded,
    /// The key sends too fast.
    TooFast {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The request is one of our own deliveries coming back.
    OwnDelivery,
    /// The path below a provider is not one that may be passed on.
    Path(PathError),
    /// A header has a value that is not allowed.
    Wish(WishError),
    /// The body could not be read.
    Body(BodyError),
    /// The body is not a request of its dialect.
    Request(RequestError),
    /// A field of a small request is missing or wrong.
    Field {
        /// The field.
        field: &'static str,
        /// What it must be.
        must: &'static str,
    },
    /// There is no provider for it.
    Provider(NoProvider),
    /// None of the project's providers has the model.
    NoModel {
        /// The model.
        model: String,
    },
    /// It goes in circles.
    Loop(Box<Circle>),
    /// A budget does not reach.
    Budget(Box<Shortfall>),
    /// Whether a budget reaches cannot be told now.
    BudgetUnknown,
    /// The project has a budget, and no price is known for the model.
    NoPrice {
        /// The model.
        model: String,
    },
    /// A guard stopped it.
    Guard(Refusal),
    /// A guard stopped the answer.
    Answer(Refusal),
    /// The provider gave no usable first word.
    Forward(ForwardError),
    /// The provider refused or failed.
    Upstream(Box<UpstreamRefusal>),
}

/// A provider's answer outside 200 to 299.
#[derive(Debug)]
pub(crate) struct UpstreamRefusal {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The provider's own `error` object, passed on beside ours, if it sent one.
    pub(crate) error: Option<Value>,
    /// The model that was asked for.
    pub(crate) model: String,
}

impl Refused {
    /// Why a body could not be read.
    pub(crate) fn of_body(error: BodyError) -> Self {
        if error == BodyError::Overloaded { Self::Overloaded } else { Self::Body(error) }
    }

    /// Whether the provider is to blame.
    pub(crate) const fn is_upstream(&self) -> bool {
        match self {
            Self::Forward(_) | Self::Upstream(_) => true,
            Self::NoKey
            | Self::WrongKey
            | Self::Stopping
            | Self::Overloaded
            | Self::TooFast { .. }
            | Self::OwnDelivery
            | Self::Path(_)
            | Self::Wish(_)
            | Self::Body(_)
            | Self::Request(_)
            | Self::Field { .. }
            | Self::Provider(_)
            | Self::Loop(_)
            | Self::Budget(_)
            | Self::BudgetUnknown
            | Self::NoModel { .. }
            | Self::NoPrice { .. }
            | Self::Guard(_)
            | Self::Answer(_) => false,
        }
    }
}
