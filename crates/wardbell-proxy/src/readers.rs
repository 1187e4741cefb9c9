//! Threads that let the injection model read.
//!
//! **Theory of operation.** A window takes the encoder milliseconds: too long for a thread of the runtime. A few threads of
//! our own take windows from one queue; a request puts in those that the linear tier did not settle and awaits the answers.
//! A window that was seen before is not put in again (`wardbell_detect::cascade` remembers).
//!
//! **Bounds.** The queue holds `QUEUE_WINDOWS_MAX` windows; a request that does not fit in gets
//! [`DetectionFailure::Overloaded`] at once, and the policy decides. A request has at most `REQUEST_WINDOWS_MAX` windows
//! read, those of its last texts first: what comes last is what is new. A caller that left, or whose time is over, costs
//! nothing more: its windows are passed over.
//!
//! **End.** Dropping the readers ends the threads, each after the window that it is at, and waits for them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::oneshot;
use wardbell_core::verdict::DetectionFailure;
use wardbell_detect::cascade::{Cascade, Effort, Judged, Look, Open, Space, Unread, WindowScores};
use wardbell_telemetry::metrics::{WindowLabels, metrics};

/// How many windows wait at most. Source: ours; at ten milliseconds each, two threads work on them for 2.5 s, half of the
/// time that detection may take (`Limits::detect_time_max`).
const QUEUE_WINDOWS_MAX: usize = 512;

/// How many windows of one request are read at most, a second of one thread; one that is read as two speakers' words is one, and takes half
/// as long again. Source: ours.
const REQUEST_WINDOWS_MAX: usize = 128;

/// The model and the threads that let it read.
#[derive(Debug)]
pub struct Readers {
    cascade: Arc<Cascade>,
    /// `None` once they are told to end.
    queue: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

/// A window that waits for a thread.
struct Job {
    window: Unread<'static>,
    answer: oneshot::Sender<WindowScores>,
}

/// A text whose look is open, and what became of it.
pub(crate) struct Read {
    /// The position of the text in its request.
    pub(crate) segment: usize,
    pub(crate) judged: Judged,
}

impl Readers {
    /// Starts `threads` threads, one at least.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(cascade: Cascade, threads: usize) -> std::io::Result<Self> {
        let cascade = Arc::new(cascade);
        let (queue, jobs) = sync_channel(QUEUE_WINDOWS_MAX);
        let jobs = Arc::new(Mutex::new(jobs));
        let threads = (0..threads.max(1))
            .map(|at| {
                let (cascade, jobs) = (Arc::clone(&cascade), Arc::clone(&jobs));
                std::thread::Builder::new().name(format!("reader-{at}")).spawn(move || work(&cascade, &jobs))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { cascade, queue: Some(queue), threads })
    }

    /// Looks at a text with the linear tier.
    pub(crate) fn look(&self, text: &str, effort: Effort) -> Look {
        self.cascade.look(text, effort)
    }

    /// Lets the encoder read what is open, by the positions of the texts in their request. Cancel-safe: what is dropped is
    /// not read.
    ///
    /// # Errors
    /// When there is no room in the queue, or a thread did not finish a window.
    pub(crate) async fn read(&self, open: Vec<(usize, Open)>) -> Result<Vec<Read>, DetectionFailure> {
        let mut room = REQUEST_WINDOWS_MAX;
        let mut waiting = Vec::with_capacity(open.len());
        for (segment, open) in open.into_iter().rev() {
            let mut answers = Vec::new();
            for window in open.unknown().take(room) {
                answers.push(self.put(window.into_owned())?);
            }
            room -= answers.len();
            waiting.push((segment, open, answers));
        }
        let mut read = Vec::with_capacity(waiting.len());
        for (segment, open, answers) in waiting {
            let mut scores = Vec::with_capacity(answers.len());
            for answer in answers {
                // A thread that panics at a window drops its answer.
                scores.push(answer.await.map_err(|_| DetectionFailure::Panicked)?);
            }
            read.push(Read { segment, judged: self.cascade.judge(open, scores) });
        }
        Ok(read)
    }

