use std::time::Duration;

use wardbell_core::alert::{AlertKind, Severity};
use wardbell_core::id::KeyId;
use wardbell_core::policy::{DlpMode, Policy};
use wardbell_core::secret::Secret;
use wardbell_telemetry::ambient;

use crate::declared::{Declarations, DeclaredProject, DeclaredWebhook, Reconciled};
use crate::endpoint::{
    Endpoint, EndpointChange, Events, Format, HealthState, Options, RetryProfile, SignatureProfile, SigningSecret,
};
use crate::error::StoreError;
use crate::key::{Key, KeyHash, hint};
use crate::outbox::{Attempt, AttemptPhases, Next};
use crate::project::{Project, ProjectChange};
use crate::store::Store;
use crate::suite::{activity_of, alert_of, endpoint_of, tick};

const FILE: &str = "wardbell.toml";

fn webhook(slug: &str) -> DeclaredWebhook {
    DeclaredWebhook {
        slug: slug.to_owned(),
        url: Secret::new("https://alerts.example/declared".to_owned()),
        format: Format::Json,
        events: Events::All,
        severity_min: Severity::Low,
        signature: SignatureProfile::Standard,
        retry: RetryProfile::Durable,
        enabled: true,
        options: Options::default(),
        secret: None,
        secret_overlap: Duration::from_hours(24),
    }
}

fn project(slug: &str, webhooks: Vec<DeclaredWebhook>) -> DeclaredProject {
    DeclaredProject { slug: slug.to_owned(), name: slug.to_uppercase(), policy: Some(Policy::default()), webhooks }
}

async fn reconcile(store: &dyn Store, projects: Vec<DeclaredProject>) -> Reconciled {
    let declared = Declarations { file: FILE.to_owned(), projects };
    store.reconcile(declared, tick()).await.unwrap()
}

fn done(created: &[&str], updated: &[&str], disabled: &[&str]) -> Reconciled {
    let texts = |slugs: &[&str]| slugs.iter().map(|slug| (*slug).to_owned()).collect();
    Reconciled { created: texts(created), updated: texts(updated), disabled: texts(disabled) }
}

async fn only(store: &dyn Store) -> (Project, Endpoint) {
    let project = store.projects().await.unwrap().into_iter().next().unwrap();
    let endpoint = store.endpoints(project.id).await.unwrap().into_iter().next().unwrap();
    (project, endpoint)
}

fn current(endpoint: &Endpoint) -> Vec<&str> {
    let current = endpoint.secrets.iter().filter(|secret| secret.expires_at.is_none());
    current.map(|secret| secret.secret.reveal().as_str()).collect()
}

