use rusqlite::{Connection, Row, params};
use wardbell_core::id::ProjectId;

use crate::error::StoreError;
use crate::provider::Provider;
use crate::seal::Sealer;
use crate::sqlite::{project, row};
use wardbell_core::provider::ProviderKind;

/// The place that a provider's key is sealed for.
const KEY_PLACE: &str = "provider.key";

pub(super) fn put(
    connection: &Connection,
    sealer: &Sealer,
    project: ProjectId,
    provider: &Provider,
    keep_key: bool,
) -> Result<(), StoreError> {
    project::require(connection, project)?;
    let Provider { name, kind, base_url, api_key, api_key_env, fallback, is_default, updated_at } = provider;
    if let Some(fallback) = fallback {
        require_fallback(connection, project, name, fallback)?;
    }
    if *is_default {
        connection
            .prepare_cached("UPDATE providers SET is_default = 0 WHERE project = ?1 AND name <> ?2 AND is_default = 1")?
            .execute([&project.to_string(), name])?;
    }
    let sealed = match api_key {
        Some(key) => Some(sealer.seal(KEY_PLACE, &owner(project, name), key.reveal())?),
        None => None,
    };
    connection
        .prepare_cached(
            "INSERT INTO providers (project, name, kind, base_url, sealed_key, api_key_env, fallback, is_default, \
             updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (project, name) DO UPDATE SET \
             kind = excluded.kind, base_url = excluded.base_url, api_key_env = excluded.api_key_env, \
             fallback = excluded.fallback, is_default = excluded.is_default, updated_at = excluded.updated_at, \
             sealed_key = CASE WHEN ?10 AND excluded.sealed_key IS NULL THEN sealed_key ELSE excluded.sealed_key END",
        )?
        .execute(params![
            project.to_string(),
            name,
            kind.as_str(),
            base_url,
            sealed,
            api_key_env,
            fallback,
            is_default,
            updated_at.as_millis(),
            keep_key
        ])?;
    Ok(())
}

/// Fails unless `fallback` is another provider of the project.
fn require_fallback(connection: &Connection, project: ProjectId, name: &str, fallback: &str) -> Result<(), StoreError> {
    let found = connection
        .prepare_cached("SELECT 1 FROM providers WHERE project = ?1 AND name = ?2 AND name <> ?3")?
        .exists([&project.to_string(), fallback, name])?;
    if found { Ok(()) } else { Err(StoreError::NotFound("fallback provider")) }
}

pub(super) fn of_project(
    connection: &Connection,
    sealer: &Sealer,
    project: ProjectId,
) -> Result<Vec<Provider>, StoreError> {
    project::require(connection, project)?;
    let mut statement = connection.prepare_cached("SELECT * FROM providers WHERE project = ?1 ORDER BY name")?;
    let mut rows = statement.query([project.to_string()])?;
    let mut providers = Vec::new();
    while let Some(row) = rows.next()? {
        providers.push(read(row, sealer, project)?);
    }
    Ok(providers)
}

pub(super) fn delete(connection: &Connection, project: ProjectId, name: &str) -> Result<(), StoreError> {
    let changed = connection
        .prepare_cached("DELETE FROM providers WHERE project = ?1 AND name = ?2")?
        .execute([&project.to_string(), name])?;
    row::found(changed, "provider")?;
    connection
        .prepare_cached("UPDATE providers SET fallback = NULL WHERE project = ?1 AND fallback = ?2")?
        .execute([&project.to_string(), name])?;
    Ok(())
}

fn read(row: &Row<'_>, sealer: &Sealer, project: ProjectId) -> Result<Provider, StoreError> {
    let name: String = row.get("name")?;
    let sealed: Option<Vec<u8>> = row.get("sealed_key")?;
    let api_key = match sealed {
        Some(sealed) => Some(sealer.open(KEY_PLACE, &owner(project, &name), &sealed)?),
        None => None,
    };
    Ok(Provider {
        kind: row::parsed(row, "kind", ProviderKind::from_name)?,
        base_url: row.get("base_url")?,
        api_key,
        api_key_env: row.get("api_key_env")?,
        fallback: row.get("fallback")?,
        is_default: row.get("is_default")?,
        updated_at: row::time(row, "updated_at")?,
        name,
    })
}

fn owner(project: ProjectId, name: &str) -> String {
    format!("{project}/{name}")
}
