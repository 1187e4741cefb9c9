//! Cursor paging: newest first.

/// Which slice of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery {
    /// Start after this item; the `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// How many items at most, from 1 to [`PAGE_MAX`].
    pub limit: u32,
}

/// The most items in one page.
pub const PAGE_MAX: u32 = 500;

/// The items in a page when the caller does not say.
pub const PAGE_DEFAULT: u32 = 50;

impl Default for PageQuery {
    fn default() -> Self {
        Self { cursor: None, limit: PAGE_DEFAULT }
    }
}

/// One slice of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// Where the next page starts; `None` at the end.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page from up to `limit + 1` items: one more than wanted tells that there is a next page.
    pub(crate) fn cut(mut items: Vec<T>, limit: u32, cursor_of: impl Fn(&T) -> String) -> Self {
        let limit = limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = if more { items.last().map(cursor_of) } else { None };
        Self { items, next_cursor }
    }
}
