//! When a failed delivery is tried again. Pure: the time and the dice are arguments.
//!
//! **Three profiles** (`spec/decisions.md`, Delivery). `aisg` and `lockllm` keep the two original products' promises to
//! the letter, and give up within seconds. `durable` starts as fast and goes on for three days, because a receiver that
//! is being repaired over a weekend is the one that needs the alert.
//!
//! **Full jitter.** On `durable` a pause is drawn evenly from nothing to its length in the table, so that receivers that
//! failed together are not called together (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>,
//! read 2026-11-23). Such pauses are half as long on average; the last one therefore repeats until the delivery is
//! [`Schedule::age_min`] old *and* the table's count is used up. A replayed delivery is old already and gets the count.
//!
//! **What an answer means** is decided once for each profile, by `judge`; the table is `spec/alert-contracts.md` 1a.

use std::time::Duration;

use wardbell_core::time::Timestamp;
use wardbell_store::endpoint::RetryProfile;
use wardbell_store::outbox::Next;

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// How one profile tries again.
#[derive(Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The pauses between sends: the first stands between the first send and the second.
    pub pauses: &'static [Duration],
    /// A delivery younger than this is not given up for the count alone; the last pause repeats.
    pub age_min: Duration,
    /// Whether a pause is drawn from nothing to its length.
    pub jitter: bool,
    /// The deadline of one attempt, over all of it.
    pub attempt_max: Duration,
}

/// Three sends, one second apart, ten seconds each.
pub const AISG: Schedule = Schedule {
    pauses: &[SECOND, SECOND],
    age_min: Duration::ZERO,
    jitter: false,
    attempt_max: Duration::from_secs(10),
};

/// One send and three more after 100, 200 and 400 ms, one second each.
pub const LOCKLLM: Schedule = Schedule {
    pauses: &[Duration::from_millis(100), Duration::from_millis(200), Duration::from_millis(400)],
    age_min: Duration::ZERO,
    jitter: false,
    attempt_max: SECOND,
};

/// At once, then with growing pauses, then every six hours to 72 hours; ten seconds each.
pub const DURABLE: Schedule = Schedule {
    pauses: &[
        SECOND,
        Duration::from_secs(5),
        Duration::from_secs(15),
        Duration::from_mins(1),
        Duration::from_mins(5),
        Duration::from_mins(30),
        Duration::from_hours(2),
        SIX_HOURS, // due at 8 h 36 min without jitter
        SIX_HOURS,
        SIX_HOURS,
        SIX_HOURS,
        SIX_HOURS,
        SIX_HOURS,
        SIX_HOURS,
        SIX_HOURS,
        SIX_HOURS,
        SIX_HOURS,
        SIX_HOURS, // due at 68 h 36 min; the next would be past 72 h
    ],
    age_min: Duration::from_hours(72),
    jitter: true,
    attempt_max: Duration::from_secs(10),
};

const SIX_HOURS: Duration = Duration::from_hours(6);

/// The longest deadline of an attempt in any profile: a lease must be longer.
pub const ATTEMPT_MAX: Duration = DURABLE.attempt_max;
/// No delivery is sent more often than this, whatever the dice say: three days at half of six hours are 31 sends.
pub const SENDS_MAX: u32 = 64;
/// Sends of a delivery whose endpoint is set up wrongly: quick and few, because receivers ban those who insist.
pub const MISCONFIGURED_SENDS_MAX: u32 = 3;
/// Sends of a delivery that is answered with a redirect, which is never followed.
pub const REDIRECTED_SENDS_MAX: u32 = 3;
/// Sends of a delivery to a name that does not exist: up to a minute and a half, for a record that is being made.
pub const NAMELESS_SENDS_MAX: u32 = 5;

/// The schedule of a profile.
pub const fn of(profile: RetryProfile) -> &'static Schedule {
    match profile {
        RetryProfile::Aisg => &AISG,
        RetryProfile::Durable => &DURABLE,
        RetryProfile::LockLlm => &LOCKLLM,
    }
}

impl Schedule {
    /// The longest pause: no hint of a receiver makes us wait longer.
    pub fn pause_max(&self) -> Duration {
        self.pauses.iter().copied().max().unwrap_or(Duration::ZERO)
    }

    /// How many sends the table has.
    pub fn sends(&self) -> u32 {
        u32::try_from(self.pauses.len()).unwrap_or(u32::MAX).saturating_add(1)
    }
}

/// What a receiver says about its deliveries in the header `webhook-delivery`, beside the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// `abort-message`: not this one again.
    AbortMessage,
    /// `disable`: nothing more.
    Disable,
}

