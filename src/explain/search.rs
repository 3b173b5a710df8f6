//! The search: tries one form of the canonical string after another until the signature matches, within a budget.

use super::keys::SearchKey;
use super::parts::ways;
use super::way::{MAX_MISTAKES, Way};
use super::{Mistake, Received};

/// How many bytes may be fed to HMACs for one request.
const BUDGET: usize = 512 * 1024;

/// A way to write the whole canonical string: one way of each part, and what separates them.
struct Form<'a> {
    parts: Vec<&'a Way>,
    separator: Separator,
}

/// What is written between the parts, and after them.
#[derive(Clone, Copy)]
struct Separator {
    between: &'static str,
    after: &'static str,
    /// Whether empty parts are left out, with their separator.
    skips_empty: bool,
}

/// Returns the mistakes with which the signature was made with one of the keys, as few as possible. They are empty if it is
/// valid, or if nothing explains it.
pub(super) fn search(received: &Received<'_>, signature: &[u8], keys: &[SearchKey]) -> Vec<Mistake> {
    search_within(BUDGET, received, signature, keys).0.unwrap_or_default()
}

/// Also returns how many bytes were fed to HMACs.
fn search_within(
    budget: usize,
    received: &Received<'_>,
    signature: &[u8],
    keys: &[SearchKey],
) -> (Option<Vec<Mistake>>, usize) {
    let (parts, nothing) = (ways(received), Way::by(Mistake::EmptyHmac, ""));
    let forms = forms(&parts, &nothing);
    let keys: Vec<_> = keys.iter().filter(|key| key.signature_len == signature.len()).collect();
    let mut written = 0;
    for count in 0..=MAX_MISTAKES {
        let pairs = forms.iter().flat_map(|form| keys.iter().map(move |key| (form, key)));
        for (form, key) in pairs.filter(|(form, key)| form.mistakes().count() + key.mistakes.len() == count) {
            if written + form.len() > budget {
                return (None, written);
            }
            written += form.len();
            debug_assert!(written <= budget, "{written}");
            if key.verify(&form.pieces(), signature) {
                return (Some(key.mistakes.iter().copied().chain(form.mistakes()).collect()), written);
            }
        }
    }
    (None, written)
}

/// Returns all forms of few mistakes. Of those with as many mistakes the short ones come first, so that a long body or path
/// does not use up the budget.
fn forms<'a>(parts: &'a [Vec<Way>; 5], nothing: &'a Way) -> Vec<Form<'a>> {
    let mut chosen: Vec<Vec<&Way>> = vec![Vec::new()];
    for ways in parts {
        let pairs = chosen.iter().flat_map(|before| ways.iter().map(move |way| (before, way)));
        let few = pairs.filter(|(before, way)| count(before) + way.mistakes.len() <= MAX_MISTAKES);
        chosen = few.map(|(before, way)| before.iter().copied().chain([way]).collect()).collect();
    }
    let mut forms: Vec<_> = chosen.iter().flat_map(|parts| separated(parts)).collect();
    forms.push(Form { parts: vec![nothing], separator: Separator::NONE });
    forms.sort_by_cached_key(|form| (form.mistakes().count(), form.len()));
    forms
}

/// Returns the forms of these parts, with each separator that makes a difference.
fn separated<'a>(parts: &[&'a Way]) -> Vec<Form<'a>> {
    let has_empty_part = parts.iter().any(|way| way.text.is_empty());
    let separators = Separator::all().filter(|separator| has_empty_part || !separator.skips_empty);
    let few = separators.filter(|separator| count(parts) + usize::from(!separator.is_none()) <= MAX_MISTAKES);
    few.map(|separator| Form { parts: parts.to_vec(), separator }).collect()
}

fn count(ways: &[&Way]) -> usize {
    ways.iter().map(|way| way.mistakes.len()).sum()
}

impl Form<'_> {
    /// Returns the mistakes that lead to this form.
    fn mistakes(&self) -> impl Iterator<Item = Mistake> {
        let separators = (!self.separator.is_none()).then_some(Mistake::Separators);
        self.parts.iter().flat_map(|way| way.mistakes.iter().copied()).chain(separators)
    }

    /// Returns the pieces of the text, in order.
    fn pieces(&self) -> Vec<&[u8]> {
        let Separator { between, after, skips_empty } = self.separator;
        let written = self.parts.iter().filter(|way| !(skips_empty && way.text.is_empty()));
        let separated = written.flat_map(|way| [between.as_bytes(), &way.text]).skip(1);
        separated.chain([after.as_bytes()]).collect()
    }

    fn len(&self) -> usize {
        self.pieces().iter().map(|piece| piece.len()).sum()
    }
}

impl Separator {
    const NONE: Self = Self { between: "", after: "", skips_empty: false };

    /// The correct one first.
    fn all() -> impl Iterator<Item = Self> {
        let between = ["\n", "\r\n", " ", ",", ":"].map(|between| Self { between, ..Self::NONE });
        let between_non_empty = between.map(|separator| Self { skips_empty: true, ..separator });
        let with_newline_after = ["", "\n"].map(|between| Self { between, after: "\n", ..Self::NONE });
        [Self::NONE].into_iter().chain(between).chain(between_non_empty).chain(with_newline_after)
    }

    fn is_none(self) -> bool {
        self.between.is_empty() && self.after.is_empty()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{BodyDigest, OwnerKey};

    /// Searches for a signature that no mistake explains, of a request that allows for nearly all of them.
    fn written(budget: usize, path: &str, body: &str, keys: &[SearchKey]) -> usize {
        let received = Received {
            method: "POST",
            path,
            query: Some("limit=5&q=%2F"),
            authority: Some("rest.logentries.com"),
            content_type: b"application/json; charset=utf-8",
            date: b"Thu, 03 Aug 2017 20:16:24 GMT",
            prefixes: vec!["/gateway"],
            body: body.as_bytes(),
            digest: BodyDigest::of(body),
        };
        let (mistakes, written) = search_within(budget, &received, &[0; 20], keys);
        assert_eq!(mistakes, None);
        written
    }

    fn owner_keys(count: usize) -> Vec<SearchKey> {
        (0..count).map(|key| SearchKey::owner(&OwnerKey::new("id", &key.to_string()).unwrap())).collect()
    }

    const PATH: &str = "/management/accounts/de305d54-75b4-431b-adb2-eb6b9e546014/users/a%20b~";

    #[test]
    fn usual_requests_are_searched_to_the_end() {
        let texts = SearchKey::all("id", "7f7c461f-2e71-4d50-8cdf-06c11ee67789", &["rw", "ro"]);
        for keys in [owner_keys(1), owner_keys(2), texts] {
            let body = r#"{"user":{"email":"john@smyth.com"}}"#;
            let whole = written(usize::MAX, PATH, body, &keys);
            assert!(whole > 200 * 1024, "{whole}");
            assert_eq!(written(BUDGET, PATH, body, &keys), whole);
        }
    }

    #[test]
    fn search_ends_within_its_budget() {
        let (long_path, long_body) = (format!("/{}", "a%20~".repeat(800)), "x".repeat(64 * 1024));
        let longer_path = format!("{long_path}{long_path}");
        for keys in [owner_keys(1), owner_keys(50), SearchKey::all("id", "key", &["rw", "ro"])] {
            for (path, body) in
                [(PATH, &*long_body), (&*long_path, "{}"), (&*long_path, &*long_body), (&*longer_path, "{}")]
            {
                for budget in [0, 1_000, 100_000, BUDGET] {
                    let written = written(budget, path, body, &keys);
                    assert!(written <= budget, "{written}");
                }
            }
        }
    }
}
