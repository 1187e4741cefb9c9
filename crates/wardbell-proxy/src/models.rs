//! `GET /v1/models` and `/v1/models/{id}`: the models that the project's providers offer, by the price table
//! (`spec/wire-aisg.md` 1.11).

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};
use wardbell_core::outcome::Outcome;
use wardbell_llm::models::{self, Capability, ModelInfo};
use wardbell_store::directory::ProjectView;

use crate::answer::AnswerBody;
use crate::edge::Edge;
use crate::flight::Flight;
use crate::gateway::Gateway;
use crate::pipeline::{admit, refuse};
use crate::refused::Refused;
use crate::respond;

/// How much of a model's name is told back.
const MODEL_CHARS_MAX: usize = 128;

/// `GET /v1/models`, with the filters `family`, `capability` and `provider`.
pub(crate) async fn list(gateway: &Gateway, request: &Request<Incoming>) -> Response<AnswerBody> {
    let (flight, project, _) = match admit(gateway, request.headers(), Edge::Gateway, "models").await {
        Ok(admitted) => admitted,
        Err(told) => return told,
    };
    let Filter { family, capability, provider } = match filter(request.uri().query().unwrap_or_default()) {
        Ok(filter) => filter,
        Err(refused) => return refuse(flight, &refused).await,
    };
    let found = models::filter(offered(&project), family.as_deref(), capability, provider.as_deref());
    told(flight, &json!({"object": "list", "data": found}))
}

/// `GET /v1/models/{id}`; an id may have slashes, plain or encoded.
pub(crate) async fn one(gateway: &Gateway, request: &Request<Incoming>, id: &str) -> Response<AnswerBody> {
    let (flight, project, _) = match admit(gateway, request.headers(), Edge::Gateway, "models").await {
        Ok(admitted) => admitted,
        Err(told) => return told,
    };
    let id = percent_encoding::percent_decode_str(id).decode_utf8_lossy();
    match offered(&project).into_iter().find(|model| model.id == id) {
        Some(model) => told(flight, &json!(model)),
        None => refuse(flight, &Refused::NoModel { model: id.chars().take(MODEL_CHARS_MAX).collect() }).await,
    }
}

fn offered(project: &ProjectView) -> Vec<ModelInfo> {
    let providers: Vec<_> = project.providers.iter().map(|provider| (provider.name.as_str(), provider.kind)).collect();
    models::list(&providers)
}

fn told(flight: Flight, body: &Value) -> Response<AnswerBody> {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let bytes = Bytes::from(body.to_string());
    respond::serve(flight, StatusCode::OK, headers, |flight| AnswerBody::whole(bytes, flight, Outcome::Served))
}

/// What a caller wants of the list; what it does not say fits.
#[derive(Default)]
struct Filter {
    family: Option<String>,
    capability: Option<Capability>,
    provider: Option<String>,
}

fn filter(query: &str) -> Result<Filter, Refused> {
    let mut filter = Filter::default();
    for (name, value) in form(query) {
        match name.as_str() {
            "family" => filter.family = Some(value),
            "provider" => filter.provider = Some(value),
            "capability" => {
                let must = "vision, tools, json_mode or reasoning";
                let known = Capability::from_name(&value).ok_or(Refused::Field { field: "capability", must })?;
                filter.capability = Some(known);
            }
            // Clients of OpenAI may send parameters of their own.
            _ => {}
        }
    }
    Ok(filter)
}

/// The pairs of a query, decoded.
fn form(query: &str) -> impl Iterator<Item = (String, String)> {
    url::form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name.into_owned(), value.into_owned()))
}
