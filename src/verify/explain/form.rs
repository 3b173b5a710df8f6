//! The ways in which clients write a canonical string: what each mistake changes in it, and which changes go together.

use std::mem;

use super::{Mistake, date::DateForm};

/// A way to write the canonical string of a request. The default is the right one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Form {
    /// Nothing is written at all.
    pub(super) is_nothing: bool,
    pub(super) case: Option<Case>,
    pub(super) content_type: Option<ContentType>,
    pub(super) date: Option<DateForm>,
    pub(super) start: Option<Start>,
    pub(super) escapes: Option<Escapes>,
    pub(super) has_trailing_slash: bool,
    pub(super) query: Option<Query>,
    /// An empty body takes the place of the one that was sent.
    pub(super) has_no_body: bool,
    pub(super) newline: Option<Newline>,
    pub(super) hash: Option<Hash>,
    pub(super) join: Option<Join>,
    mistakes: [Option<Mistake>; 2],
}

/// Something that a mistake changes in a form.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    Nothing,
    Case(Case),
    ContentType(ContentType),
    Date(DateForm),
    Start(Start),
    Escapes(Escapes),
    TrailingSlash,
    Query(Query),
    NoBody,
    Newline(Newline),
    Hash(Hash),
    Join(Join),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Lower,
    Upper,
    Capitalized,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContentType {
    Omitted,
    Assumed,
    WithoutParameters,
}

/// What comes before the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Slash,
    Http,
    Https,
}

/// What happens to the percent-encoding of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escapes {
    Decoded,
    /// Each byte is encoded that is not unreserved (RFC 3986, section 2.3) nor among these.
    EncodedBut(&'static [u8]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Query {
    AsSent,
    /// Decoded or encoded like the path.
    LikePath,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Newline {
    Lf,
    CrLf,
    Removed,
}

/// What is written of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Hex,
    UpperHex,
    Base64OfHex,
    Raw,
    Missing,
}

/// What is written between the parts, and after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Join {
    pub(super) between: &'static str,
    pub(super) after: &'static str,
    /// Whether empty parts are left out, with their separator.
    pub(super) skips_empty: bool,
}

impl Join {
    const fn between(separator: &'static str) -> Change {
        Change::Join(Self { between: separator, after: "", skips_empty: false })
    }

    const fn between_non_empty(separator: &'static str) -> Change {
        Change::Join(Self { between: separator, after: "", skips_empty: true })
    }

    const fn with_newline_after(separator: &'static str) -> Change {
        Change::Join(Self { between: separator, after: "\n", skips_empty: false })
    }
}

