//! The frame of a page: head, navigation, and what was just said.

use axum::response::Response;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::App;
use crate::assets;
use crate::door::Signed;
use crate::door::guard::CSRF_FIELD;
use crate::said;
use crate::text::{Shown, plain};
use crate::trouble::Trouble;
use crate::wire::{List, Project};

/// Everything comes from here, nothing stands in the page itself, and no other page may frame ours.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                              form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// htmx without what the policy forbids: evaluation, and a style sheet of its own.
const HTMX_SETTINGS: &str = r#"{"allowEval":false,"includeIndicatorStyles":false,"selfRequestsOnly":true,"historyCacheSize":0,"scrollIntoViewOnBoost":false}"#;

/// The headers of every answer of the dashboard.
pub(crate) async fn harden(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        // A page's address may be a set-up link. (`no-referrer` would have forms say that they come from nowhere.)
        (REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    answer
}

/// Which part of a project a page is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    Overview,
    Webhooks,
    Alerts,
    Deliveries,
    Silences,
    Activity,
    Policy,
    Budget,
    Keys,
    Providers,
    Settings,
}

impl Tab {
    const ALL: &'static [Self] = &[
        Self::Overview,
        Self::Webhooks,
        Self::Alerts,
        Self::Deliveries,
        Self::Silences,
        Self::Activity,
        Self::Policy,
        Self::Budget,
        Self::Keys,
        Self::Providers,
        Self::Settings,
    ];

    /// The tab of a path's piece after the project; the overview for any other.
    pub(crate) fn of(piece: &str) -> Self {
        let is_its = |tab: &&Self| tab.path().strip_prefix('/') == Some(piece);
        Self::ALL.iter().find(is_its).copied().unwrap_or(Self::Overview)
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Webhooks => "Webhooks",
            Self::Alerts => "Alerts",
            Self::Deliveries => "Deliveries",
            Self::Silences => "Silences",
            Self::Activity => "Activity",
            Self::Policy => "Policy",
            Self::Budget => "Budget",
            Self::Keys => "Keys",
            Self::Providers => "Providers",
            Self::Settings => "Settings",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Overview => "",
            Self::Webhooks => "/webhooks",
            Self::Alerts => "/alerts",
            Self::Deliveries => "/deliveries",
            Self::Silences => "/silences",
            Self::Activity => "/activity",
            Self::Policy => "/policy",
            Self::Budget => "/budget",
            Self::Keys => "/keys",
            Self::Providers => "/providers",
            Self::Settings => "/settings",
        }
    }
}

/// Where a page stands in the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    None,
    Overview,
    Playground,
    Projects,
    Account,
    Project(Tab),
}

/// What frames a page: who is signed in, which projects there are, and which one the page is about.
pub(crate) struct Frame {
    pub(crate) csrf: String,
    pub(crate) projects: Vec<Project>,
    current: Option<Project>,
    place: Place,
    said: Option<&'static str>,
}

impl Frame {
    /// The frame of a page that is about no project.
    pub(crate) async fn new(app: &App, signed: &Signed) -> Result<Self, Trouble> {
        let List { data: projects, next_cursor: _ } = app.api.get("/projects").await?;
        Ok(Self { csrf: signed.csrf.clone(), projects, current: None, place: Place::None, said: None })
    }

    /// The frame of a page about a project.
    pub(crate) async fn of(app: &App, signed: &Signed, project: &str, tab: Tab) -> Result<Self, Trouble> {
        let mut frame = Self::new(app, signed).await?;
        frame.current = frame.projects.iter().find(|known| known.id == project).cloned();
        if frame.current.is_none() {
            return Err(Trouble::NoSuchPage);
        }
        frame.place = Place::Project(tab);
        Ok(frame)
    }

    pub(crate) fn at_overview(mut self) -> Self {
        self.place = Place::Overview;
        self
    }

    pub(crate) fn at_playground(mut self) -> Self {
        self.place = Place::Playground;
        self
    }

    pub(crate) fn at_projects(mut self) -> Self {
        self.place = Place::Projects;
        self
    }

    pub(crate) fn at_account(mut self) -> Self {
        self.place = Place::Account;
        self
    }

