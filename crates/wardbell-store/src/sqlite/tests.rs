use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use wardbell_core::alert::AlertKind;
use wardbell_core::policy::{DlpMode, InjectionPolicy, Policy};
use wardbell_core::secret::Secret;

use super::*;
use crate::seal::MASTER_KEY_BYTES;
use crate::suite::{self, Bench, activity_of, alert_of, endpoint_of, new_project, secret, tick, up_to};

struct Folder {
    folder: TempDir,
}

struct Opened {
    store: Arc<dyn Store>,
    _folder: TempDir,
}

impl Bench for Opened {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }
}

impl Folder {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("wardbell.db")
    }

    fn open(&self) -> Sqlite {
        self.open_with(7).unwrap()
    }

    fn open_with(&self, key: u8) -> Result<Sqlite, OpenError> {
        Sqlite::open(&self.path(), Sealer::new(&Secret::new(vec![key; MASTER_KEY_BYTES])).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_passes_the_suite() {
    suite::run_all(async || {
        let folder = Folder::new();
        let store = Arc::new(folder.open());
        Opened { store, _folder: folder.folder }
    })
    .await;
}

#[tokio::test]
async fn a_second_process_another_key_and_a_newer_file_are_refused() {
    let folder = Folder::new();
    let store = folder.open();
    assert!(matches!(folder.open_with(7), Err(OpenError::InUse { .. })));
    store.close().await;
    drop(store);
    assert!(matches!(folder.open_with(8), Err(OpenError::WrongMasterKey { .. })));
    drop(folder.open());
    Connection::open(folder.path()).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(folder.open_with(7), Err(OpenError::NewerSchema { found: 99, .. })));
    let nowhere = Sqlite::open(Path::new("/nowhere/x.db"), Sealer::new(&Secret::new(vec![7; 32])).unwrap());
    assert!(matches!(nowhere, Err(OpenError::Unusable { .. })));
    std::fs::write(folder.path().with_file_name("text.db"), "this is no database, by far").unwrap();
    let text = Sqlite::open(&folder.path().with_file_name("text.db"), Sealer::new(&Secret::new(vec![7; 32])).unwrap());
    assert!(matches!(text, Err(OpenError::Unusable { .. })), "{:?}", text.err());
}

#[tokio::test]
async fn a_file_of_an_older_version_is_brought_up_to_date_and_keeps_its_settings() {
    let id = suite::project_named("old").id.to_string();
    // Policies as versions 1 and 2 wrote them: without answers, rates, content policies and origins.
    let policy = r#"{"dlp":{"action":"block","entities":["US_SSN"],"threshold":0.5},
        "injection":{"action":"warn","sensitivity":"high"},"fail":{"gateway":"open","proxy":"open"}}"#;
    for version in 1..schema::MIGRATIONS.len() {
        let folder = Folder::new();
        let old = Connection::open(folder.path()).unwrap();
        for migration in &schema::MIGRATIONS[..version] {
            old.execute_batch(migration).unwrap();
        }
        old.pragma_update(None, "user_version", u32::try_from(version).unwrap()).unwrap();
        old.execute("INSERT INTO projects (id, name, policy_version, created_at) VALUES (?1, 'old', 1, 0)", [&id])
            .unwrap();
        old.execute("INSERT INTO policies VALUES (?1, 1, ?2, 0)", [&id, policy]).unwrap();
        old.execute(
            "INSERT INTO providers (project, name, kind, base_url, updated_at) \
             VALUES (?1, 'openai', 'openai', 'http://127.0.0.1:9/v1', 0)",
            [&id],
        )
        .unwrap();
        drop(old);

        let store = folder.open();
        let project = store.projects().await.unwrap().remove(0);
        let provider = store.providers(project.id).await.unwrap().remove(0);
        assert_eq!((provider.fallback, provider.is_default), (None, false), "version {version}");
        assert_eq!(project.policy.dlp.action, DlpMode::Block);
        let now_default = Policy { dlp: project.policy.dlp.clone(), fail: project.policy.fail, ..Policy::default() };
        let injection = InjectionPolicy { origins: BTreeMap::new(), ..project.policy.injection.clone() };
        assert_eq!(project.policy, Policy { injection, ..now_default }, "version {version}");
        store.close().await;
        drop(store);
        let connection = Connection::open(folder.path()).unwrap();
        let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        assert_eq!(found as usize, schema::MIGRATIONS.len());
    }
}

#[tokio::test]
async fn a_claim_of_a_process_that_died_is_due_at_the_next_start() {
    let folder = Folder::new();
    let store = folder.open();
    let project = new_project(&store).await;
    store.create_endpoint(endpoint_of(project), 5).await.unwrap();
    let row = activity_of(project);
    let made = store.record_alert(row.clone(), alert_of(&row, AlertKind::PiiBlocked)).await.unwrap().unwrap();
    let now = tick();
    let far = now.after(Duration::from_hours(24));
    assert_eq!(store.claim(now, far, up_to(10)).await.unwrap().len(), 1);
    // Dropped without a close, as a kill leaves it.
    drop(store);
    let store = folder.open();
    let again = store.claim(now, far, up_to(10)).await.unwrap();
    assert_eq!(again.iter().map(|claim| claim.delivery.id).collect::<Vec<_>>(), made);
    assert_eq!(again[0].alert.request_id, row.request.to_string());
}

