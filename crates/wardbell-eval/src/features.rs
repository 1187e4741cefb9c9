//! What the trainer reads: the features of the linear tier, and the texts as the encoder sees them.
//!
//! The file of features is little-endian: the eight bytes `WBFEAT01`; the number of buckets, of rows, of blocks and of
//! entries, each a `u64`; then four arrays without gaps: for each row where its blocks start, and their number at the end
//! (`u32`, rows + 1); for each block where its entries start, and their number at the end (`u64`, blocks + 1); for each
//! entry its bucket (`u32`); for each entry how often the bucket occurs in the block (`u16`). The buckets of a block are
//! sorted and differ.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;
use wardbell_detect::linear::feature::{self, BUCKETS, Sink};
use wardbell_detect::reading::Reading;

use crate::row;

/// The blocks of all rows so far.
#[derive(Default)]
struct Table {
    rows: Vec<u32>,
    blocks: Vec<u64>,
    buckets: Vec<u32>,
    counts: Vec<u16>,
    now: Vec<u32>,
}

impl Sink for Table {
    fn features(&mut self, buckets: &[u32]) {
        self.now.extend_from_slice(buckets);
    }

    fn block(&mut self, _end: usize) {
        self.blocks.push(self.buckets.len() as u64);
        self.now.sort_unstable();
        for same in self.now.chunk_by(|a, b| a == b) {
            self.buckets.extend(same.first());
            self.counts.push(u16::try_from(same.len()).unwrap_or(u16::MAX));
        }
        self.now.clear();
    }
}

/// Writes the features of every row.
pub(crate) fn write(rows: &Path, out: &Path) -> Result<()> {
    let mut table = Table::default();
    for row in row::read(rows)? {
        let text = row?.text;
        table.rows.push(u32::try_from(table.blocks.len()).context("too many blocks")?);
        feature::read(Reading::plain(&text).text(), &mut table);
    }
    let Table { rows, blocks, buckets, counts, now: _ } = table;
    let file = File::create(out).with_context(|| format!("cannot write {}", out.display()))?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    file.write_all(b"WBFEAT01")?;
    for count in [BUCKETS, rows.len(), blocks.len(), buckets.len()] {
        file.write_all(&(count as u64).to_le_bytes())?;
    }
    for start in rows.iter().copied().chain([u32::try_from(blocks.len()).context("too many blocks")?]) {
        file.write_all(&start.to_le_bytes())?;
    }
    for start in blocks.iter().copied().chain([buckets.len() as u64]) {
        file.write_all(&start.to_le_bytes())?;
    }
    for bucket in &buckets {
        file.write_all(&bucket.to_le_bytes())?;
    }
    for count in &counts {
        file.write_all(&count.to_le_bytes())?;
    }
    file.flush()?;
    println!("{} rows, {} blocks, {} entries in {}", rows.len(), blocks.len(), buckets.len(), out.display());
    Ok(())
}

/// Writes the rows with the plain reading in place of the text.
pub(crate) fn write_plain(rows: &Path, out: &Path) -> Result<()> {
    let file = File::create(out).with_context(|| format!("cannot write {}", out.display()))?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    let (mut count, mut changed) = (0_usize, 0_usize);
    for row in row::read(rows)? {
        let mut row = row?;
        let plain = Reading::plain(&row.text).text().to_owned();
        changed += usize::from(plain != row.text);
        count += 1;
        row.fields.insert("text".to_owned(), Value::String(plain));
        serde_json::to_writer(&mut file, &row.fields)?;
        file.write_all(b"\n")?;
    }
    file.flush()?;
    println!("{count} rows, {changed} of them read otherwise than written, in {}", out.display());
    Ok(())
}
