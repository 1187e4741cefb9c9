//! Many callers, two nodes on one file, a crash; and a model with crashes between steps.

use std::io::{BufRead as _, BufReader, Write as _};
use std::sync::atomic::{AtomicI64, Ordering};

use proptest::prelude::*;
use tempfile::TempDir;
use wardbell_core::alert::AlertKind;
use wardbell_core::budget::Period;
use wardbell_core::budget::reservation::{Reservation, UpperBound};
use wardbell_core::secret::Secret;
use wardbell_telemetry::ambient;

use super::*;
use crate::budget::{LEASE_LAPSE, Sum};
use crate::directory::Directory;
use crate::ledger::{Ledger, ReserveError};
use crate::seal::MASTER_KEY_BYTES;
use crate::suite::budget::{set, spender, told, usd};
use crate::suite::new_project;

struct Node {
    store: Arc<dyn Store>,
    ledger: Arc<Ledger>,
}

async fn node(folder: &TempDir, name: &str) -> Node {
    node_in(folder.path(), name).await
}

/// Opens one more connection to the file, as another process would if the lock let it.
async fn node_in(folder: &Path, name: &str) -> Node {
    let sealer = Sealer::new(&Secret::new(vec![7; MASTER_KEY_BYTES])).unwrap();
    let lock = File::create(folder.join(name)).unwrap();
    let store: Arc<dyn Store> = Arc::new(Sqlite::open_locked(&folder.join("wardbell.db"), sealer, lock).unwrap());
    let directory = Arc::new(Directory::open(Arc::clone(&store)).await.unwrap());
    Node { ledger: Arc::new(Ledger::start(Arc::clone(&store), directory)), store }
}

/// The database with one project that has budgets for itself and each user.
async fn prepared(limit: i64, each_user: i64) -> (TempDir, ProjectId) {
    let folder = tempfile::tempdir().unwrap();
    let first = node(&folder, "prepare.lock").await;
    let project = new_project(&*first.store).await;
    let now = ambient::now();
    first.store.change_budget(project, Scope::Project, set(Sum::Balance(usd(limit))), now).await.unwrap();
    let each = set(Sum::Limit(usd(each_user), Period::Total));
    first.store.change_budget(project, Scope::EachUser, each, now).await.unwrap();
    first.ledger.close(now).await;
    first.store.close().await;
    (folder, project)
}

const BOUND: UpperBound = UpperBound { input: usd(40), output: usd(60) };

