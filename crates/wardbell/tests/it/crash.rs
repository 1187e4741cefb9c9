//! Killed again and again at random moments under load: what was answered is delivered, under one id, whatever happened.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use wardbell_testkit::receiver::{FakeReceiver, Reaction};

use crate::rig::{Rig, block, says};

/// How often the process is killed; `WARDBELL_TEST_KILLS` asks for more.
const KILLS: u32 = 200;

/// Clients that send all the time.
const CLIENTS: usize = 3;

/// How long the last deliveries may take: the retries of those that the receiver refused.
const DRAIN: Duration = Duration::from_mins(1);

#[expect(clippy::disallowed_methods, reason = "the long form of a test is asked for by whoever runs it")]
fn kills() -> u32 {
    std::env::var("WARDBELL_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS)
}

#[test]
fn killed_two_hundred_times_under_load_it_loses_no_alert_and_changes_no_id() {
    let kills = kills();
    let receiver = FakeReceiver::start_plain();
    let mut rig = Rig::new(&block());
    rig.gateway.webhook(&rig.project, &json!({"url": receiver.url(), "retry": "durable"}));
    let address = Arc::new(Mutex::new(rig.gateway.address()));
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (address, stop, key) = (Arc::clone(&address), Arc::clone(&stop), rig.key.clone());
            std::thread::spawn(move || client(&address, &stop, &key))
        })
        .collect();
    // A number that is not the same in every run, and need not be good.
    let mut dice = u64::from(std::process::id()) | 1;
    for round in 0..kills {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(dice >> 33 & 31));
        if round % 10 == 0 {
            // Some deliveries are refused, so that retries stand in the outbox, too.
            receiver.next(Reaction::Status(503)).next(Reaction::Close);
        }
        rig.gateway.kill9();
        rig.gateway.restart();
        *address.lock().unwrap() = rig.gateway.address();
    }
    stop.store(true, Ordering::SeqCst);
    let committed: BTreeSet<String> = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();

    let until = Instant::now() + DRAIN;
    let seen = loop {
        let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for delivery in receiver.deliveries() {
            let body = delivery.json();
            let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
            seen.entry(text("request_id")).or_default().push(text("webhook_id"));
        }
        if committed.iter().all(|id| seen.contains_key(id)) {
            break seen;
        }
        let missing = committed.iter().filter(|id| !seen.contains_key(*id)).count();
        assert!(Instant::now() < until, "{missing} of {} alerts never came", committed.len());
        std::thread::sleep(Duration::from_millis(100));
    };
    let changed = seen.values().filter(|ids| ids.iter().collect::<BTreeSet<_>>().len() > 1).count();
    let duplicates: usize = seen.values().map(|ids| ids.len() - 1).sum();
    println!(
        "{kills} kills: {} alerts committed before their answer, {} requests told of, {duplicates} duplicates, {changed} \
         with a changed id",
        committed.len(),
        seen.len()
    );
    assert_eq!(changed, 0, "one id for each alert, however often it was sent");
    assert!(committed.len() >= usize::try_from(kills).unwrap(), "there was load: {}", committed.len());
    rig.gateway.wait_for_rows(&rig.path("deliveries?state=pending"), DRAIN, <[_]>::is_empty);
}

/// Sends blocked requests until told to stop, and returns the ids of those that were answered: their alerts are committed.
fn client(address: &Mutex<SocketAddr>, stop: &AtomicBool, key: &str) -> Vec<String> {
    let body = says("my card is 4111 1111 1111 1111").to_string();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: wardbell\r\nAuthorization: Bearer {key}\r\nContent-Type: \
         application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answered = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let to = *address.lock().unwrap();
        // Between a kill and the next start there is nobody there.
        let Ok(stream) = TcpStream::connect(to) else {
            std::thread::sleep(Duration::from_millis(2));
            continue;
        };
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut stream = stream;
        while !stop.load(Ordering::SeqCst) {
            if stream.write_all(request.as_bytes()).is_err() {
                break;
            }
            let Some(id) = read_answer(&mut reader) else { break };
            answered.push(id);
        }
    }
    answered
}

/// The request id of a whole answer; `None` if the connection ended within it.
fn read_answer(reader: &mut impl BufRead) -> Option<String> {
    let (mut length, mut id) = (0, None);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        } else if let Some(value) = line.strip_prefix("x-request-id:") {
            id = Some(value.trim().to_owned());
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    id
}
