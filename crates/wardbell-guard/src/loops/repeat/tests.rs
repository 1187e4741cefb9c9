use std::collections::HashMap;

use proptest::prelude::*;

use super::super::{LoopKeys, SECRET_BYTES};
use super::*;

fn rule() -> RepeatRule {
    RepeatRule::from(&LoopPolicy::default())
}

fn fingerprint(number: u64) -> Fingerprint {
    LoopKeys::new(&[7; SECRET_BYTES]).seal(&[&number.to_be_bytes()])
}

const AT: fn(u64) -> Duration = Duration::from_secs;

/// Begins a request and has it answered at once.
fn call(repeats: &mut Repeats, number: u64, at: Duration) -> Option<Repeat> {
    match repeats.begin(fingerprint(number), rule(), at) {
        Judgement::Allow(token) => {
            repeats.ended(&token, Usd::from_nanos(10));
            None
        }
        Judgement::Refuse(repeat) => Some(repeat),
    }
}

#[test]
fn the_sixth_of_a_minute_is_refused_and_then_all_until_the_cooldown_is_over() {
    let mut repeats = Repeats::default();
    for at in 0..5 {
        assert_eq!(call(&mut repeats, 1, AT(at)), None);
    }
    let sixth = call(&mut repeats, 1, AT(5)).unwrap();
    let expect = Repeat {
        fingerprint: fingerprint(1),
        hit_count: 6,
        remaining: AT(30),
        cooldown: AT(30),
        begins: true,
        cost_so_far: Usd::from_nanos(50),
        cost_avoided: Usd::from_nanos(10),
    };
    assert_eq!(sixth, expect);
    assert_eq!(call(&mut repeats, 2, AT(6)), None, "another fingerprint passes");
    let seventh = call(&mut repeats, 1, AT(34)).unwrap();
    assert_eq!(
        seventh,
        Repeat { hit_count: 7, remaining: AT(1), begins: false, cost_avoided: Usd::from_nanos(20), ..expect }
    );
    assert_eq!(call(&mut repeats, 1, AT(35)), None, "the cooldown is over");
}

#[test]
fn each_further_episode_is_twice_as_long_up_to_five_minutes_and_a_quiet_window_forgets_it() {
    let mut repeats = Repeats::default();
    let mut now = Duration::ZERO;
    for cooldown in [30, 60, 120, 240, 300, 300] {
        let refused = (0..6).find_map(|_| call(&mut repeats, 1, now)).unwrap();
        assert_eq!((refused.cooldown, refused.begins, refused.hit_count), (AT(cooldown), true, 6));
        now += refused.cooldown;
    }
    now += AT(61);
    assert_eq!((0..6).find_map(|_| call(&mut repeats, 1, now)).unwrap().cooldown, AT(30));
}

#[test]
fn five_a_minute_go_on_for_ever() {
    let mut repeats = Repeats::default();
    assert!((0..100).all(|number| call(&mut repeats, 1, AT(number * 12)).is_none()));
}

#[test]
fn parallel_samples_of_one_prompt_are_no_loop() {
    let mut repeats = Repeats::default();
    let mut open = VecDeque::new();
    for number in 0..200 {
        let judged = repeats.begin(fingerprint(1), rule(), Duration::from_millis(number * 50));
        let Judgement::Allow(token) = judged else { panic!("{number}") };
        open.push_back(token);
        // Four at a time: whenever one ends, the next begins.
        if open.len() == 4 {
            repeats.ended(&open.pop_front().unwrap(), Usd::default());
        }
    }
}

#[test]
fn requests_whose_end_nobody_tells_do_not_switch_it_off() {
    let mut repeats = Repeats::default();
    let _lost = repeats.begin(fingerprint(1), rule(), AT(0));
    assert!((0..7).any(|number| call(&mut repeats, 1, AT(61 + number)).is_some()));
}

#[test]
fn a_late_end_of_a_forgotten_request_changes_nothing() {
    let mut repeats = Repeats::default();
    let Judgement::Allow(old) = repeats.begin(fingerprint(1), rule(), AT(0)) else { panic!() };
    for number in 2..20 {
        call(&mut repeats, number, AT(200));
    }
    let Judgement::Allow(new) = repeats.begin(fingerprint(1), rule(), AT(300)) else { panic!() };
    assert_ne!(old, new);
    repeats.ended(&old, Usd::default());
    assert_eq!(repeats.once.peek(&fingerprint(1)).unwrap().open, 1);
}

#[test]
fn a_flood_of_distinct_requests_pushes_out_no_loop_and_takes_no_more_room() {
    let mut repeats = Repeats::default();
    let keys = LoopKeys::new(&[7; SECRET_BYTES]);
    let mut number = 10_u64;
    for round in 0..5 {
        assert_eq!(call(&mut repeats, 1, AT(round)), None);
        // A flood before the second round would push out what came once, as it may.
        for _ in 0..if round > 0 { 20_000 } else { 0 } {
            number += 1;
            let judged = repeats.begin(keys.seal(&[&number.to_be_bytes()]), rule(), AT(round));
            assert!(matches!(judged, Judgement::Allow(_)));
            assert!(repeats.len() <= ONCE_MAX + AGAIN_MAX);
        }
    }
    assert_eq!(call(&mut repeats, 1, AT(6)).unwrap().hit_count, 6);
}

#[test]
fn what_is_over_is_forgotten() {
    let mut repeats = Repeats::default();
    for number in 0..1000 {
        call(&mut repeats, number, AT(0));
        call(&mut repeats, number, AT(0));
    }
    for number in 1000..3000 {
        call(&mut repeats, number, AT(1000));
    }
    assert!(repeats.len() <= 2000, "{}", repeats.len());
}

/// The same rule, written as one would tell it: all requests are kept.
#[derive(Default)]
struct Model {
    began: Vec<Duration>,
    seen: Option<Duration>,
    until: Option<Duration>,
    cooldown: Duration,
}

impl Model {
    fn refuses(&mut self, now: Duration) -> bool {
        let quiet_since = self.until.max(self.seen);
        if quiet_since.is_some_and(|since| now > since + AT(60)) {
            *self = Self::default();
        }
        self.seen = Some(now);
        if self.until.is_some_and(|until| now < until) {
            return true;
        }
        if self.began.iter().filter(|began| now.saturating_sub(**began) < AT(60)).count() >= 5 {
            self.began.clear();
            self.cooldown = (self.cooldown * 2).clamp(AT(30), AT(300));
            self.until = Some(now + self.cooldown);
            return true;
        }
        self.began.push(now);
        false
    }
}

proptest! {
    #[test]
    fn serial_requests_are_judged_as_the_model_judges(
        calls in proptest::collection::vec((0_u64..3, prop_oneof![8 => 0_u64..9, 1 => 20_u64..200]), 0..300),
    ) {
        let mut repeats = Repeats::default();
        let mut models: HashMap<u64, Model> = HashMap::new();
        let mut now = Duration::ZERO;
        for (number, pause) in calls {
            now += AT(pause);
            let refused = call(&mut repeats, number, now).is_some();
            prop_assert_eq!(refused, models.entry(number).or_default().refuses(now));
        }
    }
}
