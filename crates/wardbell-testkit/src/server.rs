//! A listener on a free port of 127.0.0.1 with one thread per connection, all ended when it is dropped.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::SockRef;

use crate::line::{Duplex, Line};
use crate::request::{self, Recorded};

/// What happens to the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    Keep,
    Close,
    Reset,
}

/// Answers one request on its connection.
pub(crate) type Answer = dyn Fn(&mut Line, Recorded) -> io::Result<After> + Send + Sync;

/// A running listener.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    closing: Arc<AtomicBool>,
    accepted: AtomicU64,
    open: Mutex<Vec<Open>>,
    tls: Option<Arc<ServerConfig>>,
    answer: Box<Answer>,
}

/// A connection being served: a way to end it from outside, and its thread.
struct Open {
    number: u64,
    socket: TcpStream,
    thread: JoinHandle<()>,
}

impl Server {
    pub(crate) fn start(tls: Option<Arc<ServerConfig>>, answer: Box<Answer>) -> Server {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on 127.0.0.1");
        let address = listener.local_addr().expect("the listener has an address");
        let shared = Arc::new(Shared {
            closing: Arc::default(),
            accepted: AtomicU64::new(0),
            open: Mutex::default(),
            tls,
            answer,
        });
        let accepting = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || {
            for socket in listener.incoming() {
                if accepting.closing.load(Ordering::Acquire) {
                    return;
                }
                if let Ok(socket) = socket {
                    accepting.take(socket);
                }
            }
        });
        Server { address, shared, acceptor: Some(acceptor) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections have been accepted so far.
    pub(crate) fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::Acquire)
    }
}

impl Shared {
    fn take(self: &Arc<Self>, socket: TcpStream) {
        let number = self.accepted.fetch_add(1, Ordering::AcqRel) + 1;
        let (Ok(()), Ok(kept)) = (socket.set_nodelay(true), socket.try_clone()) else {
            return;
        };
        let shared = Arc::clone(self);
        // Held until the connection stands in the list, where its thread looks for it to reset it.
        let mut open = self.open();
        let thread = std::thread::spawn(move || {
            let end = socket.try_clone();
            // A connection that breaks is an everyday event here: tests break them on purpose.
            let after = shared.serve(socket, number);
            let Ok(end) = end else { return };
            if matches!(after, Ok(After::Reset)) {
                // The last handle to go sends a reset, as nothing may linger.
                let _ = SockRef::from(&end).set_linger(Some(Duration::ZERO));
                shared.open().retain(|open| open.number != number);
            } else {
                let _ = end.shutdown(Shutdown::Both);
            }
        });
        open.retain(|open| !open.thread.is_finished());
        open.push(Open { number, socket: kept, thread });
    }

    fn open(&self) -> MutexGuard<'_, Vec<Open>> {
        self.open.lock().expect("no connection panics while it holds the list")
    }

    /// Answers requests until the connection is to end, and says how.
    fn serve(&self, socket: TcpStream, number: u64) -> io::Result<After> {
        let seen = socket.try_clone()?;
        let stream: Box<dyn Duplex> = match &self.tls {
            None => Box::new(socket),
            Some(config) => {
                let connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
                Box::new(StreamOwned::new(connection, socket))
            }
        };
        let mut line = Line::new(stream, seen, Arc::clone(&self.closing), number);
        while let Some(request) = request::read(&mut line)? {
            let closes = request.closes();
            match (self.answer)(&mut line, request)? {
                After::Keep if !closes => {}
                After::Keep | After::Close => return Ok(After::Close),
                After::Reset => return Ok(After::Reset),
            }
        }
        Ok(After::Close)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Release);
        // Wakes `accept`, which then sees the flag.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        let Ok(mut open) = self.shared.open.lock() else {
            return;
        };
        let ending: Vec<Open> = open.drain(..).collect();
        // A thread that resets its connection looks at the list on its way out.
        drop(open);
        for Open { number: _, socket, thread } in ending {
            let _ = socket.shutdown(Shutdown::Both);
            let _ = thread.join();
        }
    }
}
