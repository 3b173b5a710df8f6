//! Rapid7's command line client 1.1.1, unchanged, against the example `stand_in`, and without keys through
//! `signing_gateway`. `.ci/clients` installs it and runs these tests: `LECLI` names its script.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    fs,
    path::PathBuf,
    process,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::Value;
use tokio::process::Command;

use crate::support::child::{self, Served};

/// The client takes nothing but UUIDs for keys and ids.
const ACCOUNT: &str = "55555555-aaaa-4bbb-8ccc-1234cb123405";
const OWNER_KEY_ID: &str = "11111111-aaaa-4bbb-8ccc-1234cb123401";
const OWNER_KEY: &str = "22222222-aaaa-4bbb-8ccc-1234cb123402";
const READ_WRITE_KEY: &str = "33333333-aaaa-4bbb-8ccc-1234cb123403";
const READ_ONLY_KEY: &str = "44444444-aaaa-4bbb-8ccc-1234cb123404";
const USER: &str = "66666666-aaaa-4bbb-8ccc-1234cb123406";
const LOG: &str = "77777777-aaaa-4bbb-8ccc-1234cb123407";

/// The client with a configuration of its own, which names the server and the keys.
struct Lecli {
    script: OsString,
    directory: PathBuf,
    /// Where all its requests go without a key, whatever they name.
    only_origin: Option<String>,
    count: AtomicUsize,
    /// The commands that were run: a group and a command of it, such as `get users`.
    commands: Mutex<BTreeSet<String>>,
}

impl Lecli {
    fn new(origin: &str, name: &str) -> Self {
        let script = env::var_os("LECLI").expect("LECLI names the script of the client");
        let directory = env::temp_dir().join(format!("lecli_test-{name}-{}", process::id()));
        fs::create_dir_all(directory.join("lecli")).unwrap();
        let configuration = format!(
            "[Auth]\naccount_resource_id = {ACCOUNT}\nowner_api_key_id = {OWNER_KEY_ID}\nowner_api_key = {OWNER_KEY}\n\
             rw_api_key = {READ_WRITE_KEY}\nro_api_key = {READ_ONLY_KEY}\n[Cli_Favorites]\nweb = {LOG}\n\
             [Url]\napi_url = {origin}\n"
        );
        fs::write(directory.join("lecli/config.ini"), configuration).unwrap();
        Self { script, directory, only_origin: None, count: AtomicUsize::new(0), commands: Mutex::default() }
    }

    /// Runs a command; returns what it printed, which has to contain `expected`.
    async fn run(&self, command: &str, expected: &str) -> String {
        self.run_args(&command.split(' ').collect::<Vec<_>>(), expected).await
    }

    async fn run_args(&self, arguments: &[&str], expected: &str) -> String {
        let mut command = Command::new(&self.script);
        command.args(arguments).env("XDG_CONFIG_HOME", &self.directory).env("NO_PROXY", "127.0.0.1");
        command.envs([("LC_ALL", "C.UTF-8"), ("LANG", "C.UTF-8")]).kill_on_drop(true);
        command.envs(self.only_origin.iter().map(|origin| ("CLIENTS_ONLY_ORIGIN", origin)));
        let ran = child::finish(&mut command).await;
        self.count.fetch_add(1, Ordering::Relaxed);
        assert_eq!((ran.code, &*ran.stderr), (Some(0), ""), "{arguments:?} {ran:?}");
        assert!(ran.stdout.contains(expected), "no {expected:?} of {arguments:?} in {ran:?}");
        self.commands.lock().unwrap().insert(arguments[..arguments.len().min(2)].join(" "));
        ran.stdout
    }

    /// Returns the commands that its help lists.
    async fn help(&self, group: &str) -> Vec<String> {
        let help = self.run(format!("{group} --help").trim(), "Commands:").await;
        let (_, commands) = help.split_once("Commands:").unwrap();
        commands.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
    }

