//! The corpus of `spec/egress.md` 5, row by row: what the guard must refuse, and what it must survive.
//!
//! [`urls`] walks section 5.1, [`places`] the names and ranges of 5.2, [`lookups`] the cases 1 and 2 of 5.3 with a name
//! server of its own, [`receivers`] its cases 3 to 5 and [`answers`] its case 6 with hostile receivers. Rows and tests carry
//! the numbers of the page.
//!
//! **Elsewhere.** 5.3.7 (`Retry-After`) and 5.3.10 (changed URLs) are `wardbell-notify`'s, 5.3.8 (loops) is
//! `wardbell-proxy`'s, 5.3.9 (one URL, many tenants) is the caller's that counts calls per host.

mod answers;
mod lookups;
mod places;
mod receivers;
mod urls;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};

use crate::Egress;
use crate::send::{Answer, Outgoing, SendError, SendLimits};
use crate::url::parse;
use crate::zoo::{Receiver, SHORT};

/// Time that no test should need, so that a call that hangs fails its test.
const LONG: SendLimits = SendLimits { deadline: Duration::from_secs(20), response_bytes_max: 16 * 1024 };
const BRIEF: SendLimits = SendLimits { deadline: SHORT, ..LONG };

async fn call(egress: &Egress, scheme: &str, receiver: &Receiver, limits: SendLimits) -> Result<Answer, SendError> {
    send(egress, &format!("{scheme}://receiver.example:{}/hook?key=1", receiver.address.port()), limits).await
}

async fn send(egress: &Egress, text: &str, limits: SendLimits) -> Result<Answer, SendError> {
    let destination = parse(text, egress.policy()).unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("webhook-signature", HeaderValue::from_static("v1,signature"));
    egress.send(Outgoing { destination, method: Method::POST, headers, body: Bytes::from_static(b"{}") }, limits).await
}

fn ok() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec()
}
