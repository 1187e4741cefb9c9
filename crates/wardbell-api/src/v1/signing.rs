//! The keys that sign deliveries: making, taking and rotating them.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use utoipa::ToSchema;
use wardbell_core::id::EndpointId;
use wardbell_core::secret::Secret;
use wardbell_store::endpoint::SigningSecret;
use wardbell_telemetry::ambient;

use super::change::change;
use super::openapi::{BodyRefusals, Refusals};
use super::{Answer, list};
use crate::Shared;
use crate::error::{ApiError, FieldError};
use crate::extract::{InProject, Named, OptionalBody};
use crate::fields::Fields;

/// What every secret starts with (`spec/decisions.md`, Signatures; Standard Webhooks).
const SECRET_PREFIX: &str = "whsec_";

/// The fewest bytes of an operator's own secret.
const SECRET_BYTES_MIN: usize = 16;

/// The most bytes of an operator's own secret.
const SECRET_BYTES_MAX: usize = 256;

/// How long a secret that was rotated out keeps signing, unless told otherwise: a day, in seconds.
const OVERLAP_SECONDS_DEFAULT: u64 = 86_400;

/// The longest overlap: a week, in seconds.
const OVERLAP_SECONDS_MAX: u64 = 604_800;

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
    /// Until when the secret before it signs as well.
    #[schema(format = DateTime)]
    previous_until: String,
}

/// Makes a secret.
pub(super) fn generate() -> Secret<String> {
    SigningSecret::generate().secret
}

/// Takes the operator's own secret, if the body has one.
pub(super) fn read_own(body: &mut Fields) -> Result<Option<Secret<String>>, FieldError> {
    let Some(secret) = body.text("secret")? else {
        return Ok(None);
    };
    let bytes = secret.strip_prefix(SECRET_PREFIX).and_then(|encoded| STANDARD.decode(encoded).ok());
    if bytes.is_some_and(|bytes| (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&bytes.len())) {
        Ok(Some(Secret::new(secret)))
    } else {
        Err(body.invalid(
            "secret",
            format!("must be `{SECRET_PREFIX}` and standard base64 of {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes"),
        ))
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
    responses((status = 200, description = "The new secret", body = RotationAnswer), Refusals, BodyRefusals)
)]
pub(super) async fn rotate(
    State(api): State<Shared>,
    InProject(project): InProject,
    Named(id): Named<EndpointId>,
    OptionalBody(mut body): OptionalBody,
) -> Answer<RotationAnswer> {
    let overlap = body.integer("overlap_seconds", OVERLAP_SECONDS_MAX)?.unwrap_or(OVERLAP_SECONDS_DEFAULT);
    body.finish()?;
    let secret = generate();
    let shown = secret.reveal().clone();
    let until = change(&api, move |api| async move {
        let now = ambient::now();
        let signing = api.state.store.endpoint(project, id).await?.secrets;
        let signing = signing.iter().filter(|secret| secret.expires_at.is_none_or(|until| until > now)).count();
        if overlap > 0 && signing >= SECRETS_MAX {
            return Err(ApiError::LimitReached {
                message: format!("{signing} secrets sign for this webhook, which is the limit"),
                hint: "wait until one expires, or rotate with `overlap_seconds` 0 to stop them all",
            });
        }
        let until = now.after(Duration::from_secs(overlap));
        let secret = SigningSecret { secret, expires_at: None };
        api.state.store.rotate_secret(project, id, secret, until, now).await?;
        Ok(until)
    })
    .await?;
    Ok(Json(RotationAnswer { secret: shown, previous_until: list::time(until) }))
}
