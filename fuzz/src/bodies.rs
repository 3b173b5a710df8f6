//! Bodies as arbitrary sequences of frames, against what was fed.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::ready,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use arbitrary::Arbitrary;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tower::{Layer, ServiceExt, service_fn};
use tower_logentries_auth::{AuthError, BufferedBody, LogentriesAuthLayer};

use super::{OWNER_KEY, block_on, credentials, now, parse, signature};

const LIMIT: usize = 40_000;

#[derive(Debug, Arbitrary)]
struct Input {
    frames: Vec<Act>,
    /// By how much the size that the body claims is off, if it claims one.
    claimed: Option<i8>,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Act {
    /// So many bytes, each a counter.
    Data(u16),
    Trailer(u8),
    Pending,
    Fail,
}

/// A body that follows a script, and what it has said so far.
#[derive(Debug)]
struct Scripted {
    acts: VecDeque<Act>,
    claimed: Option<u64>,
    counter: u8,
}

impl Scripted {
    fn data(&mut self, len: u16) -> Bytes {
        (0..len).map(|_| (self.counter, self.counter = self.counter.wrapping_add(1)).0).collect()
    }
}

impl Body for Scripted {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.acts.pop_front() {
            None => Poll::Ready(None),
            Some(Act::Data(len)) => Poll::Ready(Some(Ok(Frame::data(self.data(len))))),
            Some(Act::Trailer(n)) => Poll::Ready(Some(Ok(Frame::trailers(trailer(n))))),
            Some(Act::Fail) => Poll::Ready(Some(Err(io::Error::other("scripted")))),
            Some(Act::Pending) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.claimed.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

fn trailer(n: u8) -> HeaderMap {
    HeaderMap::from_iter([("x-trailer".parse().expect("a name"), u16::from(n).into())])
}

pub fn run(data: &[u8]) {
    let Some(Input { frames, claimed }) = parse::<Input>(data) else { return };
    let before_failure = frames.iter().take_while(|act| !matches!(act, Act::Fail));
    let total: u64 = before_failure.clone().map(|act| if let Act::Data(len) = act { u64::from(*len) } else { 0 }).sum();
    let trailers: Vec<_> =
        before_failure.clone().filter_map(|act| if let Act::Trailer(n) = act { Some(*n) } else { None }).collect();
    // Trailers are the end of a body.
    let mut from_trailers = before_failure.clone().skip_while(|act| !matches!(act, Act::Trailer(_))).skip(1);
    let goes_on = from_trailers.any(|act| !matches!(act, Act::Pending));
    let fails = goes_on || frames.iter().any(|act| matches!(act, Act::Fail));
    let claimed = claimed.map(|off| total.saturating_add_signed(off.into()));
    let mut model = Scripted { acts: VecDeque::new(), claimed: None, counter: 0 };
    let expected = model.data(u16::try_from(total).unwrap_or(u16::MAX));

    let received = Arc::new(Mutex::new(None));
    let inner = service_fn(|request: Request<Either>| {
        *received.lock().expect("nobody panicked") = Some(request);
        ready(Ok::<_, Infallible>(Response::new(())))
    });
    let layer = LogentriesAuthLayer::new(credentials()).clock(now).body_limit(LIMIT).rebuild_body(Either::Buffered);
    let body = Either::Scripted(Scripted { acts: frames.into(), claimed, counter: 0 });
    let request = Request::post("https://rest.logentries.com/management/accounts/7/users").body(body);
    let result = block_on(layer.layer(inner).oneshot(request.expect("well-formed")));
    let received = received.lock().expect("nobody panicked").take();

    match result {
        Ok(_) => {
            assert!(!fails && claimed.is_none_or(|claimed| claimed == total));
            let (head, body) = received.expect("it was sent").into_parts();
            let body = block_on(body.collect()).expect("it was read");
            let values = body.trailers().map(|trailers| trailers.get_all("x-trailer").iter().cloned().collect());
            assert_eq!(
                values.unwrap_or_else(Vec::new),
                trailers.iter().map(|n| HeaderValue::from(u16::from(*n))).collect::<Vec<_>>()
            );
            assert_eq!(body.to_bytes(), expected);
            let length = head.headers.get("content-length").map(|length| length.as_bytes());
            let is_empty = expected.is_empty() && trailers.is_empty();
            assert_eq!(length, is_empty.then_some(&b"0"[..]), "hyper sets any other length");
            let date = head.headers["date"].to_str().expect("ASCII");
            let signature =
                signature(OWNER_KEY, "POST", "application/json", date, "/management/accounts/7/users", &expected);
            assert_eq!(head.headers["authorization-api-key"], format!("key-id:{signature}"));
        }
        Err(error) => {
            assert!(received.is_none(), "sent all the same: {error}");
            match error {
                AuthError::BodyTooLarge { .. } => {
                    let lines = trailers.len() * ("x-trailer255".len() + 128);
                    assert!(total.max(claimed.unwrap_or(0)) + lines as u64 > LIMIT as u64 || fails, "{total}");
                }
                AuthError::BodyLengthMismatch { .. } => assert_ne!(claimed, Some(total)),
                AuthError::ReadBody { .. } => assert!(fails),
                error => panic!("{error}"),
            }
        }
    }
}

/// A client's body type: what comes from the caller, and what the layer rebuilt.
#[derive(Debug)]
enum Either {
    Scripted(Scripted),
    Buffered(BufferedBody),
}

impl Body for Either {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut *self {
            Self::Scripted(body) => Pin::new(body).poll_frame(cx),
            Self::Buffered(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Scripted(_) => false,
            Self::Buffered(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Scripted(body) => body.size_hint(),
            Self::Buffered(body) => body.size_hint(),
        }
    }
}
