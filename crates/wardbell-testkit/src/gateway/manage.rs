//! Calls to a gateway: the management API, the chat surface, and exact bytes.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Gateway;
use crate::reply::Reply;

impl Gateway {
    /// Sends one request over a connection of its own. `Host`, `Content-Length` and `Connection: close` are added.
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address());
        for (name, value) in headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        self.raw(&[head.as_bytes(), body].concat())
    }

    /// Sends exactly these bytes over a connection of its own and reads one answer.
    #[track_caller]
    pub fn raw(&self, request: &[u8]) -> Reply {
        let mut connection = self.connect();
        // A gateway that refuses a request early may close before it has read it all; its answer is still there.
        let _ = connection.try_send(request);
        connection.reply()
    }

    /// Calls the management API: `path` is what follows `/api/v1`.
    #[track_caller]
    pub fn api(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let bearer = format!("Bearer {}", self.admin_token());
        let mut headers = vec![("Authorization", bearer.as_str())];
        if body.is_some() {
            headers.push(("Content-Type", "application/json"));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        self.send(method, &format!("/api/v1{path}"), &headers, body.as_bytes())
    }

    /// `GET` from the management API, as JSON. Fails the test unless the status is 200.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        self.api("GET", path, None).expect(200).json()
    }

    /// Makes a project (`name`, `policy`) and answers with its id.
    #[track_caller]
    pub fn project(&self, body: &Value) -> String {
        text(&self.api("POST", "/projects", Some(body)).expect(201).json(), "id")
    }

    /// Makes a key of the project and answers with the key itself.
    #[track_caller]
    pub fn key(&self, project: &str) -> String {
        let body = json!({ "name": "test" });
        text(&self.api("POST", &format!("/projects/{project}/keys"), Some(&body)).expect(201).json(), "key")
    }

    /// Sets where the project's provider of this name is, with a key that only a test would use.
    #[track_caller]
    pub fn provider(&self, project: &str, name: &str, base_url: &str) {
        let body = json!({ "kind": "openai", "base_url": base_url, "api_key": "sk-test-provider-key" });
        let reply = self.api("PUT", &format!("/projects/{project}/providers/{name}"), Some(&body));
        assert!(matches!(reply.status, 200 | 201), "status {}: {}", reply.status, reply.text());
    }

    /// Makes a webhook endpoint and answers with all of its JSON, the secret among it.
    #[track_caller]
    pub fn webhook(&self, project: &str, body: &Value) -> Value {
        self.api("POST", &format!("/projects/{project}/webhooks"), Some(body)).expect(201).json()
    }

    /// Asks a list of the management API until it satisfies `done`, and answers with its rows. Fails the test after
    /// `deadline`.
    #[track_caller]
    pub fn wait_for_rows(&self, path: &str, deadline: Duration, done: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let until = Instant::now() + deadline;
        loop {
            let list = self.get(path);
            let rows = list.get("data").and_then(Value::as_array).cloned().unwrap_or_default();
            if done(&rows) {
                return rows;
            }
            assert!(Instant::now() < until, "{path} after {deadline:?}: {list:#}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a chat request with a project key and reads the whole answer.
    #[track_caller]
    pub fn chat(&self, key: &str, body: &Value) -> Reply {
        self.chat_bytes(key, body.to_string().as_bytes())
    }

    /// [`Gateway::chat`] with exactly this body.
    #[track_caller]
    pub fn chat_bytes(&self, key: &str, body: &[u8]) -> Reply {
        let bearer = format!("Bearer {key}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        self.send("POST", "/v1/chat/completions", &headers, body)
    }

    /// Sends a chat request and answers with the connection, from which its caller reads as the answer comes.
    #[track_caller]
    pub fn chat_stream(&self, key: &str, body: &Value) -> super::connection::Connection {
        let body = body.to_string();
        let mut connection = self.connect();
        connection.send(
            format!(
                "POST /v1/chat/completions HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {key}\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                self.address(),
                body.len()
            )
            .as_bytes(),
        );
        connection
    }
}

#[track_caller]
fn text(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_else(|| panic!("no {field} in {value}")).to_owned()
}
