//! The weights of the injection model: one file, part of the binary.
//!
//! It is a crate of its own so that nothing else is compiled again for 36 MiB that hardly ever change. `training/run.sh` makes
//! the file; `training/MODEL_CARD.md` says from what and what it is worth, `wardbell-encoder`'s FORMAT.md how it is laid out,
//! NOTICE whose work is in it. `wardbell_detect::cascade` reads it.

/// The model file (`wardbell-injection-1`), calibrated: some 36 MiB.
pub static INJECTION: &[u8] = include_bytes!("../weights/injection.safetensors");

/// The SHA-256 of [`INJECTION`], in hexadecimal digits, as the model card tells it.
pub const INJECTION_SHA256: &str = include_str!("../weights/injection.sha256");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_the_one_that_the_card_speaks_of() {
        let digest = ring::digest::digest(&ring::digest::SHA256, INJECTION);
        let told: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(told, INJECTION_SHA256.trim());
        assert!(
            include_str!("../../../training/MODEL_CARD.md").contains(&told),
            "training/MODEL_CARD.md names another file"
        );
    }
}
