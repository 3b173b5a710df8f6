//! The keys that a signature may have been made with, and the mistakes of using them.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Mistake;
use super::way::MAX_MISTAKES;
use crate::OwnerKey;

/// A key that a signature may have been made with, and the mistakes of using it.
pub(super) struct SearchKey {
    verify: Box<Verify>,
    pub(super) signature_len: usize,
    pub(super) mistakes: Vec<Mistake>,
}

type Verify = dyn Fn(&[&[u8]], &[u8]) -> bool;

impl SearchKey {
    pub(super) fn owner(key: &OwnerKey) -> Self {
        Self::new(key.mac(), Vec::new())
    }

    /// Every key that comes of these, with either hash.
    pub(super) fn all(owner_key_id: &str, owner_key: &str, api_keys: &[&str]) -> Vec<Self> {
        let owner_key = owner_key.strip_suffix('\n').map_or(owner_key, |key| key.strip_suffix('\r').unwrap_or(key));
        let uuid = uuid_bytes(owner_key);
        let bytes = uuid.iter().map(|bytes| (Some(Mistake::KeyBytes), &bytes[..]));
        let api_keys = api_keys.iter().map(|key| (Some(Mistake::ApiKeyAsKey), key.as_bytes()));
        let texts = [(None, owner_key.as_bytes()), (Some(Mistake::KeyIdAsKey), owner_key_id.as_bytes())];
        let keys = texts.into_iter().chain(bytes).chain(api_keys);
        keys.flat_map(|(mistake, key)| Self::used_as(key, mistake)).collect()
    }

    /// A key with each line end, and with either hash.
    fn used_as(key: &[u8], mistake: Option<Mistake>) -> Vec<Self> {
        let ends = [("", None), ("\n", Some(Mistake::KeyLineEnd)), ("\r\n", Some(Mistake::KeyLineEnd))];
        let keys = ends.into_iter().flat_map(|(end, line_end)| {
            let key = Zeroizing::new([key, end.as_bytes()].concat());
            let [with_sha1, with_sha256] =
                [None, Some(Mistake::HmacSha256)].map(|hash| [mistake, line_end, hash].into_iter().flatten().collect());
            // HMAC takes keys of any length, so neither fails.
            let sha1 = Hmac::<Sha1>::new_from_slice(&key).map(|mac| Self::new(mac, with_sha1));
            let sha256 = Hmac::<Sha256>::new_from_slice(&key).map(|mac| Self::new(mac, with_sha256));
            sha1.into_iter().chain(sha256)
        });
        keys.filter(|key| key.mistakes.len() <= MAX_MISTAKES).collect()
    }

    fn new<M: Mac + Clone + 'static>(mac: M, mistakes: Vec<Mistake>) -> Self {
        let verify = move |text: &[&[u8]], signature: &[u8]| {
            let mut mac = mac.clone();
            text.iter().for_each(|piece| mac.update(piece));
            mac.verify_slice(signature).is_ok()
        };
        Self { verify: Box::new(verify), signature_len: M::output_size(), mistakes }
    }

    /// Returns whether this key made the signature of a text, which is given in pieces. Compares in constant time.
    pub(super) fn verify(&self, text: &[&[u8]], signature: &[u8]) -> bool {
        (self.verify)(text, signature)
    }
}

/// Returns the 16 bytes of a UUID in text.
fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    let is_uuid = text.len() == 36 && text.is_ascii() && text.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    if !is_uuid {
        return None;
    }
    let mut digits = text.chars().filter(|char| *char != '-').map(|char| char.to_digit(16));
    digits.try_fold(0, |number: u128, digit| Some(number << 4 | u128::from(digit?))).map(u128::to_be_bytes)
}
