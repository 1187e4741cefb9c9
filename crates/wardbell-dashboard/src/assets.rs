//! The style sheet, the scripts and the icon, embedded in the binary.
//!
//! A page names each by the version of Wardbell and the length of its content, so that a browser keeps it for a year and
//! asks anew after an upgrade.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};

/// One file.
struct Asset {
    name: &'static str,
    content_type: &'static str,
    text: &'static str,
}

const ASSETS: &[Asset] = &[
    Asset { name: "style.css", content_type: "text/css; charset=utf-8", text: include_str!("../assets/style.css") },
    Asset { name: "app.js", content_type: "text/javascript; charset=utf-8", text: include_str!("../assets/app.js") },
    // htmx 2.0.11, Zero-Clause BSD; see NOTICE.
    Asset {
        name: "htmx.js",
        content_type: "text/javascript; charset=utf-8",
        text: include_str!("../assets/htmx.min.js"),
    },
    Asset { name: "icon.svg", content_type: "image/svg+xml", text: include_str!("../assets/icon.svg") },
];

/// Where a page finds an asset.
pub(crate) fn url(name: &str) -> String {
    let length = ASSETS.iter().find(|asset| asset.name == name).map_or(0, |asset| asset.text.len());
    format!("/assets/{name}?v={}-{length}", env!("CARGO_PKG_VERSION"))
}

pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers: [(HeaderName, HeaderValue); 2] = [
        (CONTENT_TYPE, HeaderValue::from_static(asset.content_type)),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    (headers, asset.text).into_response()
}
