//! Every setting there is, once: its name in the file, its default, and what it means. The variable's name, the default
//! file and the list of known keys come from this table.

/// A setting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// Its place in the file, such as `limits.body_bytes_max`.
    pub(crate) path: &'static str,
    /// Its default, as it would be written in a variable.
    pub(crate) default: &'static str,
    /// How it is written in the file.
    pub(crate) kind: Kind,
    /// What it means, in one or two sentences.
    pub(crate) doc: &'static str,
    /// Whether a change is in force from the next request on; else it needs a restart.
    pub(crate) is_live: bool,
}

/// How a setting is written in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    List,
}

impl Setting {
    /// The variable that sets it: `limits.body_bytes_max` is `WARDBELL_LIMITS_BODY_BYTES_MAX`.
    pub(crate) fn variable(&self) -> String {
        format!("WARDBELL_{}", self.path.replace('.', "_").to_ascii_uppercase())
    }
}

const fn setting(path: &'static str, default: &'static str, kind: Kind, doc: &'static str) -> Setting {
    Setting { path, default, kind, doc, is_live: false }
}

/// A setting that a reload puts in force.
const fn live(path: &'static str, default: &'static str, kind: Kind, doc: &'static str) -> Setting {
    Setting { path, default, kind, doc, is_live: true }
}

