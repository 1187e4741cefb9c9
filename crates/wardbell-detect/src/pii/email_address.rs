//! **What it finds.** E-mail addresses whose domain ends in a top-level domain that exists or is reserved for private
//! use. **Why it matters.** An address names a person and lets anyone write to them. **What it misses.** Addresses with
//! quotes, spaces or letters of other scripts before the at sign; written out as `bob at example dot com`; at a bare
//! host name or an IP address. **Source.** RFC 5321 section 4.5.3.1 (lengths), RFC 1035 section 2.3.4 (labels), the IANA
//! root zone (`email_address/tlds.txt`, as of 2023-02), RFC 2606 and RFC 6762 (reserved names), read 2026-11-23.

use std::ops::Range;
use std::sync::LazyLock;

use wardbell_core::entity::EntityType;

use crate::rule::{Rule, Scene, Search, Spots, is_alphanumeric};

/// The score of the shape with a real top-level domain.
const SCORE: f32 = 1.0;

/// The most bytes of a domain (RFC 5321).
const DOMAIN_BYTES_MAX: usize = 255;

/// The most bytes before the at sign. RFC 5321 says 64; four times that is read, so that an address does not hide
/// behind a long name.
const LOCAL_BYTES_MAX: usize = 256;

/// Names under the root zone that networks use among themselves.
const PRIVATE: [&str; 8] = ["corp", "example", "home", "internal", "intranet", "lan", "local", "test"];

/// The top-level domains of the root zone, sorted.
static PUBLIC: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("email_address/tlds.txt").lines().collect());

pub(crate) const RULE: Rule = Rule {
    id: "pii.email-address",
    entity: EntityType::EmailAddress,
    doc: "E-mail addresses.",
    search: Search::AtSign(look),
    context: &[],
    hits: &[
        "bob@example.com",
        "write to <bob.o'neil+tag@mail.example.co.uk>.",
        "mailto:bob@example.com?subject=x",
        "BOB@EXAMPLE.COM",
        "bob@example.com.Please answer",
        "bob@example.com, ann@example.org",
        "123@163.com",
        "user=bob@example.com",
        "{\"email\":\"bob_1@sub-domain.example.io\"}",
        "bob@xn--bcher-kva.example.de",
        "root@host.internal",
        "bob@example.com-",
        "联系bob@example.com谢谢",
        "bob\u{200b}@exam\u{200b}ple.com",
        "bob＠example．com",
        "@bob@example.com",
    ],
    misses: &[
        "bob@localhost",
        "@types/node@20",
        "npm install eslint@8.0.1 react@18.2.0-rc.1",
        "icon@2x.png",
        "x = a @ b.T",
        "y = x@self.weight",
        "@app.route('/x')",
        "git@github.com:org/repo.git",
        "postgres://user:secret@db.example.com/x",
        "https://user@example.com/path",
        "meet @ noon",
        "@@@@@@",
        "a@.com",
        "a@b..com",
        "a@-b.com",
        "look@this.",
        "..@example.com",
    ],
};

fn look(at: usize, scene: &Scene<'_>, spots: &mut Spots<'_>) {
    let Some(local) = local(scene, at) else { return };
    let Some(domain) = domain(scene, at + 1) else { return };
    if is_url_user(scene, &local) || is_ssh_remote(scene, &local, &domain) {
        return;
    }
    spots.push(local.start..domain.end, SCORE);
}

/// What stands before the at sign: letters, digits and the marks that mailboxes use, starting with a letter, a digit or
/// an underscore, not ending in a full stop.
fn local(scene: &Scene<'_>, at: usize) -> Option<Range<usize>> {
    let text = scene.text.get(at.saturating_sub(LOCAL_BYTES_MAX)..at)?;
    let is_local =
        |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'%' | b'+' | b'-' | b'\'');
    let taken = text.iter().rev().take_while(is_local).count();
    let name = text.get(text.len() - taken..)?;
    let skipped = name.iter().position(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')?;
    (name.last() != Some(&b'.')).then(|| at - taken + skipped..at)
}

/// The longest domain from `start` on that ends in a known top-level domain.
fn domain(scene: &Scene<'_>, start: usize) -> Option<Range<usize>> {
    let text = scene.text.get(start..)?;
    let text = text.get(..text.len().min(DOMAIN_BYTES_MAX))?;
    let length = text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')).count();
    let mut end = None;
    let mut offset = 0;
    for (index, label) in text.get(..length)?.split(|byte| *byte == b'.').enumerate() {
        if label.is_empty() || label.first() == Some(&b'-') {
            break;
        }
        if index > 0 {
            // A dash after the last label belongs to the sentence.
            let name = if label.starts_with(b"xn--") { label } else { label.split(|byte| *byte == b'-').next()? };
            if is_top_level(name) && !is_image_density(text.get(..offset).unwrap_or_default()) {
                end = Some(start + offset + name.len());
            }
        }
        offset += label.len() + 1;
    }
    end.map(|end| start..end)
}

fn is_top_level(name: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(name) else { return false };
    let name = name.to_ascii_lowercase();
    PUBLIC.binary_search(&name.as_str()).is_ok() || PRIVATE.contains(&name.as_str())
}

/// Whether the domain is the `2x.` of a file name such as `icon@2x.zip`.
fn is_image_density(before: &[u8]) -> bool {
    matches!(before, [b'1'..=b'4', b'x' | b'X', b'.'])
}

/// Whether this is the user, or the password, of a URL.
fn is_url_user(scene: &Scene<'_>, local: &Range<usize>) -> bool {
    let Some(before) = scene.text.get(local.start.saturating_sub(LOCAL_BYTES_MAX)..local.start) else { return false };
    let is_user = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'.' | b'_' | b'%' | b'+' | b'-');
    let taken = before.iter().rev().take_while(is_user).count();
    before.get(..before.len() - taken).is_some_and(|before| before.ends_with(b"//"))
}

/// Whether this is the remote of a repository, as `git@github.com:org/repo`.
fn is_ssh_remote(scene: &Scene<'_>, local: &Range<usize>, domain: &Range<usize>) -> bool {
    scene.bytes(local) == b"git" && scene.at(domain.end) == Some(b':') && is_alphanumeric(scene.at(domain.end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_level_domains_are_sorted() {
        assert!(PUBLIC.is_sorted());
        assert!(PUBLIC.len() > 1000);
        assert!(is_top_level(b"COM") && is_top_level(b"local") && !is_top_level(b"png"));
    }
}
