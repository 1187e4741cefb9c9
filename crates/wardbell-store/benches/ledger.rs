//! What holding and settling money costs within a lease: `cargo bench -p wardbell-store`.
//!
//! The target is 2 µs for a request with four budgets, whatever the number of callers. 64 threads share the machine's
//! cores, so their figure is the time that one call takes while 63 others want the same purses.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a bench that cannot go on says where")]

use std::sync::{Arc, OnceLock};

use divan::{Bencher, black_box};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use wardbell_core::budget::reservation::UpperBound;
use wardbell_core::budget::{Period, Scope};
use wardbell_core::id::{KeyId, ProjectId};
use wardbell_core::money::Usd;
use wardbell_core::policy::Policy;
use wardbell_core::secret::Secret;
use wardbell_core::time::Timestamp;
use wardbell_store::budget::{BudgetChange, RequestName, Spender, Sum};
use wardbell_store::directory::Directory;
use wardbell_store::ledger::Ledger;
use wardbell_store::project::Project;
use wardbell_store::seal::{MASTER_KEY_BYTES, Sealer};
use wardbell_store::sqlite::Sqlite;
use wardbell_store::store::Store;
use wardbell_telemetry::ambient;

const BOUND: UpperBound = UpperBound { input: Usd::from_nanos(400), output: Usd::from_nanos(600) };

/// More than any run of the bench spends: a lease is a sixteenth of it.
const LIMIT: Usd = Usd::from_nanos(i64::MAX / 4);

struct Bench {
    runtime: Runtime,
    ledger: Ledger,
    spender: Arc<Spender>,
    _folder: TempDir,
}

fn main() {
    divan::main();
}

fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let sealer = Sealer::new(&Secret::new(vec![7; MASTER_KEY_BYTES])).unwrap();
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&folder.path().join("wardbell.db"), sealer).unwrap());
        let (ledger, spender) = runtime.block_on(prepare(store));
        Bench { runtime, ledger, spender, _folder: folder }
    })
}

/// A project with budgets for itself, each user, each key and the model.
async fn prepare(store: Arc<dyn Store>) -> (Ledger, Arc<Spender>) {
    let now = ambient::now();
    let id = ProjectId::mint(now, ambient::entropy());
    let project = Project {
        id,
        name: "p".to_owned(),
        policy: Policy::default(),
        policy_version: 1,
        created_at: now,
        enabled: true,
        slug: None,
        declared: None,
        is_policy_declared: false,
    };
    store.create_project(project).await.unwrap();
    for scope in [Scope::Project, Scope::EachUser, Scope::EachKey, Scope::Model("m".into())] {
        let sum = Sum::Limit(LIMIT, Period::Month);
        let set = BudgetChange::Set { sum, minimum: Usd::ZERO, alert_at: vec![50] };
        store.change_budget(id, scope, set, now).await.unwrap();
    }
    let directory = Arc::new(Directory::open(Arc::clone(&store)).await.unwrap());
    let spender = Spender {
        project: id,
        key: KeyId::mint(now, ambient::entropy()),
        user: Some("ann".into()),
        session: Some("none has a budget".into()),
        model: "m".into(),
        request: RequestName::Callers("req_1".into()),
    };
    (Ledger::start(store, directory), Arc::new(spender))
}

#[divan::bench(threads = [1, 2, 64], sample_size = 1000)]
fn reserve_and_settle_in_four_scopes(bencher: Bencher<'_, '_>) {
    let Bench { runtime, ledger, spender, _folder: _ } = bench();
    // The first one borrows; the rest spend from what it borrowed.
    let now: Timestamp = ambient::now();
    runtime.block_on(ledger.reserve(spender, BOUND, now)).unwrap().release();
    bencher.bench(|| {
        let mut reserving = std::pin::pin!(ledger.reserve(black_box(spender), BOUND, now));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        // Within a lease the first poll is the last: what would wait is a failure of the bench.
        match reserving.as_mut().poll(&mut context) {
            std::task::Poll::Ready(held) => held.unwrap().settle(Usd::from_nanos(700)),
            std::task::Poll::Pending => panic!("the lease was used up"),
        }
    });
}
