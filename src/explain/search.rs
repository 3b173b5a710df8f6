//! The search: tries one form of the canonical string after another until the signature matches, within a budget.

use super::keys::SearchKey;
use super::parts::ways;
use super::way::{MAX_MISTAKES, Way, product};
use super::{Mistake, Received};

/// How many bytes may be fed to HMACs for one request.
const BUDGET: usize = 512 * 1024;

/// What clients write between the parts, and after them.
const SEPARATORS: [(&str, &str); 7] =
    [("\n", ""), ("\r\n", ""), (" ", ""), (",", ""), (":", ""), ("", "\n"), ("\n", "\n")];

/// A way to write the whole canonical string, in pieces.
type Form<'a> = Way<&'a [u8]>;

/// Returns the fewest mistakes with which one of the keys makes this signature. The list is empty if the signature is
/// valid. Returns `None` if nothing explains it.
pub(super) fn search(received: &Received<'_>, signature: &[u8], keys: &[SearchKey]) -> Option<Vec<Mistake>> {
    let parts = ways(received)?;
    let forms = forms(&parts);
    let keys = keys.iter().filter(|key| key.signature_len == signature.len());
    let mut budget = BUDGET;
    for (form, key) in attempts(&forms, keys) {
        budget = budget.checked_sub(form.text_len())?;
        if (key.verify)(&form.text, signature) {
            return Some([&*key.mistakes, &form.mistakes].concat());
        }
    }
    None
}

/// Returns what to try, in order. Among attempts with equally many mistakes, the shortest comes first, so that a long
/// body or path does not use up the budget.
fn attempts<'a>(
    forms: &'a [Form<'a>],
    keys: impl Iterator<Item = &'a SearchKey>,
) -> impl Iterator<Item = (&'a Form<'a>, &'a SearchKey)> {
    let count = |(form, key): &(&Form<'_>, &SearchKey)| form.mistakes.len() + key.mistakes.len();
    let pairs = keys.flat_map(|key| forms.iter().map(move |form| (form, key)));
    let mut few: Vec<_> = pairs.filter(|pair| count(pair) <= MAX_MISTAKES).collect();
    few.sort_by_cached_key(|pair| (count(pair), pair.0.text_len()));
    few.into_iter()
}

/// Returns all forms of few mistakes.
fn forms<'a>(parts: &'a [Vec<Way>; 5]) -> Vec<Form<'a>> {
    let in_pieces = |way: &'a Way| Form { text: vec![&*way.text], mistakes: way.mistakes.clone() };
    let mut forms = product(parts.iter().map(|ways| ways.iter().map(in_pieces).collect::<Vec<_>>()));
    let few = forms.iter().filter(|form| form.mistakes.len() < MAX_MISTAKES);
    let separated: Vec<_> = few.flat_map(separated).collect();
    forms.extend(separated);
    forms.push(Form { text: Vec::new(), mistakes: vec![Mistake::EmptyHmac] });
    forms
}

/// Separates the parts of a form, or those that are not empty.
fn separated<'a>(form: &Form<'a>) -> Vec<Form<'a>> {
    let mut lists = vec![form.text.clone(), form.text.iter().copied().filter(|part| !part.is_empty()).collect()];
    lists.dedup();
    let mistakes = [&*form.mistakes, &[Mistake::Separators]].concat();
    let separate = |parts: &Vec<&'a [u8]>| {
        SEPARATORS.map(|(between, after)| {
            let pieces = parts.iter().flat_map(|part| [between.as_bytes(), part]).skip(1);
            Form { text: pieces.chain([after.as_bytes()]).collect(), mistakes: mistakes.clone() }
        })
    };
    lists.iter().flat_map(separate).collect()
}

impl Form<'_> {
    fn text_len(&self) -> usize {
        self.text.iter().map(|piece| piece.len()).sum()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http::{HeaderMap, HeaderValue, Method, Uri};

    use super::*;
    use crate::{BodyDigest, OwnerKey};

    /// Returns how many bytes a search to the end hashes, for a request that makes nearly all mistakes possible.
    fn whole_search(keys: &[SearchKey]) -> usize {
        let body = r#"{"user":{"email":"john@smyth.com"}}"#;
        let path = "/management/accounts/de305d54-75b4-431b-adb2-eb6b9e546014/users/a%20b~";
        let headers = [
            ("host", "rest.logentries.com"),
            ("content-type", "application/json; charset=utf-8"),
            ("date", "Thu, 03 Aug 2017 20:16:24 GMT"),
        ];
        let received = Received {
            method: &Method::POST,
            uri: &Uri::try_from(format!("{path}?limit=5&q=%2F")).unwrap(),
            path,
            headers: &HeaderMap::from_iter(
                headers.map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))),
            ),
            mounts: vec!["/gateway"],
            body: body.as_bytes(),
            digest: BodyDigest::of(body),
        };
        let parts = ways(&received).unwrap();
        let forms = forms(&parts);
        attempts(&forms, keys.iter().filter(|key| key.signature_len == 20)).map(|(form, _)| form.text_len()).sum()
    }

    #[test]
    fn usual_requests_are_searched_to_the_end() {
        let owner_keys = |count: usize| -> Vec<_> {
            (0..count).map(|key| SearchKey::owner(&OwnerKey::new("id", &key.to_string()).unwrap())).collect()
        };
        let texts = SearchKey::all("id", "7f7c461f-2e71-4d50-8cdf-06c11ee67789", &["rw", "ro"]);
        for keys in [owner_keys(1), owner_keys(2), texts] {
            let written = whole_search(&keys);
            assert!((200 * 1024..=BUDGET).contains(&written), "{written}");
        }
    }
}
