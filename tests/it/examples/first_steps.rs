//! The commands that the examples print, pasted into a shell.

use std::process::Stdio;

use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::support::{
    child::{self, Ran, Served},
    with_timeout,
};

const KEYS: [&str; 5] = ["OWNER_API_KEY_ID", "OWNER_API_KEY", "RW_API_KEY", "RO_API_KEY", "PLATFORM_API_KEY"];

/// An example that runs until this is dropped.
struct Running {
    _child: Child,
    _stdout: Lines<BufReader<ChildStdout>>,
}

/// Starts an example; returns what it prints before its first request.
async fn printed(command: &mut Command) -> (Running, String) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut printed = String::new();
    while let Some(line) = with_timeout(lines.next_line()).await.unwrap() {
        if line.starts_with("Each request") {
            break;
        }
        printed += &format!("{line}\n");
    }
    (Running { _child: child, _stdout: lines }, printed)
}

/// Runs the commands that follow "Try it".
async fn paste(printed: &str, environment: &[(&str, &str)]) -> Ran {
    let (_, commands) = printed.split_once("Try it").unwrap();
    let commands = commands.split_once('\n').unwrap().1.replace("curl ", "curl --fail --silent --show-error ");
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", &commands]).envs(environment.iter().copied()).env("NO_PROXY", "127.0.0.1");
    child::finish(shell.kill_on_drop(true)).await
}

fn assert_all_answered(ran: &Ran) {
    assert_eq!((ran.code, &*ran.stderr), (Some(0), ""), "{ran:?}");
    for part in [r#""name":"web""#, r#""rel":"Self""#, "jane@smyth.com"] {
        assert!(ran.stdout.contains(part), "{part}: {ran:?}");
    }
}

#[tokio::test]
#[ignore = "needs curl and openssl: .ci/clients"]
async fn commands_of_the_stand_in_work_as_pasted() {
    let mut with_made_up_keys = child::command("stand_in");
    for key in KEYS {
        with_made_up_keys.env_remove(format!("LOGENTRIES_{key}"));
    }
    let (_running, text) = printed(&mut with_made_up_keys).await;
    assert_all_answered(&paste(&text, &[]).await);

    // Keys of the environment are not shown: the commands name their variables.
    let (_running, text) = printed(&mut child::command("stand_in")).await;
    crate::support::assert_no_secrets(&text);
    let environment = [
        ("LOGENTRIES_OWNER_API_KEY_ID", crate::support::KEY_ID),
        ("LOGENTRIES_OWNER_API_KEY", crate::support::OWNER_KEY),
        ("LOGENTRIES_RO_API_KEY", crate::support::READ_ONLY_KEY),
    ];
    assert_all_answered(&paste(&text, &environment).await);
}

#[tokio::test]
#[ignore = "needs curl: .ci/clients"]
async fn commands_of_the_gateway_work_as_pasted() {
    let stand_in = Served::start("stand_in", &[]).await;
    let mut gateway = child::command("signing_gateway");
    gateway.args(["--listen", "127.0.0.1:0", "--upstream", &stand_in.origin]);
    let (_running, text) = printed(&mut gateway).await;
    assert_all_answered(&paste(&text, &[]).await);
}
