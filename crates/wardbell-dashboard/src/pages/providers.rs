//! Providers: the list, a new one or a change of one, a test, their end.

use axum::Extension;
use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::{Map, Value, json};
use wardbell_core::provider::ProviderKind;

use crate::client::{Refusal, piece};
use crate::desk::{self, Desk};
use crate::form::Form;
use crate::page::Frame;
use crate::parts::{self, Field, empty, tick};
use crate::text::Shown;
use crate::trouble::Trouble;
use crate::wire::{List, Provider, ProviderTest};

const FIELDS: &[&str] = &["name", "kind", "base_url", "api_key", "api_key_env", "fallback", "default"];

/// What the form holds.
#[derive(Default)]
struct Draft {
    name: String,
    kind: String,
    base_url: String,
    api_key_env: String,
    fallback: String,
    default: bool,
    /// Whether it is there already, so that its name stays and its key may.
    is_known: bool,
}

impl Draft {
    fn of_form(form: &Form) -> Self {
        let text = |name: &str| form.text(name).to_owned();
        Self {
            name: text("name"),
            kind: text("kind"),
            base_url: text("base_url"),
            api_key_env: text("api_key_env"),
            fallback: text("fallback"),
            default: form.is_on("default"),
            is_known: form.is_on("known"),
        }
    }
}

impl From<&Provider> for Draft {
    fn from(provider: &Provider) -> Self {
        Self {
            name: provider.name.clone(),
            kind: provider.kind.clone(),
            base_url: provider.base_url.clone(),
            api_key_env: provider.api_key_env.clone().unwrap_or_default(),
            fallback: provider.fallback.clone().unwrap_or_default(),
            default: provider.default,
            is_known: true,
        }
    }
}

pub(super) async fn list(desk: Desk) -> Result<Markup, Trouble> {
    page(&desk, &Draft::default(), None).await
}

pub(super) async fn edit(desk: Desk, Path((_, name)): Path<(String, String)>) -> Result<Markup, Trouble> {
    let provider: Provider = desk.get(&format!("/providers/{}", piece(&name))).await?;
    page(&desk, &Draft::from(&provider), None).await
}

async fn page(desk: &Desk, draft: &Draft, refusal: Option<&Refusal>) -> Result<Markup, Trouble> {
    let providers: List<Provider> = desk.get("/providers").await?;
    let frame = &desk.frame;
    let base = frame.base();
    let rows = html! {
        @for provider in &providers.data { @let path = format!("{base}/providers/{}", provider.name); @let outcome = format!("test-{}", provider.name);
            tr {
                td data-label="Name" { a href=(path) { (provider.name) } @if provider.default { " " (parts::badge("info", "default")) } br; span.dim { (provider.kind) } }
                td data-label="Address" { code { (Shown(&provider.base_url)) } }
                td data-label="Key" { @match (&provider.api_key_env, provider.api_key_set) {
                    (Some(variable), _) => { "in " code { (Shown(variable)) } },
                    (None, true) => "stored",
                    (None, false) => "none",
                } }
                td data-label="Falls back to" { @match &provider.fallback { Some(other) => (other), None => span.dim { "–" } } }
                td data-label="Set" { (parts::time(&provider.updated_at)) }
                td data-label="Actions" { div {
                    div.row {
                        button type="button" hx-post=(format!("{path}/test")) hx-target=(format!("#{outcome}")) hx-disabled-elt="this" aria-label=(format!("Test {}", provider.name)) { "Test" }
                        (parts::confirmed(frame, &format!("delete-{}", provider.name), "Delete", &format!("{path}/delete"), &html! {
                            p { "Delete the provider " b { (provider.name) } "? Requests that name it are refused from then on." }
                        }))
                    }
                    div id=(outcome) aria-live="polite" {}
                } }
            }
        }
    };
    let body = html! {
        h1 { "Providers" }
        p.lead { "Where requests go once the policy has let them through." }
        @if providers.data.is_empty() {
            (empty("No provider is set", &html! { p { "The built-in " code { "echo" } " answers with the caller's own words until there is one." } }))
        } @else { (parts::table("Providers", &["Name", "Address", "Key", "Falls back to", "Set", "Actions"], &rows)) }
        section.panel #form {
            h2 { @if draft.is_known { "Change " (Shown(&draft.name)) } @else { "Add provider" } }
            (parts::refused(refusal, FIELDS))
            (form_of(frame, draft, &providers.data, refusal))
        }
    };
    Ok(frame.page("Providers", &body))
}

