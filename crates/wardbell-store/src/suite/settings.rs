use wardbell_core::id::KeyId;
use wardbell_core::policy::{DlpMode, Policy};
use wardbell_core::secret::Secret;
use wardbell_telemetry::ambient;

use crate::endpoint::EndpointChange;
use crate::error::StoreError;
use crate::key::{Key, KeyHash};
use crate::project::ProjectChange;
use crate::provider::Provider;
use crate::store::Store;
use crate::suite::{endpoint_of, new_project, project_named, secret, tick};
use wardbell_core::provider::ProviderKind;

fn key_of(project: wardbell_core::id::ProjectId) -> Key {
    let now = tick();
    Key {
        id: KeyId::mint(now, ambient::entropy()),
        project,
        name: "k".to_owned(),
        user_id: Some("ann".to_owned()),
        hint: "wb_abcd".to_owned(),
        created_at: now,
    }
}

fn provider(key: Option<&str>) -> Provider {
    Provider {
        name: "openai".to_owned(),
        kind: ProviderKind::OpenAi,
        base_url: "https://api.openai.com/v1".to_owned(),
        api_key: key.map(|key| Secret::new(key.to_owned())),
        api_key_env: None,
        fallback: None,
        is_default: false,
        updated_at: tick(),
    }
}

fn is_missing<T>(result: Result<T, StoreError>) -> bool {
    matches!(result.map(drop), Err(StoreError::NotFound(_)))
}

pub(super) async fn projects_are_listed_changed_and_versioned(store: &dyn Store) {
    let (first, second) = (project_named("first"), project_named("second"));
    store.create_project(first.clone()).await.unwrap();
    store.create_project(second.clone()).await.unwrap();
    assert_eq!(store.projects().await.unwrap(), [first.clone(), second]);

    let renamed = ProjectChange { name: Some("new".to_owned()), ..ProjectChange::default() };
    let project = store.update_project(first.id, renamed, tick()).await.unwrap();
    assert_eq!((project.name.as_str(), project.policy_version), ("new", 1));
    let mut policy = Policy::default();
    policy.dlp.action = DlpMode::Block;
    let change = ProjectChange { policy: Some(policy.clone()), ..ProjectChange::default() };
    let project = store.update_project(first.id, change.clone(), tick()).await.unwrap();
    assert_eq!((project.policy, project.policy_version), (policy, 2));
    // The same policy again is no new version.
    assert_eq!(store.update_project(first.id, change, tick()).await.unwrap().policy_version, 2);
    let unknown = project_named("unknown").id;
    assert!(is_missing(store.update_project(unknown, ProjectChange::default(), tick()).await));
    assert!(is_missing(store.delete_project(unknown, tick()).await));
}

pub(super) async fn a_deleted_project_takes_its_own_with_it(store: &dyn Store) {
    let project = new_project(store).await;
    store.create_key(key_of(project), KeyHash::of("k")).await.unwrap();
    store.put_provider(project, provider(Some("sk")), false).await.unwrap();
    store.create_endpoint(endpoint_of(project), 5).await.unwrap();
    store.delete_project(project, tick()).await.unwrap();
    assert!(store.projects().await.unwrap().is_empty());
    assert!(is_missing(store.keys(project).await));
    assert!(is_missing(store.providers(project).await));
    assert!(is_missing(store.endpoints(project).await));
    assert!(store.snapshot().await.unwrap().keys.is_empty());
}

pub(super) async fn keys_belong_to_their_project(store: &dyn Store) {
    let (project, other) = (new_project(store).await, new_project(store).await);
    let key = key_of(project);
    store.create_key(key.clone(), KeyHash::of("one")).await.unwrap();
    assert_eq!(store.keys(project).await.unwrap(), std::slice::from_ref(&key));
    assert!(store.keys(other).await.unwrap().is_empty());
    assert!(is_missing(store.delete_key(other, key.id).await));
    store.delete_key(project, key.id).await.unwrap();
    assert!(is_missing(store.delete_key(project, key.id).await));
    assert!(is_missing(store.create_key(key_of(project_named("x").id), KeyHash::of("two")).await));
}

