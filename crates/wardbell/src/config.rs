//! Configuration: what was typed ([`raw`]) becomes what is meant ([`Config`]), with every problem reported at once and
//! before anything is opened.

mod declared;
pub(crate) mod file;
mod raw;
mod reference;
mod setting;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest;
use wardbell_api::declared::Context;
use wardbell_core::money::Usd;
use wardbell_core::secret::Secret;
use wardbell_egress::policy::{Exception, Policy as EgressPolicy};
use wardbell_guard::budget::{Prices, Unknown};
use wardbell_llm::price::book::PriceBook;
use wardbell_notify::mail::{SmtpSettings, SmtpTls};
use wardbell_notify::retention::Keep;
use wardbell_proxy::gateway::Limits;
use wardbell_proxy::money::Pricing;
use wardbell_store::declared::Declarations;
use wardbell_telemetry::logs::{self, LogFormat};

pub(crate) use raw::RawConfig;
use raw::{RawDeclared, Typed};
use setting::SETTINGS;

use crate::model;

/// The file that is read when none is named, if it is there.
const FILE_DEFAULT: &str = "wardbell.toml";

/// The shortest admin token, in characters.
const ADMIN_TOKEN_LENGTH_MIN: usize = 8;

/// The shortest master key that is not 32 bytes in base64 or hexadecimal, in characters.
const MASTER_TEXT_LENGTH_MIN: usize = 32;

/// The longest retention: a hundred years, in days.
const DAYS_MAX: u64 = 36_500;

/// Everything that was meant.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) data_dir: PathBuf,
    pub(crate) database: PathBuf,
    pub(crate) admin_token: Option<Secret<String>>,
    pub(crate) master_key: Option<Secret<Vec<u8>>>,
    pub(crate) connections_max: usize,
    pub(crate) drain_time_max: Duration,
    pub(crate) header_time_max: Duration,
    pub(crate) egress_allow: Vec<Exception>,
    pub(crate) egress_extra_roots: Option<Vec<u8>>,
    pub(crate) egress_name_servers: Vec<SocketAddr>,
    pub(crate) upstream_connect_time_max: Duration,
    pub(crate) upstream_connections_per_host_max: usize,
    pub(crate) webhooks_per_project_max: u32,
    pub(crate) keep: Keep,
    pub(crate) smtp: Option<SmtpSettings>,
    pub(crate) limits: Limits,
    pub(crate) pricing: Arc<Pricing>,
    pub(crate) injection_model: model::Choice,
    /// How many threads the injection model reads on; `None` leaves it to the cores.
    pub(crate) injection_threads: Option<usize>,
    pub(crate) log_filter: String,
    pub(crate) log_format: LogFormat,
    /// What the file declares; `None` where there is no file.
    pub(crate) declared: Option<Declarations>,
    /// The settings as they were typed, to compare with.
    pub(crate) typed: RawConfig,
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    place: String,
    wrong: String,
    hint: Option<String>,
}

impl Problem {
    pub(crate) fn new(place: String, wrong: String, hint: Option<String>) -> Self {
        Self { place, wrong, hint }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, wrong, hint } = self;
        write!(f, "{place} {wrong}")?;
        match hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    /// Each on a line of its own.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    pub(crate) fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} problem{}:", self.0.len(), if self.0.len() == 1 { "" } else { "s" })?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for Problems {}

/// What the command line says about the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) file: Option<PathBuf>,
    /// Paths of settings and their values.
    pub(crate) values: Vec<(&'static str, String)>,
    /// Whether messages name the file without its folder: callers of the API see them.
    pub(crate) hides_folder: bool,
}

/// Reads the environment, the file and the flags.
///
/// # Errors
/// With every problem, when there is one.
pub(crate) fn load(flags: &Flags, variable: &dyn Fn(&str) -> Option<String>) -> Result<Config, Problems> {
    let mut problems = Problems::default();
    let mut raw = RawConfig::new();
    let declared = read_file(flags, &mut raw, &mut problems);
    for setting in SETTINGS {
        if let Some(value) = variable(&setting.variable()) {
            raw.variable(setting, &value);
        }
    }
    for (path, value) in &flags.values {
        raw.flag(path, value);
    }
    if variable("WARDBELL_REDIS_URL").is_some_and(|url| !url.is_empty()) {
        problems.push(Problem::new(
            "WARDBELL_REDIS_URL".to_owned(),
            "is for clusters, which this version cannot form".to_owned(),
            Some("unset it".to_owned()),
        ));
    }
    let config = check(raw, declared, variable, &mut problems);
    if problems.0.is_empty() { config.ok_or(problems) } else { Err(problems) }
}

fn read_file(flags: &Flags, raw: &mut RawConfig, problems: &mut Problems) -> Option<RawDeclared> {
    let path = flags.file.as_deref().unwrap_or(Path::new(FILE_DEFAULT));
    let shown = if flags.hides_folder { path.file_name().map_or(path, Path::new) } else { path };
    let shown = shown.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => raw.file(&shown, &text, problems),
        Err(error) if flags.file.is_none() && error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            problems.push(Problem::new(shown, format!("cannot be read: {error}"), None));
            None
        }
    }
}

