//! What is particular to each kind of receiver, from a commit to the wire and back.

use std::time::Duration;

use serde_json::Value;
use wardbell_core::alert::AlertKind;
use wardbell_core::secret::Secret;
use wardbell_store::endpoint::{EndpointChange, Format, HealthState, Options, RetryProfile};
use wardbell_store::outbox::DeliveryState;
use wardbell_telemetry::ambient;

use crate::fixture::Fixture;
use crate::receiver::{OK, Receiver, Reply};

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

#[tokio::test]
async fn a_rich_body_that_is_refused_is_sent_once_more_as_plain_text() {
    for (format, refusal) in [
        (Format::Slack, Reply::Status(400, "", b"invalid_blocks")),
        (Format::Slack, Reply::Status(200, "", b"invalid_blocks")),
        (Format::Discord, Reply::Status(400, "", br#"{"code":50035,"errors":{}}"#)),
        (Format::Teams, Reply::Status(413, "", b"too large")),
    ] {
        let mut receiver = Receiver::plain(move |n| if n == 0 { refusal } else { OK }).await;
        let fixture = Fixture::start(None).await;
        let url = format!("http://127.0.0.1:{}/hook", receiver.port);
        fixture.endpoint_of(&url, RetryProfile::Durable, format).await;
        let deliveries = fixture.raise(AlertKind::PiiBlocked).await;
        let (rich, plain) = (receiver.next().await, receiver.next().await);
        assert!(rich.body.len() > plain.body.len(), "{format:?}");
        assert_eq!(rich.header("webhook-id"), plain.header("webhook-id"));
        let plain = json(&plain.body);
        assert!(plain.get("blocks").is_none() && plain.get("embeds").is_none());
        assert!(plain.to_string().contains("Personal data blocked"), "the human still gets it: {plain}");
        let (delivery, attempts) = fixture.finished(*deliveries.first().unwrap()).await;
        assert_eq!((delivery.state, delivery.is_plain, attempts.len()), (DeliveryState::Delivered, true, 2));
        fixture.stop().await;
    }
}

#[tokio::test]
async fn a_body_that_is_refused_as_plain_text_too_is_given_up_soon() {
    let mut receiver = Receiver::plain(|_| Reply::Status(400, "", b"invalid_payload")).await;
    let fixture = Fixture::start(None).await;
    let url = format!("http://127.0.0.1:{}/hook", receiver.port);
    fixture.endpoint_of(&url, RetryProfile::Durable, Format::Slack).await;
    let deliveries = fixture.raise(AlertKind::PiiBlocked).await;
    let (delivery, attempts) = fixture.finished(*deliveries.first().unwrap()).await;
    assert_eq!((delivery.state, attempts.len()), (DeliveryState::Dead, 3));
    assert!(delivery.reason.unwrap().contains("check the webhook's URL"));
    for _ in 0..3 {
        receiver.next().await;
    }
    fixture.stop().await;
}

#[tokio::test]
async fn a_json_receiver_that_refuses_gets_nothing_else() {
    let mut receiver = Receiver::plain(|_| Reply::Status(400, "", b"no")).await;
    let fixture = Fixture::start(None).await;
    fixture.endpoint(&format!("http://127.0.0.1:{}/", receiver.port), RetryProfile::LockLlm).await;
    let deliveries = fixture.raise(AlertKind::PiiBlocked).await;
    let (delivery, attempts) = fixture.finished(*deliveries.first().unwrap()).await;
    assert_eq!((delivery.state, delivery.is_plain, attempts.len()), (DeliveryState::Dead, false, 1));
    receiver.next().await;
    fixture.stop().await;
}

#[tokio::test]
async fn discord_is_asked_to_say_whether_it_kept_the_message() {
    let mut receiver = Receiver::plain(|_| OK).await;
    let fixture = Fixture::start(None).await;
    for (path, expect) in [
        ("/api/webhooks/1/x", "POST /api/webhooks/1/x?wait=true HTTP/1.1"),
        ("/api/webhooks/1/x?thread_id=7", "POST /api/webhooks/1/x?thread_id=7&wait=true HTTP/1.1"),
    ] {
        let url = format!("http://127.0.0.1:{}{path}", receiver.port);
        let endpoint = fixture.endpoint_of(&url, RetryProfile::Durable, Format::Discord).await;
        assert!(fixture.tester().test(&endpoint, AlertKind::PiiBlocked).await.delivered);
        assert_eq!(receiver.next().await.request_line, expect);
    }
    fixture.stop().await;
}

#[tokio::test]
async fn a_pause_that_is_asked_for_holds_for_every_delivery_of_the_endpoint() {
    for (format, headers, body) in [
        (Format::Json, "retry-after: 2\r\n", &b""[..]),
        (Format::Discord, "", br#"{"message":"limited","retry_after":2.0,"global":false}"#),
    ] {
        let mut receiver = Receiver::plain(move |n| if n == 0 { Reply::Status(429, headers, body) } else { OK }).await;
        let fixture = Fixture::start(None).await;
        let url = format!("http://127.0.0.1:{}/", receiver.port);
        fixture.endpoint_of(&url, RetryProfile::Durable, format).await;
        fixture.raise(AlertKind::PiiBlocked).await;
        let first = receiver.next().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        // Another kind, so that a form for people does not fold it.
        fixture.raise(AlertKind::InjectionBlocked).await;
        let mut pauses = [receiver.next().await.at - first.at, receiver.next().await.at - first.at];
        pauses.sort();
        assert!(pauses[0] >= Duration::from_millis(1950), "{format:?}: {pauses:?}");
        assert!(pauses[1] < Duration::from_secs(5), "{format:?}: {pauses:?}");
        fixture.stop().await;
    }
}

#[tokio::test]
async fn slack_gets_one_message_a_second() {
    let mut receiver = Receiver::plain(|_| OK).await;
    let fixture = Fixture::start(None).await;
    fixture.endpoint_of(&format!("http://127.0.0.1:{}/", receiver.port), RetryProfile::Durable, Format::Slack).await;
    for kind in [AlertKind::PiiBlocked, AlertKind::InjectionBlocked, AlertKind::PiiRedacted] {
        fixture.raise(kind).await;
    }
    let mut times = Vec::new();
    for _ in 0..3 {
        times.push(receiver.next().await.at);
    }
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] >= Duration::from_millis(950), "{times:?}");
    }
    fixture.stop().await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_switched_off_and_the_other_is_told() {
    let mut gone = Receiver::plain(|_| Reply::Status(410, "", b"")).await;
    let mut other = Receiver::plain(|_| OK).await;
    let fixture = Fixture::start(None).await;
    let endpoint = fixture.endpoint(&format!("http://127.0.0.1:{}/", gone.port), RetryProfile::Durable).await;
    fixture.endpoint(&format!("http://127.0.0.1:{}/", other.port), RetryProfile::Durable).await;
    fixture.raise(AlertKind::PiiBlocked).await;
    gone.next().await;
    let mut events = [json(&other.next().await.body), json(&other.next().await.body)];
    events.sort_by_key(|event| event["event"].to_string());
    assert_eq!(events[0]["event"], "dlp.pii_blocked");
    assert_eq!(events[1]["event"], "endpoint.disabled");
    assert_eq!(events[1]["data"]["endpoint_id"], endpoint.id.to_string());
    let now = fixture.store.endpoint(endpoint.project, endpoint.id).await.unwrap();
    assert_eq!((now.enabled, now.health.state), (false, HealthState::Disabled));
    fixture.raise(AlertKind::PiiBlocked).await;
    other.next().await;
    assert!(gone.is_quiet_for(Duration::from_millis(300)).await, "nothing more goes there");
    fixture.stop().await;
}

#[tokio::test]
async fn headers_of_the_operators_own_go_along_and_a_replay_is_marked() {
    let mut receiver = Receiver::plain(|_| OK).await;
    let fixture = Fixture::start(None).await;
    let url = format!("http://127.0.0.1:{}/", receiver.port);
    let endpoint = fixture.endpoint(&url, RetryProfile::Durable).await;
    let headers = vec![("x-token".to_owned(), Secret::new("t0ken".to_owned()))];
    let change =
        EndpointChange { options: Some(Options { headers, ..Options::default() }), ..EndpointChange::default() };
    fixture.store.update_endpoint(endpoint.project, endpoint.id, change, ambient::now()).await.unwrap();
    let deliveries = fixture.raise(AlertKind::PiiBlocked).await;
    let first = receiver.next().await;
    assert_eq!((first.header("x-token"), first.header("x-wardbell-replay")), (Some("t0ken"), None));
    let id = *deliveries.first().unwrap();
    fixture.finished(id).await;
    fixture.store.replay(endpoint.project, id, ambient::now()).await.unwrap();
    let again = receiver.next().await;
    assert_eq!(again.header("x-wardbell-replay"), Some("1"));
    assert_eq!((again.header("webhook-id"), &again.body), (first.header("webhook-id"), &first.body));
    fixture.stop().await;
}

#[tokio::test]
async fn every_form_of_every_kind_is_taken_by_a_receiver() {
    let mut receiver = Receiver::plain(|_| OK).await;
    let fixture = Fixture::start(None).await;
    let url = format!("http://127.0.0.1:{}/", receiver.port);
    let mut endpoint = fixture.endpoint(&url, RetryProfile::Durable).await;
    endpoint.options.routing_key = Some(Secret::new("0".repeat(32)));
    for format in Format::ALL.iter().filter(|format| **format != Format::Email) {
        for kind in AlertKind::ALL {
            endpoint.format = *format;
            let outcome = fixture.tester().test(&endpoint, *kind).await;
            assert!(outcome.delivered, "{format:?} {kind}: {outcome:?}");
            let received = receiver.next().await;
            let expect =
                if *format == Format::CloudEvents { "application/cloudevents+json" } else { "application/json" };
            assert_eq!(received.header("content-type"), Some(expect));
            json(&received.body);
        }
    }
    endpoint.format = Format::Email;
    let outcome = fixture.tester().test(&endpoint, AlertKind::PiiBlocked).await;
    assert!(outcome.error.unwrap().contains("smtp.from"), "without a mail server it says what to set");
    fixture.stop().await;
}
