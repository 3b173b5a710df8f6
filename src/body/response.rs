//! The response body of both layers on the server's side: the inner service's, or that of a rejection.

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
    /// The response body of [`LogentriesVerify`](crate::verify::LogentriesVerify) and
    /// [`RejectReplays`](crate::replay::RejectReplays): the inner service's own, or the JSON of a rejection.
    pub struct ResponseBody<ResBody> {
        #[pin]
        kind: Kind<ResBody>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<ResBody> {
        Inner { #[pin] body: ResBody },
        Rejection { #[pin] body: Full<Bytes> },
    }
}

impl<ResBody> ResponseBody<ResBody> {
    pub(crate) fn inner(body: ResBody) -> Self {
        Self { kind: Kind::Inner { body } }
    }

    pub(crate) fn rejection(json: Bytes) -> Self {
        Self { kind: Kind::Rejection { body: Full::new(json) } }
    }
}

impl<ResBody> Body for ResponseBody<ResBody>
where
    ResBody: Body,
    ResBody::Data: From<Bytes>,
{
    type Data = ResBody::Data;
    type Error = ResBody::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<ResBody::Data>, ResBody::Error>>> {
        match self.project().kind.project() {
            KindProj::Inner { body } => body.poll_frame(cx),
            KindProj::Rejection { body } => body.poll_frame(cx).map(|frame| {
                frame.map(|frame| frame.map(|frame| frame.map_data(ResBody::Data::from)).map_err(|e| match e {}))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Rejection { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            Kind::Rejection { body } => body.size_hint(),
        }
    }
}

/// The default of the inner service's body, for outer layers that answer in its place.
impl<ResBody: Default> Default for ResponseBody<ResBody> {
    fn default() -> Self {
        Self::inner(ResBody::default())
    }
}

impl<ResBody> fmt::Debug for ResponseBody<ResBody> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Inner { .. } => "ResponseBody(inner)",
            Kind::Rejection { .. } => "ResponseBody(rejection)",
        })
    }
}
