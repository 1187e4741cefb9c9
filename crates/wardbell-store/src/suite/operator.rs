use std::time::Duration;

use crate::operator::Session;
use crate::store::Store;
use crate::suite::tick;

pub(super) async fn a_password_is_set_up_once_and_ends_sessions_when_it_changes(store: &dyn Store) {
    assert_eq!(store.operator_password().await.unwrap(), None);
    assert!(store.set_up_operator("one".to_owned(), tick()).await.unwrap());
    assert!(!store.set_up_operator("two".to_owned(), tick()).await.unwrap(), "the second set-up comes too late");
    assert_eq!(store.operator_password().await.unwrap().as_deref(), Some("one"));
    store.open_session(session(1)).await.unwrap();
    store.set_operator_password("three".to_owned(), tick()).await.unwrap();
    assert_eq!(store.operator_password().await.unwrap().as_deref(), Some("three"));
    assert_eq!(store.session([1; 32], tick()).await.unwrap(), None);
}

pub(super) async fn sessions_end_by_time_by_wish_and_by_number(store: &dyn Store) {
    let one = session(1);
    store.open_session(one).await.unwrap();
    assert_eq!(store.session([1; 32], tick()).await.unwrap(), Some(one));
    assert_eq!(store.session([2; 32], tick()).await.unwrap(), None);
    assert_eq!(store.session([1; 32], one.expires_at).await.unwrap(), None, "it has expired");
    for number in 2..=101 {
        store.open_session(session(number)).await.unwrap();
    }
    assert_eq!(store.session([1; 32], tick()).await.unwrap(), None, "the oldest made room");
    assert_eq!(store.session_count(tick()).await.unwrap(), 100);
    store.end_session([50; 32]).await.unwrap();
    assert_eq!(store.session([50; 32], tick()).await.unwrap(), None);
    store.end_sessions().await.unwrap();
    assert_eq!(store.session_count(tick()).await.unwrap(), 0);
}

fn session(number: u8) -> Session {
    let created_at = tick();
    Session { hash: [number; 32], created_at, expires_at: created_at.after(Duration::from_hours(1)) }
}