pub(super) async fn what_a_file_declares_is_made_changed_and_switched_off(store: &dyn Store) {
    let support = || project("support", vec![webhook("oncall"), webhook("chat")]);
    assert_eq!(reconcile(store, vec![support()]).await, done(&["support", "support/oncall", "support/chat"], &[], &[]));
    assert!(reconcile(store, vec![support()]).await.is_empty(), "a second time changes nothing");
    let (before, endpoint) = only(store).await;
    assert_eq!(
        (before.name.as_str(), before.declared.as_deref(), before.is_policy_declared),
        ("SUPPORT", Some(FILE), true)
    );
    assert_eq!(endpoint.declared.as_deref(), Some(FILE));
    let key = Key {
        id: KeyId::mint(tick(), ambient::entropy()),
        project: before.id,
        name: "k".to_owned(),
        user_id: None,
        hint: hint(&Secret::new("wb_0123456789".to_owned())),
        created_at: tick(),
    };
    store.create_key(key, KeyHash::of("k")).await.unwrap();
    store.create_endpoint(endpoint_of(before.id), 5).await.unwrap();

    let mut changed = support();
    let mut policy = Policy::default();
    policy.dlp.action = DlpMode::Block;
    changed.policy = Some(policy.clone());
    changed.webhooks.truncate(1);
    changed.webhooks[0].retry = RetryProfile::Aisg;
    let told = reconcile(store, vec![changed]).await;
    assert_eq!(told, done(&[], &["support", "support/oncall"], &["support/chat"]));
    let (after, oncall) = only(store).await;
    assert_eq!((after.id, after.policy_version, after.policy), (before.id, 2, policy));
    assert_eq!((oncall.id, oncall.retry, current(&oncall)), (endpoint.id, RetryProfile::Aisg, current(&endpoint)));
    let chat = store.endpoints(before.id).await.unwrap().remove(1);
    assert_eq!((chat.enabled, chat.declared), (false, None));

    assert_eq!(reconcile(store, Vec::new()).await, done(&[], &[], &["support", "support/oncall"]));
    let gone = store.projects().await.unwrap().remove(0);
    assert_eq!((gone.enabled, gone.declared, gone.policy_version), (false, None, 2));
    assert!(store.snapshot().await.unwrap().keys.is_empty(), "its keys open nothing");
    let enabled: Vec<_> = store.endpoints(gone.id).await.unwrap().iter().map(|endpoint| endpoint.enabled).collect();
    assert_eq!(enabled, [false, false, true], "what the API made is the API's");
    assert!(reconcile(store, Vec::new()).await.is_empty());

    // What the API does with it then is not undone, until the file declares it again.
    let on = ProjectChange { enabled: Some(true), ..ProjectChange::default() };
    store.update_project(gone.id, on, tick()).await.unwrap();
    assert!(reconcile(store, Vec::new()).await.is_empty());
    assert_eq!(store.snapshot().await.unwrap().keys.len(), 1);
    let told = reconcile(store, vec![support()]).await;
    assert_eq!(told, done(&[], &["support", "support/oncall", "support/chat"], &[]));
    let ids: Vec<_> = store.endpoints(gone.id).await.unwrap().iter().take(2).map(|endpoint| endpoint.id).collect();
    assert_eq!(ids, [endpoint.id, chat.id]);
}

pub(super) async fn only_the_file_changes_what_it_declares(store: &dyn Store) {
    reconcile(store, vec![project("support", vec![webhook("oncall")])]).await;
    let (project, endpoint) = only(store).await;
    let is_declared = |error: StoreError| matches!(&error, StoreError::Declared { file, .. } if file == FILE);
    let mut policy = Policy::default();
    policy.dlp.action = DlpMode::Off;
    for change in [
        ProjectChange { name: Some("other".to_owned()), ..ProjectChange::default() },
        ProjectChange { policy: Some(policy.clone()), ..ProjectChange::default() },
        ProjectChange { enabled: Some(false), ..ProjectChange::default() },
    ] {
        assert!(is_declared(store.update_project(project.id, change, tick()).await.unwrap_err()));
    }
    assert!(is_declared(store.delete_project(project.id, tick()).await.unwrap_err()));
    assert!(is_declared(store.delete_endpoint(project.id, endpoint.id, tick()).await.unwrap_err()));
    let off = EndpointChange { enabled: Some(false), ..EndpointChange::default() };
    assert!(is_declared(store.update_endpoint(project.id, endpoint.id, off, tick()).await.unwrap_err()));
    let same = EndpointChange { enabled: Some(true), retry: Some(endpoint.retry), ..EndpointChange::default() };
    store.update_endpoint(project.id, endpoint.id, same, tick()).await.unwrap();
    // A secret that is not declared is rotated as any other.
    let secrets = vec![SigningSecret::generate()];
    store.rotate_secret(project.id, endpoint.id, secrets.clone(), tick(), tick()).await.unwrap();
    let (after, rotated) = only(store).await;
    assert_eq!((after, current(&rotated)), (project.clone(), vec![secrets[0].secret.reveal().as_str()]));

    // A policy that is not declared is the API's.
    let open = DeclaredProject { policy: None, ..self::project("support", vec![webhook("oncall")]) };
    assert_eq!(reconcile(store, vec![open.clone()]).await, done(&[], &["support"], &[]));
    let change = ProjectChange { policy: Some(policy), ..ProjectChange::default() };
    assert_eq!(store.update_project(project.id, change, tick()).await.unwrap().policy_version, 2);
    assert!(reconcile(store, vec![open]).await.is_empty());
}

