//! One file a page, and which path leads to which.

pub(crate) mod account;
mod activity;
mod alerts;
mod budget;
mod deliveries;
mod keys;
mod live;
mod overview;
mod playground;
mod policy;
mod projects;
mod providers;
mod silences;
mod webhook;
mod webhook_form;
mod webhooks;

use axum::Router;
use axum::routing::{get, post};
use serde::Deserialize;

use crate::App;

/// What a page was asked to say.
#[derive(Deserialize, Default)]
pub(crate) struct Said {
    pub(crate) said: Option<String>,
}

/// Every page behind the door.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(overview::all))
        .route("/live", get(live::stream))
        .route("/playground", get(playground::show).post(playground::look))
        .route("/projects", get(projects::list).post(projects::create))
        .route("/projects/{project}", get(overview::project))
        .route("/projects/{project}/settings", get(projects::settings).post(projects::rename))
        .route("/projects/{project}/switch-on", post(projects::switch_on))
        .route("/projects/{project}/delete", post(projects::delete))
        .route("/projects/{project}/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/projects/{project}/webhooks/new", get(webhooks::add))
        .route("/projects/{project}/webhooks/guess", get(webhooks::guess))
        .route("/projects/{project}/webhooks/{webhook}", get(webhook::show).post(webhook::save))
        .route("/projects/{project}/webhooks/{webhook}/switch", post(webhook::switch))
        .route("/projects/{project}/webhooks/{webhook}/test", post(webhook::test))
        .route("/projects/{project}/webhooks/{webhook}/rotate", post(webhook::rotate))
        .route("/projects/{project}/webhooks/{webhook}/recover", post(webhook::recover))
        .route("/projects/{project}/webhooks/{webhook}/delete", post(webhook::delete))
        .route("/projects/{project}/alerts", get(alerts::list))
        .route("/projects/{project}/alerts/{alert}", get(alerts::show))
        .route("/projects/{project}/alerts/{alert}/allow", post(alerts::allow))
        .route("/projects/{project}/alerts/{alert}/disallow", post(alerts::disallow))
        .route("/projects/{project}/deliveries", get(deliveries::list))
        .route("/projects/{project}/deliveries/replay", post(deliveries::replay_many))
        .route("/projects/{project}/deliveries/{delivery}", get(deliveries::show))
        .route("/projects/{project}/deliveries/{delivery}/replay", post(deliveries::replay))
        .route("/projects/{project}/silences", get(silences::list).post(silences::create))
        .route("/projects/{project}/silences/{silence}/end", post(silences::end_it))
        .route("/projects/{project}/activity", get(activity::list))
        .route("/projects/{project}/activity/export", get(activity::export))
        .route("/projects/{project}/policy", get(policy::show).post(policy::save))
        .route("/projects/{project}/policy/rules", post(policy::save_rules))
        .route("/projects/{project}/policy/restore", post(policy::restore))
        .route("/projects/{project}/budget", get(budget::show).post(budget::save))
        .route("/projects/{project}/budget/top-up", post(budget::top_up))
        .route("/projects/{project}/budget/remove", post(budget::remove))
        .route("/projects/{project}/budget/of", post(budget::of))
        .route("/projects/{project}/keys", get(keys::list).post(keys::create))
        .route("/projects/{project}/keys/{key}/revoke", post(keys::revoke))
        .route("/projects/{project}/providers", get(providers::list).post(providers::save))
        .route("/projects/{project}/providers/{name}", get(providers::edit))
        .route("/projects/{project}/providers/{name}/test", post(providers::test))
        .route("/projects/{project}/providers/{name}/delete", post(providers::delete))
}
