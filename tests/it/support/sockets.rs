//! HTTP/1.1 by hand, for what no client would send.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::with_timeout;

/// A connection to a server at an origin.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
}

impl Socket {
    pub(crate) async fn connect(origin: &str) -> Self {
        Self { stream: TcpStream::connect(origin.strip_prefix("http://").unwrap()).await.unwrap() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// The head of the next response.
    pub(crate) async fn receive_head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head.push(with_timeout(self.stream.read_u8()).await.unwrap().into());
        }
        head
    }

    /// The next response, head and body, whose length has to be declared.
    pub(crate) async fn receive(&mut self) -> String {
        let head = self.receive_head().await;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        with_timeout(self.stream.read_exact(&mut body)).await.unwrap();
        head + &String::from_utf8(body).unwrap()
    }

    /// Sends nothing more, and returns what the server has still to say before it closes.
    pub(crate) async fn cut(mut self) -> String {
        self.stream.shutdown().await.unwrap();
        let mut rest = String::new();
        with_timeout(self.stream.read_to_string(&mut rest)).await.unwrap();
        rest
    }
}

/// The status of a response from [`Socket::receive`].
pub(crate) fn status(response: &str) -> u16 {
    response.split(' ').nth(1).unwrap().parse().unwrap()
}
