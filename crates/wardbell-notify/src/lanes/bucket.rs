//! A token bucket: how fast one endpoint may be sent to.

use std::time::Duration;

use tokio::time::Instant;

/// A token bucket. It starts full.
#[derive(Debug)]
pub(crate) struct Bucket {
    per_second: f64,
    burst: f64,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// `per_second` is above 0; `burst` is 1 or more.
    pub(crate) fn new(per_second: f64, burst: u32, now: Instant) -> Self {
        let burst = f64::from(burst.max(1));
        Self { per_second, burst, tokens: burst, at: now }
    }

    /// The rate that it was made with.
    pub(crate) const fn per_second(&self) -> f64 {
        self.per_second
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = passed.mul_add(self.per_second, self.tokens).min(self.burst);
        self.at = self.at.max(now);
    }

    /// Takes a token, or says when there will be one.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        self.fill(now);
        // A token that is a rounding error short is a token.
        if self.tokens + 1e-9 >= 1.0 {
            self.tokens -= 1.0;
            Ok(())
        } else {
            Err(now + Duration::from_secs_f64((1.0 - self.tokens) / self.per_second))
        }
    }

    /// Whether nothing was taken that has not come back.
    pub(crate) fn is_full(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.tokens >= self.burst
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(2.0, 3, start);
        assert!((0..3).all(|_| bucket.take(start).is_ok()));
        let next = bucket.take(start).unwrap_err();
        assert_eq!(next, start + Duration::from_millis(500));
        assert!(bucket.take(next).is_ok());
        assert!(bucket.take(next).is_err());
        assert!(!bucket.is_full(next));
        assert!(bucket.is_full(next + Duration::from_secs(2)));
        assert!((0..4).filter(|_| bucket.take(next + Duration::from_hours(1)).is_ok()).count() == 3);
    }
}
