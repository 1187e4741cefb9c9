//! Properties that hold for any bytes that anybody sends.
//!
//! **Cast.** A [`Target`] is one property over a slice of bytes, with a name and seeds. `fuzz/` has a target of three lines
//! for each and looks for hours (`cargo xtask fuzz`); `tests/smoke.rs` tries its seeds with small changes in every test run.
//!
//! **Theory of operation.** [`Target::check`] returns, or panics where the property does not hold. A property that needs
//! more than a text (where a stream is cut, which spans are edited) takes it from the first bytes, its head, so that a
//! fuzzer may change that too.
//!
//! **What it does not do.** It proves nothing about sockets: `crates/wardbell/tests/it` does that with a real gateway.

mod door;
mod json;
mod model;
mod scan;
pub mod seed;
mod stream;

use wardbell_llm::dialect::Dialect;

/// Every dialect.
pub const DIALECTS: &[Dialect] = &[
    Dialect::ChatCompletions,
    Dialect::Responses,
    Dialect::Completions,
    Dialect::Embeddings,
    Dialect::Messages,
    Dialect::Gemini,
    Dialect::CohereChat,
    Dialect::Generic,
];

/// How many bytes a head has. Source: our choice; two to choose with and six for sizes.
pub const HEAD_BYTES: usize = 8;

/// What is asked of any bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The segments of a request map back to the bytes that spell them, and a redaction leaves JSON.
    Request(Dialect),
    /// However a stream is cut, its events are the same and no byte is lost. The head says where it is cut.
    Sse,
    /// Splicing changes no byte outside of its spans. The head says how many spans there are and the shape of each.
    BodyEdit,
    /// However a stream is cut, the same bytes leave the guard and the same is found. The head says dialect, guarding and cuts.
    StreamGuard,
    /// The texts of an answer map back to the bytes that spell them, and none is left when all are cut out.
    AnswerTexts,
    /// Findings are sorted, within the text, and on the boundaries of characters.
    ScanEngine,
    /// Content policies find places within the text; indicators of abuse are from 0 to 1.
    ContentAbuse,
    /// Readings grow no more than they may, one at least is scored, and every place in one leads back into the text. The head says where.
    InjectionReadings,
    /// The tokens of a text are of the vocabulary, and their ranges cover it in order, on the boundaries of characters.
    Tokens,
    /// A model file with other bytes in some places is refused, or its scores are numbers. The input names places and bytes.
    ModelFile,
    /// A URL that is taken is read back as itself and leads where policy allows.
    EgressUrl,
    /// A wish is what the header says, and a value that is not allowed is told by the header's name.
    Wishes,
}

impl Target {
    /// Every target, in the order of listings.
    pub fn all() -> Vec<Self> {
        let mut all: Vec<_> = DIALECTS.iter().copied().map(Self::Request).collect();
        all.extend([
            Self::Sse,
            Self::BodyEdit,
            Self::StreamGuard,
            Self::AnswerTexts,
            Self::ScanEngine,
            Self::ContentAbuse,
            Self::InjectionReadings,
            Self::Tokens,
            Self::ModelFile,
            Self::EgressUrl,
            Self::Wishes,
        ]);
        all
    }

    /// The name of its fuzz target.
    pub fn name(self) -> String {
        match self {
            Self::Request(dialect) => format!("request_{}", dialect.as_str().replace('.', "_")),
            Self::Sse => "sse".to_owned(),
            Self::BodyEdit => "body_edit".to_owned(),
            Self::StreamGuard => "stream_guard".to_owned(),
            Self::AnswerTexts => "answer_texts".to_owned(),
            Self::ScanEngine => "scan_engine".to_owned(),
            Self::ContentAbuse => "content_abuse".to_owned(),
            Self::InjectionReadings => "injection_readings".to_owned(),
            Self::Tokens => "tokens".to_owned(),
            Self::ModelFile => "model_file".to_owned(),
            Self::EgressUrl => "egress_url".to_owned(),
            Self::Wishes => "wishes".to_owned(),
        }
    }

    /// Panics if the property does not hold for these bytes.
    pub fn check(self, data: &[u8]) {
        match self {
            Self::Request(dialect) => json::request(dialect, data),
            Self::Sse => stream::sse(data),
            Self::BodyEdit => json::body_edit(data),
            Self::StreamGuard => stream::guard(data),
            Self::AnswerTexts => json::answer_texts(data),
            Self::ScanEngine => scan::engine(data),
            Self::ContentAbuse => scan::content_abuse(data),
            Self::InjectionReadings => scan::injection_readings(data),
            Self::Tokens => model::tokens(data),
            Self::ModelFile => model::file(data),
            Self::EgressUrl => door::egress_url(data),
            Self::Wishes => door::wishes(data),
        }
    }
}

/// The dialect that a byte chooses.
fn dialect(byte: u8) -> Dialect {
    DIALECTS.get(usize::from(byte) % DIALECTS.len()).copied().unwrap_or(Dialect::Generic)
}
