//! A way to write a text, and how ways combine.

use std::collections::HashSet;

use super::Mistake;

/// How many mistakes are searched for in combination.
pub(super) const MAX_MISTAKES: usize = 2;

/// A way to write a text of bytes, or of pieces, and the mistakes that lead to it. There are none in the correct way.
#[derive(Clone, Default)]
pub(super) struct Way<T = u8> {
    pub(super) text: Vec<T>,
    pub(super) mistakes: Vec<Mistake>,
}

impl Way {
    pub(super) fn correct(text: impl Into<Vec<u8>>) -> Self {
        Self { text: text.into(), mistakes: Vec::new() }
    }

    pub(super) fn by(mistake: Mistake, text: impl Into<Vec<u8>>) -> Self {
        Self { text: text.into(), mistakes: vec![mistake] }
    }

    /// Returns a way with this text, and with one mistake in addition to those of this way.
    pub(super) fn and(&self, mistake: Mistake, text: impl Into<Vec<u8>>) -> Self {
        Self { text: text.into(), mistakes: [&*self.mistakes, &[mistake]].concat() }
    }
}

/// Concatenates one way of each list, in all combinations of few mistakes.
pub(super) fn product<T: Clone + Default>(lists: impl IntoIterator<Item: AsRef<[Way<T>]>>) -> Vec<Way<T>> {
    lists.into_iter().fold(vec![Way::default()], |before, ways| {
        let pairs = before.iter().flat_map(|first| ways.as_ref().iter().map(move |next| (first, next)));
        let few = pairs.filter(|(first, next)| first.mistakes.len() + next.mistakes.len() <= MAX_MISTAKES);
        let joined = few.map(|(first, next)| Way {
            text: [&*first.text, &next.text].concat(),
            mistakes: [&*first.mistakes, &next.mistakes].concat(),
        });
        joined.collect()
    })
}

/// Leaves one way for each text: the first of those with the fewest mistakes. The correct one comes first.
pub(super) fn distinct(mut ways: Vec<Way>) -> Vec<Way> {
    ways.sort_by_key(|way| way.mistakes.len());
    let mut seen = HashSet::new();
    ways.retain(|way| seen.insert(way.text.clone()));
    ways
}
