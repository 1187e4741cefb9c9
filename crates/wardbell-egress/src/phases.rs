//! Phases of one call and how long each took.

use std::time::Duration;

use tokio::time::Instant;

/// A phase of one call, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Looking the name up.
    Dns,
    /// The TCP handshake.
    Connect,
    /// The TLS handshake.
    Tls,
    /// From sending the request to the end of the answer's head.
    Head,
    /// The answer's body.
    Body,
}

impl Phase {
    /// The word for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Head => "head",
            Self::Body => "body",
        }
    }
}

/// How long each phase took. None: it was not reached or not finished, or the destination needs none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Phases {
    /// Looking the name up.
    pub dns: Option<Duration>,
    /// The TCP handshake, with the attempts that failed before it.
    pub connect: Option<Duration>,
    /// The TLS handshake.
    pub tls: Option<Duration>,
    /// From sending the request to the end of the answer's head.
    pub first_byte: Option<Duration>,
    /// From the start of the call to its end, however it ended.
    pub total: Duration,
}

/// Takes the times of one call as it goes.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    started: Instant,
    entered: Instant,
    phase: Phase,
    phases: Phases,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        let now = Instant::now();
        Self { started: now, entered: now, phase: Phase::Dns, phases: Phases::default() }
    }

    /// Enters a phase.
    pub(crate) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.entered = Instant::now();
    }

    /// Notes that the phase under way is finished.
    pub(crate) fn finish(&mut self) {
        let took = Some(self.entered.elapsed());
        match self.phase {
            Phase::Dns => self.phases.dns = took,
            Phase::Connect => self.phases.connect = took,
            Phase::Tls => self.phases.tls = took,
            Phase::Head => self.phases.first_byte = took,
            Phase::Body => {}
        }
    }

    /// The phase under way.
    pub(crate) const fn phase(&self) -> Phase {
        self.phase
    }

    /// The times so far.
    pub(crate) fn read(&self) -> Phases {
        Phases { total: self.started.elapsed(), ..self.phases }
    }
}