pub(super) async fn a_provider_is_replaced_and_keeps_its_key_when_asked(store: &dyn Store) {
    let project = new_project(store).await;
    let key_now = async || store.providers(project).await.unwrap()[0].api_key.clone().map(|key| key.reveal().clone());
    store.put_provider(project, provider(Some("sk-1")), false).await.unwrap();
    assert_eq!(key_now().await.as_deref(), Some("sk-1"));
    store.put_provider(project, provider(None), true).await.unwrap();
    assert_eq!(key_now().await.as_deref(), Some("sk-1"));
    store.put_provider(project, provider(Some("sk-2")), true).await.unwrap();
    assert_eq!(key_now().await.as_deref(), Some("sk-2"));
    store.put_provider(project, provider(None), false).await.unwrap();
    assert_eq!(key_now().await, None);
    assert_eq!(store.providers(project).await.unwrap().len(), 1);
    store.delete_provider(project, "openai").await.unwrap();
    assert!(is_missing(store.delete_provider(project, "openai").await));
}

pub(super) async fn one_provider_is_the_default_and_a_fallback_is_another_one(store: &dyn Store) {
    let (project, other) = (new_project(store).await, new_project(store).await);
    let named = |name: &str, fallback: Option<&str>, is_default| Provider {
        name: name.to_owned(),
        kind: ProviderKind::Custom,
        fallback: fallback.map(str::to_owned),
        is_default,
        ..provider(None)
    };
    let put = async |project, provider: Provider| store.put_provider(project, provider, false).await;
    let shown = async || {
        let providers = store.providers(project).await.unwrap();
        let of = |one: Provider| format!("{} {:?} {}", one.name, one.fallback, one.is_default);
        providers.into_iter().map(of).collect::<Vec<_>>()
    };
    put(other, named("a", None, true)).await.unwrap();
    put(project, named("a", None, true)).await.unwrap();
    put(project, named("b", Some("a"), true)).await.unwrap();
    assert_eq!(shown().await, ["a None false", "b Some(\"a\") true"]);
    put(project, named("a", Some("b"), true)).await.unwrap();
    assert_eq!(shown().await, ["a Some(\"b\") true", "b Some(\"a\") false"]);
    put(project, named("a", Some("b"), false)).await.unwrap();
    assert_eq!(shown().await, ["a Some(\"b\") false", "b Some(\"a\") false"]);
    for nobody in ["a", "c"] {
        assert!(is_missing(put(project, named("a", Some(nobody), true)).await), "{nobody}");
    }
    assert_eq!(shown().await, ["a Some(\"b\") false", "b Some(\"a\") false"]);
    store.delete_provider(project, "b").await.unwrap();
    assert_eq!(shown().await, ["a None false"]);
    assert!(store.providers(other).await.unwrap()[0].is_default, "another project has its own");
}

pub(super) async fn every_kind_of_provider_reads_back(store: &dyn Store) {
    let project = new_project(store).await;
    for kind in ProviderKind::ALL {
        let made = Provider { name: kind.as_str().to_owned(), kind: *kind, ..provider(None) };
        store.put_provider(project, made, false).await.unwrap();
    }
    let providers = store.providers(project).await.unwrap();
    assert!(providers.iter().all(|provider| provider.name == provider.kind.as_str()));
    assert_eq!(providers.len(), ProviderKind::ALL.len());
}

pub(super) async fn a_sixth_endpoint_is_refused(store: &dyn Store) {
    let project = new_project(store).await;
    for _ in 0..5 {
        store.create_endpoint(endpoint_of(project), 5).await.unwrap();
    }
    let sixth = store.create_endpoint(endpoint_of(project), 5).await;
    assert!(matches!(sixth, Err(StoreError::LimitReached { max: 5, .. })), "{sixth:?}");
    assert_eq!(store.endpoints(project).await.unwrap().len(), 5);
    let other = new_project(store).await;
    store.create_endpoint(endpoint_of(other), 5).await.unwrap();
}