/// Ends a reservation in one of the ways that there are; what was billed.
fn end(mut held: Reservation, turn: u64) -> i64 {
    match turn % 5 {
        0 => held.settle(usd(35)).charged.as_nanos(),
        1 => held.settle(usd(100)).charged.as_nanos(),
        2 => {
            held.release();
            0
        }
        3 => {
            held.seen(usd(17));
            held.certain().as_nanos()
        }
        _ => held.certain().as_nanos(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_callers_on_two_nodes_never_bill_more_than_the_cap() {
    const CAP: i64 = 40_000;
    let (folder, project) = prepared(CAP, 1 << 40).await;
    let nodes = [node(&folder, "a.lock").await, node(&folder, "b.lock").await];
    let billed = Arc::new(AtomicI64::new(0));
    let refused = Arc::new(AtomicI64::new(0));
    let callers = (0..64_u64).map(|caller| {
        let ledger = Arc::clone(&nodes[usize::try_from(caller % 2).unwrap()].ledger);
        let (billed, refused) = (Arc::clone(&billed), Arc::clone(&refused));
        tokio::spawn(async move {
            let spender = spender(project);
            for turn in 0..40 {
                match ledger.reserve(&spender, BOUND, ambient::now()).await {
                    Ok(held) => {
                        tokio::task::yield_now().await;
                        // What certain() tells is what the drop at the end of `end` charges.
                        billed.fetch_add(end(held, caller + turn), Ordering::SeqCst);
                        assert!(billed.load(Ordering::SeqCst) <= CAP);
                    }
                    Err(ReserveError::Short(short)) => {
                        assert!(short.spent.plus(short.reserved) <= short.limit, "{short:?}");
                        refused.fetch_add(1, Ordering::SeqCst);
                    }
                    Err(other) => panic!("{other:?}"),
                }
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    let now = ambient::now();
    for node in &nodes {
        node.ledger.settle_up(project, now).await.unwrap();
    }
    let store = &nodes[0].store;
    let status = store.budget(project, Scope::Project, now).await.unwrap().unwrap();
    let billed = billed.load(Ordering::SeqCst);
    assert_eq!((status.spent, status.reserved), (usd(billed), Usd::ZERO), "nothing leaks");
    assert!(billed > CAP - 100 * 2, "the budget can be used: {billed}");
    assert!(refused.load(Ordering::SeqCst) > 0);
    let user = store.budget(project, Scope::User("ann".into()), now).await.unwrap().unwrap();
    assert_eq!((user.spent, user.reserved), (usd(billed), Usd::ZERO));
    let told = told(&**store, project).await;
    let exhausted = told.iter().filter(|(kind, _)| *kind == AlertKind::BudgetExhausted).count();
    assert_eq!((exhausted, told.len()), (1, 4), "three shares and one exhaustion, from two nodes: {told:?}");
    for node in nodes {
        node.ledger.close(now).await;
        node.store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_nodes_money_counts_as_spent_until_it_lapses() {
    let (folder, project) = prepared(1_600, 1 << 40).await;
    let (living, killed) = (node(&folder, "a.lock").await, node(&folder, "b.lock").await);
    let spender = spender(project);
    let now = ambient::now();
    let held = killed.ledger.reserve(&spender, BOUND, now).await.unwrap();
    let settled = killed.ledger.reserve(&spender, BOUND, now).await.unwrap().settle(usd(70));
    // It stops without a word: what it settled was never told, nor what it held.
    killed.store.close().await;
    drop((killed, held));
    let mut billed = settled.charged.as_nanos() + 100;
    let mut count = 0;
    while let Ok(held) = living.ledger.reserve(&spender, BOUND, now).await {
        billed += held.settle(usd(100)).charged.as_nanos();
        count += 1;
    }
    assert!(billed <= 1_600 && count >= 13, "{billed} {count}");
    let status = living.store.budget(project, Scope::Project, now).await.unwrap().unwrap();
    assert!(status.spent.plus(status.reserved) <= usd(1_600), "{status:?}");
    let later = now.after(LEASE_LAPSE + std::time::Duration::from_secs(1));
    living.ledger.settle_up(project, later).await.unwrap();
    assert!(living.ledger.reserve(&spender, BOUND, later).await.is_ok(), "the dead node's lease has lapsed");
    living.ledger.close(later).await;
    living.store.close().await;
}

/// Where a process that a test starts finds the database; how it ends stands before it.
const PROCESS_VARIABLE: &str = "WARDBELL_TEST_LEDGER_PROCESS";

/// Callers and calls of each process.
const PROCESS_CALLERS: u64 = 32;
const PROCESS_CALLS: u64 = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_on_one_database_never_bill_more_than_the_cap_even_if_one_dies() {
    const CAP: i64 = 60_000;
    let (folder, project) = prepared(CAP, 1 << 40).await;
    let start = |ends: &str| {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sqlite::budget_tests::a_process_that_another_test_starts", "--nocapture"])
            .env(PROCESS_VARIABLE, format!("{ends}:{project}:{}", folder.path().display()))
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut processes = [start("stops"), start("stops"), start("dies")];
    // Each amount is told on a line of its own the moment it is billed, so that a death loses none.
    let amount = |line: std::io::Result<String>| line.unwrap().split_once("billed ")?.1.parse::<i64>().ok();
    let mut lines = processes.each_mut().map(|one| BufReader::new(one.stdout.take().unwrap()).lines());
    // Each holds some of the money before any goes on, so that the first one started cannot spend it all alone.
    let mut billed = lines.each_mut().map(|told| told.find_map(amount).expect("each process bills a first call"));
    for process in &mut processes {
        writeln!(process.stdin.take().unwrap(), "go on").unwrap();
    }
    for (sum, told) in billed.iter_mut().zip(lines) {
        *sum += told.filter_map(amount).sum::<i64>();
    }
    let ends = processes.each_mut().map(|one| one.wait().unwrap().success());
    assert_eq!(ends, [true, true, false], "two stop in order, one dies");
    let all: i64 = billed.iter().sum();
    assert!(all <= CAP, "{billed:?}");
    let node = node(&folder, "last.lock").await;
    let now = ambient::now();
    let status = node.store.budget(project, Scope::Project, now).await.unwrap().unwrap();
    assert!(status.spent.plus(status.reserved) <= usd(CAP), "{status:?}");
    assert!(status.spent >= usd(billed[0] + billed[1]), "an orderly stop tells everything: {status:?} {billed:?}");
    assert!(status.spent.plus(status.reserved) >= usd(all), "a death forgets nothing that was billed: {status:?}");
    // The dead one's leases are all that is held, and lapse.
    let later = now.after(LEASE_LAPSE + std::time::Duration::from_secs(1));
    let status = node.store.budget(project, Scope::Project, later).await.unwrap().unwrap();
    assert_eq!(status.reserved, Usd::ZERO, "nothing leaks");
    node.ledger.close(later).await;
    node.store.close().await;
}

/// Does nothing unless the test above starts it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_process_that_another_test_starts() {
    #[expect(clippy::disallowed_methods, reason = "a test tells its own child process what to do")]
    let Ok(order) = std::env::var(PROCESS_VARIABLE) else { return };
    let (ends, rest) = order.split_once(':').unwrap();
    let (project, folder) = rest.split_once(':').unwrap();
    let (project, dies) = (project.parse().unwrap(), ends == "dies");
    let node = node_in(Path::new(folder), &format!("{}.lock", std::process::id())).await;
    let first = node.ledger.reserve(&spender(project), BOUND, ambient::now()).await.unwrap();
    println!("billed {}", end(first, 0));
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let callers = (0..PROCESS_CALLERS).map(|caller| {
        let ledger = Arc::clone(&node.ledger);
        tokio::spawn(async move {
            let spender = spender(project);
            for turn in 0..PROCESS_CALLS {
                if dies && turn == PROCESS_CALLS / 2 && caller == 0 {
                    std::process::abort();
                }
                match ledger.reserve(&spender, BOUND, ambient::now()).await {
                    Ok(held) => {
                        tokio::task::yield_now().await;
                        println!("billed {}", end(held, caller + turn));
                    }
                    Err(ReserveError::Short(short)) => assert!(short.spent.plus(short.reserved) <= short.limit),
                    Err(other) => panic!("{other:?}"),
                }
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    node.ledger.close(ambient::now()).await;
    node.store.close().await;
}

#[tokio::test]
async fn a_caller_who_leaves_while_money_is_borrowed_holds_nothing() {
    let (folder, project) = prepared(1_600, 1 << 40).await;
    let node = node(&folder, "a.lock").await;
    let (spender, now) = (spender(project), ambient::now());
    for _ in 0..20 {
        let reserving = node.ledger.reserve(&spender, BOUND, now);
        let left = tokio::time::timeout(std::time::Duration::ZERO, reserving).await;
        drop(left.map(|held| held.map(Reservation::release)));
    }
    // One more waits for its turn, so the abandoned ones have ended.
    node.ledger.reserve(&spender, UpperBound { input: usd(900), ..BOUND }, now).await.unwrap().release();
    node.ledger.settle_up(project, now).await.unwrap();
    let status = node.store.budget(project, Scope::Project, now).await.unwrap().unwrap();
    assert_eq!((status.spent, status.reserved), (Usd::ZERO, Usd::ZERO));
    node.ledger.close(now).await;
    node.store.close().await;
}

#[derive(Debug, Clone)]
enum Move {
    Reserve { node: usize, cost: i64 },
    End { which: usize, way: u64 },
    Tell { node: usize },
    TopUp(i64),
    Crash { node: usize },
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        6 => (0..2_usize, 1..120_i64).prop_map(|(node, cost)| Move::Reserve { node, cost }),
        6 => (0..8_usize, 0..5_u64).prop_map(|(which, way)| Move::End { which, way }),
        2 => (0..2_usize).prop_map(|node| Move::Tell { node }),
        1 => (1..300_i64).prop_map(Move::TopUp),
        1 => (0..2_usize).prop_map(|node| Move::Crash { node }),
    ];
    proptest::collection::vec(one, 1..40)
}

/// The model: what was paid in, what was billed for certain. Whatever the steps, the billed sum and what the store counts
/// never pass what was paid in, and without a crash nothing is lost either.
async fn follow(moves: Vec<Move>) {
    let (folder, project) = prepared(1_000, 700).await;
    let mut nodes = [node(&folder, "0").await, node(&folder, "1").await];
    let (mut paid, mut billed, mut crashes) = (1_000, 0, 0);
    let mut open: Vec<(usize, i64, Reservation)> = Vec::new();
    let spender = spender(project);
    let now = ambient::now();
    for one in moves {
        match one {
            Move::Reserve { node, cost } => {
                let bound = UpperBound { input: usd(cost / 3), output: usd(cost - cost / 3) };
                match nodes[node].ledger.reserve(&spender, bound, now).await {
                    Ok(held) => open.push((node, cost, held)),
                    Err(ReserveError::Short(short)) => assert!(short.spent.plus(short.reserved) <= short.limit),
                    Err(other) => panic!("{other:?}"),
                }
            }
            Move::End { which, way } if which < open.len() => {
                let (_, cost, mut held) = open.swap_remove(which);
                billed += match way {
                    0 => held.settle(usd(cost / 2)).charged.as_nanos(),
                    1 => held.settle(usd(cost)).charged.as_nanos(),
                    2 => {
                        held.release();
                        0
                    }
                    _ => {
                        held.seen(usd(5));
                        held.certain().as_nanos()
                    }
                };
            }
            Move::End { .. } => {}
            Move::Tell { node } => nodes[node].ledger.settle_up(project, now).await.unwrap(),
            Move::TopUp(amount) => {
                let change = BudgetChange::TopUp(usd(amount));
                nodes[0].store.change_budget(project, Scope::Project, change, now).await.unwrap();
                paid += amount;
            }
            Move::Crash { node: dead } => {
                crashes += 1;
                nodes[dead].store.close().await;
                // Requests under way at a dead node may have been billed in full.
                let (theirs, others) = open.into_iter().partition::<Vec<_>, _>(|(at, ..)| *at == dead);
                open = others;
                billed += theirs.into_iter().map(|(_, cost, _)| cost).sum::<i64>();
                nodes[dead] = node(&folder, &format!("again-{crashes}")).await;
            }
        }
        assert!(billed + open.iter().map(|(_, cost, _)| cost).sum::<i64>() <= paid.min(700));
        let status = nodes[0].store.budget(project, Scope::Project, now).await.unwrap().unwrap();
        assert!(status.spent.plus(status.reserved) <= usd(paid), "{status:?}");
    }
    for (_, cost, held) in open {
        billed += held.settle(usd(cost)).charged.as_nanos();
    }
    for node in &nodes {
        node.ledger.close(now).await;
    }
    let status = nodes[0].store.budget(project, Scope::Project, now).await.unwrap().unwrap();
    assert!(status.spent.plus(status.reserved) >= usd(billed), "what was billed is counted: {status:?} {billed}");
    if crashes == 0 {
        assert_eq!((status.spent, status.reserved), (usd(billed), Usd::ZERO));
    }
    for node in nodes {
        node.store.close().await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn money_is_kept_whatever_happens_between_steps(moves in moves()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(follow(moves));
    }
}
