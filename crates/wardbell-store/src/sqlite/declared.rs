//! Making the store what a file declares: one write, so that no reader sees half of it.

use std::collections::HashSet;
use std::time::Duration;

use rusqlite::{Connection, params};
use wardbell_core::id::{EndpointId, ProjectId};
use wardbell_core::time::Timestamp;
use wardbell_telemetry::ambient;

use crate::declared::{Declarations, DeclaredProject, DeclaredWebhook, Reconciled};
use crate::endpoint::{Endpoint, EndpointChange, Health, HealthState, SignatureProfile, SigningSecret};
use crate::error::StoreError;
use crate::project::{Project, ProjectChange};
use crate::seal::Sealer;
use crate::signing::check_secret_for;
use crate::sqlite::{endpoint, health, project};

pub(super) fn reconcile(
    connection: &Connection,
    sealer: &Sealer,
    declared: &Declarations,
    now: Timestamp,
) -> Result<Reconciled, StoreError> {
    let Declarations { file, projects } = declared;
    let mut reconciling = Reconciling { connection, sealer, file, now, made_count: 0, done: Reconciled::default() };
    let present = project::all(connection)?;
    for wanted in projects {
        let before = present.iter().find(|project| project.slug.as_ref() == Some(&wanted.slug));
        reconciling.project(wanted, before)?;
    }
    let slugs: HashSet<_> = projects.iter().map(|wanted| wanted.slug.as_str()).collect();
    for before in present.into_iter().filter(|project| project.declared.is_some()) {
        if before.slug.as_deref().is_none_or(|slug| !slugs.contains(slug)) {
            reconciling.release_project(before)?;
        }
    }
    Ok(reconciling.done)
}

struct Reconciling<'r> {
    connection: &'r Connection,
    sealer: &'r Sealer,
    file: &'r str,
    now: Timestamp,
    made_count: i64,
    done: Reconciled,
}

