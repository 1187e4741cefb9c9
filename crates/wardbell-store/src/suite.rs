//! The tests that every backend passes. Each takes an empty store; a backend's own tests call [`run_all`] with a way to
//! make one.

mod activity;
mod bell;
pub(crate) mod budget;
mod counts;
mod declared;
mod operator;
mod outbox;
mod settings;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use wardbell_core::activity::Activity;
use wardbell_core::alert::{Alert, AlertData, AlertKind, DlpAction, DlpData, Severity, Source};
use wardbell_core::entity::EntityType;
use wardbell_core::id::{AlertId, EndpointId, KeyId, ProjectId, RequestId};
use wardbell_core::outcome::Outcome;
use wardbell_core::policy::Policy;
use wardbell_core::secret::Secret;
use wardbell_core::time::Timestamp;
use wardbell_telemetry::ambient;

use crate::endpoint::{Endpoint, Events, Format, Health, Options, RetryProfile, SignatureProfile, SigningSecret};
use crate::outbox::ClaimRoom;
use crate::project::Project;
use crate::store::Store;

/// A store under test; whatever it needs beside goes when it is dropped.
pub(crate) trait Bench {
    fn store(&self) -> Arc<dyn Store>;
}

/// Runs every test, each on a store of its own.
pub(crate) async fn run_all<B: Bench, F: Future<Output = B>>(empty: impl Fn() -> F) {
    settings::projects_are_listed_changed_and_versioned(&*empty().await.store()).await;
    settings::a_deleted_project_takes_its_own_with_it(&*empty().await.store()).await;
    settings::keys_belong_to_their_project(&*empty().await.store()).await;
    settings::a_provider_is_replaced_and_keeps_its_key_when_asked(&*empty().await.store()).await;
    settings::one_provider_is_the_default_and_a_fallback_is_another_one(&*empty().await.store()).await;
    settings::every_kind_of_provider_reads_back(&*empty().await.store()).await;
    settings::a_sixth_endpoint_is_refused(&*empty().await.store()).await;
    settings::an_endpoint_is_changed_and_forgets_old_secrets_with_its_url(&*empty().await.store()).await;
    settings::a_rotation_keeps_the_old_secret_for_the_overlap(&*empty().await.store()).await;
    settings::a_snapshot_holds_all_that_a_request_needs(&*empty().await.store()).await;
    declared::what_a_file_declares_is_made_changed_and_switched_off(&*empty().await.store()).await;
    declared::only_the_file_changes_what_it_declares(&*empty().await.store()).await;
    declared::a_declared_secret_rotates_with_its_overlap(&*empty().await.store()).await;
    let store = empty().await;
    declared::what_its_health_switched_off_stays_off_until_the_operator_or_the_file_says_so(&*store.store()).await;
    activity::a_row_reads_back_and_its_end_replaces_its_beginning(&*empty().await.store()).await;
    activity::pages_lose_and_repeat_nothing(&*empty().await.store()).await;
    counts::requests_are_counted_by_minute_and_by_hour_once_they_ended(&*empty().await.store()).await;
    counts::activity_is_filtered(&*empty().await.store()).await;
    counts::who_looks_on_is_told_what_was_committed(&*empty().await.store()).await;
    operator::a_password_is_set_up_once_and_ends_sessions_when_it_changes(&*empty().await.store()).await;
    operator::sessions_end_by_time_by_wish_and_by_number(&*empty().await.store()).await;
    outbox::an_alert_reaches_those_who_want_it(&*empty().await.store()).await;
    outbox::a_repeat_of_a_callers_id_raises_once(&*empty().await.store()).await;
    outbox::a_claim_holds_until_it_is_finished_or_its_lease_ends(&*empty().await.store()).await;
    outbox::an_attempt_decides_what_becomes_of_a_delivery(&*empty().await.store()).await;
    outbox::a_replay_starts_again_under_the_same_id(&*empty().await.store()).await;
    outbox::what_is_gone_is_not_delivered(&*empty().await.store()).await;
    outbox::lists_filter_and_stay_within_their_project(&*empty().await.store()).await;
    outbox::many_writers_at_once_lose_nothing(empty().await.store()).await;
    bell::a_delivery_is_handed_over_claimed_after_its_commit(&*empty().await.store()).await;
    bell::without_room_a_delivery_waits_to_be_claimed(&*empty().await.store()).await;
    bell::a_claim_takes_turns_and_leaves_out_whom_it_is_told(&*empty().await.store()).await;
    bell::a_group_is_told_at_once_and_then_in_updates(&*empty().await.store()).await;
    bell::a_storm_of_groups_stays_under_the_ceiling_and_counts_exactly(&*empty().await.store()).await;
    bell::a_silence_holds_back_and_tells_at_its_end(&*empty().await.store()).await;
    bell::an_endpoint_fails_and_recovers_and_others_are_told(&*empty().await.store()).await;
    bell::a_gone_receiver_is_switched_off_with_its_queue(&*empty().await.store()).await;
    bell::an_endpoint_that_fails_for_long_is_switched_off_if_so_set(&*empty().await.store()).await;
    bell::filters_and_families_choose(&*empty().await.store()).await;
    bell::replays_are_counted_paced_marked_and_redirected(&*empty().await.store()).await;
    bell::what_was_never_attempted_can_be_sent(&*empty().await.store()).await;
    bell::expunging_leaves_only_that_it_happened(&*empty().await.store()).await;
    budget::what_is_spent_and_lent_never_passes_the_limit(&*empty().await.store()).await;
    budget::all_scopes_are_lent_or_none(&*empty().await.store()).await;
    budget::a_removed_budget_limits_nothing_and_its_revision_goes_on(&*empty().await.store()).await;
    budget::a_budget_tells_once_and_anew_after_a_top_up(&*empty().await.store()).await;
    budget::a_dead_nodes_lease_counts_until_it_lapses_or_is_released(&*empty().await.store()).await;
    budget::what_is_long_past_leaves_a_rolling_budget(&*empty().await.store()).await;
    bell::retention_removes_what_is_old_and_finished(&*empty().await.store()).await;
}

