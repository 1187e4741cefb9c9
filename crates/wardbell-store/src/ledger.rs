//! Money for requests, held without waiting for the disk.
//!
//! **Theory of operation.** For each scope with a budget this node has a `Book`: a purse with a slice of the budget that
//! it borrowed from the store in one durable transaction. A request takes its upper bound from the purse of every scope it
//! touches, by atomic steps in memory; the store is asked only when a slice is used up, and then for all scopes at once,
//! all or nothing. A task tells the store what was spent every [`TELL_EVERY`], and gives back what lay idle for
//! [`IDLE_AFTER`], or at once where little is left of the budget, so that others can have it.
//!
//! **Guarantees.** In every scope what was spent and what is lent never pass the limit, on any number of nodes, as long as
//! upper bounds are upper bounds. A reservation ends exactly once. After a crash what was lent counts as spent until it
//! lapses ([`LEASE_LAPSE`]) or the operator releases it, so nothing that was billed is forgotten.
//!
//! **Bounds.** [`BOOKS_MAX`] scopes at once; idle ones are forgotten. A refusal holds for [`REFUSAL_REST`], so that a flood
//! of them does not reach the disk.
//!
//! **What it does not do.** What other nodes hold idle can't be used here until they give it back: near the limit a request
//! may be refused up to [`IDLE_AFTER`] too early. What is spent is told with the lag of [`TELL_EVERY`]. The clocks of nodes
//! must agree within a few minutes. A slice whose giving back failed stays lent until this node stops.

mod book;
mod tell;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use wardbell_core::budget::purse::{Purse, take_all};
use wardbell_core::budget::reservation::{Reservation, UpperBound};
use wardbell_core::budget::{Account, Scope, Shortfall};
use wardbell_core::id::ProjectId;
use wardbell_core::money::Usd;
use wardbell_core::time::Timestamp;
use wardbell_telemetry::ambient;

use crate::budget::{Ask, Budget, LEASE_LAPSE, Lent, ProjectBudgets, Spender, Step};
use crate::directory::Directory;
use crate::error::StoreError;
use crate::store::Store;
use book::Book;

/// How often what was spent is told to the store: the lag of what the management API and other nodes see.
pub const TELL_EVERY: Duration = Duration::from_millis(250);

/// After so long without a request a slice is given back.
pub const IDLE_AFTER: Duration = Duration::from_secs(2);

/// How often a lease is renewed that is neither spent nor given back.
pub const RENEW_EVERY: Duration = Duration::from_secs(10);

/// A node that has said nothing for so long is taken for dead by an operator's release. Three renewals were missed.
pub const SILENT_AFTER: Duration = Duration::from_secs(30);

/// How long a refusal stands without asking the store again.
pub const REFUSAL_REST: Duration = Duration::from_millis(100);

/// The most scopes that are in use at once. Source: our choice; some 500 bytes each.
pub const BOOKS_MAX: usize = 100_000;

/// How often a request asks anew when budgets change under its hands.
const STALE_TRIES: usize = 3;

/// Why no money was held.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// A budget does not reach.
    #[error(transparent)]
    Short(Box<Shortfall>),
    /// More than [`BOOKS_MAX`] scopes are in use.
    #[error("too many budgets are in use at once")]
    TooMany,
    /// The store could not be asked.
    #[error("the store could not be asked for money")]
    Store(#[from] StoreError),
}

/// Holds and settles money. Cheap to share behind an [`Arc`].
pub struct Ledger {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    store: Arc<dyn Store>,
    directory: Arc<Directory>,
    node: Arc<str>,
    books: RwLock<HashMap<Account, Arc<Book>>>,
    /// Books of periods and terms that are over, until their last request has ended.
    retired: Mutex<Vec<Arc<Book>>>,
    /// Who asks the store for money of a project takes a turn.
    turns: Mutex<HashMap<ProjectId, Arc<tokio::sync::Mutex<()>>>>,
}

