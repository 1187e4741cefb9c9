//! Streams, however they are cut.

use wardbell_core::finding::Finding;
use wardbell_core::policy::FailMode;
use wardbell_llm::sse::{Frame, SseSplitter};
use wardbell_llm::stream::{Guarding, Passed, StreamGuard, StreamObserver};

use crate::{HEAD_BYTES, dialect, scan};

pub(crate) fn sse(data: &[u8]) {
    let Some((head, stream)) = data.split_first_chunk::<HEAD_BYTES>() else { return };
    let whole = frames(&[stream]);
    let cut = frames(&pieces(stream, *head));
    assert_eq!(whole.events, cut.events);
    assert_eq!((whole.rest, whole.skipped), (cut.rest, cut.skipped));
    assert_eq!(whole.bytes, stream);
    assert_eq!(cut.bytes, stream);
}

/// What a splitter made of a stream.
#[derive(Default)]
struct Frames {
    /// Every event: its bytes but for the second half of its last line end, which may come apart; its data; whether it is odd.
    events: Vec<(Vec<u8>, Vec<Vec<u8>>, bool)>,
    rest: Option<Vec<u8>>,
    skipped: u64,
    bytes: Vec<u8>,
}

fn frames(pieces: &[&[u8]]) -> Frames {
    let mut splitter = SseSplitter::default();
    let mut made = Frames::default();
    let mut take = |frame: Frame<'_>| match frame {
        Frame::Filler(raw) | Frame::TooLong(raw) => made.bytes.extend_from_slice(raw),
        Frame::Event { raw, data, odd } => {
            made.bytes.extend_from_slice(raw);
            let lines = data.iter().map(|line| raw.get(line.clone()).unwrap_or_default().to_vec());
            made.events.push((raw.strip_suffix(b"\n").unwrap_or(raw).to_vec(), lines.collect(), odd));
        }
    };
    for piece in pieces {
        splitter.push(piece, &mut take);
    }
    let rest = splitter.rest().map(std::borrow::Cow::into_owned);
    splitter.finish(&mut take);
    (made.rest, made.skipped) = (rest, splitter.skipped());
    made
}

pub(crate) fn guard(data: &[u8]) {
    let Some((head, stream)) = data.split_first_chunk::<HEAD_BYTES>() else { return };
    let cut = pieces(stream, *head);
    let [dialect_byte, how_byte, ..] = *head;
    let dialect = dialect(dialect_byte);
    let how = match how_byte % 3 {
        0 => Guarding::Detect,
        1 => Guarding::Redact,
        _ => Guarding::Block,
    };
    let fail = if how_byte < 128 { FailMode::Closed } else { FailMode::Open };
    let new = || StreamGuard::new(dialect, how).failing(fail);
    let whole = run(new(), &[stream]);
    assert_eq!(whole, run(new(), &cut), "{how:?} {fail:?}");
    let (passed, found, _) = whole;
    if how == Guarding::Detect {
        assert_eq!(passed.bytes, stream);
        assert!(!passed.blocked);
    } else if found == 0 && !passed.blocked {
        assert!(stream.starts_with(&passed.bytes), "bytes changed without a finding");
    }
    let mut observers = [StreamObserver::new(dialect), StreamObserver::new(dialect)];
    observers[0].push(stream);
    for piece in &cut {
        observers[1].push(piece);
    }
    let [whole, cut] = observers.map(|observer| (observer.usage(), observer.is_done(), observer.has_failed()));
    assert_eq!(whole, cut);
}

/// Everything that leaves, how much was found, and what.
fn run(mut guard: StreamGuard, pieces: &[&[u8]]) -> (Passed, u64, Vec<Finding>) {
    let mut all = Passed::default();
    let mut take = |Passed { bytes, blocked, failed }: Passed| {
        assert!(!all.blocked || bytes.is_empty() || blocked, "bytes after the end");
        all.bytes.extend(bytes);
        all.blocked |= blocked;
        all.failed |= failed;
    };
    for piece in pieces {
        take(guard.push(piece, &mut scan::find));
    }
    take(guard.finish(&mut scan::find));
    (all, guard.found(), guard.findings().to_vec())
}

/// A stream in pieces, whose sizes the end of the head says, over and over.
fn pieces(stream: &[u8], head: [u8; HEAD_BYTES]) -> Vec<&[u8]> {
    let mut rest = stream;
    let mut pieces = Vec::new();
    for size in head.iter().skip(2).cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at(rest.len().min(usize::from(*size) + 1));
        pieces.push(piece);
        rest = after;
    }
    pieces
}
