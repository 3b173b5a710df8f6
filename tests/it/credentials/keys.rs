//! Making keys, and what they refuse to be made of.

use proptest::prelude::*;
use tower_logentries_auth::{ApiKey, Credentials, CredentialsError, OwnerKey};

use crate::support::{KEY_ID, OWNER_KEY, READ_ONLY_KEY, READ_WRITE_KEY, assert_no_secrets, credentials};

type Make = fn(&str) -> Result<(), CredentialsError>;

/// Everything that takes a key or an id, and what its errors call it.
const MAKERS: [(&str, Make); 11] = [
    ("owner key id", |id| OwnerKey::new(id, OWNER_KEY).map(drop)),
    ("owner key id", |id| Credentials::owner(id, OWNER_KEY).map(drop)),
    ("owner key id", |id| credentials().with_owner(id, OWNER_KEY).map(drop)),
    ("owner key", |key| OwnerKey::new(KEY_ID, key).map(drop)),
    ("owner key", |key| Credentials::owner(KEY_ID, key).map(drop)),
    ("owner key", |key| credentials().with_owner(KEY_ID, key).map(drop)),
    ("read/write key", |key| Credentials::read_write(key).map(drop)),
    ("read/write key", |key| credentials().with_read_write(key).map(drop)),
    ("read-only key", |key| Credentials::read_only(key).map(drop)),
    ("read-only key", |key| credentials().with_read_only(key).map(drop)),
    ("API key", |key| ApiKey::new(key).map(drop)),
];

fn assert_refused(texts: &[&str], problem: &str) {
    for (what, make) in MAKERS {
        for text in texts {
            let error = make(text).unwrap_err();
            assert_eq!(error.to_string(), format!("the {what} {problem}"), "{text:?}");
        }
    }
}

#[test]
fn empty_key_fails() {
    assert_refused(&[""], "is empty: copy it from the account's API keys");
}

#[test]
fn whitespace_fails() {
    let texts = [" ", " \t ", " 7f7c", "7f7c ", "7f 7c", "7f7c\n", "7f7c\r\n", "\t7f7c", "7f\u{a0}7c", "7f7c\u{2028}"];
    assert_refused(&texts, "contains whitespace: remove it; often it is a line break at the end");
}

#[test]
fn control_character_fails() {
    let texts = ["\0", "7f\u{1b}[0m7c", "7f7c\u{7f}", "7f\u{9b}7c"];
    assert_refused(&texts, "contains a control character: copy it again from the account's API keys");
}

#[test]
fn non_ascii_fails() {
    let texts = ["7f7c–461f", "ключ", "7f7c\u{feff}", "７f7c"];
    assert_refused(&texts, "contains a character outside ASCII: copy it again from the account's API keys");
}

#[test]
fn colon_fails_in_ids_only() {
    for (what, make) in MAKERS {
        let error = make("id:7f7c").err().map(|error| error.to_string());
        let text = "the owner key id contains a ':': pass the id alone, and the key as a separate value";
        assert_eq!(error.as_deref(), (what == "owner key id").then_some(text), "{what}");
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
    #[test]
    fn key_is_visible_ascii(text in prop_oneof!["[!-~]{0,40}", "[ -\u{7f}]{1,9}", ".{0,9}"]) {
        let is_visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        for (what, make) in MAKERS {
            let is_fit = is_visible && !(what == "owner key id" && text.contains(':'));
            prop_assert_eq!(make(&text).is_ok(), is_fit, "{} {:?}", what, text);
        }
    }
}
