//! The default configuration file, made from the table of settings.

use crate::config::setting::{Kind, SETTINGS, Setting};

/// What cannot be shown as a default: a project that the file declares.
const DECLARED: &str = r#"
# Projects, policies and webhooks may be declared here; the API and the dashboard show them and do not change them. Fields
# are those of the API (`POST /api/v1/projects`, `POST /api/v1/projects/{p}/webhooks`), and a slug for each, by which it is
# known over restarts. docs/guide/operate.md has more.
#
# [[projects]]
# slug = "support"
# name = "Support desk"
#
# [projects.policy]
# dlp = { action = "block" }
# injection = { action = "block", sensitivity = "high" }
#
# [[projects.webhooks]]
# slug = "oncall"
# url = "https://alerts.example.com/wardbell"
# events = ["dlp.*", "budget.exhausted"]
# secret = "${file:/run/secrets/oncall}"
"#;

/// The file with every setting at its default, each explained.
pub(crate) fn default_file() -> String {
    let mut text = String::from(
        "# Every setting of Wardbell at its default. Copy what you change into wardbell.toml.\n\
         # Flags beat variables, variables beat this file. Each setting's variable is named beside it.\n\
         # Secrets are variables only: WARDBELL_ADMIN_TOKEN and WARDBELL_MASTER_KEY, else generated into the data\n\
         # folder, and WARDBELL_SMTP_PASSWORD.\n\
         # SIGHUP or POST /api/v1/reload puts changes in force, but for those that need a restart.\n\
         # Made by `cargo xtask generate` from crates/wardbell/src/config/setting.rs; do not edit here.\n",
    );
    let mut section = "";
    for setting in SETTINGS {
        let (in_section, name) = setting.path.split_once('.').unwrap_or(("", setting.path));
        if in_section != section {
            section = in_section;
            text += &format!("\n[{section}]\n");
        }
        text.push('\n');
        for line in wrap(setting.doc) {
            text += &format!("# {line}\n");
        }
        let restart = if setting.is_live { "" } else { " (a change needs a restart)" };
        text += &format!("# {}{restart}\n{name} = {}\n", setting.variable(), value(setting));
    }
    text + DECLARED
}

fn value(setting: &Setting) -> String {
    match setting.kind {
        Kind::Text => format!("{:?}", setting.default),
        Kind::Number => setting.default.to_owned(),
        Kind::List => {
            let items: Vec<_> =
                setting.default.split(',').filter(|item| !item.is_empty()).map(|item| format!("{item:?}")).collect();
            format!("[{}]", items.join(", "))
        }
    }
}

fn wrap(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let full = lines.last().is_some_and(|line| line.len() + word.len() >= 100);
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
