use AttemptOutcome::{Certificate, Internal, Network, NoSuchName, Refused, Timeout};
use RetryProfile::{Aisg, Durable, LockLlm};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);

const fn status(status: u16) -> AttemptOutcome {
    AttemptOutcome::Answered { status, wish: None }
}

const fn wish(status: u16, wish: Wish) -> AttemptOutcome {
    AttemptOutcome::Answered { status, wish: Some(wish) }
}

/// The pauses in milliseconds after each of a run of sends that all end the same way, without jitter; then it is dead.
fn pauses(profile: RetryProfile, outcome: AttemptOutcome) -> Vec<u128> {
    let mut pauses = Vec::new();
    let mut now = NOW;
    for made in 1.. {
        match next_attempt(profile, made, now.since(NOW), outcome, None, now, 1.0) {
            Next::RetryAt(due) => pauses.push(due.since(now).as_millis()),
            Next::Dead(_) | Next::Disable(_) => return pauses,
            Next::Delivered | Next::RetryPlainAt(_) => panic!("a failure is not a delivery"),
        }
        now = now.after(Duration::from_millis(u64::try_from(*pauses.last().unwrap()).unwrap()));
    }
    pauses
}

#[test]
fn the_short_profiles_keep_their_products_promises() {
    let aisg = vec![1000, 1000];
    for outcome in [status(500), status(404), status(302), status(410), Network, Timeout, Certificate, NoSuchName] {
        assert_eq!(pauses(Aisg, outcome), aisg, "{outcome:?}");
    }
    for outcome in [status(500), status(503), status(429), Network, Timeout] {
        assert_eq!(pauses(LockLlm, outcome), [100, 200, 400], "{outcome:?}");
    }
    for outcome in [status(400), status(404), status(302), status(410), status(408), Certificate] {
        assert_eq!(pauses(LockLlm, outcome), [0_u128; 0], "{outcome:?}");
    }
}

#[test]
fn durable_follows_its_table_to_72_hours() {
    let hour: u128 = 3_600_000;
    let mut table = vec![1000, 5000, 15_000, 60_000, 300_000, 1_800_000, 2 * hour];
    table.extend([6 * hour; 12]);
    for outcome in
        [status(500), status(599), status(408), status(425), status(429), status(999), Network, Timeout, Internal]
    {
        assert_eq!(pauses(Durable, outcome), table, "{outcome:?}");
    }
    assert!(table.iter().sum::<u128>() >= 72 * hour, "three days are served");
}

#[test]
fn durable_handles_each_status_as_the_contract_says() {
    for (outcome, sends) in [
        (status(301), 3),
        (status(308), 3),
        (status(400), 3),
        (status(401), 3),
        (status(403), 3),
        (status(404), 3),
        (status(405), 3),
        (status(413), 3),
        (status(415), 3),
        (status(422), 3),
        (status(451), 3),
        (status(410), 1),
        (wish(503, Wish::Disable), 1),
        (wish(503, Wish::AbortMessage), 1),
        (NoSuchName, 5),
        (Certificate, 3),
        (Refused, 1),
    ] {
        assert_eq!(pauses(Durable, outcome).len() + 1, sends, "{outcome:?}");
    }
}

#[test]
fn every_2xx_is_a_delivery_on_every_profile_and_a_refusal_is_never_retried() {
    for profile in RetryProfile::ALL {
        for code in [200, 201, 202, 204, 299] {
            assert_eq!(next_attempt(*profile, 1, Duration::ZERO, status(code), None, NOW, 0.5), Next::Delivered);
        }
        assert_eq!(
            next_attempt(*profile, 1, Duration::ZERO, wish(200, Wish::Disable), None, NOW, 0.5),
            Next::Delivered
        );
        assert!(matches!(next_attempt(*profile, 1, Duration::ZERO, Refused, None, NOW, 0.5), Next::Dead(_)));
    }
}

