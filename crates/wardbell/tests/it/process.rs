//! Start, stop, and everything that can go wrong at a start.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use wardbell_testkit::gateway::Gateway;
use wardbell_testkit::provider::behaviour::{Behaviour, Stream};
use wardbell_testkit::provider::hold::Hold;
use wardbell_testkit::receiver::FakeReceiver;

use crate::rig::{BINARY, Rig, redact, says};

const SOON: Duration = Duration::from_secs(10);

#[test]
fn the_first_start_makes_a_project_and_a_key_that_works() {
    let mut gateway = Gateway::start(BINARY);
    assert_eq!(gateway.stdout().trim(), format!("wardbell ready on {}", gateway.url()));
    gateway.wait_for_log("1111 1111", SOON);
    let log = gateway.stderr();
    let key = log.split_whitespace().find(|word| word.starts_with("wb_")).unwrap().to_owned();
    assert!(log.contains("curl "));
    let reply = gateway.chat(&key, &says("hello")).expect(200).json();
    assert_eq!(reply["choices"][0]["message"]["content"], "hello");
    assert_eq!(gateway.get("/projects")["data"][0]["name"], "default");
    gateway.restart();
    let _ = gateway.chat(&key, &says("hello")).expect(200);
    assert_eq!(gateway.stderr().matches(&key).count(), log.matches(&key).count(), "shown once");
    assert_eq!(gateway.get("/projects")["data"].as_array().unwrap().len(), 1);
}

