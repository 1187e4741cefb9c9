//! Streams of events: how the mock paces them, and what of them comes through a hop.
//!
//! An event carries its number and the moment it was due. The mock and the load generator are one process with one clock,
//! so an event's lateness is what the caller waits beyond the provider's pace: the hop, and the mock's own lateness, which
//! the direct way shows. Events are due at fixed moments from the stream's start, so one that is late delays no later one.

use std::sync::{Barrier, LazyLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};

use super::Way;
use super::wire::Wire;

/// From when moments are counted.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);
/// What stands before an event's number, and before the moment that it was due.
const NUMBER: &str = "\"content\":\"word ";
const DUE: &str = "\"due_us\":";
/// How far from a body's end its pace is looked for.
const WORDS_BYTES_MAX: usize = 48;
/// The end of a stream (OpenAI's API reference, "Streaming").
const DONE: &str = "[DONE]";

/// How fast a provider speaks, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) events: u32,
    pub(super) pause: Duration,
}

impl Pace {
    /// As a field of the request's body, which every hop passes on as it came.
    pub(super) fn words(self) -> String {
        format!("events={} pause_us={}", self.events, self.pause.as_micros())
    }

    /// From the end of a request's body; `None` of a request for an answer that is no stream.
    pub(super) fn asked(body: &[u8]) -> Option<Pace> {
        let end = body.get(body.len().saturating_sub(WORDS_BYTES_MAX)..)?;
        let end = end.iter().map(|byte| char::from(*byte)).collect::<String>();
        let (events, pause) = end.split_once("\"events=")?.1.split_once(" pause_us=")?;
        let pause = pause.split('"').next()?.parse().ok()?;
        Some(Pace { events: events.parse().ok()?, pause: Duration::from_micros(pause) })
    }

    /// When an event is due in a stream that starts then.
    pub(super) fn due(self, start: Instant, number: u32) -> Instant {
        start + self.pause * number
    }
}

/// An event in the shape of OpenAI's (API reference, "The chat completion chunk object"), beside `due_us`.
pub(super) fn event(number: u32, due: Instant) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\"object\":\"chat.completion.chunk\",\
         \"created\":1741569952,\"model\":\"gpt-4o-mini\",\"system_fingerprint\":\"fp_06737a9306\",\"choices\":\
         [{{\"index\":0,\"delta\":{{{NUMBER}{number} \"}},\"logprobs\":null,\"finish_reason\":null}}],{DUE}{}}}\n\n",
        due.saturating_duration_since(*START).as_micros()
    )
}

/// The last event.
pub(super) fn done() -> String {
    format!("data: {DONE}\n\n")
}

/// What came of the streams of one way.
#[derive(Debug, Default)]
pub(super) struct Came {
    /// From the request to the first event, of each stream.
    pub(super) first: Vec<Duration>,
    /// How late each event came.
    pub(super) late: Vec<Duration>,
    pub(super) due: usize,
    /// Events that came in their place; what is missing of `due` is lost.
    in_place: usize,
    /// Events that came twice or after a later one.
    pub(super) astray: usize,
    /// Streams without their last event or their end.
    pub(super) unended: usize,
    /// Why the first of them broke.
    pub(super) broken: Option<String>,
    /// Processor time of the hop.
    pub(super) cpu: Option<Duration>,
}

impl Came {
    pub(super) fn lost(&self) -> usize {
        self.due.saturating_sub(self.in_place)
    }

    /// Whether every event came, once and in order, and every stream ended.
    pub(super) fn is_whole(&self) -> bool {
        self.lost() == 0 && self.astray == 0 && self.unended == 0
    }

    pub(super) fn add(&mut self, other: Came) {
        let Came { first, late, due, in_place, astray, unended, broken, cpu } = other;
        self.first.extend(first);
        self.late.extend(late);
        self.due += due;
        self.in_place += in_place;
        self.astray += astray;
        self.unended += unended;
        self.broken = self.broken.take().or(broken);
        self.cpu = self.cpu.map_or(cpu, |so_far| Some(so_far + cpu?));
    }

    /// Takes down the lines of one stream.
    fn take(&mut self, sent: Instant, events: u32, mut next: impl FnMut() -> Result<Option<String>>) -> Result<()> {
        let (mut wanted, mut ended) = (0, false);
        self.due += usize::try_from(events)?;
        self.unended += 1;
        while let Some(line) = next()? {
            let now = Instant::now();
            let Some(data) = line.strip_prefix("data: ") else { continue };
            if data == DONE {
                ended = true;
                continue;
            }
            // What a hop says itself has no number.
            let (Some(number), Some(due)) = (number_after(data, NUMBER), number_after(data, DUE)) else { continue };
            if number == 0 {
                self.first.push(now.saturating_duration_since(sent));
            }
            let due = *START + Duration::from_micros(due);
            self.late.push(now.saturating_duration_since(due));
            if number >= wanted {
                self.in_place += 1;
                wanted = number + 1;
            } else {
                self.astray += 1;
            }
        }
        self.unended -= usize::from(ended);
        Ok(())
    }
}

