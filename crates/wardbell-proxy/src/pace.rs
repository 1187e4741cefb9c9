//! The paces of all keys, behind a lock: how fast each may send, and how hurried it is.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use wardbell_core::id::KeyId;
use wardbell_core::policy::{RateLimit, RatePolicy, RateSurfaces};
use wardbell_guard::rate::{Paces, TooFast};

use crate::edge::Edge;

/// The paces of all keys.
pub struct Keys {
    started: Instant,
    // Held for a look-up and an update, some 100 ns.
    paces: Mutex<Paces>,
}

impl Default for Keys {
    fn default() -> Self {
        Self { started: Instant::now(), paces: Mutex::default() }
    }
}

impl Keys {
    /// Counts a call of a key, under the project's limit where it holds on this edge. Returns how hurried the key is.
    ///
    /// # Errors
    /// When the key sends too fast.
    pub(crate) fn call(&self, key: KeyId, policy: &RatePolicy, edge: Edge) -> Result<f32, TooFast> {
        let now = self.started.elapsed();
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        paces.call(key, limit(policy, edge), now)?;
        Ok(paces.hurry(key, now))
    }
}

fn limit(policy: &RatePolicy, edge: Edge) -> Option<RateLimit> {
    match (policy.surfaces, edge) {
        (RateSurfaces::All, Edge::Gateway | Edge::Proxy) | (RateSurfaces::Gateway, Edge::Gateway) => policy.limit,
        (RateSurfaces::Gateway, Edge::Proxy) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardbell_core::time::Timestamp;

    #[test]
    fn the_default_limit_holds_on_the_gateway_surface_only() {
        let key = KeyId::mint(Timestamp::from_millis(1), [0; 10]);
        let policy = RatePolicy::default();
        let keys = Keys::default();
        assert!((0..100).all(|_| keys.call(key, &policy, Edge::Proxy).is_ok()));
        assert!((0..100).any(|_| keys.call(key, &policy, Edge::Gateway).is_err()));
        let everywhere = RatePolicy { surfaces: RateSurfaces::All, ..policy };
        assert!(keys.call(key, &everywhere, Edge::Proxy).is_err());
    }
}
