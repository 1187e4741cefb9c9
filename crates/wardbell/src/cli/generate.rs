//! `wardbell generate`: files that are made from the code.

use clap::ValueEnum;

use crate::cli::print;
use crate::config::file;

/// A generated file.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Generated {
    /// openapi.json
    Openapi,
    /// wardbell.default.toml
    Config,
}

impl Generated {
    pub(crate) fn run(self) {
        match self {
            Self::Openapi => print::text(&wardbell_api::openapi()),
            Self::Config => print::text(&file::default_file()),
        }
    }
}
