//! Connecting: a plain connection for what is not HTTP, which is mail.
//!
//! **Theory of operation.** The SMTP client speaks TLS itself, in the middle of its talk (`STARTTLS`) or from the start, so
//! it needs a bare connection. The host goes through the same judgement as that of a URL: its form, its name, every
//! address that it has, the port, the far end of the connection. Public addresses are open on
//! [`crate::policy::MAIL_PORTS`]; everything else needs the operator's exception, which for mail needs no `+http`.
//!
//! **Bounds.** One deadline over lookup and connecting; [`crate::dial`] has the others.
//!
//! **What it does not do.** It encrypts nothing and checks no certificate: the caller does, with Mozilla's roots and
//! those of [`Egress::extra_roots`].

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::Egress;
use crate::dial::Target;
use crate::phases::Stopwatch;
use crate::policy::Speech;
use crate::refused::Refused;
use crate::send::SendErrorKind;
use crate::url;

impl Egress {
    /// Opens a plain connection to a mail server: `host` is a name or an address (IPv6 with or without brackets), and
    /// `deadline` the time for lookup and connecting together. Dropping the future gives the connection up.
    ///
    /// # Errors
    /// [`SendErrorKind::Refused`], [`SendErrorKind::Dns`], [`SendErrorKind::Connect`] and [`SendErrorKind::Timeout`].
    pub async fn connect(&self, host: &str, port: u16, deadline: Duration) -> Result<TcpStream, SendErrorKind> {
        let host = url::parse_host(host, port, Speech::Mail, self.policy()).map_err(SendErrorKind::Refused)?;
        let to = Target { host: &host, port, speech: Speech::Mail };
        Ok(self.dialer.dial_plain(to, Instant::now() + deadline, &mut Stopwatch::start()).await?)
    }

    /// Judges a mail server that is to be stored, as [`Egress::judge`] judges a URL: a name that only an exception can let in
    /// must have addresses now, and each must be allowed; other names are not looked up.
    ///
    /// # Errors
    /// Why it is refused.
    pub async fn judge_mail_server(&self, host: &str, port: u16) -> Result<(), Refused> {
        let host = url::parse_host(host, port, Speech::Mail, self.policy())?;
        self.judge_target(Target { host: &host, port, speech: Speech::Mail }).await
    }

    /// The certificates of private authorities that this egress trusts beside the built-in ones, in PEM, for a caller
    /// that speaks TLS on a connection of [`Egress::connect`]. They were checked when the egress was set up.
    pub fn extra_roots(&self) -> Option<&[u8]> {
        self.extra_roots_pem.as_deref()
    }
}

#[cfg(test)]
mod tests;
