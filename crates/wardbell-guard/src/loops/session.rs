//! D6: sessions that do not end.
//!
//! **What it finds.** A session with more requests, money, time or tool calls than the policy allows. It is named by the
//! caller (a header, `metadata`, `prompt_cache_key`), or found by its transcript.
//!
//! **Theory of operation.** A transcript grows at its end, so each request begins with all of the request before it. The
//! hashes of its messages are chained; whichever prefix was the whole of an earlier request says which session goes on. A
//! transcript without such a prefix begins a session.
//!
//! **Bounds.** [`SESSIONS_MAX`] sessions and [`PREFIXES_MAX`] prefixes are remembered, [`IDLE_MAX`] at most after their last
//! use. Of one request [`PREFIXES_BACK_MAX`] prefixes at its end are looked up. Hashing is linear in the transcript; it is
//! needed only where a policy has caps and the caller names no session.
//!
//! **What it misses.** Each node counts for itself. A transcript that is shortened or rewritten (summaries) begins a new
//! session. Two callers under one key who send the same first messages share a session until they differ. Money counts when
//! it is settled, so requests in flight may overshoot the cap; a budget holds hard.

use std::time::Duration;

use wardbell_core::id::KeyId;
use wardbell_core::money::Usd;
use wardbell_core::policy::SessionCaps;
use wardbell_core::transcript::{Call, ToolResult, Turn};

use super::Fingerprint;
use super::bounded::Bounded;
use super::keys::LoopKeys;

/// The most sessions that are remembered. Source: our choice; some 150 bytes each.
pub const SESSIONS_MAX: usize = 50_000;
/// The most prefixes of transcripts that are remembered. Source: our choice; two for each session.
pub const PREFIXES_MAX: usize = 100_000;
/// The most prefixes at the end of a request that are looked up. Source: our choice; between two requests of a session
/// there are an answer and the results of its calls.
pub const PREFIXES_BACK_MAX: usize = 256;
/// How long an idle session is remembered. Source: our choice; a day, as long as a person leaves an agent alone.
pub const IDLE_MAX: Duration = Duration::from_hours(24);

/// Which session a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(u128);

impl SessionId {
    /// The session that a caller names. Names of two keys are two sessions.
    pub fn named(keys: &LoopKeys, key: KeyId, name: &str) -> Self {
        let mut mix = keys.mix();
        mix.bytes(key.as_bytes());
        mix.bytes(name.as_bytes());
        Self(mix.end())
    }
}

/// The sessions of a node. `now` is a clock that only goes forward, from any start.
#[derive(Debug)]
pub struct Sessions {
    counts: Bounded<SessionId, Counts>,
    prefixes: Bounded<u128, SessionId>,
}

#[derive(Debug, Clone, Copy)]
struct Counts {
    calls: u64,
    spent: Usd,
    began: Duration,
    tool_calls: u64,
}

/// Which cap a session has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionCap {
    /// Requests.
    Calls,
    /// Money.
    Spend,
    /// Time since its first request.
    Seconds,
    /// Tool calls in its transcript.
    ToolCalls,
}

impl SessionCap {
    /// The name on every wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::Spend => "spend",
            Self::Seconds => "seconds",
            Self::ToolCalls => "tool_calls",
        }
    }
}

/// A session is past one of its caps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionEnd {
    /// The cap.
    pub cap: SessionCap,
    /// How many requests it has sent, with this one.
    pub calls: u64,
    /// What it has cost.
    pub spent: Usd,
    /// What to call it in an alert.
    pub fingerprint: Fingerprint,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { counts: Bounded::new(SESSIONS_MAX), prefixes: Bounded::new(PREFIXES_MAX) }
    }
}

