//! Test receivers on loopback, well behaved and hostile, a resolver that says what it is told, and a name server that does
//! so over the wire.

pub(crate) mod name_server;

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::server::WebPkiClientVerifier;
use rustls::{ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::policy::Policy;
use crate::resolve::{Resolve, ResolveError};
use crate::{Egress, EgressConfig};

/// The deadline of calls that are meant to run into it.
pub(crate) const SHORT: Duration = Duration::from_millis(250);

/// What a receiver does with each connection after it has read a request.
#[derive(Clone)]
pub(crate) enum Act {
    /// Answers every request on the connection with these bytes.
    Answer(Vec<u8>),
    /// Answers one request, then closes.
    AnswerOnce(Vec<u8>),
    /// Answers one request with the first, then sends the second over and over.
    Flood(Vec<u8>, Vec<u8>),
    /// Answers one request with the first, then sends the second byte by byte, slowly and over and over.
    Drip(Vec<u8>, Vec<u8>),
    /// Reads the request and closes with a reset.
    Reset(Vec<u8>),
    /// Sends this without waiting for a request, and then nothing.
    Shout(Vec<u8>),
    /// Sends this byte by byte, slowly and over and over, without waiting for a request.
    DripUnasked(Vec<u8>),
    /// Reads one request and never answers; counts the close of the connection.
    Hold,
}

/// A receiver. Stops when dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    log: Arc<Log>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Log {
    accepted: AtomicUsize,
    closed: AtomicUsize,
    sent: AtomicUsize,
    requests: Mutex<Vec<String>>,
    server_names: Mutex<Vec<Option<String>>>,
}

impl Receiver {
    pub(crate) fn plain(act: Act) -> Self {
        Self::plain_at((Ipv4Addr::LOCALHOST, 0).into(), act)
    }

    pub(crate) fn plain_at(address: SocketAddr, act: Act) -> Self {
        Self::start(listen(address), act, None)
    }

    pub(crate) fn tls(act: Act, config: ServerConfig) -> Self {
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into());
        Self::start(listener, act, Some(TlsAcceptor::from(Arc::new(config))))
    }

    fn start(listener: TcpListener, act: Act, tls: Option<TlsAcceptor>) -> Self {
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Log::default());
        let mut tasks = JoinSet::new();
        let shared = Arc::clone(&log);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                shared.accepted.fetch_add(1, Ordering::SeqCst);
                connections.spawn(serve(stream, act.clone(), tls.clone(), Arc::clone(&shared)));
            }
        });
        Self { address, log, _tasks: tasks }
    }

    /// How many connections came.
    pub(crate) fn accepted(&self) -> usize {
        self.log.accepted.load(Ordering::SeqCst)
    }

    /// The requests that came, head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.log.requests.lock().unwrap().clone()
    }

    /// How many bytes of a flood were sent or waited to be.
    pub(crate) fn sent(&self) -> usize {
        self.log.sent.load(Ordering::SeqCst)
    }

    /// The names that clients sent in their TLS hello.
    pub(crate) fn server_names(&self) -> Vec<Option<String>> {
        self.log.server_names.lock().unwrap().clone()
    }

    /// Waits until a held or flooded connection is closed by the client.
    pub(crate) async fn closed(&self) {
        while self.log.closed.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    }
}

/// A listener whose connections hold little that the other end has not read, so that what was sent is about what was read.
fn listen(address: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(16 * 1024).unwrap();
    socket.bind(address).unwrap();
    socket.listen(64).unwrap()
}

async fn serve(stream: TcpStream, act: Act, tls: Option<TlsAcceptor>, log: Arc<Log>) {
    stream.set_nodelay(true).unwrap();
    match tls {
        None => {
            if let Act::Reset(answer) = &act {
                return reset(stream, answer).await;
            }
            perform(stream, act, &log).await;
        }
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                let name = stream.get_ref().1.server_name().map(ToOwned::to_owned);
                log.server_names.lock().unwrap().push(name);
                perform(stream, act, &log).await;
            }
        }
    }
}

async fn reset(mut stream: TcpStream, answer: &[u8]) {
    // Closing with the request unread makes the kernel send a reset.
    stream.readable().await.unwrap();
    stream.write_all(answer).await.unwrap();
}

