//! Tracing set-up: logs go to standard error, as lines for people or as JSON.

use std::sync::OnceLock;

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

/// Puts another filter in force.
type SetFilter = Box<dyn Fn(EnvFilter) + Send + Sync>;

/// What changes the filter, once logging has started.
static SET_FILTER: OnceLock<SetFilter> = OnceLock::new();

/// Logs by another filter from now on. Without a [`start`] it does nothing.
///
/// # Errors
/// When the filter cannot be parsed.
pub fn set_filter(filter: &str) -> Result<(), LogFilterError> {
    let parsed = EnvFilter::try_new(filter).map_err(|_| LogFilterError { filter: filter.to_owned() })?;
    if let Some(set) = SET_FILTER.get() {
        set(parsed);
    }
    Ok(())
}

/// Starts logging to standard error. Only the first call in a process has an effect.
///
/// # Errors
/// When the filter cannot be parsed.
pub fn start(filter: &str, format: LogFormat) -> Result<(), LogFilterError> {
    let parsed = EnvFilter::try_new(filter).map_err(|_| LogFilterError { filter: filter.to_owned() })?;
    let builder = tracing_subscriber::fmt().with_env_filter(parsed).with_writer(std::io::stderr);
    let (started, set): (_, SetFilter) = match format {
        LogFormat::Text => {
            let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
            let builder = builder.with_ansi(is_terminal).with_filter_reloading();
            let handle = builder.reload_handle();
            // It fails only where the subscriber is gone, and nothing logs then.
            (builder.try_init(), Box::new(move |filter| drop(handle.reload(filter))))
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let handle = builder.reload_handle();
            (builder.try_init(), Box::new(move |filter| drop(handle.reload(filter))))
        }
    };
    // A second start in one process (tests) keeps the first.
    if started.is_ok() {
        drop(SET_FILTER.set(set));
    }
    Ok(())
}
