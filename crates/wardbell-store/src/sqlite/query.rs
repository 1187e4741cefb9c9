//! Newest-first listings.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};
use wardbell_core::id::ProjectId;

use crate::error::StoreError;
use crate::page::PageQuery;

/// A newest-first listing of one project: ids sort by time, so the cursor is the last id of the page before.
pub(super) struct Query {
    text: String,
    values: Vec<Value>,
}

impl Query {
    pub(super) fn new(select: &str, project: ProjectId) -> Self {
        Self { text: select.to_owned(), values: vec![Value::from(project.to_string())] }
    }

    /// Adds a condition if there is a value for it. `condition` is one of this crate's own words.
    pub(super) fn and(&mut self, condition: &'static str, value: Option<Value>) {
        if let Some(value) = value {
            self.values.push(value);
            self.text += &[" AND ", condition, " ?", &self.values.len().to_string()].concat();
        }
    }

    /// Adds a condition without a value. `condition` is one of this crate's own words.
    pub(super) fn also(&mut self, condition: &'static str) {
        self.text += &[" AND ", condition].concat();
    }

    /// Adds that one of two conditions holds, if there is a value for them.
    pub(super) fn either(&mut self, [one, other]: [&'static str; 2], value: Option<Value>) {
        if let Some(value) = value {
            self.values.push(value);
            let mark = self.values.len();
            self.text += &format!(" AND ({one} ?{mark} OR {other} ?{mark})");
        }
    }

    /// Adds that a column holds one of these words, which are this crate's own.
    pub(super) fn among(&mut self, column: &'static str, words: &[&'static str]) {
        let marks: Vec<_> = words
            .iter()
            .map(|word| {
                self.values.push(Value::from((*word).to_owned()));
                format!("?{}", self.values.len())
            })
            .collect();
        self.text += &format!(" AND {column} IN ({})", marks.join(", "));
    }

    pub(super) fn page<T>(
        self,
        connection: &Connection,
        page: &PageQuery,
        read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.page_by(connection, "id", page, read)
    }

    /// Reads up to `limit + 1` rows after the cursor, ordered by the id column `by`.
    pub(super) fn page_by<T>(
        mut self,
        connection: &Connection,
        by: &'static str,
        page: &PageQuery,
        read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        if let Some(cursor) = &page.cursor {
            self.values.push(Value::from(cursor.clone()));
            self.text += &[" AND ", by, " < ?", &self.values.len().to_string()].concat();
        }
        self.values.push(Value::from(i64::from(page.limit) + 1));
        self.text += &[" ORDER BY ", by, " DESC LIMIT ?", &self.values.len().to_string()].concat();
        let mut statement = connection.prepare_cached(&self.text)?;
        let mut rows = statement.query(params_from_iter(self.values))?;
        let mut items = Vec::new();
        while let Some(row) = rows.next()? {
            items.push(read(row)?);
        }
        Ok(items)
    }
}