fn check(
    typed: RawConfig,
    declared: Option<RawDeclared>,
    variable: &dyn Fn(&str) -> Option<String>,
    problems: &mut Problems,
) -> Option<Config> {
    let raw = &typed;
    let data_dir = PathBuf::from(raw.get("data_dir").text());
    if data_dir.as_os_str().is_empty() {
        problems.push(Problem::new("data_dir".to_owned(), "must name a folder".to_owned(), None));
    }
    let listen = parse(&raw.get("listen"), "must be an address and a port, such as 127.0.0.1:8787", problems);
    let database = database(&raw.get("storage_url"), &data_dir, problems);
    let seconds = |path, problems: &mut Problems| number(&raw.get(path), 1, 86_400, problems).map(Duration::from_secs);
    let size = |path, max, problems: &mut Problems| {
        number(&raw.get(path), 1, max, problems).and_then(|number| usize::try_from(number).ok())
    };
    let limits = limits(raw, problems);
    let connections_max = size("connections_max", 1_000_000, problems);
    let drain_time_max = seconds("drain_seconds", problems);
    let header_time_max = seconds("limits.header_seconds_max", problems);
    let webhooks_per_project_max = number(&raw.get("webhooks.per_project_max"), 0, 10_000, problems);
    let days = |path, problems: &mut Problems| {
        number(&raw.get(path), 1, DAYS_MAX, problems).map(|days| Duration::from_hours(24 * days))
    };
    let keep = Keep {
        alerts: days("retention.alert_days", problems).unwrap_or_default(),
        attempts: days("retention.attempt_days", problems).unwrap_or_default(),
        dead_letters: days("retention.dead_letter_days", problems).unwrap_or_default(),
        activity: days("retention.activity_days", problems).unwrap_or_default(),
    };
    let smtp = smtp(raw, variable("WARDBELL_SMTP_PASSWORD"), problems);
    let egress_allow = exceptions(&raw.get("egress.allow"), problems);
    let webhooks_max = webhooks_per_project_max.and_then(|max| u32::try_from(max).ok());
    let context = Context {
        egress: &EgressPolicy::new(egress_allow.clone()),
        mail_enabled: smtp.is_some(),
        webhooks_per_project_max: webhooks_max.unwrap_or(u32::MAX),
    };
    let declared = declared.map(|declared| declared::read(declared, context, variable, problems));
    let egress_extra_roots = roots(&raw.get("egress.extra_roots"), problems);
    let egress_name_servers = name_servers(&raw.get("egress.name_servers"), problems);
    let upstream_connect_time_max = seconds("upstream.connect_seconds_max", problems);
    let upstream_connections_per_host_max = size("upstream.connections_per_host_max", 100_000, problems);
    let log_filter = raw.get("log.filter");
    if let Err(error) = logs::check_filter(&log_filter.text()) {
        problems.push(Problem::new(log_filter.origin.to_string(), error.to_string(), None));
    }
    let log_format = log_format(&raw.get("log.format"), problems);
    let admin_token = admin_token(variable("WARDBELL_ADMIN_TOKEN"), problems);
    let master_key = variable("WARDBELL_MASTER_KEY").and_then(|text| {
        let key = master_key(&text);
        if key.is_none() {
            problems.push(Problem::new(
                "WARDBELL_MASTER_KEY".to_owned(),
                "must be 32 random bytes as base64 or hexadecimal, or a text of 32 characters or more".to_owned(),
                Some("make one with `openssl rand -base64 32`".to_owned()),
            ));
        }
        key
    });
    Some(Config {
        listen: listen?,
        data_dir,
        database: database?,
        admin_token,
        master_key,
        connections_max: connections_max?,
        drain_time_max: drain_time_max?,
        header_time_max: header_time_max?,
        egress_allow,
        egress_extra_roots,
        egress_name_servers,
        upstream_connect_time_max: upstream_connect_time_max?,
        upstream_connections_per_host_max: upstream_connections_per_host_max?,
        webhooks_per_project_max: webhooks_max?,
        keep,
        smtp,
        limits,
        pricing: Arc::new(pricing(raw, problems)?),
        injection_model: injection_model(&raw.get("injection.model"), problems),
        injection_threads: injection_threads(&raw.get("injection.threads"), problems),
        log_filter: log_filter.text(),
        log_format: log_format?,
        declared,
        typed,
    })
}

