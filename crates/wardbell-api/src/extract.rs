//! What a handler takes from a request: a strict JSON body, a strict query, a project, an id of the path.

use std::str::FromStr;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};
use wardbell_core::id::{AlertId, DeliveryId, EndpointId, KeyId, ProjectId, SilenceId};

use crate::Shared;
use crate::error::{ApiError, FieldError};
use crate::fields::Fields;
use crate::json::Unique;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The body of a call that needs one: a JSON object.
pub(crate) struct Body(pub(crate) Fields);

/// The body of a call that can do without: no bytes read as an empty object.
pub(crate) struct OptionalBody(pub(crate) Fields);

impl FromRequest<Shared> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Shared) -> Result<Self, ApiError> {
        let (headers, bytes) = receive(request, api).await?;
        object(&headers, &bytes).map(Self)
    }
}

impl FromRequest<Shared> for OptionalBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Shared) -> Result<Self, ApiError> {
        let (headers, bytes) = receive(request, api).await?;
        if bytes.is_empty() { Ok(Self(Fields::new(Map::new()))) } else { object(&headers, &bytes).map(Self) }
    }
}

async fn receive(request: Request, api: &Shared) -> Result<(HeaderMap, Bytes), ApiError> {
    let headers = request.headers().clone();
    let bytes = tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, api))
        .await
        .map_err(|_| ApiError::BodyTooSlow)?
        .map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => ApiError::BodyTooLarge(api.state.body_bytes_max),
            // The caller broke off in the middle: what came is no JSON text, and nobody reads the answer.
            _ => ApiError::Malformed { line: 1, column: 1 },
        })?;
    Ok((headers, bytes))
}

fn object(headers: &HeaderMap, bytes: &[u8]) -> Result<Fields, ApiError> {
    if !is_json(headers) {
        return Err(ApiError::NotJson);
    }
    // Depth is bounded by serde_json's own limit of 128 levels.
    match serde_json::from_slice(bytes) {
        Ok(Unique(Value::Object(values))) => Ok(Fields::new(values)),
        Ok(Unique(_)) => Err(FieldError::invalid("body", "must be a JSON object").into()),
        Err(error) => Err(ApiError::Malformed { line: error.line(), column: error.column() }),
    }
}

/// Whether the body is declared as `application/json`, whatever its parameters.
fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// The query of a call; every value is text.
pub(crate) struct Query(pub(crate) Fields);

impl FromRequestParts<Shared> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, ApiError> {
        let mut values = Map::new();
        for (name, value) in url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
            if values.insert(name.clone().into_owned(), Value::String(value.into_owned())).is_some() {
                return Err(FieldError::invalid(name, "is given twice").into());
            }
        }
        Ok(Self(Fields::new(values)))
    }
}

/// A part of the path.
trait PathPart: FromStr {
    /// Its name in the route.
    const PARAMETER: &'static str;
    /// What it names, for a 404.
    const NOUN: &'static str;
}

macro_rules! path_parts {
    ($($id:ty = $parameter:literal, $noun:literal;)*) => {$(
        impl PathPart for $id {
            const PARAMETER: &'static str = $parameter;
            const NOUN: &'static str = $noun;
        }
    )*};
}

path_parts! {
    ProjectId = "project", "project";
    KeyId = "key", "key";
    EndpointId = "webhook", "webhook";
    AlertId = "alert", "alert";
    DeliveryId = "delivery", "delivery";
    SilenceId = "silence", "silence";
    String = "name", "provider";
}

/// The project that the path names, which exists.
pub(crate) struct InProject(pub(crate) ProjectId);

impl FromRequestParts<Shared> for InProject {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> Result<Self, ApiError> {
        let id: ProjectId = path_part(parts, api).await?;
        if api.state.directory.current().projects.contains_key(&id) {
            Ok(Self(id))
        } else {
            Err(ApiError::NotFound(ProjectId::NOUN))
        }
    }
}

/// Another part of the path. Text that is no id of the kind is an id of nothing: 404.
pub(crate) struct Named<T>(pub(crate) T);

impl<T: PathPart + Send> FromRequestParts<Shared> for Named<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> Result<Self, ApiError> {
        path_part(parts, api).await.map(Self)
    }
}

async fn path_part<T: PathPart>(parts: &mut Parts, api: &Shared) -> Result<T, ApiError> {
    let params = RawPathParams::from_request_parts(parts, api).await.map_err(|_| ApiError::NotFound(T::NOUN))?;
    params
        .iter()
        .find(|(name, _)| *name == T::PARAMETER)
        .and_then(|(_, text)| text.parse().ok())
        .ok_or(ApiError::NotFound(T::NOUN))
}