impl Sessions {
    /// Finds the session of a request by its transcript and remembers the request for the next one.
    pub fn find(&mut self, keys: &LoopKeys, key: KeyId, turns: &[Turn<'_>], now: Duration) -> SessionId {
        let first_kept = turns.len().saturating_sub(PREFIXES_BACK_MAX);
        let mut chain = keys.mix();
        chain.bytes(key.as_bytes());
        let mut prefixes = Vec::with_capacity(turns.len().min(PREFIXES_BACK_MAX));
        for (number, Turn { origin, text, calls, results }) in turns.iter().enumerate() {
            let mut part = |text: &str| {
                chain.number(text.len() as u64);
                chain.bytes(text.as_bytes());
            };
            part(origin.as_str());
            part(text);
            for Call { id: _, tool, arguments } in calls {
                part(tool);
                part(arguments);
            }
            for ToolResult { id: _, tool: _, text, is_error: _ } in results {
                part(text);
            }
            if number >= first_kept {
                prefixes.push(chain.end());
            }
        }
        self.prefixes.forget_older(now.saturating_sub(IDLE_MAX));
        let whole = prefixes.last().copied().unwrap_or_else(|| chain.end());
        let known = prefixes.iter().rev().find_map(|prefix| self.prefixes.get(prefix, now).copied());
        let session = known.unwrap_or(SessionId(whole));
        self.prefixes.insert(whole, session, now);
        session
    }

    /// Counts a request of a session with so many tool calls in its transcript.
    ///
    /// # Errors
    /// When the session is past one of the caps. The request counts all the same.
    pub fn begin(
        &mut self,
        keys: &LoopKeys,
        session: SessionId,
        caps: SessionCaps,
        tool_calls: u64,
        now: Duration,
    ) -> Result<(), SessionEnd> {
        self.counts.forget_older(now.saturating_sub(IDLE_MAX));
        if self.counts.get(&session, now).is_none() {
            let fresh = Counts { calls: 0, spent: Usd::default(), began: now, tool_calls: 0 };
            self.counts.insert(session, fresh, now);
        }
        let Some(counts) = self.counts.get(&session, now) else { return Ok(()) };
        counts.calls = counts.calls.saturating_add(1);
        counts.tool_calls = counts.tool_calls.max(tool_calls);
        let age = now.saturating_sub(counts.began);
        let SessionCaps { calls, spend, seconds, tool_calls } = caps;
        let reached = [
            (SessionCap::Calls, calls.is_some_and(|cap| counts.calls > cap)),
            (SessionCap::Spend, spend.is_some_and(|cap| counts.spent >= cap)),
            (SessionCap::Seconds, seconds.is_some_and(|cap| age > Duration::from_secs(cap))),
            (SessionCap::ToolCalls, tool_calls.is_some_and(|cap| counts.tool_calls > cap)),
        ];
        let Some((cap, _)) = reached.into_iter().find(|(_, is_reached)| *is_reached) else { return Ok(()) };
        let fingerprint = keys.seal(&[b"session", cap.as_str().as_bytes(), &session.0.to_be_bytes()]);
        Err(SessionEnd { cap, calls: counts.calls, spent: counts.spent, fingerprint })
    }

    /// Adds what a request of a session has cost.
    pub fn charge(&mut self, session: SessionId, cost: Usd) {
        if let Some(counts) = self.counts.peek(&session) {
            counts.spent = Usd::from_nanos(counts.spent.as_nanos().saturating_add(cost.as_nanos()));
        }
    }

    /// How many sessions are remembered.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use wardbell_core::origin::Origin;
    use wardbell_core::time::Timestamp;

    use super::super::SECRET_BYTES;
    use super::*;

    fn keys() -> LoopKeys {
        LoopKeys::new(&[7; SECRET_BYTES])
    }

    fn key(number: u8) -> KeyId {
        KeyId::mint(Timestamp::from_millis(1), [number; 10])
    }

    fn said(texts: &[&'static str]) -> Vec<Turn<'static>> {
        let origin = |at: usize| if at.is_multiple_of(2) { Origin::User } else { Origin::Assistant };
        let turn =
            |(at, text): (usize, &&'static str)| Turn { origin: origin(at), text, calls: vec![], results: vec![] };
        texts.iter().enumerate().map(turn).collect()
    }

    const AT: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn a_transcript_that_grows_is_one_session() {
        let mut sessions = Sessions::default();
        let mut find = |texts: &[&'static str], number| sessions.find(&keys(), key(number), &said(texts), AT(0));
        let first = find(&["a"], 1);
        assert_eq!(find(&["a", "b", "c"], 1), first);
        assert_eq!(find(&["a", "b", "c", "d", "e"], 1), first);
        assert_eq!(find(&["a", "b", "x"], 1), first, "another way from the same start");
        assert_ne!(find(&["z", "b", "c"], 1), first, "another start");
        assert_ne!(find(&["a"], 2), first, "another key");
        assert_ne!(find(&["ab"], 1), find(&["a", "b"], 1));
    }

    #[test]
    fn each_cap_ends_a_session() {
        let none = SessionCaps::default();
        for (caps, cap, good) in [
            (SessionCaps { calls: Some(3), ..none }, SessionCap::Calls, 3),
            (SessionCaps { spend: Some(Usd::from_nanos(20)), ..none }, SessionCap::Spend, 2),
            (SessionCaps { seconds: Some(45), ..none }, SessionCap::Seconds, 5),
            (SessionCaps { tool_calls: Some(6), ..none }, SessionCap::ToolCalls, 4),
        ] {
            let mut sessions = Sessions::default();
            let session = SessionId::named(&keys(), key(1), "s");
            for call in 0..good {
                let begun = sessions.begin(&keys(), session, caps, call * 2, AT(call * 10));
                assert_eq!(begun, Ok(()), "{cap:?} {call}");
                sessions.charge(session, Usd::from_nanos(10));
            }
            let end = sessions.begin(&keys(), session, caps, good * 2, AT(good * 10)).unwrap_err();
            assert_eq!((end.cap, end.calls), (cap, good + 1));
            let other = SessionId::named(&keys(), key(2), "s");
            assert_eq!(sessions.begin(&keys(), other, caps, 0, AT(good * 10)), Ok(()));
        }
    }

    #[test]
    fn memory_is_bounded_however_many_sessions_there_are() {
        let mut sessions = Sessions::default();
        for number in 0..SESSIONS_MAX + 1000 {
            let session = SessionId::named(&keys(), key(1), &number.to_string());
            assert!(sessions.begin(&keys(), session, SessionCaps::default(), 0, AT(0)).is_ok());
        }
        assert!(sessions.len() <= SESSIONS_MAX);
    }
}