impl Wish {
    /// Finds a wish by its name on the wire.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "abort-message" => Some(Self::AbortMessage),
            "disable" => Some(Self::Disable),
            _ => None,
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The receiver answered.
    Answered {
        /// The HTTP status.
        status: u16,
        /// What it wishes, if it said so.
        wish: Option<Wish>,
    },
    /// The receiver answered 2xx and said in the body that it did not take the message, or a mail server refused it.
    Denied {
        /// The HTTP status, or the SMTP reply code.
        status: u16,
    },
    /// A mail server cannot take the message now.
    Busy {
        /// The SMTP reply code.
        status: u16,
    },
    /// The egress policy does not let us go there.
    Refused,
    /// The name does not exist.
    NoSuchName,
    /// The receiver's certificate is not one that we trust, or is another's; or a mail server lacks what must be.
    Certificate,
    /// Resolving, connecting, the handshake or the exchange failed.
    Network,
    /// The deadline passed.
    Timeout,
    /// We could not make the request: a malformed secret, or a fault of ours.
    Internal,
}

/// What an outcome means under a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Delivered,
    /// It may pass: all of the schedule.
    Retry,
    /// It will hardly pass: so many sends, then this reason.
    Few(u32, &'static str),
    /// It will not pass.
    Never(&'static str),
    /// The endpoint wants nothing more.
    Off(&'static str),
}

/// Decides what becomes of a delivery after an attempt.
///
/// `made` counts the attempts so far, this one included. `age` is how long ago the delivery was made. `hint` is the
/// receiver's `Retry-After`; it is clamped to the profile's longest pause and never shortens a pause. `jitter` is drawn
/// evenly from 0 to 1.
pub fn next_attempt(
    profile: RetryProfile,
    made: u32,
    age: Duration,
    outcome: AttemptOutcome,
    hint: Option<Duration>,
    now: Timestamp,
    jitter: f64,
) -> Next {
    let schedule = of(profile);
    match judge(profile, outcome) {
        Verdict::Delivered => Next::Delivered,
        Verdict::Never(reason) => Next::Dead(reason.to_owned()),
        Verdict::Off(reason) => Next::Disable(reason.to_owned()),
        Verdict::Few(sends, reason) if made >= sends => Next::Dead(reason.to_owned()),
        Verdict::Few(..) | Verdict::Retry => match pause(schedule, made, age) {
            None => Next::Dead(format!("given up after {made} attempts; the last: {}", describe(outcome))),
            Some(pause) => {
                let pause = if schedule.jitter { pause.mul_f64(jitter.clamp(0.0, 1.0)) } else { pause };
                let hint = hint.unwrap_or_default().min(schedule.pause_max());
                Next::RetryAt(now.after(pause.max(hint).max(MILLISECOND)))
            }
        },
    }
}

/// The pause after so many sends; `None` if that was the last.
fn pause(schedule: &Schedule, made: u32, age: Duration) -> Option<Duration> {
    if made >= SENDS_MAX {
        return None;
    }
    let index = usize::try_from(made.saturating_sub(1)).unwrap_or(usize::MAX);
    let overtime = || if age < schedule.age_min { schedule.pauses.last() } else { None };
    schedule.pauses.get(index).or_else(overtime).copied()
}

fn judge(profile: RetryProfile, outcome: AttemptOutcome) -> Verdict {
    match (profile, outcome) {
        (_, AttemptOutcome::Answered { status: 200..=299, .. }) => Verdict::Delivered,
        (_, AttemptOutcome::Refused) => Verdict::Never(NOT_ALLOWED),
        // Nobody sends this header by chance, so it holds on every profile.
        (_, AttemptOutcome::Answered { wish: Some(Wish::Disable), .. }) => {
            Verdict::Off("the receiver asked for no more deliveries (webhook-delivery: disable)")
        }
        (_, AttemptOutcome::Answered { wish: Some(Wish::AbortMessage), .. }) => {
            Verdict::Never("the receiver asked not to get this delivery again (webhook-delivery: abort-message)")
        }
        (RetryProfile::Aisg, _) => Verdict::Retry,
        (RetryProfile::LockLlm, outcome) => lockllm(outcome),
        (RetryProfile::Durable, outcome) => durable(outcome),
    }
}

/// The one text for whatever the egress policy refuses, so that a tenant learns nothing of the network behind it
/// (`spec/egress.md` 5.4).
pub const NOT_ALLOWED: &str = "destination not allowed";
const MISCONFIGURED: &str =
    "the receiver refused the delivery; check the webhook's URL, and that its receiver takes this format";
const UNTRUSTED: &str = "no trusted connection to the receiver: renew its certificate, mend the webhook's URL, or see that the mail \
                         server offers STARTTLS";

/// Only what may pass within a second: network, timeout, 5xx and 429.
fn lockllm(outcome: AttemptOutcome) -> Verdict {
    match outcome {
        AttemptOutcome::Answered { status: 429 | 500..=599, .. }
        | AttemptOutcome::Network
        | AttemptOutcome::Timeout
        | AttemptOutcome::NoSuchName
        | AttemptOutcome::Busy { .. }
        | AttemptOutcome::Internal => Verdict::Retry,
        AttemptOutcome::Answered { .. } | AttemptOutcome::Denied { .. } => {
            Verdict::Never("the receiver refused the delivery with a status that this retry profile does not retry")
        }
        AttemptOutcome::Certificate => Verdict::Never(UNTRUSTED),
        AttemptOutcome::Refused => Verdict::Never(NOT_ALLOWED),
    }
}

/// `spec/alert-contracts.md` 1a, top to bottom.
fn durable(outcome: AttemptOutcome) -> Verdict {
    match outcome {
        AttemptOutcome::Answered { status, wish: _ } => match status {
            300..=399 => Verdict::Few(
                REDIRECTED_SENDS_MAX,
                "the receiver redirects, and redirects are never followed; set the webhook's URL to where it moved",
            ),
            410 => Verdict::Off("the receiver is gone (410); mend the webhook's URL and switch it on, or remove it"),
            // 409, 423 and 424 name states that pass, as 408, 425 and 429 do.
            408 | 409 | 423 | 424 | 425 | 429 => Verdict::Retry,
            400..=499 => Verdict::Few(MISCONFIGURED_SENDS_MAX, MISCONFIGURED),
            _ => Verdict::Retry,
        },
        AttemptOutcome::Network | AttemptOutcome::Timeout | AttemptOutcome::Busy { .. } | AttemptOutcome::Internal => {
            Verdict::Retry
        }
        AttemptOutcome::NoSuchName => {
            Verdict::Few(NAMELESS_SENDS_MAX, "the receiver's name does not exist; mend the webhook's URL")
        }
        AttemptOutcome::Certificate => Verdict::Few(MISCONFIGURED_SENDS_MAX, UNTRUSTED),
        AttemptOutcome::Denied { .. } => Verdict::Few(MISCONFIGURED_SENDS_MAX, MISCONFIGURED),
        AttemptOutcome::Refused => Verdict::Never(NOT_ALLOWED),
    }
}

/// Whether an outcome may be about the body, so that a plainer one may pass: a body that is refused, or is too large.
pub(crate) const fn is_about_body(outcome: AttemptOutcome) -> bool {
    matches!(outcome, AttemptOutcome::Answered { status: 400 | 413 | 422, wish: None } | AttemptOutcome::Denied { .. })
}

/// Whether an outcome means that the endpoint is in trouble, so that others should not be sent into it as well: it does
/// not answer, or says that it cannot now.
pub(crate) const fn is_trouble(outcome: AttemptOutcome) -> bool {
    match outcome {
        AttemptOutcome::Answered { status, .. } => status >= 500 || status == 408,
        AttemptOutcome::NoSuchName
        | AttemptOutcome::Certificate
        | AttemptOutcome::Network
        | AttemptOutcome::Busy { .. }
        | AttemptOutcome::Timeout => true,
        AttemptOutcome::Denied { .. } | AttemptOutcome::Refused | AttemptOutcome::Internal => false,
    }
}

/// The outcome in words, for operators.
pub(crate) fn describe(outcome: AttemptOutcome) -> String {
    match outcome {
        AttemptOutcome::Answered { status, .. } => format!("the receiver answered {status}"),
        AttemptOutcome::Denied { status } => format!("the receiver answered {status}, and said that it failed"),
        AttemptOutcome::Busy { status } => format!("the mail server answered {status}"),
        AttemptOutcome::Refused => NOT_ALLOWED.to_owned(),
        AttemptOutcome::NoSuchName => "the receiver's name does not exist".to_owned(),
        AttemptOutcome::Certificate => "the receiver's certificate is not trusted".to_owned(),
        AttemptOutcome::Network => "the connection failed".to_owned(),
        AttemptOutcome::Timeout => "the receiver did not answer in time".to_owned(),
        AttemptOutcome::Internal => "the attempt could not be made".to_owned(),
    }
}

#[cfg(test)]
mod tests;
