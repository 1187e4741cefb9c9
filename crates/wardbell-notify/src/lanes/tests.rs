use wardbell_core::time::Timestamp;

use super::*;

fn way(seed: u8) -> Way {
    let endpoint = EndpointId::mint(Timestamp::from_millis(1), [seed; 10]);
    Way { endpoint, host: format!("host-{seed}:443"), rate: None }
}

const GOOD: Ended = Ended { is_trouble: false, hold: None };
const BAD: Ended = Ended { is_trouble: true, hold: None };

fn drain(lanes: &mut Lanes<u32>, now: Instant) -> Vec<(EndpointId, u32)> {
    std::iter::from_fn(|| lanes.next(now)).collect()
}

#[test]
fn lanes_take_turns_and_run_as_wide_as_they_may() {
    let now = Instant::now();
    let mut lanes = Lanes::new();
    for item in 0..100 {
        lanes.park(&way(1), item, now).unwrap();
    }
    lanes.park(&way(2), 1000, now).unwrap();
    let started = drain(&mut lanes, now);
    assert_eq!(started.len(), WIDE + 1);
    assert_eq!(started[1].1, 1000, "the second lane has the second turn");
    assert!(drain(&mut lanes, now).is_empty());
    lanes.finished(way(1).endpoint, GOOD, now);
    assert_eq!(drain(&mut lanes, now).len(), 1);
}

#[test]
fn one_host_has_its_share_whoever_registered_it() {
    let now = Instant::now();
    let mut lanes = Lanes::new();
    for seed in 0..10 {
        let way = Way { host: "shared:443".to_owned(), ..way(seed) };
        for item in 0..20 {
            lanes.park(&way, item, now).unwrap();
        }
    }
    lanes.park(&way(99), 7, now).unwrap();
    let started = drain(&mut lanes, now);
    assert_eq!(started.len(), HOST_RUNNING_MAX + 1);
    assert!(started.iter().any(|(endpoint, _)| *endpoint == way(99).endpoint));
}

#[test]
fn after_a_failure_a_lane_is_narrow_and_gives_back_what_it_cannot_hold() {
    let now = Instant::now();
    let mut lanes = Lanes::new();
    for item in 0..100 {
        lanes.park(&way(1), item, now).unwrap();
    }
    drain(&mut lanes, now);
    for _ in 0..WIDE {
        lanes.finished(way(1).endpoint, BAD, now);
    }
    let given = lanes.shed(now);
    assert_eq!(given.len(), 100 - WIDE, "its breaker is open");
    assert!(given.iter().all(|given| given.until == now + breaker::OPEN_MIN));
    assert_eq!(lanes.full(now), [way(1).endpoint]);
    assert_eq!(lanes.park(&way(1), 1, now).unwrap_err().until, now + breaker::OPEN_MIN);
    assert_eq!(lanes.wake_at(now), Some(now + breaker::OPEN_MIN));

    let probe = now + breaker::OPEN_MIN;
    lanes.park(&way(1), 1, probe).unwrap();
    assert!(lanes.park(&way(1), 2, probe).is_err(), "one probe");
    assert_eq!(drain(&mut lanes, probe).len(), 1);
    lanes.finished(way(1).endpoint, GOOD, probe);
    for item in 0..100 {
        lanes.park(&way(1), item, probe).unwrap();
    }
    assert_eq!(drain(&mut lanes, probe).len(), WIDE, "it is back");
}

#[test]
fn a_lane_whose_receiver_says_nothing_becomes_narrow() {
    let now = Instant::now();
    let mut lanes = Lanes::new();
    for item in 0..100 {
        lanes.park(&way(1), item, now).unwrap();
    }
    drain(&mut lanes, now);
    assert!(lanes.shed(now + SLOW_AFTER / 2).is_empty());
    assert_eq!(lanes.shed(now + SLOW_AFTER).len(), 100 - WIDE - NARROW_PARKED_MAX);
}

#[test]
fn a_pause_that_the_receiver_asks_for_holds_for_the_whole_endpoint() {
    let now = Instant::now();
    let mut lanes = Lanes::new();
    for item in 0..3 {
        lanes.park(&way(1), item, now).unwrap();
    }
    let (endpoint, _) = lanes.next(now).unwrap();
    lanes.finished(endpoint, Ended { is_trouble: false, hold: Some(Duration::from_secs(30)) }, now);
    assert_eq!(lanes.next(now + Duration::from_secs(29)), None);
    assert_eq!(lanes.shed(now).len(), 2);
    lanes.park(&way(1), 9, now + Duration::from_secs(30)).unwrap();
    assert!(lanes.next(now + Duration::from_secs(30)).is_some());
}

#[test]
fn a_rate_is_kept_and_no_more_is_parked_than_it_soon_takes() {
    let mut now = Instant::now();
    let mut lanes = Lanes::new();
    let slack = Way { rate: Some(Rate { per_second: 1.0, burst: 1 }), ..way(1) };
    let parked = (0..100).filter(|item| lanes.park(&slack, *item, now).is_ok()).count();
    assert_eq!(parked, 5);
    let mut sent = 0;
    for _ in 0..40 {
        for (endpoint, _) in drain(&mut lanes, now) {
            sent += 1;
            lanes.finished(endpoint, GOOD, now);
        }
        now += Duration::from_millis(100);
    }
    assert_eq!(sent, 4, "at 0, 1, 2 and 3 seconds");
}

#[test]
fn nothing_is_remembered_of_a_lane_that_is_done() {
    let mut now = Instant::now();
    let mut lanes = Lanes::new();
    let limited = Way { rate: Some(Rate { per_second: 1.0, burst: 2 }), ..way(1) };
    lanes.park(&limited, 1, now).unwrap();
    let (endpoint, _) = lanes.next(now).unwrap();
    lanes.finished(endpoint, GOOD, now);
    assert!(lanes.is_idle());
    lanes.shed(now);
    assert_eq!(lanes.of.len(), 1, "its bucket is not full yet");
    now += Duration::from_secs(1);
    lanes.shed(now);
    assert!(lanes.of.is_empty() && lanes.hosts.is_empty() && lanes.turns.is_empty());
    assert_eq!(lanes.wake_at(now), None);
}

#[test]
fn a_lane_that_empties_and_fills_again_gets_its_turn() {
    let now = Instant::now();
    let mut lanes = Lanes::new();
    for round in 0..3 {
        lanes.park(&way(1), round, now).unwrap();
        let (endpoint, item) = lanes.next(now).unwrap();
        assert_eq!(item, round);
        lanes.finished(endpoint, GOOD, now);
        assert!(lanes.next(now).is_none());
    }
    assert_eq!(lanes.room(), PARKED_MAX);
}