impl Reconciling<'_> {
    /// A time for an id: lists are in the order of the file, and ids of one millisecond have no order.
    fn next(&mut self) -> Timestamp {
        self.made_count += 1;
        Timestamp::from_millis(self.now.as_millis() + self.made_count)
    }

    fn project(&mut self, wanted: &DeclaredProject, before: Option<&Project>) -> Result<(), StoreError> {
        let DeclaredProject { slug, name, policy, webhooks } = wanted;
        let id = if let Some(before) = before {
            let after = Project {
                name: name.clone(),
                policy: policy.clone().unwrap_or_else(|| before.policy.clone()),
                enabled: true,
                declared: Some(self.file.to_owned()),
                is_policy_declared: policy.is_some(),
                ..before.clone()
            };
            if after != *before {
                let change = ProjectChange { name: Some(name.clone()), policy: policy.clone(), enabled: Some(true) };
                project::apply(self.connection, before.clone(), change, self.now)?;
                self.mark_project(before.id, Some(self.file), policy.is_some())?;
                self.done.updated.push(slug.clone());
            }
            before.id
        } else {
            let id = ProjectId::mint(self.next(), ambient::entropy());
            let made = Project {
                id,
                name: name.clone(),
                policy: policy.clone().unwrap_or_default(),
                policy_version: 1,
                created_at: self.now,
                enabled: true,
                slug: Some(slug.clone()),
                declared: Some(self.file.to_owned()),
                is_policy_declared: policy.is_some(),
            };
            project::create(self.connection, &made)?;
            self.done.created.push(slug.clone());
            id
        };
        let present = self.slugs(id)?;
        for wanted in webhooks {
            let before = present.iter().find(|(known, _)| *known == wanted.slug).map(|(_, id)| *id);
            self.webhook(slug, id, wanted, before)?;
        }
        for (known, webhook) in present {
            if !webhooks.iter().any(|wanted| wanted.slug == known) {
                self.release_webhook(slug, id, &known, webhook)?;
            }
        }
        Ok(())
    }

    fn webhook(
        &mut self,
        project_slug: &str,
        project: ProjectId,
        wanted: &DeclaredWebhook,
        before: Option<EndpointId>,
    ) -> Result<(), StoreError> {
        let place = format!("{project_slug}/{}", wanted.slug);
        let Some(id) = before else {
            let id = EndpointId::mint(self.next(), ambient::entropy());
            // The operator who declares it sets the limit as well, and it was held against the file.
            endpoint::create(self.connection, self.sealer, &self.made(id, project, wanted), u32::MAX)?;
            self.connection
                .prepare_cached("UPDATE endpoints SET slug = ?2 WHERE id = ?1")?
                .execute(params![id.to_string(), wanted.slug])?;
            self.done.created.push(place);
            return Ok(());
        };
        let before = endpoint::one(self.connection, self.sealer, project, id)?;
        let settings = settings(wanted);
        let is_new = before.declared.is_none();
        let was_off = before.health.state == HealthState::Disabled;
        // What its health switched off stays off until its declaration changes, or the operator switches it on again.
        let stays_off = !is_new && wanted.enabled && !before.enabled && was_off;
        let is_other = endpoint::changes(&before, &settings);
        let secrets = secrets(&before, wanted);
        let enabled = before.enabled != wanted.enabled && (is_other || !stays_off);
        let marks = (Some(self.file.to_owned()), wanted.secret.is_some());
        // The file says that it is off; the API may not undo that as if its health had done it.
        let settles = !wanted.enabled && was_off;
        let is_same = !is_other && !enabled && !settles && secrets.is_none();
        if is_same && marks == (before.declared.clone(), before.is_secret_declared) {
            return Ok(());
        }
        // An old secret never signs to a new place, nor can one of another sort sign.
        let unfit = settings.url.as_ref() != Some(&before.url) || has_unfit(&before, wanted.signature);
        let change = EndpointChange { enabled: enabled.then_some(wanted.enabled), ..settings };
        endpoint::apply(self.connection, self.sealer, before, change, self.now)?;
        if settles {
            health::write(self.connection, id, &Health::new(self.now))?;
        }
        if let Some(secrets) = secrets {
            let overlap = if unfit { Duration::ZERO } else { wanted.secret_overlap };
            let until = self.now.after(overlap);
            endpoint::replace_secrets(self.connection, self.sealer, id, &secrets, until, self.now)?;
        }
        self.mark_webhook(id, Some(self.file), wanted.secret.is_some())?;
        self.done.updated.push(place);
        Ok(())
    }

    fn made(&self, id: EndpointId, project: ProjectId, wanted: &DeclaredWebhook) -> Endpoint {
        let DeclaredWebhook {
            slug: _,
            url,
            format,
            events,
            severity_min,
            signature,
            retry,
            enabled,
            options,
            secret,
            secret_overlap: _,
        } = wanted.clone();
        let own = secret.map(|secret| SigningSecret { secret, expires_at: None });
        Endpoint {
            id,
            project,
            url,
            format,
            events,
            severity_min,
            signature,
            retry,
            enabled,
            is_secret_declared: own.is_some(),
            secrets: completed(own.into_iter().collect(), signature),
            created_at: self.now,
            options,
            health: Health::new(self.now),
            declared: Some(self.file.to_owned()),
        }
    }

    fn release_project(&mut self, before: Project) -> Result<(), StoreError> {
        let (id, slug) = (before.id, before.slug.clone().unwrap_or_default());
        let change = ProjectChange { enabled: Some(false), ..ProjectChange::default() };
        project::apply(self.connection, before, change, self.now)?;
        self.mark_project(id, None, false)?;
        self.done.disabled.push(slug.clone());
        for (known, webhook) in self.slugs(id)? {
            self.release_webhook(&slug, id, &known, webhook)?;
        }
        Ok(())
    }

    fn release_webhook(
        &mut self,
        project_slug: &str,
        project: ProjectId,
        slug: &str,
        id: EndpointId,
    ) -> Result<(), StoreError> {
        let before = endpoint::one(self.connection, self.sealer, project, id)?;
        if before.declared.is_none() {
            // It went with an earlier file, and is the API's since.
            return Ok(());
        }
        let change = EndpointChange { enabled: Some(false), ..EndpointChange::default() };
        endpoint::apply(self.connection, self.sealer, before, change, self.now)?;
        self.mark_webhook(id, None, false)?;
        self.done.disabled.push(format!("{project_slug}/{slug}"));
        Ok(())
    }

    /// The endpoints of a project that a file declares or did, by slug.
    fn slugs(&self, project: ProjectId) -> Result<Vec<(String, EndpointId)>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT slug, id FROM endpoints WHERE project = ?1 AND slug IS NOT NULL ORDER BY id")?;
        let mut rows = statement.query([project.to_string()])?;
        let mut slugs = Vec::new();
        while let Some(row) = rows.next()? {
            slugs.push((row.get("slug")?, super::row::id(row, "id")?));
        }
        Ok(slugs)
    }

    fn mark_project(&self, id: ProjectId, file: Option<&str>, is_policy_declared: bool) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE projects SET declared_in = ?2, policy_declared = ?3 WHERE id = ?1")?
            .execute(params![id.to_string(), file, is_policy_declared])?;
        Ok(())
    }

    fn mark_webhook(&self, id: EndpointId, file: Option<&str>, is_secret_declared: bool) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE endpoints SET declared_in = ?2, secret_declared = ?3 WHERE id = ?1")?
            .execute(params![id.to_string(), file, is_secret_declared])?;
        Ok(())
    }
}

