//! Projects: the list, a new one, its name, its end.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::json;

use super::Said;
use crate::App;
use crate::client::{Refusal, piece};
use crate::desk::{self, Desk};
use crate::door::Signed;
use crate::form::Form;
use crate::page::Frame;
use crate::parts::{self, Field, empty};
use crate::text::Shown;
use crate::trouble::Trouble;
use crate::wire::Project;

pub(super) async fn list(
    State(app): State<App>,
    Extension(signed): Extension<Signed>,
    Query(Said { said }): Query<Said>,
) -> Result<Markup, Trouble> {
    let frame = Frame::new(&app, &signed).await?.at_projects().say(said.as_deref());
    Ok(page(&frame, "", None))
}

fn page(frame: &Frame, name: &str, refusal: Option<&Refusal>) -> Markup {
    let rows = html! {
        @for project in &frame.projects {
            tr {
                td data-label="Name" { a href=(format!("/projects/{}", project.id)) { (Shown(&project.name)) }
                    @if let Some(file) = &project.declared { " " (parts::badge("info", &format!("declared in {file}"))) }
                    @if !project.enabled { " " (parts::badge("warn", "off")) } }
                td data-label="Id" { code { (project.id) } }
                td data-label="Policy" { "version " (project.policy_version) }
                td data-label="Made" { (parts::time(&project.created_at)) }
            }
        }
    };
    let field =
        Field { name: "name", label: "Name", help: html! { "For people, such as the application's name." }, refusal };
    let body = html! {
        h1 { "Projects" }
        p.lead { "A project has its own policy, keys, budget, providers and webhooks. One for each application is a good start." }
        @if frame.projects.is_empty() {
            (empty("There is no project yet", &html! { p { "Make the first one below." } }))
        } @else {
            (parts::table("Projects", &["Name", "Id", "Policy", "Made"], &rows))
        }
        section.panel {
            h2 { "New project" }
            (parts::refused(refusal, &["name"]))
            form.narrow method="post" action="/projects" {
                (frame.token())
                (field.line(name, "text", true))
                button.primary type="submit" { "Make project" }
            }
        }
    };
    frame.page("Projects", &body)
}

pub(super) async fn create(
    State(app): State<App>,
    Extension(signed): Extension<Signed>,
    Extension(form): Extension<Form>,
) -> Result<Response, Trouble> {
    let made: Result<Project, Refusal> = app.api.post("/projects", &json!({"name": form.text("name")})).await;
    match made {
        Ok(project) => {
            Ok(Redirect::to(&format!("/projects/{}/webhooks?said=project-made", project.id)).into_response())
        }
        Err(refusal) => {
            let frame = Frame::new(&app, &signed).await?.at_projects();
            Ok((refusal.status, page(&frame, form.raw("name"), Some(&refusal))).into_response())
        }
    }
}

pub(super) async fn settings(desk: Desk) -> Markup {
    let name = desk.frame.project().map(|project| project.name.clone()).unwrap_or_default();
    settings_page(&desk.frame, &name, None)
}

fn settings_page(frame: &Frame, name: &str, refusal: Option<&Refusal>) -> Markup {
    let base = frame.base();
    let field = Field { name: "name", label: "Name", help: html! {}, refusal };
    let body = html! {
        h1 { "Settings" }
        @if let Some(project) = frame.project() {
            dl.facts { dt { "Id" } dd { code { (project.id) } } dt { "Made" } dd { (parts::time(&project.created_at)) } }
        }
        @if let Some(file) = frame.project().and_then(|project| project.declared.as_deref()) {
            (parts::declared("This project", file))
            p { "Its keys, providers and budget are set here, and webhooks may be added to those that are declared." }
        } @else {
            @if frame.project().is_some_and(|project| !project.enabled) {
                section.panel {
                    h2 { "Switch on" }
                    p { "The project is off: its keys open nothing. One that the configuration file declared is switched off when the file declares it no more." }
                    form method="post" action=(format!("{base}/switch-on")) {
                        (frame.token())
                        button.primary type="submit" { "Switch on" }
                    }
                }
            }
            section.panel {
                h2 { "Rename" }
                (parts::refused(refusal, &["name"]))
                form.narrow method="post" action=(format!("{base}/settings")) {
                    (frame.token()) (field.line(name, "text", true))
                    button.primary type="submit" { "Rename" }
                }
            }
            section.panel {
                h2 { "Delete" }
                p { "Its keys open nothing from then on, its webhooks and providers go, and what was still to be delivered is given up. "
                    "Alerts and activity stay in the database until their retention ends." }
                (parts::confirmed(frame, "delete-project", "Delete project", &format!("{base}/delete"), &html! {
                    p { "Delete this project with its keys, providers and webhooks? This cannot be undone." }
                }))
            }
        }
    };
    frame.page("Settings", &body)
}

pub(super) async fn rename(desk: Desk, Extension(form): Extension<Form>) -> Result<Response, Trouble> {
    let body = json!({"name": form.text("name")});
    let renamed: Result<Project, Refusal> = desk.app.api.patch(&desk.path(""), &body).await;
    match renamed {
        Ok(_) => Ok(desk.lead("/settings", "project-renamed")),
        Err(refusal) => Ok(desk::again(&refusal, settings_page(&desk.frame, form.raw("name"), Some(&refusal)))),
    }
}

/// Lets the keys of a project open it again.
pub(super) async fn switch_on(State(app): State<App>, Path(project): Path<String>) -> Result<Response, Trouble> {
    let path = format!("/projects/{}", piece(&project));
    let _: Project = app.api.patch(&path, &json!({"enabled": true})).await?;
    Ok(Redirect::to(&format!("{path}/settings?said=project-on")).into_response())
}

pub(super) async fn delete(State(app): State<App>, Path(project): Path<String>) -> Result<Response, Trouble> {
    app.api.delete(&format!("/projects/{}", piece(&project))).await?;
    Ok(Redirect::to("/projects?said=project-deleted").into_response())
}