async fn perform(mut stream: impl AsyncRead + AsyncWrite + Unpin, act: Act, log: &Log) {
    if let Act::Shout(bytes) = &act {
        let _ = stream.write_all(bytes).await;
        std::future::pending::<()>().await;
    }
    if let Act::DripUnasked(bytes) = &act {
        return drip(&mut stream, bytes).await;
    }
    while let Some(request) = read_request(&mut stream).await {
        log.requests.lock().unwrap().push(request);
        match &act {
            Act::Answer(bytes) => {
                if stream.write_all(bytes).await.is_err() {
                    return;
                }
            }
            Act::AnswerOnce(bytes) => {
                let _ = stream.write_all(bytes).await;
                let _ = stream.shutdown().await;
                return;
            }
            Act::Flood(first, again) => {
                let mut outcome = stream.write_all(first).await;
                while outcome.is_ok() {
                    log.sent.fetch_add(again.len(), Ordering::SeqCst);
                    outcome = stream.write_all(again).await;
                }
                log.closed.fetch_add(1, Ordering::SeqCst);
                return;
            }
            Act::Drip(first, again) => {
                if stream.write_all(first).await.is_err() {
                    return;
                }
                return drip(&mut stream, again).await;
            }
            Act::Hold => {
                let mut rest = Vec::new();
                let _ = stream.read_to_end(&mut rest).await;
                log.closed.fetch_add(1, Ordering::SeqCst);
                return;
            }
            Act::Reset(_) | Act::Shout(_) | Act::DripUnasked(_) => return,
        }
    }
}

async fn drip(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) {
    for byte in bytes.iter().cycle() {
        if stream.write_all(&[*byte]).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(|n| n.parse().unwrap()))
                .unwrap_or(0);
            if body.len() >= length {
                return Some(text);
            }
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => read.extend_from_slice(&buffer[..count]),
        }
    }
}

/// A resolver that gives one list of addresses after another, and the last one for ever. No list: it never answers.
pub(crate) struct Script {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Script {
    pub(crate) fn new(answers: &[&[&str]]) -> Arc<Self> {
        let answers =
            answers.iter().map(|list| list.iter().map(|ip| ip.parse().unwrap()).collect()).collect::<VecDeque<_>>();
        Arc::new(Self { answers: Mutex::new(answers), asked: Mutex::default() })
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn next(&self) -> Option<Vec<IpAddr>> {
        let mut answers = self.answers.lock().unwrap();
        if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
    }
}

#[async_trait::async_trait]
impl Resolve for Script {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        self.asked.lock().unwrap().push(name.to_owned());
        match self.next() {
            Some(addresses) => Ok(addresses),
            None => std::future::pending().await,
        }
    }
}

/// An egress that may call 127.0.0.1 on any port, and whose resolver follows the script.
pub(crate) fn egress(script: Arc<Script>, extra_roots_pem: Option<String>) -> Egress {
    let policy = Policy::new(vec!["127.0.0.1/32:*+http".parse().unwrap()]);
    let config =
        EgressConfig { policy, extra_roots_pem: extra_roots_pem.map(String::into_bytes), ..EgressConfig::default() };
    Egress::with_resolver(config, script).unwrap()
}

/// An egress as above whose resolver says 127.0.0.1 for every name.
pub(crate) fn loopback() -> Egress {
    egress(Script::new(&[&["127.0.0.1"]]), None)
}

/// A certificate authority of the tests.
pub(crate) struct Authority {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Server settings with a certificate for `name`.
    pub(crate) fn server(&self, name: &str) -> ServerConfig {
        self.server_from(&CertificateParams::new(vec![name.to_owned()]).unwrap())
    }

    /// Server settings with a certificate for `name` that holds in these years.
    pub(crate) fn server_between(&self, name: &str, first: i32, last: i32) -> ServerConfig {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(first, 1, 1);
        params.not_after = date_time_ymd(last, 12, 31);
        self.server_from(&params)
    }

    /// Server settings with a certificate that has `name` in its subject only, where names stood before RFC 6125.
    pub(crate) fn server_with_subject(&self, name: &str) -> ServerConfig {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        self.server_from(&params)
    }

    /// Server settings that ask for a client certificate.
    pub(crate) fn server_that_asks_for_a_certificate(
        &self,
        name: &str,
        version: &'static SupportedProtocolVersion,
    ) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        server_config(certificate.der().clone(), &key, Some(certificate.der().clone()), &[version])
    }

    fn server_from(&self, params: &CertificateParams) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        server_config(certificate.der().clone(), &key, None, rustls::ALL_VERSIONS)
    }
}

/// Server settings with a certificate that nobody vouches for.
pub(crate) fn self_signed(name: &str) -> ServerConfig {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
    server_config(certificate.der().clone(), &key, None, rustls::ALL_VERSIONS)
}

fn server_config(
    certificate: CertificateDer<'static>,
    key: &KeyPair,
    client_root: Option<CertificateDer<'static>>,
    versions: &[&'static SupportedProtocolVersion],
) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions).unwrap();
    let builder = match client_root {
        None => builder.with_no_client_auth(),
        Some(root) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(root).unwrap();
            builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap(),
            )
        }
    };
    builder.with_single_cert(vec![certificate], PrivatePkcs8KeyDer::from(key.serialize_der()).into()).unwrap()
}
