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
    /// What is left of the chunk that [`Wire::next_line`] reads.
    chunk_left: usize,
}

/// How a body ends.
enum Length {
    Bytes(usize),
    Chunked,
}

impl Wire {
    pub(super) fn connect(address: SocketAddr) -> Result<Wire> {
        let stream =
            TcpStream::connect_timeout(&address, TIMEOUT).with_context(|| format!("no answer at {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let stream = BufReader::with_capacity(16 * 1024, stream);
        Ok(Wire { stream, line: Vec::new(), body: Vec::new(), chunk_left: 0 })
    }

    /// Sends the request and reads the whole answer: its status, with the body in [`Wire::body`].
    pub(super) fn exchange(&mut self, request: &[u8]) -> Result<u16> {
        let (status, length) = self.head(request)?;
        self.body.clear();
        match length {
            Length::Bytes(bytes) => self.read_part(bytes)?,
            Length::Chunked => loop {
                let size = usize::from_str_radix(self.read_line()?, 16)?;
                self.read_part(size)?;
                self.read_line()?;
                if size == 0 {
                    break;
                }
            },
        }
        Ok(status)
    }

    /// Sends the request and reads the answer's status. A chunked body is then read by [`Wire::next_line`], to its end;
    /// any other is in [`Wire::body`].
    pub(super) fn start(&mut self, request: &[u8]) -> Result<u16> {
        let (status, length) = self.head(request)?;
        self.body.clear();
        self.chunk_left = 0;
        if let Length::Bytes(bytes) = length {
            self.read_part(bytes)?;
            if status == 200 {
                bail!("an answer of {bytes} bytes where a stream was asked for");
            }
        }
        Ok(status)
    }

    /// The next line of a chunked body, as soon as it is there; `None` at the body's end.
    pub(super) fn next_line(&mut self) -> Result<Option<&str>> {
        self.body.clear();
        while !self.body.ends_with(b"\n") {
            if self.chunk_left == 0 {
                self.chunk_left = usize::from_str_radix(self.read_line()?, 16)?;
                if self.chunk_left == 0 {
                    self.read_line()?;
                    return Ok(None);
                }
            }
            let left = u64::try_from(self.chunk_left.min(PART_BYTES_MAX))?;
            let read = self.stream.by_ref().take(left).read_until(b'\n', &mut self.body)?;
            if read == 0 || self.body.len() > PART_BYTES_MAX {
                bail!("the connection ended within an event, or the event does not end");
            }
            self.chunk_left -= read;
            if self.chunk_left == 0 {
                self.read_line()?;
            }
        }
        Ok(Some(std::str::from_utf8(&self.body)?.trim_end()))
    }

    /// Sends the request and reads the head of the answer.
    fn head(&mut self, request: &[u8]) -> Result<(u16, Length)> {
        self.stream.get_mut().write_all(request)?;
        let status =
            self.read_line()?.split(' ').nth(1).and_then(|code| code.parse().ok()).context("no status line")?;
        let mut length = Length::Bytes(0);
        loop {
            let line = self.read_line()?.to_ascii_lowercase();
            match line.split_once(':') {
                None if line.is_empty() => return Ok((status, length)),
                Some(("content-length", value)) => length = Length::Bytes(value.trim().parse()?),
                Some(("transfer-encoding", value)) if value.trim() == "chunked" => length = Length::Chunked,
                _ => {}
            }
        }
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
