//! The example that explains captured requests.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;

use crate::support::{
    KEY_ID, OWNER_KEY, assert_no_secrets,
    child::{self, Ran},
    verifying::{DATE, TestRequest},
    wire,
};

/// What it says of a file in `tests/captured`, with the codes that it names.
async fn explain_file(name: &str) -> (Ran, Vec<String>) {
    let file = format!("{}/tests/captured/{name}", env!("CARGO_MANIFEST_DIR"));
    with_codes(child::run("explain", &["--key-id", KEY_ID, &file]).await)
}

/// What it says of its standard input.
async fn explain(captured: impl AsRef<[u8]>) -> (Ran, Vec<String>) {
    let mut command = child::command("explain");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(captured.as_ref()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    with_codes(Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    })
}

fn with_codes(ran: Ran) -> (Ran, Vec<String>) {
    assert_no_secrets(&format!("{ran:?}"));
    let marked = ran.stdout.lines().filter_map(|line| line.strip_prefix("- ")?.split_once(": "));
    let codes = marked.map(|(code, _)| code.to_owned()).collect();
    (ran, codes)
}

#[tokio::test]
async fn valid_request_of_a_proxy_is_shown_part_by_part() {
    let (ran, codes) = explain_file("valid.http").await;
    assert_eq!((ran.code, codes), (Some(0), vec![]), "{ran:?}");
    let digest = "nXB1FWU1ka1pJgykh8FOelERnbfKqf7/P3MB7d69b0I=";
    for line in [
        "  method        POST",
        "  Content-Type  application/json",
        &format!("  Date          {DATE}"),
        "  path          management/accounts/acme/users",
        &format!("  body's digest {digest} (75 bytes)"),
        &format!("Canonical string:   POSTapplication/json{DATE}management/accounts/acme/users{digest}"),
        "Signature received: wNGg5IrnDgNlaVwXKGarZfu3sR0=",
        "Signature expected: wNGg5IrnDgNlaVwXKGarZfu3sR0=",
        "The signature is valid.",
    ] {
        assert!(ran.stdout.lines().any(|other| other == line), "{line} is not in {}", ran.stdout);
    }
}

#[tokio::test]
async fn mistakes_in_captured_requests_are_named() {
    for (file, mistakes) in [
        ("body_hash_hex.trace-ascii", &["body-hash-hex"][..]),
        ("content_type_parameters.trace", &["content-type-parameters"]),
        ("api_key_as_key.verbose", &["api-key-as-key"]),
        ("path_with_query.log", &["path-leading-slash", "path-with-query"]),
    ] {
        let (ran, codes) = explain_file(file).await;
        assert_eq!((ran.code, codes), (Some(1), mistakes.iter().map(ToString::to_string).collect()), "{ran:?}");
        assert!(ran.stdout.contains("The signature is invalid."), "{ran:?}");
    }
}

/// A request with this signature, as it comes over the wire.
fn raw(version: &str, framing: &str, credential: &str, body: &str) -> String {
    let head = format!("POST /management/accounts/acme/users {version}\r\nhost: a.example\r\ndate: {DATE}\r\n");
    format!("{head}content-type: application/json\r\nauthorization-api-key: {credential}\r\n{framing}\r\n{body}")
}

#[tokio::test]
async fn request_is_read_whatever_frames_its_body() {
    let draft = TestRequest { body: b"{\"a\": 1}", ..TestRequest::CREATE };
    let credential = draft.credential();
    let body = str::from_utf8(draft.body).unwrap();
    for captured in [
        raw("HTTP/1.1", "content-length: 8\r\n", &credential, body),
        raw("HTTP/1.1", "content-length: 8\r\n", &credential, &format!("{body}\n")),
        raw("HTTP/1.1", "", &credential, body),
        raw("HTTP/1.1", "transfer-encoding: chunked\r\n", &credential, "3\r\n{\"a\r\n5\r\n\": 1}\r\n0\r\n\r\n"),
        raw("HTTP/2", "", &credential, body),
        raw("HTTP/1.1", "content-length: 8\r\n", &credential, body).replace("\r\n", "\n"),
    ] {
        let (ran, _) = explain(&captured).await;
        assert_eq!((ran.code, &*ran.stderr), (Some(0), ""), "{ran:?} {captured}");
    }
}

#[tokio::test]
async fn head_without_its_empty_line_is_a_whole_request() {
    let credential = TestRequest::LIST.credential();
    let head = raw("HTTP/1.1", "", &credential, "").replace("POST", "GET");
    let (ran, _) = explain(head.trim_end()).await;
    assert_eq!((ran.code, &*ran.stderr), (Some(0), ""), "{ran:?}");
}

#[tokio::test]
async fn what_another_key_signed_is_left_open() {
    let draft = TestRequest { key: "another-key", body: b"{}", ..TestRequest::CREATE };
    let (ran, codes) = explain(raw("HTTP/1.1", "", &draft.credential(), "{}")).await;
    assert_eq!((ran.code, codes), (Some(1), vec![]));
    assert!(ran.stdout.contains("no usual mistake leads to it"), "{ran:?}");

    let trace = include_str!("../../captured/body_hash_hex.trace-ascii").replace("10zd", "00zd");
    assert!(explain(trace).await.0.stdout.contains("try --trace"), "its body has dots");

    let other = TestRequest { key_id: "other-id", ..draft }.credential();
    let (ran, _) = explain(raw("HTTP/1.1", "", &other, "{}")).await;
    assert!(ran.stdout.contains(&format!("The request names another key than {KEY_ID}.")), "{ran:?}");
}

#[tokio::test]
async fn request_that_would_be_rejected_before_its_signature_says_why() {
    let signature =
        wire::signature(OWNER_KEY, "POST", "application/json", DATE, "/management/accounts/acme/users", b"");
    let slash = raw("HTTP/1.1", "", &format!("{KEY_ID}:{signature}"), "").replace("users HTTP", "users/ HTTP");
    let (ran, _) = explain(slash).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("The request is rejected: the path is ambiguous"), "{ran:?}");
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error_that_says_why() {
    let cut = raw("HTTP/1.1", "content-length: 8\r\n", "id:signature", "{}");
    let trace = include_str!("../../captured/body_hash_hex.trace-ascii");
    for (captured, why) in [
        ("", "there is no request"),
        ("hello\n", "this is no HTTP/1.1 request"),
        (&*cut, "the body is cut off"),
        (&trace.replace("0040: \":\"Smyth\"}}\n", ""), "the trace has a gap after"),
    ] {
        let (ran, _) = explain(captured).await;
        assert_eq!((ran.code, &*ran.stdout), (Some(2), ""), "{ran:?}");
        assert!(ran.stderr.starts_with("explain: ") && ran.stderr.contains(why), "{ran:?}");
    }
    let ran = child::run("explain", &["--key-id", KEY_ID, "no/such/file"]).await;
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("cannot read no/such/file"), "{ran:?}");
    let ran = child::finish(child::command("explain").env_remove("LOGENTRIES_OWNER_API_KEY")).await;
    assert!(ran.code == Some(2) && ran.stderr.contains("LOGENTRIES_OWNER_API_KEY is not set"), "{ran:?}");
}
