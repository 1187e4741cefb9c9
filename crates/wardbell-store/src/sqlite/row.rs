//! Reading stored values back: text into ids, kinds and times, with a named error where that fails.

use std::time::Duration;

use rusqlite::Row;
use wardbell_core::time::Timestamp;

use crate::error::StoreError;

/// Parses a text column by `parse`; the column's name tells what was unreadable.
pub(super) fn parsed<T>(
    row: &Row<'_>,
    column: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, StoreError> {
    let text = row.get_ref(column)?.as_str().map_err(|_| StoreError::Corrupt(column))?;
    parse(text).ok_or(StoreError::Corrupt(column))
}

/// Reads an id or anything else that parses from text.
pub(super) fn id<T: std::str::FromStr>(row: &Row<'_>, column: &'static str) -> Result<T, StoreError> {
    parsed(row, column, |text| text.parse().ok())
}

pub(super) fn time(row: &Row<'_>, column: &'static str) -> Result<Timestamp, StoreError> {
    Ok(Timestamp::from_millis(row.get(column)?))
}

pub(super) fn optional_time(row: &Row<'_>, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis))
}

pub(super) fn micros(row: &Row<'_>, column: &'static str) -> Result<Duration, StoreError> {
    Ok(Duration::from_micros(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0)))
}

/// A count that was written by [`as_count`].
pub(super) fn count(row: &Row<'_>, column: &'static str) -> Result<u64, StoreError> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

/// A count as `SQLite` has it; beyond what it can hold it stays at that.
pub(super) fn as_count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn as_micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// `NotFound` unless a statement changed a row.
pub(super) fn found(changed: usize, what: &'static str) -> Result<(), StoreError> {
    if changed == 0 { Err(StoreError::NotFound(what)) } else { Ok(()) }
}
