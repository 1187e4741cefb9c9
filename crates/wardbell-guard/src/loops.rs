//! Loops: requests that repeat, agents that go in circles, sessions that do not end, answers that chant.
//!
//! **Cast.** A [`Turn`] is what a message is to this guard; the dialects make them. [`LoopKeys`] key every fingerprint.
//! [`repeat`] counts identical requests (D5). [`transcript`] looks at one transcript and keeps no state (D1 to D4).
//! [`session`] keeps a session within its caps (D6). [`chant`] watches an answer as it streams (D7). [`episode`] says
//! whether a loop is news.
//!
//! **Theory of operation.** A chat request carries its whole transcript, so most loops are seen in one request, on any
//! node. Only the end of a transcript matters: a loop that the agent has left is none. Texts are compared by their folded
//! form, in which what changes by itself is masked, and only where their tools make a loop possible.
//!
//! **Fingerprints.** [`request`]'s is the HMAC-SHA-256, under the secret of the installation, of the key's id, the model and
//! the last [`MESSAGES_OF_FINGERPRINT`] messages after folding. It is stable for an installation, so a receiver can match it
//! with an agent that it knows; without the secret no guess of a prompt can be tested against it. Findings in a transcript
//! have one of the same kind over the detector, the tool and what repeats.
//!
//! **Bounds.** Each of them is a named constant beside what it bounds; time is linear in the transcript.
//!
//! **What it does not do.** State is of one node. A policy is taken as it is; `wardbell_core::policy::LoopPolicy::check`
//! says whether it makes sense.

use wardbell_core::id::KeyId;
use wardbell_core::loops::Detector;
use wardbell_core::policy::LoopMode;
use wardbell_core::transcript::{Call, ToolResult, Turn};

pub mod chant;
pub mod episode;
pub mod repeat;
pub mod session;
pub mod transcript;

mod bounded;
mod canon;
mod fold;
mod keys;
mod near;
mod step;

pub use keys::{Fingerprint, LoopKeys, SECRET_BYTES};

/// How many messages at the end of a request its fingerprint is of: AISG's number (`spec/wire-aisg.md` 1.8).
pub const MESSAGES_OF_FINGERPRINT: usize = 3;

/// The longest name of a tool in a finding, in characters. Source: OpenAI's limit for names of functions, as we
/// know its API.
pub const TOOL_CHARS_MAX: usize = 64;

/// How sure a detector is, and so what may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Tell it and go on.
    Warn,
    /// Stop it.
    Block,
}

impl Level {
    /// What is done about a finding where the policy allows so much.
    pub const fn under(self, mode: LoopMode) -> Reaction {
        match (self, mode) {
            (_, LoopMode::Observe) => Reaction::Record,
            (Self::Warn, LoopMode::Warn | LoopMode::Block) | (Self::Block, LoopMode::Warn) => Reaction::Tell,
            (Self::Block, LoopMode::Block) => Reaction::Refuse,
        }
    }
}

/// What is done about a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// Record it and go on.
    Record,
    /// Record it, tell the caller in a header, and go on.
    Tell,
    /// Record it and refuse the request.
    Refuse,
}

/// A loop that was found. It holds no text but the name of the tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoopFinding {
    /// What found it.
    pub detector: Detector,
    /// How sure it is.
    pub level: Level,
    /// The tool, where there is one: at most [`TOOL_CHARS_MAX`] characters, none of them a control or invisible one.
    pub tool: Option<String>,
    /// How often it came: calls, rounds of a cycle, or turns.
    pub count: u32,
    /// What repeats.
    pub fingerprint: Fingerprint,
    /// The turn in which it began, counted from 0, as far back as was looked.
    pub first_step: usize,
}

/// What is special about a request, so that it may repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exempt {
    /// It asks for more than one answer (`n`), so it samples.
    pub samples: bool,
    /// It is no chat: embeddings and the like.
    pub is_not_chat: bool,
    /// It is answered from a cache.
    pub cached: bool,
}

/// The fingerprint of a request, for [`repeat::Repeats`]; `None` where it is exempt or has no messages. `scratch` is a
/// buffer to use again.
pub fn request(
    keys: &LoopKeys,
    key: KeyId,
    model: &str,
    turns: &[Turn<'_>],
    exempt: Exempt,
    scratch: &mut Vec<u8>,
) -> Option<Fingerprint> {
    let Exempt { samples, is_not_chat, cached } = exempt;
    if turns.is_empty() || samples || is_not_chat || cached {
        return None;
    }
    scratch.clear();
    let (_, last) = turns.split_at(turns.len().saturating_sub(MESSAGES_OF_FINGERPRINT));
    for Turn { origin, text, calls, results } in last {
        // Separators that no folded text has.
        scratch.extend([b'\n', 2]);
        scratch.extend_from_slice(origin.as_str().as_bytes());
        scratch.push(3);
        fold::fold(text, scratch);
        for Call { id: _, tool, arguments } in calls {
            scratch.push(4);
            fold::fold(tool, scratch);
            scratch.extend(canon::hash(keys, arguments).to_be_bytes());
        }
        for ToolResult { id: _, tool: _, text, is_error } in results {
            scratch.extend([5, u8::from(*is_error == Some(true))]);
            fold::fold(text, scratch);
        }
    }
    Some(keys::of_request(keys, key, model, scratch))
}

/// The name of a tool as it may be shown.
fn shown(tool: &str) -> String {
    tool.chars().filter(|letter| !is_hidden(*letter)).take(TOOL_CHARS_MAX).collect()
}

/// Control characters, and those that are not seen or turn the text around (Unicode 16, general category Cf and
/// `White_Space` lines).
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests;
