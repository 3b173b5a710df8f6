//! A way to write a text, and how ways combine.

use super::Mistake;

/// How many mistakes are searched for in combination.
pub(super) const MAX_MISTAKES: usize = 2;

/// A way to write a text, and the mistakes that lead to it. There are none in the correct way.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) text: Vec<u8>,
    pub(super) mistakes: Vec<Mistake>,
}

impl Way {
    pub(super) fn correct(text: impl Into<Vec<u8>>) -> Self {
        Self { text: text.into(), mistakes: Vec::new() }
    }

    pub(super) fn by(mistake: Mistake, text: impl Into<Vec<u8>>) -> Self {
        Self { text: text.into(), mistakes: vec![mistake] }
    }

    /// Appends another way to this one.
    pub(super) fn then(&self, next: &Self) -> Self {
        let mistakes = [&*self.mistakes, &next.mistakes].concat();
        Self { text: [&*self.text, &next.text].concat(), mistakes }
    }
}

/// Concatenates one way of each list, in all combinations of few mistakes.
pub(super) fn product(lists: &[&[Way]]) -> Vec<Way> {
    let start = vec![Way::correct("")];
    lists.iter().fold(start, |before, ways| {
        let pairs = before.iter().flat_map(|first| ways.iter().map(move |next| (first, next)));
        let few = pairs.filter(|(first, next)| first.mistakes.len() + next.mistakes.len() <= MAX_MISTAKES);
        few.map(|(first, next)| first.then(next)).collect()
    })
}

/// Leaves one way for each text: the first of those with the fewest mistakes. The correct one comes first.
pub(super) fn distinct(mut ways: Vec<Way>) -> Vec<Way> {
    ways.sort_by_key(|way| way.mistakes.len());
    let mut kept: Vec<Way> = Vec::with_capacity(ways.len());
    for way in ways {
        if !kept.iter().any(|other| other.text == way.text) {
            kept.push(way);
        }
    }
    kept
}