fn number_after(text: &str, name: &str) -> Option<u64> {
    let digits = text.split_once(name)?.1;
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// One stream after the other, for a time.
pub(super) fn in_turn(way: &Way, pace: Pace, time: Duration) -> Result<Came> {
    let mut wire = Wire::connect(way.address)?;
    let request = way.request_for(pace);
    let mut came = Came::default();
    let start = Instant::now();
    // The first stream opens the connections behind the hop and is not counted.
    read(way, &mut wire, &request, pace, &mut Came::default())?;
    while start.elapsed() < time {
        read(way, &mut wire, &request, pace, &mut came)?;
    }
    Ok(came)
}

/// Many streams at once, each with a connection of its own. Their starts are spread over one pause, so that the load is
/// even.
pub(super) fn at_once(way: &Way, pace: Pace, streams: u32) -> Result<Came> {
    let request = way.request_for(pace);
    let ready = Barrier::new(usize::try_from(streams)?);
    let cpu = || way.hop.as_deref().map(super::Hop::cpu).transpose();
    let before = cpu()?;
    let one = |number: u32| {
        let connected = Wire::connect(way.address);
        ready.wait();
        std::thread::sleep(pace.pause * number / streams);
        let mut came = Came::default();
        if let Err(error) = connected.and_then(|mut wire| read(way, &mut wire, &request, pace, &mut came)) {
            if came.due == 0 {
                came.due = usize::try_from(pace.events)?;
                came.unended = 1;
            }
            came.broken = Some(format!("{error:#}"));
        }
        anyhow::Ok(came)
    };
    let mut all = Came::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..streams).map(|number| scope.spawn(move || one(number))).collect();
        threads.into_iter().try_for_each(|thread| {
            all.add(thread.join().map_err(|_| anyhow!("a thread of the load generator panicked"))??);
            anyhow::Ok(())
        })
    })?;
    all.cpu = cpu()?.zip(before).map(|(after, before)| after.saturating_sub(before));
    Ok(all)
}

fn read(way: &Way, wire: &mut Wire, request: &[u8], pace: Pace, came: &mut Came) -> Result<()> {
    let sent = Instant::now();
    match wire.start(request)? {
        200 => came.take(sent, pace.events, || Ok(wire.next_line()?.map(str::to_owned))),
        status => bail!("{} answered {status}: {}", way.name, String::from_utf8_lossy(wire.body())),
    }
    .with_context(|| format!("a stream through {} broke", way.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { events: 4, pause: Duration::from_millis(100) };

    fn taken(numbers: &[u32], ended: bool) -> Came {
        let mut came = Came::default();
        let now = Instant::now();
        let mut text: String = numbers.iter().map(|number| event(*number, now)).collect();
        if ended {
            text += &done();
        }
        let mut lines = text.lines();
        came.take(now, PACE.events, || Ok(lines.next().map(str::to_owned))).unwrap();
        came
    }

    #[test]
    fn a_pace_is_asked_for_at_the_end_of_a_body() {
        let most = Pace { events: 99_999, pause: Duration::from_secs(99) };
        for pace in [PACE, most] {
            let body = format!("{{\"messages\":[],\"user\":\"{}\"}}", pace.words());
            assert_eq!(Pace::asked(body.as_bytes()), Some(pace), "{body}");
        }
        for body in ["", "{}", "{\"messages\":[],\"user\":\"somebody\"}"] {
            assert_eq!(Pace::asked(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn what_is_lost_doubled_swapped_or_cut_off_is_counted() {
        // (numbers, ended, lost, astray, unended)
        let table: [(&[u32], bool, usize, usize, usize); 7] = [
            (&[0, 1, 2, 3], true, 0, 0, 0),
            (&[0, 1, 3], true, 1, 0, 0),
            (&[1, 2, 3], true, 1, 0, 0),
            (&[0, 1, 1, 2, 3], true, 0, 1, 0),
            (&[0, 2, 1, 3], true, 1, 1, 0),
            (&[0, 1], false, 2, 0, 1),
            (&[0, 1, 2, 3], false, 0, 0, 1),
        ];
        for (numbers, ended, lost, astray, unended) in table {
            let came = taken(numbers, ended);
            assert_eq!((came.lost(), came.astray, came.unended), (lost, astray, unended), "{numbers:?} {ended}");
            assert_eq!(came.is_whole(), (lost, astray, unended) == (0, 0, 0));
        }
    }

    #[test]
    fn lateness_is_counted_from_when_an_event_was_due() {
        let start = Instant::now();
        let text = event(2, PACE.due(start, 2));
        let due = number_after(&text, DUE).unwrap();
        let from_start = *START + Duration::from_micros(due) - start;
        assert!((199_990..=200_010).contains(&from_start.as_micros()), "{from_start:?}");
    }
}
