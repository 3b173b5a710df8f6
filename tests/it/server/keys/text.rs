//! The text forms of keys, for columns and messages.

use proptest::prelude::*;
use tower_logentries_auth::{ApiKeyDigest, server::PresentedKey};

proptest! {
    #[test]
    fn digests_round_trip(bytes in any::<[u8; 32]>()) {
        let digest = ApiKeyDigest::from_sha256(bytes);
        let text = digest.to_text();
        prop_assert_eq!((text.len(), text.to_uppercase().parse()), (64, Ok(digest)));
        prop_assert_eq!(text.parse(), Ok(digest));

        let key = PresentedKey::ApiKey(digest);
        prop_assert_eq!(key.to_text(), format!("api-key:{text}"));
        prop_assert_eq!(key.to_text().parse(), Ok(key));
    }

    #[test]
    fn key_ids_round_trip(id in "[!-9;-~]{1,256}") {
        let key = PresentedKey::OwnerKeyId(id.as_str().into());
        prop_assert_eq!(key.to_text(), format!("owner-key-id:{id}"));
        prop_assert_eq!(key.to_text().parse(), Ok(key));
    }

    /// What parses was written by `to_text`, but for the case of its digits.
    #[test]
    fn nothing_else_parses(text in "((owner-key-id|api-key|api-Key):)?([0-9a-fA-F]{62,66}|\\PC{0,9})") {
        if let Ok(key) = text.parse::<PresentedKey>() {
            prop_assert!(key.to_text().eq_ignore_ascii_case(&text), "{text}");
            prop_assert!(text.starts_with("owner-key-id:") || text.starts_with("api-key:"));
        }
        if let Ok(digest) = text.parse::<ApiKeyDigest>() {
            prop_assert_eq!(digest.to_text(), text.to_ascii_lowercase());
        }
    }
}

#[test]
fn texts_near_to_a_key_do_not_parse() {
    let digest = ApiKeyDigest::of("key").to_text();
    for text in ["", "owner-key-id:", "api-key:", &digest, &format!("api-key:{digest}0"), &format!("api-key: {digest}")]
    {
        text.parse::<PresentedKey>().unwrap_err();
    }
    for text in
        ["", &digest[1..], &format!("{digest}00"), &digest.replacen(&digest[..2], "+1", 1), &format!(" {digest}")]
    {
        text.parse::<ApiKeyDigest>().unwrap_err();
    }
}