    /// Writes a file that a command reads; returns its path.
    fn file(&self, content: &str) -> String {
        let path = self.directory.join("input.json");
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Lecli {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Returns the id in the JSON of one item.
fn id_in(printed: &str, item: &str) -> String {
    let json: Value = serde_json::from_str(printed).unwrap();
    json[item]["id"].as_str().unwrap().to_owned()
}

/// Returns what stands after a word, as in `ID: 1234`.
fn after(printed: &str, word: &str) -> String {
    let (_, rest) = printed.split_once(word).unwrap();
    rest.split_whitespace().next().unwrap().to_owned()
}

/// Starts a stand-in with keys that the client takes.
async fn stand_in() -> Served {
    let mut server = child::command("stand_in");
    Served::start_command(with_keys(&mut server)).await
}

fn with_keys(command: &mut Command) -> &mut Command {
    command
        .env("LOGENTRIES_OWNER_API_KEY_ID", OWNER_KEY_ID)
        .env("LOGENTRIES_OWNER_API_KEY", OWNER_KEY)
        .env("LOGENTRIES_RW_API_KEY", READ_WRITE_KEY)
        .env("LOGENTRIES_RO_API_KEY", READ_ONLY_KEY)
}

#[tokio::test]
#[ignore = "needs Python 2.7 with logentries-lecli 1.1.1: .ci/clients"]
async fn every_command_of_its_help_succeeds() {
    let server = stand_in().await;
    every_command(&Lecli::new(&server.origin, "keys")).await;
}

#[tokio::test]
#[ignore = "needs Python 2.7 with logentries-lecli 1.1.1: .ci/clients"]
async fn every_command_of_its_help_succeeds_without_keys_through_the_gateway() {
    let server = stand_in().await;
    let mut gateway = child::command("signing_gateway");
    gateway.args(["--listen", "127.0.0.1:0", "--upstream", &server.origin]);
    let gateway = Served::start_command(with_keys(&mut gateway)).await;
    let mut lecli = Lecli::new(&gateway.origin, "gateway");
    // Links lead to the upstream, which takes no request without a key.
    lecli.only_origin = Some(gateway.origin.clone());
    every_command(&lecli).await;
    let rejected: Vec<_> =
        gateway.stop().await.lines().filter(|line| line.contains(", 40")).map(str::to_owned).collect();
    assert!(rejected.is_empty(), "{rejected:?}");
}

async fn every_command(lecli: &Lecli) {
    lecli.run("--version", "1.1.1").await;
    users(lecli).await;
    api_keys(lecli).await;
    teams(lecli).await;
    let log = logs(lecli).await;
    log_sets(lecli, &log).await;
    let saved_query = saved_queries(lecli, &log).await;
    queries(lecli, &log, &saved_query).await;
    lecli.run(&format!("delete savedquery {saved_query}"), "Deleted saved query").await;
    lecli.run(&format!("delete log {log}"), "Deleted log").await;

    for group in lecli.help("").await.iter().filter(|command| *command != "query") {
        for command in lecli.help(group).await {
            let command = format!("{group} {command}");
            assert!(lecli.commands.lock().unwrap().contains(&command), "{command} was not run");
        }
    }
    println!("{} commands of lecli", lecli.count.load(Ordering::Relaxed));
}

async fn users(lecli: &Lecli) {
    let added = lecli.run("create user -f John -l Smyth -e john@smyth.com --force", "Added user to account").await;
    lecli.run("get users", "john@smyth.com").await;
    lecli.run(&format!("create user -u {USER} --force"), USER).await;
    lecli.run(&format!("delete user -u {}", after(&added, "User Key:")), "Deleted user").await;
    lecli.run("get users", USER).await;
    lecli.run("get owner", "jane@smyth.com").await;
    lecli.run("get usage -s 2016-01-30 -e 2016-02-01", "2016-01-31").await;
}

async fn api_keys(lecli: &Lecli) {
    let file = lecli.file(r#"{"apikey": {"name": "reports"}}"#);
    let id = id_in(&lecli.run(&format!("create apikey {file}"), "reports").await, "apikey");
    lecli.run(&format!("get apikey {id}"), "reports").await;
    lecli.run("get apikeys", &id).await;
    lecli.run("get apikeys --owner", &id).await;
    lecli.run(&format!("update apikey {id} --disable"), "\"active\": false").await;
    lecli.run(&format!("update apikey {id} --enable"), "\"active\": true").await;
    lecli.run(&format!("delete apikey {id}"), "Deleted api key").await;
}

async fn teams(lecli: &Lecli) {
    lecli.run("create team admins", "Team created").await;
    let id = after(&lecli.run("get teams", "admins").await, "ID:");
    lecli.run(&format!("update team add_user {id} {USER}"), "Added user").await;
    lecli.run(&format!("rename team {id} operators"), "renamed to").await;
    let team = lecli.run(&format!("get team {id}"), "operators").await;
    assert!(team.contains(USER), "a new name leaves the users: {team}");
    lecli.run(&format!("update team delete_user {id} {USER}"), "Deleted user").await;
    let team = lecli.run(&format!("get team {id}"), "operators").await;
    assert!(!team.contains(USER), "{team}");
    lecli.run(&format!("delete team {id}"), "Deleted team").await;
}

async fn logs(lecli: &Lecli) -> String {
    let id = id_in(&lecli.run("create log -n db", "db").await, "log");
    lecli.run("get logs", &id).await;
    lecli.run(&format!("get log {id}"), "db").await;
    lecli.run(&format!("rename log {id} database"), "\"name\": \"database\"").await;
    let file = lecli.file(r#"{"log": {"name": "replaced"}}"#);
    lecli.run(&format!("replace log {id} {file}"), "replaced").await;
    let file = lecli.file(r#"{"log": {"source_type": "agent"}}"#);
    let updated = lecli.run(&format!("update log {id} {file}"), "agent").await;
    assert!(updated.contains("replaced"), "{updated}");
    let file = lecli.file(r#"{"log": {"name": "of a file"}}"#);
    let created = id_in(&lecli.run(&format!("create log -f {file}"), "of a file").await, "log");
    lecli.run(&format!("delete log {created}"), "Deleted log").await;
    id
}

async fn log_sets(lecli: &Lecli, log: &str) {
    let id = id_in(&lecli.run("create logset -n backend", "backend").await, "logset");
    lecli.run("get logsets", &id).await;
    lecli.run(&format!("update logset add_log {id} {log}"), log).await;
    lecli.run_args(&["query", "-g", &id, "-l", "where(/.*/)", "-r", "last 20 min"], "event 60:").await;
    lecli.run(&format!("rename logset {id} servers"), "servers").await;
    let pruned = lecli.run(&format!("update logset delete_log {id} {log}"), "servers").await;
    assert!(!pruned.contains(log), "{pruned}");
    let file = lecli.file(r#"{"logset": {"name": "replaced"}}"#);
    lecli.run(&format!("replace logset {id} {file}"), "replaced").await;
    lecli.run(&format!("get logset {id}"), "replaced").await;
    lecli.run(&format!("delete logset {id}"), "Deleted logset").await;
}

async fn saved_queries(lecli: &Lecli, log: &str) -> String {
    let created = lecli
        .run(&format!("create savedquery errors where(error) -f 1450557604 -t 1450557605 -l {log}"), "errors")
        .await;
    let id = after(&created, "ID:");
    lecli.run("get savedqueries", &id).await;
    lecli.run_args(&["update", "savedquery", &id, "-n", "warnings", "-r", "last 3 days"], "last 3 days").await;
    let shown = lecli.run(&format!("get savedquery {id}"), "warnings").await;
    assert!(shown.contains("where(error)"), "an update leaves the rest: {shown}");
    id
}

async fn queries(lecli: &Lecli, log: &str, saved_query: &str) {
    let ranges = ["-r", "last 20 min"];
    lecli.run_args(&[&["query", log, "-l", "where(/.*/)"][..], &ranges].concat(), "event 60:").await;
    lecli.run_args(&[&["query", log, "-l", "calculate(count)"][..], &ranges].concat(), "Total: 60").await;
    lecli.run(&format!("query -s {saved_query}"), "event 60:").await;
    lecli.run(&format!("query {log} -s {saved_query}"), "event 60:").await;
    lecli.run(&format!("get events {log} -f 1450557604 -t 1450557605"), "event 60:").await;
    lecli.run("get events -c web -f 1450557604 -t 1450557605", "event 60:").await;
    lecli.run(&format!("get recentevents {log} -l 200"), "event 60:").await;
    // A tail ends after a thousand polls.
    lecli.run(&format!("tail events {log} -i 0"), "event 999:").await;
    lecli.run(&format!("tail events {log} -s {saved_query} -i 0"), "event 999:").await;
    lecli.run(&format!("tail events -s {saved_query} -i 0"), "event 999:").await;
}
