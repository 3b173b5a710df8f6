//! A Redis or Valkey server.

use std::process::Stdio;

use tokio::{
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    task::yield_now,
};

use super::with_timeout;

/// A server without persistence. It is killed when dropped.
pub(crate) struct Redis {
    child: Child,
    port: u16,
}

impl Redis {
    /// Starts a server on a port that was free a moment ago.
    pub(crate) async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        Self::start_on(port).await
    }

    async fn start_on(port: u16) -> Self {
        let spawn = |program| {
            let mut command = Command::new(program);
            command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]).arg(port.to_string());
            command.stdout(Stdio::null()).kill_on_drop(true).spawn()
        };
        let child = spawn("redis-server").or_else(|_| spawn("valkey-server"));
        let child = child.expect("this test needs redis-server or valkey-server: install either");
        with_timeout(async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                yield_now().await;
            }
        })
        .await;
        Self { child, port }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Stops the server; it can be started again on the same port.
    pub(crate) async fn stop(mut self) -> StoppedRedis {
        self.child.kill().await.unwrap();
        StoppedRedis { port: self.port }
    }
}

pub(crate) struct StoppedRedis {
    port: u16,
}

impl StoppedRedis {
    pub(crate) async fn start_again(self) -> Redis {
        Redis::start_on(self.port).await
    }
}
