//! `wardbell listen`: a receiver that verifies alerts and prints them.

use std::net::SocketAddr;

use anyhow::Result;
use clap::Args;

use crate::cli::{print, serve};
use crate::receiver::{Received, Receiver, Trust};

#[derive(Args)]
pub(crate) struct Listen {
    /// Where to receive.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8788")]
    listen: SocketAddr,
    #[command(flatten)]
    trust: Trust,
    /// Stop after this many deliveries [default: go on until interrupted].
    #[arg(long, value_name = "NUMBER")]
    count: Option<u64>,
}

impl Listen {
    pub(crate) fn run(self) -> Result<()> {
        self.trust.check()?;
        serve::runtime()?.block_on(async {
            let mut receiver = Receiver::start(self.listen).await?;
            receiver.trust(self.trust);
            print::problem(&format!(
                "listening on http://{}; allow it at the gateway with WARDBELL_EGRESS_ALLOW={}/32:{}+http",
                receiver.address,
                receiver.address.ip(),
                receiver.address.port()
            ));
            let mut left = self.count;
            while left != Some(0) {
                tokio::select! {
                    received = receiver.deliveries.recv() => match received {
                        Some(received) => show(&received),
                        None => break,
                    },
                    _ = tokio::signal::ctrl_c() => break,
                }
                left = left.map(|left| left - 1);
            }
            Ok(())
        })
    }
}

/// Prints a delivery: a line of what was verified, and the body on one line with nothing in it that a terminal obeys.
fn show(received: &Received) {
    let body = String::from_utf8_lossy(&received.body);
    let body: String = body.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match &received.verified {
        Ok(verified) => print::line(&format!("verified {}", verified.webhook_id.as_deref().unwrap_or("(no id)"))),
        Err(error) => print::line(&format!("NOT VERIFIED: {error}")),
    }
    print::line(&format!("  {body}"));
}
