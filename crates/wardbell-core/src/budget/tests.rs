use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn periods_begin_and_end_with_the_calendar_of_utc() {
    let now = at("2028-02-29T23:59:59.999Z"); // a Tuesday of a leap year
    for (period, began, ends) in [
        (Period::Total, "1970-01-01T00:00:00Z", None),
        (Period::Day, "2028-02-29T00:00:00Z", Some("2028-03-01T00:00:00Z")),
        (Period::Week, "2028-02-28T00:00:00Z", Some("2028-03-06T00:00:00Z")),
        (Period::Month, "2028-02-01T00:00:00Z", Some("2028-03-01T00:00:00Z")),
        (Period::Rolling(60), "1970-01-01T00:00:00Z", None),
    ] {
        assert_eq!((period.began(now), period.ends(now)), (at(began), ends.map(at)), "{period}");
        assert_eq!(period.to_string().parse(), Ok(period));
    }
    assert_eq!(Period::Month.ends(at("2026-12-31T00:00:00Z")), Some(at("2027-01-01T00:00:00Z")));
}

#[test]
fn a_part_of_a_rolling_period_counts_until_all_of_it_is_past() {
    let period = Period::Rolling(3600);
    let spent = period.part(at("2026-11-23T10:00:59Z"));
    assert_eq!(spent, at("2026-11-23T10:00:00Z"));
    assert!(period.counts_from(at("2026-11-23T11:00:59.999Z")) <= spent);
    assert!(period.counts_from(at("2026-11-23T11:01:00Z")) > spent);
}

#[test]
fn words_that_name_no_scope_or_period_are_refused() {
    for text in ["", "user", "user:", "team:a", "key:7", "key:", "project:x", "user:a\nb"] {
        assert_eq!(text.parse::<Scope>(), Err(ScopeError), "{text}");
    }
    for text in ["project", "user:ann", "user:*", "session:s:1", "model:gpt-4o", "key:*"] {
        assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
    }
    for text in ["", "year", "rolling", "rolling:0", "rolling:-1", "rolling:31622401"] {
        assert_eq!(text.parse::<Period>(), Err(PeriodError), "{text}");
    }
}
