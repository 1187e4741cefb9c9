//! Keys: the list, a new one, which is shown once, and their end.

use axum::Extension;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use crate::client::{Refusal, piece, query};
use crate::desk::{self, Desk};
use crate::door::is_tls;
use crate::form::Form;
use crate::parts::{self, Field, empty};
use crate::text::{Shown, plain};
use crate::trouble::Trouble;
use crate::wire::{Key, List, NewKey};

pub(super) async fn list(desk: Desk) -> Result<Markup, Trouble> {
    page(&desk, &Form::default(), None).await
}

async fn page(desk: &Desk, form: &Form, refusal: Option<&Refusal>) -> Result<Markup, Trouble> {
    let keys: List<Key> = desk.get("/keys").await?;
    let frame = &desk.frame;
    let base = frame.base();
    let rows = html! {
        @for key in &keys.data {
            tr {
                td data-label="Name" { (Shown(&key.name)) @if let Some(user) = &key.user_id { br; span.dim { "for " (Shown(user)) } } }
                td data-label="Key" { code { (key.hint) "…" } }
                td data-label="Last used" { (parts::time_or(key.last_used_at.as_deref(), "never")) }
                td data-label="Made" { (parts::time(&key.created_at)) }
                td data-label="Actions" { div.row {
                    a href=(format!("{base}/activity{}", query([("key", key.id.as_str())]))) aria-label=(format!("Activity of {}", plain(&key.name))) { "Activity" }
                    (parts::confirmed(frame, &format!("revoke-{}", key.id), "Revoke", &format!("{base}/keys/{}/revoke", key.id), &html! {
                        p { "Revoke the key " b { (Shown(&key.name)) } "? Whoever uses it is refused from then on." }
                    }))
                } }
            }
        }
    };
    let fields = ["name", "user_id", "budget_usd"];
    let body = html! {
        h1 { "Keys" }
        p.lead { "What applications present to Wardbell, in place of a provider's key." }
        @if keys.data.is_empty() { (empty("There is no key", &html! { p { "Make one below; it is shown once." } })) }
        @else { (parts::table("Keys", &["Name", "Key", "Last used", "Made", "Actions"], &rows)) }
        section.panel {
            h2 { "New key" }
            (parts::refused(refusal, &fields))
            form.narrow method="post" action=(format!("{base}/keys")) {
                (frame.token())
                (Field { name: "name", label: "Name", help: html! { "What uses it, such as an application and its stage." }, refusal }.line(form.raw("name"), "text", true))
                (Field { name: "user_id", label: "End user", help: html! { "If it is for one person or tenant; alerts and budgets tell them apart by it." }, refusal }.line(form.raw("user_id"), "text", false))
                (Field { name: "budget_usd", label: "Budget, in dollars", help: html! { "What this key may spend in all. Empty is no limit of its own." }, refusal }.line(form.raw("budget_usd"), "text", false))
                button.primary type="submit" { "Make key" }
            }
        }
    };
    Ok(frame.page("Keys", &body))
}

pub(super) async fn create(
    desk: Desk,
    Extension(form): Extension<Form>,
    headers: HeaderMap,
) -> Result<Response, Trouble> {
    let mut body = Map::new();
    body.insert("name".to_owned(), json!(form.text("name")));
    if !form.text("user_id").is_empty() {
        body.insert("user_id".to_owned(), json!(form.text("user_id")));
    }
    body.insert("budget_usd".to_owned(), form.number("budget_usd"));
    let made: Result<NewKey, Refusal> = desk.app.api.post(&desk.path("/keys"), &Value::Object(body)).await;
    let made = match made {
        Ok(made) => made,
        Err(refusal) => return Ok(desk::again(&refusal, page(&desk, &form, Some(&refusal)).await?)),
    };
    let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1:8787");
    let origin = format!("{}://{host}", if is_tls(&headers) { "https" } else { "http" });
    let body = html! {
        p.crumb { a href=(desk.path("/keys")) { "Keys" } }
        h1 { "The key " (Shown(&made.kept.name)) " is ready" }
        section.panel {
            p { b { "Copy it now; it is not shown again." } }
            (parts::copyable("Key", &made.key))
            h2 { "Try it" }
            (parts::code("A request with curl", &format!(
                "curl {origin}/v1/chat/completions \\\n  -H 'Authorization: Bearer {}' \\\n  -H 'Content-Type: application/json' \\\n  -d '{{\"model\":\"echo\",\"messages\":[{{\"role\":\"user\",\"content\":\"My card is 4111 1111 1111 1111\"}}]}}'",
                made.key
            )))
            p.dim { "Existing clients need only a new base URL: " code { (origin) "/v1" } "." }
        }
        p { a.button href=(desk.path("/keys")) { "To the keys" } }
    };
    Ok(desk.frame.page("The key is ready", &body).into_response())
}

pub(super) async fn revoke(desk: Desk, Path((_, key)): Path<(String, String)>) -> Result<Response, Trouble> {
    desk.app.api.delete(&desk.path(&format!("/keys/{}", piece(&key)))).await?;
    Ok(desk.lead("/keys", "key-revoked"))
}
