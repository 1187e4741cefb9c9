//! Who comes in: the operator, by password, with a session in a cookie.
//!
//! **Theory of operation.** The first start prints a set-up link; whoever opens it chooses the password. A session is 32
//! random bytes in a cookie that no script can read; the store keeps their SHA-256. The CSRF token of a session is another
//! hash of the same bytes, so nothing more is stored, and whoever reads a page cannot make the cookie of it.
//!
//! **Source.** Lengths and hashing: OWASP's Password Storage and Session Management cheat sheets
//! (<https://cheatsheetseries.owasp.org/>), as read 2026-11-25: argon2id with 19 MiB and two passes, 128 bits or more of
//! entropy in a session.

pub(crate) mod guard;
pub(crate) mod pages;
pub(crate) mod password;
mod throttle;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use ring::digest;
use wardbell_core::secret::Secret;
use wardbell_core::time::Timestamp;
use wardbell_store::error::StoreError;
use wardbell_store::operator::{Session, SessionHash};
use wardbell_store::store::Store;
use wardbell_telemetry::ambient;

use throttle::Throttle;

/// The cookie of a session.
const COOKIE_NAME: &str = "wardbell_session";

/// How long a session lasts. Source: our choice; long enough for a page that is left open all week.
const SESSION_TIME: Duration = Duration::from_hours(14 * 24);

/// The bytes of a session's secret.
const SECRET_BYTES: usize = 32;

/// Where a request comes from, as the shell saw it.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// The path of the set-up link.
pub fn setup_path(token: &Secret<String>) -> String {
    format!("/setup/{}", token.reveal())
}

/// A browser that has signed in.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) hash: SessionHash,
    /// What every form of it must hold.
    pub(crate) csrf: String,
}

/// What lets people in.
pub(crate) struct Door {
    pub(crate) store: Arc<dyn Store>,
    admin_token: Secret<String>,
    setup_token: Secret<String>,
    pub(crate) throttle: Throttle,
    pub(crate) hasher: password::Hasher,
}

impl Door {
    pub(crate) fn new(store: Arc<dyn Store>, admin_token: Secret<String>, setup_token: Secret<String>) -> Self {
        Self { store, admin_token, setup_token, throttle: Throttle::default(), hasher: password::Hasher::default() }
    }

    /// Who the cookie belongs to, if to anybody.
    pub(crate) async fn signed(&self, headers: &HeaderMap) -> Result<Option<Signed>, StoreError> {
        let Some(secret) = cookie(headers) else { return Ok(None) };
        let session = self.store.session(hash_of(&secret, "session"), ambient::now()).await?;
        Ok(session.map(|session| Signed { hash: session.hash, csrf: csrf_of(&secret) }))
    }

    /// Opens a session and gives the cookie of it.
    pub(crate) async fn open(&self, is_tls: bool) -> Result<HeaderValue, StoreError> {
        let secret: [u8; SECRET_BYTES] = ambient::entropy();
        let text = URL_SAFE_NO_PAD.encode(secret);
        let now = ambient::now();
        let session = Session { hash: hash_of(&text, "session"), created_at: now, expires_at: expiry(now) };
        self.store.open_session(session).await?;
        Ok(set_cookie(&text, SESSION_TIME, is_tls))
    }

    fn is_setup_token(&self, given: &str) -> bool {
        same(given, self.setup_token.reveal())
    }

    fn is_admin_token(&self, given: &str) -> bool {
        same(given, self.admin_token.reveal())
    }
}

fn expiry(now: Timestamp) -> Timestamp {
    now.after(SESSION_TIME)
}

/// Whether two secrets are one, in a time that does not depend on where they differ.
fn same(given: &str, ours: &str) -> bool {
    let (given, ours) = (hash_of(given, "compare"), hash_of(ours, "compare"));
    let differing = given.iter().zip(ours).fold(0, |bits, (given, ours)| bits | (given ^ ours));
    std::hint::black_box(differing) == 0
}

fn hash_of(secret: &str, purpose: &str) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"wardbell dashboard ");
    context.update(purpose.as_bytes());
    context.update(b"\0");
    context.update(secret.as_bytes());
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

fn csrf_of(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(hash_of(secret, "csrf"))
}

/// The session's secret of a request, if there is exactly one.
fn cookie(headers: &HeaderMap) -> Option<String> {
    let mut found = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE_NAME)
        .map(|(_, value)| value);
    let value = found.next()?;
    // A second one may be another site's doing.
    found.next().is_none().then(|| value.to_owned())
}

fn set_cookie(value: &str, time: Duration, is_tls: bool) -> HeaderValue {
    let secure = if is_tls { "; Secure" } else { "" };
    let text = format!("{COOKIE_NAME}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{secure}", time.as_secs());
    // Base64 and our own words are a header's value.
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// The header that takes the cookie away.
pub(crate) fn no_cookie() -> (http::HeaderName, HeaderValue) {
    (SET_COOKIE, set_cookie("", Duration::ZERO, false))
}

/// Whether the reader's side of the connection is encrypted, as a proxy in front says.
pub(crate) fn is_tls(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookie: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(cookie))])
    }

    #[test]
    fn one_session_cookie_is_read_and_two_are_none() {
        assert_eq!(cookie(&headers("a=b; wardbell_session=x; c=d")).as_deref(), Some("x"));
        assert_eq!(cookie(&headers("wardbell_session=x; wardbell_session=y")), None);
        assert_eq!(cookie(&headers("other=x")), None);
    }

    #[test]
    fn a_cookie_is_kept_from_scripts_and_from_other_sites() {
        let text = set_cookie("x", SESSION_TIME, true);
        let text = text.to_str().unwrap();
        assert!(text.contains("HttpOnly") && text.contains("SameSite=Lax") && text.contains("Secure"), "{text}");
    }

    #[test]
    fn a_token_is_not_the_cookie_and_differs_between_sessions() {
        assert_ne!(csrf_of("a"), csrf_of("b"));
        assert_ne!(URL_SAFE_NO_PAD.encode(hash_of("a", "session")), csrf_of("a"));
        assert!(same("a", "a") && !same("a", "b"));
    }
}