/// The bounds of one request and of all of them.
fn limits(raw: &RawConfig, problems: &mut Problems) -> Limits {
    let defaults = Limits::default();
    let seconds = |path, default: Duration, problems: &mut Problems| {
        number(&raw.get(path), 1, 86_400, problems).map_or(default, Duration::from_secs)
    };
    let size = |path, max, default: usize, problems: &mut Problems| {
        number(&raw.get(path), 1, max, problems).and_then(|number| usize::try_from(number).ok()).unwrap_or(default)
    };
    let body_bytes_max = size("limits.body_bytes_max", 1 << 32, defaults.body_bytes_max, problems);
    let answer_bytes_max = size("limits.answer_bytes_max", 1 << 32, defaults.answer_bytes_max, problems);
    // The memory of all holds at least one; a smaller one that nobody typed follows.
    let mut memory = |path, one: usize, default: usize| {
        let all = size(path, 1 << 40, default, problems);
        let typed = raw.get(path);
        if all >= one {
            return all;
        }
        if !matches!(typed.origin, raw::Origin::Default(_)) {
            let wrong = format!("is {all} and must hold one body of {one} bytes at least");
            problems.push(Problem::new(
                typed.origin.to_string(),
                wrong,
                Some("raise it, or lower the other".to_owned()),
            ));
        }
        one
    };
    let body_memory_bytes_max = memory("limits.body_memory_bytes_max", body_bytes_max, defaults.body_memory_bytes_max);
    let answer_memory_bytes_max =
        memory("limits.answer_memory_bytes_max", answer_bytes_max, defaults.answer_memory_bytes_max);
    Limits {
        body_bytes_max,
        body_memory_bytes_max,
        answer_memory_bytes_max,
        depth_max: size("limits.depth_max", 10_000, defaults.depth_max, problems),
        messages_max: size("limits.messages_max", 1_000_000, defaults.messages_max, problems),
        body_time_max: seconds("limits.body_seconds_max", defaults.body_time_max, problems),
        first_byte_time_max: seconds("upstream.first_byte_seconds_max", defaults.first_byte_time_max, problems),
        idle_time_max: seconds("upstream.idle_seconds_max", defaults.idle_time_max, problems),
        abandoned_time_max: seconds("upstream.abandoned_seconds_max", defaults.abandoned_time_max, problems),
        answer_bytes_max,
        detect_time_max: seconds("limits.detect_seconds_max", defaults.detect_time_max, problems),
    }
}

