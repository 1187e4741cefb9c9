//! `wardbell check`.

use anyhow::Result;
use wardbell_detect::engine::{Engine, EngineSettings};

use crate::cli::print;
use crate::config::Config;

/// Tells that the configuration is good; loading it has found every problem already. The detectors are built as well,
/// since a rule that does not build would stop the start.
pub(crate) fn run(config: &Config) -> Result<()> {
    let engine = Engine::new(&EngineSettings::default())?;
    let projects = config.declared.as_ref().map_or(&[][..], |declared| &declared.projects);
    print::line(&format!(
        "the configuration is good: listen {}, data {}, {} rules; declared projects: {}, webhooks: {}",
        config.listen,
        config.data_dir.display(),
        engine.rules().count(),
        projects.len(),
        projects.iter().map(|project| project.webhooks.len()).sum::<usize>()
    ));
    Ok(())
}
