//! The keys that a signature may have been made with, and the mistakes of using them.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;

use super::Mistake;
use crate::OwnerKey;

/// A key that a signature may have been made with, and the mistakes of using it.
pub(super) struct SearchKey {
    pub(super) mac: KeyedMac,
    pub(super) mistakes: Vec<Mistake>,
}

#[derive(Clone)]
pub(super) enum KeyedMac {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
}

impl SearchKey {
    pub(super) fn owner(key: &OwnerKey) -> Self {
        Self { mac: KeyedMac::Sha1(key.mac()), mistakes: Vec::new() }
    }

    /// Every key that comes of these, with either hash.
    pub(super) fn all(owner_key_id: &str, owner_key: &str, api_keys: &[&str]) -> Vec<Self> {
        let uuid = uuid_bytes(owner_key);
        let bytes = uuid.iter().map(|bytes| (Some(Mistake::KeyBytes), &bytes[..]));
        let api_keys = api_keys.iter().map(|key| (Some(Mistake::ApiKeyAsKey), key.as_bytes()));
        let texts = [(None, owner_key.as_bytes()), (Some(Mistake::KeyIdAsKey), owner_key_id.as_bytes())];
        let keys = texts.into_iter().chain(bytes).chain(api_keys);
        keys.flat_map(|(mistake, key)| {
            let sha1 = Hmac::new_from_slice(key).ok().map(|mac| (KeyedMac::Sha1(mac), None));
            let sha256 = Hmac::new_from_slice(key).ok().map(|mac| (KeyedMac::Sha256(mac), Some(Mistake::HmacSha256)));
            let macs = [sha1, sha256].into_iter().flatten();
            macs.map(move |(mac, hash)| Self { mac, mistakes: [mistake, hash].into_iter().flatten().collect() })
        })
        .collect()
    }
}

impl KeyedMac {
    /// Returns the length of the signatures, in bytes.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Sha1(_) => 20,
            Self::Sha256(_) => 32,
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(mac) => mac.update(bytes),
            Self::Sha256(mac) => mac.update(bytes),
        }
    }

    /// Compares in constant time.
    pub(super) fn verify(self, signature: &[u8]) -> bool {
        match self {
            Self::Sha1(mac) => mac.verify_slice(signature).is_ok(),
            Self::Sha256(mac) => mac.verify_slice(signature).is_ok(),
        }
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
