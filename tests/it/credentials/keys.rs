//! Making keys, and what they refuse to be made of.

use proptest::prelude::*;
use tower_logentries_auth::{Credentials, CredentialsError, OwnerKey};

use super::describe;

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
];

#[test]
fn unfit_keys_fail() {
    let unfit: [(&str, &[&str]); 4] = [
        ("empty", &[""]),
        (
            "whitespace",
            &[" ", " \t ", " 7f7c", "7f7c ", "7f 7c", "7f7c\n", "7f7c\r\n", "\t7f7c", "7f\u{a0}7c", "7f7c\u{2028}"],
        ),
        ("control character", &["\0", "7f\u{1b}[0m7c", "7f7c\u{7f}", "7f\u{9b}7c"]),
        ("not ASCII", &["7f7c–461f", "ключ", "7f7c\u{feff}", "７f7c"]),
    ];
    for (problem, texts) in unfit {
        for (name, make) in MAKERS {
            for text in texts {
                assert_eq!(describe(&make(text).unwrap_err()), format!("{problem}: {name}"), "{text:?}");
            }
        }
    }
}

#[test]
fn colon_fails_in_ids_only() {
    for (name, make) in MAKERS {
        let error = make("id:7f7c").err().map(|error| describe(&error));
        assert_eq!(error.as_deref(), (*name == "owner key id").then_some("colon"), "{name}");
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
fn owner_key_keeps_its_label_and_account() {
    let key = OwnerKey::new(KEY_ID, OWNER_KEY).unwrap().with_label("2026").with_account("acme");
    let read_only = Credentials::read_only(READ_ONLY_KEY).unwrap();
    assert!(read_only.owner_key().is_none());
    for credentials in [Credentials::from_owner_key(key.clone()), read_only.with_owner_key(key)] {
        let key = credentials.owner_key().unwrap();
        assert_eq!((key.id(), key.label(), key.account()), (KEY_ID, Some("2026"), Some("acme")));
    }
    let plain = credentials();
    let plain = plain.owner_key().unwrap();
    assert_eq!((plain.id(), plain.label(), plain.account()), (KEY_ID, None, None));
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
