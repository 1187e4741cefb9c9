//! The loop guard of this node: whether a request goes in circles, and what is told of it (`wardbell_guard::loops`).
//!
//! It looks at calls of the gateway surface; on the scan and proxy surface nothing stops unless somebody asks.
//!
//! **Bounds.** State is kept behind `SHARDS` locks, each held for a look-up and an update; what it keeps is bounded where
//! it is kept.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use wardbell_core::alert::LoopData;
use wardbell_core::id::KeyId;
use wardbell_core::loops::Detector;
use wardbell_core::money::Usd;
use wardbell_core::policy::LoopPolicy;
use wardbell_core::transcript::Turn;
use wardbell_guard::loops::chant::{Chant, Chanting};
use wardbell_guard::loops::episode::{Conversation, Episodes, News, mean};
use wardbell_guard::loops::repeat::{Judgement, RepeatRule, RepeatToken, Repeats};
use wardbell_guard::loops::session::{SessionId, Sessions};
use wardbell_guard::loops::{self, Exempt, Level, LoopFinding, LoopKeys, Reaction, transcript};
use wardbell_llm::transcript::Transcript;

pub use wardbell_guard::loops::SECRET_BYTES;

/// How many locks the counts of repeated requests are behind. Source: our choice; a power of two well above the cores.
const SHARDS: usize = 16;

/// How much of the buffer for folded texts a thread keeps from one request to the next.
const SCRATCH_BYTES_KEPT: usize = 64 * 1024;

thread_local! {
    /// For folded texts. A buffer of their size is dear to allocate: the C library keeps none that large at hand.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The loop guard.
pub struct LoopGuard {
    keys: LoopKeys,
    started: Instant,
    repeats: [Mutex<Repeats>; SHARDS],
    sessions: Mutex<Sessions>,
    episodes: Mutex<Episodes>,
}

/// Whose request it is, and for which model.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'c> {
    pub(crate) key: KeyId,
    pub(crate) model: &'c str,
    /// The session that the caller names in a header.
    pub(crate) session: Option<&'c str>,
}

/// What the guard found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Circle {
    /// What an alert tells of it, and a refusal.
    pub(crate) data: LoopData,
    /// When the same request may come again; `None` where only a cure helps.
    pub(crate) retry_after: Option<Duration>,
    /// The time over which repeats were counted.
    pub(crate) window: Duration,
    /// Whether somebody is to be told: once in an episode.
    pub(crate) is_news: bool,
    reaction: Reaction,
}

impl Circle {
    pub(crate) fn refuses(&self) -> bool {
        self.reaction == Reaction::Refuse
    }

    /// What a caller is told in a header, where it is.
    pub(crate) fn warning(&self) -> Option<String> {
        let LoopData { detector, hit_count, .. } = &self.data;
        (self.reaction == Reaction::Tell).then(|| format!("{}; count={hit_count}", detector.as_str()))
    }
}

/// A request that goes on, until its answer is complete or given up.
pub(crate) struct Watch {
    guard: Arc<LoopGuard>,
    token: Option<RepeatToken>,
    session: Option<SessionId>,
    /// The conversation of an episode that goes on.
    conversation: Option<Conversation>,
    cost: Usd,
}

impl Watch {
    /// Notes what the request did cost.
    pub(crate) fn cost(&mut self, cost: Usd) {
        self.cost = cost;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            self.guard.repeats_of(token.fingerprint().shard(SHARDS)).ended(token, self.cost);
        }
        if let Some(session) = self.session {
            lock(&self.guard.sessions).charge(session, self.cost);
        }
        if let Some(conversation) = self.conversation {
            lock(&self.guard.episodes).charge(conversation, self.cost);
        }
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    // Counts: a panic elsewhere leaves none of them wrong.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LoopGuard {
    /// A guard whose fingerprints are keyed with the secret of the installation.
    pub fn new(secret: &[u8; SECRET_BYTES]) -> Self {
        Self {
            keys: LoopKeys::new(secret),
            started: Instant::now(),
            repeats: std::array::from_fn(|_| Mutex::default()),
            sessions: Mutex::default(),
            episodes: Mutex::default(),
        }
    }

