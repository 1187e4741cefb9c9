//! The dashboard: server-rendered pages over the management API.
//!
//! **Cast.** [`router`] is every page. `client` calls the management API in this process, as its admin. `door` lets the
//! operator in: the set-up link, the password, sessions, the throttle. `page` frames a page, `desk` is what one of a project works with; `parts`, `chart` and `text` are
//! what pages are made of; `form` reads what was submitted; `said` is what a page says after a change. `pages` has one file
//! a page. `assets` are the style sheet, the scripts and the icon, embedded in the binary.
//!
//! **Theory of operation.** A page reads through the documented API and changes through it, so that whatever the dashboard
//! does, a script can do. Forms are plain HTML that work without a script; htmx (vendored, see NOTICE) replaces parts of a
//! page where that is nicer, and `app.js` shows times in the reader's zone and follows the event stream.
//!
//! **Guarantees.** Every page but the door's needs a session. Every change needs the session's CSRF token, which one guard
//! checks. The Content-Security-Policy allows no inline script, no inline style and no other origin. What others wrote
//! (names, models, answers of receivers) is shown as text, with control characters and marks that turn its direction made
//! visible. A secret is shown once, on the page that follows its making, and no page that shows one is stored.
//!
//! **Bounds.** Forms: [`form::FORM_BYTES_MAX`]. Passwords are hashed one at a time. Sign-in: see `door/throttle.rs`.
//!
//! **What it does not do.** Users and roles: there is one operator. It serves no TLS; put a reverse proxy in front.

mod assets;
mod chart;
mod client;
mod desk;
mod door;
pub mod form;
mod page;
mod pages;
mod parts;
mod said;
mod text;
mod trouble;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};
use wardbell_core::secret::Secret;
use wardbell_store::store::Store;

use client::Api;
use door::Door;

pub use door::Peer;
pub use door::setup_path;

/// What the dashboard works with.
pub struct DashboardState {
    /// Where the operator's password and sessions are.
    pub store: Arc<dyn Store>,
    /// The management API, which every page reads and changes through.
    pub api: Router,
    /// Opens the management API, and sets a new password where the old one is lost.
    pub admin_token: Secret<String>,
    /// What the set-up link holds; it opens nothing once there is a password.
    pub setup_token: Secret<String>,
    /// How many webhooks a project may have.
    pub webhooks_per_project_max: u32,
    /// Whether there is a mail server, so that webhooks can be mail.
    pub mail_enabled: bool,
}

/// What handlers share.
type App = Arc<Dashboard>;

struct Dashboard {
    api: Api,
    door: Door,
    webhooks_per_project_max: u32,
    mail_enabled: bool,
}

/// Whether a path belongs to the dashboard.
pub fn owns(path: &str) -> bool {
    const ROOTS: &[&str] =
        &["projects", "playground", "account", "setup", "sign-in", "sign-out", "forgot", "assets", "live"];
    let mut parts = path.split('/').skip(1);
    parts.next().is_some_and(|first| first.is_empty() && parts.next().is_none() || ROOTS.contains(&first))
}

/// Every page, ready for the shell.
pub fn router(state: DashboardState) -> Router {
    let DashboardState { store, api, admin_token, setup_token, webhooks_per_project_max, mail_enabled } = state;
    let app: App = Arc::new(Dashboard {
        api: Api::new(api, &admin_token),
        door: Door::new(store, admin_token, setup_token),
        webhooks_per_project_max,
        mail_enabled,
    });
    let open = Router::new()
        .route("/setup/{token}", get(door::pages::setup).post(door::pages::set_up))
        .route("/sign-in", get(door::pages::sign_in).post(door::pages::signed_in))
        .route("/forgot", get(door::pages::forgot).post(door::pages::reset))
        .layer(middleware::from_fn(door::guard::open));
    let inside = pages::routes()
        .route("/account", get(pages::account::show))
        .route("/account/password", post(pages::account::change_password))
        .route("/account/sign-out-everywhere", post(pages::account::sign_out_everywhere))
        .route("/sign-out", post(pages::account::sign_out))
        .fallback(trouble::no_such_page)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), door::guard::signed));
    Router::new()
        .route("/assets/{name}", get(assets::serve))
        .merge(open)
        .merge(inside)
        .method_not_allowed_fallback(trouble::no_such_page)
        .layer(middleware::map_response(page::harden))
        .with_state(app)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dashboard_owns_its_pages_and_no_more() {
        for ours in ["/", "/projects", "/projects/proj_1/webhooks", "/assets/app.js", "/setup/x", "/sign-in"] {
            assert!(owns(ours), "{ours}");
        }
        for others in ["", "/v1/chat/completions", "/api/v1/projects", "/health", "/metrics", "//", "/project", "/x"] {
            assert!(!owns(others), "{others}");
        }
    }
}
