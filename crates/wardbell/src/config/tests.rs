use super::*;

fn load_text(text: &str, variables: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.toml");
    std::fs::write(&file, text).unwrap();
    let flags = Flags {
        file: Some(file),
        values: flags.iter().map(|(path, value)| (*path, (*value).to_owned())).collect(),
        hides_folder: false,
    };
    let variable = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
    load(&flags, &variable).map_err(|problems| problems.to_string())
}

#[test]
fn the_default_file_sets_nothing_but_defaults() {
    let config = load_text(&file::default_file(), &[], &[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8787");
    assert_eq!(config.database, PathBuf::from("./wardbell-data/wardbell.db"));
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.webhooks_per_project_max, 5);
}

#[test]
fn a_flag_beats_a_variable_and_a_variable_beats_the_file() {
    let text = "listen = \"127.0.0.1:1\"\n[limits]\ndepth_max = 7\n";
    let variable = ("WARDBELL_LISTEN", "127.0.0.1:2");
    assert_eq!(load_text(text, &[], &[]).unwrap().listen.port(), 1);
    assert_eq!(load_text(text, &[variable], &[]).unwrap().listen.port(), 2);
    let config = load_text(text, &[variable], &[("listen", "127.0.0.1:3")]).unwrap();
    assert_eq!((config.listen.port(), config.limits.depth_max), (3, 7));
}

#[test]
fn every_problem_is_told_at_once_with_its_place_and_remedy() {
    let text = "listen = \"nowhere\"\nlimit = 1\n[limits]\nbody_byte_max = 1\ndepth_max = 0\n[log]\nformat = true\n";
    let told = load_text(text, &[("WARDBELL_STORAGE_URL", "postgres://x"), ("WARDBELL_ADMIN_TOKEN", "short")], &[])
        .unwrap_err();
    for part in [
        "7 problems",
        "listen in ",
        "such as 127.0.0.1:8787",
        "limits.body_byte_max in ",
        "did you mean limits.body_bytes_max?",
        "log.format in ",
        "must be a number from 1 to 10000",
        "WARDBELL_STORAGE_URL names PostgreSQL",
        "WARDBELL_ADMIN_TOKEN must be",
    ] {
        assert!(told.contains(part), "{part} in:\n{told}");
    }
}

#[test]
fn own_prices_and_a_model_file_are_looked_at_before_anything_is_opened() {
    let prices =
        "[budgets]\nprices = [\"custom/m input=1 output=2\", \"acme/m input=1\"]\n[injection]\nmodel = \"/no/file\"\n";
    let told = load_text(prices, &[], &[]).unwrap_err();
    for part in ["2 problems", "budgets.prices in ", "names the provider `acme`", "injection.model in ", "`/no/file`"] {
        assert!(told.contains(part), "{part} in:\n{told}");
    }
    let good = load_text("[budgets]\nprices = [\"custom/m input=1 output=2\"]\n", &[], &[]).unwrap();
    assert!(good.pricing.book.find(wardbell_core::provider::ProviderKind::Custom, "M").is_some());
}

#[test]
fn what_is_not_toml_is_told_with_the_files_name() {
    assert!(load_text("listen = ", &[], &[]).unwrap_err().contains("test.toml is not TOML"));
}

#[test]
fn the_egress_list_reads_from_a_file_and_from_a_variable() {
    let file = "[egress]\nallow = [\"10.0.0.0/8:443\", \"127.0.0.1/32:*+http\"]";
    assert_eq!(load_text(file, &[], &[]).unwrap().egress_allow.len(), 2);
    let variable = ("WARDBELL_EGRESS_ALLOW", "10.0.0.0/8:443, 127.0.0.1/32:*+http");
    assert_eq!(load_text("", &[variable], &[]).unwrap().egress_allow.len(), 2);
    let told = load_text("", &[("WARDBELL_EGRESS_ALLOW", "everything")], &[]).unwrap_err();
    assert!(told.contains("WARDBELL_EGRESS_ALLOW has `everything`"), "{told}");
}

#[test]
fn a_master_key_is_32_bytes_or_a_long_text() {
    let base64 = STANDARD.encode([7; 32]);
    assert_eq!(master_key(&base64).unwrap().reveal(), &vec![7; 32]);
    assert_eq!(master_key(&"07".repeat(32)).unwrap().reveal(), &vec![7; 32]);
    assert_eq!(master_key("a passphrase of more than thirty-two characters").unwrap().reveal().len(), 32);
    assert!(master_key("short").is_none());
}

/// A webhook with these lines.
fn declared(webhook: &str) -> String {
    format!("[[projects]]\nslug = \"a\"\n[[projects.webhooks]]\nslug = \"h\"\n{webhook}")
}

#[test]
fn declared_projects_are_read_with_their_references() {
    let text = declared("url = \"https://example.com/${PLACE}\"\nheaders = { x = \"${TOKEN}\" }\nper_second = 2\n");
    let config = load_text(&text, &[("PLACE", "canary-place"), ("TOKEN", "canary-token")], &[]).unwrap();
    let declared = config.declared.as_ref().unwrap();
    let webhook = &declared.projects[0].webhooks[0];
    assert_eq!(
        (declared.file.as_str(), webhook.url.reveal().as_str()),
        ("test.toml", "https://example.com/canary-place")
    );
    assert_eq!(webhook.options.headers[0].1.reveal(), "canary-token");
    assert!(!format!("{config:?}").contains("canary"));
    assert_eq!(load_text("", &[], &[]).unwrap().declared.unwrap().projects, []);
}

#[test]
fn what_is_declared_wrongly_is_told_once_with_its_place() {
    for (webhook, part) in [
        ("url = \"${MISSING}\"\n", "projects[0].webhooks[0].url in "),
        ("url = 2026-11-25\n", "projects[0].webhooks[0].url in "),
        ("url = \"https://example.com/\"\nper_second = nan\n", "projects[0].webhooks[0].per_second in "),
        ("url = \"https://example.com/\"\nsecret = \"canary\"\n", "must be a reference"),
        ("url = \"https://10.0.0.1/canary\"\n", "let others in with egress.allow"),
        ("format = \"email\"\nto = [\"a@example.com\"]\n", "smtp.host"),
    ] {
        let told = load_text(&declared(webhook), &[], &[]).unwrap_err();
        assert!(told.contains("has 1 problem:") && told.contains(part), "{part} in:\n{told}");
        assert!(!told.contains("canary"), "{told}");
    }
    let inside = declared("url = \"https://10.0.0.1/x\"\n");
    load_text(&inside, &[("WARDBELL_EGRESS_ALLOW", "10.0.0.0/8:443")], &[]).unwrap();
}

#[test]
fn secrets_do_not_show_in_a_printed_configuration() {
    let config = load_text("", &[("WARDBELL_ADMIN_TOKEN", "canary-token")], &[]).unwrap();
    assert!(!format!("{config:?}").contains("canary"));
}