    fn repeats_of(&self, shard: usize) -> MutexGuard<'_, Repeats> {
        // A shard is below their number.
        lock(self.repeats.get(shard).unwrap_or(&self.repeats[0]))
    }

    /// Judges a request. The watch must be kept until its answer is over; a request that is refused has none.
    pub(crate) fn judge(
        self: &Arc<Self>,
        caller: Caller<'_>,
        transcript: &Transcript<'_>,
        policy: &LoopPolicy,
    ) -> (Option<Watch>, Option<Circle>) {
        let turns = transcript.turns();
        let now = self.started.elapsed();
        let exempt = Exempt { samples: transcript.asked().answers() > 1, ..Exempt::default() };
        let mut watch =
            Watch { guard: Arc::clone(self), token: None, session: None, conversation: None, cost: Usd::ZERO };
        let repeated = self.repeated(caller, &turns, exempt, policy, now, &mut watch);
        if repeated.as_ref().is_some_and(Circle::refuses) {
            return (None, repeated);
        }
        let within = self.within(caller, &turns, policy, now, &mut watch);
        if within.as_ref().is_some_and(Circle::refuses) {
            return (None, within);
        }
        let ended = self.session(caller, transcript, &turns, policy, now, &mut watch);
        if ended.as_ref().is_some_and(Circle::refuses) {
            return (None, ended);
        }
        (Some(watch), repeated.or(within).or(ended))
    }

    /// The same request again and again (D5).
    fn repeated(
        &self,
        caller: Caller<'_>,
        turns: &[Turn<'_>],
        exempt: Exempt,
        policy: &LoopPolicy,
        now: Duration,
        watch: &mut Watch,
    ) -> Option<Circle> {
        let fingerprint = SCRATCH.with_borrow_mut(|scratch| {
            let fingerprint = loops::request(&self.keys, caller.key, caller.model, turns, exempt, scratch);
            scratch.clear();
            scratch.shrink_to(SCRATCH_BYTES_KEPT);
            fingerprint
        })?;
        let rule = RepeatRule::from(policy);
        match self.repeats_of(fingerprint.shard(SHARDS)).begin(fingerprint, rule, now) {
            Judgement::Allow(token) => {
                watch.token = Some(token);
                None
            }
            Judgement::Refuse(repeat) => Some(Circle {
                data: LoopData {
                    fingerprint: fingerprint.to_string(),
                    hit_count: repeat.hit_count,
                    model: caller.model.to_owned(),
                    cooldown_seconds: repeat.cooldown.as_secs(),
                    detector: Detector::RepeatedRequest,
                    tool: None,
                    cost: known(repeat.cost_so_far),
                    cost_avoided: known(repeat.cost_avoided),
                },
                retry_after: Some(repeat.remaining),
                window: rule.window,
                is_news: repeat.begins,
                reaction: Level::Block.under(policy.mode),
            }),
        }
    }

    /// An agent that goes in circles within its transcript (D1 to D4).
    fn within(
        &self,
        caller: Caller<'_>,
        turns: &[Turn<'_>],
        policy: &LoopPolicy,
        now: Duration,
        watch: &mut Watch,
    ) -> Option<Circle> {
        let Some(finding) = transcript::inspect(&self.keys, policy, turns) else {
            let mut episodes = lock(&self.episodes);
            if !episodes.is_empty() {
                episodes.calm(Conversation::of(&self.keys, caller.key, turns));
            }
            return None;
        };
        let conversation = Conversation::of(&self.keys, caller.key, turns);
        watch.conversation = Some(conversation);
        Some(self.found(caller, conversation, &finding, policy, now))
    }

    /// A session past one of its caps (D6).
    fn session(
        &self,
        caller: Caller<'_>,
        transcript: &Transcript<'_>,
        turns: &[Turn<'_>],
        policy: &LoopPolicy,
        now: Duration,
        watch: &mut Watch,
    ) -> Option<Circle> {
        if policy.session.is_empty() {
            return None;
        }
        let mut sessions = lock(&self.sessions);
        let session = match caller.session.or(transcript.session()) {
            Some(name) => SessionId::named(&self.keys, caller.key, name),
            None => sessions.find(&self.keys, caller.key, turns, now),
        };
        watch.session = Some(session);
        let end = sessions.begin(&self.keys, session, policy.session, transcript.tool_calls(), now).err()?;
        drop(sessions);
        let finding = LoopFinding {
            detector: Detector::SessionCap,
            level: Level::Block,
            tool: None,
            count: u32::try_from(end.calls).unwrap_or(u32::MAX),
            fingerprint: end.fingerprint,
            first_step: 0,
        };
        let conversation = Conversation::of(&self.keys, caller.key, turns);
        let mut circle = self.found(caller, conversation, &finding, policy, now);
        // The session knows what all of it has cost, an episode only what it has seen.
        let before = u32::try_from(end.calls.saturating_sub(1)).unwrap_or(u32::MAX);
        circle.data.cost = known(end.spent);
        circle.data.cost_avoided = known(mean(end.spent, before)).filter(|_| circle.refuses());
        Some(circle)
    }

    /// What is made of a finding in a conversation.
    fn found(
        &self,
        caller: Caller<'_>,
        conversation: Conversation,
        finding: &LoopFinding,
        policy: &LoopPolicy,
        now: Duration,
    ) -> Circle {
        let reaction = finding.level.under(policy.mode);
        let refuses = reaction == Reaction::Refuse;
        let (is_news, told) = match lock(&self.episodes).found(conversation, finding, refuses, now) {
            News::Begins(told) | News::Worsens(told) => (true, told),
            News::GoesOn(told) => (false, told),
        };
        Circle {
            data: LoopData {
                fingerprint: finding.fingerprint.to_string(),
                hit_count: finding.count,
                model: caller.model.to_owned(),
                cooldown_seconds: 0,
                detector: finding.detector,
                tool: finding.tool.clone(),
                cost: known(told.cost_so_far),
                cost_avoided: known(told.cost_avoided),
            },
            retry_after: None,
            window: Duration::from_secs(u64::from(policy.window_seconds)),
            is_news,
            reaction,
        }
    }

    /// What an answer that chants is told as (D7).
    pub(crate) fn chanted(&self, key: KeyId, model: &str, chanting: Chanting) -> LoopData {
        LoopData {
            fingerprint: Chanting::fingerprint(&self.keys, key, model).to_string(),
            hit_count: chanting.count,
            model: model.to_owned(),
            cooldown_seconds: 0,
            detector: Detector::Chanting,
            tool: None,
            cost: None,
            cost_avoided: None,
        }
    }
}

/// A sum, where anything is known to have been spent.
fn known(cost: Usd) -> Option<Usd> {
    (cost > Usd::ZERO).then_some(cost)
}

/// Watches an answer that streams for one that says the same again and again.
pub(crate) struct ChantWatch {
    splitter: wardbell_llm::sse::SseSplitter,
    dialect: wardbell_llm::dialect::Dialect,
    chant: Chant,
}

impl ChantWatch {
    pub(crate) fn new(dialect: wardbell_llm::dialect::Dialect, repeats: u32) -> Self {
        Self { splitter: wardbell_llm::sse::SseSplitter::default(), dialect, chant: Chant::new(repeats) }
    }

    /// Takes the next bytes of the stream; tells of a chant once there is one.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Option<Chanting> {
        let Self { splitter, dialect, chant } = self;
        let mut found = None;
        splitter.push(piece, |frame| {
            let wardbell_llm::sse::Frame::Event { raw, data, .. } = frame else { return };
            let data = wardbell_llm::sse::join(raw, data);
            for text in wardbell_llm::answer::texts(*dialect, &data).unwrap_or_default() {
                found = found.or_else(|| chant.push(&text.text));
            }
        });
        found
    }
}
