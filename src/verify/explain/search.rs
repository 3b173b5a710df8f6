//! The search: computes the signature of one form after another until one matches, within bounds.

use super::{
    Mistake,
    form::{CHANGES, Form},
    keys::SearchKey,
    received::Received,
};

/// The maximum number of signatures that are computed for one request.
const MAX_SIGNATURES: usize = 1_000;
/// The maximum number of bytes that are hashed for one request, in addition to the digest of its body. A single form may
/// exceed it by its own length, unless it contains the body.
pub(super) const MAX_HASHED: usize = 512 * 1024;
/// How many mistakes are searched for in combination.
const MAX_MISTAKES: usize = 2;

/// A search, and what it has computed so far.
pub(super) struct Search<'a> {
    received: &'a Received<'a>,
    signature: &'a [u8],
    keys: &'a [SearchKey],
    signatures: usize,
    hashed: usize,
}

impl<'a> Search<'a> {
    pub(super) fn new(received: &'a Received<'a>, signature: &'a [u8], keys: &'a [SearchKey]) -> Self {
        Self { received, signature, keys, signatures: 0, hashed: received.hashed() }
    }

    /// Returns the mistakes of the first form that matches, with as few as possible. They are empty if the signature is
    /// valid.
    pub(super) fn run(&mut self) -> Option<Vec<Mistake>> {
        let keys = self.keys;
        let forms = forms(self.received);
        for count in 0..=MAX_MISTAKES {
            for key in keys.iter().filter(|key| key.mac.len() == self.signature.len()) {
                let forms = forms.iter().filter(|form| form.mistakes().count() + key.mistakes.len() == count);
                for form in forms {
                    if self.matches(form, key)? {
                        return Some(key.mistakes.iter().copied().chain(form.mistakes()).collect());
                    }
                }
            }
        }
        None
    }

    /// Returns whether the signature is that of this form and key, or `None` if the search has reached its bound.
    fn matches(&mut self, form: &Form, key: &SearchKey) -> Option<bool> {
        if self.hashed.saturating_add(self.received.raw_len(form)) > MAX_HASHED {
            return Some(false);
        }
        if self.signatures == MAX_SIGNATURES {
            return None;
        }
        self.signatures += 1;
        let mut mac = key.mac.clone();
        self.received.write(form, &mut |bytes| {
            self.hashed = self.hashed.saturating_add(bytes.len());
            mac.update(bytes);
        });
        Some(mac.verify(self.signature))
    }
}

/// Returns all forms that differ for this request. Those that contain the body are last, because it may be long.
fn forms(received: &Received<'_>) -> Vec<Form> {
    let changes: Vec<_> = CHANGES.iter().filter(|(_, change)| received.can(*change)).collect();
    let mut forms = vec![Form::default()];
    for (index, first) in changes.iter().enumerate() {
        let Some(form) = Form::default().with(**first) else { continue };
        let seconds = changes.iter().skip(index + 1);
        forms.push(form);
        forms.extend(seconds.filter_map(|second| form.with(**second)));
    }
    forms.retain(|form| !received.skips_nothing(form));
    forms.sort_by_key(|form| received.raw_len(form) > 0);
    forms
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytes::Bytes;
    use http::Request;

    use super::*;
    use crate::{BodyDigest, BufferedBody, OwnerKey};

    /// Searches for a signature that no mistake explains, of a request that allows for nearly all of them.
    fn search_all(path: &str, body: &str, keys: &[SearchKey]) -> (usize, usize) {
        let request = Request::post(path)
            .header("host", "a.example")
            .header("content-type", "application/json; charset=utf-8")
            .header("date", "Thu, 03 Aug 2017 20:16:24 GMT")
            .body(())
            .unwrap();
        let (head, ()) = request.into_parts();
        let buffered = BufferedBody::of_chunk(Bytes::copy_from_slice(body.as_bytes()));
        let received =
            Received::new(&head.method, &head.uri, &head.headers, &head.extensions, (&buffered, BodyDigest::of(body)));
        let mut search = Search::new(&received, &[0; 20], keys);
        assert_eq!(search.run(), None);
        (search.signatures, search.hashed)
    }

    #[test]
    fn usual_requests_are_searched_to_the_end() {
        let owner = || vec![SearchKey::owner(&OwnerKey::new("id", "key").unwrap())];
        let all = SearchKey::all("id", "7f7c461f-2e71-4d50-8cdf-06c11ee67789", &["rw", "ro"]);
        for keys in [owner(), all] {
            let (signatures, hashed) = search_all("/a%20b:c?q=%2F", "a body\n", &keys);
            assert!((500..MAX_SIGNATURES).contains(&signatures) && hashed < MAX_HASHED, "{signatures} {hashed}");
        }
    }

    #[test]
    fn search_is_bounded() {
        let keys: Vec<_> = (0..50).map(|n| SearchKey::owner(&OwnerKey::new("id", &n.to_string()).unwrap())).collect();
        assert_eq!(search_all("/a?b", "{}", &keys).0, MAX_SIGNATURES);

        let (long_path, long_body) = (format!("/{}", "a%20".repeat(10_000)), "x".repeat(MAX_HASHED / 2 - 1) + "\n");
        for (path, body) in [("/a", &*long_body), (&*long_path, "{}"), (&*long_path, &*long_body)] {
            let (signatures, hashed) = search_all(path, body, &keys);
            let one_more = 3 * path.len() + 1_000;
            assert!(signatures <= MAX_SIGNATURES && hashed <= MAX_HASHED + one_more, "{signatures} {hashed}");
        }
    }
}