/// Money taken from purses for a request that has not got it yet: put back if it never does.
struct Taken {
    purses: Vec<Arc<Purse>>,
    bound: UpperBound,
}

impl Taken {
    fn reserve(mut self) -> Reservation {
        Reservation::of_taken(std::mem::take(&mut self.purses), self.bound)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        for purse in &self.purses {
            purse.put_back(self.bound.total());
        }
    }
}

/// What a request wants held.
#[derive(Debug, Clone, Copy)]
struct Want {
    bound: UpperBound,
    /// It will ask for less if this does not fit.
    may_lower: bool,
}

/// A scope that counts for a request.
struct Counted {
    account: Account,
    budget: Budget,
}

impl Ledger {
    /// Starts a ledger under a name of its own, and the task that tells the store. Needs a Tokio runtime.
    pub fn start(store: Arc<dyn Store>, directory: Arc<Directory>) -> Self {
        let entropy: [u8; 8] = ambient::entropy();
        let node = format!("{:016x}", u64::from_be_bytes(entropy)).into();
        let shared = Arc::new(Shared {
            store,
            directory,
            node,
            books: RwLock::default(),
            retired: Mutex::default(),
            turns: Mutex::default(),
        });
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(tell::run(Arc::clone(&shared), stopped));
        Self { shared, stop, task: Mutex::new(Some(task)) }
    }

    /// Holds the upper bound in every scope of the spender that has a budget, or in none.
    ///
    /// Within a slice this does not wait. Dropping the future holds nothing.
    ///
    /// # Errors
    /// [`ReserveError::Short`] if a budget does not reach; [`ReserveError::Store`] if a slice was used up and the store
    /// failed, which is no permission.
    pub async fn reserve(
        &self,
        spender: &Arc<Spender>,
        bound: UpperBound,
        now: Timestamp,
    ) -> Result<Reservation, ReserveError> {
        self.reserve_as(spender, Want { bound, may_lower: false }, now).await
    }

    /// The same for a caller who will ask for less if this does not fit, so that a shortfall is no exhaustion yet.
    ///
    /// # Errors
    /// As [`reserve`](Self::reserve); [`Shortfall::room`] says how much would fit.
    pub async fn try_reserve(
        &self,
        spender: &Arc<Spender>,
        bound: UpperBound,
        now: Timestamp,
    ) -> Result<Reservation, ReserveError> {
        self.reserve_as(spender, Want { bound, may_lower: true }, now).await
    }

    async fn reserve_as(
        &self,
        spender: &Arc<Spender>,
        want: Want,
        now: Timestamp,
    ) -> Result<Reservation, ReserveError> {
        let snapshot = self.shared.directory.current();
        let Some(budgets) = snapshot.budgets.get(&spender.project) else {
            return Ok(Reservation::of_taken(Vec::new(), want.bound));
        };
        let counted = counted(spender, budgets);
        if let Some(taken) = self.shared.quick(&counted, spender, want.bound, now) {
            return Ok(taken.reserve());
        }
        // In a task of its own: what the store has lent must reach the purse even if the caller leaves.
        let (shared, spender) = (Arc::clone(&self.shared), Arc::clone(spender));
        let task = tokio::spawn(async move { shared.borrow(&spender, want, now).await });
        match task.await {
            Ok(taken) => taken.map(Taken::reserve),
            Err(error) => Err(StoreError::Database(Box::new(error)).into()),
        }
    }

    /// Tells the store all that was spent in a project and gives back what is free, so that what the store shows is exact
    /// but for requests under way.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn settle_up(&self, project: ProjectId, now: Timestamp) -> Result<(), StoreError> {
        tell::all_of(&self.shared, Some(project), now, false).await
    }

    /// Tells the store everything, gives back everything, and ends the task. Requests must have ended; what is still held
    /// counts as spent until it lapses.
    pub async fn close(&self, now: Timestamp) {
        self.stop.send_replace(true);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && task.await.is_err()
        {
            tracing::error!("ledger task ended unexpectedly");
        }
        if let Err(error) = tell::all_of(&self.shared, None, now, true).await {
            tracing::error!(error = &error as &dyn std::error::Error, "budgets could not be given back");
        }
    }
}

