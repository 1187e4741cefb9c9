//! What happens, as it happens: server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};
use utoipa::{IntoParams, ToSchema};
use wardbell_core::id::ProjectId;
use wardbell_store::happening::Happening;

use super::activity::ActivityAnswer;
use super::alert::AlertAnswer;
use super::delivery::DeliveryAnswer;
use super::openapi::Refusals;
use crate::Shared;
use crate::error::ApiError;
use crate::extract::Query;

/// How many may look on at once. Source: our choice; each holds a connection.
pub(crate) const WATCHERS_MAX: usize = 64;

/// How often a silent stream says that it is there, so that proxies keep it open.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// A happening and whose it is.
#[derive(Debug, Serialize, ToSchema)]
struct Told<T> {
    /// The project.
    project_id: String,
    #[serde(flatten)]
    what: T,
}

/// That some happenings were not told, because the reader is too slow.
#[derive(Debug, Serialize, ToSchema)]
struct Missed {
    /// How many.
    missed: u64,
}

/// Which happenings are wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query for the OpenAPI document; `show` reads it")]
pub(crate) struct EventParams {
    /// Only of this project (`proj_…`).
    project: Option<String>,
}

/// Tells what happens from now on, as server-sent events: `request` when a request has ended, `alert` when an alert was
/// committed, `delivery` when an attempt has ended. The data is what the lists have, with `project_id`. A reader that is
/// too slow gets `missed` with how many it missed.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events", operation_id = "watch_events", params(EventParams),
    responses(
        (status = 200, description = "Events until one side ends it", content_type = "text/event-stream", body = String),
        (status = 429, description = "Too many look on", body = crate::error::ErrorAnswer),
        Refusals
    )
)]
pub(super) async fn show(
    State(api): State<Shared>,
    Query(mut query): Query,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let project: Option<ProjectId> = query.parsed("project", "the id of a project (`proj_…`)")?;
    query.finish()?;
    if project.is_some_and(|project| !api.state.directory.current().projects.contains_key(&project)) {
        return Err(ApiError::NotFound("project"));
    }
    let place = std::sync::Arc::clone(&api.watchers).try_acquire_owned().map_err(|_| ApiError::TooManyWatchers)?;
    let watcher = Watcher {
        happenings: api.state.store.happenings(),
        stopping: api.state.stopping.clone(),
        project,
        _place: place,
    };
    let events = futures_util::stream::unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await?;
        Some((Ok(event), watcher))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

/// One who looks on.
struct Watcher {
    happenings: broadcast::Receiver<Happening>,
    stopping: watch::Receiver<bool>,
    project: Option<ProjectId>,
    _place: OwnedSemaphorePermit,
}

impl Watcher {
    /// The next event; `None` when Wardbell stops, so that a stop need not wait for who looks on.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let happening = tokio::select! {
                happening = self.happenings.recv() => happening,
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
            };
            let event = match happening {
                Ok(happening) => self.event(happening),
                Err(RecvError::Lagged(missed)) => event("missed", &Missed { missed }),
                Err(RecvError::Closed) => return None,
            };
            if event.is_some() {
                return event;
            }
        }
    }

    fn event(&self, happening: Happening) -> Option<Event> {
        let project = match &happening {
            Happening::Request(row) => row.project,
            Happening::Alert(alert) => alert.project,
            Happening::Delivery(delivery) => delivery.project,
        };
        if self.project.is_some_and(|wanted| wanted != project) {
            return None;
        }
        let project_id = project.to_string();
        match happening {
            Happening::Request(row) => event("request", &Told { project_id, what: ActivityAnswer::from(row) }),
            // An alert names its project itself.
            Happening::Alert(alert) => event("alert", &AlertAnswer::from(alert)),
            Happening::Delivery(delivery) => {
                event("delivery", &Told { project_id, what: DeliveryAnswer::from(delivery) })
            }
        }
    }
}

/// An event; plain data that cannot fail to be written.
fn event(name: &str, data: &impl Serialize) -> Option<Event> {
    Event::default().event(name).json_data(data).ok()
}
