//! `wardbell verify`: is a saved delivery from Wardbell, and is it whole?

use std::collections::HashMap;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use wardbell_notify::verify::Via;
use wardbell_telemetry::ambient;

use crate::cli::print;
use crate::receiver::Trust;

/// The largest saved delivery that is read, in bytes.
const REQUEST_BYTES_MAX: u64 = 16 * 1024 * 1024;

#[derive(Args)]
pub(crate) struct Verify {
    /// The saved request: header lines, an empty line, and the body exactly as received; `-` reads standard input.
    #[arg(value_name = "FILE")]
    request: PathBuf,
    #[command(flatten)]
    trust: Trust,
    /// How old the delivery may be, in seconds; the default lets any age pass, since it was saved.
    #[arg(long, value_name = "SECONDS")]
    max_age: Option<u64>,
}

impl Verify {
    pub(crate) fn run(self) -> Result<()> {
        let bytes = if self.request.as_os_str() == "-" {
            read(std::io::stdin().lock())
        } else {
            std::fs::File::open(&self.request).and_then(read)
        };
        let bytes = bytes.with_context(|| format!("cannot read {}", self.request.display()))?;
        let (headers, body) = split(&bytes)?;
        // A century is older than any delivery.
        let tolerance = Duration::from_secs(self.max_age.unwrap_or(100 * 366 * 86_400));
        let header = |name: &str| headers.get(name).map(String::as_str);
        let verified = self.trust.verify(header, body, ambient::now(), tolerance)?;
        let by = match verified.via {
            Via::Standard => "its Standard Webhooks signature",
            Via::Ed25519 => "its Standard Webhooks ed25519 signature",
            Via::Aisg => "X-AISG-Signature (which does not vouch for its time)",
            Via::GitHub => "X-Hub-Signature-256 (which does not vouch for its time)",
            Via::LockLlm => "X-LockLLM-Signature (which does not vouch for its body or its time)",
        };
        print::line(&format!("good: verified by {by}; id {}", verified.webhook_id.as_deref().unwrap_or("unknown")));
        Ok(())
    }
}

fn read(from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(REQUEST_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Splits a saved request into its headers by lower-case name and its body. A request line in front is skipped.
fn split(bytes: &[u8]) -> Result<(HashMap<String, String>, &[u8])> {
    let mut headers = HashMap::new();
    let mut rest = bytes;
    loop {
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            bail!("the request has no empty line between its headers and its body");
        };
        let (line, after) = rest.split_at(end + 1);
        rest = after;
        let line = std::str::from_utf8(line).context("a header line is not UTF-8")?.trim_end();
        if line.is_empty() {
            return Ok((headers, rest));
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_request_is_split_at_its_first_empty_line() {
        for newline in ["\n", "\r\n"] {
            let saved = ["POST /hook HTTP/1.1", "Webhook-Id: wh_1", "X: a:b", "", "{\"a\":\n\n1}"].join(newline);
            let (headers, body) = split(saved.as_bytes()).unwrap();
            assert_eq!(headers.get("webhook-id").map(String::as_str), Some("wh_1"));
            assert_eq!(headers.get("x").map(String::as_str), Some("a:b"));
            assert_eq!(body, b"{\"a\":\n\n1}");
        }
        assert!(split(b"Webhook-Id: wh_1").is_err());
    }
}
