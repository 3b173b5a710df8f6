//! A request as it arrived, and how each form of its canonical string is written.
//!
//! Nothing here grows with the request: texts are written piece by piece, and the body is read where it lies.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{
    Extensions, HeaderMap, Method, Uri,
    header::{CONTENT_TYPE, DATE, HOST},
};
use sha2::{Digest, Sha256};

use super::{
    date::DateForm,
    form::{Change, ContentType, Form, Hash, Newline, Query, Start},
    hashes::{Hashes, newline_len, write_first},
    text::{Sink, changes, hex, letters, write_bytes, write_escaped},
};
use crate::{BodyDigest, BufferedBody, verify::presented::signed_uri};

/// A request as it arrived. What all forms need of it is computed once.
pub(super) struct Received<'a> {
    method: &'a str,
    content_type: &'a str,
    date: &'a str,
    dates: [Option<String>; DateForm::COUNT],
    authority: Option<&'a str>,
    path: &'a str,
    trailing_slashes: &'a str,
    query: Option<&'a str>,
    body: &'a BufferedBody,
    hashes: Hashes,
}

/// The parts of a canonical string, in their order.
#[derive(Clone, Copy)]
enum Part {
    Method,
    ContentType,
    Date,
    Path,
    Body,
}

impl<'a> Received<'a> {
    pub(super) fn new(
        method: &'a Method,
        uri: &'a Uri,
        headers: &'a HeaderMap,
        extensions: &'a Extensions,
        (body, digest): (&'a BufferedBody, BodyDigest),
    ) -> Self {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let uri = signed_uri(uri, extensions);
        let whole = uri.path().strip_prefix('/').unwrap_or(uri.path());
        let path = whole.trim_end_matches('/');
        let date = header(DATE).unwrap_or_default();
        Self {
            method: method.as_str(),
            content_type: header(CONTENT_TYPE).unwrap_or_default(),
            date,
            dates: DateForm::ALL.map(|form| form.write(date)),
            authority: uri.authority().map(|authority| authority.as_str()).or_else(|| header(HOST)),
            path,
            trailing_slashes: whole.get(path.len()..).filter(|slashes| !slashes.is_empty()).unwrap_or("/"),
            query: uri.query(),
            body,
            hashes: Hashes::of(body, digest),
        }
    }

    /// Returns how many bytes were hashed to find what newlines do to the digest.
    pub(super) fn hashed(&self) -> usize {
        if self.hashes.with(Newline::Lf).is_some() { self.body.len() } else { 0 }
    }

    /// Returns whether a change makes a difference in this request.
    pub(super) fn can(&self, change: Change) -> bool {
        match change {
            Change::Case(case) => !letters(self.method, case).eq(self.method.bytes()),
            Change::ContentType(ContentType::Omitted) => !self.content_type.is_empty(),
            Change::ContentType(ContentType::Assumed) => self.content_type.is_empty(),
            Change::ContentType(ContentType::WithoutParameters) => self.content_type.contains(';'),
            Change::Date(form) => self.date_in(form).is_some(),
            Change::Start(Start::Http | Start::Https) => self.authority.is_some(),
            Change::Escapes(escapes) => {
                [Some(self.path), self.query].into_iter().flatten().any(|text| changes(escapes, text))
            }
            Change::Query(_) => self.query.is_some(),
            Change::NoBody => self.body.len() > 0,
            Change::Newline(newline) => self.hashes.with(newline).is_some(),
            Change::Nothing
            | Change::Start(Start::Slash)
            | Change::TrailingSlash
            | Change::Hash(_)
            | Change::Join(_) => true,
        }
    }

    /// Returns whether a form leaves out empty parts, and there are none.
    pub(super) fn skips_nothing(&self, form: &Form) -> bool {
        form.join.is_some_and(|join| join.skips_empty) && !Part::ALL.iter().any(|part| self.is_empty(*part, form))
    }

    /// Returns how many bytes of body are written.
    pub(super) fn raw_len(&self, form: &Form) -> usize {
        if form.hash == Some(Hash::Raw) { self.body.len() } else { 0 }
    }

    /// Writes the canonical string in a form.
    pub(super) fn write(&self, form: &Form, sink: &mut Sink<'_>) {
        if form.is_nothing {
            return;
        }
        for (index, part) in Part::ALL.into_iter().enumerate() {
            if let Some(join) = form.join
                && index > 0
                && !(join.skips_empty && self.is_empty(part, form))
            {
                sink(join.between.as_bytes());
            }
            self.write_part(part, form, sink);
        }
        sink(form.join.map_or("", |join| join.after).as_bytes());
    }

    fn is_empty(&self, part: Part, form: &Form) -> bool {
        match part {
            Part::Method | Part::Date => false,
            Part::ContentType => self.content_type_in(form).is_empty(),
            Part::Path => {
                self.path.is_empty() && form.start.is_none() && form.query.is_none() && !form.has_trailing_slash
            }
            Part::Body => form.hash == Some(Hash::Missing),
        }
    }

    fn write_part(&self, part: Part, form: &Form, sink: &mut Sink<'_>) {
        match part {
            Part::Method => match form.case {
                Some(case) => write_bytes(letters(self.method, case), sink),
                None => sink(self.method.as_bytes()),
            },
            Part::ContentType => sink(self.content_type_in(form).as_bytes()),
            Part::Date => sink(form.date.and_then(|form| self.date_in(form)).unwrap_or(self.date).as_bytes()),
            Part::Path => self.write_path(form, sink),
            Part::Body => self.write_body(form, sink),
        }
    }

    fn content_type_in(&self, form: &Form) -> &'a str {
        match form.content_type {
            None => self.content_type,
            Some(ContentType::Omitted) => "",
            Some(ContentType::Assumed) => "application/json",
            Some(ContentType::WithoutParameters) => self.content_type.split(';').next().unwrap_or_default().trim_end(),
        }
    }

