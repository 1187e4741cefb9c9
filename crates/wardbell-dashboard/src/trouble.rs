//! What a page says when it cannot be shown.

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use maud::html;
use wardbell_store::error::StoreError;

use crate::App;
use crate::client::Refusal;
use crate::door::Signed;
use crate::page::{self, Frame};
use crate::text::Shown;

/// Why a page cannot be shown.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The API said no where no form can say it.
    Api(Refusal),
    /// The store failed.
    Store(StoreError),
    /// There is no such page.
    NoSuchPage,
    /// The form's token is not the session's.
    BadToken,
    /// The form is larger than it may be.
    TooLarge,
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Api(refusal)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Trouble {
    fn describe(self) -> (StatusCode, &'static str, String) {
        match self {
            Self::Api(Refusal { status: StatusCode::NOT_FOUND, .. }) | Self::NoSuchPage => (
                StatusCode::NOT_FOUND,
                "Not found",
                "There is nothing at this address. It may have been deleted.".to_owned(),
            ),
            Self::Api(Refusal { status, message, hint, .. }) => {
                let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
                (status, "That did not work", format!("{message}{hint}."))
            }
            Self::Store(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "page failed in the store");
                let message = "The database could not be read or written. The log of the server says why.";
                (StatusCode::SERVICE_UNAVAILABLE, "The database does not answer", message.to_owned())
            }
            Self::BadToken => (
                StatusCode::FORBIDDEN,
                "Please try again",
                "This page was open for too long, or the form came from another site. Nothing was changed. Go back, reload \
                 the page, and try again."
                    .to_owned(),
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "That is too much text",
                format!("A form can hold {} KiB.", crate::form::FORM_BYTES_MAX / 1024),
            ),
        }
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let (status, title, message) = self.describe();
        let body = html! {
            h1 { (title) }
            p.lead { (Shown(&message)) }
            p { a.button href="/" { "Go to the overview" } }
        };
        let mut answer = (status, page::bare(title, &body)).into_response();
        // htmx swaps nothing for an error; the whole page says what is wrong.
        let headers = answer.headers_mut();
        headers.insert(HeaderName::from_static("hx-retarget"), HeaderValue::from_static("body"));
        headers.insert(HeaderName::from_static("hx-reswap"), HeaderValue::from_static("innerHTML"));
        answer
    }
}

/// The page for paths that are none, framed where somebody is signed in.
pub(crate) async fn no_such_page(
    State(app): State<App>,
    signed: Option<Extension<Signed>>,
    _request: Request,
) -> Response {
    let Some(Extension(signed)) = signed else { return Trouble::NoSuchPage.into_response() };
    let body = html! {
        h1 { "Not found" }
        p.lead { "There is nothing at this address. It may have been deleted." }
        p { a.button href="/" { "Go to the overview" } }
    };
    match Frame::new(&app, &signed).await {
        Ok(frame) => (StatusCode::NOT_FOUND, frame.page("Not found", &body)).into_response(),
        Err(trouble) => trouble.into_response(),
    }
}
