//! The body of a response: the inner service's, or a refusal's.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use pin_project_lite::pin_project;

pin_project! {
    /// The response body of [`LogentriesVerify`](crate::LogentriesVerify): the inner service's own, or the JSON of a refusal.
    pub struct VerifyBody<T> {
        #[pin]
        kind: Kind<T>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<T> {
        Inner { #[pin] body: T },
        Refusal { #[pin] body: Full<Bytes> },
    }
}

impl<T> VerifyBody<T> {
    pub(super) fn inner(body: T) -> Self {
        Self { kind: Kind::Inner { body } }
    }

    pub(super) fn refusal(json: Bytes) -> Self {
        Self { kind: Kind::Refusal { body: Full::new(json) } }
    }
}

impl<T> Body for VerifyBody<T>
where
    T: Body,
    T::Data: From<Bytes>,
{
    type Data = T::Data;
    type Error = T::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<T::Data>, T::Error>>> {
        match self.project().kind.project() {
            KindProj::Inner { body } => body.poll_frame(cx),
            KindProj::Refusal { body } => body.poll_frame(cx).map(|frame| {
                frame.map(|frame| frame.map(|frame| frame.map_data(T::Data::from)).map_err(|e| match e {}))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Refusal { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            Kind::Refusal { body } => body.size_hint(),
        }
    }
}

/// The inner service's default, for layers outside that answer in its stead.
impl<T: Default> Default for VerifyBody<T> {
    fn default() -> Self {
        Self::inner(T::default())
    }
}

impl<T> fmt::Debug for VerifyBody<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Inner { .. } => "VerifyBody(inner)",
            Kind::Refusal { .. } => "VerifyBody(refusal)",
        })
    }
}
