//! What a refusal left unread of a request's body.
//!
//! Many clients send head and body apart. If the answer to the head closed the connection while the body is on its way, the
//! caller's system would throw away the answer (RFC 9112, 9.6), or its client would send the next request into a connection
//! that is gone. So a short body is read and forgotten; of any other the answer says that the connection closes.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;

/// The longest body that is read to be forgotten, in bytes: longer than most prompts, and nothing of it is kept.
const FORGOTTEN_BYTES_MAX: u64 = 256 * 1024;

/// How long its end may take: several round trips around the world.
const FORGOTTEN_TIME_MAX: Duration = Duration::from_secs(1);

/// Finishes a request: reads what is left of its body, or has the answer say that the connection closes. A caller that
/// `expects` to be asked for its body is not asked for it, and one that was too slow already gets no more time.
pub async fn let_go<B, A>(body: B, expects: bool, mut answer: Response<A>) -> Response<A>
where
    B: Body<Data = Bytes>,
{
    if body.is_end_stream() {
        return answer;
    }
    let wanted = !expects && answer.status() != StatusCode::REQUEST_TIMEOUT;
    let is_read = wanted && tokio::time::timeout(FORGOTTEN_TIME_MAX, forget(body)).await.unwrap_or(false);
    if !is_read {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// Reads a short body to its end, and says whether it did.
async fn forget<B>(body: B) -> bool
where
    B: Body<Data = Bytes>,
{
    let mut left = FORGOTTEN_BYTES_MAX;
    let mut body = std::pin::pin!(body);
    if body.size_hint().lower() > left {
        return false;
    }
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        let Some(still) = left.checked_sub(bytes) else { return false };
        left = still;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};
    use std::convert::Infallible;

    fn pieces(count: usize, bytes: usize) -> impl Body<Data = Bytes, Error = Infallible> {
        let piece = move |_| Ok(Frame::data(Bytes::from(vec![b'x'; bytes])));
        StreamBody::new(futures_util::stream::iter((0..count).map(piece)))
    }

    #[track_caller]
    fn check(answer: &Response<()>, closes: bool) {
        assert_eq!(answer.headers().get(CONNECTION).is_some_and(|value| value == "close"), closes);
    }

    fn told(status: u16) -> Response<()> {
        Response::builder().status(status).body(()).unwrap()
    }

    #[tokio::test]
    async fn a_short_body_is_read_and_the_connection_stays() {
        check(&let_go(Full::from(""), true, told(200)).await, false);
        check(&let_go(Full::from("abc"), false, told(401)).await, false);
        check(&let_go(pieces(256, 1024), false, told(429)).await, false);
    }

    #[tokio::test(start_paused = true)]
    async fn any_other_is_told_that_the_connection_closes() {
        check(&let_go(Full::from(vec![b'x'; 256 * 1024 + 1]), false, told(413)).await, true);
        check(&let_go(pieces(257, 1024), false, told(429)).await, true);
        check(&let_go(Full::from("abc"), true, told(401)).await, true);
        check(&let_go(Full::from("abc"), false, told(408)).await, true);
        let never = StreamBody::new(futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>());
        check(&let_go(never, false, told(401)).await, true);
        let broken =
            StreamBody::new(futures_util::stream::iter([Err::<Frame<Bytes>, _>(std::io::Error::other("gone"))]));
        check(&let_go(broken, false, told(401)).await, true);
    }
}