    fn date_in(&self, form: DateForm) -> Option<&str> {
        let index = DateForm::ALL.iter().position(|other| *other == form)?;
        self.dates.get(index)?.as_deref()
    }

    fn write_path(&self, form: &Form, sink: &mut Sink<'_>) {
        let (start, authority) = match form.start {
            None => ("", ""),
            Some(Start::Slash) => ("/", ""),
            Some(Start::Http) => ("http://", self.authority.unwrap_or_default()),
            Some(Start::Https) => ("https://", self.authority.unwrap_or_default()),
        };
        sink(start.as_bytes());
        sink(authority.as_bytes());
        sink(if authority.is_empty() { b"" } else { b"/" });
        write_escaped(self.path, form.escapes, sink);
        if form.has_trailing_slash {
            sink(self.trailing_slashes.as_bytes());
        }
        if let (Some(how), Some(query)) = (form.query, self.query) {
            sink(b"?");
            write_escaped(query, form.escapes.filter(|_| how == Query::LikePath), sink);
        }
    }

    fn write_body(&self, form: &Form, sink: &mut Sink<'_>) {
        match form.hash {
            Some(Hash::Missing) => {}
            Some(Hash::Raw) => self.write_raw(form.newline, sink),
            Some(Hash::Hex) => write_bytes(hex(&self.sha256(form), b"0123456789abcdef"), sink),
            Some(Hash::UpperHex) => write_bytes(hex(&self.sha256(form), b"0123456789ABCDEF"), sink),
            Some(Hash::Base64OfHex) => {
                let hex: Vec<u8> = hex(&self.sha256(form), b"0123456789abcdef").collect();
                sink(STANDARD.encode(hex).as_bytes());
            }
            None => sink(BodyDigest::from_sha256(self.sha256(form)).as_bytes()),
        }
    }

    fn sha256(&self, form: &Form) -> [u8; 32] {
        match (form.has_no_body, form.newline) {
            (true, None) => Sha256::digest(b"").into(),
            (true, Some(newline)) => Sha256::digest(newline.added()).into(),
            (false, None) => self.hashes.as_sent,
            (false, Some(newline)) => self.hashes.with(newline).unwrap_or(self.hashes.as_sent),
        }
    }

    fn write_raw(&self, newline: Option<Newline>, sink: &mut Sink<'_>) {
        let removed = if newline == Some(Newline::Removed) { newline_len(self.body) } else { 0 };
        write_first(self.body, self.body.len() - removed, sink);
        sink(newline.map_or(b"", Newline::added));
    }
}

impl Part {
    const ALL: [Self; 5] = [Self::Method, Self::ContentType, Self::Date, Self::Path, Self::Body];
}
