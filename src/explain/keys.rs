//! The keys that a signature may have been made with.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Mistake;
use crate::OwnerKey;

/// A key that a signature may have been made with, and the mistakes of using it.
pub(super) struct SearchKey {
    /// Returns whether this key made the signature of a text, which is given in pieces. Compares in constant time.
    pub(super) verify: Box<Verify>,
    pub(super) signature_len: usize,
    pub(super) mistakes: Vec<Mistake>,
}

type Verify = dyn Fn(&[&[u8]], &[u8]) -> bool;

impl SearchKey {
    pub(super) fn owner(key: &OwnerKey) -> Self {
        Self::new(key.mac(), Vec::new())
    }

    /// Returns every key to try: each of these texts, and the bytes of the owner key's UUID, with each line end and
    /// each hash.
    pub(super) fn all(owner_key_id: &str, owner_key: &str, api_keys: &[&str]) -> Vec<Self> {
        let owner_key = owner_key.strip_suffix('\n').map_or(owner_key, |key| key.strip_suffix('\r').unwrap_or(key));
        let uuid = uuid_bytes(owner_key);
        let mut keys = vec![(owner_key.as_bytes(), None), (owner_key_id.as_bytes(), Some(Mistake::KeyIdAsKey))];
        keys.extend(uuid.iter().map(|bytes| (&bytes[..], Some(Mistake::KeyBytes))));
        keys.extend(api_keys.iter().map(|key| (key.as_bytes(), Some(Mistake::ApiKeyAsKey))));

        let ends = [("", None), ("\n", Some(Mistake::KeyLineEnd)), ("\r\n", Some(Mistake::KeyLineEnd))];
        let used = |(key, mistake)| ends.map(|(end, line_end)| Self::with_end(key, end, [mistake, line_end]));
        keys.into_iter().flat_map(used).flatten().collect()
    }

    fn with_end(key: &[u8], end: &str, mistakes: [Option<Mistake>; 2]) -> [Self; 2] {
        let key = Zeroizing::new([key, end.as_bytes()].concat());
        let sha1 = Hmac::<Sha1>::new_from_slice(&key).expect("HMAC takes keys of any length");
        let sha256 = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
        let mistakes = mistakes.into_iter().flatten();
        [
            Self::new(sha1, mistakes.clone().collect()),
            Self::new(sha256, mistakes.chain([Mistake::HmacSha256]).collect()),
        ]
    }

    fn new<M: Mac + Clone + 'static>(mac: M, mistakes: Vec<Mistake>) -> Self {
        let verify = move |text: &[&[u8]], signature: &[u8]| {
            let mut mac = mac.clone();
            text.iter().for_each(|piece| mac.update(piece));
            mac.verify_slice(signature).is_ok()
        };
        Self { verify: Box::new(verify), signature_len: M::output_size(), mistakes }
    }
}

/// Returns the 16 bytes of a UUID in text.
fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    let digits = Zeroizing::new(text.replace('-', ""));
    let is_uuid = text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && !digits.starts_with('+');
    if is_uuid { u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes) } else { None }
}