/// How calls are priced where no price is known.
fn pricing(raw: &RawConfig, problems: &mut Problems) -> Option<Pricing> {
    let mut dollars = |path| {
        let dollars = number(&raw.get(path), 1, 1_000_000, problems)?;
        Some(Usd::from_nanos(i64::try_from(dollars).ok()? * 1_000_000_000))
    };
    let ceiling = (dollars("budgets.ceiling_input_usd"), dollars("budgets.ceiling_output_usd"));
    let output_tokens_default = number(&raw.get("budgets.output_tokens_default"), 1, 10_000_000, problems);
    let image_tokens = number(&raw.get("budgets.image_tokens_max"), 0, 10_000_000, problems);
    let typed = raw.get("budgets.unknown_model");
    let unknown = match typed.text().as_str() {
        "ceiling" => Some(Unknown::Ceiling(Prices::flat(ceiling.0?, ceiling.1?))),
        "refuse" => Some(Unknown::Refuse),
        other => {
            let wrong = format!("is `{other}` and must be ceiling or refuse");
            problems.push(Problem::new(typed.origin.to_string(), wrong, None));
            None
        }
    };
    let mut own = Vec::new();
    let prices = raw.get("budgets.prices");
    for item in &prices.items {
        match item.parse() {
            Ok(price) => own.push(price),
            Err(error) => problems.push(Problem::new(
                prices.origin.to_string(),
                format!("has `{item}`: it {error}"),
                Some("write it as custom/llama-3.3-* input=0.20 output=0.60".to_owned()),
            )),
        }
    }
    Some(Pricing {
        book: PriceBook::new(own),
        unknown: unknown?,
        output_tokens_default: output_tokens_default?,
        image_tokens: image_tokens?,
    })
}

/// The mail server, if one is named.
fn smtp(raw: &RawConfig, password: Option<String>, problems: &mut Problems) -> Option<SmtpSettings> {
    let (host, user, from) = (raw.get("smtp.host").text(), raw.get("smtp.user").text(), raw.get("smtp.from"));
    let port = number(&raw.get("smtp.port"), 1, 65_535, problems);
    let tls = raw.get("smtp.tls");
    let found = SmtpTls::from_name(&tls.text());
    if found.is_none() {
        let wrong = format!("is `{}` and must be starttls or none", tls.text());
        problems.push(Problem::new(tls.origin.to_string(), wrong, None));
    }
    if host.is_empty() {
        return None;
    }
    let sender = from.text();
    if !wardbell_notify::mail::is_address(&sender) {
        let wrong = format!("is `{sender}` and must be a mail address, since smtp.host is set");
        problems.push(Problem::new(from.origin.to_string(), wrong, None));
    }
    let login = match (user.is_empty(), password) {
        (true, _) => None,
        (false, Some(password)) => Some((user, Secret::new(password))),
        (false, None) => {
            let wrong = "is not set, and smtp.user is".to_owned();
            problems.push(Problem::new("WARDBELL_SMTP_PASSWORD".to_owned(), wrong, None));
            None
        }
    };
    Some(SmtpSettings { host, port: u16::try_from(port?).ok()?, tls: found?, login, from: sender })
}

fn parse<T: FromStr>(typed: &Typed, must: &str, problems: &mut Problems) -> Option<T> {
    let parsed = typed.text().parse().ok();
    if parsed.is_none() {
        problems.push(Problem::new(typed.origin.to_string(), format!("is `{}` and {must}", typed.text()), None));
    }
    parsed
}

fn number(typed: &Typed, min: u64, max: u64, problems: &mut Problems) -> Option<u64> {
    let parsed = typed.text().parse().ok().filter(|number| (min..=max).contains(number));
    if parsed.is_none() {
        let wrong = format!("is `{}` and must be a number from {min} to {max}", typed.text());
        problems.push(Problem::new(typed.origin.to_string(), wrong, None));
    }
    parsed
}

fn database(typed: &Typed, data_dir: &Path, problems: &mut Problems) -> Option<PathBuf> {
    let text = typed.text();
    if text.is_empty() {
        return Some(data_dir.join("wardbell.db"));
    }
    if let Some(path) = text.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
        // `sqlite:///abs/path` and `sqlite://rel` are common spellings; the path is what follows.
        return Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path)));
    }
    let scheme = text.split(':').next().unwrap_or_default();
    let wrong = if scheme.starts_with("postgres") {
        "names PostgreSQL, which this version cannot use".to_owned()
    } else {
        format!("has the unknown scheme `{scheme}`")
    };
    problems.push(Problem::new(typed.origin.to_string(), wrong, Some("use sqlite:PATH".to_owned())));
    None
}

