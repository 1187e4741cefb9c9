//! The rows of a data set.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context as _, Result};
use flate2::read::MultiGzDecoder;
use serde_json::{Map, Value};

/// One row: its text, and the whole of it.
pub(crate) struct Row {
    pub(crate) text: String,
    pub(crate) fields: Map<String, Value>,
}

/// Reads the rows of a file of JSON lines, in gzip where its name ends so, one after the other.
pub(crate) fn read(path: &Path) -> Result<impl Iterator<Item = Result<Row>>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let bytes: Box<dyn Read> = match path.extension() {
        Some(extension) if extension == "gz" => Box::new(MultiGzDecoder::new(file)),
        _ => Box::new(file),
    };
    let name = path.display().to_string();
    let lines = BufReader::with_capacity(1 << 20, bytes).lines().enumerate();
    Ok(lines.filter(|(_, line)| line.as_ref().map_or(true, |line| !line.trim().is_empty())).map(move |(at, line)| {
        let place = || format!("{name}, line {}", at + 1);
        let mut fields: Map<String, Value> = serde_json::from_str(&line.with_context(place)?).with_context(place)?;
        let Some(Value::String(text)) = fields.get_mut("text").map(Value::take) else {
            anyhow::bail!("{} has no text", place());
        };
        Ok(Row { text, fields })
    }))
}
