//! Mail: the one form that does not travel by HTTP.
//!
//! **Theory of operation.** The operator names one mail server. For each mail a connection is made through the egress
//! guard, which judges the server's name and address like any other destination; `lettre` speaks SMTP on it. STARTTLS is
//! required unless the operator says otherwise: a server that does not offer it gets no mail.
//!
//! **Answers.** A reply of the 200s is success; of the 400s may pass, as a network error does; of the 500s is a refusal,
//! which the retry profile tries few times or never (RFC 5321, section 4.2.1, <https://www.rfc-editor.org/rfc/rfc5321>, read 2026-11-23).

use std::sync::Arc;
use std::time::Duration;

use lettre::Address;
use lettre::address::Envelope;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use tokio::time::{Instant, timeout};
use wardbell_core::secret::Secret;
use wardbell_egress::{Egress, tls};

use crate::deliver::{Sent, classify};
use crate::excerpt::{self, EXCERPT_BYTES_MAX};
use crate::schedule::AttemptOutcome;

wardbell_core::named! {
    /// How a connection to a mail server is protected.
    SmtpTls {
        /// Plain at first, then TLS, which the server must offer. The usual on port 587.
        StartTls = "starttls",
        /// Not at all: only within a trusted network.
        None = "none",
    }
}

/// The operator's mail server.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: SmtpTls,
    /// The user to log in as, and the password.
    pub login: Option<(String, Secret<String>)>,
    /// Who mails are from: an address.
    pub from: String,
}

/// Whether a text is a mail address that can be written in an envelope.
pub fn is_address(text: &str) -> bool {
    text.parse::<Address>().is_ok()
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MailerError {
    /// The sender is no address.
    #[error("`{0}` is no mail address")]
    From(String),
    /// TLS cannot be set up.
    #[error("TLS for the mail server cannot be set up")]
    Tls(#[source] lettre::transport::smtp::Error),
}

/// Sends mails.
pub struct Mailer {
    egress: Arc<Egress>,
    settings: SmtpSettings,
    sender: Address,
    tls: Option<TlsParameters>,
}

impl Mailer {
    /// Makes a mailer that connects through this egress guard and trusts what it trusts.
    ///
    /// # Errors
    /// When the sender is no address, or the roots cannot be read.
    pub fn new(egress: Arc<Egress>, settings: SmtpSettings) -> Result<Self, MailerError> {
        let sender = settings.from.parse().map_err(|_| MailerError::From(settings.from.clone()))?;
        let tls = match settings.tls {
            SmtpTls::None => None,
            SmtpTls::StartTls => {
                let mut builder = TlsParameters::builder(settings.host.clone());
                if let Some(pem) = egress.extra_roots() {
                    builder = builder.add_root_certificate(Certificate::from_pem(pem).map_err(MailerError::Tls)?);
                }
                Some(builder.build_rustls().map_err(MailerError::Tls)?)
            }
        };
        Ok(Self { egress, settings, sender, tls })
    }

    /// Who mails are from.
    pub fn from(&self) -> &str {
        &self.settings.from
    }

    /// Sends a whole message. Everything together ends by the deadline.
    pub(crate) async fn send(&self, to: &[String], message: &[u8], deadline: Duration) -> Sent {
        let started = Instant::now();
        let mut sent = match timeout(deadline, self.converse(to, message, deadline)).await {
            Ok(sent) => sent,
            Err(_) => Sent::failed(AttemptOutcome::Timeout, "the mail server did not answer in time".to_owned()),
        };
        sent.phases.total = started.elapsed();
        sent
    }

    async fn converse(&self, to: &[String], message: &[u8], deadline: Duration) -> Sent {
        let recipients: Result<Vec<Address>, _> = to.iter().map(|address| address.parse()).collect();
        let envelope = recipients.ok().and_then(|to| Envelope::new(Some(self.sender.clone()), to).ok());
        let Some(envelope) = envelope else {
            return Sent::failed(AttemptOutcome::Internal, "a recipient is no mail address; mend `to`".to_owned());
        };
        let SmtpSettings { host, port, login, .. } = &self.settings;
        let stream = match self.egress.connect(host, *port, deadline).await {
            Ok(stream) => stream,
            Err(fault) => return classify(&fault),
        };
        match self.speak(Box::new(stream), login.as_ref(), &envelope, message).await {
            Ok(code) => Sent::taken(code),
            Err(fault) => failed(&fault),
        }
    }

    async fn speak(
        &self,
        stream: Box<tokio::net::TcpStream>,
        login: Option<&(String, Secret<String>)>,
        envelope: &Envelope,
        message: &[u8],
    ) -> Result<u16, lettre::transport::smtp::Error> {
        let hello = ClientId::default();
        let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &hello).await?;
        if let Some(tls) = &self.tls {
            // Fails if the server does not offer it.
            connection.starttls(tls.clone(), &hello).await?;
        }
        if let Some((user, password)) = login {
            let credentials = Credentials::new(user.clone(), password.reveal().clone());
            connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await?;
        }
        let response = connection.send(envelope, message).await?;
        // What the server says to the goodbye changes nothing.
        let _ = connection.quit().await;
        Ok(response.code().into())
    }
}

/// What an SMTP error comes to. The server's own words are for operators and escaped.
fn failed(fault: &lettre::transport::smtp::Error) -> Sent {
    let words = std::error::Error::source(fault).map(ToString::to_string).unwrap_or_default();
    let code = fault.status().map(u16::from);
    let (outcome, error) = match code {
        Some(status) if fault.is_permanent() => {
            (AttemptOutcome::Denied { status }, format!("the mail server refused the mail ({status})"))
        }
        Some(status) => {
            (AttemptOutcome::Busy { status }, format!("the mail server cannot take the mail now ({status})"))
        }
        None if tls::is_untrusted(fault) => {
            (AttemptOutcome::Certificate, "the mail server's TLS certificate is not trusted".to_owned())
        }
        None if fault.is_timeout() => (AttemptOutcome::Timeout, "the mail server did not answer in time".to_owned()),
        // Asking again would not help it: a server that was set up without STARTTLS, or without this way to log in.
        None if fault.is_client() => (
            AttemptOutcome::Certificate,
            "the mail server lacks something that is required, such as STARTTLS or a way to log in".to_owned(),
        ),
        None => (AttemptOutcome::Network, "the connection to the mail server failed".to_owned()),
    };
    let excerpt = if words.is_empty() { None } else { Some(excerpt::escape(words.as_bytes(), EXCERPT_BYTES_MAX)) };
    let mut sent = Sent::failed(outcome, error);
    sent.excerpt = excerpt;
    sent
}
