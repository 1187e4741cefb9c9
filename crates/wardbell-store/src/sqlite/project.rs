use rusqlite::{Connection, OptionalExtension, Row, params};
use wardbell_core::id::ProjectId;
use wardbell_core::policy::Policy;
use wardbell_core::time::Timestamp;

use crate::error::StoreError;
use crate::project::{PolicyVersion, Project, ProjectChange};
use crate::sqlite::{outbox, row};

pub(super) fn create(connection: &Connection, project: &Project) -> Result<(), StoreError> {
    let Project { id, name, policy, policy_version, created_at, enabled, slug, declared, is_policy_declared } = project;
    connection
        .prepare_cached(
            "INSERT INTO projects (id, name, policy_version, created_at, enabled, slug, declared_in, policy_declared) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            id.to_string(),
            name,
            policy_version,
            created_at.as_millis(),
            enabled,
            slug,
            declared,
            is_policy_declared
        ])?;
    add_policy(connection, *id, *policy_version, policy, *created_at)
}

pub(super) fn all(connection: &Connection) -> Result<Vec<Project>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{SELECT} ORDER BY p.id"))?;
    let mut rows = statement.query([])?;
    let mut projects = Vec::new();
    while let Some(row) = rows.next()? {
        projects.push(read(row)?);
    }
    Ok(projects)
}

pub(super) fn update(
    connection: &Connection,
    id: ProjectId,
    change: ProjectChange,
    now: Timestamp,
) -> Result<Project, StoreError> {
    let project = one(connection, id)?;
    if let Some(file) = &project.declared {
        let ProjectChange { name, policy, enabled } = &change;
        let declared = |what| Err(StoreError::Declared { what, file: file.clone() });
        if name.as_ref().is_some_and(|name| *name != project.name) {
            return declared("the project's name");
        }
        if project.is_policy_declared && policy.as_ref().is_some_and(|policy| *policy != project.policy) {
            return declared("the project's policy");
        }
        if enabled.is_some_and(|enabled| enabled != project.enabled) {
            return declared("the project");
        }
    }
    apply(connection, project, change, now)
}

/// Changes a project, whoever declares it.
pub(super) fn apply(
    connection: &Connection,
    mut project: Project,
    change: ProjectChange,
    now: Timestamp,
) -> Result<Project, StoreError> {
    let ProjectChange { name, policy, enabled } = change;
    let id = project.id;
    project.enabled = enabled.unwrap_or(project.enabled);
    if let Some(name) = name {
        project.name = name;
    }
    if let Some(policy) = policy.filter(|policy| *policy != project.policy) {
        project.policy = policy;
        project.policy_version += 1;
        add_policy(connection, id, project.policy_version, &project.policy, now)?;
    }
    connection
        .prepare_cached("UPDATE projects SET name = ?2, policy_version = ?3, enabled = ?4 WHERE id = ?1")?
        .execute(params![id.to_string(), project.name, project.policy_version, project.enabled])?;
    Ok(project)
}

pub(super) fn delete(connection: &Connection, id: ProjectId, now: Timestamp) -> Result<(), StoreError> {
    if let Some(file) = one(connection, id)?.declared {
        return Err(StoreError::Declared { what: "the project", file });
    }
    let changed = connection.prepare_cached("DELETE FROM projects WHERE id = ?1")?.execute([id.to_string()])?;
    row::found(changed, "project")?;
    outbox::bury_of_project(connection, id, now)
}

/// Fails unless the project is there.
pub(super) fn require(connection: &Connection, id: ProjectId) -> Result<(), StoreError> {
    let found = connection.prepare_cached("SELECT 1 FROM projects WHERE id = ?1")?.exists([id.to_string()])?;
    if found { Ok(()) } else { Err(StoreError::NotFound("project")) }
}

const SELECT: &str = "SELECT p.id, p.name, p.policy_version, p.created_at, p.enabled, p.slug, p.declared_in, \
                      p.policy_declared, v.policy FROM projects p \
                      JOIN policies v ON v.project = p.id AND v.version = p.policy_version";

fn one(connection: &Connection, id: ProjectId) -> Result<Project, StoreError> {
    connection
        .prepare_cached(&format!("{SELECT} WHERE p.id = ?1"))?
        .query_row([id.to_string()], |row| Ok(read(row)))
        .optional()?
        .ok_or(StoreError::NotFound("project"))?
}

fn add_policy(
    connection: &Connection,
    project: ProjectId,
    version: u32,
    policy: &Policy,
    at: Timestamp,
) -> Result<(), StoreError> {
    let text = serde_json::to_string(policy).map_err(|_| StoreError::Corrupt("policy"))?;
    connection
        .prepare_cached("INSERT INTO policies (project, version, policy, at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![project.to_string(), version, text, at.as_millis()])?;
    Ok(())
}

/// Every version of a project's policy, newest first, `limit` at most, those before `before`.
pub(super) fn policies(
    connection: &Connection,
    id: ProjectId,
    before: Option<u32>,
    limit: u32,
) -> Result<Vec<PolicyVersion>, StoreError> {
    require(connection, id)?;
    let mut statement = connection.prepare_cached(
        "SELECT version, policy, at FROM policies WHERE project = ?1 AND version < ?2 ORDER BY version DESC LIMIT ?3",
    )?;
    let mut rows = statement.query(params![id.to_string(), before.unwrap_or(u32::MAX), limit])?;
    let mut versions = Vec::new();
    while let Some(row) = rows.next()? {
        versions.push(PolicyVersion {
            version: row.get("version")?,
            policy: row::parsed(row, "policy", |text| serde_json::from_str(text).ok())?,
            at: row::time(row, "at")?,
        });
    }
    Ok(versions)
}

fn read(row: &Row<'_>) -> Result<Project, StoreError> {
    Ok(Project {
        id: row::id(row, "id")?,
        name: row.get("name")?,
        policy: row::parsed(row, "policy", |text| serde_json::from_str(text).ok())?,
        policy_version: row.get("policy_version")?,
        created_at: row::time(row, "created_at")?,
        enabled: row.get("enabled")?,
        slug: row.get("slug")?,
        declared: row.get("declared_in")?,
        is_policy_declared: row.get("policy_declared")?,
    })
}