#[tokio::test]
async fn a_write_that_fails_or_panics_is_undone_alone() {
    let folder = Folder::new();
    let store = folder.open();
    let insert = |name: &'static str| {
        move |c: &Connection| Ok(c.execute("INSERT INTO meta VALUES (?1, x'00')", [name]).map(drop)?)
    };
    let (good, bad, panics, also_good) = tokio::join!(
        store.write(move |c, _| insert("good")(c)),
        store.write(move |c, _| {
            insert("bad")(c)?;
            Err::<(), _>(StoreError::NotFound("on purpose"))
        }),
        store.write(move |c, _| -> Result<(), StoreError> {
            insert("panics")(c)?;
            panic!("on purpose")
        }),
        store.write(move |c, _| insert("also_good")(c)),
    );
    assert!(good.is_ok() && also_good.is_ok());
    assert!(matches!(bad, Err(StoreError::NotFound("on purpose"))));
    assert!(matches!(panics, Err(StoreError::Database(_))));
    let names = store
        .read(|c, _| {
            let mut statement = c.prepare("SELECT name FROM meta WHERE name <> 'master_key_check'")?;
            Ok(statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<HashSet<_>, _>>()?)
        })
        .await
        .unwrap();
    assert_eq!(names, HashSet::from(["good".to_owned(), "also_good".to_owned()]));
}

#[tokio::test]
async fn after_a_close_every_call_says_so() {
    let folder = Folder::new();
    let store = folder.open();
    store.close().await;
    assert!(matches!(store.projects().await, Err(StoreError::Closed)));
    assert!(matches!(store.record(Vec::new()).await, Err(StoreError::Closed)));
}

#[tokio::test]
async fn a_row_that_cannot_be_read_becomes_a_dead_letter_and_holds_up_nobody() {
    let folder = Folder::new();
    let store = folder.open();
    let project = new_project(&store).await;
    store.create_endpoint(endpoint_of(project), 5).await.unwrap();
    let mut made = Vec::new();
    for _ in 0..2 {
        let row = activity_of(project);
        made.extend(store.record_alert(row.clone(), alert_of(&row, AlertKind::PiiBlocked)).await.unwrap().unwrap());
    }
    let broken = store.delivery(project, made[0]).await.unwrap().0.alert;
    store
        .write(move |c, _| {
            Ok(c.execute("UPDATE alerts SET data = '{' WHERE id = ?1", [broken.to_string()]).map(drop)?)
        })
        .await
        .unwrap();
    let now = tick();
    let claims = store.claim(now, now.after(Duration::from_secs(30)), up_to(10)).await.unwrap();
    assert_eq!(claims.iter().map(|claim| claim.delivery.id).collect::<Vec<_>>(), [made[1]]);
    let dead = store.delivery(project, made[0]).await.unwrap().0;
    assert!(dead.reason.is_some_and(|reason| reason.contains("unreadable")));
}

#[tokio::test]
async fn nothing_secret_stands_in_the_file() {
    let folder = Folder::new();
    let store = folder.open();
    let project = new_project(&store).await;
    let mut endpoint = endpoint_of(project);
    endpoint.url = Secret::new("https://canary-url.example/hook".to_owned());
    endpoint.secrets = vec![secret("whsec_canary")];
    store.create_endpoint(endpoint, 5).await.unwrap();
    store.close().await;
    for name in ["wardbell.db", "wardbell.db-wal"] {
        let bytes = std::fs::read(folder.folder.path().join(name)).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&bytes).contains("canary"), "{name}");
    }
}

#[tokio::test]
async fn on_a_full_disk_a_write_fails_whole_and_goes_on_when_there_is_room() {
    let folder = Folder::new();
    let store = folder.open();
    let project = new_project(&store).await;
    store.create_endpoint(endpoint_of(project), 5).await.unwrap();
    let pages = |max: i64| {
        store.write(move |connection, _| {
            // SQLite's own way to say that the disk is full, at a size that a test can reach.
            connection.pragma_update_and_check(None, "max_page_count", max, |row| row.get::<_, i64>(0))?;
            Ok(())
        })
    };
    pages(1).await.unwrap();
    let (mut kept, mut refused) = (0, 0);
    for _ in 0..2000 {
        let row = activity_of(project);
        match store.record_alert(row.clone(), alert_of(&row, AlertKind::PiiBlocked)).await {
            Ok(_) => kept += 1,
            Err(StoreError::Database(_)) => refused += 1,
            Err(other) => panic!("{other}"),
        }
        if refused >= 3 {
            break;
        }
    }
    assert_eq!(refused, 3, "after {kept} alerts");
    let counts = || async {
        let connection = Connection::open(folder.path()).unwrap();
        let count = |table: &str| {
            connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).unwrap()
        };
        (count("alerts"), count("deliveries"), count("activity"))
    };
    assert_eq!(counts().await, (kept, kept, kept), "all of a write or none of it");
    pages(1_000_000_000).await.unwrap();
    let row = activity_of(project);
    store.record_alert(row.clone(), alert_of(&row, AlertKind::PiiBlocked)).await.unwrap();
    assert_eq!(counts().await, (kept + 1, kept + 1, kept + 1));
    let claims = store.claim(tick(), tick().after(Duration::from_secs(30)), up_to(1_000_000)).await.unwrap();
    assert_eq!(i64::try_from(claims.len()).unwrap(), kept + 1, "what was committed is delivered");
}
