//! How fast the bell rings: a real SQLite file, the real dispatcher, real TLS to a receiver on loopback, all in this
//! process and on its cores.
//!
//! `cargo bench -p wardbell-notify --bench bell` prints one line a figure; `-- --smoke` is short and only checks that it
//! runs; `-- --storm` adds a minute of storm. Figures of one machine compare with figures of the same run only.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a bench ends loudly")]

#[allow(dead_code, reason = "shared with the tests; each uses a part")]
#[path = "../tests/delivery/fixture.rs"]
mod fixture;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fixture::Fixture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_rustls::TlsAcceptor;
use wardbell_core::alert::AlertKind;
use wardbell_store::endpoint::{Format, RetryProfile};

/// What the bench is to do.
struct Plan {
    /// Alerts a second, and for how long, when latency is measured.
    rate: u64,
    seconds: u64,
    /// Alerts as fast as they go.
    burst: u64,
    storm: bool,
}

fn main() {
    let smoke = std::env::args().any(|argument| argument == "--smoke");
    let storm = std::env::args().any(|argument| argument == "--storm");
    let plan = if smoke {
        Plan { rate: 200, seconds: 1, burst: 1000, storm: false }
    } else {
        Plan { rate: 500, seconds: 20, burst: 30_000, storm }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        enqueue(if smoke { 200 } else { 4000 }).await;
        latency(&plan).await;
        throughput(&plan).await;
        endless(if smoke { 8 } else { 64 }).await;
        if plan.storm {
            a_storm().await;
        }
    });
}

/// What a webhook adds to the commit that a verdict's record takes anyway: the same commits, one after another, by turns
/// without a webhook and with one whose deliveries are made in them.
async fn enqueue(rounds: usize) {
    let receiver = Receiver::start(Answer::Ok).await;
    let (without, with) =
        (Fixture::start(Some(&receiver.certificate)).await, Fixture::start(Some(&receiver.certificate)).await);
    with.endpoint(&receiver.url(), RetryProfile::Durable).await;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        for (fixture, times) in [(&without, &mut alone), (&with, &mut beside)] {
            let at = Instant::now();
            fixture.raise(AlertKind::PiiBlocked).await;
            times.push(at.elapsed());
        }
        // The attempt's own commit is not to stand in the way of the next alert's.
        with.all_finished().await;
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    let (alone, beside) = (median(&mut alone), median(&mut beside));
    println!(
        "commit of a verdict's record: p50 {:.0} us without a webhook, {:.0} us with one: enqueuing adds {:.0} us",
        alone.as_secs_f64() * 1e6,
        beside.as_secs_f64() * 1e6,
        (beside.as_secs_f64() - alone.as_secs_f64()) * 1e6
    );
    without.stop().await;
    with.stop().await;
}

/// Verdict to receiver: from the call that commits an alert to the receiver's reading of its last byte.
async fn latency(plan: &Plan) {
    let receiver = Receiver::start(Answer::Ok).await;
    let fixture = Arc::new(Fixture::start(Some(&receiver.certificate)).await);
    fixture.endpoint(&receiver.url(), RetryProfile::Durable).await;
    warm_up(&fixture, &receiver).await;
    let total = plan.rate * plan.seconds;
    let mut ticks = interval(Duration::from_secs(1) / u32::try_from(plan.rate).unwrap());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut raising = JoinSet::new();
    for _ in 0..total {
        ticks.tick().await;
        let fixture = Arc::clone(&fixture);
        raising.spawn(async move {
            let at = Instant::now();
            let (request, _) = fixture.raise_request(AlertKind::PiiBlocked).await;
            (request, at, at.elapsed())
        });
    }
    let raised = raising.join_all().await;
    receiver.wait_for(total).await;
    let seen = receiver.seen.lock().unwrap().clone();
    let mut delays: Vec<Duration> = raised
        .iter()
        .map(|(request, at, _)| seen.iter().find(|(id, _)| id == request).map(|(_, seen)| *seen - *at).unwrap())
        .collect();
    let mut commits: Vec<Duration> = raised.iter().map(|(_, _, took)| *took).collect();
    println!(
        "verdict to receiver at {}/s over {} s: p50 {} p99 {} max {}",
        plan.rate,
        plan.seconds,
        shown(&mut delays, 0.50),
        shown(&mut delays, 0.99),
        shown(&mut delays, 1.0),
    );
    println!(
        "durable commit of an alert (what a blocked answer waits for): p50 {} p99 {}",
        shown(&mut commits, 0.50),
        shown(&mut commits, 0.99)
    );
    Arc::into_inner(fixture).unwrap().stop().await;
}

/// Deliveries a second, from the first commit to the last recorded outcome.
async fn throughput(plan: &Plan) {
    let receiver = Receiver::start(Answer::Ok).await;
    let fixture = Arc::new(Fixture::start(Some(&receiver.certificate)).await);
    fixture.endpoint(&receiver.url(), RetryProfile::Durable).await;
    warm_up(&fixture, &receiver).await;
    let left = Arc::new(AtomicU64::new(plan.burst));
    let started = Instant::now();
    let mut raising = JoinSet::new();
    for _ in 0..128 {
        let (fixture, left) = (Arc::clone(&fixture), Arc::clone(&left));
        raising.spawn(async move {
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                fixture.raise(AlertKind::PiiBlocked).await;
            }
        });
    }
    raising.join_all().await;
    let committed = started.elapsed();
    receiver.wait_for(plan.burst).await;
    fixture.all_finished().await;
    let delivered = started.elapsed();
    let count = plan.burst as f64;
    println!(
        "{} alerts: {:.0} commits/s, {:.0} deliveries/s with every outcome on disk",
        plan.burst,
        count / committed.as_secs_f64(),
        count / delivered.as_secs_f64()
    );
    Arc::into_inner(fixture).unwrap().stop().await;
}

