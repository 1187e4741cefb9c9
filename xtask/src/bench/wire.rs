//! One kept connection: a request out, an answer in.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// How long one answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest part of an answer that is read.
const PART_BYTES_MAX: usize = 4 * 1024 * 1024;

pub(super) struct Wire {
    stream: BufReader<TcpStream>,
    line: Vec<u8>,
    body: Vec<u8>,
}

impl Wire {
    pub(super) fn connect(address: SocketAddr) -> Result<Wire> {
        let stream =
            TcpStream::connect_timeout(&address, TIMEOUT).with_context(|| format!("no answer at {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Wire { stream: BufReader::with_capacity(16 * 1024, stream), line: Vec::new(), body: Vec::new() })
    }

    /// Sends the request and reads the whole answer: its status, with the body in [`Wire::body`].
    pub(super) fn exchange(&mut self, request: &[u8]) -> Result<u16> {
        self.stream.get_mut().write_all(request)?;
        let status =
            self.read_line()?.split(' ').nth(1).and_then(|code| code.parse().ok()).context("no status line")?;
        let (mut length, mut chunked) = (0, false);
        loop {
            let line = self.read_line()?.to_ascii_lowercase();
            match line.split_once(':') {
                None if line.is_empty() => break,
                Some(("content-length", value)) => length = value.trim().parse()?,
                Some(("transfer-encoding", value)) => chunked = value.trim() == "chunked",
                _ => {}
            }
        }
        self.body.clear();
        if chunked {
            loop {
                let size = usize::from_str_radix(self.read_line()?, 16)?;
                self.read_part(size)?;
                self.read_line()?;
                if size == 0 {
                    break;
                }
            }
        } else {
            self.read_part(length)?;
        }
        Ok(status)
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    fn read_line(&mut self) -> Result<&str> {
        self.line.clear();
        if self.stream.by_ref().take(64 * 1024).read_until(b'\n', &mut self.line)? == 0 {
            bail!("the connection ended within an answer");
        }
        Ok(std::str::from_utf8(&self.line)?.trim_end())
    }

    fn read_part(&mut self, bytes: usize) -> Result<()> {
        if bytes > PART_BYTES_MAX {
            bail!("an answer of {bytes} bytes");
        }
        let start = self.body.len();
        self.body.resize(start + bytes, 0);
        Ok(self.stream.read_exact(self.body.get_mut(start..).unwrap_or_default())?)
    }
}
