//! Projects, policies and webhooks that the configuration file declares.

use std::time::Duration;

use serde_json::{Value, json};
use wardbell_testkit::gateway::{Builder, Gateway};
use wardbell_testkit::receiver::FakeReceiver;

use crate::rig::{BINARY, says};

const SOON: Duration = Duration::from_secs(10);

/// A secret that stands in a file of its own.
const SECRET: &str = "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnk=";

fn support(more: &str, webhook: &str) -> String {
    format!(
        "[[projects]]\nslug = \"support\"\nname = \"Support desk\"\n{more}\n[projects.policy]\ndlp = {{ action = \"block\" }}\n\
         loop = {{ enabled = false }}\nrate = {{ per_second = 100000, burst = 100000 }}\n{webhook}"
    )
}

fn webhook(more: &str) -> String {
    format!(
        "[[projects.webhooks]]\nslug = \"oncall\"\nurl = \"${{ONCALL_URL}}\"\nsecret = \"${{file:oncall-secret}}\"\n\
         headers = {{ x-token = \"Bearer ${{ONCALL_TOKEN}}\" }}\n{more}\n"
    )
}

fn builder(receiver: &FakeReceiver) -> Builder {
    let builder = Gateway::builder(BINARY).env("ONCALL_URL", receiver.url()).env("ONCALL_TOKEN", "canary-token");
    builder.write("oncall-secret", &format!("{SECRET}\n"));
    builder
}

#[track_caller]
fn project(gateway: &Gateway) -> Value {
    let projects = gateway.get("/projects");
    let found = projects["data"].as_array().unwrap().iter().find(|project| project["name"] == "Support desk");
    found.unwrap_or_else(|| panic!("{projects}")).clone()
}

#[track_caller]
fn path(gateway: &Gateway) -> String {
    format!("/projects/{}", project(gateway)["id"].as_str().unwrap())
}

#[test]
fn a_declared_project_guards_and_tells_with_the_secret_of_a_file() {
    let receiver = FakeReceiver::start_plain();
    let mut gateway = builder(&receiver).config(&support("", &webhook("events = [\"dlp.*\"]"))).start();
    let before = path(&gateway);
    assert_eq!(project(&gateway)["declared"], "wardbell.toml");
    let key = gateway.key(before.trim_start_matches("/projects/"));
    let _ = gateway.chat(&key, &says("my mail is ann@example.com")).expect(400);
    let told = receiver.wait_for_blocking(1, SOON);
    assert_eq!(told[0].json()["event"], "dlp.pii_blocked");
    assert_eq!(told[0].headers.get("x-token"), Some("Bearer canary-token"));
    assert!(told[0].headers.get("x-aisg-signature").is_some());
    let hook = gateway.get(&format!("{before}/webhooks"))["data"][0].clone();

    gateway.restart();
    assert_eq!(path(&gateway), before, "the same project");
    let again = gateway.get(&format!("{before}/webhooks"));
    assert_eq!(again["data"].as_array().unwrap().len(), 1);
    assert_eq!((&again["data"][0]["id"], &again["data"][0]["created_at"]), (&hook["id"], &hook["created_at"]));
    let _ = gateway.chat(&key, &says("my mail is ann@example.com")).expect(400);
    receiver.wait_for_blocking(2, SOON);
    for canary in ["canary", SECRET, "Y2FuYXJ5"] {
        assert!(!gateway.output().contains(canary) && !again.to_string().contains(canary), "{canary}");
    }
}

#[test]
fn what_is_declared_no_more_is_off_and_kept() {
    let receiver = FakeReceiver::start_plain();
    let gateway = builder(&receiver).config(&support("", &webhook(""))).start();
    let path = path(&gateway);
    let key = gateway.key(path.trim_start_matches("/projects/"));
    let _ = gateway.chat(&key, &says("my mail is ann@example.com")).expect(400);
    receiver.wait_for_blocking(1, SOON);
    gateway.write("wardbell.toml", "");
    let told = gateway.api("POST", "/reload", None).expect(200).json();
    assert_eq!(told["declared"]["disabled"], json!(["support", "support/oncall"]), "{told}");
    let refused = gateway.chat(&key, &says("hello"));
    assert_eq!(refused.status, 401, "{}", refused.text());
    assert_eq!(gateway.get(&format!("{path}/alerts"))["data"].as_array().unwrap().len(), 1, "history stays");
    assert_eq!(gateway.get(&format!("{path}/webhooks"))["data"][0]["enabled"], false);
    gateway.write("wardbell.toml", &support("", &webhook("")));
    let _ = gateway.api("POST", "/reload", None).expect(200);
    assert_eq!(gateway.chat(&key, &says("hello")).status, 200, "the same key again");
}