fn form_of(frame: &Frame, draft: &Draft, providers: &[Provider], refusal: Option<&Refusal>) -> Markup {
    let mut kinds = vec![("", "As the name says, or OpenAI's")];
    kinds.extend(ProviderKind::ALL.iter().map(|kind| (kind.as_str(), kind.as_str())));
    let mut others = vec![("", "None")];
    others.extend(
        providers
            .iter()
            .filter(|provider| provider.name != draft.name)
            .map(|provider| (provider.name.as_str(), provider.name.as_str())),
    );
    html! {
        form method="post" action=(format!("{}/providers", frame.base())) {
            (frame.token())
            @if draft.is_known {
                input type="hidden" name="name" value=(draft.name);
                input type="hidden" name="known" value="1";
            } @else {
                (Field { name: "name", label: "Name", refusal, help: html! { "Such as " code { "openai" } " or " code { "anthropic" } "; callers may name it in " code { "x-provider" } "." } }.line(&draft.name, "text", true))
            }
            (Field { name: "kind", label: "Kind", refusal, help: html! { "Whose API it has. " code { "custom" } " is any server that speaks OpenAI's." } }.choice(&draft.kind, &kinds))
            (Field { name: "base_url", label: "Base URL", refusal, help: html! { "Empty is the vendor's own address. Azure, Bedrock, Vertex AI and custom need one." } }.line(&draft.base_url, "url", false))
            (Field { name: "api_key", label: "API key", refusal, help: html! { @if draft.is_known { "Leave empty to keep the stored one. " } "Stored encrypted and never shown again." } }
                .with(|id, help| html! { input id=(id) name="api_key" type="password" autocomplete="off" aria-describedby=(help); }))
            (Field { name: "api_key_env", label: "Or a variable that holds the key", refusal, help: html! { "Read from Wardbell's environment at each call, such as " code { "OPENAI_API_KEY" } "." } }.line(&draft.api_key_env, "text", false))
            (Field { name: "fallback", label: "Fall back to", refusal, help: html! { "Tried when this one cannot be reached or fails before its first byte." } }.choice(&draft.fallback, &others))
            (tick("default", "1", draft.default, &html! { "Takes the calls that name no provider" }))
            div.row {
                button.primary type="submit" { "Save provider" }
                @if draft.is_known { a.button href=(format!("{}/providers", frame.base())) { "Cancel" } }
            }
        }
    }
}

pub(super) async fn save(desk: Desk, Extension(form): Extension<Form>) -> Result<Response, Trouble> {
    let draft = Draft::of_form(&form);
    let mut body = Map::new();
    for name in ["kind", "base_url", "api_key", "api_key_env", "fallback"] {
        if !form.text(name).is_empty() {
            body.insert(name.to_owned(), json!(form.text(name)));
        }
    }
    body.insert("default".to_owned(), json!(draft.default));
    if draft.name.is_empty() {
        let refusal = Refusal::of_field("name", "A name is needed");
        return Ok(desk::again(&refusal, page(&desk, &draft, Some(&refusal)).await?));
    }
    let path = desk.path(&format!("/providers/{}", piece(&draft.name)));
    let saved: Result<Provider, Refusal> = desk.app.api.put(&path, &Value::Object(body)).await;
    match saved {
        Ok(_) => Ok(desk.lead("/providers", "provider-saved")),
        Err(refusal) => Ok(desk::again(&refusal, page(&desk, &draft, Some(&refusal)).await?)),
    }
}

pub(super) async fn test(desk: Desk, Path((_, name)): Path<(String, String)>) -> Result<Markup, Trouble> {
    let path = desk.path(&format!("/providers/{}/test", piece(&name)));
    let outcome: ProviderTest = desk.app.api.post(&path, &json!({})).await?;
    let ProviderTest { ok, status, duration_ms, error, models } = outcome;
    Ok(html! {
        div class=(if ok { "outcome good" } else { "outcome bad" }) {
            p { b { (if ok { "Works" } else { "Does not work" }) }
                @if let Some(status) = status { " · status " (status) }
                " · " (parts::millis(duration_ms))
                @if let Some(models) = models { " · " (models) " models" } }
            @if let Some(error) = error { p { (Shown(&error)) "." } }
        }
    })
}

pub(super) async fn delete(desk: Desk, Path((_, name)): Path<(String, String)>) -> Result<Response, Trouble> {
    desk.app.api.delete(&desk.path(&format!("/providers/{}", piece(&name)))).await?;
    Ok(desk.lead("/providers", "provider-deleted"))
}
