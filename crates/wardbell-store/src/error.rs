//! What can go wrong in a store.

/// Why a store call failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The thing named does not exist, or belongs to another project.
    #[error("{0} does not exist")]
    NotFound(&'static str),
    /// A limit would be passed.
    #[error("{what}: at most {max}")]
    LimitReached {
        /// What is limited.
        what: &'static str,
        /// The limit.
        max: u32,
    },
    /// The thing is declared in the configuration file, which alone changes it.
    #[error("{what} is declared in {file}")]
    Declared {
        /// What was to be changed.
        what: &'static str,
        /// The file's name, without its folder.
        file: String,
    },
    /// A stored value cannot be read back: the file was changed by something else, or a newer version wrote it.
    #[error("stored {0} is unreadable")]
    Corrupt(&'static str),
    /// Sealing or unsealing failed: the master key is not the one that sealed the value.
    #[error(transparent)]
    Seal(#[from] crate::seal::SealError),
    /// The database failed.
    #[error("the database failed")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(Box::new(error))
    }
}

/// Why a store could not be opened. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or file cannot be used.
    #[error(
        "cannot open the database {path}: {reason}; check that the folder exists and that this user may write to it"
    )]
    Unusable {
        /// The file.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// Another process holds the file.
    #[error("the database {path} is in use by another wardbell process; stop that one, or choose another --data-dir")]
    InUse {
        /// The file.
        path: String,
    },
    /// A newer version wrote the file.
    #[error("the database {path} has schema version {found}, and this build knows up to {known}; use a newer wardbell")]
    NewerSchema {
        /// The file.
        path: String,
        /// The version in the file.
        found: u32,
        /// The newest version that this build knows.
        known: u32,
    },
    /// The master key is not the one that sealed the file's secrets.
    #[error(
        "the master key does not open the secrets in {path}; set WARDBELL_MASTER_KEY to the key used before, or restore <data-dir>/master-key"
    )]
    WrongMasterKey {
        /// The file.
        path: String,
    },
    /// A statement failed.
    #[error("cannot prepare the database {path}")]
    Prepare {
        /// The file.
        path: String,
        /// What failed.
        #[source]
        source: StoreError,
    },
}