    fn put(&self, window: Unread<'static>) -> Result<oneshot::Receiver<WindowScores>, DetectionFailure> {
        let (answer, answered) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(DetectionFailure::Overloaded)?;
        // Before it is sent: a thread may take it at once.
        metrics().model_windows_waiting.inc();
        match queue.try_send(Job { window, answer }) {
            Ok(()) => Ok(answered),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                metrics().model_windows_waiting.dec();
                ended("no_room");
                Err(DetectionFailure::Overloaded)
            }
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader ended unexpectedly");
            }
        }
    }
}

/// Counts a window by what became of it.
fn ended(result: &'static str) {
    metrics().model_windows.get_or_create(&WindowLabels { result }).inc();
}

/// What a thread does until the queue ends.
fn work(cascade: &Cascade, jobs: &Mutex<Receiver<Job>>) {
    let mut space = Space::default();
    loop {
        // Whoever waits holds the lock; the others wait for it.
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { window, answer }) = next else { return };
        metrics().model_windows_waiting.dec();
        if answer.is_closed() {
            ended("left");
            continue;
        }
        let started = Instant::now();
        match catch_unwind(AssertUnwindSafe(|| cascade.score(&window, &mut space))) {
            Ok(Ok(scores)) => {
                metrics().model_window_seconds.observe(started.elapsed().as_secs_f64());
                ended("read");
                let _ = answer.send(scores);
            }
            Ok(Err(error)) => {
                ended("failed");
                tracing::error!(error = &error as &dyn std::error::Error, "a window was refused");
            }
            Err(_) => {
                ended("failed");
                tracing::error!("the model stopped unexpectedly at a window");
                space = Space::default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Two texts of as many windows as one text may have, which are as many as one request may have.
    fn long(readers: &Readers, number: usize) -> Vec<(usize, Open)> {
        let look = |part: usize| {
            let text: String = (0..4_000).map(|at| format!("part {part} of {number}, line {at}. ")).collect();
            match readers.look(&text, Effort::Strict) {
                Look::Open(open) => (part, open),
                Look::Judged(judged) => panic!("{judged:?}"),
            }
        };
        (0..2).map(look).collect()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_does_not_fit_into_the_queue_is_told_at_once_and_what_is_given_up_costs_nothing() {
        let cascade = Cascade::read(wardbell_model::INJECTION).unwrap();
        let readers = Arc::new(Readers::start(cascade, 1).unwrap());
        let requests = QUEUE_WINDOWS_MAX / REQUEST_WINDOWS_MAX + 2;
        let opens: Vec<_> = (0..requests).map(|number| long(&readers, number)).collect();
        assert!(opens.iter().flatten().all(|(_, open)| open.unknown().count() == REQUEST_WINDOWS_MAX / 2));
        let calls: Vec<_> = opens
            .into_iter()
            .map(|open| {
                let readers = Arc::clone(&readers);
                tokio::spawn(async move { readers.read(open).await.map(|read| read.len()) })
            })
            .collect();
        let mut overloaded = 0;
        for call in calls {
            // Those that wait are given up: their callers are gone.
            tokio::time::sleep(Duration::from_millis(50)).await;
            if call.is_finished() {
                overloaded += usize::from(call.await.unwrap() == Err(DetectionFailure::Overloaded));
            } else {
                call.abort();
            }
        }
        assert!(overloaded >= 1, "nothing was refused");
        let Look::Open(open) = readers.look("Is there still somebody who reads this?", Effort::Strict) else {
            panic!("it was never seen before")
        };
        let read = tokio::time::timeout(Duration::from_secs(5), readers.read(vec![(0, open)])).await;
        let read = read.expect("the windows that were given up are in the way").unwrap();
        assert_eq!(read.iter().map(|read| read.segment).collect::<Vec<_>>(), [0]);
        assert!(!read[0].judged.partial);
    }
}
