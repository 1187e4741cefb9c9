//! **What it finds.** PEM private keys: from the `BEGIN` line to the `END` line, or, where that is missing, over what
//! looks like the body. Plain, RSA, EC, DSA, OpenSSH, PGP and encrypted keys. **Why it matters.** The key *is* the
//! identity. **What it misses.** Keys without the `BEGIN` line; certificates and public keys, on purpose. **Source.**
//! RFC 7468 (<https://www.rfc-editor.org/rfc/rfc7468>); `spec/wire-aisg.md` 1.5, read 2026-11-23.

use wardbell_core::entity::EntityType;

use super::token;
use crate::rule::{Pattern, Rule, Search};

/// What every line of the frame starts and ends with.
const DASHES: &[u8] = b"-----";

/// The longest `END` line that is looked for after its first dashes, in bytes.
const END_LINE_BYTES_MAX: usize = 64;

/// The shortest run of body characters that is taken for a line of a key without an `END` line.
const BODY_LINE_BYTES_MIN: usize = 16;

pub(crate) const RULE: Rule = Rule {
    id: "secret.private-key",
    entity: EntityType::PrivateKey,
    doc: "PEM private keys.",
    search: Search::Pattern(Pattern {
        keywords: &["-----BEGIN "],
        expression: r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----",
        lead_bytes_max: 0,
        match_bytes_max: 80,
        run_on: Some(run_on),
        judge: |_, _| Some(token::SCORE),
    }),
    context: &[],
    hits: &[
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN EC PRIVATE KEY-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----\\nb3BlbnNzaC1rZXk\\n-----END OPENSSH PRIVATE KEY-----",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----",
    ],
    misses: &[
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN RSA PRIVATE KEY",
        "the private key",
    ],
};

/// Reads from the end of the `BEGIN` line to the end of the `END` line. The next dashes either start the `END` line or
/// end the key; no byte is read again for another key, because its `BEGIN` line would start with dashes too.
fn run_on(text: &[u8], begin_end: usize) -> usize {
    let rest = text.get(begin_end..).unwrap_or_default();
    let body_bytes = memchr::memmem::find(rest, DASHES).unwrap_or(rest.len());
    let (body, tail) = rest.split_at_checked(body_bytes).unwrap_or((rest, &[]));
    let end_line = tail.get(DASHES.len()..tail.len().min(END_LINE_BYTES_MAX)).unwrap_or_default();
    if end_line.starts_with(b"END ")
        && let Some(words) = memchr::memmem::find(end_line, DASHES)
    {
        return begin_end + body_bytes + DASHES.len() + words + DASHES.len();
    }
    begin_end + body_length(body)
}

/// How much of `body` looks like lines of base64, white space and escaped line ends between them.
fn body_length(body: &[u8]) -> usize {
    let is_body = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let mut taken = 0;
    let mut at = 0;
    while at < body.len() {
        let rest = body.get(at..).unwrap_or_default();
        if rest.first().is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        } else if rest.starts_with(b"\\n") || rest.starts_with(b"\\r") {
            at += 2;
        } else {
            let line = rest.iter().take_while(|byte| is_body(**byte)).count();
            if line < BODY_LINE_BYTES_MIN {
                break;
            }
            at += line;
            taken = at;
        }
    }
    taken
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "tests may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_key_without_its_end_line_is_taken_as_far_as_it_looks_like_one() {
        let check = |text: &str, expect: &str| assert_eq!(&text[..run_on(text.as_bytes(), 0)], expect);
        check(
            "\nMIIEpAIBAAKCAQEA\nabcdefghijklmnopqrstuv== and then text",
            "\nMIIEpAIBAAKCAQEA\nabcdefghijklmnopqrstuv==",
        );
        check("\\nMIIEpAIBAAKCAQEA\\n-----END KEY----- x", "\\nMIIEpAIBAAKCAQEA\\n-----END KEY-----");
        check(" is a header", "");
        check("\nMIIEpAIBAAKCAQEA\n-----BEGIN", "\nMIIEpAIBAAKCAQEA");
    }
}
