//! The API called as a service, over the real embedded store.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says where")]

#[path = "api/rig.rs"]
mod rig;

#[path = "api/bell.rs"]
mod bell;
#[path = "api/budgets.rs"]
mod budgets;
#[path = "api/dashboard.rs"]
mod dashboard;
#[path = "api/declared.rs"]
mod declared;
#[path = "api/door.rs"]
mod door;
#[path = "api/policies.rs"]
mod policies;
#[path = "api/projects.rs"]
mod projects;
#[path = "api/providers.rs"]
mod providers;
#[path = "api/records.rs"]
mod records;
#[path = "api/secrets.rs"]
mod secrets;
#[path = "api/webhooks.rs"]
mod webhooks;
