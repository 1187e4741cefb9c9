//! Reading a body within its bounds.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body::Body;
use http_body_util::BodyExt;

use crate::body_budget::{Overloaded, Room};

/// Why a request's body could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is longer than the limit.
    #[error("the request body is larger than {max} bytes")]
    TooLarge {
        /// The limit, in bytes.
        max: usize,
    },
    /// `Content-Length` is not a number.
    #[error("Content-Length is not a number")]
    Length,
    /// It is compressed, so that it cannot be scanned.
    #[error("the request body has Content-Encoding `{0}`")]
    Encoded(String),
    /// The caller was too slow.
    #[error("the request body did not arrive within {0:?}")]
    TooSlow(Duration),
    /// The connection broke off.
    #[error("the request body broke off")]
    Broken,
    /// Other bodies take up the memory that all may have together.
    #[error("the memory for bodies is full")]
    Overloaded,
}

impl From<Overloaded> for BodyError {
    fn from(Overloaded: Overloaded) -> Self {
        Self::Overloaded
    }
}

/// Reads a body of at most `bytes_max` bytes within `time_max`. Memory grows with what arrives, not with what
/// `Content-Length` claims, and is taken from `room`.
///
/// # Errors
/// See [`BodyError`].
pub async fn read<B>(
    headers: &HeaderMap,
    body: B,
    bytes_max: usize,
    time_max: Duration,
    room: Room,
) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes>,
{
    if let Some(encoding) = headers.get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
        return Err(BodyError::Encoded(String::from_utf8_lossy(encoding.as_bytes()).chars().take(32).collect()));
    }
    if let Some(length) = headers.get(CONTENT_LENGTH) {
        let length: u64 = length.to_str().ok().and_then(|text| text.parse().ok()).ok_or(BodyError::Length)?;
        if length > bytes_max as u64 {
            return Err(BodyError::TooLarge { max: bytes_max });
        }
    }
    let collected = tokio::time::timeout(time_max, collect(body, bytes_max, time_max, room)).await;
    collected.map_err(|_| BodyError::TooSlow(time_max))?
}

/// Collects a body of at most `bytes_max` bytes with no pause over `pause_max`; a body that comes in one piece is not
/// copied. What it takes of `room` it has until its last clone is dropped.
///
/// # Errors
/// When it is too large, pauses too long or breaks off, or there is no room.
pub(crate) async fn collect<B>(
    body: B,
    bytes_max: usize,
    pause_max: Duration,
    mut room: Room,
) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes>,
{
    let mut body = std::pin::pin!(body);
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) =
        tokio::time::timeout(pause_max, body.frame()).await.map_err(|_| BodyError::TooSlow(pause_max))?
    {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        if first.len() + rest.len() + data.len() > bytes_max {
            return Err(BodyError::TooLarge { max: bytes_max });
        }
        room.grow(data.len()).await?;
        if rest.is_empty() && first.is_empty() {
            first = data;
            continue;
        }
        rest.extend_from_slice(&std::mem::take(&mut first));
        rest.extend_from_slice(&data);
    }
    Ok(room.hold(if rest.is_empty() { first } else { rest.freeze() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{Full, StreamBody};
    use std::convert::Infallible;

    fn pieces(pieces: &[&'static str]) -> impl Body<Data = Bytes, Error = Infallible> + use<> {
        let frames: Vec<_> =
            pieces.iter().map(|piece| Ok(http_body::Frame::data(Bytes::from_static(piece.as_bytes())))).collect();
        StreamBody::new(futures_util::stream::iter(frames))
    }

    /// Pieces with a second before each.
    fn paced(count: usize) -> impl Body<Data = Bytes, Error = Infallible> {
        StreamBody::new(futures_util::stream::unfold(count, |left| async move {
            let left = left.checked_sub(1)?;
            tokio::time::sleep(SECOND).await;
            Some((Ok(http_body::Frame::data(Bytes::from_static(b"x"))), left))
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_is_bounded_and_the_whole_is_not() {
        assert_eq!(collect(paced(600), 600, 2 * SECOND, room()).await.unwrap().len(), 600);
        let told = collect(paced(2), 600, SECOND / 2, room()).await;
        assert_eq!(told, Err(BodyError::TooSlow(SECOND / 2)));
    }

    const SECOND: Duration = Duration::from_secs(1);

    fn room() -> Room {
        crate::body_budget::BodyBudget::new(1 << 20).room()
    }

    #[tokio::test]
    async fn a_body_is_put_together_from_any_pieces() {
        for parts in [&["abcdef"] as &[_], &["abc", "def"], &["", "a", "", "bcdef"], &["a", "b", "c", "d", "ef", ""]] {
            assert_eq!(read(&HeaderMap::new(), pieces(parts), 6, SECOND, room()).await.unwrap(), "abcdef", "{parts:?}");
        }
        assert_eq!(read(&HeaderMap::new(), pieces(&[]), 6, SECOND, room()).await.unwrap(), "");
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_whatever_it_claims() {
        assert_eq!(
            read(&HeaderMap::new(), pieces(&["abc", "def", "g"]), 6, SECOND, room()).await,
            Err(BodyError::TooLarge { max: 6 })
        );
        let claims = HeaderMap::from_iter([(CONTENT_LENGTH, "7".parse().unwrap())]);
        assert_eq!(read(&claims, Full::from("a"), 6, SECOND, room()).await, Err(BodyError::TooLarge { max: 6 }));
        let huge = HeaderMap::from_iter([(CONTENT_LENGTH, "99999999999999999999999".parse().unwrap())]);
        assert_eq!(read(&huge, Full::from("a"), 6, SECOND, room()).await, Err(BodyError::Length));
    }

    #[tokio::test]
    async fn a_body_that_cannot_be_scanned_is_refused() {
        let gzip = HeaderMap::from_iter([(CONTENT_ENCODING, "gzip".parse().unwrap())]);
        assert_eq!(read(&gzip, Full::from("a"), 6, SECOND, room()).await, Err(BodyError::Encoded("gzip".to_owned())));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_beyond_the_memory_of_all_is_refused() {
        let budget = crate::body_budget::BodyBudget::new(8 * 1024);
        let held = read(&HeaderMap::new(), Full::from(vec![b'x'; 5000]), 10_000, SECOND * 9, budget.room()).await;
        let second = read(&HeaderMap::new(), Full::from("a"), 10_000, SECOND * 9, budget.room()).await;
        assert_eq!(second, Err(BodyError::Overloaded));
        drop(held);
        assert!(read(&HeaderMap::new(), Full::from("a"), 10_000, SECOND * 9, budget.room()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_given_up() {
        let never = StreamBody::new(futures_util::stream::pending::<Result<http_body::Frame<Bytes>, Infallible>>());
        assert_eq!(read(&HeaderMap::new(), never, 6, SECOND, room()).await, Err(BodyError::TooSlow(SECOND)));
    }
}