pub(super) async fn an_endpoint_is_changed_and_forgets_old_secrets_with_its_url(store: &dyn Store) {
    let (project, other) = (new_project(store).await, new_project(store).await);
    let made = endpoint_of(project);
    store.create_endpoint(made.clone(), 5).await.unwrap();
    assert_eq!(store.endpoint(project, made.id).await.unwrap(), made);
    assert!(is_missing(store.endpoint(other, made.id).await));

    let now = tick();
    let later = now.after(std::time::Duration::from_hours(1));
    store.rotate_secret(project, made.id, vec![secret("whsec_second")], later, now).await.unwrap();
    let off = EndpointChange { enabled: Some(false), ..EndpointChange::default() };
    let changed = store.update_endpoint(project, made.id, off, tick()).await.unwrap();
    assert_eq!((changed.enabled, changed.secrets.len()), (false, 2));
    let moved =
        EndpointChange { url: Some(Secret::new("https://other.example/".to_owned())), ..EndpointChange::default() };
    let changed = store.update_endpoint(project, made.id, moved, tick()).await.unwrap();
    assert_eq!(changed.secrets, [secret("whsec_second")]);
    assert_eq!(store.endpoint(project, made.id).await.unwrap(), changed);
    assert!(is_missing(store.update_endpoint(other, made.id, EndpointChange::default(), tick()).await));
}

pub(super) async fn a_rotation_keeps_the_old_secret_for_the_overlap(store: &dyn Store) {
    let project = new_project(store).await;
    let made = endpoint_of(project);
    store.create_endpoint(made.clone(), 5).await.unwrap();
    let now = tick();
    let later = now.after(std::time::Duration::from_hours(1));
    store.rotate_secret(project, made.id, vec![secret("whsec_second")], later, now).await.unwrap();
    let shown = store.endpoint(project, made.id).await.unwrap().secrets;
    assert_eq!(shown.iter().map(|s| s.secret.reveal().as_str()).collect::<Vec<_>>(), ["whsec_second", "whsec_first"]);
    assert_eq!(shown.iter().map(|s| s.expires_at).collect::<Vec<_>>(), [None, Some(later)]);
    // A later rotation never lengthens the life of an older secret; one without overlap ends all of them.
    let much_later = later.after(std::time::Duration::from_hours(1));
    store.rotate_secret(project, made.id, vec![secret("whsec_third")], much_later, tick()).await.unwrap();
    let ends: Vec<_> = store.endpoint(project, made.id).await.unwrap().secrets.iter().map(|s| s.expires_at).collect();
    assert_eq!(ends, [None, Some(much_later), Some(later)]);
    let now = tick();
    store.rotate_secret(project, made.id, vec![secret("whsec_fourth")], now, now).await.unwrap();
    assert_eq!(store.endpoint(project, made.id).await.unwrap().secrets, [secret("whsec_fourth")]);
}

pub(super) async fn a_snapshot_holds_all_that_a_request_needs(store: &dyn Store) {
    let project = new_project(store).await;
    let key = key_of(project);
    store.create_key(key.clone(), KeyHash::of("wb_key")).await.unwrap();
    store.put_provider(project, provider(Some("sk")), false).await.unwrap();
    let snapshot = store.snapshot().await.unwrap();
    let principal = snapshot.keys.get(&KeyHash::of("wb_key")).unwrap();
    assert_eq!((principal.key, principal.project, principal.user.as_deref()), (key.id, project, Some("ann")));
    let view = snapshot.projects.get(&project).unwrap();
    assert_eq!(view.providers[0].api_key, Some(Secret::new("sk".to_owned())));
    assert!(!snapshot.keys.contains_key(&KeyHash::of("wb_other")));
}
