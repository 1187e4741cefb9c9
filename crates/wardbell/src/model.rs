//! The injection model, where the operator names a file of one.
//!
//! None is part of the binary yet: what `training/` has made so far is measured in `training/MODEL_CARD.md`, and it is not
//! good enough to stop anybody's requests unasked.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use wardbell_detect::cascade::Cascade;
use wardbell_proxy::readers::Readers;

/// The largest model file, in bytes. Source: our choice; twice what `spec/injection-model.md` plans.
const FILE_BYTES_MAX: u64 = 80 * 1024 * 1024;

/// Reads the model and starts the threads that let it read: one for every two cores, so that the runtime keeps the rest.
pub(crate) fn readers(path: &Path) -> Result<Arc<Readers>> {
    let shown = path.display();
    let length = std::fs::metadata(path).with_context(|| format!("injection.model names {shown}"))?.len();
    anyhow::ensure!(
        length <= FILE_BYTES_MAX,
        "injection.model names {shown}, which has more than {FILE_BYTES_MAX} bytes"
    );
    let bytes = std::fs::read(path).with_context(|| format!("injection.model names {shown}"))?;
    let cascade = Cascade::read(bytes).with_context(|| format!("injection.model names {shown}, which is no model"))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let readers = Readers::start(cascade, cores / 2).context("the threads of the injection model do not start")?;
    Ok(Arc::new(readers))
}
