//! Providers that a project forwards to.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use wardbell_core::provider::ProviderKind;
use wardbell_core::secret::Secret;
use wardbell_store::provider::Provider;
use wardbell_telemetry::ambient;

use super::change::change;
use super::list::{self, List, PageParams};
use super::openapi::{BodyRefusals, Refusals};
use super::{Answer, Done};
use crate::destination;
use crate::error::{ApiError, FieldError};
use crate::extract::{Body, InProject, Named, Query};
use crate::fields::{Fields, Given};
use crate::{ProviderSeen, Shared};

/// The built-in provider that needs no account.
const BUILT_IN: &str = "echo";

/// The longest name of a provider, in characters.
const NAME_CHARS_MAX: usize = 64;

/// The longest key of a provider, in bytes: header values past 8 KiB are refused by most servers.
const API_KEY_BYTES_MAX: usize = 4096;

/// The longest name of an environment variable, in characters.
const VARIABLE_CHARS_MAX: usize = 128;

/// What Wardbell's own variables start with. Some are secrets, and no provider may be sent one.
const OWN_VARIABLES: &str = "WARDBELL_";

/// A provider; its key is never shown.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProviderAnswer {
    /// Its name within the project.
    name: String,
    /// Whose API it has.
    kind: &'static str,
    /// Where it is.
    base_url: String,
    /// Whether a key is stored for it.
    api_key_set: bool,
    /// The environment variable that holds its key.
    api_key_env: Option<String>,
    /// The provider that is tried when this one cannot be reached or fails before the first byte of its answer.
    fallback: Option<String>,
    /// Whether it takes the calls that name no provider.
    default: bool,
    /// When it was last set.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Provider> for ProviderAnswer {
    fn from(provider: Provider) -> Self {
        let Provider { name, kind, base_url, api_key, api_key_env, fallback, is_default, updated_at } = provider;
        Self {
            name,
            kind: kind.as_str(),
            base_url,
            api_key_set: api_key.is_some(),
            api_key_env,
            fallback,
            default: is_default,
            updated_at: list::time(updated_at),
        }
    }
}

/// A provider's settings.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `read` reads it")]
pub(crate) struct ProviderBody {
    /// Whose API it has: `openai`, `anthropic`, `gemini`, `cohere`, `openrouter`, `perplexity`, `mistral`, `groq`,
    /// `deepseek`, `together`, `xai`, `fireworks`, `anyscale`, `huggingface`, `azure`, `bedrock`, `vertex-ai`, `deepinfra`,
    /// or `custom` for any server that speaks OpenAI's. The default is the name, if it is one, or `openai`.
    kind: Option<String>,
    /// Where it is; the default is the vendor's own service. `azure`, `bedrock`, `vertex-ai` and `custom` have none: it must
    /// be given. Without a path, the kind's usual one (such as `/v1`) is added.
    #[schema(example = "https://api.openai.com/v1")]
    base_url: Option<String>,
    /// The key that it wants. Left out, a stored key stays as long as `base_url` does; null removes it.
    #[schema(write_only, max_length = 4096)]
    api_key: Option<String>,
    /// The environment variable that holds the key, instead.
    #[schema(pattern = "^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
    api_key_env: Option<String>,
    /// Another provider of the project, by name, to try when this one cannot be reached or fails before the first byte of
    /// its answer. Left out or null, there is none.
    fallback: Option<String>,
    /// Whether it takes the calls that name no provider; setting it takes that from any other. The default is false.
    default: Option<bool>,
}

/// What the body says about the key.
enum KeyChange {
    /// Nothing: the stored one stays, if it may.
    Keep,
    /// There is none.
    Remove,
    /// This one.
    Set(Secret<String>),
}

/// Sets a provider, in place of one of the same name.
#[utoipa::path(
    put, path = "/api/v1/projects/{project}/providers/{name}", tag = "providers", operation_id = "put_provider",
    params(
        ("project" = String, Path, description = "The project's id"),
        ("name" = String, Path, description = "The provider's name: `[a-z0-9][a-z0-9_-]{0,63}`, not `echo`")
    ),
    request_body = ProviderBody,
    responses((status = 200, description = "The provider", body = ProviderAnswer), Refusals, BodyRefusals)
)]
pub(super) async fn put(
    State(api): State<Shared>,
    InProject(project): InProject,
    Named(name): Named<String>,
    Body(body): Body,
) -> Answer<ProviderAnswer> {
    check_name(&name)?;
    let (provider, key) = read(&api, name, body)?;
    destination::covered("base_url", &provider.base_url, &api.state.egress).await?;
    let provider = change(&api, move |api| async move {
        let stored = api.state.store.providers(project).await?;
        check_fallback(&provider, &stored)?;
        let provider = match key {
            KeyChange::Set(key) => Provider { api_key: Some(key), ..provider },
            KeyChange::Remove => provider,
            KeyChange::Keep => keep_key(provider, stored)?,
        };
        api.state.store.put_provider(project, provider.clone(), false).await?;
        Ok(provider)
    })
    .await?;
    Ok(Json(ProviderAnswer::from(provider)))
}

