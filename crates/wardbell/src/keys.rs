//! The two secrets of an installation: the admin token and the master key. Each comes from its variable, or else from a
//! file in the data folder that is made at the first start with mode 0600.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use wardbell_core::secret::Secret;
use wardbell_proxy::loops::SECRET_BYTES;
use wardbell_telemetry::ambient;

use crate::config::{Config, master_key};

/// The file that holds the admin token.
pub(crate) const ADMIN_TOKEN_FILE: &str = "admin-token";

/// The file that holds the master key.
const MASTER_KEY_FILE: &str = "master-key";

/// The two secrets of an installation.
pub(crate) struct Keys {
    pub(crate) admin_token: Secret<String>,
    pub(crate) master_key: Secret<Vec<u8>>,
}

impl Keys {
    /// Reads or makes the secrets.
    ///
    /// # Errors
    /// When a file cannot be read or made, or holds no key; and when the master key's file is missing beside a database
    /// that was sealed with one.
    pub(crate) fn ready(config: &Config) -> Result<Self> {
        let admin_token = match &config.admin_token {
            Some(token) => token.clone(),
            None => Secret::new(read_or_make(&config.data_dir.join(ADMIN_TOKEN_FILE), || {
                URL_SAFE_NO_PAD.encode(ambient::entropy::<32>())
            })?),
        };
        let master_key = match &config.master_key {
            Some(key) => key.clone(),
            None => Self::master_key_file(config)?,
        };
        Ok(Self { admin_token, master_key })
    }

    /// A secret for one purpose, made of the master key: the same on every node and after every start.
    pub(crate) fn derived(&self, purpose: &str) -> [u8; SECRET_BYTES] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.master_key.reveal());
        let mut secret = [0; SECRET_BYTES];
        // HMAC-SHA-256 has as many bytes (RFC 5869 expands with it in the same way).
        for (to, from) in secret.iter_mut().zip(hmac::sign(&key, purpose.as_bytes()).as_ref()) {
            *to = *from;
        }
        secret
    }

    fn master_key_file(config: &Config) -> Result<Secret<Vec<u8>>> {
        let path = config.data_dir.join(MASTER_KEY_FILE);
        if config.database.exists() && !path.exists() {
            bail!(
                "the database {} has sealed secrets and {} is missing; restore the file, or set WARDBELL_MASTER_KEY",
                config.database.display(),
                path.display()
            );
        }
        let text = read_or_make(&path, || STANDARD.encode(ambient::entropy::<32>()))?;
        master_key(&text).with_context(|| format!("{} holds no master key; restore it from a backup", path.display()))
    }
}

fn read_or_make(path: &Path, make: impl Fn() -> String) -> Result<String> {
    match fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
        Ok(_) => bail!("{} is empty; delete it to have a new one made, or restore it from a backup", path.display()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
    let text = make();
    // Written whole under another name first: a kill in between leaves no half key.
    let partial = path.with_extension("partial");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial).with_context(|| {
            format!("cannot write {}; check that this user may write to the folder", partial.display())
        })?;
    file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")).and_then(|()| file.sync_all())?;
    fs::rename(&partial, path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(text)
}