#[test]
fn the_first_project_can_be_declared_by_its_slug() {
    let gateway = Gateway::builder(BINARY).config("[[projects]]\nslug = \"default\"\nname = \"Ours\"\n").start();
    let projects = gateway.get("/projects");
    assert_eq!(projects["data"].as_array().unwrap().len(), 1, "{projects}");
    assert_eq!(projects["data"][0]["name"], "Ours");
}

#[test]
fn a_bad_declaration_stops_the_start_and_names_the_field() {
    let receiver = FakeReceiver::start_plain();
    for (config, parts) in [
        (support("colour = 1", ""), vec!["projects[0].colour in wardbell.toml is not known here"]),
        (
            support("", &webhook("events = [\"dlp.nothing\"]")),
            vec!["projects[0].webhooks[0].events", "dlp.pii_blocked"],
        ),
        (support("", &webhook("retry = \"canary-word\"")), vec!["projects[0].webhooks[0].retry", "durable"]),
        (
            "[[projects]]\nslug = \"a\"\n[[projects.webhooks]]\nslug = \"h\"\nurl = \"https://10.0.0.1/canary\"\n\
             secret = \"canary\"\nrouting_key = \"${MISSING}\"\n"
                .to_owned(),
            vec!["projects[0].webhooks[0].secret", "must be a reference", "MISSING, which is not set"],
        ),
    ] {
        let builder = builder(&receiver).config(&config);
        let data_dir = builder.data_dir();
        let Err(failed) = builder.try_start() else { panic!("it started: {config}") };
        assert_eq!(failed.status.and_then(|status| status.code()), Some(64), "{}", failed.stderr);
        for part in parts {
            assert!(failed.stderr.contains(part), "{part} in:\n{}", failed.stderr);
        }
        assert!(!failed.stderr.contains("canary"), "{}", failed.stderr);
        assert!(!data_dir.exists(), "nothing is written");
    }
}

#[test]
fn a_start_without_the_file_that_declared_is_refused() {
    let receiver = FakeReceiver::start_plain();
    let mut gateway = builder(&receiver).config(&support("", &webhook(""))).start();
    std::fs::remove_file(gateway.write("wardbell.toml", "")).unwrap();
    let failed = gateway.try_restart().unwrap_err();
    assert!(
        failed.stderr.contains("wardbell.toml declared projects in this database and is not there"),
        "{}",
        failed.stderr
    );
}

#[test]
fn the_dashboard_shows_what_is_declared_and_offers_no_change_of_it() {
    let receiver = FakeReceiver::start_plain();
    let gateway = builder(&receiver).config(&support("", &webhook(""))).start();
    let path = path(&gateway);
    let cookie = sign_in(&gateway);
    let page = |path: &str| {
        let reply = gateway.send("GET", path, &[("Cookie", &cookie)], b"").expect(200);
        reply.text().to_owned()
    };
    let hook = gateway.get(&format!("{path}/webhooks"))["data"][0]["id"].as_str().unwrap().to_owned();
    let note = "is declared in <code><bdi>wardbell.toml</bdi></code>, and can only be changed there";
    let webhook = page(&format!("{path}/webhooks/{hook}"));
    assert!(webhook.contains(note) && webhook.contains("Send test"), "{webhook}");
    for change in ["/rotate", "/delete", "role=\"switch\"", ">Save<"] {
        assert!(!webhook.contains(change), "{change}");
    }
    let policy = page(&format!("{path}/policy"));
    assert!(policy.contains(note) && policy.contains("<fieldset class=\"shown\" disabled"));
    assert!(!policy.contains("Save policy") && !policy.contains("Save rules"));
    let settings = page(&format!("{path}/settings"));
    assert!(settings.contains(note) && !settings.contains("Rename") && !settings.contains("Delete"));
    assert!(page("/projects").contains("declared in wardbell.toml"));
    assert!(page(&format!("{path}/webhooks")).contains("declared in wardbell.toml"));
}

/// Sets the dashboard's password by the link of the first start, and gives the session's cookie.
fn sign_in(gateway: &Gateway) -> String {
    gateway.wait_for_log("/setup/", SOON);
    let log = gateway.stderr();
    let link = log.split_whitespace().find(|word| word.contains("/setup/")).unwrap();
    let path = link.trim_start_matches(&gateway.url()).to_owned();
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let made = gateway.send("POST", &path, &headers, b"password=a-long-password&again=a-long-password");
    assert!(made.status == 303, "{} {}", made.status, made.text());
    made.headers.get("set-cookie").unwrap_or_default().split(';').next().unwrap_or_default().to_owned()
}
