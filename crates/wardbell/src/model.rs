//! The injection model: the one that is built in, another of the operator's, or none.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use wardbell_detect::cascade::Cascade;
use wardbell_proxy::readers::Readers;

/// The largest model file, in bytes. Source: our choice; twice what `spec/injection-model.md` plans.
const FILE_BYTES_MAX: u64 = 80 * 1024 * 1024;

/// Which model looks for injections beside the rules.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Choice {
    /// The one that is part of the binary.
    #[default]
    BuiltIn,
    /// None: the rules look alone.
    None,
    /// A file of the operator's, as `training/run.sh` makes it.
    File(PathBuf),
}

/// Reads the model and starts the threads that let it read; `None` where the operator wants none. `threads` is how many; without it one for
/// every two cores, so that the runtime keeps the rest.
pub(crate) fn readers(choice: &Choice, threads: Option<usize>) -> Result<Option<Arc<Readers>>> {
    let bytes = match choice {
        Choice::None => return Ok(None),
        Choice::BuiltIn => Cow::Borrowed(wardbell_model::INJECTION),
        Choice::File(path) => Cow::Owned(read(path)?),
    };
    let cascade = Cascade::read(bytes).with_context(|| match choice {
        Choice::File(path) => format!("injection.model names {}, which is no model", path.display()),
        Choice::BuiltIn | Choice::None => "the built-in injection model cannot be read".to_owned(),
    })?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.unwrap_or(cores / 2);
    let readers = Readers::start(cascade, threads).context("the threads of the injection model do not start")?;
    Ok(Some(Arc::new(readers)))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let shown = path.display();
    let length = std::fs::metadata(path).with_context(|| format!("injection.model names {shown}"))?.len();
    anyhow::ensure!(
        length <= FILE_BYTES_MAX,
        "injection.model names {shown}, which has more than {FILE_BYTES_MAX} bytes"
    );
    std::fs::read(path).with_context(|| format!("injection.model names {shown}"))
}
