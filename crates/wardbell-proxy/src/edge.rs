//! The two edges of the one pipeline (`spec/decisions.md`, One product, two surfaces).

use http::Method;
use wardbell_llm::dialect::{Call, Dialect};

use crate::path::Proxied;

/// The edge that a request came in by. It says who decides, the fail mode, and the words of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    /// The gateway surface: the project's policy decides; AISG's words.
    Gateway,
    /// The scan and proxy surface: the caller's headers decide over the project's defaults; LockLLM's words.
    Proxy,
}

/// What a caller asks to be carried to a provider.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) edge: Edge,
    pub(crate) method: Method,
    /// The dialect, and what the path says of the model.
    pub(crate) call: Call,
    /// The dialect that the provider must speak: the call's own, or that of the call that it stands below.
    pub(crate) family: Dialect,
    /// The path below the provider, without a slash before it.
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    /// The provider that the path names.
    pub(crate) provider: Option<String>,
}

impl Ask {
    /// A call of the gateway surface.
    pub(crate) fn gateway(method: Method, call: Call, path: &str) -> Self {
        let family = call.dialect;
        Self { edge: Edge::Gateway, method, call, family, path: path.to_owned(), query: None, provider: None }
    }

    /// A call of the proxy surface.
    pub(crate) fn proxied(method: Method, proxied: Proxied) -> Self {
        let Proxied { provider, path, query, call } = proxied;
        let family = call.dialect;
        Self { edge: Edge::Proxy, method, call, family, path, query, provider }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.call.dialect
    }

    /// The name of the surface in records.
    pub(crate) fn surface(&self) -> &'static str {
        match self.edge {
            Edge::Gateway => self.call.dialect.as_str(),
            Edge::Proxy => "proxy",
        }
    }
}
