//! The example programs, run as a user runs them.

use std::{env, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
    task::JoinHandle,
    time::timeout,
};

use super::{KEY_ID, OWNER_KEY, READ_ONLY_KEY, READ_WRITE_KEY};

/// How long a program may take before its test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a program left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs an example to its end, with the keys of these tests in its environment.
pub(crate) async fn run(example: &str, arguments: &[&str]) -> Ran {
    finish(command(example).args(arguments)).await
}

/// Runs a command to its end.
pub(crate) async fn finish(command: &mut Command) -> Ran {
    let output = timeout(PATIENCE, command.output()).await.expect("it should have ended").unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The command of an example. Its process does not outlive the test.
pub(crate) fn command(example: &str) -> Command {
    let tests = env::current_exe().unwrap();
    let target = tests.parent().and_then(|deps| deps.parent()).unwrap();
    let binary = target.join("examples").join(example).with_extension(env::consts::EXE_EXTENSION);
    assert!(binary.exists(), "{} is missing: `cargo build --examples --all-features` makes it", binary.display());
    let mut command = Command::new(binary);
    command
        .env("LOGENTRIES_OWNER_API_KEY_ID", KEY_ID)
        .env("LOGENTRIES_OWNER_API_KEY", OWNER_KEY)
        .env("LOGENTRIES_RW_API_KEY", READ_WRITE_KEY)
        .env("LOGENTRIES_RO_API_KEY", READ_ONLY_KEY)
        .env("NO_PROXY", "127.0.0.1")
        .kill_on_drop(true);
    command
}

/// An example that serves until it is stopped.
#[derive(Debug)]
pub(crate) struct Served {
    child: Child,
    /// Reads what it writes, which would block it in the end if nobody did.
    written: JoinHandle<String>,
    /// Where it listens.
    pub(crate) origin: String,
}

impl Served {
    /// Starts an example that says on its first line where it listens.
    pub(crate) async fn start(example: &str, arguments: &[&str]) -> Self {
        Self::start_command(command(example).args(arguments)).await
    }

    /// Starts the command of such an example.
    pub(crate) async fn start_command(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        timeout(PATIENCE, stdout.read_line(&mut line)).await.expect("it should listen by now").unwrap();
        let written = tokio::spawn(async move {
            let mut written = String::new();
            stdout.read_to_string(&mut written).await.unwrap();
            written
        });
        let origin = line.split_whitespace().find(|word| word.starts_with("http://"));
        let origin = origin.unwrap_or_else(|| panic!("no origin in {line:?}")).to_owned();
        Self { child, written, origin }
    }

    /// Stops it; returns what it wrote after its first line.
    pub(crate) async fn stop(mut self) -> String {
        self.child.kill().await.unwrap();
        self.written.await.unwrap()
    }
}
