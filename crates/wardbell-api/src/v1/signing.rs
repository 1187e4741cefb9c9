//! The keys that sign deliveries: making, taking and rotating them.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use wardbell_core::id::EndpointId;
use wardbell_core::secret::Secret;
use wardbell_store::endpoint::{SignatureProfile, SigningSecret};
use wardbell_store::signing::check_secret_for;
use wardbell_telemetry::ambient;

use super::change::change;
use super::openapi::{BodyRefusals, Refusals};
use super::{Answer, list};
use crate::Shared;
use crate::error::{ApiError, FieldError};
use crate::extract::{InProject, Named, OptionalBody};
use crate::fields::Fields;

/// How long a secret that was rotated out keeps signing, unless told otherwise: a day, in seconds.
pub(crate) const OVERLAP_SECONDS_DEFAULT: u64 = 86_400;

/// The longest overlap: a week, in seconds.
pub(crate) const OVERLAP_SECONDS_MAX: u64 = 604_800;

/// How many secrets may sign at once: every delivery carries a signature of each.
const SECRETS_MAX: usize = 4;

/// How a secret is rotated.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `rotate` reads it")]
pub(crate) struct Rotation {
    /// How long the present secret keeps signing beside the new one, in seconds; 0 stops it at once.
    #[schema(minimum = 0, maximum = 604_800, default = 86_400)]
    overlap_seconds: Option<u64>,
}

/// A new secret: the only time that it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RotationAnswer {
    /// The key that signs from now on. Keep it: it is not shown again.
    secret: String,
    /// The new key for `v1a` signatures, if the webhook has them; it is shown with the webhook as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    /// Until when the secret before it signs as well.
    #[schema(format = DateTime)]
    previous_until: String,
}

/// Takes the operator's own secret, if the body has one. What it must be depends on how it signs: see [`secrets`].
pub(crate) fn read_own(body: &mut Fields) -> Result<Option<Secret<String>>, FieldError> {
    Ok(body.text("secret")?.map(Secret::new))
}

/// The secrets of a new webhook, newest first, from the operator's own or new ones: a shared secret, and for `ed25519` a
/// private key. An own private key (`whsk_`) is taken for `ed25519`; the shared secret is made then.
pub(super) fn secrets(
    own: Option<Secret<String>>,
    profile: SignatureProfile,
) -> Result<Vec<SigningSecret>, FieldError> {
    let current = |secret| SigningSecret { secret, expires_at: None };
    if profile != SignatureProfile::Ed25519 {
        return match own {
            None => Ok(vec![SigningSecret::generate()]),
            Some(own) => Ok(vec![current(check_own(own, profile)?)]),
        };
    }
    match own.map(|own| check_own(own, profile)).transpose()?.map(current) {
        None => Ok(vec![SigningSecret::generate(), SigningSecret::generate_private()]),
        Some(own) if own.is_private() => Ok(vec![SigningSecret::generate(), own]),
        Some(own) => Ok(vec![own, SigningSecret::generate_private()]),
    }
}

/// Checks the operator's own secret for the way that it is to sign.
pub(crate) fn check_own(secret: Secret<String>, profile: SignatureProfile) -> Result<Secret<String>, FieldError> {
    match check_secret_for(profile, secret.reveal()) {
        Ok(()) => Ok(secret),
        Err(wrong) => Err(FieldError::invalid("secret", format!("cannot be used: {wrong}"))),
    }
}

/// Makes a new secret and shows it, once; the present one keeps signing for the overlap.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/webhooks/{webhook}/rotate-secret", tag = "webhooks",
    operation_id = "rotate_webhook_secret",
    params(
        ("project" = String, Path, description = "The project's id"),
        ("webhook" = String, Path, description = "The webhook's id")
    ),
    request_body = Option<Rotation>,
    responses((status = 200, description = "The new secret", body = RotationAnswer), (status = 409, description = "The configuration file declares it", body = crate::error::ErrorAnswer), Refusals, BodyRefusals)
)]
pub(super) async fn rotate(
    State(api): State<Shared>,
    InProject(project): InProject,
    Named(id): Named<EndpointId>,
    OptionalBody(mut body): OptionalBody,
) -> Answer<RotationAnswer> {
    let overlap = body.integer("overlap_seconds", OVERLAP_SECONDS_MAX)?.unwrap_or(OVERLAP_SECONDS_DEFAULT);
    body.finish()?;
    let secret = SigningSecret::generate();
    let shown = secret.secret.reveal().clone();
    let (until, public_key) = change(&api, move |api| async move {
        let now = ambient::now();
        let endpoint = api.state.store.endpoint(project, id).await?;
        let live = |secret: &&SigningSecret| !secret.is_private() && secret.expires_at.is_none_or(|until| until > now);
        let signing = endpoint.secrets.iter().filter(live).count();
        if overlap > 0 && signing >= SECRETS_MAX {
            return Err(ApiError::LimitReached {
                message: format!("{signing} secrets sign for this webhook, which is the limit"),
                hint: "wait until one expires, or rotate with `overlap_seconds` 0 to stop them all",
            });
        }
        let until = now.after(Duration::from_secs(overlap));
        let mut secrets = vec![secret];
        if endpoint.signature == SignatureProfile::Ed25519 {
            secrets.push(SigningSecret::generate_private());
        }
        let public_key = secrets.iter().find_map(SigningSecret::public_key);
        api.state.store.rotate_secret(project, id, secrets, until, now).await?;
        Ok((until, public_key))
    })
    .await?;
    Ok(Json(RotationAnswer { secret: shown, public_key, previous_until: list::time(until) }))
}
