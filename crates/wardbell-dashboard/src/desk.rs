//! What a page of a project works with: who asks, which project, and the API of it.

use axum::extract::{FromRequestParts, Query};
use axum::response::{IntoResponse, Redirect, Response};
use http::request::Parts;
use maud::Markup;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::App;
use crate::client::Refusal;
use crate::door::Signed;
use crate::page::{Frame, Tab};
use crate::trouble::Trouble;

/// A project's page under way: `/projects/{project}/{tab}…`, with what was just said.
pub(crate) struct Desk {
    pub(crate) app: App,
    pub(crate) frame: Frame,
}

/// What a page was asked to say.
#[derive(Deserialize, Default)]
struct Said {
    said: Option<String>,
}

impl FromRequestParts<App> for Desk {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Trouble> {
        let signed = parts.extensions.get::<Signed>().ok_or(Trouble::NoSuchPage)?;
        let mut pieces = parts.uri.path().split('/').skip(2);
        let project = pieces.next().unwrap_or_default();
        let tab = Tab::of(pieces.next().unwrap_or_default());
        let said = Query::<Said>::try_from_uri(&parts.uri).ok().and_then(|Query(Said { said })| said);
        let frame = Frame::of(app, signed, project, tab).await?.say(said.as_deref());
        Ok(Self { app: App::clone(app), frame })
    }
}

impl Desk {
    /// Reads something of the project; `path` is below it.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Refusal> {
        self.app.api.get(&format!("{}{path}", self.frame.api())).await
    }

    /// The path of something of the project in the API, or of a page of it.
    pub(crate) fn path(&self, below: &str) -> String {
        format!("{}{below}", self.frame.base())
    }

    /// Leads on to a page of the project that says a word.
    pub(crate) fn lead(&self, below: &str, word: &str) -> Response {
        let joint = if below.contains('?') { '&' } else { '?' };
        Redirect::to(&self.path(&format!("{below}{joint}said={word}"))).into_response()
    }
}

/// A page once more, with what the API says of its form.
pub(crate) fn again(refusal: &Refusal, page: Markup) -> Response {
    (refusal.status, page).into_response()
}
