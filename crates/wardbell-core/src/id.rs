//! Every kind of identifier: a prefix and a time-ordered UUID (version 7), as `req_0199…` (32 hexadecimal digits).
//!
//! Ids sort by the time they were made, so that a newest-first listing is an index scan. RFC 9562, section 5.7
//! (<https://www.rfc-editor.org/rfc/rfc9562>, read 2026-11-23) gives the layout.

use std::fmt;
use std::str::FromStr;

use uuid::{Builder, Uuid};

use crate::time::Timestamp;

/// How many random bytes one id takes.
pub const ENTROPY_BYTES: usize = 10;

/// The text is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not an id of the form {prefix}<32 hexadecimal digits>")]
pub struct IdError {
    given: String,
    prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What every id of this kind starts with.
            pub const PREFIX: &'static str = $prefix;

            /// Makes an id from the time and ten random bytes.
            pub fn mint(now: Timestamp, entropy: [u8; ENTROPY_BYTES]) -> Self {
                let millis = u64::try_from(now.as_millis()).unwrap_or(0);
                Self(Builder::from_unix_timestamp_millis(millis, &entropy).into_uuid())
            }

            /// The number behind the id, for hashes: 16 bytes, without the prefix.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.strip_prefix($prefix)
                    .filter(|hex| hex.len() == 32 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
                    .and_then(|hex| Uuid::try_parse(hex).ok())
                    .map(Self)
                    .ok_or_else(|| IdError { given: text.chars().take(64).collect(), prefix: $prefix })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// One request that reached a guarded surface.
    RequestId = "req_";
    /// A project: the unit of policy, keys, providers and webhooks.
    ProjectId = "proj_";
    /// A key that callers present; not the key itself.
    KeyId = "key_";
    /// A webhook endpoint.
    EndpointId = "whe_";
    /// An alert: the fact.
    AlertId = "alr_";
    /// A delivery: an alert for one endpoint.
    DeliveryId = "dlv_";
    /// A silence: alerts held back for a time.
    SilenceId = "sil_";
}

impl DeliveryId {
    /// The `webhook_id` that a receiver de-duplicates on: the same for every attempt of this delivery.
    pub fn webhook_id(self) -> WebhookId {
        WebhookId(self.0)
    }
}

/// A delivery's identity as its receiver sees it: `wh_` and the digits of the [`DeliveryId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WebhookId(Uuid);

impl fmt::Display for WebhookId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wh_{}", self.0.simple())
    }
}

impl serde::Serialize for WebhookId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_themselves_back_and_sort_by_time() {
        let early = RequestId::mint(Timestamp::from_millis(1_000), [0xff; ENTROPY_BYTES]);
        let late = RequestId::mint(Timestamp::from_millis(1_001), [0; ENTROPY_BYTES]);
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(early.to_string().parse(), Ok(early));
    }

    #[test]
    fn an_id_of_another_kind_or_case_is_refused() {
        let id = RequestId::mint(Timestamp::from_millis(1), [7; ENTROPY_BYTES]).to_string();
        assert!(id.parse::<ProjectId>().is_err());
        assert!(id.to_uppercase().parse::<RequestId>().is_err());
        assert!("req_".parse::<RequestId>().is_err());
    }

    #[test]
    fn a_delivery_and_its_webhook_id_share_their_digits() {
        let id = DeliveryId::mint(Timestamp::from_millis(1), [7; ENTROPY_BYTES]);
        assert_eq!(id.webhook_id().to_string().strip_prefix("wh_"), id.to_string().strip_prefix("dlv_"));
    }
}
