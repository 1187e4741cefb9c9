//! The process handling, tried on shell scripts that stand in for the binary.

use super::*;

/// A child that is forked while another test writes its script would hold that file open, and running it would fail with
/// "text file busy".
static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());

struct Script {
    _folder: tempfile::TempDir,
    _alone: std::sync::MutexGuard<'static, ()>,
}

fn script(text: &str) -> (Script, PathBuf) {
    use std::os::unix::fs::PermissionsExt as _;
    let alone = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wardbell");
    std::fs::write(&path, format!("#!/bin/sh\n{text}")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    (Script { _folder: folder, _alone: alone }, path)
}

#[test]
fn it_waits_for_the_ready_line_and_reads_the_token() {
    let (_script, path) = script(
        r#"trap 'echo drained >&2; exit 0' TERM
mkdir -p "$WARDBELL_DATA_DIR"; echo "tok-1" > "$WARDBELL_DATA_DIR/admin-token"
echo "log line" >&2; echo "first key"; echo "wardbell ready on http://127.0.0.1:4242"
while :; do sleep 0.05; done"#,
    );
    let mut gateway = Gateway::start(&path);
    assert_eq!(gateway.url(), "http://127.0.0.1:4242");
    assert_eq!(gateway.admin_token(), "tok-1");
    assert!(gateway.stdout().starts_with("first key\n"));
    gateway.wait_for_log("log line", Duration::from_secs(5));
    assert!(gateway.terminate().success());
    assert!(gateway.stderr().ends_with("drained\n"));
    gateway.restart();
    assert_eq!(gateway.stdout().matches(READY_LINE).count(), 2);
    let pid = gateway.pid();
    let folder = gateway.data_dir();
    drop(gateway);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "the process is gone");
    assert!(!folder.exists(), "its folder is gone");
}

#[test]
fn a_start_that_fails_says_how() {
    let (_script, path) = script("echo \"no $WARDBELL_LISTEN $WARDBELL_OTHER\" >&2; exit 64");
    let Err(failed) = Gateway::builder(&path).env("WARDBELL_OTHER", "x").try_start() else { panic!("it started") };
    assert_eq!(failed.status.unwrap().code(), Some(64));
    assert_eq!(failed.stderr, "no 127.0.0.1:0 x\n");
}

#[test]
fn a_given_token_wins_and_kill9_needs_no_consent() {
    let (_script, path) =
        script("trap '' TERM; echo 'wardbell ready on http://127.0.0.1:1'; while :; do sleep 0.05; done");
    let mut gateway = Gateway::builder(&path).env("WARDBELL_ADMIN_TOKEN", "given").start();
    assert_eq!(gateway.admin_token(), "given");
    gateway.kill9();
    gateway.kill9();
}