/// The scopes of a spender that have budgets, in one order for all requests.
fn counted(spender: &Spender, budgets: &ProjectBudgets) -> Vec<Counted> {
    let Spender { project, key, user, session, model, request: _ } = spender;
    let user = user.as_ref().map(|user| Scope::User(Arc::clone(user)));
    let session = session.as_ref().map(|session| Scope::Session(Arc::clone(session)));
    [Some(Scope::Project), Some(Scope::Key(*key)), user, session, Some(Scope::Model(Arc::clone(model)))]
        .into_iter()
        .flatten()
        .filter_map(|scope| {
            let budget = budgets.of(&scope)?.clone();
            Some(Counted { account: Account { project: *project, scope }, budget })
        })
        .collect()
}

impl Shared {
    /// Takes the bound from books that are at hand and good; `None` if the store must be asked.
    fn quick(&self, counted: &[Counted], spender: &Arc<Spender>, bound: UpperBound, now: Timestamp) -> Option<Taken> {
        let books: Vec<Arc<Book>> = {
            let all = self.books.read().unwrap_or_else(PoisonError::into_inner);
            counted.iter().map(|one| all.get(&one.account).cloned()).collect::<Option<_>>()?
        };
        let is_good = |(one, book): (&Counted, &Arc<Book>)| {
            book.is_current(one.budget.revision, now) && book.is_renewed(LEASE_LAPSE / 2, now)
        };
        if !counted.iter().zip(&books).all(is_good) {
            return None;
        }
        let purses: Vec<_> = books.iter().map(|book| Arc::clone(&book.purse)).collect();
        if !take_all(&purses, bound.total()) {
            return None;
        }
        for book in &books {
            book.used(spender, now);
        }
        Some(Taken { purses, bound })
    }

    /// Takes the bound, borrowing from the store what is missing.
    async fn borrow(&self, spender: &Arc<Spender>, want: Want, now: Timestamp) -> Result<Taken, ReserveError> {
        let bound = want.bound;
        let turn = self.turn(spender.project);
        let _turn = turn.lock().await;
        for _ in 0..STALE_TRIES {
            let snapshot = self.directory.current();
            let Some(budgets) = snapshot.budgets.get(&spender.project) else {
                return Ok(Taken { purses: Vec::new(), bound });
            };
            let counted = counted(spender, budgets);
            // Another request may have filled the purses while this one waited for its turn.
            if let Some(taken) = self.quick(&counted, spender, bound, now) {
                return Ok(taken);
            }
            let books = counted.iter().map(|one| self.book(one, now)).collect::<Result<Vec<_>, _>>()?;
            if let Some(taken) = self.ask(&counted, &books, spender, want, now).await? {
                return Ok(taken);
            }
            self.directory.refresh().await?;
        }
        Err(StoreError::Database("budgets change too often".into()).into())
    }