#[test]
fn a_hint_lengthens_a_pause_up_to_the_longest_of_its_profile() {
    let hours = Duration::from_hours;
    for (profile, hint, pause) in [
        (Durable, Duration::ZERO, SECOND),
        (Durable, Duration::from_secs(30), Duration::from_secs(30)),
        (Durable, hours(1), hours(1)),
        (Durable, hours(1_000_000), hours(6)),
        (Durable, Duration::MAX, hours(6)),
        (Aisg, hours(1), SECOND),
        (LockLlm, hours(1), Duration::from_millis(400)),
    ] {
        let next = next_attempt(profile, 1, Duration::ZERO, status(429), Some(hint), NOW, 1.0);
        assert_eq!(next, Next::RetryAt(NOW.after(pause)), "{profile:?} {hint:?}");
    }
}

#[test]
fn jitter_spreads_a_durable_pause_from_nothing_to_its_length_and_no_other() {
    let due = |profile, jitter| next_attempt(profile, 2, Duration::ZERO, status(500), None, NOW, jitter);
    for (jitter, pause_ms) in [(0.0, 1), (0.5, 2500), (1.0, 5000), (7.0, 5000), (-1.0, 1)] {
        assert_eq!(due(Durable, jitter), Next::RetryAt(NOW.after(Duration::from_millis(pause_ms))), "{jitter}");
        assert_eq!(due(Aisg, jitter), Next::RetryAt(NOW.after(SECOND)));
    }
}

#[test]
fn a_young_delivery_goes_on_past_the_table_and_an_old_one_gets_the_table() {
    let last = DURABLE.sends();
    let next = |made, age| next_attempt(Durable, made, age, Network, None, NOW, 0.5);
    assert_eq!(next(last, Duration::from_hours(36)), Next::RetryAt(NOW.after(SIX_HOURS / 2)));
    assert!(matches!(next(last, DURABLE.age_min), Next::Dead(_)));
    // A replay of an old dead letter starts its count anew.
    assert!(matches!(next(1, DURABLE.age_min * 100), Next::RetryAt(_)));
    assert!(matches!(next(SENDS_MAX, Duration::ZERO), Next::Dead(_)), "bounded whatever the clock says");
}

#[test]
fn the_reason_of_a_death_says_what_to_mend() {
    for (profile, made, outcome, word) in [
        (Durable, 3, status(404), "check the webhook's URL"),
        (Durable, 3, status(301), "redirects"),
        (Durable, 1, status(410), "gone"),
        (Durable, 3, Certificate, "renew"),
        (Aisg, 3, status(500), "the receiver answered 500"),
        (Aisg, 3, Timeout, "given up after 3 attempts"),
    ] {
        let next = next_attempt(profile, made, Duration::ZERO, outcome, None, NOW, 0.0);
        let (Next::Dead(reason) | Next::Disable(reason)) = next else {
            panic!("{outcome:?} is dead after {made}");
        };
        assert!(reason.contains(word), "{reason}");
    }
}

#[test]
fn a_receiver_that_is_gone_or_wishes_it_is_switched_off() {
    let next = |profile, outcome| next_attempt(profile, 1, Duration::ZERO, outcome, None, NOW, 0.0);
    assert!(matches!(next(Durable, status(410)), Next::Disable(_)));
    for profile in RetryProfile::ALL {
        // The header counts on every profile: nobody sends it by chance.
        assert!(matches!(next(*profile, wish(503, Wish::Disable)), Next::Disable(_)));
        assert!(matches!(next(*profile, wish(503, Wish::AbortMessage)), Next::Dead(_)));
        assert_eq!(next(*profile, wish(204, Wish::Disable)), Next::Delivered);
    }
    assert!(matches!(next(Aisg, status(410)), Next::RetryAt(_)), "the first product retries any status");
}

#[test]
fn no_attempt_outlives_the_longest_deadline() {
    for profile in RetryProfile::ALL {
        assert!(of(*profile).attempt_max <= ATTEMPT_MAX);
    }
}
