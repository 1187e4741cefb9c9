//! TLS settings: whom to trust.
//!
//! The roots are Mozilla's, compiled in, and those that the operator adds for private authorities. TLS 1.2 and 1.3 only,
//! as rustls has no others. A certificate that does not stand up ends the call; no setting turns that off.

use std::error::Error;
use std::io;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Why the egress could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The extra roots are no PEM.
    #[error("the extra roots are not valid PEM")]
    Pem(#[source] rustls_pki_types::pem::Error),
    /// The PEM of the extra roots has no certificate.
    #[error("the extra roots have no certificate: give a PEM file with `BEGIN CERTIFICATE`")]
    NoCertificate,
    /// A certificate of the extra roots cannot be a root, or the TLS library refuses its own defaults.
    #[error("the extra roots or TLS settings are refused")]
    Tls(#[source] rustls::Error),
    /// The name servers cannot be asked.
    #[error("the name servers cannot be asked")]
    NameServers(#[source] std::io::Error),
}

/// Makes the client settings from Mozilla's roots and `extra_roots_pem`.
pub(crate) fn client_config(extra_roots_pem: Option<&[u8]>) -> Result<Arc<ClientConfig>, SetupError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(pem) = extra_roots_pem {
        let built_in = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.add(certificate.map_err(SetupError::Pem)?).map_err(SetupError::Tls)?;
        }
        if roots.len() == built_in {
            return Err(SetupError::NoCertificate);
        }
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(SetupError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // We speak HTTP/1.1; a server that would rather speak HTTP/2 is told so before it does.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Whether an error, or what caused it, is that the other side's certificate does not stand up.
pub fn is_untrusted(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        // `io::Error` hides the error that it wraps from `source`, which goes straight to that error's own source.
        let wrapped = error.downcast_ref::<io::Error>().and_then(|error| error.get_ref());
        let tls = wrapped.and_then(|error| error.downcast_ref()).or_else(|| error.downcast_ref::<rustls::Error>());
        if matches!(tls, Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_certificate_is_seen_however_deep_it_lies() {
        let wrong = || rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        assert!(is_untrusted(&wrong()));
        assert!(is_untrusted(&io::Error::other(wrong())));
        assert!(is_untrusted(&SetupError::NameServers(io::Error::other(wrong()))));
        assert!(!is_untrusted(&io::Error::other(rustls::Error::DecryptError)));
        assert!(!is_untrusted(&io::Error::from(io::ErrorKind::TimedOut)));
    }

    #[test]
    fn extra_roots_that_would_add_nothing_are_an_error() {
        assert!(matches!(client_config(Some(b"")), Err(SetupError::NoCertificate)));
        assert!(matches!(client_config(Some(b"-----BEGIN CERTIFICATE-----\nAAAA")), Err(SetupError::Pem(_))));
        let junk = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(client_config(Some(junk)), Err(SetupError::Tls(_))));
        assert!(client_config(None).is_ok());
    }
}
