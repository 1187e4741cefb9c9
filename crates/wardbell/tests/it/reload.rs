//! Reading the configuration anew while requests go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wardbell_testkit::gateway::Gateway;
use wardbell_testkit::provider::behaviour::{Behaviour, Stream};
use wardbell_testkit::provider::hold::Hold;

use crate::rig::{Rig, redact, says};

const SOON: Duration = Duration::from_secs(20);

/// What the log says of each reload that came to its end.
const RELOADED: &str = "configuration reloaded";

#[track_caller]
fn reload(gateway: &Gateway) -> Value {
    gateway.api("POST", "/reload", None).expect(200).json()
}

/// Waits until the log holds so many of a line.
#[track_caller]
fn wait_for_lines(gateway: &Gateway, line: &str, count: usize) {
    let until = Instant::now() + SOON;
    while gateway.stderr().matches(line).count() < count {
        assert!(Instant::now() < until, "not {count} of {line:?}:\n{}", gateway.stderr());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[track_caller]
fn metric(gateway: &Gateway, line: &str) -> bool {
    gateway.send("GET", "/metrics", &[], b"").expect(200).text().lines().any(|told| told == line)
}

#[test]
fn no_request_fails_while_the_configuration_is_read_anew() {
    let rig = Rig::with(&redact(), |builder| builder.config("[limits]\ndepth_max = 64\n"));
    let hold = Hold::new();
    rig.provider.next(Behaviour::Stream(Stream::of(["one ", "two "]).held(&hold)));
    let mut body = says("a stream");
    body["stream"] = json!(true);
    let mut stream = rig.gateway.chat_stream(&rig.key, &body);
    hold.release(2);
    stream.read_until(b"one ", SOON);

    let is_over = AtomicBool::new(false);
    let served = Arc::new(AtomicUsize::new(0));
    let ask = |text: &str| {
        let body = says(text).to_string();
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            rig.key,
            body.len()
        )
    };
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (served, is_over, rig, ask) = (Arc::clone(&served), &is_over, &rig, &ask);
            scope.spawn(move || {
                // Half of them keep their connection over all reloads.
                let mut kept = (worker % 2 == 0).then(|| rig.gateway.connect());
                while !is_over.load(Ordering::Relaxed) {
                    let status = match &mut kept {
                        Some(connection) => {
                            connection.send(ask("hello").as_bytes());
                            connection.reply().status
                        }
                        None => rig.gateway.chat(&rig.key, &says("hello")).status,
                    };
                    assert_eq!(status, 200, "of worker {worker}");
                    served.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 1..=6 {
            // Everything that a reload can change is another each time.
            let declared = "[[projects]]\nslug = \"other\"\n";
            rig.gateway.write(
                "wardbell.toml",
                &format!(
                    "[limits]\ndepth_max = {}\nbody_seconds_max = {}\n[upstream]\nconnections_per_host_max = {}\n\
                     [budgets]\nceiling_input_usd = {}\n[log]\nfilter = \"{}\"\n{}",
                    64 + round,
                    30 + round,
                    100 + round,
                    15 + round,
                    if round % 2 == 0 { "info" } else { "info,wardbell_proxy=warn" },
                    if round % 2 == 0 { "" } else { declared },
                ),
            );
            let before = served.load(Ordering::Relaxed);
            if round % 2 == 0 {
                let told = reload(&rig.gateway);
                assert_eq!(told["declared"]["disabled"], json!(["other"]), "{told}");
                assert_eq!(told["needs_restart"], json!([]), "{told}");
            } else {
                rig.gateway.hang_up();
            }
            wait_for_lines(&rig.gateway, RELOADED, round);
            let until = Instant::now() + SOON;
            while served.load(Ordering::Relaxed) < before + 8 {
                assert!(Instant::now() < until, "requests stopped after reload {round}");
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    hold.release_all();
    stream.read_until(b"data: [DONE]\n\n", SOON);
    assert!(metric(&rig.gateway, "wardbell_configuration_reloads_total{result=\"applied\"} 6"));
    let served = served.load(Ordering::Relaxed);
    let rows = rig.gateway.wait_for_rows(&rig.path("activity?limit=500"), SOON, |rows| rows.len() > served.min(499));
    assert!(rows.iter().all(|row| row["outcome"] == "served"), "every request is served");
}

#[test]
fn a_reload_is_in_force_for_the_next_request_and_says_what_waits() {
    let rig = Rig::with(&redact(), |builder| builder.config("[limits]\nmessages_max = 5\n"));
    let two = json!({"model": "gpt-4o-mini", "messages": [
        {"role": "user", "content": "hello"},
        {"role": "user", "content": "again"},
    ]});
    assert_eq!(rig.gateway.chat(&rig.key, &two).status, 200);
    rig.gateway.write(
        "wardbell.toml",
        "connections_max = 99\n[limits]\nmessages_max = 1\nbody_memory_bytes_max = 268435457\n",
    );
    let told = reload(&rig.gateway);
    assert_eq!(told["applied"], json!(["limits.messages_max"]), "{told}");
    assert_eq!(told["needs_restart"], json!(["connections_max", "limits.body_memory_bytes_max"]), "{told}");
    rig.gateway.wait_for_log("settings changed that need a restart", SOON);
    assert_eq!(rig.gateway.chat(&rig.key, &two).status, 422);
    let again = reload(&rig.gateway);
    assert_eq!((&again["applied"], &again["needs_restart"]), (&json!([]), &told["needs_restart"]), "it waits still");
}

#[test]
fn a_body_that_the_memory_of_the_start_does_not_hold_waits_for_a_restart() {
    let rig = Rig::with(&redact(), |builder| {
        builder.config("[limits]\nbody_bytes_max = 100000\nbody_memory_bytes_max = 100000\n")
    });
    rig.gateway.write("wardbell.toml", "[limits]\nbody_bytes_max = 200000\nbody_memory_bytes_max = 200000\n");
    let told = reload(&rig.gateway);
    assert_eq!(told["needs_restart"], json!(["limits.body_bytes_max", "limits.body_memory_bytes_max"]), "{told}");
    let large = says(&"x".repeat(150_000));
    assert_eq!(rig.gateway.chat(&rig.key, &large).status, 413, "as before");
}

#[test]
fn a_bad_file_changes_nothing_and_is_told() {
    let rig = Rig::with(&redact(), |builder| builder.config("[limits]\nmessages_max = 1\n"));
    let two = json!({"model": "gpt-4o-mini", "messages": [
        {"role": "user", "content": "hello"},
        {"role": "user", "content": "again"},
    ]});
    for (round, (config, part)) in [
        ("[limits]\nmessages_max = 5\ndepth_max = \"deep\"\n", "limits.depth_max in wardbell.toml"),
        ("[limits]\nmessages_max = 5\n[[projects]]\nslug = \"\"\n", "projects[0].slug in wardbell.toml"),
        ("[limits", "wardbell.toml is not TOML"),
    ]
    .into_iter()
    .enumerate()
    {
        rig.gateway.write("wardbell.toml", config);
        let refused = rig.gateway.api("POST", "/reload", None).expect(422).json();
        let message = refused["error"]["message"].as_str().unwrap();
        assert_eq!(refused["error"]["code"], "invalid_configuration");
        assert!(message.contains(part), "{message}");
        let folder = rig.gateway.data_dir();
        let folder = folder.parent().unwrap().display().to_string();
        assert!(!message.contains(&folder), "no folder in {message}");
        rig.gateway.hang_up();
        wait_for_lines(&rig.gateway, "configuration not reloaded", 2 * (round + 1));
        assert_eq!(rig.gateway.chat(&rig.key, &two).status, 422, "the old limit is in force");
        assert_eq!(rig.gateway.chat(&rig.key, &says("hello")).status, 200);
    }
    std::fs::remove_file(rig.gateway.write("wardbell.toml", "")).unwrap();
    let refused = rig.gateway.api("POST", "/reload", None).expect(422);
    assert!(refused.text().contains("not there any more"), "{}", refused.text());
    assert!(metric(&rig.gateway, "wardbell_configuration_reloads_total{result=\"refused\"} 7"));
    rig.gateway.write("wardbell.toml", "[limits]\nmessages_max = 5\n");
    let _ = reload(&rig.gateway);
    assert_eq!(rig.gateway.chat(&rig.key, &two).status, 200, "a good one is in force");
}