/// Gives `provider` the key stored under its name. A stored key never goes to a new place unasked.
fn keep_key(provider: Provider, stored: Vec<Provider>) -> Result<Provider, ApiError> {
    let stored = stored.into_iter().find(|stored| stored.name == provider.name);
    let Some(stored) = stored.filter(|stored| stored.api_key.is_some()) else {
        return Ok(provider);
    };
    if stored.base_url != provider.base_url {
        return Err(FieldError::invalid(
            "api_key",
            "must be given again when `base_url` changes (null stores none): a stored key is never sent to a new place",
        )
        .into());
    }
    Ok(Provider { api_key: stored.api_key, ..provider })
}

/// Refuses a fallback that the project does not have.
fn check_fallback(provider: &Provider, stored: &[Provider]) -> Result<(), FieldError> {
    let Some(fallback) = &provider.fallback else {
        return Ok(());
    };
    if stored.iter().any(|stored| stored.name == *fallback) {
        return Ok(());
    }
    let others: Vec<_> =
        stored.iter().map(|stored| stored.name.as_str()).filter(|name| *name != provider.name).collect();
    let known = if others.is_empty() { "there is no other yet".to_owned() } else { others.join(", ") };
    Err(FieldError::invalid("fallback", format!("must be a provider of this project: {known}")))
}

fn read(api: &Shared, name: String, mut body: Fields) -> Result<(Provider, KeyChange), ApiError> {
    let kind = read_kind(&mut body)?.or_else(|| ProviderKind::from_name(&name)).unwrap_or(ProviderKind::OpenAi);
    let Some(base_url) = body.text("base_url")?.or_else(|| kind.default_base_url().map(str::to_owned)) else {
        let message =
            format!("must be given for `{}`, which has no address of its own: {}", kind.as_str(), example(kind));
        return Err(body.invalid("base_url", message).into());
    };
    let base_url = destination::base_url("base_url", &base_url, kind.prefix(), api.state.egress.policy())?;
    let fallback = body.text("fallback")?;
    if fallback.as_ref() == Some(&name) {
        return Err(body.invalid("fallback", "must be another provider than this one").into());
    }
    let is_default = body.boolean("default")?.unwrap_or(false);
    let api_key_env = read_variable(&mut body)?;
    let key = match (body.nullable("api_key"), &api_key_env) {
        (Given::Absent, None) => KeyChange::Keep,
        (Given::Absent | Given::Null, _) => KeyChange::Remove,
        (Given::Value(_), Some(_)) => {
            return Err(body.invalid("api_key", "and `api_key_env` exclude each other").into());
        }
        (Given::Value(Value::String(key)), None) if is_header_text(&key) => KeyChange::Set(Secret::new(key)),
        (Given::Value(_), None) => {
            let message = format!("must be 1 to {API_KEY_BYTES_MAX} visible ASCII characters");
            return Err(body.invalid("api_key", message).into());
        }
    };
    body.finish()?;
    let updated_at = ambient::now();
    Ok((Provider { name, kind, base_url, api_key: None, api_key_env, fallback, is_default, updated_at }, key))
}

fn read_kind(body: &mut Fields) -> Result<Option<ProviderKind>, FieldError> {
    let Some(text) = body.text("kind")? else {
        return Ok(None);
    };
    let kind = ProviderKind::from_name(&text);
    kind.map(Some).ok_or_else(|| {
        let words: Vec<_> = ProviderKind::ALL.iter().map(|kind| kind.as_str()).collect();
        body.invalid("kind", format!("must be one of: {}", words.join(", ")))
    })
}

/// What a base URL of a kind looks like.
const fn example(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::Azure => "such as https://RESOURCE.openai.azure.com",
        ProviderKind::Bedrock => "such as https://bedrock-runtime.REGION.amazonaws.com",
        ProviderKind::VertexAi => {
            "such as https://REGION-aiplatform.googleapis.com/v1/projects/PROJECT/locations/REGION/endpoints/openapi"
        }
        ProviderKind::OpenAi
        | ProviderKind::Anthropic
        | ProviderKind::Gemini
        | ProviderKind::Cohere
        | ProviderKind::OpenRouter
        | ProviderKind::Perplexity
        | ProviderKind::Mistral
        | ProviderKind::Groq
        | ProviderKind::DeepSeek
        | ProviderKind::Together
        | ProviderKind::XAi
        | ProviderKind::Fireworks
        | ProviderKind::Anyscale
        | ProviderKind::HuggingFace
        | ProviderKind::DeepInfra
        | ProviderKind::Custom => "such as https://llm.example.com/v1",
    }
}

