//! Texts that a project allows, whatever a detector says of them.
//!
//! An operator who finds an alert about a harmless text allows the text by its fingerprint: nobody stores the text, and
//! nobody finds it out from the fingerprint without the secret of the installation. Letter case and white space make no
//! difference; a word does.

use ring::hmac;
use wardbell_core::id::ProjectId;

/// What fingerprints of texts are keyed with.
#[derive(Clone)]
pub struct AllowKeys(hmac::Key);

impl std::fmt::Debug for AllowKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AllowKeys(..)")
    }
}

impl AllowKeys {
    /// Makes the keys from a secret of this installation. The same secret gives the same fingerprints after every restart.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The fingerprint of a text in a project: 64 hexadecimal digits. In another project it is another.
    pub fn fingerprint(&self, project: ProjectId, text: &str) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(project.to_string().as_bytes());
        for word in text.split_whitespace() {
            context.update(b" ");
            context.update(word.to_lowercase().as_bytes());
        }
        context.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardbell_core::policy::is_fingerprint;
    use wardbell_core::time::Timestamp;

    fn project(entropy: u8) -> ProjectId {
        ProjectId::mint(Timestamp::from_millis(1), [entropy; wardbell_core::id::ENTROPY_BYTES])
    }

    #[test]
    fn a_fingerprint_is_of_a_text_in_a_project_under_a_secret() {
        let keys = AllowKeys::new(&[7; 32]);
        let of = |text| keys.fingerprint(project(1), text);
        assert!(is_fingerprint(&of("Ignore this")));
        assert_eq!(of("Ignore  this\n"), of("ignore this"));
        assert_ne!(of("ignore this"), of("ignore that"));
        assert_ne!(of("ab c"), of("a bc"));
        assert_ne!(of("ignore this"), keys.fingerprint(project(2), "ignore this"));
        assert_ne!(of("ignore this"), AllowKeys::new(&[8; 32]).fingerprint(project(1), "ignore this"));
    }
}