/// Every change of the text that is signed. Where two of them write the same, the first counts.
pub(super) const CHANGES: &[(Mistake, Change)] = &[
    (Mistake::EmptyHmac, Change::Nothing),
    (Mistake::PathLeadingSlash, Change::Start(Start::Slash)),
    (Mistake::PathFullUrl, Change::Start(Start::Https)),
    (Mistake::PathFullUrl, Change::Start(Start::Http)),
    (Mistake::PathTrailingSlash, Change::TrailingSlash),
    (Mistake::PathDecoded, Change::Escapes(Escapes::Decoded)),
    // In this order as Python's `quote`, the same on an encoded path, JavaScript's `encodeURI` and `encodeURIComponent`.
    (Mistake::PathEncoded, Change::Escapes(Escapes::EncodedBut(b"/"))),
    (Mistake::PathEncoded, Change::Escapes(Escapes::EncodedBut(b"/%"))),
    (Mistake::PathEncoded, Change::Escapes(Escapes::EncodedBut(b";,/?:@&=+$!*'()#"))),
    (Mistake::PathEncoded, Change::Escapes(Escapes::EncodedBut(b"!*'()"))),
    (Mistake::PathWithQuery, Change::Query(Query::AsSent)),
    (Mistake::PathWithQuery, Change::Query(Query::LikePath)),
    (Mistake::ContentTypeOmitted, Change::ContentType(ContentType::Omitted)),
    (Mistake::ContentTypeAssumed, Change::ContentType(ContentType::Assumed)),
    (Mistake::ContentTypeParameters, Change::ContentType(ContentType::WithoutParameters)),
    (Mistake::MethodCase, Change::Case(Case::Lower)),
    (Mistake::MethodCase, Change::Case(Case::Upper)),
    (Mistake::MethodCase, Change::Case(Case::Capitalized)),
    (Mistake::BodyHashMissing, Change::Hash(Hash::Missing)),
    (Mistake::BodyNotHashed, Change::NoBody),
    (Mistake::BodyHashHex, Change::Hash(Hash::Hex)),
    (Mistake::BodyHashHex, Change::Hash(Hash::UpperHex)),
    (Mistake::BodyHashHex, Change::Hash(Hash::Base64OfHex)),
    (Mistake::BodyNewline, Change::Newline(Newline::Lf)),
    (Mistake::BodyNewline, Change::Newline(Newline::CrLf)),
    (Mistake::BodyNewline, Change::Newline(Newline::Removed)),
    (Mistake::BodyNotHashedRaw, Change::Hash(Hash::Raw)),
    (Mistake::Separators, Join::between("\n")),
    (Mistake::Separators, Join::between("\r\n")),
    (Mistake::Separators, Join::between(" ")),
    (Mistake::Separators, Join::between(",")),
    (Mistake::Separators, Join::between(":")),
    (Mistake::Separators, Join::between_non_empty("\n")),
    (Mistake::Separators, Join::between_non_empty("\r\n")),
    (Mistake::Separators, Join::between_non_empty(" ")),
    (Mistake::Separators, Join::between_non_empty(",")),
    (Mistake::Separators, Join::between_non_empty(":")),
    (Mistake::Separators, Join::with_newline_after("")),
    (Mistake::Separators, Join::with_newline_after("\n")),
    (Mistake::DateForm, Change::Date(DateForm::Iso)),
    (Mistake::DateForm, Change::Date(DateForm::IsoMillis)),
    (Mistake::DateForm, Change::Date(DateForm::IsoOffset)),
    (Mistake::DateForm, Change::Date(DateForm::IsoLocal)),
    (Mistake::DateForm, Change::Date(DateForm::Zeros)),
    (Mistake::DateForm, Change::Date(DateForm::MinusZeros)),
    (Mistake::DateForm, Change::Date(DateForm::Utc)),
    (Mistake::DateForm, Change::Date(DateForm::BlankPadded)),
    (Mistake::DateForm, Change::Date(DateForm::Unpadded)),
    (Mistake::DateForm, Change::Date(DateForm::UnixSeconds)),
    (Mistake::DateForm, Change::Date(DateForm::UnixMillis)),
];

impl Form {
    /// Returns this form with one change more, or `None` where both cannot be.
    pub(super) fn with(mut self, (mistake, change): (Mistake, Change)) -> Option<Self> {
        let was_changed = match change {
            Change::Nothing => mem::replace(&mut self.is_nothing, true),
            Change::Case(case) => self.case.replace(case).is_some(),
            Change::ContentType(content_type) => self.content_type.replace(content_type).is_some(),
            Change::Date(date) => self.date.replace(date).is_some(),
            Change::Start(start) => self.start.replace(start).is_some(),
            Change::Escapes(escapes) => self.escapes.replace(escapes).is_some(),
            Change::TrailingSlash => mem::replace(&mut self.has_trailing_slash, true),
            Change::Query(query) => self.query.replace(query).is_some(),
            Change::NoBody => mem::replace(&mut self.has_no_body, true),
            Change::Newline(newline) => self.newline.replace(newline).is_some(),
            Change::Hash(hash) => self.hash.replace(hash).is_some(),
            Change::Join(join) => self.join.replace(join).is_some(),
        };
        *self.mistakes.iter_mut().find(|slot| slot.is_none())? = Some(mistake);
        (!was_changed && !self.is_redundant()).then_some(self)
    }

    /// Returns the mistakes that lead to this form.
    pub(super) fn mistakes(&self) -> impl Iterator<Item = Mistake> {
        self.mistakes.into_iter().flatten()
    }

    /// Returns whether one of the two changes makes no difference beside the other.
    fn is_redundant(&self) -> bool {
        let is_pair = self.mistakes().count() == 2;
        let is_body_changed = self.has_no_body || self.newline.is_some();
        is_pair && self.is_nothing
            || self.query == Some(Query::LikePath) && self.escapes.is_none()
            || is_body_changed && self.hash == Some(Hash::Missing)
            || self.has_no_body && (self.hash == Some(Hash::Raw) || self.newline == Some(Newline::Removed))
    }
}