fn exceptions(typed: &Typed, problems: &mut Problems) -> Vec<Exception> {
    let mut allow = Vec::new();
    for item in &typed.items {
        match item.parse::<Exception>() {
            Ok(exception) => allow.push(exception),
            Err(error) => problems.push(Problem::new(typed.origin.to_string(), format!("has `{item}`: {error}"), None)),
        }
    }
    allow
}

/// Name servers: an address, with a port if it is not 53.
fn name_servers(typed: &Typed, problems: &mut Problems) -> Vec<SocketAddr> {
    let mut servers = Vec::new();
    for item in &typed.items {
        let at_53 = || item.parse().ok().map(|address| SocketAddr::new(address, 53));
        if let Some(server) = item.parse().ok().or_else(at_53) {
            servers.push(server);
        } else {
            let wrong = format!("has `{item}`, which is no address such as 10.0.0.53 or 10.0.0.53:5353");
            problems.push(Problem::new(typed.origin.to_string(), wrong, None));
        }
    }
    servers
}

fn roots(typed: &Typed, problems: &mut Problems) -> Option<Vec<u8>> {
    let path = typed.text();
    if path.is_empty() {
        return None;
    }
    match std::fs::read(&path) {
        Ok(pem) => Some(pem),
        Err(error) => {
            let wrong = format!("names `{path}`, which cannot be read: {error}");
            problems.push(Problem::new(typed.origin.to_string(), wrong, None));
            None
        }
    }
}

/// A word for a model, or a file that must be there.
fn injection_model(typed: &Typed, problems: &mut Problems) -> model::Choice {
    match typed.text().as_str() {
        "built-in" => model::Choice::BuiltIn,
        "none" => model::Choice::None,
        path => {
            let file = PathBuf::from(path);
            if !file.is_file() {
                let wrong = format!("names `{path}`, which is no file; it must be built-in, none or a file");
                problems.push(Problem::new(typed.origin.to_string(), wrong, None));
            }
            model::Choice::File(file)
        }
    }
}

/// How many threads, where 0 leaves it to the cores.
fn injection_threads(typed: &Typed, problems: &mut Problems) -> Option<usize> {
    let threads = number(typed, 0, 256, problems)?;
    usize::try_from(threads).ok().filter(|threads| *threads > 0)
}

fn log_format(typed: &Typed, problems: &mut Problems) -> Option<LogFormat> {
    match typed.text().as_str() {
        "text" => Some(LogFormat::Text),
        "json" => Some(LogFormat::Json),
        other => {
            let wrong = format!("is `{other}` and must be text or json");
            problems.push(Problem::new(typed.origin.to_string(), wrong, None));
            None
        }
    }
}

fn admin_token(token: Option<String>, problems: &mut Problems) -> Option<Secret<String>> {
    let token = token?;
    if token.len() < ADMIN_TOKEN_LENGTH_MIN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        problems.push(Problem::new(
            "WARDBELL_ADMIN_TOKEN".to_owned(),
            format!("must be at least {ADMIN_TOKEN_LENGTH_MIN} letters, digits or signs without spaces"),
            Some("make one with `openssl rand -hex 24`".to_owned()),
        ));
        return None;
    }
    Some(Secret::new(token))
}

/// Reads a master key: 32 bytes in base64 or hexadecimal as they are; a longer text by its SHA-256.
pub(crate) fn master_key(text: &str) -> Option<Secret<Vec<u8>>> {
    let text = text.trim();
    let bytes = STANDARD.decode(text).ok().filter(|bytes| bytes.len() == 32).or_else(|| hexadecimal(text));
    let stretched = || {
        (text.chars().count() >= MASTER_TEXT_LENGTH_MIN)
            .then(|| digest::digest(&digest::SHA256, text.as_bytes()).as_ref().to_vec())
    };
    bytes.or_else(stretched).map(Secret::new)
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let bytes: Vec<u8> =
        digits?.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
    (text.len() == 64).then_some(bytes)
}

#[cfg(test)]
mod tests;
