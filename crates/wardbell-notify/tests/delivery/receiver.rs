//! A small receiver on loopback that answers as a script says and keeps what it got.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// How the receiver answers one request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply {
    /// This status, these further header lines (each ended by CR LF), this body.
    Status(u16, &'static str, &'static [u8]),
    /// A good head, then a body of one byte every 100 ms without end.
    Drip,
    /// Nothing at all.
    Silence,
}

pub(crate) const OK: Reply = Reply::Status(200, "", b"ok");

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) request_line: String,
    pub(crate) body: Vec<u8>,
    pub(crate) at: Instant,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

pub(crate) struct Receiver {
    pub(crate) port: u16,
    /// The receiver's own certificate in PEM, if it speaks TLS.
    pub(crate) certificate: Option<String>,
    got: mpsc::Receiver<Received>,
    _tasks: JoinSet<()>,
}

impl Receiver {
    /// Speaks plain HTTP. `script` gives the answer to the n-th request, from 0.
    pub(crate) async fn plain(script: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(None, None, script).await
    }

    /// Speaks TLS as `receiver.test`, with a certificate of its own.
    pub(crate) async fn tls(script: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        let names = ["receiver.test".to_owned()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        Self::start(Some(TlsAcceptor::from(Arc::new(config))), Some(cert.pem()), script).await
    }

    async fn start(
        tls: Option<TlsAcceptor>,
        certificate: Option<String>,
        script: impl Fn(usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, got) = mpsc::channel(4096);
        let script: Arc<dyn Fn(usize) -> Reply + Send + Sync> = Arc::new(script);
        let count = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, sender, script, count) =
                    (tls.clone(), sender.clone(), Arc::clone(&script), Arc::clone(&count));
                connections.spawn(async move {
                    stream.set_nodelay(true).unwrap();
                    match tls {
                        None => serve(stream, &sender, &*script, &count).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &sender, &*script, &count).await;
                            }
                        }
                    }
                });
            }
        });
        Self { port, certificate, got, _tasks: tasks }
    }

    /// The next request, within ten seconds.
    pub(crate) async fn next(&mut self) -> Received {
        timeout(Duration::from_secs(10), self.got.recv()).await.expect("a delivery in time").expect("a receiver")
    }

    /// Whether nothing more comes within this time.
    pub(crate) async fn is_quiet_for(&mut self, time: Duration) -> bool {
        timeout(time, self.got.recv()).await.is_err()
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    sender: &mpsc::Sender<Received>,
    script: &(dyn Fn(usize) -> Reply + Send + Sync),
    count: &AtomicUsize,
) {
    while let Some(received) = read(&mut stream).await {
        let number = count.fetch_add(1, Ordering::SeqCst);
        sender.send(received).await.unwrap();
        match script(number) {
            Reply::Status(status, headers, body) => {
                let head = format!("HTTP/1.1 {status} Told\r\n{headers}content-length: {}\r\n\r\n", body.len());
                if stream.write_all(&[head.as_bytes(), body].concat()).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
            Reply::Drip => {
                let mut piece: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
                while stream.write_all(piece).await.is_ok() && stream.flush().await.is_ok() {
                    sleep(Duration::from_millis(100)).await;
                    piece = b".";
                }
                return;
            }
            Reply::Silence => std::future::pending().await,
        }
    }
}

async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Received> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let at = Instant::now();
    let head = String::from_utf8(bytes.get(..end)?.to_vec()).ok()?;
    let mut lines = head.lines();
    let request_line = lines.next()?.to_owned();
    let headers: BTreeMap<_, _> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length: usize = headers.get("content-length")?.parse().ok()?;
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(Received { headers, request_line, body: bytes.get(end..end + length)?.to_vec(), at })
}
