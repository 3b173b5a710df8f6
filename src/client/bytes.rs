//! Authenticating a request whose body is in memory, without tower and without a runtime.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;

use super::AuthError;
use super::request::{Head, Overrides};
use super::signer::{KnownBody, Signer};
use super::unsigned::Unsigned;
use crate::BodyDigest;

/// A request body in memory, for [`LogentriesAuthLayer::authenticate`](super::LogentriesAuthLayer::authenticate).
///
/// Implemented for `()`, `&str`, `String`, `&[u8]`, `Vec<u8>`, [`Bytes`], `Box<[u8]>`, arrays of bytes, and for an `Option`
/// of each. This trait is sealed.
#[allow(private_bounds)] // which seals it
pub trait BodyBytes: sealed::BodyBytes {}

mod sealed {
    pub(crate) trait BodyBytes {
        fn bytes(&self) -> &[u8];
    }
}

macro_rules! body_bytes {
    ($($body:ty),+) => {$(
        impl sealed::BodyBytes for $body {
            fn bytes(&self) -> &[u8] {
                self.as_ref()
            }
        }
    )+};
}

body_bytes!(&str, String, &[u8], Vec<u8>, Bytes, Box<[u8]>);

impl<B: sealed::BodyBytes> BodyBytes for B {}

impl sealed::BodyBytes for () {
    fn bytes(&self) -> &[u8] {
        b""
    }
}

impl<B: BodyBytes> sealed::BodyBytes for Option<B> {
    fn bytes(&self) -> &[u8] {
        self.as_ref().map_or(b"", B::bytes)
    }
}

impl<const N: usize> sealed::BodyBytes for [u8; N] {
    fn bytes(&self) -> &[u8] {
        self
    }
}

impl<const N: usize> sealed::BodyBytes for &[u8; N] {
    fn bytes(&self) -> &[u8] {
        *self
    }
}

impl Signer {
    /// Authenticates a request whose body is in memory. No response will be inspected, so no clock is corrected by it.
    pub(super) fn authenticate<B: BodyBytes>(self: &Arc<Self>, request: Request<B>) -> Result<Request<B>, AuthError> {
        let (mut head, body) = request.into_parts();
        let Overrides { access, .. } = head.overrides();
        let len = Some(body.bytes().len() as u64);
        let Some(signing) = self.prepare(&mut head, access, len)? else {
            return Ok(Request::from_parts(head, body));
        };
        let known = match body.bytes() {
            [] => KnownBody::Empty,
            bytes => KnownBody::Read(BodyDigest::of(bytes)),
        };
        let mut unsigned = Unsigned::new(Arc::clone(self), head, signing);
        unsigned.sign(known, len)?;
        Ok(Request::from_parts(unsigned.head, body))
    }
}
