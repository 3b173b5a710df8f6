//! Captured requests: what came over the wire, as tools write it down. hyper parses it.

use std::{convert::Infallible, sync::Mutex};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;

/// The first request of a capture.
pub(crate) struct Capture {
    bytes: Vec<u8>,
    may_lack_bytes: bool,
}

impl Capture {
    pub(crate) fn parse(captured: &[u8]) -> anyhow::Result<Self> {
        let text = String::from_utf8_lossy(captured);
        let trace = Trace::parse(&text)?;
        let (mut bytes, may_lack_bytes) = match trace {
            Some(trace) => (trace.bytes, !trace.is_hex),
            None if text.lines().any(|line| line.starts_with("> ")) => (sent_lines(&text), false),
            None => (captured.to_vec(), false),
        };
        as_http1(&mut bytes);
        Ok(Self { bytes, may_lack_bytes })
    }

    /// Returns whether some of the body may have been replaced with dots.
    pub(crate) fn may_lack_bytes(&self) -> bool {
        self.may_lack_bytes
    }

    /// Lets hyper's server parse the request, with its whole body.
    pub(crate) async fn request(&self) -> anyhow::Result<Request<Bytes>> {
        let request = Mutex::new(None);
        let service = service_fn(async |received: Request<Incoming>| {
            let (head, body) = received.into_parts();
            let body = body.collect().await.map(|body| body.to_bytes());
            *request.lock().expect("no panic while it is held") =
                Some(body.map(|body| Request::from_parts(head, body)));
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        });
        let io = TokioIo::new(tokio::io::join(&self.bytes[..], tokio::io::sink()));
        // The capture ends with the request, and whatever follows is none of its own.
        let served = http1::Builder::new().half_close(true).keep_alive(false).serve_connection(io, service).await;
        match request.into_inner().expect("no panic while it was held") {
            Some(request) => request.context("the body is cut off: its head announces a longer one"),
            None => {
                served.context("this is no HTTP/1.1 request, nor a trace of curl's")?;
                bail!("there is no request")
            }
        }
    }
}

/// The lines that `curl --verbose` marks as sent: the head.
fn sent_lines(text: &str) -> Vec<u8> {
    let sent = text.lines().filter_map(|line| line.strip_prefix('>'));
    sent.flat_map(|line| [line.strip_prefix(' ').unwrap_or(line), "\r\n"]).collect::<String>().into_bytes()
}

/// Makes the request line one of HTTP/1.1, and announces the body, since HTTP/2 does not, nor do many logs.
fn as_http1(bytes: &mut Vec<u8>) {
    let line_end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let line = bytes[..line_end].trim_ascii_end();
    if let Some(line) =
        [&b" HTTP/2"[..], b" HTTP/2.0", b" HTTP/3"].iter().find_map(|version| line.strip_suffix(*version))
    {
        let line = [line, b" HTTP/1.1\r\n"].concat();
        bytes.splice(..(line_end + 1).min(bytes.len()), line);
    }
    let head_ends =
        ["\r\n\r\n", "\n\n"].map(|end| Some((bytes.windows(end.len()).position(|at| at == end.as_bytes())?, end)));
    let Some((head, end)) = head_ends.into_iter().flatten().min() else {
        bytes.extend(b"\r\n\r\n");
        return;
    };
    let body = bytes.len() - head - end.len();
    let names = bytes[..head].split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b':').next());
    let is_framed = names
        .map(|name| name.to_ascii_lowercase())
        .any(|name| [&b"content-length"[..], b"transfer-encoding"].contains(&&*name));
    if !is_framed && body > 0 {
        bytes.splice(head..head, format!("\r\ncontent-length: {body}").into_bytes());
    }
}

/// What curl writes with `--trace` and `--trace-ascii`: sections of the bytes that it sent and received, each line with its
/// offset in the section.
struct Trace {
    bytes: Vec<u8>,
    is_hex: bool,
}

impl Trace {
    /// Returns `None` for anything else.
    fn parse(text: &str) -> anyhow::Result<Option<Self>> {
        let mut lines = text.lines().skip_while(|line| section_len(line, "header").is_none()).peekable();
        let Some(first) = lines.next() else { return Ok(None) };
        let is_hex = lines.peek().is_some_and(|line| hex_bytes(line).is_some());
        let mut trace = Self { bytes: Vec::new(), is_hex };
        let mut section = section_len(first, "header").map(|len| (0, len));
        for line in lines {
            if let Some(offset) = offset(line) {
                if let Some((start, _)) = section {
                    trace.pad_to(start + offset)?;
                    trace.push(line)?;
                }
                continue;
            }
            if let Some((start, len)) = section {
                trace.pad_to(start + len)?;
            }
            if section_len(line, "header").is_some() {
                break; // the next request
            }
            section = section_len(line, "data").map(|len| (trace.bytes.len(), len));
        }
        if let Some((start, len)) = section {
            trace.pad_to(start + len)?;
        }
        Ok(Some(trace))
    }

    /// `--trace-ascii` starts a new line in the place of a line break, and counts it.
    fn pad_to(&mut self, len: usize) -> anyhow::Result<()> {
        match len.checked_sub(self.bytes.len()) {
            Some(0) => {}
            Some(2) => self.bytes.extend(b"\r\n"),
            _ => bail!("the trace has a gap after {:?}", String::from_utf8_lossy(&self.bytes)),
        }
        Ok(())
    }

    fn push(&mut self, line: &str) -> anyhow::Result<()> {
        if !self.is_hex {
            self.bytes.extend(line.split_once(": ").map_or("", |(_, text)| text).as_bytes());
            return Ok(());
        }
        let bytes = hex_bytes(line);
        ensure!(bytes.is_some(), "the trace has no bytes in hex in the line {line:?}");
        self.bytes.extend(bytes.into_iter().flatten());
        Ok(())
    }
}

/// Reads the line before a section that was sent, such as `=> Send data, 35 bytes (0x23)`.
fn section_len(line: &str, kind: &str) -> Option<usize> {
    let (_, line) = line.split_once(&format!("=> Send {kind}, "))?;
    line.split_once(" bytes")?.0.parse().ok()
}

/// Reads the offset that a line of bytes starts with, such as `0040: `.
fn offset(line: &str) -> Option<usize> {
    let (offset, _) = line.split_once(": ")?;
    usize::from_str_radix(offset, 16).ok().filter(|_| offset.len() >= 4)
}

/// Reads the up to 16 bytes in hex of a line such as `0000: 50 4f 53 54 .. POST`.
fn hex_bytes(line: &str) -> Option<Vec<u8>> {
    let (_, columns) = line.split_once(": ")?;
    let columns = columns.get(..columns.len().min(16 * 3))?;
    columns.split_ascii_whitespace().map(|byte| u8::from_str_radix(byte, 16).ok().filter(|_| byte.len() == 2)).collect()
}