pub(super) async fn a_declared_secret_rotates_with_its_overlap(store: &dyn Store) {
    let own = |text: &str, overlap| {
        let secret = Some(Secret::new(text.to_owned()));
        let oncall = DeclaredWebhook { secret, secret_overlap: overlap, ..webhook("oncall") };
        vec![project("support", vec![oncall])]
    };
    let (first, second) = ("whsec_Zmlyc3QtZmlyc3QtZmlyc3Q=", "whsec_c2Vjb25kLXNlY29uZC1zZWM=");
    let day = Duration::from_hours(24);
    reconcile(store, own(first, day)).await;
    let (project, endpoint) = only(store).await;
    assert_eq!((current(&endpoint), endpoint.is_secret_declared), (vec![first], true));
    let rotated = store.rotate_secret(project.id, endpoint.id, vec![SigningSecret::generate()], tick(), tick()).await;
    assert!(matches!(rotated, Err(StoreError::Declared { .. })));
    assert_eq!(reconcile(store, own(second, day)).await, done(&[], &["support/oncall"], &[]));
    let (_, endpoint) = only(store).await;
    assert_eq!((current(&endpoint), endpoint.secrets.len()), (vec![second], 2), "the one before signs as well");
    assert!(reconcile(store, own(second, day)).await.is_empty());
    reconcile(store, own(first, Duration::ZERO)).await;
    let (_, endpoint) = only(store).await;
    assert_eq!((current(&endpoint), endpoint.secrets.len()), (vec![first], 1), "at once");
    // A secret that cannot sign as the profile does goes at once, whatever the overlap is.
    let plain = own("a plain text that is sent", day).remove(0);
    let plain = DeclaredProject {
        webhooks: plain
            .webhooks
            .into_iter()
            .map(|w| DeclaredWebhook { signature: SignatureProfile::LockLlm, ..w })
            .collect(),
        ..plain
    };
    reconcile(store, vec![plain]).await;
    reconcile(store, vec![self::project("support", vec![webhook("oncall")])]).await;
    let (_, endpoint) = only(store).await;
    assert_eq!(endpoint.secrets.len(), 1);
    assert!(endpoint.secrets[0].secret.reveal().starts_with("whsec_"), "one is made");
}

pub(super) async fn what_its_health_switched_off_stays_off_until_the_operator_or_the_file_says_so(store: &dyn Store) {
    let declared = || vec![project("support", vec![webhook("oncall")])];
    reconcile(store, declared()).await;
    let (project, endpoint) = only(store).await;
    gone(store, &project).await;
    let (_, off) = only(store).await;
    assert_eq!((off.enabled, off.health.state), (false, HealthState::Disabled));
    assert!(reconcile(store, declared()).await.is_empty());
    // As the API changes one: what stays is given as well.
    let options = Some(endpoint.options.clone());
    let on =
        EndpointChange { enabled: Some(true), format: Some(endpoint.format), options, ..EndpointChange::default() };
    let more = EndpointChange { retry: Some(RetryProfile::Aisg), ..on.clone() };
    let refused = store.update_endpoint(project.id, endpoint.id, more, tick()).await;
    assert!(matches!(refused, Err(StoreError::Declared { .. })));
    store.update_endpoint(project.id, endpoint.id, on.clone(), tick()).await.unwrap();
    gone(store, &project).await;
    let mut moved = declared();
    moved[0].webhooks[0].url = Secret::new("https://alerts.example/new".to_owned());
    reconcile(store, moved.clone()).await;
    let (_, new) = only(store).await;
    assert_eq!((new.enabled, new.health.state), (true, HealthState::Healthy));
    // What the file switches off is not switched on by the API, whatever its health was.
    gone(store, &project).await;
    moved[0].webhooks[0].enabled = false;
    reconcile(store, moved.clone()).await;
    assert!(reconcile(store, moved).await.is_empty());
    let refused = store.update_endpoint(project.id, endpoint.id, on, tick()).await;
    assert!(matches!(refused, Err(StoreError::Declared { .. })));
}

/// An alert whose receiver says that it is gone.
async fn gone(store: &dyn Store, project: &Project) {
    let row = activity_of(project.id);
    let made = store.record_alert(row.clone(), alert_of(&row, AlertKind::PiiBlocked)).await.unwrap().unwrap();
    let attempt = Attempt {
        number: 1,
        at: tick(),
        status: Some(410),
        error: Some("gone".to_owned()),
        phases: AttemptPhases::default(),
        excerpt: None,
    };
    store.finish_attempt(made[0], attempt, Next::Disable("it answered 410".to_owned())).await.unwrap();
}