#[test]
fn secrets_on_disk_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let gateway = Gateway::start(BINARY);
    for name in ["admin-token", "master-key"] {
        let mode = std::fs::metadata(gateway.data_dir().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn sigterm_lets_requests_end_and_exits_zero() {
    let mut rig = Rig::new(&redact());
    let hold = Hold::new();
    rig.provider.next(Behaviour::Stream(Stream::of(["one ", "two "]).held(&hold)));
    let mut body = says("mail ann@example.com");
    body["stream"] = json!(true);
    let mut connection = rig.gateway.chat_stream(&rig.key, &body);
    hold.release(2);
    connection.read_until(b"one ", SOON);
    rig.gateway.begin_termination();
    rig.gateway.wait_for_log("draining", SOON);
    hold.release_all();
    connection.read_until(b"data: [DONE]\n\n", SOON);
    drop(connection);
    assert!(rig.gateway.wait_for_end(SOON).success());
    rig.gateway.restart();
    let rows = rig.gateway.get(&rig.path("activity"));
    assert_eq!(rows["data"][0]["outcome"], "served", "{rows}");
}

#[test]
fn rows_of_clean_requests_are_written_at_a_stop() {
    let mut rig = Rig::new(&redact());
    for _ in 0..20 {
        let _ = rig.gateway.chat(&rig.key, &says("hello")).expect(200);
    }
    assert!(rig.gateway.terminate().success());
    rig.gateway.restart();
    assert_eq!(rig.gateway.get(&rig.path("activity"))["data"].as_array().unwrap().len(), 20);
}

#[test]
fn a_stop_while_a_receiver_hangs_is_quick_and_loses_nothing() {
    let receiver = FakeReceiver::start_plain();
    receiver.next(wardbell_testkit::receiver::Reaction::Hang);
    let mut rig = Rig::new(&redact());
    rig.gateway.webhook(&rig.project, &json!({"url": receiver.url()}));
    let _ = rig.gateway.chat(&rig.key, &says("mail ann@example.com")).expect(200);
    receiver.wait_for_blocking(1, SOON);
    assert!(rig.gateway.terminate().success());
    rig.gateway.restart();
    let again = receiver.wait_for_blocking(2, SOON);
    assert_eq!(again[0].json()["webhook_id"], again[1].json()["webhook_id"]);
}

#[track_caller]
fn fails(builder: wardbell_testkit::gateway::Builder, code: i32, parts: &[&str]) {
    let data_dir = builder.data_dir();
    let Err(failed) = builder.try_start() else { panic!("it started") };
    assert_eq!(failed.status.and_then(|status| status.code()), Some(code), "{}", failed.stderr);
    for part in parts {
        assert!(failed.stderr.contains(part), "{part} in:\n{}", failed.stderr);
    }
    assert!(!data_dir.join("wardbell.db").exists(), "nothing half-written");
}

#[test]
fn a_bad_start_says_what_to_do_and_writes_nothing() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let start = || Gateway::builder(BINARY);
    fails(start().env("WARDBELL_LISTEN", &address), 1, &["in use", "--listen"]);
    fails(start().env("WARDBELL_LISTEN", "nowhere"), 64, &["WARDBELL_LISTEN", "127.0.0.1:8787"]);
    fails(
        start().config("lissten = \"x\"\n[limits]\ndepth_max = \"deep\"\n"),
        64,
        &["2 problems", "did you mean listen?", "limits.depth_max"],
    );
    fails(start().env("WARDBELL_STORAGE_URL", "postgres://x"), 64, &["PostgreSQL", "sqlite:PATH"]);
    fails(start().env("WARDBELL_EGRESS_ALLOW", "all"), 64, &["WARDBELL_EGRESS_ALLOW has `all`"]);
    fails(start().env("WARDBELL_MASTER_KEY", "short"), 64, &["WARDBELL_MASTER_KEY", "openssl rand"]);
    fails(start().env("WARDBELL_DATA_DIR", "/proc/nowhere"), 1, &["/proc/nowhere", "--data-dir"]);
    fails(start().arg("--config").arg("missing.toml"), 64, &["missing.toml cannot be read"]);
    fails(start().arg("--unknown"), 64, &["--unknown"]);
}

#[test]
fn another_master_key_and_a_second_process_are_refused() {
    let mut gateway = Gateway::start(BINARY);
    gateway.set_env("WARDBELL_MASTER_KEY", &"ab".repeat(32));
    let failed = gateway.try_restart().unwrap_err();
    assert!(failed.stderr.contains("master key does not open"), "{}", failed.stderr);

    let first = Gateway::start(BINARY);
    let second = Gateway::builder(BINARY).env("WARDBELL_DATA_DIR", first.data_dir()).try_start();
    let failed = second.err().unwrap();
    assert!(failed.stderr.contains("in use by another wardbell"), "{}", failed.stderr);
}

#[test]
fn health_and_metrics_answer_without_a_key() {
    let rig = Rig::new(&redact());
    let reply = rig.gateway.send("GET", "/health", &[], b"").expect(200);
    assert_eq!(reply.json()["status"], "healthy");
    let _ = rig.gateway.chat(&rig.key, &says("hello")).expect(200);
    let metrics = rig.gateway.send("GET", "/metrics", &[], b"").expect(200);
    let served = "wardbell_requests_total{surface=\"chat.completions\",verdict=\"allow\",outcome=\"served\"} 1";
    assert!(metrics.text().contains(served), "{}", metrics.text());
    let run = |address: &str| Command::new(BINARY).args(["healthcheck", "--listen", address]).output().unwrap();
    assert!(run(&rig.gateway.address().to_string()).status.success());
    assert!(!run("127.0.0.1:1").status.success());
}

#[test]
fn the_demo_shows_verified_alerts() {
    let done = Command::new(BINARY).arg("demo").output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    for part in [
        "dlp.pii_redacted",
        "dlp.pii_blocked",
        "dlp.injection_blocked",
        "budget.exhausted",
        "loop.detected",
        "prompt_injection_detected",
        "Personal data blocked",
        "Malicious Prompt Detected",
        "verified",
    ] {
        assert!(said.contains(part), "{part} in:\n{said}");
    }
}

#[test]
fn listen_and_verify_accept_a_real_delivery_and_refuse_a_forged_one() {
    let receiver = FakeReceiver::start_plain();
    let rig = Rig::new(&redact());
    let webhook = rig.gateway.webhook(&rig.project, &json!({"url": receiver.url()}));
    let _ = rig.gateway.chat(&rig.key, &says("mail ann@example.com")).expect(200);
    let delivery = receiver.wait_for_blocking(1, SOON).remove(0);
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("delivery.http");
    let verify = |bytes: &[u8]| {
        std::fs::write(&saved, bytes).unwrap();
        let secret = webhook["secret"].as_str().unwrap();
        Command::new(BINARY).arg("verify").arg(&saved).env("WARDBELL_WEBHOOK_SECRET", secret).output().unwrap()
    };
    let whole = [delivery.head.as_slice(), &delivery.body].concat();
    let good = verify(&whole);
    assert!(String::from_utf8_lossy(&good.stdout).starts_with("good: "), "{good:?}");
    let forged = String::from_utf8(whole).unwrap().replace("medium", "lowest");
    let bad = verify(forged.as_bytes());
    assert!(!bad.status.success() && String::from_utf8_lossy(&bad.stderr).contains("does not match"), "{bad:?}");
}

#[test]
fn check_tells_every_problem_and_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let check = |listen: &str| {
        Command::new(BINARY).args(["check", "--listen", listen]).current_dir(folder.path()).output().unwrap()
    };
    assert!(check("127.0.0.1:0").status.success());
    assert_eq!(check("x").status.code(), Some(64));
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
}

#[test]
fn generated_files_are_current() {
    for (what, file) in [("openapi", "openapi.json"), ("config", "wardbell.default.toml")] {
        let made = Command::new(BINARY).args(["generate", what]).output().unwrap();
        let path = format!("{}/../../{file}", env!("CARGO_MANIFEST_DIR"));
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(String::from_utf8_lossy(&made.stdout) == stored, "{file} is stale: run `cargo xtask generate`");
    }
    let document: Value =
        serde_json::from_slice(&Command::new(BINARY).args(["generate", "openapi"]).output().unwrap().stdout).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
}
