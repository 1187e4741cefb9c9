//! One connection of a fake, seen from the fake: reads with bounds, writes at once, and waits that end when the peer goes.

use std::io::{self, BufRead as _, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The longest request head that is read.
const HEAD_BYTES_MAX: usize = 256 * 1024;
/// The longest body that is read.
pub(crate) const BODY_BYTES_MAX: usize = 128 * 1024 * 1024;
/// How often a wait looks whether the peer is still there.
const LOOK: Duration = Duration::from_millis(3);

/// Plain TCP or TLS.
pub(crate) trait Duplex: Read + Write + Send {}
impl<T: Read + Write + Send> Duplex for T {}

/// One accepted connection.
pub(crate) struct Line {
    stream: BufReader<Box<dyn Duplex>>,
    socket: TcpStream,
    closing: Arc<AtomicBool>,
    /// 1 for the first connection of its fake.
    pub(crate) number: u64,
}

impl Line {
    pub(crate) fn new(stream: Box<dyn Duplex>, socket: TcpStream, closing: Arc<AtomicBool>, number: u64) -> Line {
        Line { stream: BufReader::new(stream), socket, closing, number }
    }

    /// Reads up to and with the empty line that ends a head; `None` at a clean end.
    pub(crate) fn read_head(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut head = Vec::new();
        loop {
            let before = head.len();
            let read = self.stream.by_ref().take((HEAD_BYTES_MAX - before) as u64 + 1).read_until(b'\n', &mut head)?;
            if read == 0 {
                return if before == 0 { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
            if head.len() > HEAD_BYTES_MAX {
                return Err(io::Error::other("request head too long"));
            }
            if head.get(before..) == Some(b"\r\n") {
                return Ok(Some(head));
            }
        }
    }

    pub(crate) fn read_exactly(&mut self, bytes: usize) -> io::Result<Vec<u8>> {
        if bytes > BODY_BYTES_MAX {
            return Err(io::Error::other("body too long"));
        }
        let mut body = vec![0; bytes];
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }

    /// Puts a chunked body together. Trailers are read and dropped.
    pub(crate) fn read_chunked(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = self.read_short_line()?;
            let size = size.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
            if size == 0 {
                while !self.read_short_line()?.is_empty() {}
                return Ok(body);
            }
            if body.len().saturating_add(size) > BODY_BYTES_MAX {
                return Err(io::Error::other("body too long"));
            }
            body.append(&mut self.read_exactly(size)?);
            self.read_short_line()?;
        }
    }

    fn read_short_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.by_ref().take(8 * 1024).read_line(&mut line)?;
        if line.ends_with('\n') { Ok(line.trim_end().to_owned()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }

    /// Writes and flushes, so that the bytes leave now.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(bytes)?;
        stream.flush()
    }

    /// Waits until `done`. An error once the peer has gone or the fake is being dropped.
    pub(crate) fn wait_until(&mut self, mut done: impl FnMut() -> bool) -> io::Result<()> {
        self.socket.set_read_timeout(Some(LOOK))?;
        let waited = loop {
            if done() {
                break Ok(());
            }
            if self.closing.load(Ordering::Acquire) {
                break Err(ErrorKind::ConnectionAborted.into());
            }
            match self.socket.peek(&mut [0]) {
                Ok(0) => break Err(ErrorKind::ConnectionReset.into()),
                // Bytes of a next request are waiting: the peer is there, and peeking would not pause.
                Ok(_) => std::thread::sleep(LOOK),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => break Err(error),
            }
        };
        self.socket.set_read_timeout(None)?;
        waited
    }

    pub(crate) fn pause(&mut self, pause: Duration) -> io::Result<()> {
        let until = Instant::now() + pause;
        if pause.is_zero() { Ok(()) } else { self.wait_until(|| Instant::now() >= until) }
    }
}
