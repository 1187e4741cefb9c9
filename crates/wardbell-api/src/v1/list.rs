//! Lists: `{data, next_cursor}`.

use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use wardbell_core::time::Timestamp;
use wardbell_store::page::{PAGE_DEFAULT, PAGE_MAX, Page, PageQuery};

use crate::error::FieldError;
use crate::fields::Fields;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// The items.
    data: Vec<T>,
    /// Give it as `cursor` to get the next page; null at the end.
    next_cursor: Option<String>,
}

/// Which page is wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query for the OpenAPI document; `page` reads it")]
pub(crate) struct PageParams {
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// How many items at most, from 1 to 500. Settings are listed 500 at a time unless told otherwise, records 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

impl<T> List<T> {
    /// Makes a list of records from a page of the store.
    pub(super) fn of_page<U>(page: Page<U>, show: impl Fn(U) -> T) -> Self {
        let Page { items, next_cursor } = page;
        Self { data: items.into_iter().map(show).collect(), next_cursor }
    }

    /// Makes a list from up to `limit + 1` items, newest first.
    pub(super) fn of_newest<U>(
        mut items: Vec<U>,
        limit: u32,
        cursor_of: impl Fn(&U) -> String,
        show: impl Fn(U) -> T,
    ) -> Self {
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next_cursor = if more { items.last().map(cursor_of) } else { None };
        Self { data: items.into_iter().map(show).collect(), next_cursor }
    }

    /// Makes a list of settings, which the store gives whole, in the order of their keys.
    pub(super) fn of_settings<U>(
        items: Vec<U>,
        page: &PageQuery,
        key_of: impl Fn(&U) -> String,
        show: impl Fn(U) -> T,
    ) -> Self {
        let mut keyed: Vec<_> = items.into_iter().map(|item| (key_of(&item), item)).collect();
        keyed.sort_by(|(left, _), (right, _)| left.cmp(right));
        keyed.retain(|(key, _)| page.cursor.as_ref().is_none_or(|cursor| key > cursor));
        let more = keyed.len() > page.limit as usize;
        keyed.truncate(page.limit as usize);
        let next_cursor = if more { keyed.last().map(|(key, _)| key.clone()) } else { None };
        Self { data: keyed.into_iter().map(|(_, item)| show(item)).collect(), next_cursor }
    }
}

/// Reads the page of a list of records and ends the query; the cursor is an id of kind `Id`.
pub(super) fn records<Id: FromStr>(query: Fields) -> Result<PageQuery, FieldError> {
    page::<Id>(query, PAGE_DEFAULT)
}

/// Reads the page of a list of settings and ends the query; the cursor is a key of kind `Id`.
pub(super) fn settings<Id: FromStr>(query: Fields) -> Result<PageQuery, FieldError> {
    page::<Id>(query, PAGE_MAX)
}

fn page<Id: FromStr>(mut query: Fields, limit_default: u32) -> Result<PageQuery, FieldError> {
    let cursor = query.text("cursor")?;
    if cursor.as_ref().is_some_and(|cursor| cursor.parse::<Id>().is_err()) {
        return Err(query.invalid("cursor", "must be the `next_cursor` of the page before"));
    }
    let limit = match query.text("limit")? {
        None => limit_default,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=PAGE_MAX).contains(limit))
            .ok_or_else(|| query.invalid("limit", format!("must be a whole number from 1 to {PAGE_MAX}")))?,
    };
    query.finish()?;
    Ok(PageQuery { cursor, limit })
}

/// A time as this API shows it.
pub(super) fn time(at: Timestamp) -> String {
    at.to_string()
}

/// A time span as this API shows it: milliseconds, to the microsecond.
pub(super) fn millis(span: Duration) -> f64 {
    span.as_micros() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_settings_join_without_a_gap_or_a_repeat() {
        let items = vec!["c", "a", "e", "b", "d"];
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let page = PageQuery { cursor, limit: 2 };
            let list = List::of_settings(items.clone(), &page, ToString::to_string, |item| item);
            assert!(list.data.len() <= 2);
            seen.extend(list.data);
            cursor = list.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, ["a", "b", "c", "d", "e"]);
    }
}
