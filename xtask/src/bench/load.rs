//! The load generator: a thread per connection, each in a closed loop.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use serde_json::json;

use super::Way;
use super::stream::Pace;
use super::wire::Wire;

/// The length of the request body.
const BODY_BYTES: usize = 1024;
/// Everyday prose without a finding.
const PROSE: &str = "Please read the notes of our planning meeting and write a short summary for the team. We agreed to move the \
                     release by one week, to finish the new search page first, and to ask the design group for a second look at \
                     the colours. Nobody objected. The open questions are who writes the manual and when the old servers go. ";

/// The word of a request that changes where requests must differ; letters, since digits are masked where loops are looked
/// for.
const WORD: &[u8] = b"wwwwwwwwwwww";
/// The number of the next word.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Writes the next word over the one that is there.
fn vary(request: &mut [u8]) {
    let mut number = NEXT.fetch_add(1, Ordering::Relaxed);
    let Some(at) = request.windows(WORD.len()).position(|window| window == WORD) else { return };
    for letter in request.iter_mut().skip(at).take(WORD.len()) {
        *letter = b'a' + u8::try_from(number % 22).unwrap_or(0);
        number /= 22;
    }
}

/// What one way did in one round.
pub(super) struct Cell {
    pub(super) elapsed: Duration,
    /// Of each request, unsorted.
    pub(super) latencies: Vec<Duration>,
    /// Processor time of the hop over the round; `None` for the direct way.
    pub(super) cpu: Option<Duration>,
}

/// The request for a path, whole, with a body of exactly 1 KiB; for a stream where a pace is given.
pub(super) fn request(key: &str, path: &str, stream: Option<Pace>) -> Vec<u8> {
    let body = |text: &str| {
        let mut body = json!({ "model": "gpt-4o-mini", "temperature": 0.2, "messages": [
            { "role": "system", "content": "You are a careful assistant." },
            { "role": "user", "content": text }
        ] });
        // The names of an object are sorted here, so the pace comes last.
        if let (Some(fields), Some(pace)) = (body.as_object_mut(), stream) {
            fields.insert("stream".to_owned(), true.into());
            fields.insert("user".to_owned(), pace.words().into());
        }
        body.to_string()
    };
    let room = BODY_BYTES.saturating_sub(body("").len());
    let text: String =
        String::from_utf8_lossy(WORD).chars().chain(" ".chars()).chain(PROSE.chars().cycle()).take(room).collect();
    let body = body(&text);
    format!(
        "POST {path} HTTP/1.1\r\nhost: gateway.test\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Measures one way at one concurrency. Any answer but 200 is an error.
pub(super) fn cell(way: &Way, concurrency: usize, time: Duration) -> Result<Cell> {
    let ready = Barrier::new(concurrency + 1);
    let cpu = || way.hop.as_deref().map(super::Hop::cpu).transpose();
    std::thread::scope(|scope| {
        let loops: Vec<_> = (0..concurrency).map(|_| scope.spawn(|| closed_loop(way, &ready, time))).collect();
        ready.wait();
        let (start, cpu_before) = (Instant::now(), cpu()?);
        let mut latencies = Vec::new();
        for one in loops {
            latencies.append(&mut one.join().map_err(|_| anyhow!("a thread of the load generator panicked"))??);
        }
        let (elapsed, cpu_after) = (start.elapsed(), cpu()?);
        let cpu = cpu_after.zip(cpu_before).map(|(after, before)| after.saturating_sub(before));
        Ok(Cell { elapsed, latencies, cpu })
    })
}

fn closed_loop(way: &Way, ready: &Barrier, time: Duration) -> Result<Vec<Duration>> {
    // The first exchange opens the connections behind the hop and is not counted.
    let connected = Wire::connect(way.address).and_then(|mut wire| exchange(way, &mut wire).map(|()| wire));
    ready.wait();
    let mut wire = connected?;
    let mut latencies = Vec::new();
    let start = Instant::now();
    loop {
        let sent = Instant::now();
        exchange(way, &mut wire)?;
        latencies.push(sent.elapsed());
        if start.elapsed() >= time {
            return Ok(latencies);
        }
    }
}

fn exchange(way: &Way, wire: &mut Wire) -> Result<()> {
    let sent = if way.varies {
        let mut request = way.request.clone();
        vary(&mut request);
        wire.exchange(&request)?
    } else {
        wire.exchange(&way.request)?
    };
    match sent {
        200 => Ok(()),
        status => bail!("{} answered {status}: {}", way.name, String::from_utf8_lossy(wire.body())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_has_a_body_of_one_kibibyte() {
        let pace = Pace { events: 20, pause: Duration::from_millis(100) };
        for stream in [None, Some(pace)] {
            let request = String::from_utf8(request("wb_key", "/v1", stream)).unwrap();
            let (head, body) = request.split_once("\r\n\r\n").unwrap();
            assert_eq!(body.len(), BODY_BYTES);
            assert!(head.ends_with("content-length: 1024"));
            assert_eq!(Pace::asked(body.as_bytes()), stream);
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(body.get("stream").is_some(), stream.is_some());
        }
    }
}
