//! A receiver of Wardbell's alerts. Needs `axum` 0.8, `base64` 0.22, `ring` 0.17, `serde_json` 1 and `tokio` 1 (`full`).
//!
//! WARDBELL_WEBHOOK_SECRET=whsec_… PORT=8788 cargo run
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program of its own: it prints and reads the clock"
)]

use std::collections::VecDeque;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::hmac;
use tokio::sync::mpsc;

const BODY_BYTES_MAX: usize = 1024 * 1024;
const TOLERANCE_SECONDS: u64 = 300;
const SEEN_MAX: usize = 10_000;
const WAITING_MAX: usize = 1000;

struct Receiver {
    key: hmac::Key,
    /// In memory this forgets at a restart. Where it matters, put id and body into a table with a unique id before
    /// answering.
    seen: Mutex<VecDeque<String>>,
    work: mpsc::Sender<Bytes>,
}

async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let Some(id) = verified(&receiver.key, &headers, &body) else { return StatusCode::UNAUTHORIZED };
    let mut seen = receiver.seen.lock().unwrap_or_else(PoisonError::into_inner);
    if !seen.contains(&id) {
        if receiver.work.try_send(body).is_err() {
            return StatusCode::SERVICE_UNAVAILABLE; // Wardbell comes again
        }
        if seen.len() == SEEN_MAX {
            seen.pop_front();
        }
        seen.push_back(id);
    }
    StatusCode::NO_CONTENT
}

/// The delivery's id if it is from Wardbell and fresh.
fn verified(key: &hmac::Key, headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let header = |name| headers.get(name)?.to_str().ok();
    let (id, stamp) = (header("webhook-id")?, header("webhook-timestamp")?);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    if now.abs_diff(stamp.parse().ok()?) > TOLERANCE_SECONDS {
        return None;
    }
    let signed = [format!("{id}.{stamp}.").as_bytes(), body].concat();
    // During a rotation there is a token for each live secret: one match is enough.
    let mut tokens = header("webhook-signature")?.split(' ').filter_map(|token| token.strip_prefix("v1,"));
    tokens
        .any(|token| STANDARD.decode(token).is_ok_and(|tag| hmac::verify(key, &signed, &tag).is_ok()))
        .then(|| id.to_owned())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let secret = std::env::var("WARDBELL_WEBHOOK_SECRET")?;
    let secret = STANDARD.decode(secret.strip_prefix("whsec_").ok_or("the secret starts with whsec_")?)?;
    let (work, mut waiting) = mpsc::channel::<Bytes>(WAITING_MAX);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    let receiver = Arc::new(Receiver { key, seen: Mutex::default(), work });
    tokio::spawn(async move {
        while let Some(body) = waiting.recv().await {
            let Ok(alert) = serde_json::from_slice::<serde_json::Value>(&body) else { continue };
            let text = |field: &str| alert.get(field).and_then(|value| value.as_str()).unwrap_or("?").to_owned();
            println!("alert {} {} {}", text("event"), text("severity"), text("webhook_id"));
        }
    });
    let port = std::env::var("PORT").unwrap_or_else(|_| "8788".to_owned());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let app = Router::new().fallback(post(receive)).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).with_state(receiver);
    Ok(axum::serve(listener, app).await?)
}
