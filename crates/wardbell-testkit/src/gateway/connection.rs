//! One TCP connection to a gateway, on which a test decides every byte.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::headers::Headers;
use crate::line::BODY_BYTES_MAX;
use crate::reply::{Reply, parse_head};

/// How long an answer may take where the caller does not say.
const DEADLINE: Duration = Duration::from_secs(30);

/// A connection with everything that came over it and was not taken yet.
pub struct Connection {
    socket: TcpStream,
    came: Vec<u8>,
    ended: bool,
}

/// The head of an answer whose body is still to come.
#[derive(Clone, Debug)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// Header lines in their order and case.
    pub headers: Headers,
}

impl Connection {
    /// Connects. Fails the test if nobody listens.
    #[track_caller]
    pub fn open(address: SocketAddr) -> Connection {
        let socket = TcpStream::connect_timeout(&address, DEADLINE).expect("the gateway accepts connections");
        socket.set_nodelay(true).expect("a connected socket");
        Connection { socket, came: Vec::new(), ended: false }
    }

    /// Sends exactly these bytes. Fails the test if the peer has closed the connection.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("the gateway takes the bytes");
    }

    /// Sends exactly these bytes.
    ///
    /// # Errors
    /// The peer has closed the connection.
    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes)
    }

    /// Says that nothing more will be sent.
    pub fn finish_sending(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Reads the head of an answer; what follows stays for the other readers. Interim answers (1xx) are passed over.
    #[track_caller]
    pub fn read_head(&mut self) -> Head {
        let (status, headers) = self.try_read_head(DEADLINE).expect("the head of an answer");
        Head { status, headers }
    }

    /// Reads a whole answer by its `Content-Length`, its chunks, or the end of the connection.
    ///
    /// # Errors
    /// The connection ended or 30 seconds went by before the answer was complete, or it is not HTTP/1.1.
    pub fn try_reply(&mut self) -> io::Result<Reply> {
        let (status, headers) = self.try_read_head(DEADLINE)?;
        let body = if headers.has_token("transfer-encoding", "chunked") {
            self.take_chunked()?
        } else if let Some(length) = headers.get("content-length") {
            self.take(length.parse().map_err(io::Error::other)?)?
        } else if matches!(status, 204 | 304) {
            Vec::new()
        } else {
            self.rest(DEADLINE)?
        };
        Ok(Reply { status, headers, body })
    }

    /// [`Connection::try_reply`], failing the test on an error.
    #[track_caller]
    pub fn reply(&mut self) -> Reply {
        self.try_reply().expect("a complete answer")
    }

    /// Waits until what has come holds `needle`, and takes everything up to its end. Chunk sizes are among the bytes.
    /// Fails the test after `deadline`.
    #[track_caller]
    pub fn read_until(&mut self, needle: &[u8], deadline: Duration) -> Vec<u8> {
        let until = Instant::now() + deadline;
        loop {
            if let Some(at) = find(&self.came, needle) {
                return self.came.drain(..at + needle.len()).collect();
            }
            if let Err(error) = self.fill(until) {
                let came = String::from_utf8_lossy(&self.came);
                panic!("{:?} did not come: {error}; this did: {came:?}", String::from_utf8_lossy(needle));
            }
        }
    }

    /// Everything that comes within `quiet`. Ends early at the end of the connection.
    pub fn read_for(&mut self, quiet: Duration) -> Vec<u8> {
        let until = Instant::now() + quiet;
        while self.fill(until).is_ok() {}
        std::mem::take(&mut self.came)
    }

    /// Everything up to the end of the connection.
    ///
    /// # Errors
    /// The connection broke, or did not end before the deadline.
    pub fn rest(&mut self, deadline: Duration) -> io::Result<Vec<u8>> {
        let until = Instant::now() + deadline;
        loop {
            match self.fill(until) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Ok(std::mem::take(&mut self.came));
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn try_read_head(&mut self, deadline: Duration) -> io::Result<(u16, Headers)> {
        let until = Instant::now() + deadline;
        loop {
            let Some(at) = find(&self.came, b"\r\n\r\n") else {
                self.fill(until)?;
                continue;
            };
            let head: Vec<u8> = self.came.drain(..at + 4).collect();
            let (status, headers) = parse_head(&head)?;
            if status >= 200 {
                return Ok((status, headers));
            }
        }
    }

    fn take(&mut self, bytes: usize) -> io::Result<Vec<u8>> {
        let until = Instant::now() + DEADLINE;
        while self.came.len() < bytes {
            self.fill(until)?;
        }
        Ok(self.came.drain(..bytes).collect())
    }

    fn take_chunked(&mut self) -> io::Result<Vec<u8>> {
        let until = Instant::now() + DEADLINE;
        let mut body = Vec::new();
        loop {
            let Some(at) = find(&self.came, b"\r\n") else {
                self.fill(until)?;
                continue;
            };
            let line: Vec<u8> = self.came.drain(..at + 2).collect();
            let line = String::from_utf8_lossy(&line);
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
            let mut chunk = self.take(size + 2)?;
            chunk.truncate(size);
            body.append(&mut chunk);
            if size == 0 {
                return Ok(body);
            }
        }
    }

    /// Reads at least one more byte.
    fn fill(&mut self, until: Instant) -> io::Result<()> {
        if self.ended {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if self.came.len() > BODY_BYTES_MAX {
            return Err(io::Error::other("the answer is too long"));
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        self.socket.set_read_timeout(Some(left))?;
        let mut bytes = [0; 16 * 1024];
        let read = self.socket.read(&mut bytes)?;
        self.came.extend(bytes.iter().take(read));
        self.ended = read == 0;
        if read == 0 { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len().max(1)).position(|window| window == needle)
}