    /// Says what a word stands for, if it is one of ours.
    pub(crate) fn say(mut self, word: Option<&str>) -> Self {
        self.said = word.and_then(said::sentence);
        self
    }

    /// The project that the page is about; the API's word for none is never shown.
    pub(crate) fn project(&self) -> Option<&Project> {
        self.current.as_ref()
    }

    /// The path of the project that the page is about.
    pub(crate) fn base(&self) -> String {
        self.current.as_ref().map(|project| format!("/projects/{}", project.id)).unwrap_or_default()
    }

    /// The path of the project in the API.
    pub(crate) fn api(&self) -> String {
        self.base()
    }

    /// The token that every form needs.
    pub(crate) fn token(&self) -> Markup {
        html! { input type="hidden" name=(CSRF_FIELD) value=(self.csrf); }
    }

    /// A whole page.
    pub(crate) fn page(&self, title: &str, body: &Markup) -> Markup {
        let whose = self.current.as_ref().map(|project| format!(" · {}", plain(&project.name))).unwrap_or_default();
        html! {
            (DOCTYPE)
            html lang="en" {
                (head(&format!("{}{whose}", plain(title))))
                body hx-headers=(format!("{{\"X-CSRF-Token\":\"{}\"}}", self.csrf)) {
                    a.skip href="#main" { "Skip to the content" }
                    header.top {
                        a.brand href="/" { (bell()) "Wardbell" }
                        button.menu type="button" aria-expanded="false" aria-controls="nav" data-menu { "Menu" }
                    }
                    nav #nav aria-label="Main" { (self.navigation()) }
                    main #main tabindex="-1" {
                        @if let Some(said) = self.said { p.said role="status" { (said) } }
                        (body)
                    }
                }
            }
        }
    }

    fn navigation(&self) -> Markup {
        let link = |place: Place, href: &str, title: &str| {
            html! { a href=(href) aria-current=[(self.place == place).then_some("page")] { (title) } }
        };
        html! {
            a.brand href="/" { (bell()) "Wardbell" }
            ul {
                li { (link(Place::Overview, "/", "Overview")) }
                li { (link(Place::Playground, "/playground", "Playground")) }
                li { (link(Place::Projects, "/projects", "Projects")) }
            }
            @if !self.projects.is_empty() {
                ul.projects {
                    @for project in &self.projects {
                        @let is_current = self.current.as_ref().is_some_and(|current| current.id == project.id);
                        li {
                            @if is_current {
                                span.name { (Shown(&project.name)) }
                                ul { @for tab in Tab::ALL {
                                    li { (link(Place::Project(*tab), &format!("/projects/{}{}", project.id, tab.path()), tab.title())) }
                                } }
                            } @else {
                                a.name href=(format!("/projects/{}", project.id)) { (Shown(&project.name)) }
                            }
                        }
                    }
                }
            }
            div.foot {
                (link(Place::Account, "/account", "Account"))
                form method="post" action="/sign-out" { (self.token()) button.link type="submit" { "Sign out" } }
            }
        }
    }
}

/// A page without navigation: the door, and what went wrong.
pub(crate) fn bare(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title))
            body.bare { main #main { div.brand { (bell()) "Wardbell" } (body) } }
        }
    }
}

fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="htmx-config" content=(HTMX_SETTINGS);
            title { (title) " · Wardbell" }
            link rel="icon" href=(assets::url("icon.svg")) type="image/svg+xml";
            link rel="stylesheet" href=(assets::url("style.css"));
            script src=(assets::url("app.js")) {}
            script src=(assets::url("htmx.js")) defer {}
        }
    }
}

/// The mark: a bell.
fn bell() -> Markup {
    PreEscaped(
        r#"<svg class="bell" viewBox="0 0 24 24" width="22" height="22" aria-hidden="true" focusable="false"><path d="M12 2.5c-3.9 0-6.6 3-6.6 7v4.2L3.6 17v1.3h16.8V17l-1.8-3.3V9.5c0-4-2.7-7-6.6-7Z"/><path d="M9.4 20a2.7 2.7 0 0 0 5.2 0Z"/></svg>"#
            .to_owned(),
    )
}
