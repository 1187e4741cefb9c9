//! A small HTTP client for this machine only: what `demo` and `healthcheck` need to talk to a running gateway.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// The most of an answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Makes one JSON call and returns the status and the body; a body that is not JSON comes as a text.
///
/// # Errors
/// When the server cannot be reached, or does not answer within `time_max`.
pub(crate) async fn call(
    address: SocketAddr,
    method: Method,
    path: &str,
    token: Option<&str>,
    body: Option<&Value>,
    time_max: Duration,
) -> Result<(StatusCode, Value)> {
    let mut request = Request::builder().method(method).uri(path).header(HOST, address.to_string());
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let bytes = body.map(ToString::to_string).unwrap_or_default();
    let request = request.header(CONTENT_TYPE, "application/json").body(Full::new(Bytes::from(bytes)))?;
    tokio::time::timeout(time_max, exchange(address, request)).await.context("no answer in time")?
}

async fn exchange(address: SocketAddr, request: Request<Full<Bytes>>) -> Result<(StatusCode, Value)> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("nothing listens on {address}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(connection);
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
        .collect()
        .await
        .map_err(|error| anyhow::anyhow!("the answer broke off: {error}"))?
        .to_bytes();
    let value = serde_json::from_slice(&body).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&body)));
    Ok((status, value))
}