/// What a declaration sets, all but whether it is on.
fn settings(wanted: &DeclaredWebhook) -> EndpointChange {
    let DeclaredWebhook {
        slug: _,
        url,
        format,
        events,
        severity_min,
        signature,
        retry,
        enabled: _,
        options,
        secret: _,
        secret_overlap: _,
    } = wanted.clone();
    EndpointChange {
        url: Some(url),
        format: Some(format),
        events: Some(events),
        severity_min: Some(severity_min),
        signature: Some(signature),
        retry: Some(retry),
        enabled: None,
        options: Some(options),
    }
}

/// The secrets that are to sign, newest first; `None` where those that do are right.
fn secrets(before: &Endpoint, wanted: &DeclaredWebhook) -> Option<Vec<SigningSecret>> {
    let current: Vec<_> = before.secrets.iter().filter(|secret| secret.expires_at.is_none()).collect();
    let fits = |secret: &SigningSecret| check_secret_for(wanted.signature, secret.secret.reveal()).is_ok();
    let kept = match &wanted.secret {
        Some(own) => current.iter().any(|secret| secret.secret == *own),
        // One that was declared and is no more, or was made here, stays as long as it can sign.
        None => current.iter().any(|secret| !secret.is_private() && fits(secret)),
    };
    let is_whole = wanted.signature != SignatureProfile::Ed25519
        || current.iter().any(|secret| secret.is_private()) && current.iter().any(|secret| !secret.is_private());
    if kept && is_whole && !has_unfit(before, wanted.signature) {
        return None;
    }
    let first = match &wanted.secret {
        Some(own) => {
            let own = SigningSecret { secret: own.clone(), expires_at: None };
            // The key of the other sort stays: receivers know it.
            let other = current.into_iter().filter(|secret| secret.is_private() != own.is_private());
            let other: Vec<_> = other.filter(|secret| fits(secret)).cloned().collect();
            std::iter::once(own).chain(other).collect()
        }
        None => current.into_iter().filter(|secret| fits(secret)).cloned().collect(),
    };
    Some(completed(first, wanted.signature))
}

/// Whether a secret of the endpoint cannot sign as the profile does.
fn has_unfit(before: &Endpoint, profile: SignatureProfile) -> bool {
    let fits =
        |secret: &SigningSecret| secret.is_private() || check_secret_for(profile, secret.secret.reveal()).is_ok();
    !before.secrets.iter().all(fits)
}

/// These secrets, and those beside them that a profile needs.
fn completed(mut secrets: Vec<SigningSecret>, profile: SignatureProfile) -> Vec<SigningSecret> {
    if !secrets.iter().any(|secret| !secret.is_private()) {
        secrets.insert(0, SigningSecret::generate());
    }
    if profile == SignatureProfile::Ed25519 && !secrets.iter().any(SigningSecret::is_private) {
        secrets.push(SigningSecret::generate_private());
    }
    secrets
}
