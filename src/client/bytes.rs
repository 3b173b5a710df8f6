//! Authenticating a request whose body is in memory, without tower and without a runtime.

use bytes::Bytes;
use http::Request;

use super::AuthError;
use super::request::{Head, Overrides};
use super::signer::{KnownBody, Signer};
use crate::BodyDigest;

/// A request body in memory, for [`LogentriesAuthLayer::authenticate`](super::LogentriesAuthLayer::authenticate).
///
/// Implemented for `()`, `String`, `Vec<u8>`, [`Bytes`], `Box<[u8]>` and arrays of bytes, for references to these, for `&str` and
/// `&[u8]`, and for an `Option` of each. This trait is sealed.
#[allow(private_bounds)] // which seals it
pub trait BodyBytes: HasBytes {}

impl<B: HasBytes> BodyBytes for B {}

trait HasBytes {
    fn bytes(&self) -> &[u8];
}

macro_rules! has_bytes {
    ($($body:ty),+) => {$(
        impl HasBytes for $body {
            fn bytes(&self) -> &[u8] {
                self.as_ref()
            }
        }
    )+};
}

has_bytes!(str, [u8], String, Vec<u8>, Bytes, Box<[u8]>);

impl<B: HasBytes + ?Sized> HasBytes for &B {
    fn bytes(&self) -> &[u8] {
        (*self).bytes()
    }
}

impl<const N: usize> HasBytes for [u8; N] {
    fn bytes(&self) -> &[u8] {
        self
    }
}

impl HasBytes for () {
    fn bytes(&self) -> &[u8] {
        b""
    }
}

impl<B: HasBytes> HasBytes for Option<B> {
    fn bytes(&self) -> &[u8] {
        self.as_ref().map_or(b"", B::bytes)
    }
}

impl Signer {
    /// Authenticates a request whose body is in memory. No response will be inspected, so no clock is corrected by it.
    pub(super) fn authenticate<B: BodyBytes>(&self, mut request: Request<B>) -> Result<Request<B>, AuthError> {
        let Overrides { access, .. } = request.overrides();
        let len = Some(request.body().bytes().len() as u64);
        if let Some(signing) = self.prepare(&mut request, access, len)? {
            let known = match request.body().bytes() {
                [] => KnownBody::Empty,
                bytes => KnownBody::Read(BodyDigest::of(bytes)),
            };
            self.sign(&mut request, signing, known, len)?;
        }
        Ok(request)
    }
}