/// A time that never repeats within a process, so that ids sort in the order of their making.
pub(crate) fn tick() -> Timestamp {
    static TICKS: AtomicI64 = AtomicI64::new(1_764_000_000_000);
    Timestamp::from_millis(TICKS.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn project_named(name: &str) -> Project {
    let now = tick();
    Project {
        id: ProjectId::mint(now, ambient::entropy()),
        name: name.to_owned(),
        policy: Policy::default(),
        policy_version: 1,
        created_at: now,
        enabled: true,
        slug: None,
        declared: None,
        is_policy_declared: false,
    }
}

pub(crate) async fn new_project(store: &dyn Store) -> ProjectId {
    let project = project_named("p");
    let id = project.id;
    store.create_project(project).await.unwrap();
    id
}

/// Room for so many claims, of whomever.
pub(crate) fn up_to(total: u32) -> ClaimRoom {
    ClaimRoom { total, per_endpoint: total, except: Vec::new() }
}

pub(crate) fn secret(text: &str) -> SigningSecret {
    SigningSecret { secret: Secret::new(text.to_owned()), expires_at: None }
}

pub(crate) fn endpoint_of(project: ProjectId) -> Endpoint {
    let now = tick();
    Endpoint {
        id: EndpointId::mint(now, ambient::entropy()),
        project,
        url: Secret::new("https://alerts.example/hook".to_owned()),
        format: Format::Json,
        events: Events::All,
        severity_min: Severity::Low,
        signature: SignatureProfile::Standard,
        retry: RetryProfile::Aisg,
        enabled: true,
        secrets: vec![secret("whsec_first")],
        created_at: now,
        options: Options::default(),
        health: Health::new(now),
        declared: None,
        is_secret_declared: false,
    }
}

pub(crate) fn activity_of(project: ProjectId) -> Activity {
    let at = tick();
    Activity {
        request: RequestId::mint(at, ambient::entropy()),
        caller_request: None,
        at,
        project,
        key: KeyId::mint(at, ambient::entropy()),
        surface: "chat.completions",
        model: "m".to_owned(),
        provider: "openai".to_owned(),
        verdict: "block_pii",
        outcome: Outcome::InFlight,
        status: 0,
        entity_types: vec![EntityType::CreditCard, EntityType::UsSsn],
        violation_count: 2,
        injection_score: 0.85,
        streamed: true,
        latency: Duration::from_micros(1_234),
        detect_latency: Duration::from_micros(5),
        upstream_latency: Duration::from_micros(600),
        own_latency: Duration::from_micros(40),
        usage: None,
        cost: None,
        policy_version: 3,
    }
}

pub(crate) fn alert_of(row: &Activity, kind: AlertKind) -> Alert {
    Alert {
        id: AlertId::mint(row.at, ambient::entropy()),
        project: row.project,
        request_id: row.request.to_string(),
        at: row.at,
        kind,
        data: AlertData::Dlp(DlpData {
            entity_types: vec![EntityType::CreditCard],
            violation_count: 1,
            has_injection: false,
            model: "m".to_owned(),
            action: DlpAction::Block,
            policies: Vec::new(),
        }),
        source: Source::default(),
        preview: None,
        is_test: false,
    }
}
