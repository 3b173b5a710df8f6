//! A file as a body, read on tokio's threads for blocking work.

use std::{
    io,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use tokio::{fs::File, io::AsyncReadExt};

/// How much is read at once. Each read is a round trip to another thread.
const CHUNK: usize = 256 * 1024;

/// The next chunk of a file, and the file for the one after it.
type Reading = Pin<Box<dyn Future<Output = io::Result<(File, Bytes)>> + Send>>;

pub(super) struct FileBody {
    path: Arc<Path>,
    reading: Reading,
}

impl FileBody {
    /// Opens the file when it is first polled.
    pub(super) fn open(path: Arc<Path>) -> Self {
        let opened = Arc::clone(&path);
        Self { path, reading: Box::pin(async move { read(File::open(&*opened).await?).await }) }
    }
}

async fn read(mut file: File) -> io::Result<(File, Bytes)> {
    let mut chunk = BytesMut::with_capacity(CHUNK);
    file.read_buf(&mut chunk).await?;
    Ok((file, chunk.freeze()))
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match ready!(self.reading.as_mut().poll(cx)) {
            Ok((_, chunk)) if chunk.is_empty() => Poll::Ready(None),
            Ok((file, chunk)) => {
                self.reading = Box::pin(read(file));
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            }
            Err(error) => {
                let text = format!("reading {} failed: {error}", self.path.display());
                Poll::Ready(Some(Err(io::Error::new(error.kind(), text))))
            }
        }
    }
}
