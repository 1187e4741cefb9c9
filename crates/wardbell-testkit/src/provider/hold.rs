//! A gate that a test opens one event at a time.

use std::sync::{Arc, Mutex};

/// Holds the events of a stream back until they are released. Clones share one gate.
///
/// A test that proves unbuffered flow releases one event, sees it arrive at the client, sees that nothing else arrives,
/// and only then releases the rest.
#[derive(Clone, Debug, Default)]
pub struct Hold(Arc<Mutex<Permits>>);

#[derive(Debug, Default)]
struct Permits {
    left: usize,
    open: bool,
}

impl Hold {
    /// A gate that lets nothing through yet. The head of the answer is not held.
    pub fn new() -> Hold {
        Hold::default()
    }

    /// Lets `events` more events through.
    pub fn release(&self, events: usize) {
        self.permits().left += events;
    }

    /// Lets everything through from now on.
    pub fn release_all(&self) {
        self.permits().open = true;
    }

    /// Takes one permit if there is one.
    pub(crate) fn pass(&self) -> bool {
        let mut permits = self.permits();
        if permits.open {
            return true;
        }
        let passes = permits.left > 0;
        permits.left = permits.left.saturating_sub(1);
        passes
    }

    fn permits(&self) -> std::sync::MutexGuard<'_, Permits> {
        self.0.lock().expect("nobody panics while holding a gate")
    }
}
