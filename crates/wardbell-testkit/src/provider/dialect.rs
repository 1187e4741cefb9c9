//! Which API a request speaks, told by its path as the real providers tell it.

use serde_json::Value;

use super::{cohere, completion, embedding, gemini, messages, responses};
use crate::request::Recorded;

/// An API of a model provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenAI, `…/chat/completions`; also what any path is taken for that says nothing.
    Chat,
    /// OpenAI, `…/completions`.
    Completions,
    /// OpenAI, `…/responses`.
    Responses,
    /// OpenAI, `…/embeddings`.
    Embeddings,
    /// Anthropic, `…/messages`.
    Messages,
    /// Gemini, `…/models/MODEL:generateContent` and `:streamGenerateContent`.
    Gemini,
    /// Cohere, `/v2/chat`.
    Cohere,
}

impl Dialect {
    /// The dialect of a path with or without a query.
    pub fn of(path: &str) -> Dialect {
        let path = path.split('?').next().unwrap_or_default().trim_end_matches('/');
        // The longer ending first: a chat path ends as that of completions does.
        let endings = [
            ("/chat/completions", Dialect::Chat),
            ("/completions", Dialect::Completions),
            ("/responses", Dialect::Responses),
            ("/embeddings", Dialect::Embeddings),
            ("/messages", Dialect::Messages),
            (":generateContent", Dialect::Gemini),
            (":streamGenerateContent", Dialect::Gemini),
            ("/chat", Dialect::Cohere),
        ];
        endings.iter().find(|(ending, _)| path.ends_with(ending)).map_or(Dialect::Chat, |(_, dialect)| *dialect)
    }

    /// Whether the request asks for a stream: Gemini by its path, embeddings never, the others by `"stream": true`.
    pub(crate) fn wants_stream(self, request: &Recorded) -> bool {
        match self {
            Dialect::Gemini => request.path.contains(":streamGenerateContent"),
            Dialect::Embeddings => false,
            Dialect::Chat | Dialect::Completions | Dialect::Responses | Dialect::Messages | Dialect::Cohere => {
                asked(request).get("stream").and_then(Value::as_bool) == Some(true)
            }
        }
    }

    /// A whole answer with this content.
    pub(crate) fn whole(self, request: &Recorded, content: &str) -> Value {
        let model = self.model(request);
        match self {
            Dialect::Chat => completion::whole(&model, content),
            Dialect::Completions => completion::text(&model, content, &"stop".into()),
            Dialect::Responses => responses::whole(&model, content),
            Dialect::Embeddings => embedding::whole(&model, &asked(request)),
            Dialect::Messages => messages::whole(&model, content),
            Dialect::Gemini => gemini::whole(&model, content),
            Dialect::Cohere => cohere::whole(content),
        }
    }

    /// The bytes of each event of a stream whose content comes in these pieces, the closing ones among them.
    pub(crate) fn stream(self, request: &Recorded, pieces: &[String]) -> Vec<Vec<u8>> {
        let (asked, model) = (asked(request), self.model(request));
        let with_usage = asked.pointer("/stream_options/include_usage").and_then(Value::as_bool) == Some(true);
        match self {
            // Embeddings have no stream; a test that asks for one all the same gets one that a chat client reads.
            Dialect::Chat | Dialect::Embeddings => done(&completion::chunks(&model, pieces, with_usage)),
            Dialect::Completions => done(&completion::texts(&model, pieces, with_usage)),
            Dialect::Responses => responses::stream(&model, pieces),
            Dialect::Messages => messages::stream(&model, pieces),
            Dialect::Gemini => gemini::stream(&model, pieces, request.path.contains("alt=sse")),
            Dialect::Cohere => cohere::stream(pieces),
        }
    }

    /// What a stream of this request is sent as.
    pub(crate) fn stream_type(self, request: &Recorded) -> &'static str {
        if self == Dialect::Gemini && !request.path.contains("alt=sse") {
            "application/json; charset=UTF-8"
        } else {
            "text/event-stream; charset=utf-8"
        }
    }

    /// The model that the request names.
    fn model(self, request: &Recorded) -> String {
        let in_path = || {
            let (_, name) = request.path.split_once("/models/")?;
            Some(name.split(':').next().unwrap_or_default().to_owned())
        };
        let in_body = || Some(asked(request).get("model")?.as_str()?.to_owned());
        let named = if self == Dialect::Gemini { in_path() } else { in_body() };
        named.unwrap_or_else(|| completion::MODEL.to_owned())
    }
}

/// The body as JSON; null where it is none.
fn asked(request: &Recorded) -> Value {
    serde_json::from_slice(&request.body).unwrap_or_default()
}

/// The events of OpenAI's older streams, which have no name and end with `[DONE]`.
fn done(chunks: &[Value]) -> Vec<Vec<u8>> {
    let mut events: Vec<_> = chunks.iter().map(completion::event).collect();
    events.push(b"data: [DONE]\n\n".to_vec());
    events
}

/// One event with a name, as Anthropic, Cohere and the responses API send them: the name is the data's `type`.
pub(crate) fn named(data: &Value) -> Vec<u8> {
    let name = data.get("type").and_then(Value::as_str).unwrap_or("message");
    format!("event: {name}\ndata: {data}\n\n").into_bytes()
}
