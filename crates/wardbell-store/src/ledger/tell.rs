//! Telling the store: what was spent, what is given back, that a node lives.

use std::sync::{Arc, PoisonError};

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use wardbell_core::id::ProjectId;
use wardbell_core::money::Usd;
use wardbell_core::time::Timestamp;
use wardbell_telemetry::ambient;

use super::{RENEW_EVERY, Shared, TELL_EVERY};
use crate::budget::{Report, Step};
use crate::error::StoreError;
use crate::ledger::book::Book;

/// The most scopes of one step: bounds how long other writes wait.
const REPORTS_MAX: usize = 256;

/// Tells the store until it is stopped.
pub(super) async fn run(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(TELL_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        let now = ambient::now();
        let books = all(&shared, None).into_iter().filter(|(book, is_retired)| is_due(book, *is_retired, now));
        let told = books.map(|(book, is_retired)| (is_retired || book.is_idle(now), book)).collect();
        if let Err(error) = tell(&shared, told, now, false).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "budgets could not be told to the store");
        }
        forget(&shared);
    }
}

/// Tells everything and gives back everything, of one project or of all.
pub(super) async fn all_of(
    shared: &Shared,
    project: Option<ProjectId>,
    now: Timestamp,
    is_leaving: bool,
) -> Result<(), StoreError> {
    let books: Vec<_> = all(shared, project).into_iter().map(|(book, _)| (true, book)).collect();
    let is_empty_handed = books.iter().all(|(_, book)| book.purse.held() == Usd::ZERO);
    tell(shared, books, now, is_leaving && is_empty_handed).await
}

/// Tells the store of books; of those marked, what is free is given back.
async fn tell(
    shared: &Shared,
    mut books: Vec<(bool, Arc<Book>)>,
    now: Timestamp,
    is_leaving: bool,
) -> Result<(), StoreError> {
    if books.is_empty() && !is_leaving {
        return Ok(());
    }
    loop {
        let rest = books.split_off(books.len().min(REPORTS_MAX));
        let mut telling = Telling::default();
        for (gives_back, book) in books {
            telling.add(book, gives_back, now);
        }
        let step = Step {
            node: Arc::clone(&shared.node),
            now,
            reports: telling.reports(),
            asks: Vec::new(),
            cause: None,
            may_lower: false,
            is_leaving: is_leaving && rest.is_empty(),
        };
        match shared.store.step(step).await {
            Ok(stepped) => telling.done(&stepped.stood, now),
            Err(error) => {
                telling.failed();
                return Err(error);
            }
        }
        if rest.is_empty() {
            return Ok(());
        }
        books = rest;
    }
}

fn all(shared: &Shared, project: Option<ProjectId>) -> Vec<(Arc<Book>, bool)> {
    let is_wanted = |book: &&Arc<Book>| project.is_none_or(|project| book.account.project == project);
    let books = shared.books.read().unwrap_or_else(PoisonError::into_inner);
    let retired = shared.retired.lock().unwrap_or_else(PoisonError::into_inner);
    let present = books.values().filter(is_wanted).map(|book| (Arc::clone(book), false));
    present.chain(retired.iter().filter(is_wanted).map(|book| (Arc::clone(book), true))).collect()
}

fn is_due(book: &Book, is_retired: bool, now: Timestamp) -> bool {
    let gives_back = book.purse.free() != Usd::ZERO && (is_retired || book.is_idle(now));
    book.purse.spent() != Usd::ZERO || gives_back || (!book.is_empty() && !book.is_renewed(RENEW_EVERY, now))
}

/// Forgets books in which nothing is and which nobody else has in hand.
fn forget(shared: &Shared) {
    let is_kept =
        |book: &Arc<Book>| !book.is_empty() || Arc::strong_count(book) > 1 || Arc::strong_count(&book.purse) > 1;
    shared.books.write().unwrap_or_else(PoisonError::into_inner).retain(|_, book| is_kept(book));
    shared.retired.lock().unwrap_or_else(PoisonError::into_inner).retain(is_kept);
}

/// What is on its way to the store.
#[derive(Default)]
pub(super) struct Telling {
    told: Vec<Told>,
}

struct Told {
    book: Arc<Book>,
    spent: Usd,
    given_back: Usd,
}

impl Telling {
    /// Takes what is to be told out of a book.
    pub(super) fn add(&mut self, book: Arc<Book>, gives_back: bool, now: Timestamp) {
        // What is spent is taken first: what is freed by the same settlement is given back now or later, never too early.
        let spent = book.purse.take_spent();
        let given_back = if gives_back { book.purse.take_free() } else { Usd::ZERO };
        // A book in which nothing is has no lease to renew.
        let renews = !book.is_empty() && !book.is_renewed(TELL_EVERY, now);
        let is_news = spent != Usd::ZERO || given_back != Usd::ZERO || renews;
        if is_news {
            self.told.push(Told { book, spent, given_back });
        }
    }

    pub(super) fn reports(&self) -> Vec<Report> {
        self.told
            .iter()
            .map(|Told { book, spent, given_back }| Report {
                account: book.account.clone(),
                period: book.period,
                spent: *spent,
                given_back: *given_back,
                cause: book.last(),
            })
            .collect()
    }

    /// The store knows. Where a lease no longer stood, what is free is not this node's any more.
    pub(super) fn done(self, stood: &[bool], now: Timestamp) {
        for (told, stood) in self.told.iter().zip(stood) {
            told.book.renewed(now);
            if !stood {
                told.book.purse.take_free();
            }
        }
    }

    /// The store may or may not know: what was spent is told again, and what was given back stays away, so that neither
    /// doubt makes more money.
    pub(super) fn failed(self) {
        for Told { book, spent, given_back: _ } in self.told {
            book.purse.untold(spent);
        }
    }
}