/// Every setting, in the order of the default file. Settings of one section stand together.
pub(crate) const SETTINGS: &[Setting] = &[
    setting("listen", "127.0.0.1:8787", Kind::Text, "Where Wardbell listens. Port 0 picks a free one."),
    setting(
        "data_dir",
        "./wardbell-data",
        Kind::Text,
        "Where the database and the generated secrets are kept. Created if missing.",
    ),
    setting("storage_url", "", Kind::Text, "The database: `sqlite:PATH`. Empty is `sqlite:<data_dir>/wardbell.db`."),
    setting("connections_max", "4096", Kind::Number, "The most connections at a time; one more waits to be accepted."),
    setting(
        "drain_seconds",
        "25",
        Kind::Number,
        "How long requests under way may take to end after SIGTERM, before they are cut.",
    ),
    setting(
        "egress.allow",
        "",
        Kind::List,
        "Networks outside the public internet that webhooks and providers may be in: CIDR:port or CIDR:*, with +http \
         where plain http may be used, such as \"10.1.2.0/24:443\" or \"127.0.0.1/32:*+http\".",
    ),
    setting(
        "egress.extra_roots",
        "",
        Kind::Text,
        "A PEM file of certificate authorities that are trusted beside the public ones.",
    ),
    setting(
        "egress.name_servers",
        "",
        Kind::List,
        "Name servers to ask for the addresses of webhooks and providers, each an address with a port if it is not 53. \
         Empty asks the system's resolver, which reads the hosts file and search domains, too.",
    ),
    setting(
        "injection.model",
        "built-in",
        Kind::Text,
        "What looks for injections beside the rules: built-in is the model in the binary, none leaves it to the rules, and \
         anything else is a file of a model, as training/run.sh makes it.",
    ),
    setting(
        "injection.threads",
        "0",
        Kind::Number,
        "How many threads the injection model reads on; 0 is one for every two cores.",
    ),
    setting("webhooks.per_project_max", "5", Kind::Number, "The most webhooks of one project."),
    setting(
        "retention.alert_days",
        "90",
        Kind::Number,
        "How many days alerts and what was delivered of them are kept.",
    ),
    setting(
        "retention.attempt_days",
        "30",
        Kind::Number,
        "How many days the attempts of finished deliveries are kept.",
    ),
    setting(
        "retention.dead_letter_days",
        "90",
        Kind::Number,
        "How many days dead letters are kept. What is pending stays, whatever its age.",
    ),
    setting("retention.activity_days", "90", Kind::Number, "How many days activity rows are kept."),
    setting(
        "smtp.host",
        "",
        Kind::Text,
        "The mail server for webhooks of format email; empty is none. A server on a network inside needs an exception in \
         egress.allow.",
    ),
    setting("smtp.port", "587", Kind::Number, "The mail server's port."),
    setting(
        "smtp.tls",
        "starttls",
        Kind::Text,
        "How the connection is protected: starttls, which the server must offer, or none within a trusted network.",
    ),
    setting("smtp.from", "", Kind::Text, "Who mails are from: a mail address. Needed with smtp.host."),
    setting(
        "smtp.user",
        "",
        Kind::Text,
        "The user to log in as; the password is the variable WARDBELL_SMTP_PASSWORD. Empty is no login.",
    ),
    live("limits.body_bytes_max", "52428800", Kind::Number, "The largest request body, in bytes."),
    setting(
        "limits.body_memory_bytes_max",
        "268435456",
        Kind::Number,
        "The memory that all request bodies may take together, in bytes; at least limits.body_bytes_max.",
    ),
    setting(
        "limits.answer_memory_bytes_max",
        "268435456",
        Kind::Number,
        "The memory that all answers that are not streams may take together, in bytes; at least limits.answer_bytes_max.",
    ),
    live("limits.body_seconds_max", "60", Kind::Number, "How long a caller may take to send a body."),
    setting("limits.header_seconds_max", "15", Kind::Number, "How long a caller may take to send the headers."),
    live("limits.depth_max", "128", Kind::Number, "The deepest nesting of a request's JSON."),
    live("limits.messages_max", "10000", Kind::Number, "The most messages in a request."),
    live("limits.answer_bytes_max", "67108864", Kind::Number, "The largest answer that is not a stream, in bytes."),
    live("limits.detect_seconds_max", "5", Kind::Number, "How long the detectors may take for one request."),
    live(
        "budgets.unknown_model",
        "ceiling",
        Kind::Text,
        "What a call costs a budget if no price is known for its model: ceiling takes the two prices below, refuse refuses it.",
    ),
    live(
        "budgets.ceiling_input_usd",
        "15",
        Kind::Number,
        "What a million input tokens of a model without a price count as, in whole dollars.",
    ),
    live(
        "budgets.ceiling_output_usd",
        "75",
        Kind::Number,
        "What a million output tokens of a model without a price count as, in whole dollars.",
    ),
    live(
        "budgets.output_tokens_default",
        "16384",
        Kind::Number,
        "The output tokens that a budget holds for a call that does not say how many it allows.",
    ),
    live(
        "budgets.image_tokens_max",
        "4000",
        Kind::Number,
        "The tokens that a budget holds for each image or file that a call names by address or id. gpt-4o-mini's are held as \
         the 48169 that it may bill.",
    ),
    live(
        "budgets.prices",
        "",
        Kind::List,
        "Prices of your own, in dollars for a million tokens, before those of the built-in table: provider/model with input= \
         and output=, and if they differ cached=, write=, write_1h=, reasoning=, output_tokens_max=, such as \
         \"custom/llama-3.3-* input=0.20 output=0.60\". The provider is its kind or *; the first that fits counts.",
    ),
    live("upstream.connect_seconds_max", "10", Kind::Number, "How long connecting to a provider may take."),
    live(
        "upstream.connections_per_host_max",
        "512",
        Kind::Number,
        "How many calls to one provider's host may be under way; more wait for their turn.",
    ),
    live("upstream.first_byte_seconds_max", "120", Kind::Number, "How long a provider may take to start its answer."),
    live("upstream.idle_seconds_max", "120", Kind::Number, "How long a provider may pause within its answer."),
    live(
        "upstream.abandoned_seconds_max",
        "30",
        Kind::Number,
        "How long an answer is read on after its caller left, for what it costs.",
    ),
    live(
        "log.filter",
        "info",
        Kind::Text,
        "What is logged to standard error: error, warn, info, debug, or a tracing filter such as wardbell_proxy=debug,info.",
    ),
    setting("log.format", "text", Kind::Text, "How log lines look: text or json."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_named_after_the_place_in_the_file() {
        let names: Vec<_> = SETTINGS.iter().map(Setting::variable).collect();
        for expected in [
            "WARDBELL_LISTEN",
            "WARDBELL_DATA_DIR",
            "WARDBELL_STORAGE_URL",
            "WARDBELL_EGRESS_ALLOW",
            "WARDBELL_WEBHOOKS_PER_PROJECT_MAX",
        ] {
            assert!(names.iter().any(|name| name == expected), "{expected}");
        }
    }
}
