//! Tracing set-up: logs go to standard error, as lines for people or as JSON.

use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One line for a person.
    Text,
    /// One JSON object a line.
    Json,
}

/// The filter is not one that tracing understands.
#[derive(Debug, thiserror::Error)]
#[error("`{filter}` is not a log filter; use error, warn, info, debug, trace, or `wardbell_proxy=debug,info`")]
pub struct LogFilterError {
    filter: String,
}

/// Checks a filter without setting anything up.
///
/// # Errors
/// When the filter cannot be parsed.
pub fn check_filter(filter: &str) -> Result<(), LogFilterError> {
    EnvFilter::try_new(filter).map(drop).map_err(|_| LogFilterError { filter: filter.to_owned() })
}

/// Starts logging to standard error. Only the first call in a process has an effect.
///
/// # Errors
/// When the filter cannot be parsed.
pub fn start(filter: &str, format: LogFormat) -> Result<(), LogFilterError> {
    let parsed = EnvFilter::try_new(filter).map_err(|_| LogFilterError { filter: filter.to_owned() })?;
    let builder = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // A second start in one process (tests) keeps the first.
    drop(started);
    Ok(())
}