    /// Asks the store for what is missing; `None` if the budgets have changed.
    async fn ask(
        &self,
        counted: &[Counted],
        books: &[Arc<Book>],
        spender: &Arc<Spender>,
        Want { bound, may_lower }: Want,
        now: Timestamp,
    ) -> Result<Option<Taken>, ReserveError> {
        let needed = bound.total();
        // What is taken is put back however this ends, until the request has all of it.
        let parts: Vec<Part> = books.iter().map(|book| Part::take(book, needed, now)).collect();
        for part in &parts {
            if let Some(mut short) = part.book.refusal(needed.minus(part.taken), now) {
                short.needed = needed;
                return Err(ReserveError::Short(Box::new(short)));
            }
        }
        let lacking = || parts.iter().zip(counted).filter(|(part, _)| part.taken < needed || !part.is_renewed);
        let asks = lacking()
            .map(|(part, one)| Ask {
                account: one.account.clone(),
                revision: one.budget.revision,
                must: needed.minus(part.taken),
                needed,
            })
            .collect();
        let mut telling = tell::Telling::default();
        for book in self.retired_of(spender.project) {
            telling.add(book, true, now);
        }
        for book in books {
            telling.add(Arc::clone(book), false, now);
        }
        let step = Step {
            node: Arc::clone(&self.node),
            now,
            reports: telling.reports(),
            asks,
            cause: Some(Arc::clone(spender)),
            may_lower,
            is_leaving: false,
        };
        let stepped = match self.store.step(step).await {
            Ok(stepped) => stepped,
            Err(error) => {
                telling.failed();
                return Err(error.into());
            }
        };
        telling.done(&stepped.stood, now);
        let loans = match stepped.lent {
            Lent::All(loans) => loans,
            Lent::Short(short) => {
                // A refusal that was not told must not stand in the way of one that is.
                let of_scope = |part: &&Part| !may_lower && part.book.account.scope == short.scope;
                if let Some(part) = parts.iter().find(of_scope) {
                    part.book.refused(&short, now);
                }
                return Err(ReserveError::Short(short));
            }
            Lent::Stale => return Ok(None),
        };
        for ((part, _), loan) in lacking().zip(&loans) {
            part.book.lend(*loan, needed.minus(part.taken), now);
        }
        for book in books {
            book.used(spender, now);
        }
        let purses = parts.into_iter().map(Part::into_purse).collect();
        Ok(Some(Taken { purses, bound }))
    }

    /// The book of a scope as of now; one of older terms or of a period that is over is retired.
    fn book(&self, one: &Counted, now: Timestamp) -> Result<Arc<Book>, ReserveError> {
        let mut books = self.books.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(book) = books.get(&one.account).filter(|book| book.is_current(one.budget.revision, now)) {
            return Ok(Arc::clone(book));
        }
        if let Some(old) = books.remove(&one.account) {
            self.retired.lock().unwrap_or_else(PoisonError::into_inner).push(old);
        }
        if books.len() >= BOOKS_MAX {
            return Err(ReserveError::TooMany);
        }
        let book = Arc::new(Book::new(one.account.clone(), &one.budget, now));
        books.insert(one.account.clone(), Arc::clone(&book));
        Ok(book)
    }

    fn retired_of(&self, project: ProjectId) -> Vec<Arc<Book>> {
        let retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.iter().filter(|book| book.account.project == project).cloned().collect()
    }

    fn turn(&self, project: ProjectId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        // Projects come and go: turns that nobody waits for need not be kept.
        if turns.len() >= TURNS_MAX {
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        Arc::clone(turns.entry(project).or_default())
    }
}

/// Past so many projects, those whose turn nobody waits for are forgotten.
const TURNS_MAX: usize = 1024;

/// What one purse gives towards a bound.
struct Part<'a> {
    book: &'a Arc<Book>,
    taken: Usd,
    /// Whether its lease is fresh enough to be spent from; one that is not is asked for anew.
    is_renewed: bool,
}

impl<'a> Part<'a> {
    fn take(book: &'a Arc<Book>, needed: Usd, now: Timestamp) -> Self {
        let is_renewed = book.is_renewed(LEASE_LAPSE / 2, now);
        // The store may count an old lease as lapsed: it says so when it is told, and then this money is gone.
        let taken = if is_renewed { book.purse.take_up_to(needed) } else { Usd::ZERO };
        Self { book, taken, is_renewed }
    }

    fn into_purse(mut self) -> Arc<Purse> {
        self.taken = Usd::ZERO;
        Arc::clone(&self.book.purse)
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        self.book.purse.put_back(self.taken);
    }
}