/// Memory while a receiver answers without end.
async fn endless(alerts: u64) {
    let receiver = Receiver::start(Answer::Endless).await;
    let fixture = Fixture::start(Some(&receiver.certificate)).await;
    fixture.endpoint(&receiver.url(), RetryProfile::Durable).await;
    fixture.raise(AlertKind::PiiBlocked).await;
    receiver.wait_for(1).await;
    let before = resident_kib();
    let mut most = before;
    for _ in 0..alerts {
        fixture.raise(AlertKind::PiiBlocked).await;
        sleep(Duration::from_millis(10)).await;
        most = most.max(resident_kib());
    }
    receiver.wait_for(alerts).await;
    println!(
        "endless bodies: {alerts} deliveries, resident memory {} KiB before, {} KiB at most (+{} KiB)",
        before,
        most,
        most.saturating_sub(before)
    );
    fixture.stop().await;
}

/// Ten thousand alerts within ten seconds for a Slack endpoint: how many messages in the first minute, and do their
/// counts add up.
async fn a_storm() {
    let receiver = Receiver::start(Answer::Ok).await;
    let fixture = Arc::new(Fixture::start(Some(&receiver.certificate)).await);
    fixture.endpoint_of(&receiver.url(), RetryProfile::Durable, Format::Slack).await;
    let started = Instant::now();
    for _ in 0..100 {
        let mut raising = JoinSet::new();
        for _ in 0..100 {
            let fixture = Arc::clone(&fixture);
            raising.spawn(async move { fixture.raise(AlertKind::PiiBlocked).await });
        }
        raising.join_all().await;
        sleep(Duration::from_millis(80)).await;
    }
    let raised = started.elapsed();
    sleep(Duration::from_mins(1).saturating_sub(started.elapsed())).await;
    let messages = receiver.count();
    let told = fixture.told().await;
    println!(
        "storm of 10000 alerts in {:.1} s: {messages} Slack messages in the first minute, which tell of {told} alerts",
        raised.as_secs_f64()
    );
    assert!(messages <= 5 && told == 10_000, "the promise is at most five, and an exact count");
    Arc::into_inner(fixture).unwrap().stop().await;
}

/// Opens the connections and fills the caches.
async fn warm_up(fixture: &Arc<Fixture>, receiver: &Receiver) {
    for _ in 0..50 {
        fixture.raise(AlertKind::PiiBlocked).await;
    }
    receiver.wait_for(50).await;
    fixture.all_finished().await;
    receiver.forget();
}

fn shown(of: &mut [Duration], quantile: f64) -> String {
    of.sort_unstable();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let index = ((of.len() as f64 - 1.0) * quantile).round() as usize;
    format!("{:.2} ms", of[index].as_secs_f64() * 1000.0)
}

fn resident_kib() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4
}

#[derive(Clone, Copy, PartialEq)]
enum Answer {
    Ok,
    Endless,
}

/// A receiver that keeps connections open and notes when each request id came.
struct Receiver {
    port: u16,
    certificate: String,
    seen: Arc<Mutex<Vec<(String, Instant)>>>,
    _task: JoinSet<()>,
}

impl Receiver {
    async fn start(answer: Answer) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["receiver.test".to_owned()]).unwrap();
        let certificate = made.cert.pem();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut task = JoinSet::new();
        let shared = Arc::clone(&seen);
        task.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let (acceptor, seen) = (acceptor.clone(), Arc::clone(&shared));
                connections.spawn(async move {
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        Box::pin(serve(&mut stream, answer, &seen)).await;
                    }
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self { port, certificate, seen, _task: task }
    }

    fn url(&self) -> String {
        format!("https://receiver.test:{}/hook", self.port)
    }

    fn count(&self) -> u64 {
        self.seen.lock().unwrap().len() as u64
    }

    fn forget(&self) {
        self.seen.lock().unwrap().clear();
    }

    async fn wait_for(&self, count: u64) {
        let until = Instant::now() + Duration::from_mins(2);
        while self.count() < count {
            assert!(Instant::now() < until, "{} of {count} came", self.count());
            sleep(Duration::from_millis(2)).await;
        }
    }
}

async fn serve<S>(stream: &mut S, answer: Answer, seen: &Mutex<Vec<(String, Instant)>>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = whole(&buffer) {
                break end;
            }
            let mut more = [0; 16 * 1024];
            match stream.read(&mut more).await {
                Ok(0) | Err(_) => return,
                Ok(read) => buffer.extend_from_slice(&more[..read]),
            }
        };
        let text = String::from_utf8_lossy(&buffer[..end]).into_owned();
        let id = text.split("\"request_id\":\"").nth(1).and_then(|rest| rest.split('"').next());
        seen.lock().unwrap().push((id.unwrap_or_default().to_owned(), Instant::now()));
        buffer.drain(..end);
        match answer {
            Answer::Ok => {
                if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.is_err() {
                    return;
                }
            }
            Answer::Endless => {
                let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
                let chunk = [b"10000\r\n".as_slice(), &vec![b'x'; 0x10000], b"\r\n"].concat();
                if stream.write_all(head).await.is_err() {
                    return;
                }
                while stream.write_all(&chunk).await.is_ok() {
                    tokio::task::yield_now().await;
                }
                return;
            }
        }
    }
}

/// Where the first request of the buffer ends, if all of it is there.
fn whole(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
    let length: usize = text.split("content-length: ").nth(1)?.split("\r\n").next()?.parse().ok()?;
    (buffer.len() >= head + length).then_some(head + length)
}
