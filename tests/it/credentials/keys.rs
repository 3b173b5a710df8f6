//! Making keys, and what they refuse to be made of.

use proptest::prelude::*;
use tower_logentries_auth::{ApiKey, Credentials, CredentialsError, OwnerKey};

use crate::support::{KEY_ID, OWNER_KEY, READ_ONLY_KEY, READ_WRITE_KEY, assert_no_secrets, credentials};

type Make = fn(&str) -> Result<(), CredentialsError>;

/// Everything that takes a key or an id, and what its errors call it.
const MAKERS: &[(&str, Make)] = &[
    ("owner key id", |id| OwnerKey::new(id, OWNER_KEY).map(drop)),
    ("owner key id", |id| Credentials::owner(id, OWNER_KEY).map(drop)),
    ("owner key id", |id| credentials().with_owner(id, OWNER_KEY).map(drop)),
    ("owner key", |key| OwnerKey::new(KEY_ID, key).map(drop)),
    ("owner key", |key| Credentials::owner(KEY_ID, key).map(drop)),
    ("owner key", |key| credentials().with_owner(KEY_ID, key).map(drop)),
    ("read/write key", |key| Credentials::read_write(key).map(drop)),
    ("read/write key", |key| credentials().with_read_write(key).map(drop)),
    ("platform key", |key| Credentials::platform(key).map(drop)),
    ("platform key", |key| credentials().with_platform(key).map(drop)),
    ("read-only key", |key| Credentials::read_only(key).map(drop)),
    ("read-only key", |key| credentials().with_read_only(key).map(drop)),
    ("API key", |key| ApiKey::new(key).map(drop)),
];

/// Fails unless each text fails with the error that `problem` makes of the name.
fn assert_fails(texts: &[&str], problem: fn(&'static str) -> CredentialsError) {
    for (name, make) in MAKERS {
        for text in texts {
            assert_eq!(make(text).unwrap_err(), problem(name), "{text:?}");
        }
    }
}

#[test]
fn empty_key_fails() {
    assert_fails(&[""], |name| CredentialsError::Empty { name });
}

#[test]
fn whitespace_fails() {
    let texts = [" ", " \t ", " 7f7c", "7f7c ", "7f 7c", "7f7c\n", "7f7c\r\n", "\t7f7c", "7f\u{a0}7c", "7f7c\u{2028}"];
    assert_fails(&texts, |name| CredentialsError::Whitespace { name });
}

#[test]
fn control_character_fails() {
    assert_fails(&["\0", "7f\u{1b}[0m7c", "7f7c\u{7f}", "7f\u{9b}7c"], |name| CredentialsError::ControlCharacter {
        name,
    });
}

#[test]
fn non_ascii_fails() {
    assert_fails(&["7f7c–461f", "ключ", "7f7c\u{feff}", "７f7c"], |name| CredentialsError::NotAscii { name });
}

#[test]
fn colon_fails_in_ids_only() {
    for (name, make) in MAKERS {
        let error = (*name == "owner key id").then_some(CredentialsError::ColonInKeyId);
        assert_eq!(make("id:7f7c").err(), error, "{name}");
    }
}

#[test]
fn errors_do_not_repeat_the_key() {
    for (_, make) in MAKERS {
        for unfit in [" ", "\n", "\0", "é"] {
            for secret in [OWNER_KEY, READ_WRITE_KEY, READ_ONLY_KEY] {
                let error = make(&format!("{secret}{unfit}")).unwrap_err();
                assert_no_secrets(&format!("{error} {error:?} {error:#?}"));
            }
        }
    }
    let error = OwnerKey::new(&format!("{KEY_ID}:{OWNER_KEY}"), OWNER_KEY).unwrap_err();
    assert_no_secrets(&format!("{error} {error:?}"));
}

#[test]
fn debug_shows_the_id_and_hides_keys() {
    let owner = OwnerKey::new(KEY_ID, OWNER_KEY).unwrap();
    assert_eq!(format!("{owner:?}"), format!("OwnerKey {{ id: {KEY_ID:?}, key: \"[elided]\" }}"));
    assert_eq!(format!("{:?}", ApiKey::new(READ_ONLY_KEY).unwrap()), "ApiKey([elided])");
    let all = format!("{:?} {:#?}", credentials(), credentials());
    assert_no_secrets(&all);
    assert!(all.contains(KEY_ID), "{all}");
}

proptest! {
    #![proptest_config(crate::support::cases(1_000))]

    #[test]
    fn key_is_visible_ascii(text in prop_oneof!["[!-~]{0,40}", "[ -\u{7f}]{1,9}", "\\PC{0,9}", ".{0,9}"]) {
        let is_visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        for (what, make) in MAKERS {
            let is_fit = is_visible && !(*what == "owner key id" && text.contains(':'));
            prop_assert_eq!(make(&text).is_ok(), is_fit, "{} {:?}", what, text);
        }
    }
}