fn is_header_text(key: &str) -> bool {
    (1..=API_KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
}

fn read_variable(body: &mut Fields) -> Result<Option<String>, FieldError> {
    let Some(name) = body.text("api_key_env")? else {
        return Ok(None);
    };
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let goes_on_well = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !starts_well || !goes_on_well || name.len() > VARIABLE_CHARS_MAX {
        return Err(body.invalid("api_key_env", "must be the name of an environment variable"));
    }
    if name.to_ascii_uppercase().starts_with(OWN_VARIABLES) {
        return Err(body.invalid("api_key_env", "must not be a variable of Wardbell's own"));
    }
    Ok(Some(name))
}

fn check_name(name: &str) -> Result<(), FieldError> {
    let letters = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
    let start = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    if !letters || !start || name.len() > NAME_CHARS_MAX {
        let message = "must start with a letter or digit and have 1 to 64 of: a-z, 0-9, `_`, `-`";
        return Err(FieldError::invalid("name", message));
    }
    if name == BUILT_IN {
        return Err(FieldError::invalid("name", "must not be `echo`, which is built in"));
    }
    Ok(())
}

/// Lists a project's providers by name.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/providers", tag = "providers", operation_id = "list_providers",
    params(("project" = String, Path, description = "The project's id"), PageParams),
    responses((status = 200, description = "Providers", body = List<ProviderAnswer>), Refusals)
)]
pub(super) async fn list(
    State(api): State<Shared>,
    InProject(project): InProject,
    Query(query): Query,
) -> Answer<List<ProviderAnswer>> {
    let page = list::settings::<String>(query)?;
    let providers = api.state.store.providers(project).await?;
    Ok(Json(List::of_settings(providers, &page, |provider| provider.name.clone(), ProviderAnswer::from)))
}

/// Shows a provider.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/providers/{name}", tag = "providers", operation_id = "get_provider",
    params(
        ("project" = String, Path, description = "The project's id"),
        ("name" = String, Path, description = "The provider's name")
    ),
    responses((status = 200, description = "The provider", body = ProviderAnswer), Refusals)
)]
pub(super) async fn show(
    State(api): State<Shared>,
    InProject(project): InProject,
    Named(name): Named<String>,
) -> Answer<ProviderAnswer> {
    let providers = api.state.store.providers(project).await?;
    let provider = providers.into_iter().find(|provider| provider.name == name);
    Ok(Json(ProviderAnswer::from(provider.ok_or(ApiError::NotFound("provider"))?)))
}

/// What came of a test.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProviderTestAnswer {
    /// Whether it answered and took the key.
    ok: bool,
    /// The status that it answered, if it did.
    status: Option<u16>,
    /// How long it took, in milliseconds.
    duration_ms: f64,
    /// What is wrong.
    error: Option<String>,
    /// How many models it listed, where it did.
    models: Option<u64>,
}

/// Asks a provider for its list of models, which costs nothing: whether it can be reached and takes its key.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/providers/{name}/test", tag = "providers", operation_id = "test_provider",
    params(
        ("project" = String, Path, description = "The project's id"),
        ("name" = String, Path, description = "The provider's name")
    ),
    responses((status = 200, description = "What came of it", body = ProviderTestAnswer), Refusals)
)]
pub(super) async fn test(
    State(api): State<Shared>,
    InProject(project): InProject,
    Named(name): Named<String>,
) -> Answer<ProviderTestAnswer> {
    let providers = api.state.store.providers(project).await?;
    let provider = providers.into_iter().find(|provider| provider.name == name);
    let provider = provider.ok_or(ApiError::NotFound("provider"))?;
    let ProviderSeen { status, duration, error, models } = api.state.probes.checkup(&provider).await;
    Ok(Json(ProviderTestAnswer { ok: error.is_none(), status, duration_ms: list::millis(duration), error, models }))
}

/// Removes a provider.
#[utoipa::path(
    delete, path = "/api/v1/projects/{project}/providers/{name}", tag = "providers", operation_id = "delete_provider",
    params(
        ("project" = String, Path, description = "The project's id"),
        ("name" = String, Path, description = "The provider's name")
    ),
    responses((status = 204, description = "It is gone"), Refusals)
)]
pub(super) async fn remove(
    State(api): State<Shared>,
    InProject(project): InProject,
    Named(name): Named<String>,
) -> Done {
    change(&api, move |api| async move { Ok(api.state.store.delete_provider(project, &name).await?) }).await?;
    Ok(StatusCode::NO_CONTENT)
}
