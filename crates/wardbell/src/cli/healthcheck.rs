//! `wardbell healthcheck`.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use http::{Method, StatusCode};

use crate::cli::{print, serve};
use crate::client;

/// How long the gateway may take to answer.
const TIME_MAX: Duration = Duration::from_secs(5);

#[derive(Args)]
pub(crate) struct Healthcheck {
    /// Where the gateway listens.
    #[arg(long, value_name = "ADDRESS", env = "WARDBELL_LISTEN", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
}

impl Healthcheck {
    pub(crate) fn run(self) -> Result<()> {
        // A gateway that listens on every address is asked on this machine's own.
        let mut address = self.listen;
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() {
                [127, 0, 0, 1].into()
            } else {
                std::net::Ipv6Addr::LOCALHOST.into()
            });
        }
        let (status, body) =
            serve::runtime()?.block_on(client::call(address, Method::GET, "/health", None, None, TIME_MAX))?;
        if status != StatusCode::OK {
            bail!("{address} is not healthy: {body}");
        }
        print::line("healthy");
        Ok(())
    }
}
